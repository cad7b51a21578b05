//! Checks that the indexes of a table are those of its rows.
//!
//! Each row is read and looked for in the indexes. If all its entries are there, and an index has no more than that,
//! then it has no others; only otherwise the index is read, too.

use std::fmt;

use mdbx_core as core;
use mdbx_core::TableRef;

use crate::count::Count;
use crate::error::{CodecError, KeyBytes, Result};
use crate::key::KeyBuf;
use crate::progress::Progress;
use crate::schema::handles::{Source, TableHandles};
use crate::schema::{IndexKeys, TableSchema, row};

/// How many problems of one table are told in full.
const MOST_PROBLEMS: usize = 100;

/// What [`Database::verify`](crate::Database::verify) found. It prints as a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Report {
    /// The tables of the schema, in its order.
    pub tables: Vec<TableReport>,
}

/// What was found in one table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableReport {
    /// Its name.
    pub table: &'static str,
    /// How many rows it has.
    pub rows: u64,
    /// How many entries its indexes have together.
    pub entries: u64,
    /// How many rows were written by a newer program. They are not checked, and neither are the indexes then.
    pub newer_rows: u64,
    /// What is wrong, the first hundred of it.
    pub problems: Vec<Problem>,
    /// How much is wrong.
    pub problem_count: u64,
}

/// Something that is wrong. Keys are given as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A row cannot be read.
    Row {
        /// Its primary key.
        key: KeyBytes,
        /// What the codec said.
        source: CodecError,
    },
    /// A row is stored under another key than its own.
    WrongKey {
        /// The key it is stored under.
        key: KeyBytes,
        /// The one it has.
        own: KeyBytes,
    },
    /// A row is not in an index.
    MissingEntry {
        /// The index.
        index: &'static str,
        /// The key it should have there.
        key: KeyBytes,
        /// The primary key of the row.
        row: KeyBytes,
    },
    /// Two rows have the same key in a unique index.
    NotUnique {
        /// The index.
        index: &'static str,
        /// The key.
        key: KeyBytes,
        /// The primary key of a row.
        first: KeyBytes,
        /// The primary key of another.
        second: KeyBytes,
    },
    /// An index has an entry that its row does not give it.
    StrayEntry {
        /// The index.
        index: &'static str,
        /// The key of the entry.
        key: KeyBytes,
        /// The primary key it leads to.
        row: KeyBytes,
    },
    /// An index has an entry that leads to no row.
    Dangling {
        /// The index.
        index: &'static str,
        /// The key of the entry.
        key: KeyBytes,
        /// The primary key it leads to.
        row: KeyBytes,
    },
}

impl Report {
    /// Returns whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.tables.iter().all(|table| table.problem_count == 0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, table) in self.tables.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(
                f,
                "table `{}`: {}, {}, {}",
                table.table,
                Count::rows(table.rows),
                Count::entries(table.entries),
                Count::problems(table.problem_count)
            )?;
            for problem in &table.problems {
                write!(f, "\n  {problem}")?;
            }
            let untold = table.problem_count - table.problems.len() as u64;
            if untold > 0 {
                write!(f, "\n  and {untold} more")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Row { key, source } => write!(f, "the row {key} is unusable: {source}"),
            Problem::WrongKey { key, own } => {
                write!(f, "the row {key} says that its key is {own}")
            }
            Problem::MissingEntry { index, key, row } => {
                write!(f, "index `{index}`: the row {row} is not there under {key}")
            }
            Problem::NotUnique {
                index,
                key,
                first,
                second,
            } => write!(
                f,
                "index `{index}`: the rows {first} and {second} have the same key {key}"
            ),
            Problem::StrayEntry { index, key, row } => write!(
                f,
                "index `{index}`: {key} leads to the row {row}, which has another key"
            ),
            Problem::Dangling { index, key, row } => {
                write!(f, "index `{index}`: {key} leads to the missing row {row}")
            }
        }
    }
}

/// Checks one table.
pub(crate) fn table(
    source: &dyn Source,
    schema: &'static TableSchema,
    handles: &TableHandles,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<TableReport> {
    let indexes = handles.indexes.iter();
    let mut check = Check {
        schema,
        handles,
        rows: source.table(handles.rows.table)?,
        indexes: indexes
            .map(|index| source.table(index.table))
            .collect::<core::Result<_>>()?,
        expected: vec![0; handles.indexes.len()],
        keys: IndexKeys::default(),
        report: TableReport {
            table: schema.name,
            rows: 0,
            entries: 0,
            newer_rows: 0,
            problems: Vec::new(),
            problem_count: 0,
        },
    };
    check.rows(progress)?;
    for position in 0..handles.indexes.len() {
        if handles.indexes[position].is_missing {
            continue;
        }
        let len = check.indexes[position].len();
        check.report.entries += len;
        if len != check.expected[position] && check.report.newer_rows == 0 {
            check.entries(position)?;
        }
    }
    Ok(check.report)
}

/// A table that is being checked.
struct Check<'t> {
    schema: &'static TableSchema,
    handles: &'t TableHandles,
    rows: TableRef<'t>,
    indexes: Vec<TableRef<'t>>,
    /// How many entries the rows were found to have in each index.
    expected: Vec<u64>,
    /// Of the row at hand.
    keys: IndexKeys,
    report: TableReport,
}

impl Check<'_> {
    fn note(&mut self, problem: Problem) {
        self.report.problem_count += 1;
        if self.report.problems.len() < MOST_PROBLEMS {
            self.report.problems.push(problem);
        }
    }

    fn rows(&mut self, progress: &mut dyn FnMut(Progress<'_>)) -> Result<()> {
        let total = self.rows.len();
        let mut cursor = self.rows.cursor();
        let mut next = cursor.first()?;
        while let Some((key, bytes)) = next {
            self.row(key, bytes)?;
            self.report.rows += 1;
            if let Some(due) = Progress::due(self.schema.name, self.report.rows, total) {
                progress(due);
            }
            next = cursor.next()?;
        }
        Ok(())
    }

    fn row(&mut self, key: &[u8], bytes: &[u8]) -> Result<()> {
        let revisions = &self.handles.revisions;
        if row::newer_revision(self.schema, revisions, bytes).is_some() {
            self.report.newer_rows += 1;
            return Ok(());
        }
        let (mut own, mut rewritten) = (KeyBuf::new(), Vec::new());
        let read = row::rewrite(self.schema, revisions, bytes, &mut own, &mut rewritten)
            .and_then(|_| row::stored_keys(self.schema, revisions, bytes, &mut self.keys));
        if let Err(source) = read {
            let key = key.into();
            self.note(Problem::Row { key, source });
            return Ok(());
        }
        if own.as_slice() != key {
            let (key, own) = (key.into(), own.as_slice().into());
            self.note(Problem::WrongKey { key, own });
        }
        let keys = std::mem::take(&mut self.keys);
        for (position, index_key) in keys.iter() {
            if !self.handles.indexes[position].is_missing {
                self.entry_of(key, position, index_key)?;
            }
        }
        for (position, hash, exact) in keys.hashed() {
            let is_missing = self.handles.indexes[position].is_missing;
            if self.schema.indexes[position].unique && !is_missing {
                self.unique_hash(key, position, hash, exact)?;
            }
        }
        self.keys = keys;
        Ok(())
    }

    /// Looks for an entry that a row has to have.
    fn entry_of(&mut self, row: &[u8], position: usize, key: &[u8]) -> Result<()> {
        let index = self.schema.indexes[position].name;
        let entries = &self.indexes[position];
        if self.handles.indexes[position].has_duplicates {
            if entries.contains_dup(key, row)? {
                self.expected[position] += 1;
                return Ok(());
            }
        } else {
            match entries.get(key)? {
                Some(found) if found == row => {
                    self.expected[position] += 1;
                    return Ok(());
                }
                Some(other) if self.has_key(other, position, key)? => {
                    self.note(Problem::NotUnique {
                        index,
                        key: key.into(),
                        first: other.into(),
                        second: row.into(),
                    });
                    return Ok(());
                }
                _ => {}
            }
        }
        let (key, row) = (key.into(), row.into());
        self.note(Problem::MissingEntry { index, key, row });
        Ok(())
    }

    /// Looks for rows before this one that have the same value in a unique hash index.
    fn unique_hash(
        &mut self,
        row: &[u8],
        position: usize,
        hash: &[u8],
        exact: &[u8],
    ) -> Result<()> {
        let entries: Vec<&[u8]> = self.indexes[position]
            .dups(hash)?
            .collect::<core::Result<_>>()?;
        for other in entries.into_iter().filter(|other| *other < row) {
            let Some(keys) = self.keys_of(other)? else {
                continue;
            };
            if keys.hashed().any(|own| own == (position, hash, exact)) {
                self.note(Problem::NotUnique {
                    index: self.schema.indexes[position].name,
                    key: hash.into(),
                    first: other.into(),
                    second: row.into(),
                });
            }
        }
        Ok(())
    }

    /// Looks at all entries of an index: whether they have their row.
    fn entries(&mut self, position: usize) -> Result<()> {
        let index = self.schema.indexes[position].name;
        let mut cursor = self.indexes[position].cursor();
        let mut next = cursor.first()?;
        while let Some((key, row)) = next {
            if !self.rows.contains(row)? {
                let (key, row) = (key.into(), row.into());
                self.note(Problem::Dangling { index, key, row });
            } else if !self.has_key(row, position, key)? {
                let (key, row) = (key.into(), row.into());
                self.note(Problem::StrayEntry { index, key, row });
            }
            next = cursor.next()?;
        }
        Ok(())
    }

    fn has_key(&self, row: &[u8], position: usize, key: &[u8]) -> Result<bool> {
        let keys = self.keys_of(row)?;
        Ok(keys.is_some_and(|keys| keys.iter().any(|own| own == (position, key))))
    }

    /// Returns the keys of a row; `None` if it is not there or cannot be read, which is told elsewhere.
    fn keys_of(&self, row: &[u8]) -> Result<Option<IndexKeys>> {
        let Some(bytes) = self.rows.get(row)? else {
            return Ok(None);
        };
        let mut keys = IndexKeys::default();
        let read = row::stored_keys(self.schema, &self.handles.revisions, bytes, &mut keys);
        Ok(read.is_ok().then_some(keys))
    }
}
