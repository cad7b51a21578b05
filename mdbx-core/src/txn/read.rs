//! `ReadTxn`: a snapshot and its pin; `ResetTxn` and `ParkedTxn`: what is left without one.
//!
//! Only a [`ReadTxn`] can read. To give its snapshot up it is turned into one of the others, by value, so whatever
//! was borrowed from it has to be gone by then.

use std::fmt;
use std::ops::RangeBounds;

use crate::error::{Error, Result};
use crate::format::meta::Meta;
use crate::ids::Txnid;
use crate::pager::snapshot::Pages;
use crate::store::open::Store;
use crate::store::reader::{ParkedReader, Reader, ReaderSlot, StoreRef};
use crate::txn::canary::Canary;
use crate::txn::cursor::Cursor;
use crate::txn::range::{Dups, Range};
use crate::txn::table::{Table, TableFlags, Tables, handle};
use crate::txn::view::TableRef;

/// A read transaction: the database as it was when the transaction began, whatever is committed meanwhile.
///
/// It never waits and makes nobody wait. But while it lives, no page of its snapshot can be used again, so a
/// long one makes the file grow under a writer: end it when you are done, or
///
/// - [`reset`](ReadTxn::reset) it, to begin again later at less cost;
/// - [`refresh`](ReadTxn::refresh) it, to go on with the newest snapshot;
/// - [`park`](ReadTxn::park) it, to keep the snapshot as long as nobody needs its room.
///
/// What it hands out points into the database file and lives as long as the transaction is borrowed.
#[doc(alias = "MDBX_TXN_RDONLY")]
pub struct ReadTxn<'env> {
    reader: Reader<'env>,
    tables: Tables,
}

impl<'env> ReadTxn<'env> {
    #[inline]
    pub(crate) fn begin(store: StoreRef<'env>) -> Result<ReadTxn<'env>> {
        Ok(ReadTxn::of(Reader::begin(store)?))
    }

    #[inline]
    fn of(reader: Reader<'env>) -> ReadTxn<'env> {
        let tables = Tables::new(reader.head().meta.main, reader.store().orders.main);
        ReadTxn { reader, tables }
    }

    /// Returns the id of the snapshot: that of the commit that made it.
    #[doc(alias = "mdbx_txn_id")]
    #[must_use]
    pub fn id(&self) -> Txnid {
        self.reader.head().meta.txnid
    }

    /// Returns how far the snapshot is behind: how many ids were committed since. That is the number of commits, unless
    /// one freed so many pages that it took several ids.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`] if the meta page is damaged.
    #[doc(alias = "mdbx_txn_straggler")]
    pub fn lag(&self) -> Result<u64> {
        self.reader.lag()
    }

    /// Moves to the newest snapshot, and returns whether that is another one. It is the same as beginning anew, for
    /// less.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`] if the meta page is damaged. The transaction keeps its snapshot then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mdbx_core::{Env, Table};
    /// # let dir = tempfile::tempdir()?;
    /// # let env = Env::open(dir.path().join("app.mdbx"))?;
    /// let mut reader = env.read()?;
    /// let mut writer = env.write()?;
    /// writer.put(Table::MAIN, b"key", b"value")?;
    /// writer.commit()?;
    /// assert_eq!(reader.get(Table::MAIN, b"key")?, None);
    /// assert!(reader.refresh()?);
    /// assert_eq!(reader.get(Table::MAIN, b"key")?, Some(&b"value"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "mdbx_txn_refresh")]
    pub fn refresh(&mut self) -> Result<bool> {
        let moved = self.reader.refresh()?;
        if moved {
            let order = self.store().orders.main;
            self.tables = Tables::new(self.reader.head().meta.main, order);
        }
        Ok(moved)
    }

    /// Begins a second read transaction on the same snapshot, however old that is. Either may end first.
    ///
    /// # Errors
    ///
    /// [`Error::ReadersFull`].
    #[doc(alias = "mdbx_txn_clone")]
    pub fn try_clone(&self) -> Result<ReadTxn<'env>> {
        self.reader.try_clone().map(ReadTxn::of)
    }

    /// Gives the snapshot up, and keeps the place among the readers, to [`renew`](ResetTxn::renew) the transaction
    /// without looking for one.
    ///
    /// # Examples
    ///
    /// What was read is gone with the snapshot, so this does not compile:
    ///
    /// ```compile_fail,E0505
    /// # use mdbx_core::{Env, Table};
    /// # let dir = tempfile::tempdir()?;
    /// # let env = Env::open(dir.path().join("app.mdbx"))?;
    /// let txn = env.read()?;
    /// let value = txn.get(Table::MAIN, b"key")?;
    /// let reset = txn.reset();
    /// assert_eq!(value, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "mdbx_txn_reset")]
    #[must_use = "dropping it gives up the place that it keeps"]
    pub fn reset(self) -> ResetTxn<'env> {
        ResetTxn {
            slot: self.reader.reset(),
        }
    }

    /// Stops reading, in the hope to go on with the same snapshot later: a writer that needs room takes it away.
    #[doc(alias = "mdbx_txn_park")]
    #[must_use = "dropping it ends the transaction"]
    pub fn park(self) -> ParkedTxn<'env> {
        ParkedTxn {
            id: self.id(),
            place: Some(Place::Parked(self.reader.park(), self.tables)),
        }
    }

    /// Returns the table behind a handle, with all its read operations.
    ///
    /// # Errors
    ///
    /// - [`Error::NoSuchTable`] if this snapshot has no such table.
    /// - [`Error::ForeignTable`] if the handle belongs to another environment.
    /// - [`Error::Incompatible`] if its name is that of a plain entry of the main table.
    #[inline]
    pub fn table(&self, table: Table) -> Result<TableRef<'_>> {
        let pages = self.pages();
        let open = self.tables.get(self.store(), || pages, table)?;
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

    #[inline]
    pub(crate) fn store(&self) -> &Store {
        self.reader.store()
    }

    #[inline]
    pub(crate) fn pages(&self) -> Pages<'_> {
        let meta = &self.reader.head().meta;
        Pages {
            map: &self.store().map,
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

/// A read transaction without a snapshot: a place among the readers, which counts as taken, and holds no page back.
///
/// [`ReadTxn::reset`] and [`Env::prepare_read`](crate::Env::prepare_read) make it.
pub struct ResetTxn<'env> {
    slot: ReaderSlot<'env>,
}

impl<'env> ResetTxn<'env> {
    pub(crate) fn prepare(store: StoreRef<'env>) -> Result<ResetTxn<'env>> {
        ReaderSlot::take(store).map(|slot| ResetTxn { slot })
    }

    /// Begins to read the newest snapshot.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`] if the meta page is damaged. The place is given up then.
    #[doc(alias = "mdbx_txn_renew")]
    pub fn renew(self) -> Result<ReadTxn<'env>> {
        self.slot.renew().map(ReadTxn::of)
    }
}

impl fmt::Debug for ResetTxn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResetTxn").finish_non_exhaustive()
    }
}

/// A read transaction that does not read at the moment, and loses its snapshot if a writer needs the room.
///
/// # Examples
///
/// ```
/// # use mdbx_core::{Env, Error, Table};
/// # let dir = tempfile::tempdir()?;
/// # let env = Env::open(dir.path().join("app.mdbx"))?;
/// let parked = env.read()?.park();
/// // ... wait for the user ...
/// let txn = match parked.unpark() {
///     Err(Error::Ousted { .. }) => env.read()?, // look again what there is
///     unparked => unparked?,
/// };
/// assert_eq!(txn.get(Table::MAIN, b"key")?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ParkedTxn<'env> {
    id: Txnid,
    /// `None` only while it reads.
    place: Option<Place<'env>>,
}

/// What a parked transaction has, as far as it knows.
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the common one, and there are as few as readers"
)]
enum Place<'env> {
    Parked(ParkedReader<'env>, Tables),
    /// A writer took the snapshot away.
    Lost(ReaderSlot<'env>),
}

impl<'env> ParkedTxn<'env> {
    /// Returns the id of the snapshot.
    #[must_use]
    pub fn id(&self) -> Txnid {
        self.id
    }

    /// Goes on reading the same snapshot.
    ///
    /// # Errors
    ///
    /// [`Error::Ousted`] if a writer took it away.
    #[doc(alias = "mdbx_txn_unpark")]
    pub fn unpark(mut self) -> Result<ReadTxn<'env>> {
        self.take()
    }

    /// Goes on reading: the same snapshot, or the newest one if a writer took that away. The id tells which.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`] if the meta page is damaged.
    pub fn unpark_or_renew(mut self) -> Result<ReadTxn<'env>> {
        match (self.take(), self.place) {
            (Err(_), Some(Place::Lost(slot))) => slot.renew().map(ReadTxn::of),
            (unparked, _) => unparked,
        }
    }

    /// Calls `read` with the transaction, which is parked again afterwards.
    ///
    /// # Errors
    ///
    /// [`Error::Ousted`] if a writer took the snapshot away. Then `read` is not called, now and ever after.
    pub fn read<R>(&mut self, read: impl FnOnce(&ReadTxn<'env>) -> R) -> Result<R> {
        let txn = self.take()?;
        let result = read(&txn);
        *self = txn.park();
        Ok(result)
    }

    /// Takes the transaction out, if it has its snapshot.
    fn take(&mut self) -> Result<ReadTxn<'env>> {
        match self.place.take() {
            Some(Place::Parked(reader, tables)) => match reader.unpark() {
                Ok(reader) => return Ok(ReadTxn { reader, tables }),
                Err(slot) => self.place = Some(Place::Lost(slot)),
            },
            lost => self.place = lost,
        }
        Err(Error::Ousted { snapshot: self.id })
    }
}

impl fmt::Debug for ParkedTxn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParkedTxn")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
