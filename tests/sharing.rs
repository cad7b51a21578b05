//! Several processes on one file. The other processes are this test program, started again with a task to do.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use common::assert_sound;
use mdbx_core::{
    Env, EnvOptions, Error, Geometry, LockVersion, PageSize, Result, SlowReaderAction, Table,
};

/// What a child process is to do, and with which file.
const TASK: &str = "MDBX_TEST_SHARING_TASK";
const FILE: &str = "MDBX_TEST_SHARING_FILE";

/// Small pages, so that a few commits make the file longer; and it gets shorter again soon.
fn options() -> EnvOptions {
    let geometry = Geometry::default()
        .page_size(PageSize::MIN)
        .lower(1 << 14)
        .upper(1 << 24)
        .growth_step(1 << 14)
        .shrink_threshold(1 << 15);
    Env::options().geometry(geometry)
}

/// A directory with the name of a database in it.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("shared.mdbx")
    }

    fn lock(&self) -> PathBuf {
        self.directory.path().join("shared.mdbx-lck")
    }

    fn open(&self) -> Result<Env> {
        options().open(self.data())
    }

    fn lock_len(&self) -> u64 {
        std::fs::metadata(self.lock()).unwrap().len()
    }

    /// Starts a process with a task, and waits until it says that it is ready.
    fn start(&self, task: &str) -> Other {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_child_process_does_its_task", "--nocapture"])
            .env(TASK, task)
            .env(FILE, self.data())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let input = child.stdin.take();
        let mut other = Other {
            child,
            input,
            output,
        };
        other.hear("ready");
        other
    }
}

/// Another process. It goes on when it is told to, and ends when it is let go.
struct Other {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Other {
    fn tell_to_go_on(&mut self) {
        writeln!(self.input.as_mut().unwrap(), "go on").unwrap();
    }

    /// Waits until the process says `what`; returns what it says about it.
    fn hear(&mut self, what: &str) -> String {
        let mut lines = self
            .output
            .by_ref()
            .lines()
            .map(std::result::Result::unwrap);
        let heard = lines.find_map(|line| line.strip_prefix(what).map(str::to_owned));
        heard.unwrap_or_else(|| panic!("the other process ended without saying {what}"))
    }

    fn end(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().unwrap().success());
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn say(what: &str) {
    println!("\n{what}");
    std::io::stdout().flush().unwrap();
}

/// Waits until the parent tells to go on, or lets go.
fn wait() {
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

/// Not a test of its own: what the child processes of the others run.
#[test]
fn a_child_process_does_its_task() {
    let (Ok(task), Some(path)) = (std::env::var(TASK), std::env::var_os(FILE)) else {
        return;
    };
    run(&task, Path::new(&path)).unwrap();
}

fn run(task: &str, path: &Path) -> Result<()> {
    let env = match task {
        "hold alone" => options().exclusive(true).open(path)?,
        "spill" => spilling().open(path)?,
        "hold with version 6" => options().lock_version(LockVersion::V6).open(path)?,
        _ => options().open(path)?,
    };
    match task {
        "count" => {
            say("ready");
            wait();
            count(&env, ROUNDS)?;
        }
        "read" => {
            let txn = env.read()?;
            let before = contents(&txn);
            say("ready");
            wait();
            assert_sound(&txn);
            assert_eq!(contents(&txn), before);
            drop(txn);
            say("the same");
            wait();
            assert_sound(&env.read()?);
        }
        "write" => {
            let mut txn = env.write()?;
            for round in 0..2000_u32 {
                txn.put(Table::MAIN, &round.to_be_bytes(), &[7; 50])?;
            }
            say("ready");
            wait();
            txn.commit()?;
        }
        "forget and go on" => {
            say("ready");
            wait();
            std::mem::forget(env.write()?);
            assert!(matches!(env.write(), Err(Error::WriterBusy)));
            drop(env);
            assert!(matches!(
                options().open(path),
                Err(Error::AlreadyOpen { .. })
            ));
            // Whose lock file could come to lie where that of the other was.
            fill(&Place::new().open()?, 0..10)?;
            say("done");
            wait();
        }
        "forget" => {
            say("ready");
            wait();
            let thread = std::thread::spawn(move || std::mem::forget(env.write().unwrap()));
            thread.join().unwrap();
        }
        "spill" => {
            for round in ["ready", "done", "done again"] {
                if round != "ready" {
                    spill_and_give_up(&env, 3000)?;
                }
                say(round);
                wait();
            }
        }
        "grow" | "shrink" => {
            say("ready");
            wait();
            if task == "grow" {
                fill(&env, 0..2000)?;
            } else {
                clear(&env)?;
            }
            say("done");
            wait();
        }
        _ => {
            say("ready");
            wait();
        }
    }
    Ok(())
}

/// Pages are written early, and through a mapping, which would end the process where the file has no room for them.
fn spilling() -> EnvOptions {
    options().write_map(true).dirty_limit(1 << 14)
}

/// Makes the file longer in a transaction that comes to nothing.
fn spill_and_give_up(env: &Env, items: u32) -> Result<()> {
    let mut txn = env.write()?;
    for number in 0..items {
        txn.put(Table::MAIN, &number.to_be_bytes(), &[5; 50])?;
    }
    txn.abort();
    Ok(())
}

const ROUNDS: u64 = 150;

/// Adds one to the number behind a key, in a transaction each time.
fn count(env: &Env, rounds: u64) -> Result<()> {
    for _ in 0..rounds {
        let mut txn = env.write()?;
        let number = number(txn.get(Table::MAIN, b"number")?) + 1;
        txn.put(Table::MAIN, b"number", &number.to_be_bytes())?;
        txn.commit()?;
        let seen = env.read()?;
        assert!(self::number(seen.get(Table::MAIN, b"number")?) >= number);
    }
    Ok(())
}

fn number(value: Option<&[u8]>) -> u64 {
    value.map_or(0, |value| u64::from_be_bytes(value.try_into().unwrap()))
}

fn contents(txn: &mdbx_core::ReadTxn<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    common::items(&txn.table(Table::MAIN).unwrap()).unwrap()
}

fn fill(env: &Env, keys: std::ops::Range<u32>) -> Result<()> {
    let mut txn = env.write()?;
    for key in keys {
        txn.put(Table::MAIN, &key.to_be_bytes(), &[key.to_le_bytes()[0]; 50])?;
    }
    txn.commit()?;
    Ok(())
}

/// Deletes everything, and commits until the file has become short.
fn clear(env: &Env) -> Result<()> {
    let mut txn = env.write()?;
    txn.clear(Table::MAIN)?;
    txn.commit()?;
    for round in 0..40_u32 {
        let mut txn = env.write()?;
        txn.put(Table::MAIN, b"round", &round.to_be_bytes())?;
        txn.commit()?;
    }
    Ok(())
}

#[test]
fn processes_that_count_at_the_same_time_lose_no_update() -> Result<()> {
    let place = Place::new();
    let env = place.open()?;
    let mut others = [(); 2].map(|()| place.start("count"));
    for other in &mut others {
        other.tell_to_go_on();
    }
    count(&env, ROUNDS)?;
    for other in others {
        other.end();
    }
    let txn = env.read()?;
    assert_eq!(number(txn.get(Table::MAIN, b"number")?), 3 * ROUNDS);
    assert_sound(&txn);
    Ok(())
}

#[test]
fn a_snapshot_in_one_process_stays_whole_whatever_another_commits() -> Result<()> {
    let place = Place::new();
    let env = place.open()?;
    fill(&env, 0..500)?;
    let mut other = place.start("read");
    let readers = env.readers()?;
    assert_eq!(readers.len(), 1);
    assert_eq!(readers[0].process, other.child.id());
    for round in 0..100 {
        fill(&env, round..round + 50)?;
    }
    assert!(env.readers()?[0].lag >= 100);
    assert!(env.readers()?[0].bytes_retained > 0);
    other.tell_to_go_on();
    other.hear("the same");
    assert!(env.readers()?.is_empty());
    other.end();
    Ok(())
}

#[test]
fn a_writer_that_is_killed_leaves_its_turn_and_no_trace() -> Result<()> {
    let place = Place::new();
    let env = place.open()?;
    fill(&env, 0..100)?;
    let before = contents(&env.read()?);
    let other = place.start("write");
    assert!(matches!(env.try_write(), Err(Error::WriterBusy)));
    other.kill();
    assert_eq!(contents(&env.read()?), before);
    for _ in 0..2 {
        fill(&env, 100..200)?;
    }
    assert_eq!(env.read()?.table(Table::MAIN)?.len(), 200);
    assert_sound(&env.read()?);
    Ok(())
}

#[test]
fn a_writer_that_waits_gets_the_turn_of_one_that_is_killed() -> Result<()> {
    let place = Place::new();
    let env = place.open()?;
    let other = place.start("write");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| fill(&env, 0..10));
        std::thread::sleep(std::time::Duration::from_millis(20));
        other.kill();
        waiting.join().unwrap()
    })?;
    assert_eq!(env.read()?.table(Table::MAIN)?.len(), 10);
    Ok(())
}

#[test]
fn a_reader_that_is_killed_holds_nothing_back() -> Result<()> {
    let place = Place::new();
    let env = place.open()?;
    fill(&env, 0..100)?;
    let other = place.start("read");
    assert_eq!(env.clear_dead_readers()?, 0);
    other.kill();
    assert_eq!(env.readers()?.len(), 1, "nobody has looked yet");
    assert_eq!(env.clear_dead_readers()?, 1);
    assert!(env.readers()?.is_empty());

    // A writer that needs room looks by itself, before it asks about the living.
    let other = place.start("read");
    let alive = place.start("read");
    other.kill();
    let alive_id = alive.child.id();
    env.set_slow_reader_handler(Some(move |slow: &mdbx_core::SlowReader| {
        assert_eq!(slow.reader.process, alive_id);
        SlowReaderAction::GiveUp
    }));
    for round in 0..50 {
        fill(&env, round..round + 500)?;
    }
    assert_eq!(env.readers()?.len(), 1);
    alive.end();
    Ok(())
}

#[test]
fn the_last_to_close_empties_the_lock_file() -> Result<()> {
    let place = Place::new();
    let env = place.open()?;
    fill(&env, 0..10)?;
    drop(env.read()?);
    let other = place.start("hold");
    drop(env);
    assert!(place.lock_len() > 0, "the other one has it");
    let env = place.open()?;
    assert_eq!(env.read()?.table(Table::MAIN)?.len(), 10);
    other.end();
    assert!(place.lock_len() > 0, "we have it");
    assert_eq!(env.read()?.table(Table::MAIN)?.len(), 10);
    drop(env);
    assert_eq!(place.lock_len(), 0);
    let other = place.start("hold");
    other.kill();
    assert!(place.lock_len() > 0);
    drop(place.open()?);
    assert_eq!(place.lock_len(), 0, "what a dead process left is made anew");
    Ok(())
}

#[test]
fn who_has_a_file_for_itself_refuses_others_and_is_refused() -> Result<()> {
    let place = Place::new();
    let other = place.start("hold alone");
    for options in [
        options(),
        options().read_only(true),
        options().exclusive(true),
    ] {
        let refused = options.open(place.data());
        assert!(matches!(refused, Err(Error::Busy { path }) if path == place.data()));
    }
    other.end();
    let other = place.start("hold");
    let refused = options().exclusive(true).open(place.data());
    assert!(matches!(refused, Err(Error::Busy { .. })));
    drop(place.open()?);
    other.end();
    options().exclusive(true).open(place.data())?;
    Ok(())
}

#[test]
fn a_process_that_only_reads_joins_others_and_is_joined() -> Result<()> {
    let place = Place::new();
    let other = place.start("hold");
    let reading = options().read_only(true).open(place.data())?;
    assert!(matches!(reading.write(), Err(Error::ReadOnly)));
    assert!(reading.read()?.table(Table::MAIN)?.is_empty());
    other.end();
    let mut writing = place.start("grow");
    writing.tell_to_go_on();
    writing.hear("done");
    assert_eq!(reading.read()?.table(Table::MAIN)?.len(), 2000);
    writing.end();
    Ok(())
}

#[test]
fn what_another_process_made_longer_or_shorter_is_read_and_written() -> Result<()> {
    let place = Place::new();
    let env = place.open()?;
    fill(&env, 0..10)?;
    for _ in 0..3 {
        let before = env.info()?.file_len;
        let mut other = place.start("grow");
        other.tell_to_go_on();
        other.hear("done");
        assert!(env.read()?.table(Table::MAIN)?.len() >= 2000);
        assert!(env.info()?.file_len > before);
        fill(&env, 2000..2010)?;
        other.end();

        let mut other = place.start("shrink");
        other.tell_to_go_on();
        other.hear("done");
        let len = std::fs::metadata(place.data()).unwrap().len();
        assert!(len < 1 << 17, "{len}");
        assert_sound(&env.read()?);
        fill(&env, 0..10)?;
        assert_sound(&env.read()?);
        assert_eq!(
            env.info()?.file_len,
            std::fs::metadata(place.data()).unwrap().len()
        );
        other.end();
    }
    Ok(())
}

#[test]
fn a_file_is_not_cut_below_what_another_process_reads() -> Result<()> {
    let place = Place::new();
    let env = place.open()?;
    fill(&env, 0..2000)?;
    let used = env.info()?.allocated_pages;
    let mut other = place.start("read");
    clear(&env)?;
    let page_size = env.info()?.page_size.bytes() as u64;
    assert!(env.info()?.file_len >= u64::from(used) * page_size);
    other.tell_to_go_on();
    other.hear("the same");
    clear(&env)?;
    assert!(env.info()?.file_len < u64::from(used) * page_size);
    other.end();
    Ok(())
}

#[test]
fn who_joins_uses_the_version_of_lock_file_that_is_there() -> Result<()> {
    let place = Place::new();
    let mut other = place.start("hold with version 6");
    let env = place.open()?;
    assert_eq!(env.info()?.max_readers, 112);
    fill(&env, 0..10)?;
    other.tell_to_go_on();
    other.end();
    assert_eq!(env.read()?.table(Table::MAIN)?.len(), 10);
    Ok(())
}

/// Changes some bytes of the lock file, opens the database, and changes them back.
fn open_with_changed_lock_file(
    place: &Place,
    at: u64,
    bytes: &[u8],
    options: EnvOptions,
) -> Result<Env> {
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(place.lock())
        .unwrap();
    let mut before = vec![0; bytes.len()];
    file.read_exact_at(&mut before, at).unwrap();
    file.write_all_at(bytes, at).unwrap();
    let changed = std::fs::read(place.lock()).unwrap();
    let opened = options.open(place.data());
    assert!(
        opened.is_ok() || std::fs::read(place.lock()).unwrap() == changed,
        "it is untouched"
    );
    file.write_all_at(&before, at).unwrap();
    opened
}

#[test]
fn a_lock_file_in_use_that_is_not_known_is_refused_and_left_alone() -> Result<()> {
    let place = Place::new();
    let other = place.start("hold");
    for version in [5, 8] {
        let refused = open_with_changed_lock_file(&place, 0, &[version], options());
        assert!(
            matches!(&refused, Err(Error::LockVersion { path, found }) if *path == place.lock() && *found == version),
            "{refused:?}"
        );
    }
    for at in [1, 8] {
        let refused = open_with_changed_lock_file(&place, at, &[77], options());
        assert!(
            matches!(&refused, Err(Error::LockFile { .. })),
            "{refused:?}"
        );
    }
    drop(place.open()?);
    other.end();
    Ok(())
}

#[test]
fn other_modes_in_use_are_refused_unless_one_accedes() -> Result<()> {
    const SAFE_NO_SYNC: [u8; 4] = [0, 0, 1, 0];
    let place = Place::new();
    let other = place.start("hold");
    let refused = open_with_changed_lock_file(&place, 12, &SAFE_NO_SYNC, options());
    assert!(
        matches!(&refused, Err(Error::IncompatibleModes { .. })),
        "{refused:?}"
    );
    open_with_changed_lock_file(&place, 12, &SAFE_NO_SYNC, options().accede(true))?;
    open_with_changed_lock_file(&place, 12, &SAFE_NO_SYNC, options().read_only(true))?;
    other.end();
    Ok(())
}

#[test]
fn openers_that_come_at_the_same_time_all_get_in() -> Result<()> {
    for _ in 0..5 {
        let place = Place::new();
        std::thread::scope(|scope| {
            let started: Vec<_> = (0..5)
                .map(|_| scope.spawn(|| place.start("count")))
                .collect();
            for started in started {
                let mut other = started.join().unwrap();
                other.tell_to_go_on();
                other.end();
            }
        });
        assert_eq!(place.lock_len(), 0);
        let env = place.open()?;
        let txn = env.read()?;
        assert_eq!(number(txn.get(Table::MAIN, b"number")?), 5 * ROUNDS);
        assert_sound(&txn);
    }
    Ok(())
}

#[test]
fn a_thread_that_ends_with_a_forgotten_write_transaction_ends_its_process() -> Result<()> {
    let place = Place::new();
    let env = place.open()?;
    fill(&env, 0..10)?;
    let mut other = place.start("forget");
    other.tell_to_go_on();
    drop(other.input.take());
    let status = other.child.wait().unwrap();
    assert_eq!(status.signal(), Some(6), "it aborts");
    fill(&env, 0..20)
}

#[test]
fn a_write_transaction_that_is_forgotten_keeps_the_file_open_and_hurts_nobody() -> Result<()> {
    let place = Place::new();
    fill(&place.open()?, 0..10)?;
    let mut other = place.start("forget and go on");
    other.tell_to_go_on();
    other.hear("done");
    other.kill();
    fill(&place.open()?, 0..20)
}

#[test]
fn a_file_that_one_process_has_made_longer_is_made_shorter_by_no_other() -> Result<()> {
    let place = Place::new();
    let env = spilling().open(place.data())?;
    fill(&env, 0..10)?;
    let len = || std::fs::metadata(place.data()).unwrap().len();
    let mut other = place.start("spill");
    spill_and_give_up(&env, 1)?; // both know how long the file is
    other.tell_to_go_on();
    other.hear("done");
    let longest = len();
    spill_and_give_up(&env, 1000)?; // longer than we knew it, not than it is
    assert_eq!(len(), longest);
    other.tell_to_go_on();
    other.hear("done again");
    other.end();
    assert_sound(&env.read()?);
    Ok(())
}
