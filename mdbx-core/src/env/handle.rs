//! `Env`: begin transactions.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use crate::env::info::{FileGeometry, FileInfo, Info};
use crate::error::Result;
use crate::store::geometry::Geometry;
use crate::store::open::peek;
use crate::store::reader::StoreRef;
use crate::store::slow::{ReaderInfo, SlowReader, SlowReaderAction, SlowReaderHandler};
use crate::store::turn::Turn;
use crate::txn::engine::Engine;
use crate::txn::read::{ReadTxn, ResetTxn};
use crate::txn::write::WriteTxn;

/// An open environment: one data file. Cloning it gives another handle to the same one.
///
/// Other processes may have the same file open, with this library or with libmdbx, unless one of them opened it
/// [exclusively](crate::EnvOptions::exclusive). When the last handle and transaction is gone, the file is closed.
///
/// A process that is forked must open the database anew: what it inherits answers
/// [`Error::Forked`](crate::Error::Forked), and must not be read from.
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

    /// Begins a read transaction on the newest snapshot. It never waits for a writer.
    ///
    /// # Errors
    ///
    /// - [`Error::ReadersFull`](crate::Error::ReadersFull).
    /// - [`Error::Corrupted`](crate::Error::Corrupted) if the meta page is damaged.
    /// - [`Error::AddressSpace`](crate::Error::AddressSpace) if another process has raised the upper bound of the file,
    ///   and the file has grown beyond what was set aside when this environment was opened.
    /// - [`Error::Forked`](crate::Error::Forked); [`Error::Io`](crate::Error::Io) if the operating system refuses to
    ///   register a reader.
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

    /// Begins the write transaction, once no other one runs in any process. One whose process died does not count.
    ///
    /// # Errors
    ///
    /// - [`Error::ReadOnly`](crate::Error::ReadOnly) if the environment was opened for reading.
    /// - [`Error::WriterBusy`](crate::Error::WriterBusy) if it runs in this very thread.
    /// - [`Error::EnvFailed`](crate::Error::EnvFailed) if an earlier sync failed;
    ///   [`Error::WriterLost`](crate::Error::WriterLost) if a thread ended without ending its write transaction.
    /// - [`Error::Corrupted`](crate::Error::Corrupted) if the meta page is damaged.
    /// - [`Error::AddressSpace`](crate::Error::AddressSpace) if another process has raised the upper bound of the file
    ///   beyond what was set aside when this environment was opened.
    /// - [`Error::Forked`](crate::Error::Forked); [`Error::Io`](crate::Error::Io) if the operating system refuses.
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

    /// Returns the read transactions, of all processes, that have a snapshot.
    ///
    /// Where the file grows though much of it is free, the one with the oldest snapshot is the reason: see there which
    /// process and thread it belongs to, how many commits it is behind, and how many bytes it keeps from being used.
    ///
    /// # Errors
    ///
    /// As [`info`](Env::info).
    #[doc(alias = "mdbx_reader_list")]
    pub fn readers(&self) -> Result<Vec<ReaderInfo>> {
        let store = &self.engine.store;
        let head = store.newest()?;
        Ok(store.reader_infos(&head))
    }

    /// Removes the read transactions of processes that died, which would keep pages from being used; returns how many.
    /// A writer that needs room does so by itself, and so does a reader that finds no place.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) if the operating system does not tell which processes live;
    /// [`Error::Forked`](crate::Error::Forked).
    #[doc(alias = "mdbx_reader_check")]
    pub fn clear_dead_readers(&self) -> Result<usize> {
        let attached = &self.engine.store.attached;
        attached.check_process()?;
        attached.sweep()
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
