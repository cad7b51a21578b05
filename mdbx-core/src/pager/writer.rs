//! The pages of a write transaction: touch (copy on write), allocate and retire.
//!
//! A page that the base snapshot reaches is never changed. To change it is to *touch* it: take a free number, copy
//! the page, list the old number as retired. A page of this transaction's own is changed in place, and its number is
//! loose, free at once, when it is given up.
//!
//! Source: format document, "Copy-on-write rules and txnids".

use crate::error::{Error, Result};
use crate::format::limits::PAGE_HEADER;
use crate::format::page::{BRANCH, LEAF, Page, PageMut, init_large};
use crate::format::verify::verify_tree_page;
use crate::ids::{PageSize, Pgno, Txnid};
use crate::pager::dirty::DirtyList;
use crate::pager::reserve::Reserve;
use crate::pager::snapshot::Pages;
use crate::store::turn::Turn;

/// The pages of one write transaction.
#[derive(Debug)]
pub(crate) struct Writer<'env> {
    /// The writer's turn, and with it the snapshot this transaction builds on.
    turn: Turn<'env>,
    page_size: PageSize,
    /// The id that every page written carries.
    txnid: Txnid,
    dirty: DirtyList,
    /// Pages of the base snapshot that the new one does not reach.
    retired: Vec<Pgno>,
    reserve: Reserve,
}

impl<'env> Writer<'env> {
    /// The pages of transaction `txnid`, which draws new ones from `reserve`.
    ///
    /// `dirty` is an empty list, perhaps with memory from an earlier transaction.
    pub(crate) fn new(
        turn: Turn<'env>,
        txnid: Txnid,
        reserve: Reserve,
        dirty: DirtyList,
    ) -> Writer<'env> {
        let page_size = turn.store().page_size;
        Writer {
            turn,
            page_size,
            txnid,
            dirty,
            retired: Vec::new(),
            reserve,
        }
    }

    pub(crate) fn turn(&self) -> &Turn<'env> {
        &self.turn
    }

    /// Returns the pages for reading, as this transaction sees them.
    #[inline]
    pub(crate) fn pages(&self) -> Pages<'_> {
        Pages {
            map: &self.turn.store().map,
            pin: self.turn.pin(),
            page_size: self.page_size,
            end: self.reserve.first_unallocated(),
            horizon: self.txnid,
            dirty: Some(&self.dirty),
        }
    }

    pub(crate) fn page_size(&self) -> PageSize {
        self.page_size
    }

    pub(crate) fn txnid(&self) -> Txnid {
        self.txnid
    }

    pub(crate) fn dirty(&self) -> &DirtyList {
        &self.dirty
    }

    /// Returns the reserve, to be filled before a change and emptied at commit.
    pub(crate) fn reserve(&mut self) -> &mut Reserve {
        &mut self.reserve
    }

    /// Returns the pages of the base snapshot that were given up.
    pub(crate) fn retired(&self) -> &[Pgno] {
        &self.retired
    }

    /// Forgets all pages and returns the memory they took.
    pub(crate) fn take_memory(&mut self) -> DirtyList {
        self.dirty.clear();
        std::mem::take(&mut self.dirty)
    }

    /// Makes page `pgno` this transaction's own, and returns its number, which is another one if it was copied.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`] if the page is not well-formed.
    pub(crate) fn touch(&mut self, pgno: Pgno) -> Result<Pgno> {
        if self.dirty.contains(pgno) {
            return Ok(pgno);
        }
        let file = Pages {
            map: &self.turn.store().map,
            pin: self.turn.pin(),
            page_size: self.page_size,
            end: self.reserve.first_unallocated(),
            horizon: self.txnid,
            dirty: None,
        };
        let stored = file.page(pgno)?;
        verify_tree_page(stored.bytes(), self.page_size).map_err(|fault| fault.at(pgno))?;
        let copy = self
            .reserve
            .take()
            .ok_or_else(|| full(&self.reserve, self.page_size))?;
        let buffer = self.dirty.add(copy, self.page_size.bytes());
        buffer.copy_from_slice(stored.bytes());
        PageMut::new(buffer).set_owner(copy, self.txnid);
        self.retired.push(pgno);
        Ok(copy)
    }

    /// Returns a page that was touched or allocated, to be changed.
    ///
    /// # Panics
    ///
    /// If it was neither.
    pub(crate) fn page_mut(&mut self, pgno: Pgno) -> PageMut<'_> {
        PageMut::new(
            self.dirty
                .get_mut(pgno)
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
        if self.dirty.contains(pgno) {
            return Ok(());
        }
        verify_tree_page(page.bytes(), self.page_size).map_err(|fault| fault.at(pgno))
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
        let pgno = self
            .reserve
            .take()
            .ok_or_else(|| full(&self.reserve, self.page_size))?;
        let buffer = self.dirty.add(pgno, self.page_size.bytes());
        buffer.fill(0);
        PageMut::init(buffer, flags, pgno, self.txnid);
        Ok(pgno)
    }

    /// Allocates the pages of a large value of `len` bytes; returns the first one and the value's room.
    ///
    /// # Errors
    ///
    /// [`Error::MapFull`] if no run of pages is free that is long enough. Nothing was changed.
    pub(crate) fn allocate_large(&mut self, len: usize) -> Result<(Pgno, &mut [u8])> {
        let pages = large_page_count(len, self.page_size);
        let first = self
            .reserve
            .take_run(pages)
            .ok_or_else(|| full(&self.reserve, self.page_size))?;
        let buffer = self
            .dirty
            .add(first, pages as usize * self.page_size.bytes());
        init_large(buffer, first, pages, self.txnid);
        let (value, rest) = buffer[PAGE_HEADER..].split_at_mut(len);
        rest.fill(0);
        Ok((first, value))
    }

    /// Gives up `count` pages from `first` on: a page, or all pages of a large value.
    pub(crate) fn free(&mut self, first: Pgno, count: u32) {
        if self.dirty.remove(first).is_some() {
            self.reserve.give_back(first, count);
        } else {
            self.retired.extend((first.0..first.0 + count).map(Pgno));
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
