//! Is every page of a snapshot used exactly once? The part of [`check`](crate::tools::check) that costs little.
//!
//! Only page numbers are looked at, so most leaves need not be read: a database of a gigabyte takes milliseconds.

use crate::error::{PageFault, Result};
use crate::format::pnl::read_record;
use crate::format::root::TreeRoot;
use crate::ids::Pgno;
use crate::pager::snapshot::Pages;
use crate::tree::cursor::Cursor;
use crate::tree::leaf_cursor::End;
use crate::tree::order::Orders;
use crate::tree::walk::walk_numbers;
use crate::txn::read::ReadTxn;
use crate::txn::view::TableRef;

/// What the pages of a snapshot are used for, meta pages not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accounting {
    /// Pages that trees and large values use.
    pub used: u64,
    /// Pages listed as free.
    pub free: u64,
    /// Pages that are neither: lost.
    pub lost: u64,
    /// Pages that are used twice, or used and free, in the order they were met; one used more often stands here as
    /// often.
    pub twice: Vec<Pgno>,
}

impl Accounting {
    /// Returns whether every page is used exactly once.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.lost == 0 && self.twice.is_empty()
    }
}

/// Accounts for every page of the snapshot of `txn`.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let env = mdbx_core::Env::open(dir.path().join("db"))?;
/// assert!(mdbx_core::tools::account::account(&env.read()?)?.holds());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Error::Corrupted`](crate::Error::Corrupted) if a page that had to be read is damaged, or as many uses are second
/// ones as there are pages: pages that lead to one another would never end.
pub fn account(txn: &ReadTxn<'_>) -> Result<Accounting> {
    let (pages, meta) = (txn.pages(), txn.meta());
    let mut seen = Seen::new(pages.end);
    let mut roots = vec![meta.gc, meta.main];
    let named =
        TableRef::new(pages, meta.main, Orders::of_flags(meta.main.flags)).named_tables()?;
    roots.extend(named.into_iter().map(|(_, root)| root));
    for root in &roots {
        walk_numbers(pages, root, &mut |first, count| seen.add(first, count))?;
    }
    let used = seen.count;
    for_each_free(pages, meta.gc, |pgno| seen.add(pgno, 1))?;
    let all = u64::from(pages.end.0 - Pgno::FIRST_DATA.0);
    let lost = all.saturating_sub(seen.count);
    Ok(Accounting {
        used,
        free: seen.count - used,
        lost,
        twice: seen.twice,
    })
}

/// Tells `visit` every page that the table of free pages lists.
fn for_each_free(
    pages: Pages<'_>,
    gc: TreeRoot,
    mut visit: impl FnMut(Pgno) -> Result<()>,
) -> Result<()> {
    let mut cursor = Cursor::new(pages, gc, Orders::of_flags(gc.flags));
    while let Some((_, record)) = cursor.step(End::First)? {
        let list = read_record(record, pages.end, pages.page_size);
        for pgno in list.map_err(|fault| fault.at(gc.root))? {
            visit(pgno)?;
        }
    }
    Ok(())
}

/// The pages that were met, one bit each.
struct Seen {
    bits: Vec<u64>,
    end: Pgno,
    count: u64,
    twice: Vec<Pgno>,
}

impl Seen {
    fn new(end: Pgno) -> Seen {
        Seen {
            bits: vec![0; (end.0 as usize).div_ceil(64)],
            end,
            count: 0,
            twice: Vec::new(),
        }
    }

    /// Adds `count` pages from `first` on.
    fn add(&mut self, first: Pgno, count: u32) -> Result<()> {
        let end = first.checked_add(count).filter(|&end| end <= self.end);
        let end = end.ok_or_else(|| PageFault::OutOfRange.at(first))?;
        for number in first.0..end.0 {
            let (word, bit) = (&mut self.bits[number as usize / 64], 1 << (number % 64));
            if *word & bit != 0 {
                if self.twice.len() >= self.end.0 as usize {
                    return Err(PageFault::WrongLevel.at(first));
                }
                self.twice.push(Pgno(number));
            } else {
                *word |= bit;
                self.count += 1;
            }
        }
        Ok(())
    }
}
