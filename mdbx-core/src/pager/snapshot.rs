//! Reading the pages of a pinned snapshot, and of the transaction that builds on it.

use crate::error::{Error, PageFault};
use crate::format::limits::PAGE_HEADER;
use crate::format::page::{Page, large_run};
use crate::ids::{PageSize, Pgno, Txnid};
use crate::pager::dirty::DirtyList;
use crate::sys::map::{Map, SnapshotPin};
use crate::sys::prefetch::prefetch;

/// Where one transaction reads its pages. What it hands out lives as long as the transaction is borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pages<'p> {
    pub(crate) map: &'p Map,
    pub(crate) pin: &'p SnapshotPin,
    pub(crate) page_size: PageSize,
    /// The pages from here on do not belong to the snapshot.
    pub(crate) end: Pgno,
    /// The newest transaction whose pages may be met.
    pub(crate) horizon: Txnid,
    /// The pages of a write transaction; a reader has none.
    pub(crate) dirty: Option<&'p DirtyList>,
}

impl<'p> Pages<'p> {
    /// Returns the branch or leaf page `pgno`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`] if there is no such page in this snapshot, or its header is unsound.
    #[inline]
    pub(crate) fn page(self, pgno: Pgno) -> Result<Page<'p>, Error> {
        if let Some(bytes) = self.dirty.and_then(|dirty| dirty.get(pgno)) {
            return Ok(Page::trusted(bytes));
        }
        let bytes = self.stored(pgno, self.page_size.bytes())?;
        Page::of_tree(bytes, pgno, self.horizon).map_err(|fault| fault.at(pgno))
    }

    /// Returns the large value of `len` bytes that starts on page `pgno`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`] if there is none of that length.
    pub(crate) fn large_value(self, pgno: Pgno, len: usize) -> Result<&'p [u8], Error> {
        let run = self.large_run(pgno)?;
        run.get(PAGE_HEADER..PAGE_HEADER + len)
            .ok_or_else(|| PageFault::OutOfRange.at(pgno))
    }

    /// Returns more items than a table can have: each takes two bytes at least.
    pub(crate) fn most_items(self) -> u64 {
        self.end.offset(self.page_size) / 2
    }

    /// Returns the bytes of all pages of the large value that starts on page `pgno`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`] if there is none, or it leaves the snapshot.
    pub(crate) fn large_run(self, pgno: Pgno) -> Result<&'p [u8], Error> {
        if let Some(bytes) = self.dirty.and_then(|dirty| dirty.get(pgno)) {
            return Ok(bytes);
        }
        let head = self.stored(pgno, self.page_size.bytes())?;
        match large_run(head, pgno, self.horizon) {
            Ok(0) => Err(PageFault::OutOfRange.at(pgno)),
            Ok(pages) => self.stored(pgno, pages as usize * self.page_size.bytes()),
            Err(fault) => Err(fault.at(pgno)),
        }
    }

    /// Asks the memory for the start of page `pgno`: its header and most of its entry table.
    pub(crate) fn prefetch(self, pgno: Pgno) {
        if let Ok(bytes) = self.stored(pgno, self.page_size.bytes()) {
            prefetch(bytes, 0);
            prefetch(bytes, 64);
        }
    }

    #[inline]
    fn stored(self, pgno: Pgno, len: usize) -> Result<&'p [u8], Error> {
        let at = usize::try_from(pgno.offset(self.page_size)).unwrap_or(usize::MAX);
        match self.map.bytes(self.pin, at, len) {
            Some(bytes) if pgno >= Pgno::FIRST_DATA => Ok(bytes),
            _ => Err(PageFault::OutOfRange.at(pgno)),
        }
    }
}
