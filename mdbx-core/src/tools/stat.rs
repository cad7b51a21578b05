//! How many pages each table has, and the file as a whole.

use crate::error::{Error, Result};
use crate::ids::PageSize;
use crate::tools::gc::{GcInfo, gc_info};
use crate::tree::order::Orders;
use crate::txn::read::ReadTxn;
use crate::txn::table::TableFlags;
use crate::txn::view::{Stat, TableRef};

/// The sizes of a snapshot and of the file that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileStat {
    /// The size of all pages.
    pub page_size: PageSize,
    /// The length of the file, in bytes.
    pub file_len: u64,
    /// The pages of the snapshot: the three metas, those in use and the free ones.
    pub allocated_pages: u64,
    /// The pages behind them, which were never used.
    pub unallocated_pages: u64,
    /// The pages of tables and large values, those of the table of free pages included.
    pub used_pages: u64,
    /// The free pages.
    pub gc: GcInfo,
    /// The main table.
    pub main: Stat,
    /// The named tables, in the order of their records.
    pub tables: Vec<TableStat>,
}

/// The sizes of one named table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableStat {
    /// The name.
    pub name: Vec<u8>,
    /// The kind.
    pub flags: TableFlags,
    /// The entries and pages.
    pub stat: Stat,
}

/// Returns the sizes of the snapshot of `txn` and of its file. It reads the main table and the table of free pages, and
/// of the other tables nothing.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let env = mdbx_core::Env::open(dir.path().join("db"))?;
/// let stat = mdbx_core::tools::stat::stat(&env.read()?)?;
/// let all = stat.allocated_pages + stat.unallocated_pages;
/// assert_eq!(all * stat.page_size.bytes() as u64, stat.file_len);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Error::Corrupted`] if a page on the way is damaged; [`Error::Io`] if the file does not tell its length.
#[doc(alias = "mdbx_env_stat")]
pub fn stat(txn: &ReadTxn<'_>) -> Result<FileStat> {
    let (pages, meta) = (txn.pages(), txn.meta());
    let main = TableRef::new(pages, meta.main, Orders::of_flags(meta.main.flags));
    let tables = main.named_tables()?.into_iter().map(|(name, root)| {
        let table = TableRef::new(pages, root, Orders::of_flags(root.flags));
        TableStat {
            name,
            flags: table.flags(),
            stat: table.stat(),
        }
    });
    let gc = gc_info(txn)?;
    let file_len = txn.store().file.len().map_err(|source| Error::Io {
        action: "ask for the length of the data file",
        source,
    })?;
    let allocated_pages = u64::from(pages.end.0);
    let data_pages = allocated_pages - 3; // the metas
    Ok(FileStat {
        page_size: meta.page_size,
        file_len,
        allocated_pages,
        unallocated_pages: (file_len / meta.page_size.bytes() as u64)
            .saturating_sub(allocated_pages),
        used_pages: data_pages.saturating_sub(gc.pages),
        gc,
        main: main.stat(),
        tables: tables.collect(),
    })
}
