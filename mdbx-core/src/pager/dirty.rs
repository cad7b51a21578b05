//! The pages this transaction owns, by page number.
//!
//! A writer asks for every page it meets "is it mine already?", so the answer must cost no search: an index of two
//! levels is addressed by the page number itself. The buffers stay allocated between transactions.

use crate::ids::Pgno;

/// Page numbers that one block of the index covers.
const BLOCK: usize = 1024;
/// Blocks kept between transactions: 4 MiB of index, for 1 Mi page numbers.
const BLOCKS_KEPT: usize = 1024;
/// Buffers kept between transactions, in bytes.
const BUFFER_BYTES_KEPT: usize = 64 << 20;

/// The buffers of the pages that the running transaction has allocated.
#[derive(Debug, Default)]
pub(crate) struct DirtyList {
    slots: Vec<Slot>,
    /// `index[pgno / BLOCK][pgno % BLOCK]` is the slot of the page plus one, 0 when it is not dirty.
    index: Vec<Option<Box<[u32; BLOCK]>>>,
    blocks: usize,
    /// Buffers of one page each, to be used again.
    free: Vec<Box<[u8]>>,
}

/// One dirty page, or a run of them that a large value fills.
#[derive(Debug)]
struct Slot {
    pgno: Pgno,
    buffer: Box<[u8]>,
}

impl DirtyList {
    /// Returns the page or run that starts with `pgno`, if it is dirty.
    #[inline]
    pub(crate) fn get(&self, pgno: Pgno) -> Option<&[u8]> {
        let slot = self.slot(pgno)?;
        Some(&self.slots[slot].buffer)
    }

    /// Returns the page or run that starts with `pgno` for writing, if it is dirty.
    #[inline]
    pub(crate) fn get_mut(&mut self, pgno: Pgno) -> Option<&mut [u8]> {
        let slot = self.slot(pgno)?;
        Some(&mut self.slots[slot].buffer)
    }

    pub(crate) fn contains(&self, pgno: Pgno) -> bool {
        self.slot(pgno).is_some()
    }

    #[inline]
    fn slot(&self, pgno: Pgno) -> Option<usize> {
        let (block, at) = place(pgno);
        let number = self.index.get(block)?.as_ref()?[at];
        (number as usize).checked_sub(1)
    }

    /// Adds the page `pgno` with a buffer of `len` bytes, and returns the buffer. Its content is arbitrary.
    pub(crate) fn add(&mut self, pgno: Pgno, len: usize) -> &mut [u8] {
        debug_assert!(!self.contains(pgno), "page {pgno} is dirty already");
        let reused = self.free.pop_if(|buffer| buffer.len() == len);
        let buffer = reused.unwrap_or_else(|| vec![0; len].into_boxed_slice());
        let slot = self.slots.len();
        self.slots.push(Slot { pgno, buffer });
        self.set_index(pgno, slot + 1);
        &mut self.slots[slot].buffer
    }

    /// Removes the page or run that starts with `pgno`; returns its length in bytes if it was dirty.
    pub(crate) fn remove(&mut self, pgno: Pgno) -> Option<usize> {
        let slot = self.slot(pgno)?;
        let Slot { buffer, .. } = self.slots.swap_remove(slot);
        if let Some(moved) = self.slots.get(slot) {
            self.set_index(moved.pgno, slot + 1);
        }
        self.set_index(pgno, 0);
        let len = buffer.len();
        self.recycle(buffer);
        Some(len)
    }

    /// Removes every page.
    pub(crate) fn clear(&mut self) {
        for Slot { pgno, buffer } in std::mem::take(&mut self.slots) {
            self.set_index(pgno, 0);
            self.recycle(buffer);
        }
        if self.blocks > BLOCKS_KEPT {
            self.index.clear();
            self.blocks = 0;
        }
    }

    /// Returns the dirty pages and runs in ascending order of their numbers.
    pub(crate) fn ascending(&self) -> Vec<(Pgno, &[u8])> {
        let mut pages: Vec<_> = self
            .slots
            .iter()
            .map(|slot| (slot.pgno, &*slot.buffer))
            .collect();
        pages.sort_unstable_by_key(|&(pgno, _)| pgno);
        pages
    }

    fn set_index(&mut self, pgno: Pgno, number: usize) {
        let (block, at) = place(pgno);
        if block >= self.index.len() {
            self.index.resize_with(block + 1, || None);
        }
        let blocks = &mut self.blocks;
        let entries = self.index[block].get_or_insert_with(|| {
            *blocks += 1;
            Box::new([0; BLOCK])
        });
        entries[at] = u32::try_from(number).expect("there are fewer dirty pages than page numbers");
    }

    /// Keeps the buffer for a later page, unless it is a run or there are enough.
    fn recycle(&mut self, buffer: Box<[u8]>) {
        let fits = self
            .free
            .last()
            .is_none_or(|other| other.len() == buffer.len());
        if fits && (self.free.len() + 1) * buffer.len() <= BUFFER_BYTES_KEPT {
            self.free.push(buffer);
        }
    }
}

fn place(pgno: Pgno) -> (usize, usize) {
    (pgno.0 as usize / BLOCK, pgno.0 as usize % BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_found_after_others_were_removed() {
        let mut dirty = DirtyList::default();
        for n in (3..5000).step_by(7) {
            dirty.add(Pgno(n), 256).fill(n.to_le_bytes()[0]);
        }
        for n in (3..5000).step_by(21) {
            assert_eq!(dirty.remove(Pgno(n)), Some(256));
            assert_eq!(dirty.remove(Pgno(n)), None);
        }
        for n in 0..6000 {
            let expected = n % 7 == 3 && n % 21 != 3 && n < 5000;
            assert_eq!(
                dirty
                    .get(Pgno(n))
                    .is_some_and(|page| page[255] == n.to_le_bytes()[0]),
                expected,
                "{n}"
            );
        }
    }

    #[test]
    fn pages_come_out_in_ascending_order_and_clearing_forgets_them() {
        let mut dirty = DirtyList::default();
        for n in [900_000, 3, 70_000] {
            dirty.add(Pgno(n), 256);
        }
        let order: Vec<u32> = dirty.ascending().iter().map(|(pgno, _)| pgno.0).collect();
        assert_eq!(order, [3, 70_000, 900_000]);
        dirty.clear();
        assert!(dirty.ascending().is_empty() && !dirty.contains(Pgno(3)));
    }

    #[test]
    fn runs_and_pages_of_other_sizes_do_not_share_buffers() {
        let mut dirty = DirtyList::default();
        dirty.add(Pgno(3), 256);
        dirty.remove(Pgno(3));
        assert_eq!(dirty.add(Pgno(4), 1024).len(), 1024);
        dirty.remove(Pgno(4));
        assert_eq!(dirty.add(Pgno(5), 256).len(), 256);
    }
}
