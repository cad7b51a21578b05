//! What a dead reader of one engine held back, the other uses again.

use crate::chain::Load;
use crate::command::{Command, Run};
use crate::common::Rng;
use crate::database::{Live, assert_nothing_lost};
use crate::engine::Engine;
use crate::opening::Opening;
use crate::pinned::begin;
use crate::together::{PAIRS, rounds};

const LOAD: Load = Load {
    changes: 10,
    bulk_every: 0,
};

/// Kills a reader, and sees whether a writer of the other engine finds its pages.
fn sweep(reading: Engine, writing: Engine) {
    let mut rng = Rng::new(4);
    for _ in 0..rounds(2) {
        let live = Live::created_by(reading, 4096);
        let mut writer = live.opened(writing, Opening::new());
        let mut reader = live.opened(reading, Opening::new());
        let mut write = |count| {
            writer.ask(Command::Write(Run::of(count, rng.next()), LOAD));
            writer.ask(Command::Pages)[0]
        };
        let before = write(200);
        begin(&mut reader);
        let held = write(100);
        reader.kill();
        let after = write(200);
        println!(
            "{reading:?} killed beside a writer of {writing:?}: {before} pages, then {held}, and {after} in the end"
        );
        assert!(held > before + 200, "the reader holds nothing back");
        assert!(
            after <= held + 40,
            "the file grows although its reader is dead"
        );
        assert_nothing_lost(writer.close(), 0, live.verify_closed());
    }
}

#[test]
fn a_writer_of_one_engine_uses_the_pages_that_a_dead_reader_of_the_other_held_back() {
    for (reading, writing) in PAIRS {
        sweep(reading, writing);
    }
}

#[test]
fn dead_readers_of_one_engine_are_found_by_the_other_when_it_is_asked() {
    for (reading, asking) in PAIRS {
        let live = Live::created_by(reading, 4096);
        let mut worker = live.opened(asking, Opening::new());
        for readers in [1, 5, 20] {
            let mut dead = live.opened(reading, Opening::new());
            dead.ask(Command::Crowd(readers));
            assert_eq!(worker.ask(Command::ClearDeadReaders), [0], "it lives");
            dead.kill();
            let found = worker.ask(Command::ClearDeadReaders)[0];
            println!("{asking:?} finds {found} slots of {readers} readers of {reading:?}");
            assert_eq!(found, readers as u64);
            assert_eq!(worker.ask(Command::ClearDeadReaders), [0], "they are gone");
        }
        worker.close();
        live.verify_closed();
    }
}
