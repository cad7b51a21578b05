//! Several processes with one database open, which die at any moment.
//!
//! `MDBX_BUSTLE_ROUNDS` sets how many rounds of killing there are, `MDBX_STORM_VISITS` how often the database is opened
//! and closed in the storm, `MDBX_SEED` what they depend on, though when exactly a process dies is up to the machine.
//! Each says what it did: `cargo test --release --test processes -- --nocapture`.
//!
//! | file | its job |
//! | --- | --- |
//! | `roles` | what the other processes do: the writer, the reader, the visitor |
//! | `puppet` | a process that does what it is told, step by step |
//! | `bustle` | writers and readers, some of which are killed |
//! | `record` | what was acknowledged, and whether it is there |
//! | `storm` | processes that open and close the database all the time |

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod bustle;
#[path = "../chain/mod.rs"]
mod chain;
#[path = "../common/mod.rs"]
mod common;
mod puppet;
mod record;
mod roles;
mod storm;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mdbx_core::{Env, Error, PageSize, Result, SlowReaderAction};
use tempfile::TempDir;

use crate::bustle::Bustle;
use crate::chain::content::Content;
use crate::chain::database::{Plan, Tables, commit_next, inspect_all, prove};
use crate::chain::modes::MODES;
use crate::chain::part::Part;
use crate::chain::process::play;
use crate::common::{Rng, inspect, number_from_env, with_patience};
use crate::puppet::{BUSY, CROWD, OUSTED, Puppet, WRITER_BUSY};

/// Modes that go together, by their places in `MODES`: each alone, and those that commits in the same file can have.
const MIXTURES: [&[usize]; MODES.len() + 2] = [
    &[0],
    &[1],
    &[2],
    &[3],
    &[4],
    &[5],
    &[6],
    &[7],
    &[8],
    &[9],
    &[0, 1, 2],
    &[0, 1, 6, 7],
];

/// Not a test of its own: what the other processes run.
#[test]
fn play_the_part_of_another_process() {
    play(roles::play);
}

/// A database that other processes share with this one.
struct Shared {
    directory: TempDir,
    plan: Plan,
}

impl Shared {
    fn new(page_size: PageSize) -> Shared {
        Shared {
            directory: tempfile::tempdir().unwrap(),
            plan: Plan {
                seed: 3,
                window: 1000,
                page_size,
            },
        }
    }

    fn part(&self, role: &str, id: u64) -> Part {
        Part {
            role: role.to_owned(),
            plan: self.plan,
            mode: 0,
            id,
            path: self.directory.path().join("shared.mdbx"),
        }
    }

    fn open(&self) -> Result<Env> {
        self.part("", 0).open()
    }

    fn puppet(&self, id: u64) -> Puppet {
        Puppet::start(&self.part("puppet", id))
    }

    /// Opens the file alone, and looks at all of it.
    fn inspect(&self) {
        let env = Env::options()
            .exclusive(true)
            .open(self.part("", 0).path)
            .unwrap();
        inspect_all(&env, &self.plan, &mut Content::new(self.plan.seed)).unwrap();
        drop(env);
        inspect(&self.part("", 0).path);
    }
}

#[test]
fn writers_and_readers_that_are_killed_lose_no_commit_and_keep_nobody_waiting() {
    let default = if cfg!(debug_assertions) { 48 } else { 480 };
    let rounds = number_from_env("MDBX_BUSTLE_ROUNDS", default);
    let mut rng = Rng::new(17);
    println!("bustle: {rounds} rounds, MDBX_SEED={}", rng.seed());
    let page_sizes = [PageSize::MIN, PageSize::DEFAULT];
    let files = (MIXTURES.len() * page_sizes.len()) as u64;
    for modes in MIXTURES {
        for page_size in page_sizes {
            let mut bustle = Bustle::new(rng.next(), page_size, modes);
            for _ in 0..rounds.div_ceil(files) {
                with_patience("a round hangs", || bustle.round(&mut rng));
            }
            println!("{}", bustle.end());
        }
    }
}

#[test]
fn processes_that_open_and_close_the_file_at_once_are_in_nobodys_way() {
    storm("visitor", 23);
}

#[test]
fn processes_that_want_the_file_for_themselves_now_and_then_get_it() {
    storm("loner", 29);
}

fn storm(role: &str, seed: u64) {
    let default = if cfg!(debug_assertions) { 100 } else { 400 };
    let visits = number_from_env("MDBX_STORM_VISITS", default);
    let mut rng = Rng::new(seed);
    println!("storm: {visits} visits, MDBX_SEED={}", rng.seed());
    println!("{}", storm::blow(role, &mut rng, visits));
}

#[test]
fn one_process_writes_at_a_time_and_others_wait_or_are_told() -> Result<()> {
    let shared = Shared::new(PageSize::DEFAULT);
    let env = shared.open()?;
    let tables = Tables::create(&env)?;
    let mut puppet = shared.puppet(1);
    puppet.ask("open").unwrap();
    puppet.ask("begin").unwrap();
    assert!(matches!(env.try_write(), Err(Error::WriterBusy)));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            commit_next(&env, &tables, &shared.plan, (0, 1))
                .unwrap()
                .0
                .number
        });
        assert_eq!(puppet.ask("change"), Ok(1));
        assert_eq!(puppet.ask("finish"), Ok(1));
        assert_eq!(
            waiting.join().unwrap(),
            2,
            "it has waited, and seen the other commit"
        );
    });
    let txn = env.write()?;
    assert_eq!(puppet.ask("try-begin"), Err(WRITER_BUSY));
    drop(txn);
    assert_eq!(puppet.ask("commit"), Ok(3));
    puppet.end();
    drop(env);
    shared.inspect();
    Ok(())
}

#[test]
fn a_process_that_is_stopped_keeps_writers_waiting_and_no_reader() -> Result<()> {
    let shared = Shared::new(PageSize::DEFAULT);
    let env = shared.open()?;
    let tables = Tables::create(&env)?;
    commit_next(&env, &tables, &shared.plan, (0, 1))?;
    let mut puppet = shared.puppet(1);
    puppet.ask("open").unwrap();
    puppet.ask("begin").unwrap();
    puppet.ask("change").unwrap();
    puppet.signal("STOP");
    for _ in 0..1000 {
        let txn = env.read()?;
        assert_eq!(prove(&txn, &tables, &shared.plan)?.last.number, 1);
    }
    assert!(matches!(env.try_write(), Err(Error::WriterBusy)));
    puppet.signal("CONT");
    assert_eq!(puppet.ask("finish"), Ok(2));
    assert_eq!(prove(&env.read()?, &tables, &shared.plan)?.last.number, 2);
    puppet.end();
    drop(env);
    shared.inspect();
    Ok(())
}

#[test]
fn a_parked_reader_of_another_process_loses_its_snapshot_before_the_file_grows() -> Result<()> {
    let shared = Shared::new(PageSize::MIN);
    let env = shared.open()?;
    let tables = Tables::create(&env)?;
    let mut puppet = shared.puppet(1);
    puppet.ask("open").unwrap();
    puppet.ask("read").unwrap();
    puppet.ask("park").unwrap();
    assert_eq!(puppet.ask("unpark"), Ok(0), "nobody needed the room");
    puppet.ask("park").unwrap();
    for count in 1..300 {
        commit_next(&env, &tables, &shared.plan, (0, count))?;
    }
    assert_eq!(puppet.ask("unpark"), Err(OUSTED));
    assert_eq!(puppet.ask("read"), Ok(299));
    puppet.end();
    drop(env);
    shared.inspect();
    Ok(())
}

#[test]
fn a_handler_of_slow_readers_is_told_of_another_process_and_may_kill_it() -> Result<()> {
    let shared = Shared::new(PageSize::MIN);
    let mut puppet = shared.puppet(1);
    puppet.ask("open").unwrap();
    puppet.ask("commit").unwrap();
    puppet.ask("read").unwrap();
    let env = shared.open()?;
    let tables = Tables::create(&env)?;
    let told = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&told);
    env.set_slow_reader_handler(Some(move |slow: &mdbx_core::SlowReader| {
        if slow.is_over {
            return SlowReaderAction::GiveUp;
        }
        assert!(slow.retries < 1000, "the dead reader is still there");
        if slow.retries == 0 {
            seen.store(u64::from(slow.reader.process), Ordering::Relaxed);
            puppet::signal(slow.reader.process, "KILL");
        }
        std::thread::sleep(std::time::Duration::from_millis(1)); // while it dies
        SlowReaderAction::Retry
    }));
    for count in 1..300 {
        commit_next(&env, &tables, &shared.plan, (0, count))?;
    }
    assert_eq!(told.load(Ordering::Relaxed), u64::from(puppet.id()));
    assert_eq!(env.readers()?, []);
    drop((puppet, env));
    shared.inspect();
    Ok(())
}

#[test]
fn the_places_of_dead_readers_are_given_away_when_no_others_are_free() -> Result<()> {
    let shared = Shared::new(PageSize::DEFAULT);
    let env = shared.open()?;
    for round in 1..6 {
        let mut puppet = shared.puppet(round);
        puppet.ask("open").unwrap();
        puppet.ask("crowd").unwrap();
        let own: Vec<_> = (0..CROWD).map_while(|_| env.read().ok()).collect();
        assert!(own.len() < CROWD, "there is no room for both");
        puppet.kill();
        let more: Vec<_> = (0..CROWD).map(|_| env.read()).collect::<Result<_>>()?;
        drop((own, more));
        assert_eq!(env.info()?.reader_slots, 0);
    }
    Ok(())
}

/// It takes part as long as it need not wait for its turn to write: the C library does not find the holder of a mutex
/// in another namespace.
#[test]
fn a_process_of_another_pid_namespace_takes_part_unless_its_number_is_taken() -> Result<()> {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["-Urpf", "--kill-child"]);
        command
    };
    if !unshare().arg("true").status().is_ok_and(|it| it.success()) {
        println!("left out: no other namespace can be made here");
        return Ok(());
    }
    let shared = Shared::new(PageSize::DEFAULT);
    let env = shared.open()?;
    let tables = Tables::create(&env)?;
    commit_next(&env, &tables, &shared.plan, (0, 1))?;
    let mut puppet = Puppet::start_with(unshare(), &shared.part("puppet", 1));
    puppet.ask("open").unwrap();
    assert_eq!(puppet.ask("read"), Ok(1));
    assert_eq!(puppet.ask("commit"), Ok(2));
    let readers = env.readers()?;
    assert_eq!((readers.len(), readers[0].process), (1, 1), "{readers:?}");
    assert_eq!(env.clear_dead_readers()?, 0, "it is known to live");
    let mut other = Puppet::start_with(unshare(), &shared.part("puppet", 2));
    assert_eq!(other.ask("open"), Err(BUSY), "it has the same number");
    puppet.end();
    other.end();
    drop(env);
    shared.inspect();
    Ok(())
}
