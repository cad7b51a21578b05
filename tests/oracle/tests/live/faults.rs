//! What the other tests look for is found when it is there.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;

use crate::answer::{Class, Commit};
use crate::chain::{Fault, Load};
use crate::command::{Command, Run};
use crate::database::{Live, Seen, assert_nothing_lost, len};
use crate::opening::Opening;
use crate::together::PAIRS;

const LOAD: Load = Load {
    changes: 10,
    bulk_every: 0,
};

#[test]
fn a_change_outside_the_chain_is_found_by_readers_of_either_engine() {
    for (writing, reading) in PAIRS {
        for fault in [Fault::Unnoticed, Fault::Overlap] {
            let live = Live::created_by(writing, 4096);
            let mut writer = live.opened(writing, Opening::new());
            let mut reader = live.opened(reading, Opening::new());
            writer.ask(Command::Write(Run::of(20, 1), LOAD));
            reader.ask(Command::Check);
            writer.ask(Command::Spoil(fault));
            let refusal = reader.refused(Command::Read(Run::of(1, 1)));
            assert_eq!(refusal.class, Class::Other);
            println!(
                "{fault:?} of {writing:?}: {reading:?} finds {}",
                refusal.text
            );
        }
    }
}

#[test]
fn a_change_under_a_reader_is_found() {
    for (engine, _) in PAIRS {
        let live = Live::created_by(engine, 4096);
        let mut worker = live.opened(engine, Opening::new());
        worker.ask(Command::Write(Run::of(50, 1), LOAD));
        worker.ask(Command::Begin);
        worker.ask(Command::Look);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(live.path())
            .unwrap();
        for page in 3..len(&live.path()) / 4096 {
            let mut byte = [0];
            file.read_exact_at(&mut byte, page * 4096 + 4095).unwrap();
            file.write_all_at(&[!byte[0]], page * 4096 + 4095).unwrap();
        }
        println!("{engine:?} finds {}", worker.refused(Command::Look).text);
        worker.kill();
    }
}

fn chain(numbers: &[u64]) -> Vec<Commit> {
    let commit = |number: &u64| Commit {
        number: *number,
        digest: *number,
    };
    numbers.iter().map(commit).collect()
}

const THREE: Seen = Seen {
    id: 10,
    number: 3,
    digest: 3,
    sum: 0,
};

#[test]
fn commits_of_a_killed_writer_may_be_there_that_it_did_not_tell_of() {
    assert_nothing_lost(chain(&[2, 1, 3]), 0, THREE);
    assert_nothing_lost(chain(&[3, 1]), 1, THREE);
    assert_nothing_lost(chain(&[2, 1]), 1, THREE);
}

#[test]
#[should_panic(expected = "4 is lost")]
fn a_commit_that_is_lost_is_found() {
    assert_nothing_lost(chain(&[1, 2, 3, 4]), 0, THREE);
}

#[test]
#[should_panic(expected = "made twice")]
fn a_commit_that_is_made_twice_is_found() {
    assert_nothing_lost(chain(&[1, 2, 2, 3]), 0, THREE);
}

#[test]
#[should_panic(expected = "2 commits were told of")]
fn a_commit_that_nobody_made_is_found() {
    assert_nothing_lost(chain(&[1, 3]), 0, THREE);
}
