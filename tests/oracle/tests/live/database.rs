//! A live database in a directory of its own, and how all who had it open leave it.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::answer::Commit;
use crate::command::Command;
use crate::common::inspect;
use crate::engine::Engine;
use crate::opening::Opening;
use crate::process::Worker;

/// A database that processes have open.
pub(crate) struct Live {
    directory: TempDir,
}

/// What a snapshot shows of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The snapshot.
    pub(crate) id: u64,
    /// Where the chain has come to in it.
    pub(crate) number: u64,
    pub(crate) digest: u64,
    pub(crate) sum: u64,
}

impl Seen {
    /// Reads the answer of a worker that has looked.
    pub(crate) fn of(numbers: &[u64]) -> Seen {
        let [id, number, digest, sum] = numbers.try_into().unwrap();
        Seen {
            id,
            number,
            digest,
            sum,
        }
    }
}

impl Live {
    /// A place where there is no database yet.
    pub(crate) fn nowhere() -> Live {
        Live {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// A new database, which the engine has created, filled a little, and closed.
    pub(crate) fn created_by(engine: Engine, page_size: u32) -> Live {
        let live = Live::nowhere();
        live.opened(engine, Opening::new().create(page_size))
            .close();
        live
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("live.mdbx")
    }

    pub(crate) fn lock_path(&self) -> PathBuf {
        self.directory.path().join("live.mdbx-lck")
    }

    /// Starts a worker that has it open.
    pub(crate) fn opened(&self, engine: Engine, opening: Opening) -> Worker {
        Worker::opened(engine, &self.path(), opening)
    }

    /// Starts a worker that has not opened it.
    pub(crate) fn worker(&self, name: &str) -> Worker {
        Worker::start(name, &self.path())
    }

    /// Has each worker check the file and look at it, while nobody writes. All see the same.
    pub(crate) fn agree(workers: &mut [Worker]) -> Seen {
        let seen: Vec<Seen> = workers
            .iter_mut()
            .map(|worker| Seen::of(&worker.ask(Command::Check)))
            .collect();
        assert!(seen.iter().all(|other| *other == seen[0]), "{seen:?}");
        seen[0]
    }

    /// Checks the database after all have closed it: with each engine, and with the independent reader if there is one.
    pub(crate) fn verify_closed(&self) -> Seen {
        assert_eq!(
            len(&self.lock_path()),
            0,
            "the last one empties the lock file"
        );
        self.verify_left()
    }

    /// The same of a database that somebody has left without closing it.
    pub(crate) fn verify_left(&self) -> Seen {
        let seen = [Engine::Theirs, Engine::Ours].map(|engine| {
            let mut worker = self.opened(engine, Opening::new());
            let seen = Live::agree(std::slice::from_mut(&mut worker));
            worker.close();
            seen
        });
        let [theirs, ours] = seen;
        assert_eq!(
            (theirs.number, theirs.digest, theirs.sum),
            (ours.number, ours.digest, ours.sum)
        );
        inspect(&self.path());
        ours
    }
}

pub(crate) fn len(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

/// Every commit is one link of the chain, and only one: none that a writer has told of is lost, or made twice. Of each of
/// the `killed` writers one commit may be there that it could not tell of.
pub(crate) fn assert_nothing_lost(mut commits: Vec<Commit>, killed: u64, seen: Seen) {
    commits.sort_by_key(|commit| commit.number);
    for pair in commits.windows(2) {
        assert!(pair[0].number < pair[1].number, "made twice: {pair:?}");
    }
    let told = commits.len() as u64;
    let last = commits.last().map_or(0, |commit| commit.number);
    assert!(
        last <= seen.number,
        "{last} is lost, there are {}",
        seen.number
    );
    assert!(
        seen.number - told <= killed,
        "{told} commits were told of, and there are {}",
        seen.number
    );
    if let Some(newest) = commits.last().filter(|newest| newest.number == seen.number) {
        assert_eq!(newest.digest, seen.digest);
    }
}
