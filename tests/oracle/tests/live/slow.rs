//! A writer has a reader of the other engine ended that keeps it from using pages again.

use crate::chain::Load;
use crate::command::{Command, Run};
use crate::database::{Live, assert_nothing_lost};
use crate::engine::Engine;
use crate::opening::Opening;
use crate::pinned::begin;

const LOAD: Load = Load {
    changes: 10,
    bulk_every: 0,
};

#[test]
fn a_slow_reader_handler_can_end_the_process_of_a_reader_with_libmdbx() {
    let live = Live::created_by(Engine::Theirs, 4096);
    let mut reader = live.opened(Engine::Theirs, Opening::new());
    let mut idle = live.opened(Engine::Theirs, Opening::new());
    let mut writer = live.opened(Engine::Ours, Opening::new().ends_slow_readers());
    writer.ask(Command::Write(Run::of(50, 1), LOAD));
    let before = writer.ask(Command::Pages)[0];
    begin(&mut reader);
    writer.ask(Command::Write(Run::of(200, 2), LOAD));
    let after = writer.ask(Command::Pages)[0];
    println!("{before} pages before, {after} after 200 commits");
    assert!(after < before + 200, "the reader still holds pages back");
    assert!(reader.has_ended(), "the handler has ended it");
    begin(&mut idle);
    idle.ask(Command::End);
    let commits = [writer.close(), idle.close()].concat();
    assert_nothing_lost(commits, 0, live.verify_closed());
}
