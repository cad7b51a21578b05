//! Many threads at once: readers of every way of life against writers who commit, resize the file and take snapshots
//! away.
//!
//! `MDBX_STRESS_COMMITS` sets how many commits are made while the readers go on. Under `ThreadSanitizer`, which sees two
//! threads touch the same memory in no order, it runs so, with a nightly toolchain and its `rust-src`:
//!
//! ```text
//! RUSTFLAGS=-Zsanitizer=thread cargo +nightly test -Zbuild-std --target x86_64-unknown-linux-gnu \
//!     --test stress -- --nocapture --test-threads 1
//! ```
//!
//! It has found nothing there: neither here nor in the tests `readers` and `group_commit`. What it cannot see is the file
//! itself, which is written through the system or another mapping than the one that is read; that is what the sums in
//! the snapshots are for.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod chain;
mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use chain::content::Content;
use chain::database::{Plan, Tables, change_next, inspect_all, other_steps, prove};
use common::{Rng, TempEnv, number_from_env, with_patience};
use mdbx_core::{
    Durability, Env, EnvOptions, Error, PageSize, ParkedTxn, ReadTxn, ResetTxn, Result,
    SlowReaderAction, Txnid,
};

/// How many threads read.
const READERS: u64 = 5;

/// What the threads share.
struct Scene<'env> {
    env: &'env Env,
    tables: Tables,
    plan: Plan,
    is_over: AtomicBool,
    tally: Tally,
}

/// How often what was done.
#[derive(Default, Debug)]
struct Tally {
    commits: AtomicU64,
    resizes: AtomicU64,
    snapshots_proved: AtomicU64,
    moves: AtomicU64,
    ousted: AtomicU64,
    handed_on: AtomicU64,
    lists: AtomicU64,
}

fn count(what: &AtomicU64) {
    what.fetch_add(1, Ordering::Relaxed);
}

/// What a thread holds between two looks.
enum Life<'env> {
    Reading(ReadTxn<'env>),
    Reset(ResetTxn<'env>),
    Parked(ParkedTxn<'env>),
}

#[test]
fn readers_in_many_threads_see_whole_snapshots_whatever_writers_do() -> Result<()> {
    stress(|options| options)
}

#[test]
fn readers_see_whole_snapshots_of_what_is_written_through_a_map_and_not_synced() -> Result<()> {
    stress(|options| options.durability(Durability::SafeNoSync).write_map(true))
}

fn stress(mode: impl Fn(EnvOptions) -> EnvOptions) -> Result<()> {
    let plan = Plan {
        seed: 5,
        window: 300,
        page_size: PageSize::MIN,
    };
    let options = plan.options().slow_reader_handler(|slow| {
        thread::yield_now();
        if slow.retries < 3 {
            SlowReaderAction::Retry
        } else {
            SlowReaderAction::GiveUp
        }
    });
    let env = TempEnv::with(mode(options));
    let scene = Scene {
        tables: Tables::create(&env)?,
        env: &env,
        plan,
        is_over: AtomicBool::new(false),
        tally: Tally::default(),
    };
    with_patience("threads wait for each other", || play(&scene));
    println!("{:?}", scene.tally);
    inspect_all(&env, &plan, &mut Content::new(plan.seed))?;
    assert_eq!(env.readers()?, []);
    assert_eq!(env.info()?.reader_slots, 0);
    Ok(())
}

/// Has everyone do what they do until so many commits are made.
fn play(scene: &Scene<'_>) {
    let default = if cfg!(debug_assertions) { 400 } else { 2000 };
    let commits = number_from_env("MDBX_STRESS_COMMITS", default);
    let seed = Rng::new(11).seed();
    let (give, take) = sync_channel(4);
    thread::scope(|scope| {
        let writers: Vec<_> = (1..3)
            .map(|writer| scope.spawn(move || write(scene, writer, commits / 2, seed).unwrap()))
            .collect();
        let mut others = vec![
            scope.spawn(move || inherit(scene, &take)),
            scope.spawn(|| watch(scene).unwrap()),
        ];
        for reader in 0..READERS {
            let give = give.clone();
            others.push(scope.spawn(move || read(scene, seed + 10 + reader, &give).unwrap()));
        }
        drop(give);
        for writer in writers {
            writer.join().unwrap();
        }
        scene.is_over.store(true, Ordering::Relaxed);
        for other in others {
            other.join().unwrap();
        }
    });
}

/// Makes so many commits, each in one of several ways.
fn write(scene: &Scene<'_>, writer: u64, commits: u64, seed: u64) -> Result<()> {
    let mut rng = Rng::with_seed(seed + writer);
    let Scene {
        env, tables, plan, ..
    } = scene;
    let mut number = 0;
    while number < commits {
        if rng.once_in(60) {
            let upper = (1 << 26) - (rng.below(1 << 20) as u64);
            env.resize(other_steps(&mut rng).upper(upper))?;
            count(&scene.tally.resizes);
        }
        let mut txn = match env.try_write() {
            Err(Error::WriterBusy) => env.write()?,
            txn => txn?,
        };
        if rng.once_in(40) {
            drop(txn);
            env.sync()?;
            continue;
        }
        if rng.once_in(10) {
            change_next(&mut txn, tables, plan, (writer, number + 1))?;
            txn.rollback()?;
        }
        number += 1;
        let link = change_next(&mut txn, tables, plan, (writer, number))?;
        match rng.below(4) {
            0 => {
                let txn = txn.commit_and_read()?;
                let proof = prove(&txn, tables, plan)?;
                assert_eq!(proof.last, link, "the very commit is read");
            }
            1 => {
                txn.checkpoint()?;
                number += 1;
                change_next(&mut txn, tables, plan, (writer, number))?;
                txn.commit()?;
                count(&scene.tally.commits);
            }
            _ => {
                txn.commit()?;
            }
        }
        count(&scene.tally.commits);
    }
    Ok(())
}

/// Reads until all is over, and holds on to snapshots in every way in between.
fn read<'env>(
    scene: &Scene<'env>,
    seed: u64,
    give: &SyncSender<(ReadTxn<'env>, u64)>,
) -> Result<()> {
    let mut rng = Rng::with_seed(seed);
    let mut life = Life::Reading(scene.env.read()?);
    let mut newest = Txnid(0);
    while !scene.is_over.load(Ordering::Relaxed) {
        count(&scene.tally.moves);
        let txn = awake(scene, life, &mut rng)?;
        assert!(txn.id() >= newest, "time does not go back");
        newest = txn.id();
        let number = look(scene, &txn, &mut rng)?;
        if rng.once_in(8)
            && let Some(number) = number
            && give.try_send((txn.try_clone()?, number)).is_ok()
        {
            count(&scene.tally.handed_on);
        }
        life = settle(txn, &mut rng)?;
    }
    Ok(())
}

/// Goes on reading, with the same snapshot or a newer one.
fn awake<'env>(scene: &Scene<'env>, life: Life<'env>, rng: &mut Rng) -> Result<ReadTxn<'env>> {
    match life {
        Life::Reading(mut txn) => match rng.below(4) {
            0 => Ok(txn),
            1 => {
                txn.refresh()?;
                Ok(txn)
            }
            2 => {
                drop(txn);
                scene.env.read_owned()
            }
            _ => {
                drop(txn);
                scene.env.prepare_read()?.renew()
            }
        },
        Life::Reset(reset) => reset.renew(),
        Life::Parked(mut parked) => {
            let is_there = parked.read(|txn| look(scene, txn, rng).map(drop));
            match is_there {
                Ok(looked) => looked?,
                Err(Error::Ousted { .. }) => count(&scene.tally.ousted),
                Err(error) => return Err(error),
            }
            parked.unpark_or_renew()
        }
    }
}

/// Stops reading, or not.
fn settle<'env>(txn: ReadTxn<'env>, rng: &mut Rng) -> Result<Life<'env>> {
    Ok(match rng.below(5) {
        0 => Life::Reset(txn.reset()),
        1 | 2 => {
            let parked = txn.park();
            thread::sleep(Duration::from_micros(rng.below(2000) as u64));
            Life::Parked(parked)
        }
        3 => {
            // The clone takes over.
            let clone = txn.try_clone()?;
            assert_eq!(clone.id(), txn.id());
            Life::Reading(clone)
        }
        _ => Life::Reading(txn),
    })
}

/// Proves the snapshot, one time in three. Returns the number of its last commit then.
fn look(scene: &Scene<'_>, txn: &ReadTxn<'_>, rng: &mut Rng) -> Result<Option<u64>> {
    if !rng.once_in(3) {
        return Ok(None);
    }
    let proof = prove(txn, &scene.tables, &scene.plan)?;
    count(&scene.tally.snapshots_proved);
    Ok(Some(proof.last.number))
}

/// Reads on with the snapshots of others, as long as there are any.
fn inherit(scene: &Scene<'_>, take: &Receiver<(ReadTxn<'_>, u64)>) {
    for (txn, number) in take {
        let proof = prove(&txn, &scene.tables, &scene.plan).unwrap();
        assert_eq!(proof.last.number, number, "it is the same snapshot");
        count(&scene.tally.snapshots_proved);
    }
}

/// Looks at the list of readers and the state of the file.
fn watch(scene: &Scene<'_>) -> Result<()> {
    while !scene.is_over.load(Ordering::Relaxed) {
        let info = scene.env.info()?;
        assert!(info.reader_slots <= info.max_readers);
        assert!(scene.env.readers()?.len() <= info.max_readers);
        count(&scene.tally.lists);
        thread::yield_now();
    }
    Ok(())
}
