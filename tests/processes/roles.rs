//! What the other processes do.

use std::sync::mpsc::Receiver;
use std::thread::sleep;
use std::time::Duration;

use mdbx_core::{Env, Error, ReadTxn, Result};

use crate::chain::database::{Tables, change_next, other_steps, prove};
use crate::chain::link::Link;
use crate::chain::part::Part;
use crate::chain::process::{is_to_end, tell};
use crate::common::Rng;
use crate::puppet;

/// The test that plays parts.
pub(crate) const ENTRY: &str = "play_the_part_of_another_process";

/// The file is open and proved; the number of the last commit in it.
pub(crate) const OPENED: u64 = 1;
/// A commit has returned; its number.
pub(crate) const COMMITTED: u64 = 2;
/// A snapshot is proved; the number of its last commit.
pub(crate) const SAW: u64 = 3;

/// How often a visitor comes.
pub(crate) const VISITS: u64 = 10;

/// Plays the part that the line `text` describes.
pub(crate) fn play(text: &str, words: &Receiver<String>) {
    let part = Part::from_text(text).unwrap();
    match part.role.as_str() {
        "writer" => write(&part).unwrap(),
        "reader" => read(&part).unwrap(),
        "visitor" => visit(&part).unwrap(),
        "loner" => visit_alone(&part).unwrap(),
        "puppet" => puppet::obey(&part, words),
        other => panic!("there is no {other}"),
    }
}

fn open(part: &Part) -> Result<(Env, Tables)> {
    enter(part, part.open()?)
}

/// Proves a database that was just opened.
fn enter(part: &Part, env: Env) -> Result<(Env, Tables)> {
    let tables = Tables::create(&env)?;
    let last = prove(&env.read()?, &tables, &part.plan)?.last;
    tell((OPENED, last.number));
    Ok((env, tables))
}

/// Waits for up to so many microseconds, or not at all.
fn dawdle(rng: &mut Rng, once_in: usize, most: usize) {
    if rng.once_in(once_in) {
        sleep(Duration::from_micros(rng.below(most) as u64));
    }
}

/// Commits until it is asked to end.
fn write(part: &Part) -> Result<()> {
    let (env, tables) = open(part)?;
    let mut rng = Rng::with_seed(part.id);
    let mut count = 0;
    while !is_to_end() {
        count += 1;
        commit(&env, &tables, part, count, &mut rng)?;
        if rng.once_in(40) {
            env.resize(other_steps(&mut rng))?;
        }
        dawdle(&mut rng, 2, 500);
    }
    Ok(())
}

/// Makes the next commit, with pauses in which others can run into it, or the process can be killed.
fn commit(env: &Env, tables: &Tables, part: &Part, count: u64, rng: &mut Rng) -> Result<()> {
    let who = (part.id, count);
    let mut txn = env.write()?;
    dawdle(rng, 8, 1000);
    if rng.once_in(12) {
        change_next(&mut txn, tables, &part.plan, who)?;
        dawdle(rng, 4, 1000);
        txn.rollback()?;
    }
    let reader = rng.once_in(4).then(|| env.read()).transpose()?;
    let link = change_next(&mut txn, tables, &part.plan, who)?;
    dawdle(rng, 8, 1000);
    txn.commit()?;
    tell((COMMITTED, link.number));
    if let Some(reader) = reader {
        let before = prove(&reader, tables, &part.plan)?.last;
        assert_eq!(
            before.number + 1,
            link.number,
            "the base of the writer is the newest snapshot"
        );
    }
    Ok(())
}

/// Proves one snapshot after the other, and keeps some for a while, until it is asked to end.
fn read(part: &Part) -> Result<()> {
    let (env, tables) = open(part)?;
    let mut rng = Rng::with_seed(part.id);
    let mut held: Vec<(ReadTxn<'_>, Link)> = Vec::new();
    while !is_to_end() {
        if rng.once_in(10) {
            env.clear_dead_readers()?;
            let (info, readers) = (env.info()?, env.readers()?);
            assert!(readers.len() <= info.max_readers);
        }
        if rng.once_in(3) {
            // More than a process keeps places for, so that they are taken and given back.
            let many: Result<Vec<_>> = (0..12).map(|_| env.read()).collect();
            drop(many?);
        }
        let txn = env.read()?;
        let last = prove(&txn, &tables, &part.plan)?.last;
        tell((SAW, last.number));
        let txn = if rng.once_in(4) {
            let parked = txn.park();
            dawdle(&mut rng, 1, 3000);
            let txn = parked.unpark_or_renew()?;
            let now = prove(&txn, &tables, &part.plan)?.last;
            assert!(now.number >= last.number);
            assert!(now.number > last.number || now == last, "a snapshot stays");
            txn
        } else {
            dawdle(&mut rng, 3, 3000);
            txn
        };
        if held.len() < 3 && rng.once_in(4) {
            let last = prove(&txn, &tables, &part.plan)?.last;
            held.push((txn, last));
        }
        if !held.is_empty() && rng.once_in(5) {
            let at = rng.below(held.len());
            let (txn, then) = held.swap_remove(at);
            let now = prove(&txn, &tables, &part.plan)?.last;
            assert_eq!(now, then, "a snapshot stays as it was");
        }
    }
    Ok(())
}

/// Opens the database, looks and commits, and closes it, several times.
fn visit(part: &Part) -> Result<()> {
    let mut rng = Rng::with_seed(part.id);
    for count in 1..=VISITS {
        stay(open(part)?, part, count, &mut rng)?;
        dawdle(&mut rng, 4, 2000);
    }
    Ok(())
}

/// As a visitor, but wants to be alone every second time, and comes back if others are there.
fn visit_alone(part: &Part) -> Result<()> {
    let mut rng = Rng::with_seed(part.id);
    for count in 1..=VISITS {
        let options = part.options().exclusive(rng.once_in(2));
        let env = patiently(|| options.clone().open(&part.path))?;
        stay(enter(part, env)?, part, count, &mut rng)?;
        dawdle(&mut rng, 1, 2000);
    }
    Ok(())
}

fn stay((env, tables): (Env, Tables), part: &Part, count: u64, rng: &mut Rng) -> Result<()> {
    let reader = env.read()?;
    let before = prove(&reader, &tables, &part.plan)?.last;
    commit(&env, &tables, part, count, rng)?;
    let still = prove(&reader, &tables, &part.plan)?.last;
    assert_eq!(before, still, "a snapshot stays as it was");
    Ok(())
}

/// Opens the database as soon as nobody has it for himself.
pub(crate) fn patiently(open: impl Fn() -> Result<Env>) -> Result<Env> {
    for _ in 0..30_000 {
        match open() {
            Err(Error::Busy { .. }) => sleep(Duration::from_millis(1)),
            opened => return opened,
        }
    }
    open()
}
