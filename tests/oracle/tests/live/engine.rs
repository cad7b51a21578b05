//! Both engines behind one interface: what a worker does with a database.

use std::error::Error;
use std::path::Path;

use crate::opening::Opening;
use crate::part::Part;
use crate::{ours, theirs};

/// A result of either engine, or what is wrong with what it holds.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// Which of the two engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Ours,
    Theirs,
}

impl Engine {
    pub(crate) fn other(self) -> Engine {
        match self {
            Engine::Ours => Engine::Theirs,
            Engine::Theirs => Engine::Ours,
        }
    }

    pub(crate) fn open(self, path: &Path, opening: &Opening) -> Outcome<Box<dyn Database>> {
        match self {
            Engine::Ours => ours::open(path, opening),
            Engine::Theirs => theirs::open(path, opening),
        }
    }
}

/// An open database.
pub(crate) trait Database {
    fn read(&self) -> Outcome<Box<dyn Reading<'_> + '_>>;
    /// Waits until no other writer runs.
    fn write(&self) -> Outcome<Box<dyn Writing + '_>>;
    /// Begins to write if no other writer runs, and aborts it.
    fn try_write(&self) -> Outcome<()>;
    /// Changes the upper bound of the file.
    fn resize(&self, upper: u64) -> Outcome<()>;
    /// Copies the newest snapshot.
    fn copy(&self, path: &Path, compact: bool) -> Outcome<()>;
    /// Makes the last commit durable.
    fn sync(&self) -> Outcome<()>;
    /// Sets the volume after which a commit becomes durable, for all processes.
    fn set_sync_bytes(&self, bytes: u64) -> Outcome<()>;
    /// Has the engine check the whole file, and returns what it complains of.
    fn check(&self) -> Outcome<Vec<String>>;
    fn allocated_pages(&self) -> Outcome<u64>;
    /// Frees what dead readers hold, and returns how many there were.
    fn clear_dead_readers(&self) -> Outcome<u64>;
    fn close(self: Box<Self>) -> Outcome<()>;
}

/// What is done with an item; the first that fails is the last.
pub(crate) type Each<'f> = dyn FnMut(&[u8], &[u8]) -> Outcome<()> + 'f;

/// A transaction, as far as it looks at its snapshot.
pub(crate) trait Snapshot {
    fn id(&self) -> u64;
    /// Returns the value of a key; there is none if there is no such table yet.
    fn get(&self, part: Part, key: &[u8]) -> Outcome<Option<Vec<u8>>>;
    /// Does something with all items, in order; there are none if there is no such table yet.
    fn each(&self, part: Part, each: &mut Each<'_>) -> Outcome<()>;
    /// Returns the numbers of the canary.
    fn marks(&self) -> Outcome<[u64; 3]>;
    /// Returns the sequence of a table; zero if there is no such table yet.
    fn sequence(&self, part: Part) -> Outcome<u64>;
}

/// A read transaction.
pub(crate) trait Reading<'env>: Snapshot {
    /// Gives the snapshot up, and begins again on the newest one.
    fn renew(self: Box<Self>) -> Outcome<Box<dyn Reading<'env> + 'env>>;
    fn park(self: Box<Self>) -> Outcome<Box<dyn Parked<'env> + 'env>>;
}

/// A parked read transaction.
pub(crate) trait Parked<'env> {
    fn unpark(self: Box<Self>) -> Outcome<Box<dyn Reading<'env> + 'env>>;
}

/// A write transaction. It is aborted when it goes.
pub(crate) trait Writing: Snapshot {
    fn put(&mut self, part: Part, key: &[u8], value: &[u8]) -> Outcome<()>;
    fn delete(&mut self, part: Part, key: &[u8]) -> Outcome<bool>;
    fn delete_dup(&mut self, part: Part, key: &[u8], value: &[u8]) -> Outcome<bool>;
    fn clear(&mut self, part: Part) -> Outcome<()>;
    fn set_marks(&mut self, marks: [u64; 3]) -> Outcome<()>;
    /// Adds one to the sequence of a table.
    fn count_up(&mut self, part: Part) -> Outcome<()>;
    fn commit(self: Box<Self>) -> Outcome<()>;
}
