//! One engine changes the bounds of the file that the other has open.

use crate::answer::Class;
use crate::chain::Load;
use crate::command::{Command, Run};
use crate::common::Rng;
use crate::database::{Live, assert_nothing_lost, len};
use crate::opening::Opening;
use crate::pinned::{assert_sees, begin};
use crate::together::PAIRS;

const SMALL: u64 = 1 << 22;
const LARGE: u64 = 1 << 26;

/// Fills the file.
const FULL: Load = Load {
    changes: 40,
    bulk_every: 1,
};

const LOAD: Load = Load {
    changes: 6,
    bulk_every: 0,
};

#[test]
fn bounds_set_by_one_engine_hold_for_the_other() {
    let mut rng = Rng::new(19);
    for (setting, other) in PAIRS {
        let live = Live::created_by(setting, 4096);
        let mut one = live.opened(setting, Opening::new());
        let mut second = live.opened(other, Opening::new());
        second.ask(Command::Write(Run::of(20, rng.next()), LOAD));
        one.ask(Command::Resize(SMALL));
        second.ask(Command::Write(Run::of(20, rng.next()), LOAD));
        let seen = begin(&mut second);
        // The reader of the one keeps the writer of the other from using pages again, until the file is full.
        let refusal = one.refused(Command::Write(Run::endless(rng.next()), FULL));
        println!("{setting:?}: {refusal}");
        assert!(len(&live.path()) <= SMALL);
        assert_sees(&mut second, seen);
        second.ask(Command::End);
        second.ask(Command::Write(Run::of(20, rng.next()), LOAD));
        one.ask(Command::Write(Run::of(20, rng.next()), LOAD));
        second.ask(Command::Resize(LARGE));
        let seen = begin(&mut second);
        one.ask(Command::Write(Run::of(40, rng.next()), FULL));
        assert_sees(&mut second, seen);
        println!("{setting:?}: {} bytes", len(&live.path()));
        second.ask(Command::End);
        let commits = [one.close(), second.close()].concat();
        assert_nothing_lost(commits, 0, live.verify_closed());
    }
}

/// A process maps the file for the bound that it has when it is opened.
#[test]
fn a_file_that_the_other_engine_makes_longer_than_it_is_mapped_is_not_read_past_that() {
    let mut rng = Rng::new(20);
    for (growing, other) in PAIRS {
        let live = Live::created_by(growing, 4096);
        let mut grower = live.opened(growing, Opening::new());
        grower.ask(Command::Resize(SMALL));
        let mut reader = live.opened(other, Opening::new());
        grower.ask(Command::Write(Run::of(10, rng.next()), LOAD));
        let seen = begin(&mut reader);
        grower.ask(Command::Resize(LARGE));
        while len(&live.path()) <= 2 * SMALL {
            grower.ask(Command::Write(Run::of(10, rng.next()), FULL));
        }
        assert_sees(&mut reader, seen);
        reader.ask(Command::End);
        for command in [Command::Begin, Command::TryWrite] {
            let refusal = reader.refused(command);
            assert_eq!(refusal.class, Class::AddressSpace, "{refusal}");
        }
        reader.ask(Command::Close);
        reader.ask(Command::Open(other, Opening::new()));
        reader.ask(Command::Write(Run::of(10, rng.next()), LOAD));
        let commits = [grower.close(), reader.close()].concat();
        assert_nothing_lost(commits, 0, live.verify_closed());
    }
}
