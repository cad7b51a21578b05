//! Which tables changed since a transaction, for other processes.

use mdbx_core::Txnid;

use crate::schema::Table;

/// Which tables of the schema were changed since a transaction: from
/// [`Database::changed_since`](crate::Database::changed_since).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedTables {
    txn: Txnid,
    names: Vec<&'static str>,
}

impl ChangedTables {
    pub(crate) fn new(txn: Txnid, names: Vec<&'static str>) -> Self {
        ChangedTables { txn, names }
    }

    /// Returns the id of the snapshot that was looked at: what to ask with the next time.
    #[must_use]
    pub fn txn(&self) -> Txnid {
        self.txn
    }

    /// Returns whether the table of `T` was changed.
    #[must_use]
    pub fn has<T: Table>(&self) -> bool {
        self.names.contains(&T::SCHEMA.name)
    }

    /// Returns the stored names of the tables that were changed, in the order of the schema.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.names.iter().copied()
    }

    /// Returns whether no table was changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}
