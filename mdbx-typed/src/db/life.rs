//! What a program may ask of a database in the course of its life: differences, migration, verification, dropping.

use std::path::Path;

use mdbx_core::Env;
use mdbx_core::tools::copy::CopyOptions;

use super::open;
use super::plan::Plan;
use super::{Database, Inner};
use crate::changes::log::Log;
use crate::error::{Error, OpenError, Result, SchemaDiff};
use crate::migrate;
use crate::progress::Progress;
use crate::schema::catalog::index_table;
use crate::schema::handles::TableHandles;
use crate::schema::{Schema, TableSchema};
use crate::verify::{self, Report};

impl Inner {
    /// Returns the tables of the schema with their handles.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static TableSchema, &TableHandles)> {
        let tables = self.schema.tables().iter();
        tables.filter_map(|table| Some((*table, self.tables.get((table.slot)())?.as_ref()?)))
    }
}

impl Database {
    /// Returns what opening the file with this schema would do, and what it would refuse, without doing any of it.
    ///
    /// Print it to see it as a list. The policies are those the database was opened with.
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// #[derive(Table, Serialize, Deserialize)]
    /// struct User {
    ///     #[key]
    ///     id: u64,
    ///     email: String,
    /// }
    ///
    /// mod next {
    /// #    use super::*;
    ///     #[derive(Table, Serialize, Deserialize)]
    ///     pub struct User {
    ///         #[key]
    ///         id: u64,
    ///         #[index]
    ///         email: String,
    ///         #[serde(default)]
    ///         bio: String,
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("app.mdbx");
    /// let db = Database::open(path, schema![User])?;
    /// db.write(|tx| tx.insert(&User { id: 1, email: "ann@x.org".into() }))?;
    /// assert_eq!(
    ///     db.schema_diff(schema![next::User])?.to_string(),
    ///     "opening makes the tables in the file those of this program\n\
    ///      table `user`:\n  \
    ///        revision 2: bio appended, and older rows have the default\n  \
    ///        index `by_email` is built from 1 row"
    /// );
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Database::open`], but for [`OpenError::Schema`].
    pub fn schema_diff(&self, schema: &Schema) -> Result<SchemaDiff, OpenError> {
        open::check_names(schema)?;
        let txn = self.inner.env.read()?;
        Ok(Plan::find(&txn, schema, self.inner.policies)?.diff())
    }

    /// Rewrites all rows that older structs wrote, and returns how many there were. After that, those structs are not
    /// needed any more.
    ///
    /// Rows are rewritten in transactions of bounded size; what is done stays done if it is interrupted. Tables that
    /// can only be read are left alone.
    ///
    /// # Errors
    ///
    /// [`Error::KeyChanged`] if converting a row changes its primary key; [`Error::Codec`] for a row that cannot be read;
    /// [`Error::SchemaChanged`]; [`Error::Engine`].
    pub fn migrate(&self) -> Result<u64> {
        self.migrate_with(|_| {})
    }

    /// As [`migrate`](Database::migrate), and tells after each transaction how far it has come.
    ///
    /// # Errors
    ///
    /// As [`migrate`](Database::migrate).
    pub fn migrate_with(&self, mut progress: impl FnMut(Progress<'_>)) -> Result<u64> {
        let mut rewritten = 0;
        for (schema, handles) in self.inner.all() {
            if schema.is_raw() || handles.read_only.is_some() {
                continue;
            }
            let mut task = migrate::Task::new(schema, handles);
            while !task.is_done() {
                let mut txn = self.inner.env.write()?;
                self.inner.check_schema(&txn)?;
                task.advance(&mut txn)?;
                if let Some(log) = Log::of(schema.name, handles) {
                    log.touch(&mut txn)?; // the rows are newer now
                }
                txn.commit()?;
                progress(task.progress());
            }
            rewritten += task.rewritten();
        }
        Ok(rewritten)
    }

    /// Checks that the indexes are those of the rows: that all rows can be read and are stored under their keys, that
    /// every row has its entries and every entry its row, and that nothing unique is there twice. Keys of computed
    /// indexes are computed anew.
    ///
    /// It reads one snapshot and never changes anything. Pages are checked by [`mdbx_core::tools::check`].
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # #[derive(Table, serde::Serialize, serde::Deserialize)] struct User { #[key] id: u64, #[index] age: u8 }
    /// # let directory = tempfile::tempdir()?;
    /// # let db = Database::open(directory.path().join("app.mdbx"), schema![User])?;
    /// db.write(|tx| tx.insert(&User { id: 1, age: 30 }))?;
    /// let report = db.verify()?;
    /// assert!(report.is_clean(), "{report}");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Engine`] if the file cannot be read. What is wrong with the rows is in the report.
    pub fn verify(&self) -> Result<Report> {
        self.verify_with(|_| {})
    }

    /// As [`verify`](Database::verify), and tells from time to time how far it has come.
    ///
    /// # Errors
    ///
    /// As [`verify`](Database::verify).
    pub fn verify_with(&self, mut progress: impl FnMut(Progress<'_>)) -> Result<Report> {
        let txn = self.inner.env.read()?;
        let mut report = Report::default();
        for (schema, handles) in self.inner.all() {
            let table = verify::table(&txn, schema, handles, &mut progress)?;
            report.tables.push(table);
        }
        Ok(report)
    }

    /// Drops a table that is not in the schema, with its indexes and all that the catalog says of it. Returns whether
    /// the file had it.
    ///
    /// Nothing else ever drops a table: one that a program does not know is kept. To drop one that it knows, open the file
    /// without it.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] for a table of the schema; [`Error::Open`] or [`Error::Engine`].
    pub fn drop_table(&self, name: &str) -> Result<bool> {
        let mut tables = self.inner.schema.tables().iter();
        if tables.any(|table| table.name == name) {
            return Err(Error::InUse { table: name.into() });
        }
        Ok(open::drop_table(&self.inner.env, name)?)
    }

    /// Drops an index of the file that the struct of its table does not have. Returns whether the file had it.
    ///
    /// Such an index keeps the rows of its table from being changed, unless the
    /// [policy](crate::Builder::on_extra_index) says otherwise. Open the database again after it was dropped: whoever has it
    /// open now, this program included, gets an [`Error::SchemaChanged`] when it next writes.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] for an index of the schema; [`Error::Open`] or [`Error::Engine`].
    pub fn drop_index(&self, table: &str, index: &str) -> Result<bool> {
        let mut tables = self.inner.schema.tables().iter();
        let own = tables.find(|own| own.name == table);
        if own.is_some_and(|own| own.indexes.iter().any(|own| own.name == index)) {
            return Err(Error::InUse {
                table: index_table(table, index),
            });
        }
        Ok(open::drop_index(&self.inner.env, table, index)?)
    }

    /// Makes all that was committed durable, where the [durability](crate::Builder::durability) leaves that open. Returns
    /// whether there was anything to do.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`], among others if the database is only read.
    pub fn sync(&self) -> Result<bool> {
        Ok(self.inner.env.sync()?)
    }

    /// Makes all that was committed durable and gives this handle up. The file is closed with the last handle and
    /// transaction; dropping them does the same, but nobody is told what goes wrong.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`]. The handle is gone in any case.
    pub fn close(self) -> Result<()> {
        Ok(self.inner.env.clone().close()?)
    }

    /// Copies what is committed to a new file, and returns its length in bytes. Pages that hold nothing are left out.
    /// Others may read and write meanwhile.
    ///
    /// The copy is on the disk when this returns, and until then there is nothing at `path`. What else a copy can be, such
    /// as one with progress or to a stream, [`CopyOptions`](mdbx_core::tools::copy::CopyOptions) knows, given
    /// [`ReadTxn::raw`](crate::ReadTxn::raw).
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # #[derive(Table, serde::Serialize, serde::Deserialize)] struct User { #[key] id: u64 }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("backup.mdbx");
    /// let db = Database::in_memory(schema![User])?;
    /// db.write(|tx| tx.insert(&User { id: 1 }))?;
    /// db.copy_to(&path)?;
    /// assert!(Database::open(&path, schema![User])?.read()?.contains::<User>(1)?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Engine`], among others if there is a file already.
    pub fn copy_to(&self, path: impl AsRef<Path>) -> Result<u64> {
        let copy = CopyOptions::new().compact(true);
        Ok(copy.to_path(&self.inner.env.read()?, path)?)
    }

    /// Returns the engine's environment: what it tells of the file and its readers, and what can be set while it is open.
    ///
    /// **Nothing that the typed layer promises is kept in its write transactions**, as in [`WriteTxn::raw`](crate::WriteTxn::raw).
    #[must_use]
    pub fn raw(&self) -> &Env {
        &self.inner.env
    }

    /// Returns a database that is nowhere but in memory and is gone with its last handle. It is as any other; only that
    /// no other process can open it.
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # #[derive(Table, serde::Serialize, serde::Deserialize)] struct User { #[key] id: u64 }
    /// let db = Database::in_memory(schema![User])?;
    /// db.write(|tx| tx.insert(&User { id: 1 }))?;
    /// assert_eq!(db.read()?.count::<User>()?, 1);
    /// # Ok::<_, mdbx_typed::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Database::open`].
    pub fn in_memory(schema: &Schema) -> Result<Database, OpenError> {
        Self::builder().open_in_memory(schema)
    }
}
