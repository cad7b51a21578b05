//! `Env`: begin transactions.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::env::info::Info;
use crate::error::Result;
use crate::ids::Pgno;
use crate::store::reader::StoreRef;
use crate::store::troika::head;
use crate::store::turn::Turn;
use crate::txn::engine::Engine;
use crate::txn::read::ReadTxn;
use crate::txn::write::WriteTxn;

/// An open environment: one data file. Cloning it gives another handle to the same one.
///
/// When the last handle and transaction is gone, the file is closed and other processes may open it.
#[derive(Clone)]
pub struct Env {
    engine: Arc<Engine>,
}

impl Env {
    pub(crate) fn new(engine: Engine) -> Env {
        Env {
            engine: Arc::new(engine),
        }
    }

    /// Begins a read transaction on the newest snapshot. It never waits.
    ///
    /// # Errors
    ///
    /// [`Error::ReadersFull`](crate::Error::ReadersFull); [`Error::Corrupted`](crate::Error::Corrupted) if the meta
    /// page is damaged.
    #[inline]
    pub fn read(&self) -> Result<ReadTxn<'_>> {
        ReadTxn::begin(StoreRef::Borrowed(&self.engine.store))
    }

    /// Begins a read transaction that holds the environment itself, so that it can travel.
    ///
    /// # Errors
    ///
    /// As [`read`](Env::read).
    pub fn read_owned(&self) -> Result<ReadTxn<'static>> {
        ReadTxn::begin(StoreRef::Owned(Arc::clone(&self.engine.store)))
    }

    /// Begins the write transaction, once no other one runs.
    ///
    /// # Errors
    ///
    /// - [`Error::WriterBusy`](crate::Error::WriterBusy) if it runs in this very thread.
    /// - [`Error::EnvFailed`](crate::Error::EnvFailed) if an earlier sync failed.
    /// - [`Error::Corrupted`](crate::Error::Corrupted) if the meta page is damaged.
    pub fn write(&self) -> Result<WriteTxn<'_>> {
        WriteTxn::begin(&self.engine, Turn::wait(&self.engine.store)?)
    }

    /// Begins the write transaction if no other one runs.
    ///
    /// # Errors
    ///
    /// As [`write`](Env::write); [`Error::WriterBusy`](crate::Error::WriterBusy) wherever one runs.
    pub fn try_write(&self) -> Result<WriteTxn<'_>> {
        WriteTxn::begin(&self.engine, Turn::try_take(&self.engine.store)?)
    }

    /// Returns the path of the data file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.engine.store.path
    }

    /// Returns the state of the environment.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if the meta page is damaged.
    #[doc(alias = "mdbx_env_info")]
    pub fn info(&self) -> Result<Info> {
        let store = &self.engine.store;
        let head = head(&store.map, store.page_size, &store.file_pages)?;
        let file_pages = store.file_pages.load(Ordering::Acquire);
        let newest = head.meta.txnid;
        let oldest = store.readers.oldest(newest);
        let readers = store.readers.in_use();
        Ok(Info {
            page_size: store.page_size,
            file_len: file_pages * store.page_size.bytes() as u64,
            upper: Pgno(store.bounds.upper).offset(store.page_size),
            allocated_pages: head.meta.geometry.first_unallocated.0,
            last_txnid: newest,
            readers,
            oldest_reader: (readers > 0).then_some(oldest),
        })
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env")
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}
