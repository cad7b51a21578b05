//! Everything in a database to lines of JSON, and back.

use std::fmt;
use std::io::{BufRead, Write};

use super::exchange::{Lines, malformed, no_row};
use super::{Database, WriteTxn};
use crate::count::Count;
use crate::dynamic::dump::{self, Line, Section};
use crate::dynamic::restore::Restorer;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::schema::TableSchema;

/// What [`Database::restore`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Restored {
    /// The tables of the dump, in its order.
    pub tables: Vec<RestoredTable>,
}

/// What [`Database::restore`] did with one table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestoredTable {
    /// The name it has in the dump.
    pub table: String,
    /// How many rows it has there.
    pub rows: u64,
    /// Whether they were left out, because the program does not have the table.
    pub is_skipped: bool,
}

impl Restored {
    /// Returns how many rows were stored.
    #[must_use]
    pub fn rows(&self) -> u64 {
        let stored = self.tables.iter().filter(|table| !table.is_skipped);
        stored.map(|table| table.rows).sum()
    }

    /// Returns the names of the tables that were left out.
    #[must_use]
    pub fn skipped(&self) -> Vec<&str> {
        let skipped = self.tables.iter().filter(|table| table.is_skipped);
        skipped.map(|table| table.table.as_str()).collect()
    }
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} restored", Count::rows(self.rows()))?;
        for table in &self.tables {
            let fate = if table.is_skipped {
                "left out, the program does not have it"
            } else {
                "restored"
            };
            let rows = Count::rows(table.rows);
            write!(f, "\ntable `{}`: {rows}, {fate}", table.table)?;
        }
        Ok(())
    }
}

impl Database {
    /// Writes everything that is in the file, as of one snapshot, and returns how many rows there are: also tables that are
    /// not in the schema.
    ///
    /// The dump is JSON Lines, and depends neither on the page size nor on the codec. It is what takes data to a file of
    /// another format, and what can be read when nothing else can. A field whose type the catalog knows by name only is
    /// dumped as its bytes. The log of `#[table(log)]` is not dumped: its rows are what they are. Nor are the tables beside
    /// the typed ones that [`WriteTxn::raw`] made.
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
    /// # struct User { #[key(auto)] id: u64, #[index(unique)] email: String }
    /// # let db = Database::in_memory(schema![User])?;
    /// # db.write(|tx| tx.insert_new(|id| User { id, email: "ann@x.org".into() }))?;
    /// let mut dump = Vec::new();
    /// db.dump(&mut dump)?;
    ///
    /// let other = Database::in_memory(schema![User])?;
    /// let restored = other.restore(dump.as_slice())?;
    /// assert_eq!(restored.rows(), 1);
    /// assert!(restored.skipped().is_empty(), "{restored}");
    /// assert_eq!(other.read()?.get_by(user::by_email, "ann@x.org")?.map(|user| user.id), Some(1));
    /// # Ok::<_, mdbx_typed::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`] for a damaged row; [`Error::Open`] for a catalog that cannot be read; [`Error::Io`] if
    /// writing fails; [`Error::Engine`].
    pub fn dump(&self, writer: impl Write) -> Result<u64> {
        self.dump_with(writer, |_| {})
    }

    /// As [`dump`](Database::dump), and tells from time to time how far it has come.
    ///
    /// # Errors
    ///
    /// As [`dump`](Database::dump).
    pub fn dump_with(
        &self,
        mut writer: impl Write,
        mut progress: impl FnMut(Progress<'_>),
    ) -> Result<u64> {
        let tx = self.read()?;
        let tables = tx.tables()?;
        dump::write_header(&mut writer)?;
        let mut rows = 0;
        for info in &tables {
            dump::write_table(info, &mut writer)?;
            let newest = info.revisions.last().map_or(0, |revision| revision.number);
            let mut done = 0;
            for row in tx.dynamic(&info.name)?.rows()? {
                dump::write_row(&row?, newest, &mut writer)?;
                done += 1;
                if let Some(due) = Progress::due(&info.name, done, info.rows) {
                    progress(due);
                }
            }
            rows += done;
        }
        dump::write_end(tables.len() as u64, rows, &mut writer)?;
        writer.flush()?;
        Ok(rows)
    }

    /// Adds the rows of a [dump](Database::dump) to the tables of the schema, in one transaction, with their indexes.
    ///
    /// A table of the dump goes to that of the program with its name, or with a `was` of that name. Rows of an older layout
    /// are converted, as when a file is opened: by defaults of appended fields, names that fields had, and `upgrade_from`.
    /// Numbers that automatic keys have used stay used. A table that the program does not have is left out, and the result
    /// says so. A failed restore changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Import`] for a line that is not what it should be, for a table whose layout no struct of the program has,
    /// for two tables that are one in the program, because one of them has an old name of it, and for one with fields of an
    /// unknown type in another codec; [`Error::ImportRow`] for a row that cannot be stored, for example because its primary key is
    /// there already; [`Error::ReadOnly`]; [`Error::Io`] if reading fails; [`Error::Engine`].
    pub fn restore(&self, reader: impl BufRead) -> Result<Restored> {
        self.restore_with(reader, |_| {})
    }

    /// As [`restore`](Database::restore), and tells from time to time how far it has come.
    ///
    /// # Errors
    ///
    /// As [`restore`](Database::restore).
    pub fn restore_with(
        &self,
        mut reader: impl BufRead,
        mut progress: impl FnMut(Progress<'_>),
    ) -> Result<Restored> {
        let mut txn = self.begin_write()?;
        let mut lines = Lines::default();
        let mut restoring = Restoring::new(self);
        let mut last = 0;
        while let Some((number, text)) = lines.next(&mut reader)? {
            last = number;
            let line = dump::parse(text).map_err(|reason| malformed(number, None, reason))?;
            restoring.line(&mut txn, number, line)?;
            restoring.tell(&mut progress);
        }
        let restored = restoring.finish(last)?;
        txn.commit()?;
        Ok(restored)
    }
}

/// A dump, as far as it is read.
struct Restoring<'a> {
    db: &'a Database,
    restored: Restored,
    /// The table that rows are of, unless it is left out.
    table: Option<Restorer<'a>>,
    /// How many rows it says to have.
    expected: u64,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    /// Before the first line.
    Start,
    Within,
    /// After the last line.
    End,
}

impl<'a> Restoring<'a> {
    fn new(db: &'a Database) -> Self {
        Restoring {
            db,
            restored: Restored::default(),
            table: None,
            expected: 0,
            state: State::Start,
        }
    }

    fn line(&mut self, txn: &mut WriteTxn<'_>, number: u64, line: Line) -> Result<()> {
        match (&self.state, line) {
            (State::Start, Line::Header) => self.state = State::Within,
            (State::Within, Line::Table(section)) => {
                self.require_all(number)?;
                self.begin(txn, number, &section)?;
            }
            (State::Within, Line::Row { fields, revision }) => {
                let table = self.restored.tables.last_mut();
                let table =
                    table.ok_or_else(|| malformed(number, None, "a row without a table".into()))?;
                table.rows += 1;
                let Some(restorer) = &mut self.table else {
                    return Ok(());
                };
                let row = restorer.encode(&fields, revision);
                let (bytes, origin) = row.map_err(|fault| no_row(number, fault))?;
                restorer
                    .insert(txn.untyped(restorer.slot())?, &bytes, origin)
                    .map_err(|source| Error::ImportRow {
                        line: number,
                        source: Box::new(source),
                    })?;
            }
            (State::Within, Line::End { tables, rows }) => {
                self.require_all(number)?;
                self.require_end(tables, rows)
                    .map_err(|reason| malformed(number, None, reason))?;
                self.state = State::End;
            }
            (State::Start, _) => return Err(malformed(number, None, "it is no dump".into())),
            (State::Within, Line::Header) | (State::End, _) => {
                return Err(malformed(number, None, "another dump begins here".into()));
            }
        }
        Ok(())
    }

    /// Turns to the next table.
    fn begin(&mut self, txn: &mut WriteTxn<'_>, number: u64, section: &Section) -> Result<()> {
        let found = self.find(&section.table);
        let earlier = found.and_then(|schema| self.restored_as(schema.name));
        if let (Some(schema), Some(other)) = (found, earlier) {
            let both = format!(
                "the tables `{other}` and `{}` of the dump are both `{}` here",
                section.table, schema.name
            );
            return Err(malformed(number, None, both));
        }
        self.expected = section.rows;
        self.restored.tables.push(RestoredTable {
            table: section.table.clone(),
            rows: 0,
            is_skipped: found.is_none(),
        });
        self.table = None;
        let Some(schema) = found else {
            return Ok(());
        };
        let tables = self.db.inner.tables();
        let handles = tables.get((schema.slot)()).and_then(Option::as_ref);
        let table = schema.name;
        let handles = handles.ok_or(Error::NotInSchema { table })?;
        if let Some(reason) = &handles.read_only {
            let reason = reason.clone();
            return Err(Error::ReadOnly { table, reason });
        }
        let restorer = Restorer::new(schema, handles, section)
            .map_err(|reason| malformed(number, None, format!("table `{table}`: {reason}")))?;
        let (target, _) = txn.untyped(restorer.slot())?;
        restorer.raise_sequence(target, section.sequence)?;
        self.table = Some(restorer);
        Ok(())
    }

    /// Returns the table of the program for a table of the dump.
    fn find(&self, name: &str) -> Option<&'static TableSchema> {
        let tables = || self.db.inner.schema.tables().iter().copied();
        let by_name = tables().find(|table| table.name == name);
        by_name.or_else(|| tables().find(|table| table.was.contains(&name)))
    }

    /// Returns which table of the dump went to this table of the program.
    fn restored_as(&self, table: &str) -> Option<&str> {
        let names = self.restored.tables.iter().map(|own| own.table.as_str());
        let mut names = names.filter(|name| self.find(name).is_some_and(|own| own.name == table));
        names.next()
    }

    /// Checks that all rows of the last table were there.
    fn require_all(&self, number: u64) -> Result<()> {
        match self.restored.tables.last() {
            Some(table) if table.rows != self.expected => Err(malformed(
                number,
                None,
                format!(
                    "table `{}` says {} rows, there are {}",
                    table.table, self.expected, table.rows
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Checks that there was as much as the last line says.
    fn require_end(&self, tables: u64, rows: u64) -> Result<(), String> {
        let restored = &self.restored.tables;
        let found = restored.len() as u64;
        if found != tables {
            return Err(format!("it says {tables} tables, there are {found}"));
        }
        let found: u64 = restored.iter().map(|table| table.rows).sum();
        if found != rows {
            return Err(format!("it says {rows} rows, there are {found}"));
        }
        Ok(())
    }

    fn tell(&self, progress: &mut impl FnMut(Progress<'_>)) {
        if let Some(table) = self.restored.tables.last()
            && self.state == State::Within
            && table.rows > 0
            && let Some(due) = Progress::due(&table.table, table.rows, self.expected)
        {
            progress(due);
        }
    }

    /// Returns what was restored, once nothing follows the line `last`.
    fn finish(self, last: u64) -> Result<Restored> {
        if self.state == State::End {
            Ok(self.restored)
        } else {
            Err(malformed(last + 1, None, "the dump was cut off".into()))
        }
    }
}
