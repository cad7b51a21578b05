//! A process of one engine is killed at any moment; the other goes on.

use std::time::Duration;

use crate::answer::Commit;
use crate::chain::Load;
use crate::command::{Command, Run};
use crate::common::Rng;
use crate::database::{Live, assert_nothing_lost};
use crate::engine::Engine;
use crate::opening::{Mode, Opening};
use crate::process::Worker;
use crate::together::{PAIRS, rounds};

const LOAD: Load = Load {
    changes: 12,
    bulk_every: 20,
};

/// Workers that write and read without end, and get killed.
struct Game {
    live: Live,
    opening: Opening,
    rng: Rng,
    commits: Vec<Commit>,
    /// Writers killed beside others.
    beside: u64,
    /// Writers killed while nobody else had the database open.
    alone: u64,
    /// Readers killed.
    readers: u64,
}

impl Game {
    fn writer(&mut self, engine: Engine) -> Worker {
        let mut worker = self.live.opened(engine, self.opening);
        worker.tell(Command::Write(Run::endless(self.rng.next()), LOAD));
        worker
    }

    fn reader(&mut self, engine: Engine) -> Worker {
        let mut worker = self.live.opened(engine, self.opening);
        worker.tell(Command::Read(Run::endless(self.rng.next()).pause(2)));
        worker
    }

    fn wait(&mut self) {
        std::thread::sleep(Duration::from_micros(self.rng.below(3000) as u64));
    }

    /// Kills writers and readers of one engine, and sees that those of the other go on.
    fn kill_beside(&mut self, victim: Engine) {
        let mut survivor = self.writer(victim.other());
        let mut reader = self.reader(victim.other());
        for _ in 0..4 {
            let mut victims = [self.writer(victim), self.reader(victim)];
            survivor.wait_for_commit();
            victims[0].wait_for_commit();
            for victim in victims {
                self.wait();
                self.commits.extend(victim.kill());
            }
            survivor.listen();
            survivor.wait_for_commit();
            survivor.wait_for_commit();
            self.beside += 1;
            self.readers += 1;
        }
        survivor.stop();
        reader.stop();
        survivor.ask(Command::Check);
        reader.close();
        self.commits.extend(survivor.close());
    }

    /// Kills the only process there is; the next one is of the other engine.
    fn kill_alone(&mut self, victim: Engine) {
        let mut worker = self.writer(victim);
        worker.wait_for_commit();
        self.wait();
        self.commits.extend(worker.kill());
        let mut next = self.live.opened(victim.other(), self.opening);
        next.ask(Command::Check);
        next.ask(Command::Write(Run::of(2, self.rng.next()), LOAD));
        self.commits.extend(next.close());
        self.alone += 1;
    }
}

fn kill(victim: Engine, opening: Opening, rounds: u64) {
    let mut game = Game {
        live: Live::created_by(victim, 4096),
        opening,
        rng: Rng::new(9),
        commits: Vec::new(),
        beside: 0,
        alone: 0,
        readers: 0,
    };
    for _ in 0..rounds {
        if game.rng.once_in(3) {
            game.kill_alone(victim);
        } else {
            game.kill_beside(victim);
        }
    }
    let seen = game.live.verify_left();
    println!(
        "{victim:?}, {opening}: killed {} writers beside others, {} alone, and {} readers, in {} commits",
        game.beside, game.alone, game.readers, seen.number
    );
    assert_nothing_lost(game.commits, game.beside + game.alone, seen);
}

#[test]
fn a_killed_process_of_one_engine_stops_none_of_the_other_and_loses_nothing() {
    let durable = Opening::new();
    let weak = durable.mode(Mode::SafeNoSync);
    for (victim, _) in PAIRS {
        kill(victim, durable, rounds(12));
        kill(victim, durable.spill(), rounds(3));
        kill(victim, durable.mode(Mode::SingleSync), rounds(4));
        kill(victim, weak, rounds(5));
        kill(victim, durable.write_map(), rounds(3));
        kill(victim, weak.write_map(), rounds(3));
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
        for round in 0..6 {
            // Every other one has written pages early that nobody must see.
            let opening = if round % 2 == 0 {
                Opening::new()
            } else {
                Opening::new().spill()
            };
            let mut worker = live.opened(victim, opening);
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
