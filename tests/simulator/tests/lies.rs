//! The simulator finds what it is there to find: disks that are worse than they say destroy databases.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use mdbx_core::Durability;
use mdbx_simulator::{Campaign, Habit, Lies, Modes, Plan, Tally, scratch};

/// Returns what goes wrong on a disk that lies, in words; `None` if nothing was found.
fn outcome(lies: Lies) -> Option<String> {
    let plan = Plan {
        name: "mixed".to_owned(),
        page_size: 256,
        habit: Habit::Mixed,
        modes: Modes::Only(Durability::Durable),
        write_map: false,
        seed: 5,
        transactions: 20,
        lies,
    };
    let directory = scratch();
    let recording = plan.run(&directory.path().join("work.mdbx")).unwrap();
    let tally = Tally::default();
    let failure = Campaign::new(&plan, &recording, &tally).run(2000).err();
    println!("{lies:?} after {} states: {failure:?}", tally.states());
    failure
}

#[test]
fn on_an_honest_disk_nothing_goes_wrong() {
    assert_eq!(outcome(Lies::None), None);
}

#[test]
fn a_disk_that_does_not_sync_damages_the_database() {
    let failure = outcome(Lies::NoSync);
    assert!(failure.is_some_and(|failure| failure.contains("power")));
}

#[test]
fn a_disk_that_does_not_wait_for_metas_loses_commits() {
    let failure = outcome(Lies::NoDurableWrite).unwrap();
    // Which loss is found first depends on the threads that look: that of the last commit, or of all with the first meta.
    let is_loss = ["was promised", "is no sound database"].map(|loss| failure.contains(loss));
    assert!(is_loss.contains(&true), "{failure}");
}
