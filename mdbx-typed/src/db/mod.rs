//! The database: an environment of the engine, its catalog, and typed transactions.
//!
//! - `policy`: what opening does where the file and the program differ.
//! - `plan`: what a file needs so that its tables are those of the program.
//! - `open`: carries the plan out, or says what stands in the way.
//! - `life`: what a program may ask for later: differences, migration, verification, dropping.
//! - `stats`: how large everything is.
//! - `txn`: the two kinds of transaction.
//! - `exchange`: rows to JSON Lines and CSV, and back; with the feature `export`.
//! - `lines`: which line of a CSV file a record begins in; with the feature `export`.
//! - `dump`: everything to lines of JSON, and back; with the feature `export`.
//! - `watch`: listening for changes.
//! - `held`: rows that outlive the function that read them.

#[cfg(feature = "export")]
mod dump;
#[cfg(feature = "export")]
mod exchange;
mod held;
mod life;
#[cfg(feature = "export")]
mod lines;
mod open;
mod plan;
mod policy;
mod stats;
mod txn;
mod watch;

#[cfg(feature = "export")]
pub use dump::{Restored, RestoredTable};
#[cfg(feature = "export")]
pub use exchange::ImportOptions;
pub use held::Held;
pub use policy::{OnExtraIndex, OnLayoutChange, OnMissingIndex, OnUnknownTable};
pub use stats::{IndexStats, Stats, TableStats};
pub use txn::{ReadTxn, WriteTxn};
pub use watch::Subscription;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use mdbx_core::{Durability, Env, EnvOptions, Geometry};

use crate::changes::Hub;
use crate::changes::log::Log;
use crate::dynamic::DynamicTable;
use crate::error::{Error, OpenError, Result};
use crate::key;
use crate::progress::Progress;
use crate::schema::catalog;
use crate::schema::handles::{self, Source, TableHandles};
use crate::schema::{KeyRef, Schema, Table, TableSchema};
use open::{Fitting, Opened};
use policy::Policies;
use txn::Shared;

/// An open database. Clones are handles of the same one; it closes with the last of them.
///
/// It is `Send`, `Sync` and borrows nothing, so it can be part of any application state. Reads see the snapshot of
/// the moment they begin, never wait, and never make a write wait. One write transaction runs at a time.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

/// What all handles of one database share.
pub(crate) struct Inner {
    env: Env,
    /// By slot; `None` for table types that are not in the schema.
    tables: Vec<Option<TableHandles>>,
    /// The tables it was opened with.
    schema: Schema,
    /// The catalog and its app record, which changes when another program changes tables; `None` if there is none.
    catalog: Option<(mdbx_core::Table, Box<[u8]>)>,
    policies: Policies,
    /// How much a load gathers, in bytes.
    sort_memory: usize,
    /// Who listens for changes.
    hub: Arc<Hub>,
}

impl Inner {
    /// Returns the tables, by slot.
    #[inline]
    pub(crate) fn tables(&self) -> &[Option<TableHandles>] {
        &self.tables
    }

    /// Returns the handles of a table, or says that it is not in the schema.
    #[inline]
    pub(crate) fn require<T: Table>(&self) -> Result<&TableHandles> {
        handles::require::<T>(&self.tables)
    }

    /// Returns the log of the table type with this number, if it keeps one.
    fn log(&self, slot: usize) -> Option<Log> {
        let mut tables = self.schema.tables().iter();
        let schema = tables.find(|table| (table.slot)() == slot)?;
        Log::of(schema.name, self.tables.get(slot)?.as_ref()?)
    }

    /// Checks that no other program has changed the tables since the database was opened.
    fn check_schema(&self, source: &dyn Source) -> Result<()> {
        if let Some((catalog, app)) = &self.catalog
            && source.table(*catalog)?.get(&catalog::app_key())? != Some(app)
        {
            return Err(Error::SchemaChanged);
        }
        Ok(())
    }
}

impl Database {
    /// Opens the database in the file `path`, and creates it, its tables and their indexes where they are missing.
    ///
    /// Tables of the file that are not in the schema are left alone.
    ///
    /// ```no_run
    /// # use mdbx_typed::prelude::*;
    /// # #[derive(Table, serde::Serialize, serde::Deserialize)] struct User { #[key] id: u64 }
    /// let db = Database::open("app.mdbx", schema![User])?;
    /// # Ok::<_, mdbx_typed::OpenError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`OpenError::Schema`] if the file's tables are not those of the schema; it says how they differ. Other
    /// variants of [`OpenError`] for a schema that is impossible, a damaged catalog, or what the engine says.
    pub fn open(path: impl AsRef<Path>, schema: &Schema) -> Result<Self, OpenError> {
        Self::builder().open(path, schema)
    }

    /// Opens the file `path` without any structs, to look at what it holds: every table can be read by
    /// [`ReadTxn::dynamic`].
    ///
    /// It changes nothing, and creates no more than the lock file beside it, where that is missing and the directory lets it.
    ///
    /// ```
    /// use mdbx_typed::prelude::*;
    /// # #[derive(Table, serde::Serialize, serde::Deserialize)]
    /// # struct User { #[key] id: u64, #[index(unique)] email: String }
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("app.mdbx");
    /// # let db = Database::open(&path, schema![User])?;
    /// # db.write(|tx| tx.insert(&User { id: 7, email: "ann@x.org".into() }))?;
    /// # drop(db);
    ///
    /// let db = Database::browse(path)?;
    /// let tx = db.read()?;
    /// for table in tx.tables()? {
    ///     println!("{table}"); // its fields and indexes
    /// }
    /// let users = tx.dynamic("user")?;
    /// let ann = users.by("by_email")?.eq("ann@x.org")?.first()?.unwrap();
    /// assert_eq!(ann.get("id").and_then(|id| id.as_u64()), Some(7));
    /// assert_eq!(ann.to_string(), r#"{"id": 7, "email": "ann@x.org"}"#);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`OpenError::Engine`], among others when there is no such file.
    pub fn browse(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        /// A file has as many tables and indexes as the programs that wrote it, which are not known here.
        const MOST_TABLES: usize = 4096;
        let env = Env::options()
            .read_only(true)
            .max_tables(MOST_TABLES)
            .open(path)?;
        Database::of(env, &Schema::new(&[]), &Fitting::default())
    }

    /// Returns a builder, to open a database with other options.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            options: Env::options(),
            fitting: Fitting::default(),
        }
    }

    /// Begins a read transaction: a snapshot.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`], among others when all reader slots are in use.
    pub fn read(&self) -> Result<ReadTxn<'_>> {
        Ok(ReadTxn::new(
            self.inner.env.read()?,
            Shared::Borrowed(&self.inner),
        ))
    }

    /// Begins a read transaction that keeps the database open itself, so that it can be stored and sent elsewhere.
    ///
    /// # Errors
    ///
    /// As [`read`](Database::read).
    pub fn read_owned(&self) -> Result<ReadTxn<'static>> {
        Ok(ReadTxn::new(
            self.inner.env.read_owned()?,
            Shared::Owned(Arc::clone(&self.inner)),
        ))
    }

    /// Takes hold of the row with this primary key in a snapshot of its own, so that it can outlive the function.
    ///
    /// For several rows begin one transaction, `Arc::new(db.read_owned()?)`, and [hold](ReadTxn::hold) them there.
    ///
    /// # Errors
    ///
    /// As [`read`](Database::read) and [`ReadTxn::get`].
    pub fn hold<T: Table>(&self, key: KeyRef<'_, T>) -> Result<Option<Held<T>>> {
        Held::new(&Arc::new(self.read_owned()?), key::encode::<T::Key>(key))
    }

    /// Runs `f` on a table of the file in a snapshot of its own, without the struct of the table.
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # #[derive(Table, serde::Serialize, serde::Deserialize)] struct User { #[key] id: u64 }
    /// # let db = Database::in_memory(schema![User])?;
    /// # db.write(|tx| tx.insert(&User { id: 1 }))?;
    /// let largest = db.dynamic("user", |users| users.by("primary")?.rev().first())?;
    /// assert_eq!(largest.unwrap().to_string(), r#"{"id": 1}"#);
    /// # Ok::<_, mdbx_typed::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What `f` returns, and as [`read`](Database::read) and [`ReadTxn::dynamic`].
    pub fn dynamic<R>(
        &self,
        table: &str,
        f: impl FnOnce(DynamicTable<'_>) -> Result<R>,
    ) -> Result<R> {
        f(self.read()?.dynamic(table)?)
    }

    /// Runs `f` in a write transaction and commits when it returns `Ok`. An error or a panic rolls back.
    ///
    /// It waits for the write transaction of another thread to end.
    ///
    /// # Errors
    ///
    /// What `f` returns, or [`Error::Engine`] from beginning or committing.
    pub fn write<R>(&self, f: impl FnOnce(&mut WriteTxn<'_>) -> Result<R>) -> Result<R> {
        self.try_write(f)
    }

    /// As [`write`](Database::write), for closures with an error type of their own.
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # #[derive(Table, serde::Serialize, serde::Deserialize)] struct Account { #[key] id: u64, cents: u64 }
    /// enum Refused {
    ///     TooPoor,
    ///     Database(mdbx_typed::Error),
    /// }
    ///
    /// impl From<mdbx_typed::Error> for Refused {
    ///     fn from(error: mdbx_typed::Error) -> Self {
    ///         Refused::Database(error)
    ///     }
    /// }
    ///
    /// fn withdraw(db: &Database, id: u64, cents: u64) -> Result<(), Refused> {
    ///     db.try_write(|tx| {
    ///         let account = tx.get::<Account>(id)?.filter(|account| account.cents >= cents);
    ///         let account = account.ok_or(Refused::TooPoor)?;
    ///         tx.put(&Account { cents: account.cents - cents, ..account })?;
    ///         Ok(())
    ///     })
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write`](Database::write).
    pub fn try_write<R, E: From<Error>>(
        &self,
        f: impl FnOnce(&mut WriteTxn<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        let mut txn = self.begin_write()?;
        let value = f(&mut txn)?;
        txn.commit()?;
        Ok(value)
    }

    /// Runs `f` as [`write`](Database::write) does, but in a commit that it shares with those of other
    /// threads: they wait for the disk together, not one after the other. A thread that is alone commits at once.
    ///
    /// An error or a panic of `f` rolls back what `f` has done, and nothing that others did. `f` may run in the thread
    /// of another caller, so it must not wait for anything that a caller may hold, such as a lock.
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # #[derive(Table, serde::Serialize, serde::Deserialize)] struct Visit { #[key(auto)] id: u64, page: String }
    /// # let dir = tempfile::tempdir()?;
    /// # let db = Database::open(dir.path().join("app.mdbx"), schema![Visit])?;
    /// std::thread::scope(|scope| {
    ///     for page in ["home", "news", "help"] {
    ///         let db = &db;
    ///         scope.spawn(move || db.batch(|tx| tx.insert_new(|id| Visit { id, page: page.into() })));
    ///     }
    /// });
    /// assert_eq!(db.read()?.count::<Visit>()?, 3);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What `f` returns, or [`Error::Engine`] from beginning or committing: everyone in a commit that fails gets its
    /// error, and [`TxnFailed`](mdbx_core::Error::TxnFailed) if an error left the changes of `f` half done.
    pub fn batch<R: Send>(
        &self,
        f: impl FnOnce(&mut WriteTxn<'_>) -> Result<R> + Send,
    ) -> Result<R> {
        self.try_batch(f)
    }

    /// As [`batch`](Database::batch), for closures with an error type of their own.
    ///
    /// # Errors
    ///
    /// As [`batch`](Database::batch).
    pub fn try_batch<R, E>(
        &self,
        f: impl FnOnce(&mut WriteTxn<'_>) -> Result<R, E> + Send,
    ) -> Result<R, E>
    where
        R: Send,
        E: From<Error> + Send,
    {
        self.inner
            .env
            .batch(|txn| {
                let mut txn = WriteTxn::lent(txn, &self.inner);
                let value = f(&mut txn).map_err(Failed::Work)?;
                let ticket = txn.finish().map_err(Failed::Commit)?;
                Ok((value, ticket))
            })
            // Here the commit has returned, in the thread that called.
            .map(|(value, ticket)| {
                if let Some(ticket) = ticket {
                    ticket.committed();
                }
                value
            })
            .map_err(|failed| match failed {
                Failed::Work(error) => error,
                Failed::Commit(error) => error.into(),
            })
    }

    /// Begins a write transaction. It must be [committed](WriteTxn::commit); dropping it rolls back.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`], among others when this thread already has a write transaction.
    pub fn begin_write(&self) -> Result<WriteTxn<'_>> {
        Ok(WriteTxn::new(self.inner.env.write()?, &self.inner))
    }

    /// Returns the path of the data file; an empty one if the database is in memory only.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.inner.env.path()
    }
}

/// Why a closure of a batch is not in the database.
enum Failed<E> {
    Work(E),
    Commit(Error),
}

impl<E> From<mdbx_core::Error> for Failed<E> {
    fn from(error: mdbx_core::Error) -> Self {
        Failed::Commit(error.into())
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

/// Opens a database with other options than the usual ones.
///
/// ```no_run
/// # use mdbx_typed::prelude::*;
/// use mdbx_typed::Geometry;
/// # #[derive(Table, serde::Serialize, serde::Deserialize)] struct User { #[key] id: u64 }
/// let db = Database::builder()
///     .geometry(Geometry::default().upper(64 << 30))
///     .max_readers(500)
///     .open("app.mdbx", schema![User])?;
/// # Ok::<_, mdbx_typed::OpenError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Builder {
    options: EnvOptions,
    fitting: Fitting,
}

impl Builder {
    /// Sets the page size of a new file and the bounds within which it grows.
    #[must_use]
    pub fn geometry(self, geometry: Geometry) -> Self {
        Builder {
            options: self.options.geometry(geometry),
            ..self
        }
    }

    /// Sets how many read transactions there can be at a time, in all processes together.
    #[must_use]
    pub fn max_readers(self, max_readers: usize) -> Self {
        Builder {
            options: self.options.max_readers(max_readers),
            ..self
        }
    }

    /// Sets whether the path is a directory that holds the data file.
    #[must_use]
    pub fn sub_directory(self, sub_directory: bool) -> Self {
        Builder {
            options: self.options.sub_directory(sub_directory),
            ..self
        }
    }

    /// Sets whether a missing file is created.
    #[must_use]
    pub fn create(self, create: bool) -> Self {
        Builder {
            options: self.options.create(create),
            ..self
        }
    }

    /// Sets whether the database is only read. Nothing is created or changed then, and writing is an
    /// [`Error::Engine`] that says so.
    ///
    /// Tables and indexes that the file does not have are left out: using them is an [`Error::NotInSchema`] or an
    /// [`Error::IndexMissing`]. Rows of older layouts can be read.
    #[must_use]
    pub fn read_only(self, read_only: bool) -> Self {
        self.engine(|options| options.read_only(read_only))
    }

    /// Sets what a commit promises: by default, that it is on the disk.
    #[must_use]
    pub fn durability(self, durability: Durability) -> Self {
        self.engine(|options| options.durability(durability))
    }

    /// Sets whatever else the engine has to offer.
    ///
    /// ```no_run
    /// # use mdbx_typed::prelude::*;
    /// use std::time::Duration;
    ///
    /// use mdbx_typed::Durability;
    /// # #[derive(Table, serde::Serialize, serde::Deserialize)] struct User { #[key] id: u64 }
    /// let db = Database::builder()
    ///     .durability(Durability::SafeNoSync)
    ///     .engine(|options| {
    ///         let options = options.write_map(true).exclusive(true).dirty_limit(256 << 20);
    ///         options.sync_bytes(64 << 20).sync_period(Duration::from_secs(1))
    ///     })
    ///     .open("app.mdbx", schema![User])?;
    /// # Ok::<_, mdbx_typed::OpenError>(())
    /// ```
    #[must_use]
    pub fn engine(self, set: impl FnOnce(EnvOptions) -> EnvOptions) -> Self {
        Builder {
            options: set(self.options),
            ..self
        }
    }

    /// Sets what happens to an index that the file does not have.
    #[must_use]
    pub fn on_missing_index(mut self, policy: OnMissingIndex) -> Self {
        self.fitting.policies.missing_index = policy;
        self
    }

    /// Sets what happens to an index that only the file has.
    #[must_use]
    pub fn on_extra_index(mut self, policy: OnExtraIndex) -> Self {
        self.fitting.policies.extra_index = policy;
        self
    }

    /// Sets what happens when there is a table that only the file has.
    #[must_use]
    pub fn on_unknown_table(mut self, policy: OnUnknownTable) -> Self {
        self.fitting.policies.unknown_table = policy;
        self
    }

    /// Sets which changes of the stored fields are accepted.
    #[must_use]
    pub fn on_layout_change(mut self, policy: OnLayoutChange) -> Self {
        self.fitting.policies.layout_change = policy;
        self
    }

    /// Sets how many rows one transaction reads when indexes are built, 200,000 by default. More make it faster, fewer
    /// let other processes write in between.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[must_use]
    pub fn build_batch(mut self, rows: usize) -> Self {
        assert!(rows > 0, "a batch has at least one row");
        self.fitting.batch_rows = rows;
        self
    }

    /// Sets how many bytes of rows and index entries [`load`](WriteTxn::load),
    /// [`load_sorted`](WriteTxn::load_sorted) and the building of indexes gather before they sort and write them: 64 MiB by
    /// default. Each row and each entry counts its bytes and 32 more. More make large loads faster.
    #[must_use]
    pub fn sort_memory(mut self, bytes: usize) -> Self {
        self.fitting.sort_memory = bytes;
        self
    }

    /// Sets who is told how far building indexes has come, after each transaction but the last.
    #[must_use]
    pub fn on_progress(mut self, progress: impl Fn(Progress<'_>) + Send + Sync + 'static) -> Self {
        self.fitting.progress = Some(Arc::new(progress));
        self
    }

    /// Opens the database.
    ///
    /// # Errors
    ///
    /// As [`Database::open`].
    pub fn open(self, path: impl AsRef<Path>, schema: &Schema) -> Result<Database, OpenError> {
        open::check_names(schema)?;
        let env = self.options.max_tables(most_tables(schema)).open(path)?;
        Database::of(env, schema, &self.fitting)
    }

    /// Opens a database that is nowhere but in memory: see [`Database::in_memory`].
    ///
    /// # Errors
    ///
    /// As [`Database::open`].
    pub fn open_in_memory(self, schema: &Schema) -> Result<Database, OpenError> {
        open::check_names(schema)?;
        let options = self.options.max_tables(most_tables(schema));
        Database::of(options.open_in_memory()?, schema, &self.fitting)
    }
}

/// Returns how many engine tables opening a schema and keeping it open may touch.
fn most_tables(schema: &Schema) -> usize {
    /// Indexes of the file that the program does not have, and tables that it drops.
    const OTHERS: usize = 100;
    let names_of = |was: &[&str]| 1 + was.len();
    // A renamed table is opened under both of its names, and an index that is built under a third.
    let tables_of = |table: &&TableSchema| {
        let indexes = table.indexes.iter().map(|index| 1 + names_of(index.was));
        names_of(table.was) * (1 + usize::from(table.logged) + indexes.sum::<usize>())
    };
    1 + OTHERS + schema.tables().iter().map(tables_of).sum::<usize>()
}

impl Database {
    /// Makes the tables of an environment those of the schema.
    fn of(env: Env, schema: &Schema, fitting: &Fitting) -> Result<Database, OpenError> {
        let Opened { tables, catalog } = open::tables(&env, schema, fitting)?;
        Ok(Database {
            inner: Arc::new(Inner {
                env,
                tables,
                schema: *schema,
                catalog,
                policies: fitting.policies,
                sort_memory: fitting.sort_memory,
                hub: Arc::default(),
            }),
        })
    }
}
