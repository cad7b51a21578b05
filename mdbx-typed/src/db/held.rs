//! Rows that outlive the function that read them.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::ReadTxn;
use crate::error::Result;
use crate::key::KeyBuf;
use crate::schema::Table;
use crate::schema::row::dangling;
use crate::table::PRIMARY;

/// A row with the snapshot it is in, so that it can be stored, returned and sent to another thread.
///
/// The row is read each time [`row`](Held::row) is called, and borrows from the `Held`. Clones share the snapshot. It
/// counts as a reader: while it is there, the pages of its snapshot are not reused.
///
/// From [`ReadTxn::hold`] or [`Database::hold`](super::Database::hold).
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// use mdbx_typed::Held;
///
/// #[derive(Table, Serialize, Deserialize)]
/// struct Event<'a> {
///     #[key]
///     seq: u64,
///     body: &'a str,
/// }
///
/// /// An answer that a web server sends later, from another thread, without copying the body.
/// struct Answer(Held<Event<'static>>);
///
/// impl Answer {
///     fn body(&self) -> mdbx_typed::Result<&str> {
///         Ok(self.0.row()?.body)
///     }
/// }
///
/// fn answer(db: &Database, seq: u64) -> mdbx_typed::Result<Option<Answer>> {
///     Ok(db.hold::<Event>(seq)?.map(Answer))
/// }
/// ```
pub struct Held<T> {
    txn: Arc<ReadTxn<'static>>,
    /// The primary key, which the snapshot has.
    key: KeyBuf,
    table: PhantomData<fn() -> T>,
}

impl<T: Table> Held<T> {
    /// Returns the row with these bytes of a primary key; `None` if there is no such row.
    pub(super) fn new(txn: &Arc<ReadTxn<'static>>, key: KeyBuf) -> Result<Option<Self>> {
        let row = txn.get_by_bytes::<T>(key.as_slice())?;
        Ok(row.is_some().then(|| Held {
            txn: Arc::clone(txn),
            key,
            table: PhantomData,
        }))
    }

    /// Returns the row.
    ///
    /// # Errors
    ///
    /// As [`ReadTxn::get`]. The row was read once before, so only a file that changes under its snapshot fails here.
    pub fn row(&self) -> Result<T::Row<'_>> {
        let key = self.key.as_slice();
        let row = self.txn.get_by_bytes::<T>(key)?;
        row.ok_or_else(|| dangling(T::SCHEMA.name, PRIMARY, key))
    }

    /// Returns the snapshot it is in.
    #[must_use]
    pub fn txn(&self) -> &Arc<ReadTxn<'static>> {
        &self.txn
    }
}

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Held {
            txn: Arc::clone(&self.txn),
            key: self.key.clone(),
            table: PhantomData,
        }
    }
}

impl<T: Table> fmt::Debug for Held<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("table", &T::SCHEMA.name)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
