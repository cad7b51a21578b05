//! One engine copies the database while the other writes it.

use crate::chain::Load;
use crate::command::{Command, Run};
use crate::common::{Rng, inspect};
use crate::database::{Live, Seen, assert_nothing_lost};
use crate::opening::Opening;
use crate::process::Worker;
use crate::together::{PAIRS, rounds};
use crate::worker::copy_path;

const LOAD: Load = Load {
    changes: 12,
    bulk_every: 30,
};

#[test]
fn copies_made_by_one_engine_while_the_other_commits_are_whole() {
    let mut rng = Rng::new(18);
    for (copying, writing) in PAIRS {
        let live = Live::created_by(writing, 4096);
        let mut writer = live.opened(writing, Opening::new());
        writer.ask(Command::Write(Run::of(50, rng.next()), LOAD));
        writer.tell(Command::Write(Run::endless(rng.next()), LOAD));
        let mut copier = live.opened(copying, Opening::new());
        let mut last = 50;
        for round in 0..rounds(6) {
            copier.ask(Command::Copy(round % 2 == 0));
            let copy = copy_path(&live.path());
            for engine in [writing, copying] {
                let mut reader = Worker::opened(engine, &copy, Opening::new());
                let seen = Seen::of(&reader.ask(Command::Check));
                assert!(seen.number >= last.min(seen.number), "{seen:?}");
                last = seen.number;
                reader.close();
            }
            inspect(&copy);
        }
        writer.stop();
        let commits = [writer.close(), copier.close()].concat();
        println!(
            "{copying:?} copies what {writing:?} writes, the last time after {last} of {} commits",
            commits.len()
        );
        assert_nothing_lost(commits, 0, live.verify_closed());
    }
}
