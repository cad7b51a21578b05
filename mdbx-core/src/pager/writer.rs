//! The pages of a write transaction: touch (copy on write), allocate and retire.
//!
//! A page that the base snapshot reaches is never changed. To change it is to *touch* it: take a free number, copy
//! the page, list the old number as retired. A page of this transaction's own is changed in place, and its number is
//! loose, free at once, when it is given up.
//!
//! Source: format document, "Copy-on-write rules and txnids".

use crate::error::{Error, Result};
use crate::format::geometry::PageCounts;
use crate::format::limits::PAGE_HEADER;
use crate::format::page::{BRANCH, LEAF, Page, PageMut, init_large};
use crate::format::verify::verify_tree_page;
use crate::ids::{PageSize, Pgno, Txnid};
use crate::pager::dirty::DirtyList;
use crate::pager::reserve::Reserve;
use crate::pager::snapshot::Pages;
use crate::pager::supply::Supply;
use crate::store::open::Store;
use crate::store::troika::Head;
use crate::sys::map::SnapshotPin;

/// What a write transaction stands on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base<'t> {
    pub(crate) store: &'t Store,
    /// The base snapshot.
    pub(crate) head: &'t Head,
    /// The pin of the base snapshot, and of what the transaction itself has written to the file.
    pub(crate) pin: &'t SnapshotPin,
    pub(crate) page_size: PageSize,
    /// The geometry that the transaction will commit, but for what the commit itself makes of it.
    pub(crate) geometry: &'t PageCounts,
    /// The id that every page written carries.
    pub(crate) txnid: Txnid,
}

impl<'t> Base<'t> {
    /// Returns the pages before `end` for reading, as the owner of the pages `dirty` sees them.
    #[inline]
    pub(crate) fn pages(self, end: Pgno, dirty: Option<&'t DirtyList>) -> Pages<'t> {
        Pages {
            map: &self.store.map,
            pin: self.pin,
            page_size: self.page_size,
            end,
            horizon: self.txnid,
            dirty,
        }
    }
}

/// The pages of one table in a write transaction.
#[derive(Debug)]
pub(crate) struct Writer<'w> {
    base: Base<'w>,
    dirty: &'w mut DirtyList,
    supply: &'w mut Supply,
}

impl<'w> Writer<'w> {
    /// The pages of the table that owns `dirty`, which draws new ones from `supply`.
    pub(crate) fn new(
        base: Base<'w>,
        dirty: &'w mut DirtyList,
        supply: &'w mut Supply,
    ) -> Writer<'w> {
        Writer {
            base,
            dirty,
            supply,
        }
    }

    /// Returns the pages for reading, as this transaction sees them.
    #[inline]
    pub(crate) fn pages(&self) -> Pages<'_> {
        let end = self.supply.reserve.first_unallocated();
        self.base.pages(end, Some(self.dirty))
    }

    pub(crate) fn page_size(&self) -> PageSize {
        self.base.page_size
    }

    pub(crate) fn txnid(&self) -> Txnid {
        self.base.txnid
    }

    /// Makes page `pgno` this transaction's own, and returns its number, which is another one if it was copied.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`] if the page is not well-formed.
    #[inline]
    pub(crate) fn touch(&mut self, pgno: Pgno) -> Result<Pgno> {
        if self.dirty.get(pgno).is_some() {
            return Ok(pgno);
        }
        self.copy(pgno)
    }

    /// Copies page `pgno`, which is not dirty, from the file: under its own number if it was spilled.
    fn copy(&mut self, pgno: Pgno) -> Result<Pgno> {
        let Supply {
            reserve,
            retired,
            memory,
            level,
            ..
        } = &mut *self.supply;
        let page_size = self.base.page_size;
        let file = self.base.pages(reserve.first_unallocated(), None);
        let stored = file.page(pgno)?;
        // The copy is verified, not the page: it is in the cache of the processor now, and was fetched as one stream,
        // where the nodes of the page would be fetched one after the other.
        let bytes = memory.buffers.copy(stored.bytes());
        if let Err(fault) = verify_tree_page(&bytes, page_size) {
            memory.buffers.give_back(bytes);
            return Err(fault.at(pgno));
        }
        if self.dirty.owns(pgno) {
            self.dirty.add(pgno, bytes, *level);
            return Ok(pgno);
        }
        let Some(copy) = reserve.take() else {
            memory.buffers.give_back(bytes);
            return Err(full(reserve, page_size));
        };
        let buffer = self.dirty.add(copy, bytes, *level);
        PageMut::new(buffer).set_owner(copy, self.base.txnid);
        retired.push(pgno);
        Ok(copy)
    }

    /// Returns a page that was touched or allocated, to be changed.
    ///
    /// # Panics
    ///
    /// If it was neither.
    pub(crate) fn page_mut(&mut self, pgno: Pgno) -> PageMut<'_> {
        let Supply { memory, level, .. } = &mut *self.supply;
        PageMut::new(
            self.dirty
                .get_mut(pgno, *level, &mut memory.buffers)
                .expect("only pages of this transaction are changed"),
        )
    }

    /// Returns a page that was touched or allocated.
    ///
    /// # Panics
    ///
    /// If it was neither.
    pub(crate) fn own_page(&self, pgno: Pgno) -> Page<'_> {
        Page::trusted(
            self.dirty
                .get(pgno)
                .expect("only pages of this transaction are its own"),
        )
    }

    /// Checks that `page`, which is page `pgno`, is well-formed as a whole, unless this transaction has laid it out.
    pub(crate) fn check_whole(&self, pgno: Pgno, page: Page<'_>) -> Result<()> {
        if self.dirty.get(pgno).is_some() {
            return Ok(());
        }
        verify_tree_page(page.bytes(), self.base.page_size).map_err(|fault| fault.at(pgno))
    }

    /// Allocates an empty leaf page.
    pub(crate) fn allocate_leaf(&mut self) -> Result<Pgno> {
        self.allocate(LEAF)
    }

    /// Allocates an empty branch page.
    pub(crate) fn allocate_branch(&mut self) -> Result<Pgno> {
        self.allocate(BRANCH)
    }

    fn allocate(&mut self, flags: u16) -> Result<Pgno> {
        let Supply {
            reserve,
            memory,
            level,
            ..
        } = &mut *self.supply;
        let page_size = self.base.page_size;
        let pgno = reserve.take().ok_or_else(|| full(reserve, page_size))?;
        let buffer = memory.buffers.take(page_size.bytes());
        let buffer = self.dirty.add(pgno, buffer, *level);
        buffer.fill(0);
        PageMut::init(buffer, flags, pgno, self.base.txnid);
        Ok(pgno)
    }

    /// Allocates the pages of a large value of `len` bytes; returns the first one and the value's room.
    ///
    /// # Errors
    ///
    /// [`Error::MapFull`] if no run of pages is free that is long enough. Nothing was changed.
    pub(crate) fn allocate_large(&mut self, len: usize) -> Result<(Pgno, &mut [u8])> {
        let Supply {
            reserve,
            memory,
            level,
            ..
        } = &mut *self.supply;
        let page_size = self.base.page_size;
        let pages = large_page_count(len, page_size);
        let first = reserve
            .take_run(pages)
            .ok_or_else(|| full(reserve, page_size))?;
        let buffer = memory.buffers.take(pages as usize * page_size.bytes());
        let buffer = self.dirty.add(first, buffer, *level);
        init_large(buffer, first, pages, self.base.txnid);
        let (value, rest) = buffer[PAGE_HEADER..].split_at_mut(len);
        rest.fill(0);
        Ok((first, value))
    }

    /// Returns how many pages can be had without making the file longer.
    pub(crate) fn spare(&self) -> usize {
        self.supply.reserve.spare()
    }

    /// Returns the lowest page that no snapshot needs.
    pub(crate) fn lowest_spare(&self) -> Option<Pgno> {
        self.supply.reserve.lowest()
    }

    /// Returns the first of the lowest run of `count` pages from `from` on that no snapshot needs.
    pub(crate) fn lowest_run(&self, count: u32, from: Pgno) -> Option<Pgno> {
        self.supply.reserve.lowest_run(count, from)
    }

    /// Copies the large value of `pages` pages from `first` on, which this transaction does not own, to the run of free
    /// pages from `target` on.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`] if there is no such value.
    pub(crate) fn copy_large(&mut self, first: Pgno, pages: u32, target: Pgno) -> Result<()> {
        let Supply {
            reserve,
            retired,
            memory,
            level,
            ..
        } = &mut *self.supply;
        let file = self.base.pages(reserve.first_unallocated(), None);
        let stored = file.large_run(first)?;
        reserve.take_run_at(target, pages);
        let buffer = memory.buffers.copy(stored);
        let buffer = self.dirty.add(target, buffer, *level);
        init_large(buffer, target, pages, self.base.txnid);
        retired.extend((first.0..first.0 + pages).map(Pgno));
        Ok(())
    }

    /// Returns whether this transaction wrote the page or run that starts with `pgno`.
    pub(crate) fn owns(&self, pgno: Pgno) -> bool {
        self.dirty.owns(pgno)
    }

    /// Gives up `count` pages from `first` on: a page, or all pages of a large value.
    pub(crate) fn free(&mut self, first: Pgno, count: u32) {
        let Supply {
            reserve,
            retired,
            memory,
            level,
            ..
        } = &mut *self.supply;
        if self.dirty.remove(first, *level, &mut memory.buffers) {
            reserve.give_back(first, count);
        } else {
            retired.extend((first.0..first.0 + count).map(Pgno));
        }
    }
}

fn full(reserve: &Reserve, page_size: PageSize) -> Error {
    Error::MapFull {
        upper: reserve.upper().offset(page_size),
    }
}

/// Returns the number of pages that a large value of `len` bytes fills.
pub(crate) fn large_page_count(len: usize, page_size: PageSize) -> u32 {
    let pages = (len + PAGE_HEADER).div_ceil(page_size.bytes());
    u32::try_from(pages).expect("the longest value fills fewer pages than there are numbers")
}
