//! What a power cut leaves of a database of this library, opened by libmdbx: it finds the same commit, and no fault.
//!
//! Workloads are recorded, and crashes drawn, by the crate `mdbx-simulator`. `MDBX_CRASH_STATES` says how many files each
//! workload gives, `MDBX_SEED` what the workloads do.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

#[path = "../../common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use common::number_from_env;
use mdbx_core::Durability;
use mdbx_oracle::c;
use mdbx_simulator::{
    BOOT, Crash, Disk, Found, Habit, Judge, Lies, Manner, Model, Modes, Plan, Rng, Spot, Start,
    leave, scratch, walk,
};

/// The pairs of key and value in each named table.
type Contents = BTreeMap<String, Vec<(Vec<u8>, Vec<u8>)>>;

fn plan(habit: Habit, page_size: u32, modes: Modes) -> Plan {
    let seed = number_from_env("MDBX_SEED", 1);
    Plan {
        name: format!("{habit:?}-{page_size}-{modes:?}-{seed}"),
        page_size,
        habit,
        modes,
        write_map: false,
        seed,
        transactions: 30,
        lies: Lies::None,
    }
}

/// Opens `path` with libmdbx, for writing, so that it mends what it finds; returns the newest snapshot, and what is in it.
fn look_there(path: &Path, model: &Model) -> Result<(u64, Contents), Box<dyn Error>> {
    let env = c::Env::open(path, c::DURABLE | c::UNBOUND, None)?;
    let report = env.check()?;
    if report.problems > 0 {
        return Err(format!("libmdbx finds fault: {:?}", report.findings).into());
    }
    let txn = env.read()?;
    let mut contents = Contents::new();
    for name in model.tables.keys() {
        let Some(table) = txn.open_table(Some(name))? else {
            continue;
        };
        let mut items = Vec::new();
        let mut cursor = txn.cursor(table)?;
        while let Some((key, value)) = cursor.next()? {
            items.push((key.to_vec(), value.to_vec()));
        }
        contents.insert(name.clone(), items);
    }
    Ok((txn.id(), contents))
}

fn contents_of(model: &Model) -> Contents {
    let owned = |(key, value): (&[u8], &[u8])| (key.to_vec(), value.to_vec());
    let tables = model.tables.iter();
    tables
        .map(|(name, table)| (name.clone(), table.pairs().map(owned).collect()))
        .collect()
}

/// Has both engines open what power cuts leave of what `plan` does; returns how many files they opened.
fn compare(plan: &Plan, states: u64) -> Result<u64, Box<dyn Error>> {
    let directory = scratch();
    let recording = plan.run(&directory.path().join("work.mdbx"))?;
    let (judge, path) = (Judge::new(), directory.path().join("left.mdbx"));
    let (mut image, mut opened, mut rng) = (Vec::new(), 0, Rng::new(plan.seed));
    let odds = 1 + 3 * recording.steps.len() / usize::try_from(states)?;
    walk(
        &recording.steps,
        Disk::default(),
        Start::creation(),
        &mut |moment| {
            if !moment.crashes().any(|crash| crash == Crash::Power) || !rng.once_in(odds) {
                return Ok(());
            }
            let spot = Spot {
                moment: moment.number,
                crash: Crash::Power,
                number: rng.number() % 30,
            };
            let way = leave(plan.seed, moment, spot, &mut image);
            let histories = [&recording.history];
            let looked = judge.look(&image, Manner::plain(BOOT + 1), &histories, None)?;
            let Found::Commit(txnid) = looked.found else {
                return Ok(()); // where nothing was promised
            };
            if txnid <= 3 {
                return Ok(()); // libmdbx need not know what a database is before it was created
            }
            std::fs::write(&path, &image).map_err(|error| error.to_string())?;
            let model = &recording.history[&txnid];
            let failed = |what: String| format!("{}/{spot}\n  {way}\n  {what}", plan.name);
            let (there, contents) =
                look_there(&path, model).map_err(|error| failed(error.to_string()))?;
            // It may make a commit of its own when it opens a file that is longer than the newest meta says.
            if !(txnid..=txnid + 1).contains(&there) || contents != contents_of(model) {
                return Err(failed(format!(
                    "snapshot {txnid} here, {there} there, or other contents"
                )));
            }
            opened += 1;
            Ok(())
        },
    )?;
    Ok(opened)
}

#[test]
fn libmdbx_finds_the_same_commit_in_what_a_power_cut_leaves() {
    let states = number_from_env("MDBX_CRASH_STATES", 300);
    let mut opened = 0;
    for (habit, page_size) in [
        (Habit::Mixed, 256),
        (Habit::Tides, 4096),
        (Habit::Nested, 256),
        (Habit::Large, 4096),
    ] {
        for durability in [
            Durability::Durable,
            Durability::NoMetaSync,
            Durability::SafeNoSync,
        ] {
            let plan = plan(habit, page_size, Modes::Only(durability));
            opened += compare(&plan, states).unwrap_or_else(|error| panic!("{error}"));
        }
    }
    println!("{opened} files that power cuts left were opened by both engines");
    assert!(opened > 0);
}
