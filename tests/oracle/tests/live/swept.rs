//! What a dead reader of one engine held back, the other uses again.

use crate::chain::Load;
use crate::command::{Command, Run};
use crate::common::Rng;
use crate::database::{Live, assert_nothing_lost};
use crate::engine::Engine;
use crate::opening::Opening;
use crate::pinned::begin;
use crate::process::Worker;
use crate::together::{PAIRS, rounds};

const LOAD: Load = Load {
    changes: 10,
    bulk_every: 0,
};

fn pages(writer: &mut Worker) -> u64 {
    writer.ask(Command::Pages)[0]
}

/// Kills a reader, and sees whether a writer of the other engine finds its pages; with `ask` it is told to look for dead readers.
fn sweep(reading: Engine, writing: Engine, ask: bool) {
    let mut rng = Rng::new(4);
    let live = Live::created_by(reading, 4096);
    let mut writer = live.opened(writing, Opening::new());
    let mut write = |writer: &mut Worker, count| {
        writer.ask(Command::Write(Run::of(count, rng.next()), LOAD));
    };
    write(&mut writer, 300);
    for _ in 0..rounds(3) {
        let mut reader = live.opened(reading, Opening::new());
        begin(&mut reader);
        let before = pages(&mut writer);
        write(&mut writer, 100);
        let held = pages(&mut writer);
        reader.kill();
        if ask {
            assert_eq!(writer.ask(Command::ClearDeadReaders), [1]);
        }
        write(&mut writer, 200);
        let after = pages(&mut writer);
        println!(
            "{reading:?} killed beside a writer of {writing:?}: {before} pages, then {held}, and {after} in the end"
        );
        assert!(held > before + 200, "the reader holds nothing back");
        assert!(
            after <= held + 40,
            "the file grows although its reader is dead"
        );
    }
    assert_nothing_lost(writer.close(), 0, live.verify_closed());
}

#[test]
fn a_writer_of_one_engine_uses_the_pages_that_a_dead_reader_of_the_other_held_back() {
    for (reading, writing) in PAIRS {
        sweep(reading, writing, false);
    }
}

#[test]
fn dead_readers_of_one_engine_are_found_by_the_other_when_it_is_asked() {
    for (reading, writing) in PAIRS {
        sweep(reading, writing, true);
    }
}
