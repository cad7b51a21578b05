//! Sorted page numbers.
//!
//! Kept in descending order, as the records of free pages on disk are. So the lowest number is the cheapest to take,
//! and taking the lowest first keeps the file short and the pages of one commit close together.

use crate::ids::Pgno;

/// A set of page numbers.
#[derive(Debug, Default, Clone)]
pub(crate) struct PageList {
    /// Strictly descending.
    pages: Vec<Pgno>,
}

impl PageList {
    pub(crate) fn len(&self) -> usize {
        self.pages.len()
    }

    /// Returns the page numbers, highest first.
    pub(crate) fn descending(&self) -> &[Pgno] {
        &self.pages
    }

    /// Returns the lowest page number.
    pub(crate) fn lowest(&self) -> Option<Pgno> {
        self.pages.last().copied()
    }

    /// Takes the lowest page number.
    pub(crate) fn take_lowest(&mut self) -> Option<Pgno> {
        self.pages.pop()
    }

    /// Takes the run of consecutive page numbers that ends with `last`, if there is one; returns its length.
    pub(crate) fn take_run_up_to(&mut self, last: Pgno) -> usize {
        let expected = (0..=last.0).rev().map(Pgno);
        let len = self
            .pages
            .iter()
            .zip(expected)
            .take_while(|&(&page, wanted)| page == wanted)
            .count();
        self.pages.drain(..len);
        len
    }

    /// Takes the lowest run of `count` consecutive page numbers and returns its first.
    pub(crate) fn take_run(&mut self, count: usize) -> Option<Pgno> {
        let first = self.lowest_run(count, Pgno(0))?;
        self.take_run_at(first, count);
        Some(first)
    }

    /// Returns the first of the lowest run of `count` consecutive page numbers from `from` on.
    pub(crate) fn lowest_run(&self, count: usize, from: Pgno) -> Option<Pgno> {
        let is_run = |window: &[Pgno]| window[0].0 - window[count - 1].0 == window_span(count);
        let pages = &self.pages[..self.pages.partition_point(|&page| page >= from)];
        let at = pages.windows(count).rposition(is_run)?;
        Some(pages[at + count - 1])
    }

    /// Takes the run of `count` consecutive page numbers from `first` on, which is there.
    pub(crate) fn take_run_at(&mut self, first: Pgno, count: usize) {
        let end = self.pages.partition_point(|&page| page >= first);
        self.pages.drain(end - count..end);
    }

    /// Returns the lowest page such that from it on, up to `end`, at most `most` pages are not in this set; but none
    /// below the lowest in the set.
    pub(crate) fn start_of_others(&self, most: usize, end: Pgno) -> Pgno {
        let (mut start, mut left) = (end, u32::try_from(most).unwrap_or(u32::MAX));
        for &page in &self.pages {
            let others = start.0.saturating_sub(page.0 + 1);
            if others > left {
                return Pgno(start.0 - left);
            }
            left -= others;
            start = page;
        }
        start
    }

    /// Adds the strictly descending `others`. Returns the first number that was there already, and then adds none.
    pub(crate) fn merge(&mut self, others: &[Pgno]) -> Result<(), Pgno> {
        if self
            .pages
            .last()
            .is_none_or(|&lowest| others.first().is_none_or(|&highest| highest < lowest))
        {
            self.pages.extend_from_slice(others);
            return Ok(());
        }
        let mut merged = Vec::with_capacity(self.pages.len() + others.len());
        let (mut ours, mut theirs) = (self.pages.as_slice(), others);
        while let (Some(&a), Some(&b)) = (ours.first(), theirs.first()) {
            if a == b {
                return Err(a);
            }
            let source = if a > b { &mut ours } else { &mut theirs };
            merged.push(a.max(b));
            *source = &source[1..];
        }
        merged.extend_from_slice(ours);
        merged.extend_from_slice(theirs);
        self.pages = merged;
        Ok(())
    }

    /// Adds `pages` in any order.
    ///
    /// # Errors
    ///
    /// The first number that was there already, or is listed twice; then none is added.
    pub(crate) fn add_all(&mut self, pages: &mut [Pgno]) -> Result<(), Pgno> {
        pages.sort_unstable_by(|a, b| b.cmp(a));
        match pages.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(twice) => Err(twice[0]),
            None => self.merge(pages),
        }
    }
}

/// Returns the distance between the ends of a run of `count` pages.
fn window_span(count: usize) -> u32 {
    u32::try_from(count - 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(pages: &[u32]) -> PageList {
        let mut list = PageList::default();
        let mut pages: Vec<Pgno> = pages.iter().map(|&n| Pgno(n)).collect();
        list.add_all(&mut pages).unwrap();
        list
    }

    #[test]
    fn numbers_come_out_lowest_first_whatever_order_they_went_in() {
        let mut list = list(&[7, 3, 9]);
        list.merge(&[Pgno(10), Pgno(8), Pgno(2)]).unwrap();
        let taken: Vec<u32> = std::iter::from_fn(|| list.take_lowest())
            .map(|p| p.0)
            .collect();
        assert_eq!(taken, [2, 3, 7, 8, 9, 10]);
    }

    #[test]
    fn a_number_added_twice_is_told_and_changes_nothing() {
        let mut list = list(&[7, 3, 9]);
        assert_eq!(list.merge(&[Pgno(8), Pgno(7)]), Err(Pgno(7)));
        assert_eq!(list.add_all(&mut [Pgno(1), Pgno(1)]), Err(Pgno(1)));
        assert_eq!(list.len(), 3);
    }

    #[test]
    fn the_lowest_run_is_taken_and_only_a_whole_one() {
        let mut list = list(&[3, 5, 6, 8, 9, 10, 12, 13, 14]);
        assert_eq!(list.take_run(4), None);
        assert_eq!(list.take_run(3), Some(Pgno(8)));
        assert_eq!(list.take_run(3), Some(Pgno(12)));
        assert_eq!(list.take_run(1), Some(Pgno(3)));
        assert_eq!(list.descending(), [Pgno(6), Pgno(5)]);
    }

    #[test]
    fn the_others_at_the_end_are_counted_from_there() {
        let list = list(&[3, 5, 6, 8]);
        let start = |most| list.start_of_others(most, Pgno(11)).0;
        assert_eq!([start(0), start(1), start(2), start(3)], [11, 10, 8, 5]);
        assert_eq!(start(100), 3);
        assert_eq!(PageList::default().start_of_others(7, Pgno(11)), Pgno(11));
    }

    #[test]
    fn only_the_run_at_the_very_end_is_taken() {
        let mut list = list(&[3, 5, 6]);
        assert_eq!(list.take_run_up_to(Pgno(7)), 0);
        assert_eq!(list.take_run_up_to(Pgno(6)), 2);
        assert_eq!(list.descending(), [Pgno(3)]);
    }
}
