//! Processes of both engines that open and close the database all the time.

use std::time::Duration;

use crate::answer::Commit;
use crate::chain::Load;
use crate::command::{Command, Run};
use crate::common::Rng;
use crate::database::{Live, assert_nothing_lost};
use crate::engine::Engine;
use crate::opening::{Mode, Opening};
use crate::process::Worker;
use crate::together::rounds;

const WORKERS: [Engine; 4] = [Engine::Ours, Engine::Theirs, Engine::Ours, Engine::Theirs];

/// Starts workers that open and close the database so often; 0: until they are killed.
fn start(live: &Live, opening: Opening, rng: &mut Rng, times: u64) -> Vec<(Worker, Engine)> {
    let count = usize::try_from(times).unwrap();
    let mut start = |engine: Engine| {
        let mut worker = live.worker(&format!("{engine:?}"));
        let run = Run::of(count, rng.next()).pause(1);
        worker.tell(Command::Storm(engine, opening, run));
        (worker, engine)
    };
    WORKERS.map(&mut start).into()
}

/// Lets them come to their end; returns their commits, and how often one of them was told that the database is in use.
fn finish(workers: Vec<(Worker, Engine)>) -> (Vec<Commit>, u64) {
    let mut commits = Vec::new();
    let mut refusals = 0;
    for (mut worker, engine) in workers {
        let [opened, busy] = worker.finish().try_into().unwrap();
        println!(
            "{engine:?}: opened {opened} times and refused {busy} times, {} commits",
            worker.commits.len()
        );
        commits.append(&mut worker.commits);
        refusals += busy;
    }
    (commits, refusals)
}

#[test]
fn any_number_of_processes_open_and_close_the_database_at_any_time() {
    let live = Live::nowhere();
    let mut rng = Rng::new(11);
    let workers = start(&live, Opening::new().create(4096), &mut rng, rounds(60));
    let (commits, refusals) = finish(workers);
    assert_eq!(refusals, 0, "nobody has it alone");
    assert_nothing_lost(commits, 0, live.verify_closed());
}

#[test]
fn processes_that_want_the_database_alone_do_not_harm_the_others() {
    let live = Live::nowhere();
    let mut rng = Rng::new(16);
    let opening = Opening::new().create(4096).exclusive();
    let (commits, refusals) = finish(start(&live, opening, &mut rng, rounds(60)));
    assert!(refusals > 0, "nobody ever met another one");
    assert_nothing_lost(commits, 0, live.verify_closed());
}

/// A writer that has the database alone does with one sync what others do with two, and that with one process coming after
/// the other.
#[test]
fn libmdbx_comes_and_goes_beside_a_writer_that_seals_its_commits() {
    let live = Live::created_by(Engine::Ours, 4096);
    let mut rng = Rng::new(21);
    let mut writer = live.opened(Engine::Ours, Opening::new().mode(Mode::SingleSync));
    let load = Load {
        changes: 8,
        bulk_every: 30,
    };
    writer.tell(Command::Write(Run::endless(rng.next()), load));
    let mut commits = Vec::new();
    for _ in 0..rounds(40) {
        let from = writer.wait_for_commit().number;
        let mut guest = live.opened(Engine::Theirs, Opening::new());
        guest.ask(Command::Read(Run::of(2, rng.next())));
        let written = guest.ask(Command::Write(Run::of(1 + rng.below(3), rng.next()), load))[0];
        if rng.once_in(2) {
            commits.extend(guest.close());
        } else {
            commits.extend(guest.kill());
        }
        // What is alone again goes on for a while.
        while writer.wait_for_commit().number < from + written + 5 {}
    }
    writer.stop();
    println!(
        "{} commits of libmdbx, {} sealed or not",
        commits.len(),
        writer.commits.len()
    );
    commits.extend(writer.close());
    assert_nothing_lost(commits, 0, live.verify_left());
}

#[test]
fn processes_killed_while_they_open_or_close_the_database_stop_nobody() {
    let live = Live::created_by(Engine::Ours, 4096);
    let mut rng = Rng::new(17);
    let (mut commits, mut kills) = (Vec::new(), 0);
    for _ in 0..rounds(10) {
        let stay = start(&live, Opening::new(), &mut rng, 15);
        for _ in 0..5 {
            let go = start(&live, Opening::new(), &mut rng, 0);
            std::thread::sleep(Duration::from_millis(5));
            for (worker, _) in go {
                std::thread::sleep(Duration::from_micros(rng.below(3000) as u64));
                commits.extend(worker.kill());
                kills += 1;
            }
        }
        let (others, refusals) = finish(stay);
        commits.extend(others);
        assert_eq!(refusals, 0, "nobody has it alone");
    }
    println!("{kills} killed, {} commits", commits.len());
    assert_nothing_lost(commits, kills, live.verify_left());
}
