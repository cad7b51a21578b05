//! A process of one engine is killed at any moment; the other goes on.

use std::time::Duration;

use crate::answer::Commit;
use crate::chain::Load;
use crate::command::{Command, Run};
use crate::common::Rng;
use crate::database::{Live, assert_nothing_lost};
use crate::engine::Engine;
use crate::opening::Opening;
use crate::process::Worker;
use crate::together::{PAIRS, rounds};

const LOAD: Load = Load {
    changes: 12,
    bulk_every: 20,
};

/// Two workers that write without end, and get killed in turn.
struct Game {
    live: Live,
    rng: Rng,
    commits: Vec<Commit>,
    kills: u64,
    alone: u64,
}

impl Game {
    fn writer(&mut self, engine: Engine) -> Worker {
        let mut worker = self.live.opened(engine, Opening::new());
        worker.tell(Command::Write(Run::endless(self.rng.next()), LOAD));
        worker
    }

    fn kill_at_any_moment(&mut self, mut worker: Worker) {
        worker.wait_for_commit();
        std::thread::sleep(Duration::from_micros(self.rng.below(3000) as u64));
        self.commits.extend(worker.kill());
        self.kills += 1;
    }

    /// Kills a writer of one engine, and sees that one of the other goes on.
    fn kill_one_of_two(&mut self, victim: Engine) {
        let mut survivor = self.writer(victim.other());
        let worker = self.writer(victim);
        survivor.wait_for_commit();
        self.kill_at_any_moment(worker);
        survivor.listen();
        survivor.wait_for_commit();
        survivor.wait_for_commit();
        survivor.stop();
        if self.rng.once_in(4) {
            survivor.ask(Command::Check);
        }
        self.commits.extend(survivor.close());
    }

    /// Kills the only process there is; the next one is of the other engine.
    fn kill_the_only_one(&mut self, victim: Engine) {
        let worker = self.writer(victim);
        self.kill_at_any_moment(worker);
        self.alone += 1;
        let mut next = self.live.opened(victim.other(), Opening::new());
        next.ask(Command::Check);
        next.ask(Command::Write(Run::of(2, self.rng.next()), LOAD));
        self.commits.extend(next.close());
    }
}

#[test]
fn a_killed_writer_of_one_engine_stops_none_of_the_other() {
    for (victim, _) in PAIRS {
        let mut game = Game {
            live: Live::created_by(victim, 4096),
            rng: Rng::new(9),
            commits: Vec::new(),
            kills: 0,
            alone: 0,
        };
        for _ in 0..rounds(50) {
            if game.rng.once_in(4) {
                game.kill_the_only_one(victim);
            } else {
                game.kill_one_of_two(victim);
            }
        }
        let seen = game.live.verify_left();
        println!(
            "{victim:?} killed {} times, {} of them alone; {} commits",
            game.kills, game.alone, seen.number
        );
        assert_nothing_lost(game.commits, game.kills, seen);
    }
}

/// One that is killed in the middle of a long transaction leaves nothing of it.
#[test]
fn what_a_killed_writer_had_not_committed_is_gone_for_the_other_engine() {
    for (victim, survivor) in PAIRS {
        let live = Live::created_by(survivor, 4096);
        let mut other = live.opened(survivor, Opening::new());
        let mut rng = Rng::new(10);
        let load = Load {
            changes: 400,
            bulk_every: 2,
        };
        for round in 0..5 {
            let mut worker = live.opened(victim, Opening::new());
            worker.ask(Command::Hang(Run::of(1, rng.next()), load));
            other.tell(Command::Write(Run::of(10, rng.next()), LOAD));
            worker.kill();
            let commits = other.finish()[0];
            assert!(commits > 0);
            let seen = Live::agree(std::slice::from_mut(&mut other));
            assert!(seen.number <= 10 * (round + 1), "{seen:?}");
        }
        assert_nothing_lost(other.close(), 0, live.verify_closed());
    }
}
