//! The places for readers are shared by the processes of both engines.

use crate::command::Command;
use crate::database::Live;
use crate::engine::Engine;
use crate::opening::Opening;
use crate::together::PAIRS;

/// Places in a lock file of one page.
const SLOTS: usize = 110;

#[test]
fn readers_of_both_engines_share_the_slots_and_those_of_dead_ones_are_free_again() {
    for (one, other) in PAIRS {
        let live = Live::created_by(one, 4096);
        let mut first = live.opened(one, Opening::new());
        let mut second = live.opened(other, Opening::new());
        assert_eq!(first.ask(Command::Crowd(60)), [60]);
        assert_eq!(second.ask(Command::Crowd(SLOTS)), [SLOTS as u64 - 60]);
        let mut third = live.opened(other, Opening::new());
        assert_eq!(third.ask(Command::Crowd(1)), [0], "all are taken");
        third.stop();
        first.kill();
        if other == Engine::Theirs {
            third.ask(Command::ClearDeadReaders); // it does so by itself only some time after the last time
        }
        assert_eq!(
            third.ask(Command::Crowd(60)),
            [60],
            "those of a dead process are free"
        );
        third.stop();
        second.stop();
        second.close();
        assert_eq!(third.ask(Command::Crowd(SLOTS)), [SLOTS as u64]);
        third.stop();
        third.close();
        live.verify_closed();
    }
}
