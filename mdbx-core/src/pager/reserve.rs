//! Page numbers set aside before a change, so that the change itself cannot run out of them.
//!
//! Three sources, in the order they are drawn from: *loose* pages, which this transaction allocated and gave up
//! again; *reclaimed* ones, which no snapshot needs any more; and the end of the file. The tree only draws. Filling
//! the reserve is the transaction's business, since the table of free pages is itself a tree.

use crate::ids::Pgno;
use crate::pager::list::PageList;

/// The page numbers a transaction may allocate.
#[derive(Clone, Debug)]
pub(crate) struct Reserve {
    /// Pages that this transaction allocated and gave up again, last one on top: its buffer is the warmest.
    loose: Vec<Pgno>,
    /// Pages taken from the table of free pages.
    reclaimed: PageList,
    /// The first page never used: everything from here to `upper` may be allocated.
    next: Pgno,
    /// The end of the geometry.
    upper: Pgno,
}

impl Reserve {
    /// An empty reserve for a file in which the pages below `next` are used, and which may grow to `upper` pages.
    pub(crate) fn new(next: Pgno, upper: Pgno) -> Reserve {
        Reserve {
            loose: Vec::new(),
            reclaimed: PageList::default(),
            next,
            upper,
        }
    }

    /// Returns how many pages can be had without making the file longer.
    pub(crate) fn spare(&self) -> usize {
        self.loose.len() + self.reclaimed.len()
    }

    /// Returns how many pages the end of the file has room for.
    pub(crate) fn room_at_end(&self) -> usize {
        (self.upper.0 - self.next.0) as usize
    }

    /// Returns the end of the geometry.
    pub(crate) fn upper(&self) -> Pgno {
        self.upper
    }

    /// Moves the end of the geometry, which no page used lies behind.
    pub(crate) fn set_upper(&mut self, upper: Pgno) {
        self.upper = upper.max(self.next);
    }

    /// Returns the first page that was never used.
    pub(crate) fn first_unallocated(&self) -> Pgno {
        self.next
    }

    /// Takes one page number; `None` when there is none at all.
    pub(crate) fn take(&mut self) -> Option<Pgno> {
        self.loose
            .pop()
            .or_else(|| self.reclaimed.take_lowest())
            .or_else(|| self.extend(1))
    }

    /// Takes `count` consecutive page numbers and returns the first.
    pub(crate) fn take_run(&mut self, count: u32) -> Option<Pgno> {
        self.reclaimed
            .take_run(count as usize)
            .or_else(|| self.extend(count))
    }

    /// Returns whether a run of `count` pages can be taken without making the file longer. Takes nothing.
    pub(crate) fn has_run(&self, count: u32) -> bool {
        self.lowest_run(count, Pgno(0)).is_some()
    }

    /// Returns the lowest reclaimed page.
    pub(crate) fn lowest(&self) -> Option<Pgno> {
        self.reclaimed.lowest()
    }

    /// Returns the first of the lowest run of `count` consecutive reclaimed pages from `from` on.
    pub(crate) fn lowest_run(&self, count: u32, from: Pgno) -> Option<Pgno> {
        self.reclaimed.lowest_run(count as usize, from)
    }

    /// Takes the run of `count` consecutive reclaimed pages from `first` on, which is there.
    pub(crate) fn take_run_at(&mut self, first: Pgno, count: u32) {
        self.reclaimed.take_run_at(first, count as usize);
    }

    /// Returns from which page on pages should be moved to reclaimed ones, `most` pages at most, and none before the
    /// last `reach` pages of the file.
    pub(crate) fn limit_for_moves(&self, most: usize, reach: u32) -> Pgno {
        let start = self.reclaimed.start_of_others(most, self.next);
        start.max(Pgno(self.next.0.saturating_sub(reach)))
    }

    fn extend(&mut self, count: u32) -> Option<Pgno> {
        let (first, end) = (self.next, self.next.checked_add(count)?);
        (end <= self.upper).then(|| {
            self.next = end;
            first
        })
    }

    /// Adds strictly descending pages that no snapshot needs.
    ///
    /// # Errors
    ///
    /// The first page number that was in the reserve already: a page free twice.
    pub(crate) fn add(&mut self, pages: &[Pgno]) -> Result<(), Pgno> {
        self.reclaimed.merge(pages)
    }

    /// Gives pages back that this transaction allocated: `count` from `first` on.
    pub(crate) fn give_back(&mut self, first: Pgno, count: u32) {
        self.loose.extend((first.0..first.0 + count).map(Pgno));
    }

    /// Returns all spare pages, highest first, after those at the end of the file were returned to its unused part.
    ///
    /// # Errors
    ///
    /// A page number that is spare twice.
    pub(crate) fn settle(&mut self) -> Result<&[Pgno], Pgno> {
        self.reclaimed.add_all(&mut self.loose)?;
        self.loose.clear();
        let trimmed = self.reclaimed.take_run_up_to(Pgno(self.next.0 - 1));
        self.next.0 -= u32::try_from(trimmed).expect("no more pages than page numbers");
        Ok(self.reclaimed.descending())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spare_pages_are_used_before_the_file_grows() {
        let mut reserve = Reserve::new(Pgno(10), Pgno(12));
        reserve.add(&[Pgno(8), Pgno(5)]).unwrap();
        let taken: Vec<_> = std::iter::from_fn(|| reserve.take()).map(|p| p.0).collect();
        assert_eq!(taken, [5, 8, 10, 11]);
    }

    #[test]
    fn a_run_comes_from_the_end_when_the_spare_pages_are_scattered() {
        let mut reserve = Reserve::new(Pgno(10), Pgno(12));
        reserve.add(&[Pgno(8), Pgno(5)]).unwrap();
        assert!(!reserve.has_run(2));
        assert_eq!(reserve.take_run(2), Some(Pgno(10)));
        assert_eq!(reserve.take_run(2), None);
        assert_eq!(reserve.spare(), 2);
    }

    #[test]
    fn free_pages_at_the_end_shorten_the_file() {
        let mut reserve = Reserve::new(Pgno(10), Pgno(12));
        reserve.add(&[Pgno(8), Pgno(5)]).unwrap();
        reserve.give_back(Pgno(9), 1);
        assert_eq!(reserve.settle(), Ok(&[Pgno(5)][..]));
        assert_eq!(reserve.first_unallocated(), Pgno(8));
    }
}
