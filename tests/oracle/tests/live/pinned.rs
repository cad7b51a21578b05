//! A reader of one engine keeps its snapshot whatever a writer of the other does, also with the length of the file.

use crate::chain::Load;
use crate::command::{Command, Run};
use crate::common::Rng;
use crate::database::{Live, Seen, assert_nothing_lost, len};
use crate::engine::Engine;
use crate::opening::Opening;
use crate::process::{Worker, eventually};
use crate::together::{PAGE_SIZES, PAIRS, rounds};

const BULK: Load = Load {
    changes: 40,
    bulk_every: 4,
};

const SMALL: Load = Load {
    changes: 40,
    bulk_every: 0,
};

/// Has the worker begin to read, and returns what it sees.
pub(crate) fn begin(reader: &mut Worker) -> Seen {
    reader.ask(Command::Begin);
    Seen::of(&reader.ask(Command::Look))
}

/// The worker must see what it saw.
pub(crate) fn assert_sees(reader: &mut Worker, seen: Seen) {
    assert_eq!(Seen::of(&reader.ask(Command::Look)), seen);
}

/// A reader keeps its snapshot while the other engine fills the file, empties it, and fills it again.
fn keep(reading: Engine, writing: Engine, page_size: u32) {
    let mut rng = Rng::new(2);
    let live = Live::created_by(writing, page_size);
    let mut reader = live.opened(reading, Opening::new());
    let mut writer = live.opened(writing, Opening::new());
    let mut looks = 0;
    for _ in 0..rounds(2) {
        writer.ask(Command::Write(Run::of(30, rng.next()), BULK));
        let seen = begin(&mut reader);
        for _ in 0..5 {
            writer.ask(Command::Write(Run::of(20, rng.next()), BULK));
            assert_sees(&mut reader, seen);
            writer.ask(Command::Empty);
            writer.ask(Command::Write(Run::of(5, rng.next()), SMALL));
            assert_sees(&mut reader, seen);
            looks += 2;
        }
        reader.ask(Command::End);
    }
    let commits = [writer.close(), reader.close()].concat();
    println!(
        "{reading:?} beside a writer of {writing:?}, pages of {page_size}: {looks} looks beside {} commits",
        commits.len()
    );
    assert_nothing_lost(commits, 0, live.verify_closed());
}

/// The file is cut when nobody needs its end, and not before.
fn hold_the_end(reading: Engine, writing: Engine, page_size: u32) {
    let mut rng = Rng::new(3);
    let live = Live::created_by(writing, page_size);
    let mut reader = live.opened(reading, Opening::new());
    let mut writer = live.opened(writing, Opening::new());
    for _ in 0..rounds(2).min(20) {
        writer.ask(Command::Write(Run::of(60, rng.next()), BULK));
        writer.ask(Command::Empty);
        let seen = begin(&mut reader);
        let needed = writer.ask(Command::Pages)[0] * u64::from(page_size);
        for _ in 0..30 {
            writer.ask(Command::Write(Run::of(1, rng.next()), SMALL));
            assert!(len(&live.path()) >= needed, "cut below a reader");
            assert_sees(&mut reader, seen);
        }
        let held = len(&live.path());
        reader.ask(Command::End);
        let mut commits = 0;
        eventually("the file is cut once the reader has ended", || {
            writer.ask(Command::Write(Run::of(10, rng.next()), SMALL));
            commits += 10;
            len(&live.path()) < held
        });
        let cut = len(&live.path());
        println!(
            "{reading:?} beside a writer of {writing:?}: {needed} bytes needed, {held} kept, {cut} after {commits} commits"
        );
        let seen = begin(&mut reader);
        assert!(seen.number > 0);
        reader.ask(Command::End);
    }
    let commits = [writer.close(), reader.close()].concat();
    assert_nothing_lost(commits, 0, live.verify_closed());
}

#[test]
fn a_reader_of_one_engine_keeps_its_snapshot_whatever_the_other_commits() {
    for (reading, writing) in PAIRS {
        for page_size in PAGE_SIZES {
            keep(reading, writing, page_size);
        }
    }
}

#[test]
fn the_file_is_not_cut_below_a_reader_of_the_other_engine() {
    for (reading, writing) in PAIRS {
        for page_size in PAGE_SIZES {
            hold_the_end(reading, writing, page_size);
        }
    }
}
