//! Rows of a table to JSON Lines and CSV, and back, through serde.

use std::io::{BufRead, Read, Write};

use serde::{Deserialize, Serialize};

use super::lines::CountedLines;
use super::{Database, ReadTxn, WriteTxn};
use crate::dynamic::Value;
use crate::dynamic::fault::Fault;
use crate::dynamic::flat;
use crate::dynamic::typed::{self, RowForm};
use crate::error::{Error, KeyBytes, Result};
use crate::key;
use crate::progress::Progress;
use crate::schema::{Record, Table};

/// How rows are imported: by default as new rows, in one transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// `None` for all.
    batch: Option<u64>,
    replaces: bool,
}

impl ImportOptions {
    /// Sets that a transaction has at most so many rows. An import that fails then keeps the batches before.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[must_use]
    pub fn batch(self, rows: u64) -> Self {
        assert!(rows > 0, "a batch has at least one row");
        ImportOptions {
            batch: Some(rows),
            ..self
        }
    }

    /// Sets whether a row replaces the one with its primary key. Otherwise such a row is refused.
    #[must_use]
    pub fn replace(self, replace: bool) -> Self {
        ImportOptions {
            replaces: replace,
            ..self
        }
    }
}

/// How many rows are stored together, and about how many bytes of text they may have.
const ROWS_AT_ONCE: u64 = 10_000;
const BYTES_AT_ONCE: usize = 4 << 20;

/// Fewer rows are stored faster one by one.
const FEWEST_TO_LOAD: usize = 4_000;

/// A row that was read.
struct Given {
    line: u64,
    fields: Vec<(String, Value)>,
    /// How many bytes of text it had.
    bytes: usize,
}

impl Database {
    /// Writes all rows of a table, as of one snapshot, as JSON Lines: one object a line, with fields by their stored names.
    /// Returns how many there are.
    ///
    /// All values come back equal by [`import_jsonl`](Database::import_jsonl): see [`Value`] for how they are written.
    /// Types that the catalog knows by name only are written as serde writes them for people.
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// #[derive(Table, Serialize, Deserialize)]
    /// struct User {
    ///     #[key]
    ///     id: u64,
    ///     email: String,
    ///     avatar: Vec<u8>,
    /// }
    ///
    /// # let db = Database::in_memory(schema![User])?;
    /// db.write(|tx| tx.insert(&User { id: 1, email: "ann@x.org".into(), avatar: vec![7, 255] }))?;
    /// let mut lines = Vec::new();
    /// db.export_jsonl::<User>(&mut lines)?;
    /// assert_eq!(lines, b"{\"id\": 1, \"email\": \"ann@x.org\", \"avatar\": \"0x07ff\"}\n");
    ///
    /// let other = Database::in_memory(schema![User])?;
    /// assert_eq!(other.import_jsonl::<User>(lines.as_slice())?, 1);
    /// # Ok::<_, mdbx_typed::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Export`] if serde refuses a row; [`Error::Io`] if writing fails; otherwise as
    /// [`ReadTxn::get`]. Rows before the error were written.
    pub fn export_jsonl<T>(&self, writer: impl Write) -> Result<u64>
    where
        T: Table,
        for<'t> T::Row<'t>: Serialize,
    {
        self.export_jsonl_with::<T>(writer, |_| {})
    }

    /// As [`export_jsonl`](Database::export_jsonl), and tells from time to time how far it has come.
    ///
    /// # Errors
    ///
    /// As [`export_jsonl`](Database::export_jsonl).
    pub fn export_jsonl_with<T>(
        &self,
        mut writer: impl Write,
        progress: impl FnMut(Progress<'_>),
    ) -> Result<u64>
    where
        T: Table,
        for<'t> T::Row<'t>: Serialize,
    {
        let form = RowForm::new(T::SCHEMA);
        let write = |row: &T::Row<'_>| {
            let values = form.values(row).map_err(|fault| refused::<T>(row, fault))?;
            writeln!(writer, "{}", Value::Struct(values))?;
            Ok(())
        };
        let count = each_row::<T>(&self.read()?, write, progress)?;
        writer.flush()?;
        Ok(count)
    }

    /// Adds the rows that JSON Lines hold, in one transaction, and returns how many there are. Empty lines do not count.
    ///
    /// A field that is left out gets its `#[serde(default)]`, and an optional one `None`. A failed import changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Import`] for a line that is no row, with the field; [`Error::ImportRow`] for a row that cannot be stored,
    /// with the reason as its source; [`Error::Io`] if reading fails; otherwise as [`WriteTxn::insert`].
    pub fn import_jsonl<T>(&self, reader: impl BufRead) -> Result<u64>
    where
        T: Table,
        for<'v> T::Row<'v>: Deserialize<'v>,
    {
        self.import_jsonl_with::<T>(reader, ImportOptions::default(), |_| {})
    }

    /// As [`import_jsonl`](Database::import_jsonl), with options, and tells from time to time how far it has come.
    ///
    /// # Errors
    ///
    /// As [`import_jsonl`](Database::import_jsonl).
    pub fn import_jsonl_with<T>(
        &self,
        mut reader: impl BufRead,
        options: ImportOptions,
        progress: impl FnMut(Progress<'_>),
    ) -> Result<u64>
    where
        T: Table,
        for<'v> T::Row<'v>: Deserialize<'v>,
    {
        let mut lines = Lines::default();
        let next = || {
            let Some((line, text)) = lines.next(&mut reader)? else {
                return Ok(None);
            };
            let (value, bytes) = (text.parse::<Value>(), text.len());
            match value.map_err(|error| malformed(line, None, error.to_string()))? {
                Value::Struct(fields) => Ok(Some(Given {
                    line,
                    fields,
                    bytes,
                })),
                _ => Err(malformed(line, None, "it is no object".into())),
            }
        };
        self.import::<T>(&RowForm::new(T::SCHEMA), next, options, progress)
    }

    /// Writes all rows of a table, as of one snapshot, as CSV with a line of field names. Returns how many there are.
    ///
    /// Numbers, text, bytes as `0x..` and enums without fields are what it can hold; `None` is an empty field.
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// #[derive(Table, Serialize, Deserialize)]
    /// struct User {
    ///     #[key]
    ///     id: u64,
    ///     name: String,
    ///     phone: Option<String>,
    /// }
    ///
    /// # let db = Database::in_memory(schema![User])?;
    /// db.write(|tx| tx.insert(&User { id: 1, name: "Ann, \"A\"".into(), phone: None }))?;
    /// let mut csv = Vec::new();
    /// db.export_csv::<User>(&mut csv)?;
    /// assert_eq!(csv, b"id,name,phone\n1,\"Ann, \"\"A\"\"\",\n");
    /// # Ok::<_, mdbx_typed::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Export`] for a field that is nested, or for an optional text that is empty, which would be read as `None`;
    /// otherwise as [`export_jsonl`](Database::export_jsonl).
    pub fn export_csv<T>(&self, writer: impl Write) -> Result<u64>
    where
        T: Table,
        for<'t> T::Row<'t>: Serialize,
    {
        self.export_csv_with::<T>(writer, |_| {})
    }

    /// As [`export_csv`](Database::export_csv), and tells from time to time how far it has come.
    ///
    /// # Errors
    ///
    /// As [`export_csv`](Database::export_csv).
    pub fn export_csv_with<T>(
        &self,
        writer: impl Write,
        progress: impl FnMut(Progress<'_>),
    ) -> Result<u64>
    where
        T: Table,
        for<'t> T::Row<'t>: Serialize,
    {
        let form = RowForm::new(T::SCHEMA);
        let mut csv = csv::Writer::from_writer(writer);
        csv.write_record(form.fields().map(|(name, _)| name))
            .map_err(not_written)?;
        let write = |row: &T::Row<'_>| {
            let values = form.values(row).map_err(|fault| refused::<T>(row, fault))?;
            let mut record = Vec::with_capacity(values.len());
            for ((name, value), (_, form)) in values.iter().zip(form.fields()) {
                let text = flat::write(value, form);
                let fault = |reason| refused::<T>(row, Fault::new(reason).within(name));
                record.push(text.map_err(fault)?);
            }
            csv.write_record(record).map_err(not_written)
        };
        let count = each_row::<T>(&self.read()?, write, progress)?;
        csv.flush()?;
        Ok(count)
    }

    /// Adds the rows that CSV holds, in one transaction, and returns how many there are. The first line has the names of
    /// the fields, in any order.
    ///
    /// A field that has no column gets its `#[serde(default)]`, and an optional one `None`. A failed import changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// As [`import_jsonl`](Database::import_jsonl).
    pub fn import_csv<T>(&self, reader: impl Read) -> Result<u64>
    where
        T: Table,
        for<'v> T::Row<'v>: Deserialize<'v>,
    {
        self.import_csv_with::<T>(reader, ImportOptions::default(), |_| {})
    }

    /// As [`import_csv`](Database::import_csv), with options, and tells from time to time how far it has come.
    ///
    /// # Errors
    ///
    /// As [`import_csv`](Database::import_csv).
    pub fn import_csv_with<T>(
        &self,
        reader: impl Read,
        options: ImportOptions,
        progress: impl FnMut(Progress<'_>),
    ) -> Result<u64>
    where
        T: Table,
        for<'v> T::Row<'v>: Deserialize<'v>,
    {
        let form = RowForm::new(T::SCHEMA);
        let mut csv = csv::Reader::from_reader(CountedLines::new(reader));
        let headers = csv.headers().cloned();
        let headers = headers.map_err(|error| from_csv(error, csv.get_ref()))?;
        let names: Vec<String> = headers.iter().map(str::to_owned).collect();
        for (i, name) in names.iter().enumerate() {
            if names[..i].contains(name) {
                let (line, name) = (line_of(headers.position(), csv.get_ref()), name.clone());
                return Err(malformed(line, Some(name), "it is there twice".into()));
            }
        }
        let form_of = |name: &String| form.fields().find(|(stored, _)| stored == name);
        let columns: Vec<_> = names
            .iter()
            .map(|name| (name, form_of(name).map(|(_, form)| form)))
            .collect();
        let mut record = csv::StringRecord::new();
        let next = || {
            let is_there = csv.read_record(&mut record);
            if !is_there.map_err(|error| from_csv(error, csv.get_ref()))? {
                return Ok(None);
            }
            let line = line_of(record.position(), csv.get_ref());
            let fields = columns.iter().zip(&record).map(|((name, form), text)| {
                let value = form.map_or(Value::Unit, |form| flat::read(text, form));
                ((*name).clone(), value)
            });
            Ok(Some(Given {
                line,
                fields: fields.collect(),
                bytes: record.as_slice().len(),
            }))
        };
        self.import::<T>(&form, next, options, progress)
    }

    /// Stores the rows that `next` returns until there are no more.
    fn import<T>(
        &self,
        form: &RowForm,
        mut next: impl FnMut() -> Result<Option<Given>>,
        options: ImportOptions,
        mut progress: impl FnMut(Progress<'_>),
    ) -> Result<u64>
    where
        T: Table,
        for<'v> T::Row<'v>: Deserialize<'v>,
    {
        let mut done = 0;
        let mut tell = |done: u64| {
            progress(Progress {
                table: T::SCHEMA.name,
                done,
                total: done,
            });
        };
        loop {
            let mut tx = self.begin_write()?;
            let end = options.batch.map_or(u64::MAX, |rows| done + rows);
            while done < end {
                let some = Gathered::read(form, &mut next, ROWS_AT_ONCE.min(end - done));
                some.store::<T>(&mut tx, form, options)?;
                done += some.rows.len() as u64;
                match some.end {
                    End::Full => {}
                    End::Error(error) => return Err(error),
                    End::Reached => {
                        tx.commit()?;
                        tell(done);
                        return Ok(done);
                    }
                }
                if options.batch.is_none() {
                    tell(done);
                }
            }
            tx.commit()?;
            tell(done);
        }
    }
}

/// Some rows that were read.
struct Gathered {
    /// The line of each, and the values of its fields by position.
    rows: Vec<(u64, Vec<(usize, Value)>)>,
    end: End,
}

/// Why there are no more of them.
enum End {
    /// There are as many as are stored together.
    Full,
    /// Nothing is left to read.
    Reached,
    /// What comes next is no row.
    Error(Error),
}

impl Gathered {
    /// Reads up to so many rows.
    fn read(
        form: &RowForm,
        next: &mut impl FnMut() -> Result<Option<Given>>,
        most: u64,
    ) -> Gathered {
        let (mut rows, mut bytes) = (Vec::new(), 0);
        let end = loop {
            if rows.len() as u64 == most || bytes >= BYTES_AT_ONCE {
                break End::Full;
            }
            let given = match next() {
                Ok(Some(given)) => given,
                Ok(None) => break End::Reached,
                Err(error) => break End::Error(error),
            };
            bytes += given.bytes;
            match form.fitted(&given.fields) {
                Ok(fitted) => rows.push((given.line, fitted)),
                Err(fault) => break End::Error(no_row(given.line, fault)),
            }
        };
        Gathered { rows, end }
    }

    /// Stores the rows: the only place that does.
    ///
    /// A load does not tell which row stands in its way, and leaves nothing behind; so the rows follow one by one then.
    fn store<T>(&self, tx: &mut WriteTxn<'_>, form: &RowForm, options: ImportOptions) -> Result<()>
    where
        T: Table,
        for<'v> T::Row<'v>: Deserialize<'v>,
    {
        let fields = self.rows.iter().map(|(_, fitted)| form.for_serde(fitted));
        let fields: Vec<_> = fields.collect();
        let mut rows: Vec<T::Row<'_>> = Vec::with_capacity(fields.len());
        let mut refused = Ok(());
        for (fields, (line, _)) in fields.iter().zip(&self.rows) {
            match typed::row(T::SCHEMA, fields) {
                Ok(row) => rows.push(row),
                Err(fault) => {
                    refused = Err(no_row(*line, fault));
                    break;
                }
            }
        }
        let may_load = !options.replaces && rows.len() >= FEWEST_TO_LOAD;
        if !may_load || tx.load(rows.iter()).is_err() {
            for (row, (line, _)) in rows.iter().zip(&self.rows) {
                let stored = if options.replaces {
                    tx.put(row)
                } else {
                    tx.insert(row)
                };
                stored.map_err(|source| Error::ImportRow {
                    line: *line,
                    source: Box::new(source),
                })?;
            }
        }
        refused
    }
}

#[cold]
pub(super) fn no_row(line: u64, fault: Fault) -> Error {
    let (field, reason) = fault.into_parts();
    malformed(line, field, reason)
}

/// Calls `write` with every row of a table, in the order of the primary key; returns how many there are.
fn each_row<T: Table>(
    tx: &ReadTxn<'_>,
    mut write: impl FnMut(&T::Row<'_>) -> Result<()>,
    mut progress: impl FnMut(Progress<'_>),
) -> Result<u64> {
    let total = tx.count::<T>()?;
    let mut done = 0;
    tx.each::<T>(|row| {
        write(row)?;
        done += 1;
        if let Some(due) = Progress::due(T::SCHEMA.name, done, total) {
            progress(due);
        }
        Ok(())
    })?;
    Ok(done)
}

#[cold]
pub(super) fn malformed(line: u64, field: Option<String>, reason: String) -> Error {
    Error::Import {
        line,
        field,
        reason,
    }
}

#[cold]
fn refused<T: Table>(row: &impl Record<Table = T>, fault: Fault) -> Error {
    let (field, reason) = fault.into_parts();
    Error::Export {
        table: T::SCHEMA.name.into(),
        key: KeyBytes::from(key::encode::<T::Key>(row.key()).as_slice()),
        field,
        reason,
    }
}

/// Returns why a record was not written.
fn not_written(error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        other => std::io::Error::other(format!("{other:?}")).into(),
    }
}

/// Returns the line of a record that was looked for at this position.
fn line_of<R>(position: Option<&csv::Position>, lines: &CountedLines<R>) -> u64 {
    position.map_or(0, |position| lines.line_at(position.byte()))
}

/// Returns why a record was not read.
fn from_csv<R>(error: csv::Error, lines: &CountedLines<R>) -> Error {
    let line = line_of(error.position(), lines);
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => malformed(
            line,
            None,
            format!("it has {len} fields, the first line has {expected_len}"),
        ),
        csv::ErrorKind::Utf8 { .. } => malformed(line, None, "it is not UTF-8".into()),
        _ => malformed(line, None, "it is no CSV".into()),
    }
}

/// The lines of a reader, counted from 1.
#[derive(Default)]
pub(super) struct Lines {
    line: u64,
    text: String,
}

impl Lines {
    /// Returns the next line that is not empty, and its number.
    pub(super) fn next(&mut self, reader: &mut impl BufRead) -> Result<Option<(u64, &str)>> {
        loop {
            self.text.clear();
            self.line += 1;
            match reader.read_line(&mut self.text) {
                Ok(0) => return Ok(None),
                Ok(_) if self.text.trim().is_empty() => {}
                Ok(_) => break,
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    return Err(malformed(self.line, None, "it is not UTF-8".into()));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some((self.line, self.text.trim())))
    }
}
