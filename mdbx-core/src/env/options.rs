//! How to open an environment: what for, with which geometry and limits.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::env::handle::Env;
use crate::error::Result;
use crate::format::lck::LockVersion;
use crate::store::durability::Durability;
use crate::store::geometry::Geometry;
use crate::store::open::{OpenOptions, ReclaimOrder, Store};
use crate::store::orders::TableOrder;
use crate::store::slow::{SlowReader, SlowReaderAction, SlowReaderHandler};
use crate::sys::file::Access;
use crate::txn::engine::Engine;

/// How to open an environment. Made by [`Env::options`].
#[derive(Debug, Clone)]
pub struct EnvOptions {
    options: OpenOptions,
}

impl Env {
    /// Returns options to open an environment with other than the defaults.
    #[must_use]
    pub fn options() -> EnvOptions {
        EnvOptions::new()
    }

    /// Opens the database file `path`, which is created if there is none.
    ///
    /// # Errors
    ///
    /// As [`EnvOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Env> {
        Env::options().open(path)
    }
}

impl EnvOptions {
    pub(crate) fn new() -> EnvOptions {
        EnvOptions {
            options: OpenOptions::default(),
        }
    }

    /// Sets how long the data file is and may become: see there what becomes of what is not set.
    #[must_use]
    pub fn geometry(mut self, geometry: Geometry) -> Self {
        self.options.geometry = geometry;
        self
    }

    /// Sets how many different names of tables can be used while the environment is open; 256 by default. Beyond it,
    /// using another one is [`Error::TablesFull`](crate::Error::TablesFull). It says nothing about how many tables the
    /// file can have.
    #[doc(alias = "mdbx_env_set_maxdbs")]
    #[must_use]
    pub fn max_tables(mut self, max: usize) -> Self {
        self.options.max_tables = max;
        self
    }

    /// Sets how many bytes of changed pages a write transaction keeps in memory; 256 MiB by default. Beyond that it
    /// writes pages to the file before it commits, which costs time but lets it change more than memory holds. A
    /// nested transaction keeps all its pages in memory.
    #[must_use]
    #[doc(alias = "MDBX_opt_txn_dp_limit")]
    pub fn dirty_limit(mut self, bytes: usize) -> Self {
        self.options.dirty_limit = bytes;
        self
    }

    /// Sets what a commit promises; [`Durability::Durable`] by default.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.options.writing.durability = durability;
        self
    }

    /// Sets whether changed pages are written to the file through a second mapping of it, which saves the system calls of
    /// a commit; they are not by default.
    ///
    /// It changes nothing else: all that a [`Durability`] promises holds, transactions nest, and pages are changed in
    /// memory of their own until they are written. But the file has room on the disk for its whole length then, and on
    /// file systems that write to another place than before, a full disk can end the process. Where the file system
    /// cannot give a file room in advance, or the database is only read, this has no effect.
    #[must_use]
    #[doc(alias = "MDBX_WRITEMAP")]
    pub fn write_map(mut self, write_map: bool) -> Self {
        self.options.writing.through_map = write_map;
        self
    }

    /// Sets after how many bytes of changed pages since the last sync a commit of a weak mode is made durable; never by
    /// default, which is 0. It is rounded up to whole pages.
    #[must_use]
    #[doc(alias = "mdbx_env_set_syncbytes")]
    #[doc(alias = "MDBX_opt_sync_bytes")]
    pub fn sync_bytes(mut self, bytes: u64) -> Self {
        self.options.writing.sync_bytes = Some(bytes);
        self
    }

    /// Sets after what time a commit of a weak mode is made durable; never by default, which is zero.
    ///
    /// The time counts from the first commit after the last sync that left something unsynced. Write transactions look at
    /// the clock when they begin, for what was committed before, and when they commit; and [`Env::sync_if_due`] does.
    /// Nothing happens in the background.
    #[must_use]
    #[doc(alias = "mdbx_env_set_syncperiod")]
    #[doc(alias = "MDBX_opt_sync_period")]
    pub fn sync_period(mut self, period: Duration) -> Self {
        self.options.writing.sync_period = Some(period);
        self
    }

    /// Sets which free pages are used again first; the newest by default.
    #[must_use]
    #[doc(alias = "MDBX_LIFORECLAIM")]
    pub fn reclaim_order(mut self, order: ReclaimOrder) -> Self {
        self.options.reclaim = order;
        self
    }

    /// Sets how many read transactions can run at a time, in all processes together. It is rounded up to fill whole pages
    /// of a lock file: 110, which is the default too, then 238, and so on up to 32767. Only the first process that opens
    /// the database decides.
    ///
    /// Each process keeps a few places that it has used, twice as many as the machine has cores, for its next readers.
    #[doc(alias = "mdbx_env_set_maxreaders")]
    #[must_use]
    pub fn max_readers(mut self, max: usize) -> Self {
        self.options.max_readers = max;
        self
    }

    /// Sets a function that a writer calls when it would have to make the file longer, or fail, while a read
    /// transaction keeps pages from being used again.
    ///
    /// It runs in the writer's thread, in the middle of its transaction, for the reader of the oldest snapshot. It
    /// can have that reader ended, or wait until it ends by itself, and answer [`SlowReaderAction::Retry`]; it is then
    /// called again as long as the reader is there. Or it answers [`SlowReaderAction::GiveUp`]. Readers that are parked, or
    /// whose process died, are removed without asking.
    ///
    /// The reader may be one of another process, which the handler is told: it can ask that process to end it, or end
    /// the process, and answer [`SlowReaderAction::Retry`]. Nothing else takes the snapshot from a reader that is
    /// reading, since what it has borrowed points into the file, and would change under it.
    ///
    /// # Examples
    ///
    /// ```
    /// use mdbx_core::{Env, SlowReaderAction};
    /// use std::time::Duration;
    ///
    /// # let dir = tempfile::tempdir()?;
    /// let env = Env::options()
    ///     .slow_reader_handler(|slow| {
    ///         if slow.retries == 100 {
    ///             return SlowReaderAction::GiveUp; // it does not end: the file has to grow
    ///         }
    ///         std::thread::sleep(Duration::from_millis(1));
    ///         SlowReaderAction::Retry
    ///     })
    ///     .open(dir.path().join("app.mdbx"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "mdbx_env_set_hsr")]
    #[must_use]
    pub fn slow_reader_handler(
        mut self,
        handler: impl Fn(&SlowReader) -> SlowReaderAction + Send + Sync + 'static,
    ) -> Self {
        self.options.slow_reader = Some(SlowReaderHandler(Arc::new(handler)));
        self
    }

    /// Sets whether the database is only read. Nothing is created then, and nothing written to the data file, which may
    /// be one that this process cannot write to; beginning a write transaction is
    /// [`Error::ReadOnly`](crate::Error::ReadOnly).
    #[doc(alias = "MDBX_RDONLY")]
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.options.access = if read_only {
            Access::ReadOnly
        } else {
            Access::ReadWrite
        };
        self
    }

    /// Sets whether no other process may have the database open at the same time; by default any number may. If one has
    /// it open already, or opens it later, whoever comes later gets [`Error::Busy`](crate::Error::Busy) at once.
    ///
    /// With this and [`read_only`](EnvOptions::read_only), a database can be opened where this process may not write the
    /// lock file.
    #[doc(alias = "MDBX_EXCLUSIVE")]
    #[must_use]
    pub fn exclusive(mut self, exclusive: bool) -> Self {
        self.options.sharing.exclusive = exclusive;
        self
    }

    /// Sets whether to join processes that have the database open with other modes, which is
    /// [`Error::IncompatibleModes`](crate::Error::IncompatibleModes) otherwise: they promise less about when commits are
    /// on the disk, and that is what the whole file then has.
    #[doc(alias = "MDBX_ACCEDE")]
    #[must_use]
    pub fn accede(mut self, accede: bool) -> Self {
        self.options.sharing.accede = accede;
        self
    }

    /// Sets for which releases of libmdbx the lock file is made, if no other process has the database open: those can
    /// join then. Who joins others uses the lock file that they have, of either version.
    ///
    /// # Examples
    ///
    /// ```
    /// use mdbx_core::{Env, LockVersion};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// // Programs with libmdbx 0.13 may open the same file while we have it.
    /// let env = Env::options()
    ///     .lock_version(LockVersion::V6)
    ///     .open(dir.path().join("app.mdbx"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn lock_version(mut self, version: LockVersion) -> Self {
        self.options.lock_version = version;
        self
    }

    /// Gives the order of the table `name`, whether or not there is such a table yet.
    ///
    /// The file does not tell this order, so it is given here each time, and before any transaction can use the table:
    /// see [`TableOrder`]. A renamed table takes the order of its new name, which must be the same.
    #[must_use]
    #[doc(alias = "mdbx_dbi_open_ex")]
    #[doc(alias = "mdbx_set_compare")]
    #[doc(alias = "mdbx_set_dupsort")]
    pub fn table_order(mut self, name: impl AsRef<[u8]>, order: TableOrder) -> Self {
        self.options.orders.insert(name.as_ref(), order);
        self
    }

    /// Gives the order of the main table, as [`table_order`](EnvOptions::table_order) does of a named one. The names
    /// of tables are keys of the main table, but a table is only found by its very name.
    #[must_use]
    pub fn main_order(mut self, order: TableOrder) -> Self {
        self.options.orders.main = order;
        self
    }

    /// Sets whether a path where nothing is yet names a directory, to hold `mdbx.dat` and `mdbx.lck`, or the data file
    /// itself, which is the default. What exists already decides by itself.
    #[doc(alias = "MDBX_NOSUBDIR")]
    #[must_use]
    pub fn sub_directory(mut self, sub_directory: bool) -> Self {
        self.options.sub_directory = sub_directory;
        self
    }

    /// Sets whether a database is created where there is none, which is the default.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.options.create = create;
        self
    }

    /// Lets `disk` hear of every effect on the data file before it happens, and decide what becomes of it.
    #[cfg(feature = "sim")]
    #[doc(hidden)]
    #[must_use]
    pub fn simulate(mut self, disk: std::sync::Arc<dyn crate::sys::witness::Disk>) -> Self {
        self.options.watch = crate::sys::witness::Watch(Some(disk));
        self
    }

    /// Opens the database at `path`.
    ///
    /// The file must be a database that no program writes to but those that take its locks, as this library and
    /// libmdbx do: what is read from it points into the file itself. All processes that write to it must be of one PID
    /// namespace: the C library ends one that waits for a writer of another.
    ///
    /// # Errors
    ///
    /// - [`Error::Open`](crate::Error::Open) if a file cannot be opened, created, sized or mapped.
    /// - [`Error::Busy`](crate::Error::Busy) if another process has it open [exclusively](EnvOptions::exclusive), or has
    ///   it open at all and this one is to have it so; or if another one does not get done with opening or closing it
    ///   for some seconds. [`Error::AlreadyOpen`](crate::Error::AlreadyOpen) if this one has it open.
    /// - [`Error::LockVersion`](crate::Error::LockVersion), [`Error::LockFile`](crate::Error::LockFile) and
    ///   [`Error::IncompatibleModes`](crate::Error::IncompatibleModes) if other processes have it open in a way that
    ///   this one cannot join.
    /// - [`Error::DuplicatedLock`](crate::Error::DuplicatedLock) if a program may use it under other names.
    /// - [`Error::NotADatabase`](crate::Error::NotADatabase), [`Error::VersionMismatch`](crate::Error::VersionMismatch)
    ///   and [`Error::Corrupted`](crate::Error::Corrupted) about what is in the file.
    /// - [`Error::WannaRecovery`](crate::Error::WannaRecovery) if it is to be read only, but was not closed properly.
    /// - [`Error::Geometry`](crate::Error::Geometry) if the geometry asked for is impossible, and
    ///   [`Error::MapFull`](crate::Error::MapFull) if more is in use than its upper bound allows.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Env> {
        let store = Store::open(path.as_ref(), &self.options)?;
        Ok(Env::new(Engine::new(store)))
    }

    /// Makes a database that is in memory only: nothing of it is ever in a file system, no other process can open it, and
    /// it is gone with its environment. It has no path. Otherwise it is as any other, and grows within its geometry.
    ///
    /// ```
    /// # use mdbx_core::{Env, Table};
    /// let env = Env::options().open_in_memory()?;
    /// let mut txn = env.write()?;
    /// txn.put(Table::MAIN, b"key", b"value")?;
    /// txn.commit()?;
    /// assert_eq!(env.read()?.get(Table::MAIN, b"key")?, Some(&b"value"[..]));
    /// # Ok::<(), mdbx_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Open`](crate::Error::Open) if the operating system gives no memory, or has no files without a name;
    /// [`Error::Geometry`](crate::Error::Geometry) if the geometry asked for is impossible.
    pub fn open_in_memory(mut self) -> Result<Env> {
        self.options.access = Access::ReadWrite;
        self.options.create = true;
        self.options.sharing.exclusive = true;
        let store = Store::open_in_memory(&self.options)?;
        Ok(Env::new(Engine::new(store)))
    }
}
