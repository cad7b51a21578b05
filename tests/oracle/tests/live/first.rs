//! Whoever opens first initialises the lock file, and whoever closes last empties it, of either engine.

use crate::chain::Load;
use crate::command::{Command, Run};
use crate::common::Rng;
use crate::database::{Live, assert_nothing_lost, len};
use crate::opening::Opening;
use crate::process::Worker;
use crate::together::PAIRS;

const LOAD: Load = Load {
    changes: 8,
    bulk_every: 20,
};

fn take_turns(rng: &mut Rng, workers: &mut [Worker]) {
    for worker in workers.iter_mut() {
        worker.ask(Command::Write(Run::of(20, rng.next()), LOAD));
    }
    Live::agree(workers);
}

#[test]
fn either_engine_opens_first_and_either_closes_last() {
    let mut rng = Rng::new(6);
    for (first, second) in PAIRS {
        for first_leaves_first in [true, false] {
            let live = Live::nowhere();
            let mut commits = Vec::new();
            for _ in 0..3 {
                let opening = Opening::new().create(4096);
                let mut workers = vec![live.opened(first, opening), live.opened(second, opening)];
                take_turns(&mut rng, &mut workers);
                let leaves = workers.remove(usize::from(!first_leaves_first));
                commits.extend(leaves.close());
                assert!(len(&live.lock_path()) >= 4096, "somebody still has it open");
                take_turns(&mut rng, &mut workers);
                workers.push(live.opened(first.other(), Opening::new()));
                take_turns(&mut rng, &mut workers);
                commits.extend(workers.into_iter().flat_map(Worker::close));
                assert_eq!(len(&live.lock_path()), 0);
            }
            assert_nothing_lost(commits, 0, live.verify_closed());
        }
    }
}

#[test]
fn what_a_killed_process_of_one_engine_leaves_is_opened_by_the_other() {
    let mut rng = Rng::new(7);
    for (first, second) in PAIRS {
        let live = Live::created_by(first, 4096);
        let mut commits = Vec::new();
        for _ in 0..10 {
            for engine in [first, second] {
                let mut worker = live.opened(engine, Opening::new());
                worker.ask(Command::Write(Run::of(5, rng.next()), LOAD));
                worker.ask(Command::Begin);
                commits.extend(worker.kill());
                assert!(len(&live.lock_path()) >= 4096, "nobody has emptied it");
            }
        }
        assert_nothing_lost(commits, 0, live.verify_left());
    }
}

#[test]
fn a_writer_of_one_engine_joins_a_reader_of_the_other_that_came_first() {
    let mut rng = Rng::new(8);
    for (first, second) in PAIRS {
        let live = Live::created_by(second, 4096);
        let mut reader = live.opened(first, Opening::new().read_only());
        let mut writer = live.opened(second, Opening::new());
        let written = writer.ask(Command::Write(Run::of(20, rng.next()), LOAD))[0];
        let seen = Live::agree(std::slice::from_mut(&mut reader));
        assert_eq!(seen.number, written);
        let commits = writer.close();
        reader.close();
        assert_nothing_lost(commits, 0, live.verify_closed());
    }
}
