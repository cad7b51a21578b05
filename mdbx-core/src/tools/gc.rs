//! What the table of free pages holds, and what readers hold back.
//!
//! A record of that table lists the pages that one commit gave up; a snapshot older than the commit may still read
//! them. So they can be used again once no reader has such a snapshot, and the commit is known durable, since after a
//! crash an older state may have to be restored.
//!
//! Source: format document, "GC (free-page) table", "Meaning".

use crate::error::{PageFault, Result};
use crate::format::pnl::read_record;
use crate::ids::{Pgno, Txnid};
use crate::tree::cursor::Cursor;
use crate::tree::leaf_cursor::End;
use crate::tree::order::Orders;
use crate::txn::read::ReadTxn;

/// What the table of free pages of a snapshot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct GcInfo {
    /// Records, each of them of one transaction.
    pub records: u64,
    /// Pages that they list, all together.
    pub pages: u64,
    /// Of these, the pages that the next write transaction can use.
    pub reclaimable: u64,
    /// The other ones: pages that the oldest reader may still read, or a commit not yet durable gave up.
    pub held_back: u64,
    /// Records of this transaction and of earlier ones can be used.
    pub oldest: Txnid,
    /// The longest run of consecutive pages that can be used, in pages: what a large value can get without the file
    /// growing.
    pub largest_run: u64,
}

/// Returns what the table of free pages in the snapshot of `txn` holds. It takes 4 bytes of memory for each page that
/// can be used.
///
/// `txn` is a reader too. So that the answer is about the next write transaction, let it be a new one: what an old
/// snapshot lists as free may have been used since.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let env = mdbx_core::Env::open(dir.path().join("db"))?;
/// use mdbx_core::tools::gc::gc_info;
///
/// let free = gc_info(&env.read()?)?;
/// assert_eq!(free.pages, free.reclaimable + free.held_back);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Error::Corrupted`](crate::Error::Corrupted) if a page of the table, a record or the newest meta is damaged.
#[doc(alias = "mdbx_gc_info")]
pub fn gc_info(txn: &ReadTxn<'_>) -> Result<GcInfo> {
    let (pages, tree, store) = (txn.pages(), txn.meta().gc, txn.store());
    let oldest = store.attached.oldest_seen(store.newest()?.steady);
    let fault = |fault: PageFault| fault.at(tree.root);
    let (mut records, mut held_back) = (0, 0);
    let mut usable: Vec<Pgno> = Vec::new();
    let mut cursor = Cursor::new(pages, tree, Orders::of_flags(tree.flags));
    while let Some((key, record)) = cursor.step(End::First)? {
        let id = key.try_into().map_err(|_| fault(PageFault::BadPageList))?;
        let mut list = read_record(record, pages.end, pages.page_size).map_err(fault)?;
        if Txnid(u64::from_le_bytes(id)) <= oldest {
            usable.append(&mut list);
        } else {
            held_back += list.len() as u64;
        }
        records += 1;
        if usable.len() as u64 + held_back > u64::from(pages.end.0) {
            return Err(fault(PageFault::BadPageList)); // pages that lead to one another would never end
        }
    }
    let reclaimable = usable.len() as u64;
    Ok(GcInfo {
        records,
        pages: reclaimable + held_back,
        reclaimable,
        held_back,
        oldest,
        largest_run: largest_run(&mut usable),
    })
}

/// Returns the length of the longest run of consecutive pages, and leaves the pages sorted.
fn largest_run(pages: &mut [Pgno]) -> u64 {
    pages.sort_unstable();
    let runs = pages.chunk_by(|a, b| a.0 + 1 == b.0);
    runs.map(|run| run.len() as u64).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_of_consecutive_pages_in_whatever_order() {
        let run = |pages: &[u32]| {
            let mut pages: Vec<Pgno> = pages.iter().copied().map(Pgno).collect();
            largest_run(&mut pages)
        };
        assert_eq!(run(&[]), 0);
        assert_eq!(run(&[7]), 1);
        assert_eq!(run(&[9, 3, 8, 5, 7]), 3);
        assert_eq!(run(&[3, 5, 7]), 1);
    }
}
