//! How large the tables and the file are, and who keeps it from being used again.

use std::fmt;

use mdbx_core::tools::stat::stat;
use mdbx_core::{PageSize, ReaderInfo, Stat};

use super::Database;
use crate::error::Result;
use crate::schema::TableSchema;
use crate::schema::handles::{IndexHandle, Source, TableHandles};

/// The sizes of the tables of a [`Database`], and of its file. It prints as a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The tables of the schema.
    pub tables: Vec<TableStats>,
    /// The length of the file, in bytes.
    pub file_bytes: u64,
    /// How much of it holds nothing and is used again before the file grows, in bytes.
    pub free_bytes: u64,
    /// How many read transactions there are, of all processes.
    pub readers: usize,
    /// The one with the oldest snapshot: its process, how many commits it is behind, and how many bytes it keeps from being
    /// used again.
    pub oldest_reader: Option<ReaderInfo>,
}

/// The sizes of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableStats {
    /// Its name.
    pub table: &'static str,
    /// The rows, by the name `primary`.
    pub rows: IndexStats,
    /// The indexes that the file has.
    pub indexes: Vec<IndexStats>,
    /// What [`insert_new`](crate::WriteTxn::insert_new) tries next; `None` if it was never used.
    pub next_auto_key: Option<u64>,
}

/// The sizes of one index, or of the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexStats {
    /// Its name.
    pub index: &'static str,
    /// How many entries, or rows, it has.
    pub entries: u64,
    /// How many pages hold them.
    pub pages: u64,
    /// How large these are, in bytes.
    pub bytes: u64,
}

impl Database {
    /// Returns how large the tables and the file are. No row is read.
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # #[derive(Table, serde::Serialize, serde::Deserialize)] struct User { #[key] id: u64, #[index] age: u8 }
    /// # fn main() -> mdbx_typed::Result<()> {
    /// # let db = Database::in_memory(schema![User])?;
    /// db.write(|tx| tx.load((0..1000).map(|id| User { id, age: 30 })))?;
    /// let stats = db.stats()?;
    /// assert_eq!(stats.tables[0].rows.entries, 1000);
    /// println!("{stats}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Engine`](crate::Error::Engine).
    pub fn stats(&self) -> Result<Stats> {
        let readers = self.inner.env.readers()?;
        let txn = self.inner.env.read()?;
        let file = stat(&txn)?;
        let tables = self.inner.all();
        let tables =
            tables.map(|(schema, handles)| TableStats::of(&txn, file.page_size, schema, handles));
        let page_bytes = file.page_size.bytes() as u64;
        Ok(Stats {
            tables: tables.collect::<Result<_>>()?,
            file_bytes: file.file_len,
            free_bytes: (file.gc.pages + file.unallocated_pages) * page_bytes,
            readers: readers.len(),
            oldest_reader: readers.into_iter().min_by_key(|reader| reader.snapshot),
        })
    }
}

impl TableStats {
    fn of(
        source: &dyn Source,
        page_size: PageSize,
        schema: &TableSchema,
        handles: &TableHandles,
    ) -> Result<TableStats> {
        let size = |index: &'static str, handle: &IndexHandle| -> Result<IndexStats> {
            let stat = source.table(handle.table)?.stat();
            Ok(IndexStats::new(index, &stat, page_size))
        };
        let indexes = schema.indexes.iter().zip(&handles.indexes);
        let indexes = indexes
            .filter(|(_, handle)| !handle.is_missing)
            .map(|(index, handle)| size(index.name, handle));
        let drawn = source.table(handles.rows.table)?.sequence();
        Ok(TableStats {
            table: schema.name,
            rows: size(crate::table::PRIMARY, &handles.rows)?,
            indexes: indexes.collect::<Result<_>>()?,
            next_auto_key: drawn.checked_add(1).filter(|_| drawn > 0),
        })
    }
}

impl IndexStats {
    fn new(index: &'static str, stat: &Stat, page_size: PageSize) -> IndexStats {
        let pages = [stat.branch_pages, stat.leaf_pages, stat.large_pages];
        let pages: u64 = pages.into_iter().map(u64::from).sum();
        IndexStats {
            index,
            entries: stat.items,
            pages,
            bytes: pages * page_size.bytes() as u64,
        }
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "file: {}, {} of it free",
            Bytes(self.file_bytes),
            Bytes(self.free_bytes)
        )?;
        write!(f, "readers: {}", self.readers)?;
        if let Some(oldest) = &self.oldest_reader {
            write!(
                f,
                ", the oldest of process {}, {} commits behind, keeps {}",
                oldest.process,
                oldest.lag,
                Bytes(oldest.bytes_retained)
            )?;
        }
        for table in &self.tables {
            write!(f, "\n{table}")?;
        }
        Ok(())
    }
}

impl fmt::Display for TableStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table `{}`:", self.table)?;
        if let Some(next) = self.next_auto_key {
            write!(f, " the next key is {next}")?;
        }
        for index in std::iter::once(&self.rows).chain(&self.indexes) {
            write!(
                f,
                "\n  {:<24} {:>12} entries {:>10}",
                index.index,
                index.entries,
                Bytes(index.bytes).to_string()
            )?;
        }
        Ok(())
    }
}

/// A number of bytes, with the unit that suits it.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut unit = "B";
        let (mut whole, mut tenths) = (self.0, 0);
        for larger in ["KiB", "MiB", "GiB", "TiB"] {
            if whole < 1024 {
                break;
            }
            (whole, tenths, unit) = (whole / 1024, whole % 1024 * 10 / 1024, larger);
        }
        if unit == "B" {
            write!(f, "{whole} B")
        } else {
            write!(f, "{whole}.{tenths} {unit}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_print_with_the_unit_that_suits_them() {
        let text = |bytes| Bytes(bytes).to_string();
        assert_eq!(text(0), "0 B");
        assert_eq!(text(1023), "1023 B");
        assert_eq!(text(1024), "1.0 KiB");
        assert_eq!(text(1536), "1.5 KiB");
        assert_eq!(text((1 << 20) - 1), "1023.9 KiB");
        assert_eq!(text(5 << 40), "5.0 TiB");
        assert_eq!(text(u64::MAX), "16777215.9 TiB");
    }
}
