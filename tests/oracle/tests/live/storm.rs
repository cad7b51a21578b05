//! Processes of both engines that open and close the database all the time.

use crate::command::{Command, Run};
use crate::common::Rng;
use crate::database::{Live, assert_nothing_lost};
use crate::engine::Engine;
use crate::opening::Opening;
use crate::process::Worker;
use crate::together::{STORM, rounds};

#[test]
fn any_number_of_processes_open_and_close_the_database_at_any_time() {
    let live = Live::nowhere();
    let mut rng = Rng::new(11);
    let times = usize::try_from(rounds(60)).unwrap();
    let opening = Opening::new().create(4096);
    let mut workers: Vec<(Worker, Engine)> = STORM
        .iter()
        .map(|engine| (live.worker(&format!("{engine:?}")), *engine))
        .collect();
    for (worker, engine) in &mut workers {
        let run = Run::of(times, rng.next()).pause(1);
        worker.tell(Command::Storm(*engine, opening, run));
    }
    let mut commits = Vec::new();
    for (worker, engine) in &mut workers {
        let opened = worker.finish();
        println!(
            "{engine:?}: opened {opened:?} times, {} commits",
            worker.commits.len()
        );
        commits.append(&mut worker.commits);
    }
    assert_nothing_lost(commits, 0, live.verify_closed());
}
