//! Nobody waits for a process of the other engine that has stopped, but writers for a writer.

use crate::answer::Class;
use crate::chain::Load;
use crate::command::{Command, Run};
use crate::database::{Live, assert_nothing_lost};
use crate::opening::Opening;
use crate::pinned::{assert_sees, begin};
use crate::together::PAIRS;

const LOAD: Load = Load {
    changes: 10,
    bulk_every: 0,
};

#[test]
fn readers_wait_for_no_stopped_process_of_the_other_engine() {
    for (stopped, other) in PAIRS {
        let live = Live::created_by(stopped, 4096);
        let mut writer = live.opened(stopped, Opening::new());
        let mut late = live.opened(other, Opening::new());
        let mut reader = live.opened(other, Opening::new());
        writer.ask(Command::Write(Run::of(20, 1), LOAD));
        let seen = begin(&mut reader);
        writer.ask(Command::Hang(Run::of(1, 2), LOAD));
        writer.signal("STOP");
        assert_eq!(late.refused(Command::TryWrite).class, Class::Busy);
        late.ask(Command::Read(Run::of(20, 3)));
        assert_sees(&mut reader, seen);
        // Who comes now can read too, and leave.
        let mut new = live.opened(other, Opening::new());
        new.ask(Command::Read(Run::of(20, 4)));
        new.close();
        late.tell(Command::Write(Run::of(20, 5), LOAD));
        let mut commits = writer.kill();
        late.finish();
        commits.extend(late.close());
        reader.ask(Command::End);
        commits.extend(reader.close());
        assert_nothing_lost(commits, 0, live.verify_closed());
    }
}

#[test]
fn a_writer_waits_for_no_stopped_reader_of_the_other_engine() {
    for (stopped, other) in PAIRS {
        let live = Live::created_by(stopped, 4096);
        let mut reader = live.opened(stopped, Opening::new());
        let mut writer = live.opened(other, Opening::new());
        writer.ask(Command::Write(Run::of(20, 1), LOAD));
        let seen = begin(&mut reader);
        reader.signal("STOP");
        writer.ask(Command::Write(Run::of(200, 2), LOAD));
        reader.signal("CONT");
        assert_sees(&mut reader, seen);
        reader.ask(Command::End);
        let commits = [writer.close(), reader.close()].concat();
        assert_nothing_lost(commits, 0, live.verify_closed());
    }
}
