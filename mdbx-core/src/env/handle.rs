//! `Env`: begin transactions.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use crate::env::batch::Queue;
use crate::env::info::{FileGeometry, FileInfo, Info};
use crate::error::{Error, Result};
use crate::store::geometry::Geometry;
use crate::store::open::peek;
use crate::store::reader::StoreRef;
use crate::store::slow::{ReaderInfo, SlowReader, SlowReaderAction, SlowReaderHandler};
use crate::store::troika::head;
use crate::store::turn::Turn;
use crate::txn::engine::Engine;
use crate::txn::read::{ReadTxn, ResetTxn};
use crate::txn::write::WriteTxn;

/// An open environment: one data file. Cloning it gives another handle to the same one.
///
/// When the last handle and transaction is gone, the file is closed and other processes may open it.
#[derive(Clone)]
pub struct Env {
    pub(super) engine: Arc<Engine>,
    /// Those who wait for one commit that has the changes of all.
    pub(super) batches: Arc<Queue>,
}

impl Env {
    pub(crate) fn new(engine: Engine) -> Env {
        Env {
            engine: Arc::new(engine),
            batches: Arc::default(),
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

    /// Takes a place among the readers without beginning to read: [`renew`](ResetTxn::renew) does that, as often as it
    /// is reset, without looking for a place.
    ///
    /// # Errors
    ///
    /// [`Error::ReadersFull`](crate::Error::ReadersFull).
    #[doc(alias = "MDBX_TXN_RDONLY_PREPARE")]
    pub fn prepare_read(&self) -> Result<ResetTxn<'_>> {
        ResetTxn::prepare(StoreRef::Borrowed(&self.engine.store))
    }

    /// Takes a place among the readers, and holds the environment itself, so that it can travel.
    ///
    /// # Errors
    ///
    /// As [`prepare_read`](Env::prepare_read).
    pub fn prepare_read_owned(&self) -> Result<ResetTxn<'static>> {
        ResetTxn::prepare(StoreRef::Owned(Arc::clone(&self.engine.store)))
    }

    /// Begins the write transaction, once no other one runs.
    ///
    /// # Errors
    ///
    /// - [`Error::ReadOnly`](crate::Error::ReadOnly) if the environment was opened for reading.
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

    /// Runs `work` in a write transaction that it shares with those of other threads, and returns what `work` returns
    /// once that transaction is committed: many threads that make a change each have one commit, and one wait for the
    /// disk, instead of one each. A thread that is alone commits at once.
    ///
    /// It is as if `work` had a transaction of its own. It sees what is committed and, already, the changes of others in
    /// the same commit; if it returns an error or panics, its changes are undone, and no others are.
    ///
    /// It may run in another thread than the one that calls, which waits for it, so it can borrow from there. A panic
    /// goes on in the calling thread. Because it may run in the thread of any other caller, it must wait for nothing
    /// that a caller may hold: no lock that is held around a call of this function, and no writer of this environment. What one `work` changes
    /// is kept in memory until the commit, so a large load is better off with [`write`](Env::write).
    ///
    /// Its error can be any that the engine's own can become. Where nothing else says which, the closure does:
    /// `|txn| -> Result<u64> { ... }`.
    ///
    /// # Errors
    ///
    /// What `work` returns; or, as an `E`, and then nothing of the batch is in the database:
    ///
    /// - [`Error::WriterBusy`] if a write transaction runs in this very thread, be it that of another `work`.
    /// - Those of [`write`](Env::write) and [`commit`](WriteTxn::commit). Everyone in a batch gets the error of its
    ///   commit, and what `work` returned is dropped.
    /// - [`Error::TxnFailed`] if `work` made its transaction fail and did not return the error. Others are not touched,
    ///   unless it kept a [nested](WriteTxn::nested) transaction from ending.
    ///
    /// # Panics
    ///
    /// If `work` does.
    ///
    /// # Examples
    ///
    /// ```
    /// use mdbx_core::{Env, Error, Result, Table, WriteTxn};
    ///
    /// /// Counts a visit to `page` and returns how many there were.
    /// fn count_visit(txn: &mut WriteTxn<'_>, page: &str) -> Result<u64> {
    ///     let before = txn.get(Table::MAIN, page.as_bytes())?;
    ///     let before = before.and_then(|bytes| bytes.try_into().ok());
    ///     let visits = before.map_or(0, u64::from_le_bytes) + 1;
    ///     txn.put(Table::MAIN, page.as_bytes(), &visits.to_le_bytes())?;
    ///     Ok(visits)
    /// }
    ///
    /// # let dir = tempfile::tempdir()?;
    /// # let env = Env::open(dir.path().join("visits.mdbx"))?;
    /// std::thread::scope(|scope| {
    ///     for page in ["home", "news", "home", "help"] {
    ///         let env = &env;
    ///         scope.spawn(move || env.batch(|txn| count_visit(txn, page)));
    ///     }
    /// });
    /// assert_eq!(env.batch(|txn| count_visit(txn, "home"))?, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn batch<T, E, W>(&self, work: W) -> Result<T, E>
    where
        W: FnOnce(&mut WriteTxn<'_>) -> Result<T, E> + Send,
        T: Send,
        E: From<Error> + Send,
    {
        self.batches.run(&self.engine, work)
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
        Info::of(&self.engine.store)
    }

    /// Returns how long the data file is and may become.
    ///
    /// # Errors
    ///
    /// As [`info`](Env::info).
    pub fn geometry(&self) -> Result<FileGeometry> {
        self.info().map(|info| info.geometry)
    }

    /// Changes how long the data file is and may become, at once and durably, in a commit of its own. What is not set
    /// stays. It waits until no write transaction runs.
    ///
    /// The file is not cut where a snapshot in use still needs it; later commits do that.
    ///
    /// # Errors
    ///
    /// - [`Error::Geometry`](crate::Error::Geometry) if the bounds contradict each other, or another page size is set.
    /// - [`Error::MapFull`](crate::Error::MapFull) if more pages are in use than the upper bound allows.
    /// - [`Error::AddressSpace`](crate::Error::AddressSpace) if the upper bound exceeds what was set aside when the
    ///   database was opened, [`Info::map_len`]. Readers have the file mapped, so it cannot be mapped elsewhere.
    /// - [`Error::Io`](crate::Error::Io) if the operating system refuses, and those of [`write`](Env::write).
    ///
    /// # Examples
    ///
    /// ```
    /// # use mdbx_core::{Env, Geometry};
    /// # let dir = tempfile::tempdir()?;
    /// # let env = Env::open(dir.path().join("app.mdbx"))?;
    /// env.resize(Geometry::default().upper(1 << 30))?;
    /// assert_eq!(env.geometry()?.upper, 1 << 30);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "mdbx_env_set_geometry")]
    pub fn resize(&self, geometry: Geometry) -> Result<()> {
        let store = &self.engine.store;
        store.set_geometry(|present| geometry.for_open_file(present, store.page_size))
    }

    /// Returns the read transactions that have a snapshot.
    ///
    /// # Errors
    ///
    /// As [`info`](Env::info).
    #[doc(alias = "mdbx_reader_list")]
    pub fn readers(&self) -> Result<Vec<ReaderInfo>> {
        let store = &self.engine.store;
        let head = head(&store.map, store.page_size, &store.file_pages)?;
        Ok(store.reader_infos(&head))
    }

    /// Sets, replaces or removes what [`EnvOptions::slow_reader_handler`](crate::EnvOptions::slow_reader_handler) sets.
    #[doc(alias = "mdbx_env_set_hsr")]
    pub fn set_slow_reader_handler(
        &self,
        handler: Option<impl Fn(&SlowReader) -> SlowReaderAction + Send + Sync + 'static>,
    ) {
        let handler = handler.map(|handler| SlowReaderHandler(Arc::new(handler)));
        let store = &self.engine.store;
        *store
            .slow_reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = handler;
    }

    /// Returns what the data file at `path` tells, without opening it as a database: nothing is locked, waited for or
    /// written, and another process may have it open.
    ///
    /// # Errors
    ///
    /// - [`Error::Open`](crate::Error::Open) if the file cannot be read.
    /// - [`Error::NotADatabase`](crate::Error::NotADatabase), [`Error::VersionMismatch`](crate::Error::VersionMismatch)
    ///   and [`Error::Corrupted`](crate::Error::Corrupted) about what is in the file.
    #[doc(alias = "mdbx_preopen_snapinfo")]
    pub fn peek(path: impl AsRef<Path>) -> Result<FileInfo> {
        peek(path.as_ref()).map(|meta| FileInfo::of(&meta))
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env")
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}
