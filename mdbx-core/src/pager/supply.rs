//! What all tables of a write transaction share: page numbers to be had, page numbers given up, and memory.

use crate::ids::Pgno;
use crate::pager::memory::Memory;
use crate::pager::reserve::Reserve;

/// The page numbers and the memory of a write transaction.
#[derive(Debug)]
pub(crate) struct Supply {
    /// The numbers to be had.
    pub(crate) reserve: Reserve,
    /// Pages of the base snapshot that the new one does not reach.
    pub(crate) retired: Vec<Pgno>,
    pub(crate) memory: Memory,
    /// How many bytes of dirty pages may be in memory.
    pub(crate) dirty_limit: usize,
    /// How many transactions are nested in the outermost one.
    pub(crate) level: usize,
}

/// A supply as it was before a nested transaction.
#[derive(Debug)]
pub(crate) struct SupplyMark {
    reserve: Reserve,
    retired: usize,
}

impl Supply {
    /// The supply of a transaction that has changed nothing yet.
    pub(crate) fn new(reserve: Reserve, memory: Memory, dirty_limit: usize) -> Supply {
        Supply {
            reserve,
            retired: Vec::new(),
            memory,
            dirty_limit,
            level: 0,
        }
    }

    /// Returns where the pages will end once those retired are free.
    ///
    /// # Errors
    ///
    /// A page number that is free twice.
    pub(crate) fn end_once_free(&self) -> Result<Pgno, Pgno> {
        let mut reserve = self.reserve.clone();
        let mut retired = self.retired.clone();
        retired.sort_unstable_by(|a, b| b.cmp(a));
        reserve.add(&retired)?;
        reserve.settle()?;
        Ok(reserve.first_unallocated())
    }

    /// Notes the present state.
    pub(crate) fn mark(&self) -> SupplyMark {
        SupplyMark {
            reserve: self.reserve.clone(),
            retired: self.retired.len(),
        }
    }

    /// Goes back to the state of `mark`. Memory and level stay.
    pub(crate) fn undo_to(&mut self, mark: SupplyMark) {
        self.reserve = mark.reserve;
        self.retired.truncate(mark.retired);
    }
}
