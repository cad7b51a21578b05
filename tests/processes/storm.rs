//! Processes that open and close the database all the time: who comes first makes the lock file, who goes last empties
//! it, and both happen over and over while others come and go. Some are killed on the way.

use std::time::Duration;

use mdbx_core::PageSize;

use crate::chain::database::{Plan, Tables, commit_next};
use crate::chain::part::Part;
use crate::chain::process::Process;
use crate::common::{Rng, inspect, with_patience};
use crate::record::{Record, Reporter};
use crate::roles::{ENTRY, VISITS, patiently};

/// How many come and go at a time, besides this process.
const CROWD: usize = 5;

/// Has processes visit a database, so often at least, in that role. Returns in words what was done.
pub(crate) fn blow(role: &str, rng: &mut Rng, visits: u64) -> String {
    let directory = tempfile::tempdir().unwrap();
    let plan = Plan {
        seed: rng.next(),
        window: 5000,
        page_size: PageSize::MIN,
    };
    let part = |id| Part {
        role: role.to_owned(),
        plan,
        mode: 0,
        id,
        path: directory.path().join("storm.mdbx"),
    };
    let mut record = Record::new(plan);
    let mut crowd: Vec<(Process, Reporter)> = Vec::new();
    let (mut started, mut killed, mut own) = (0, 0, 0);
    while started * VISITS < visits || !crowd.is_empty() {
        while crowd.len() < CROWD && started * VISITS < visits {
            started += 1;
            let process = Process::start(&part(started).to_text(), Some(ENTRY));
            crowd.push((process, record.reporter(started)));
        }
        let (process, mut reporter) = crowd.swap_remove(rng.below(crowd.len()));
        let messages = if rng.once_in(2) {
            std::thread::sleep(Duration::from_micros(rng.below(30_000) as u64));
            killed += 1;
            process.kill_or_finish()
        } else {
            process.finish()
        };
        for message in messages {
            record.hear(&mut reporter, message);
        }
        with_patience("this process cannot take part", || {
            let env = if role == "loner" {
                patiently(|| part(0).open())
            } else {
                part(0).open()
            };
            let env = env.unwrap();
            record.inspect(&env).unwrap();
            let tables = Tables::create(&env).unwrap();
            own += 1;
            let (link, _) = commit_next(&env, &tables, &plan, (0, own)).unwrap();
            record.acknowledge(link.number, 0);
        });
    }
    let path = part(0).path;
    record.inspect(&part(0).open().unwrap()).unwrap();
    let lock_file = path.with_file_name("storm.mdbx-lck");
    assert_eq!(std::fs::metadata(lock_file).unwrap().len(), 0);
    inspect(&path);
    let tally = &record.tally;
    format!(
        "{started} processes of the role {role}, {killed} of them killed; opened {} times, {} commits acknowledged, {own} of them by this \
         process; {} commits found",
        tally.openings,
        tally.commits,
        record.found()
    )
}
