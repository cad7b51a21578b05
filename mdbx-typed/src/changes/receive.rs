//! The subscriber's end.

use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::hub::Hub;
use super::journal::Watch;
use super::queue::Next;
use super::set::ChangeSet;
use crate::error::KeyError;
use crate::schema::Table;

/// What transactions change in the table of `T`, as they commit: from [`Database::subscribe`](crate::Database::subscribe).
///
/// Each transaction that changes something of what is subscribed gives one [`ChangeSet`], after its commit has
/// succeeded, in the order of the commits. A transaction that is rolled back gives none, and a statement that fails adds
/// nothing to that of its transaction.
///
/// Writers never wait for a subscriber. The queue is bounded; when it is full the oldest change set goes, and the
/// subscriber is told of it by [`RecvError::Lagged`]. Dropping the subscription ends it. It can be sent to another
/// thread, takes no reader slot, and does not keep the database open: when the last handle of the database goes,
/// receiving ends with [`RecvError::Closed`].
///
/// As an iterator it waits for change sets until the database closes.
///
/// # A copy that stays equal
///
/// Subscribe first, then read. What a snapshot has seen are the transactions up to its [`id`](crate::ReadTxn::id), so
/// change sets of these are skipped; all others come.
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use mdbx_typed::{RecvError, Result};
/// # use serde::{Deserialize, Serialize};
/// # use std::collections::HashMap;
/// # #[derive(Table, Serialize, Deserialize)] struct User { #[key] id: u64, name: String }
/// fn follow(db: &Database) -> Result<()> {
///     let changes = db.subscribe::<User>()?;
///     let mut names = HashMap::new();
///     let mut seen = fill(&mut names, &db.read()?)?;
///     loop {
///         match changes.recv() {
///             Ok(set) if set.txn <= seen => {} // the snapshot had it
///             Ok(set) => {
///                 let tx = db.read()?; // this change set, and perhaps more that are still to come
///                 for id in set.changed().chain(&set.deleted) {
///                     match tx.get::<User>(*id)? {
///                         Some(user) => names.insert(*id, user.name),
///                         None => names.remove(id),
///                     };
///                 }
///             }
///             Err(RecvError::Lagged(_)) => seen = fill(&mut names, &db.read()?)?, // start over
///             Err(_) => return Ok(()),
///         }
///     }
/// }
///
/// fn fill(names: &mut HashMap<u64, String>, tx: &ReadTxn<'_>) -> Result<mdbx_typed::Txnid> {
///     names.clear();
///     for user in tx.by(user::primary).rows() {
///         let user: User = user?;
///         names.insert(user.id, user.name);
///     }
///     Ok(tx.id())
/// }
/// # let db = Database::in_memory(schema![User])?;
/// # drop(db);
/// # Ok::<_, mdbx_typed::Error>(())
/// ```
pub struct Changes<T> {
    watch: Arc<Watch>,
    hub: Weak<Hub>,
    table: PhantomData<fn() -> T>,
}

/// Why there is no change set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecvError {
    /// The queue was full, and so many change sets went. The next call goes on with the oldest that is left.
    #[error("the subscriber was too slow and missed {0} change sets")]
    Lagged(u64),
    /// The database was closed, and all that was queued has been received.
    #[error("the database was closed")]
    Closed,
    /// A row was deleted whose primary key in the file is none: the file is damaged. Its change set is lost.
    #[error("a malformed primary key was deleted")]
    Key(#[source] KeyError),
}

impl<T: Table> Changes<T> {
    pub(crate) fn new(watch: Arc<Watch>, hub: &Arc<Hub>) -> Self {
        Changes {
            watch,
            hub: Arc::downgrade(hub),
            table: PhantomData,
        }
    }

    /// Returns the next change set; waits until there is one.
    ///
    /// In a write transaction that would be for ever, if none is queued: nobody else can commit meanwhile.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] if change sets were missed, [`RecvError::Closed`] when there will be no more, and
    /// [`RecvError::Key`].
    pub fn recv(&self) -> Result<ChangeSet<T>, RecvError> {
        match change(self.watch.queue.wait(None))? {
            Some(set) => Ok(set),
            None => Err(RecvError::Closed),
        }
    }

    /// As [`recv`](Changes::recv), but waits no longer than `timeout`; returns `None` then.
    ///
    /// # Errors
    ///
    /// As [`recv`](Changes::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Option<ChangeSet<T>>, RecvError> {
        // A time that no clock reaches is no deadline.
        let deadline = Instant::now().checked_add(timeout);
        change(self.watch.queue.wait(deadline))
    }

    /// Returns the next change set, or `None` if there is none yet.
    ///
    /// # Errors
    ///
    /// As [`recv`](Changes::recv).
    pub fn try_recv(&self) -> Result<Option<ChangeSet<T>>, RecvError> {
        change(self.watch.queue.take())
    }
}

/// Turns what came out of a queue into what a subscriber gets.
fn change<T: Table>(next: Next) -> Result<Option<ChangeSet<T>>, RecvError> {
    match next {
        Next::Set(set) => set.decode().map(Some).map_err(RecvError::Key),
        Next::Missed(count) => Err(RecvError::Lagged(count)),
        Next::Nothing => Ok(None),
        Next::Closed => Err(RecvError::Closed),
    }
}

/// Waits for change sets, and ends when the database closes.
impl<T: Table> Iterator for Changes<T> {
    type Item = Result<ChangeSet<T>, RecvError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.recv() {
            Err(RecvError::Closed) => None,
            next => Some(next),
        }
    }
}

impl<T: Table> FusedIterator for Changes<T> {}

impl<T> Drop for Changes<T> {
    fn drop(&mut self) {
        if let Some(hub) = self.hub.upgrade() {
            hub.unsubscribe(&self.watch);
        }
    }
}

impl<T> fmt::Debug for Changes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").finish_non_exhaustive()
    }
}
