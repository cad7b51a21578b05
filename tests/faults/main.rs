//! A disk that fails: at each of its calls in turn, in each way it can.
//!
//! A call that meets the failure says so, earlier commits stay what they are, and the environment goes on or takes no
//! more writes, depending on what is known of the disk. Opened again, the file holds every commit that returned.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod disk;
mod work;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use disk::{Fault, FaultyDisk, Kind, Lasting};
use mdbx_core::{Durability, Error, Result};
use mdbx_simulator::scratch;
use work::{MORE_STEPS, STEPS, Work, boots};

/// Linux: the disk is full.
const ENOSPC: i32 = 28;
/// Linux: the disk answers nonsense.
const EIO: i32 = 5;
/// Where the process that is to die has its files, and at which effect it dies.
const DIE_IN: &str = "MDBX_FAULTS_DIE_IN";
const DIE_AT: &str = "MDBX_FAULTS_DIE_AT";

/// Does all the work on a disk that fails at one effect. Tells whether there was that effect.
fn run(at: u64, fault: Fault, lasting: Lasting, durability: Durability) -> Result<bool> {
    let directory = scratch();
    let disk = Arc::new(FaultyDisk::new(at, fault, lasting));
    let mut work = Work::new(
        &directory.path().join("work.mdbx"),
        disk.clone(),
        durability,
    );
    for step in 0..STEPS {
        let outcome = work.step(step);
        let Some(kind) = disk.take_hit() else {
            outcome?;
            continue;
        };
        disk.heal();
        match outcome {
            // A file that is longer than it needs to be is legal, and the next commit tries again.
            Ok(()) => assert_eq!(kind, Kind::SetLen, "at {at}: {fault:?} was not noticed"),
            Err(error) => {
                assert_names_the_cause(&error, fault, kind);
                let is_in_doubt = leaves_doubt(&error);
                if is_in_doubt {
                    work.distrust_memory();
                }
                work.assert_readable();
                if work.is_open() && is_in_doubt {
                    work.assert_takes_no_writes();
                } else if work.is_open() {
                    work.assert_takes_writes();
                }
                for boot in boots() {
                    work.assert_survives_in_a_copy(boot)?;
                }
                work.close();
                work.go_on(step)?; // now it works
            }
        }
        work.assert_readable();
    }
    Ok(disk.was_hit())
}

/// Returns whether it is not known any more what is on the disk.
fn leaves_doubt(error: &Error) -> bool {
    matches!(
        error,
        Error::Io {
            action: "sync the data file" | "write a meta page",
            ..
        }
    )
}

/// Asserts that the error is the one that the disk answered, and says what was tried.
fn assert_names_the_cause(error: &Error, fault: Fault, kind: Kind) {
    let (Error::Open { source, .. } | Error::Io { source, .. }) = error else {
        panic!("{kind:?} failed with {fault:?}, and the answer is {error:?}");
    };
    assert_eq!(source.raw_os_error(), Some(fault.code()), "{error:?}");
    if let Error::Io { action, .. } = error {
        let expected: &[&str] = match kind {
            Kind::Write => &["write pages", "write a meta page"],
            Kind::SetLen => &["extend the data file"],
            Kind::Sync => &["sync the data file", "write a meta page"],
            Kind::WriteDurable => &["write a meta page"],
            Kind::Create | Kind::SyncName => &[],
        };
        assert!(expected.contains(action), "{kind:?}: {error}");
        assert_eq!(error.to_string(), format!("could not {action}"));
    }
}

#[test]
fn a_disk_that_fails_at_any_call_costs_no_commit_that_returned() -> Result<()> {
    let mut injected = 0;
    let mut rounds = vec![
        (
            Fault::Nothing(ENOSPC),
            Lasting::UntilMended,
            Durability::Durable,
        ),
        (Fault::Nothing(EIO), Lasting::Once, Durability::Durable),
        (
            Fault::Half(ENOSPC),
            Lasting::UntilMended,
            Durability::Durable,
        ),
        (Fault::Half(EIO), Lasting::Once, Durability::Durable),
        (Fault::All(EIO), Lasting::UntilMended, Durability::Durable),
        (Fault::All(EIO), Lasting::Once, Durability::Durable),
    ];
    let weak = [
        Durability::SingleSync,
        Durability::NoMetaSync,
        Durability::SafeNoSync,
    ];
    rounds.extend(weak.map(|durability| (Fault::Half(ENOSPC), Lasting::UntilMended, durability)));
    rounds.extend(weak.map(|durability| (Fault::All(EIO), Lasting::Once, durability)));
    for (fault, lasting, durability) in rounds {
        let mut at = 0;
        while run(at, fault, lasting, durability)? {
            at += 1;
        }
        assert!(at > 40, "the work has more effects than {at}");
        injected += at;
    }
    println!("{injected} failures of the disk, each noticed and survived");
    Ok(())
}

/// Not a test of its own: what the child processes of the next one run.
#[test]
fn die_at_an_effect() {
    let Some(path) = std::env::var_os(DIE_IN) else {
        return;
    };
    let at = std::env::var(DIE_AT).unwrap().parse().unwrap();
    let disk = Arc::new(FaultyDisk::new(at, Fault::Death, Lasting::Once));
    let mut work = Work::new(path.as_ref(), disk, Durability::Durable);
    println!();
    for step in 0..MORE_STEPS {
        work.step(step).unwrap();
        println!("did {step}");
    }
    println!("did everything");
}

#[test]
fn a_process_that_is_killed_at_any_effect_loses_no_commit_that_returned() -> Result<()> {
    let mut kills = 0;
    for at in 0.. {
        let directory = scratch();
        let path = directory.path().join("work.mdbx");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "die_at_an_effect", "--nocapture"])
            .env(DIE_IN, &path)
            .env(DIE_AT, at.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let did: Vec<String> = lines
            .map_while(std::result::Result::ok)
            .filter_map(|line| line.strip_prefix("did ").map(str::to_owned))
            .collect();
        assert_eq!(
            child.wait().unwrap().success(),
            did.last().is_some_and(|it| it == "everything")
        );
        if did.len() > MORE_STEPS {
            break;
        }
        for boot in boots() {
            Work::assert_left_after(&path, did.len(), boot)?;
        }
        kills += 1;
    }
    println!("{kills} processes killed, each at another effect");
    Ok(())
}
