//! What commits promise, when processes of both engines make them.

use mdbx_core::Env;

use crate::answer::Class;
use crate::chain::Load;
use crate::command::{Command, Run};
use crate::common::Rng;
use crate::database::{Live, assert_nothing_lost};
use crate::lock_file::LockFile;
use crate::opening::{Mode, Opening};
use crate::process::Worker;
use crate::together::{Company, PAIRS, rounds};

const LOAD: Load = Load {
    changes: 8,
    bulk_every: 0,
};

fn write(worker: &mut Worker, rng: &mut Rng, count: usize) {
    worker.ask(Command::Write(Run::of(count, rng.next()), LOAD));
}

/// Whether the newest commit is known to be on the disk.
fn is_durable(live: &Live) -> bool {
    Env::peek(live.path()).unwrap().is_durable
}

/// The low half of the id of the newest commit.
fn newest(live: &Live) -> u32 {
    let newest = Env::peek(live.path()).unwrap().last_txnid.0;
    u32::try_from(newest).expect("there are few commits")
}

fn lock_file(live: &Live) -> LockFile {
    LockFile::read(&live.lock_path())
}

/// Ways to open that must be the same for all, each with one that differs.
fn clashes() -> Vec<(Opening, Opening)> {
    let mode = |mode| Opening::new().mode(mode);
    vec![
        (mode(Mode::Durable), mode(Mode::SafeNoSync)),
        (mode(Mode::Durable), mode(Mode::UtterlyNoSync)),
        (mode(Mode::SafeNoSync), mode(Mode::UtterlyNoSync)),
        (mode(Mode::NoMetaSync), mode(Mode::SafeNoSync)),
        (mode(Mode::SingleSync), mode(Mode::SafeNoSync)),
        (mode(Mode::SafeNoSync), mode(Mode::SafeNoSync).write_map()),
    ]
}

#[test]
fn both_engines_refuse_modes_that_clash_with_those_of_the_other() {
    for (holding, opening) in PAIRS {
        for (one, other) in clashes() {
            for (held, asked) in [(one, other), (other, one)] {
                let live = Live::created_by(holding, 4096);
                let mut holder = live.opened(holding, held);
                holder.ask(Command::Empty);
                let mut opener = live.worker("opener");
                opener.refused_opening(opening, asked, Class::Incompatible);
                // A process that only reads has no mode.
                opener.ask(Command::Open(opening, asked.read_only()));
                opener.ask(Command::Close);
                opener.ask(Command::Open(opening, held));
                opener.ask(Command::Empty);
                opener.close();
                holder.close();
                assert_eq!(live.verify_closed().number, 2);
            }
        }
    }
}

#[test]
fn both_engines_accept_what_may_differ() {
    let durable = Opening::new();
    let ways = [
        (durable, durable.mode(Mode::NoMetaSync)),
        (durable, durable.mode(Mode::SingleSync)),
        (durable, durable.write_map()),
    ];
    let mut rng = Rng::new(12);
    for (first, second) in PAIRS {
        for (one, other) in ways {
            for (held, asked) in [(one, other), (other, one)] {
                let live = Live::created_by(first, 4096);
                let mut workers = [live.opened(first, held), live.opened(second, asked)];
                for _ in 0..4 {
                    for worker in &mut workers {
                        write(worker, &mut rng, 5);
                    }
                    Live::agree(&mut workers);
                }
                let commits = workers.into_iter().flat_map(Worker::close).collect();
                assert_nothing_lost(commits, 0, live.verify_closed());
            }
        }
    }
}

#[test]
fn processes_of_both_engines_share_a_database_in_every_mode() {
    for (creator, other) in PAIRS {
        let ways = [false, true]
            .into_iter()
            .flat_map(|write_map| Mode::ALL.map(|mode| (mode, write_map)));
        for (mode, write_map) in ways {
            Company {
                creator,
                page_size: 4096,
                mode,
                write_map,
                writers: &[creator, other],
                readers: &[other],
                watchers: &[creator],
                commits: 150,
                pauses: rounds(1),
            }
            .work();
        }
    }
}

/// Weak commits of one are made durable by the other, as the lock file tells it.
#[test]
fn weak_commits_of_one_engine_are_made_durable_by_a_sync_of_the_other() {
    let mut rng = Rng::new(13);
    for (committing, syncing) in PAIRS {
        for write_map in [false, true] {
            let mut opening = Opening::new().mode(Mode::SafeNoSync);
            opening.write_map = write_map;
            let live = Live::created_by(committing, 4096);
            let mut one = live.opened(committing, opening);
            let mut other = live.opened(syncing, opening);
            let mut weak = 0;
            for _ in 0..rounds(10) {
                let aborts = one.ask(Command::Write(Run::of(3, rng.next()), LOAD))[1];
                let left = lock_file(&live);
                // A writer that lacks room syncs by itself, so that not every commit is left weak; and one that is aborted may have.
                if !is_durable(&live) && aborts == 0 {
                    weak += 1;
                    assert!(left.unsynced_pages > 0, "{left:?}");
                    assert!(left.eoos_timestamp > 0, "{left:?}");
                }
                other.ask(Command::Sync);
                let left = lock_file(&live);
                assert!(is_durable(&live), "{left:?}");
                assert_eq!((left.unsynced_pages, left.eoos_timestamp), (0, 0));
            }
            println!("{committing:?}: {weak} commits made durable by a sync of {syncing:?}");
            assert!(weak > 0, "there never was anything to sync");
            write(&mut one, &mut rng, 3);
            let seen = Live::agree(std::slice::from_mut(&mut other));
            // The last one to close makes the last commit durable, of whoever it is.
            let commits = [one.close(), other.close()].concat();
            assert!(is_durable(&live));
            assert_nothing_lost(commits, 0, seen);
            live.verify_closed();
        }
    }
}

/// A commit whose meta is not synced, and durable ones of the other after it.
#[test]
fn a_durable_commit_of_one_engine_follows_weaker_ones_of_the_other() {
    let mut rng = Rng::new(14);
    for (weak, durable) in PAIRS {
        for write_map in [false, true] {
            let mut opening = Opening::new().mode(Mode::NoMetaSync);
            opening.write_map = write_map;
            let live = Live::created_by(weak, 4096);
            let mut one = live.opened(weak, opening);
            let mut other = live.opened(durable, opening.mode(Mode::Durable));
            for _ in 0..rounds(5) {
                write(&mut one, &mut rng, 2);
                assert!(is_durable(&live), "its data is synced");
                let synced = lock_file(&live).meta_sync_txnid;
                assert_ne!(synced, newest(&live), "its meta is not");
                write(&mut other, &mut rng, 1);
                assert!(is_durable(&live));
                let left = lock_file(&live);
                assert_eq!(left.meta_sync_txnid, newest(&live), "{left:?}");
                assert_eq!(left.unsynced_pages, 0, "{left:?}");
            }
            let commits = [one.close(), other.close()].concat();
            assert_nothing_lost(commits, 0, live.verify_closed());
        }
    }
}

/// The volume after which a commit becomes durable by itself is set by one, for all.
#[test]
fn the_volume_that_one_engine_sets_makes_commits_of_the_other_durable() {
    let mut rng = Rng::new(15);
    for (setting, committing) in PAIRS {
        let opening = Opening::new().mode(Mode::SafeNoSync);
        let live = Live::created_by(setting, 4096);
        let mut one = live.opened(setting, opening);
        let mut other = live.opened(committing, opening);
        let mut most_unsynced = || {
            let unsynced = |_| {
                write(&mut other, &mut rng, 1);
                lock_file(&live).unsynced_pages
            };
            (0..60).map(unsynced).max().unwrap()
        };
        let before = most_unsynced();
        one.ask(Command::SyncBytes(16 * 4096));
        let limited = most_unsynced();
        one.ask(Command::SyncBytes(0));
        let after = most_unsynced();
        println!("{committing:?}: {before}, {limited} and {after} pages unsynced at most");
        assert!(limited <= 16 && before.min(after) > 16);
        let commits = [one.close(), other.close()].concat();
        assert_nothing_lost(commits, 0, live.verify_closed());
    }
}
