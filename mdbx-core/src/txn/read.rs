//! `ReadTxn`: a snapshot and its pin.

use std::fmt;
use std::ops::RangeBounds;

use crate::error::Result;
use crate::format::meta::Meta;
use crate::ids::Txnid;
use crate::pager::snapshot::Pages;
use crate::store::open::Store;
use crate::store::reader::{Reader, StoreRef};
use crate::txn::canary::Canary;
use crate::txn::cursor::Cursor;
use crate::txn::range::{Dups, Range};
use crate::txn::table::{Table, TableFlags, Tables, handle};
use crate::txn::view::TableRef;

/// A read transaction: the database as it was when the transaction began, whatever is committed meanwhile.
///
/// It never waits and makes nobody wait. But while it lives, no page of its snapshot can be used again, so a
/// long one makes the file grow under a writer: end it when you are done.
///
/// What it hands out points into the database file and lives as long as the transaction is borrowed.
#[doc(alias = "MDBX_TXN_RDONLY")]
pub struct ReadTxn<'env> {
    reader: Reader<'env>,
    tables: Tables,
}

impl<'env> ReadTxn<'env> {
    pub(crate) fn begin(store: StoreRef<'env>) -> Result<ReadTxn<'env>> {
        let reader = Reader::begin(store)?;
        let tables = Tables::new(reader.head().meta.main, reader.store.orders.main);
        Ok(ReadTxn { reader, tables })
    }

    /// Returns the id of the snapshot: that of the commit that made it.
    #[must_use]
    pub fn id(&self) -> Txnid {
        self.reader.head().meta.txnid
    }

    /// Returns the table behind a handle, with all its read operations.
    ///
    /// # Errors
    ///
    /// - [`Error::NoSuchTable`](crate::Error::NoSuchTable) if this snapshot has no such table.
    /// - [`Error::ForeignTable`](crate::Error::ForeignTable) if the handle belongs to another environment.
    /// - [`Error::Incompatible`](crate::Error::Incompatible) if its name is that of a plain entry of the main table.
    #[inline]
    pub fn table(&self, table: Table) -> Result<TableRef<'_>> {
        let pages = self.pages();
        let open = self.tables.get(self.store(), pages, table)?;
        Ok(TableRef::new(pages, open.root, open.orders()))
    }

    /// Returns the three numbers that the canary held in this snapshot, and the transaction that had set them.
    #[must_use]
    #[doc(alias = "mdbx_canary_get")]
    pub fn canary(&self) -> Canary {
        Canary::from_meta(self.meta().canary)
    }

    /// Returns the meta page that describes the snapshot.
    pub(crate) fn meta(&self) -> &Meta {
        &self.reader.head().meta
    }

    fn main(&self) -> TableRef<'_> {
        let main = &self.tables.main;
        TableRef::new(self.pages(), main.root, main.orders())
    }

    pub(crate) fn store(&self) -> &Store {
        &self.reader.store
    }

    #[inline]
    pub(crate) fn pages(&self) -> Pages<'_> {
        let meta = &self.reader.head().meta;
        Pages {
            map: &self.reader.store.map,
            pin: self.reader.pin(),
            page_size: meta.page_size,
            end: meta.geometry.first_unallocated,
            horizon: meta.txnid,
            dirty: None,
        }
    }
}

crate::txn::reads::read_methods!(ReadTxn<'_>);

impl fmt::Debug for ReadTxn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadTxn")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}
