//! A parked reader of one engine keeps its snapshot until a writer of the other needs the room.

use crate::answer::Class;
use crate::chain::Load;
use crate::command::{Command, Run};
use crate::common::Rng;
use crate::database::{Live, assert_nothing_lost};
use crate::engine::Engine;
use crate::opening::Opening;
use crate::pinned::{assert_sees, begin};
use crate::together::{PAIRS, rounds};

const LOAD: Load = Load {
    changes: 10,
    bulk_every: 40,
};

fn park(reading: Engine, writing: Engine) {
    let mut rng = Rng::new(5);
    let live = Live::created_by(writing, 4096);
    let mut reader = live.opened(reading, Opening::new());
    let mut plain = live.opened(reading, Opening::new());
    let mut writer = live.opened(writing, Opening::new());
    let (mut ousted, mut kept) = (0, 0);
    writer.ask(Command::Write(Run::of(100, rng.next()), LOAD));
    for _ in 0..rounds(10) {
        let seen = begin(&mut reader);
        reader.ask(Command::Park);
        reader.ask(Command::Unpark);
        assert_sees(&mut reader, seen);
        reader.ask(Command::Park);
        writer.ask(Command::Write(Run::of(200, rng.next()), LOAD));
        let seen = begin(&mut plain);
        match reader.try_ask(Command::Unpark) {
            Ok(_) => {
                kept += 1;
                assert_sees(&mut reader, seen);
                reader.ask(Command::End);
            }
            Err(refusal) => {
                assert_eq!(refusal.class, Class::Ousted, "{refusal}");
                ousted += 1;
            }
        }
        writer.ask(Command::Write(Run::of(100, rng.next()), LOAD));
        assert_sees(&mut plain, seen);
        plain.ask(Command::End);
    }
    println!("{reading:?} parked beside a writer of {writing:?}: {ousted} ousted, {kept} kept");
    assert!(ousted > 0, "the writer never needed the room");
    let commits = [writer.close(), reader.close(), plain.close()].concat();
    assert_nothing_lost(commits, 0, live.verify_closed());
}

#[test]
fn a_writer_of_one_engine_ousts_parked_readers_of_the_other_and_no_others() {
    for (reading, writing) in PAIRS {
        park(reading, writing);
    }
}
