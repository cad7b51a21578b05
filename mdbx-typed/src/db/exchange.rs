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

/// After how many rows progress is told.
const ROWS_PER_PROGRESS: u64 = 10_000;

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

/// A row that was read: its line, and the fields it gives.
type Given = (u64, Vec<(String, Value)>);

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
            let value = text.parse::<Value>();
            match value.map_err(|error| malformed(line, None, error.to_string()))? {
                Value::Struct(fields) => Ok(Some((line, fields))),
                _ => Err(malformed(line, None, "it is no object".into())),
            }
        };
        self.import::<T>(next, options, progress)
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
        let mut record = csv::StringRecord::new();
        let next = || {
            let is_there = csv.read_record(&mut record);
            if !is_there.map_err(|error| from_csv(error, csv.get_ref()))? {
                return Ok(None);
            }
            let line = line_of(record.position(), csv.get_ref());
            let fields = names.iter().zip(&record).map(|(name, text)| {
                let own = form.fields().find(|(stored, _)| stored == name);
                let value = own.map_or(Value::Unit, |(_, form)| flat::read(text, form));
                (name.clone(), value)
            });
            Ok(Some((line, fields.collect())))
        };
        self.import::<T>(next, options, progress)
    }

    /// Stores the rows that `next` returns until there are no more.
    fn import<T>(
        &self,
        mut next: impl FnMut() -> Result<Option<Given>>,
        options: ImportOptions,
        mut progress: impl FnMut(Progress<'_>),
    ) -> Result<u64>
    where
        T: Table,
        for<'v> T::Row<'v>: Deserialize<'v>,
    {
        let form = RowForm::new(T::SCHEMA);
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
                let Some((line, given)) = next()? else {
                    tx.commit()?;
                    tell(done);
                    return Ok(done);
                };
                store::<T>(&mut tx, &form, &given, options).map_err(|fault| fault.at(line))?;
                done += 1;
                if options.batch.is_none() && done.is_multiple_of(ROWS_PER_PROGRESS) {
                    tell(done);
                }
            }
            tx.commit()?;
            tell(done);
        }
    }
}

/// Why a row that was read is not stored.
enum Refused {
    Fault(Fault),
    Row(Error),
}

impl Refused {
    fn at(self, line: u64) -> Error {
        match self {
            Refused::Fault(fault) => {
                let (field, reason) = fault.into_parts();
                malformed(line, field, reason)
            }
            Refused::Row(source) => Error::ImportRow {
                line,
                source: Box::new(source),
            },
        }
    }
}

/// Stores one row that was read: the only place that does.
fn store<T>(
    tx: &mut WriteTxn<'_>,
    form: &RowForm,
    given: &[(String, Value)],
    options: ImportOptions,
) -> Result<(), Refused>
where
    T: Table,
    for<'v> T::Row<'v>: Deserialize<'v>,
{
    let fitted = form.fitted(given).map_err(Refused::Fault)?;
    let fields = form.for_serde(&fitted);
    let row: T::Row<'_> = typed::row(T::SCHEMA, &fields).map_err(Refused::Fault)?;
    let stored = if options.replaces {
        tx.put(&row)
    } else {
        tx.insert(&row)
    };
    stored.map_err(Refused::Row)
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
        if done % ROWS_PER_PROGRESS == 0 || done == total {
            progress(Progress {
                table: T::SCHEMA.name,
                done,
                total,
            });
        }
        Ok(())
    })?;
    Ok(done)
}

#[cold]
fn malformed(line: u64, field: Option<String>, reason: String) -> Error {
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
