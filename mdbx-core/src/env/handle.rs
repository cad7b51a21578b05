//! `Env`: begin transactions.

use std::fmt;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::env::batch::Queue;
use crate::env::info::{FileGeometry, FileInfo, Info};
use crate::error::{Error, Result};
use crate::store::durability::Durability;
use crate::store::geometry::Geometry;
use crate::store::open::peek;
use crate::store::reader::StoreRef;
use crate::store::slow::{ReaderInfo, SlowReader, SlowReaderAction, SlowReaderHandler};
use crate::store::turn::Turn;
use crate::sys::file::Access;
use crate::txn::engine::Engine;
use crate::txn::read::{ReadTxn, ResetTxn};
use crate::txn::write::WriteTxn;

/// An open environment: one data file. Cloning it gives another handle to the same one.
///
/// Other processes may have the same file open, with this library or with libmdbx, unless one of them opened it
/// [exclusively](crate::EnvOptions::exclusive).
///
/// When the last handle and transaction is gone, what is not durable yet is made so, and the file is closed.
/// [`close`](Env::close) does the same and tells whether it went well.
///
/// A process that is forked must open the database anew: what it inherits answers [`Error::Forked`], and must not be
/// read from.
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

    /// Begins a read transaction on the newest snapshot. It never waits for a writer.
    ///
    /// # Errors
    ///
    /// - [`Error::ReadersFull`].
    /// - [`Error::Corrupted`] if the meta page is damaged.
    /// - [`Error::AddressSpace`] if another process has raised the upper bound of the file, and the file has grown
    ///   beyond what was set aside when this environment was opened.
    /// - [`Error::Forked`]; [`Error::Io`] if the operating system refuses to register a reader.
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
    /// [`Error::ReadersFull`].
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
    /// It belongs to its thread. A thread that ends with one that it has forgotten ([`mem::forget`](std::mem::forget) and
    /// the like) aborts the process, since others could then write over what this one still reads.
    ///
    /// # Errors
    ///
    /// - [`Error::ReadOnly`] if the environment was opened for reading.
    /// - [`Error::WriterBusy`] if it runs in this very thread.
    /// - [`Error::EnvFailed`] if an earlier sync failed; [`Error::WriterLost`] if a thread ended without ending its
    ///   write transaction.
    /// - [`Error::Corrupted`] if the meta page is damaged.
    /// - [`Error::AddressSpace`] if another process has raised the upper bound of the file beyond what was set aside
    ///   when this environment was opened.
    /// - [`Error::Forked`]; [`Error::Io`] if the operating system refuses.
    pub fn write(&self) -> Result<WriteTxn<'_>> {
        WriteTxn::begin(&self.engine, Turn::wait(&self.engine.store)?)
    }

    /// Begins the write transaction if no other one runs.
    ///
    /// # Errors
    ///
    /// As [`write`](Env::write); [`Error::WriterBusy`] wherever one runs.
    pub fn try_write(&self) -> Result<WriteTxn<'_>> {
        WriteTxn::begin(&self.engine, Turn::try_take(&self.engine.store)?)
    }

    /// Runs `work` in a write transaction that it shares with those of other threads, and returns what `work` returns
    /// once that transaction is committed, and as durable as [`durability`](Env::durability) promises. So many threads
    /// that make a change each have one commit, and one wait for the disk, instead of one each. A thread that is alone
    /// commits at once.
    ///
    /// It is as if `work` had a transaction of its own. It sees what is committed and, already, the changes of others in
    /// the same commit; if it returns an error or panics, its changes are undone, and no others are.
    ///
    /// It may run in another thread than the one that calls, which waits for it, so it can borrow from there. A panic
    /// goes on in the calling thread. Because it may run in the thread of any other caller, it must wait for nothing
    /// that a caller may hold: no lock that is held around a call of this function, and no writer of this environment.
    /// What one `work` changes is kept in memory until the commit, so a large load is better off with
    /// [`write`](Env::write).
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

    /// Returns what commits promise.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.engine.store.mode.get()
    }

    /// Sets what commits promise, from the next write transaction on. One that runs keeps what it began with.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`].
    #[doc(alias = "mdbx_env_set_flags")]
    pub fn set_durability(&self, durability: Durability) -> Result<()> {
        self.check_access()?;
        self.engine.store.mode.set(durability);
        Ok(())
    }

    /// Makes everything that was committed durable. Returns whether there was anything to do.
    ///
    /// It waits until no write transaction runs.
    ///
    /// # Errors
    ///
    /// - [`Error::ReadOnly`] if the environment was opened for reading.
    /// - [`Error::WriterBusy`] if a write transaction runs in this very thread.
    /// - [`Error::EnvFailed`] if an earlier sync failed.
    /// - [`Error::Io`] if this one does. It is not known then what is on the disk, and the environment takes no more writes.
    /// - [`Error::Corrupted`] if the meta page is damaged.
    #[doc(alias = "mdbx_env_sync")]
    #[doc(alias = "mdbx_env_sync_ex")]
    pub fn sync(&self) -> Result<bool> {
        self.engine.store.sync()
    }

    /// Makes everything that was committed durable if no write transaction runs. Returns whether there was anything to do.
    ///
    /// # Errors
    ///
    /// As [`sync`](Env::sync); [`Error::WriterBusy`] wherever one runs.
    pub fn try_sync(&self) -> Result<bool> {
        self.engine.store.try_sync()
    }

    /// Makes everything that was committed durable if a threshold is passed. Returns whether that was done.
    ///
    /// A write transaction that runs is not waited for: it looks at the thresholds itself when it commits. So a thread of
    /// the application can call this from time to time, and what was committed is never much older than the
    /// [`period`](crate::EnvOptions::sync_period) before it is durable.
    ///
    /// # Errors
    ///
    /// As [`sync`](Env::sync), without [`Error::WriterBusy`].
    #[doc(alias = "mdbx_env_sync_poll")]
    pub fn sync_if_due(&self) -> Result<bool> {
        self.check_access()?;
        self.engine.store.sync_if_due()
    }

    /// Sets after how many bytes of changed pages a commit of a weak mode is made durable, as
    /// [`EnvOptions::sync_bytes`](crate::EnvOptions::sync_bytes) does, and makes what there is durable if that is passed already.
    ///
    /// # Errors
    ///
    /// As [`sync_if_due`](Env::sync_if_due).
    #[doc(alias = "mdbx_env_set_syncbytes")]
    pub fn set_sync_bytes(&self, bytes: u64) -> Result<()> {
        self.check_access()?;
        let store = &self.engine.store;
        store.unsynced.set_bytes(bytes, store.page_size);
        store.sync_if_due().map(drop)
    }

    /// Sets after what time a commit of a weak mode is made durable, as [`EnvOptions::sync_period`](crate::EnvOptions::sync_period) does, and makes
    /// what there is durable if that is over already.
    ///
    /// # Errors
    ///
    /// As [`sync_if_due`](Env::sync_if_due).
    #[doc(alias = "mdbx_env_set_syncperiod")]
    pub fn set_sync_period(&self, period: Duration) -> Result<()> {
        self.check_access()?;
        let store = &self.engine.store;
        store.unsynced.set_period(period);
        store.sync_if_due().map(drop)
    }

    /// Makes everything that was committed durable and gives this handle up.
    ///
    /// The file is closed when the last handle and transaction is gone. Dropping them does the same as this, but what
    /// then goes wrong is told to nobody but the log.
    ///
    /// # Errors
    ///
    /// As [`sync`](Env::sync), without [`Error::ReadOnly`]. The handle is gone in any case.
    #[doc(alias = "mdbx_env_close")]
    pub fn close(self) -> Result<()> {
        let store = &self.engine.store;
        if store.access == Access::ReadOnly || !store.has_unsynced()? {
            return Ok(());
        }
        store.sync().map(drop)
    }

    /// Gives this handle up, and has the file closed without a sync when the last handle and transaction is gone.
    ///
    /// Commits of weak modes since the last sync then survive as if the process had died: they are there at the next
    /// opening, unless the machine is restarted before.
    #[doc(alias = "mdbx_env_close_ex")]
    pub fn close_without_sync(self) {
        self.engine
            .store
            .leaves_unsynced
            .store(true, Ordering::Relaxed);
    }

    fn check_access(&self) -> Result<()> {
        match self.engine.store.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(Error::ReadOnly),
        }
    }

    /// Returns the path of the data file; an empty one if the database is in memory only.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.engine.store.path
    }

    /// Returns the state of the environment.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`] if the meta page is damaged.
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
    /// - [`Error::Geometry`] if the bounds contradict each other, or another page size is set.
    /// - [`Error::MapFull`] if more pages are in use than the upper bound allows.
    /// - [`Error::AddressSpace`] if the upper bound exceeds what was set aside when the
    ///   database was opened, [`Info::map_len`]. Readers have the file mapped, so it cannot be mapped elsewhere.
    /// - [`Error::Io`] if the operating system refuses, and those of [`write`](Env::write).
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
    /// - [`Error::Open`] if the file cannot be read.
    /// - [`Error::NotADatabase`], [`Error::VersionMismatch`]
    ///   and [`Error::Corrupted`] about what is in the file.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::process::tests::in_child;
    use crate::txn::table::Table;

    #[test]
    fn a_forked_child_can_do_nothing_with_the_environment_and_does_it_no_harm() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.mdbx");
        let env = Env::open(&path).unwrap();
        let mut txn = env.write().unwrap();
        txn.put(Table::MAIN, b"key", b"value").unwrap();
        txn.commit().unwrap();

        let mut reader = Some(env.read_owned().unwrap());
        let mut parked = Some(env.read_owned().unwrap().park());
        let kept = env.read().unwrap();
        let mut writer = env.write().unwrap();
        writer.put(Table::MAIN, b"key", b"other").unwrap();
        let told = in_child(|| {
            let is_forked = |error| matches!(error, Some(Error::Forked));
            let told = is_forked(env.read().err())
                && is_forked(env.write().err())
                && is_forked(env.try_write().err())
                && is_forked(env.info().err())
                && is_forked(env.readers().err())
                && is_forked(env.clear_dead_readers().err())
                && is_forked(env.sync().err())
                && is_forked(kept.try_clone().err())
                && is_forked(writer.checkpoint().err());
            drop((reader.take(), parked.take())); // of the child; the parent has its own
            told
        });
        assert!(told);
        // The parent has all that it had.
        assert_eq!(env.readers().unwrap().len(), 3);
        assert_eq!(kept.get(Table::MAIN, b"key").unwrap(), Some(&b"value"[..]));
        writer.commit().unwrap();
        assert_eq!(
            env.read().unwrap().get(Table::MAIN, b"key").unwrap(),
            Some(&b"other"[..])
        );
    }
}
