//! The pages of one table that this transaction owns, by page number.
//!
//! A writer asks for every page it meets "is it mine already?", so the answer must cost no search: an index of two
//! levels is addressed by the page number itself.
//!
//! A page owned is *dirty* while its bytes are here, and *spilled* once they were written to the file early, to make
//! room: it is read from there, and is dirty again as soon as it is changed.
//!
//! A nested transaction works on the same list, one level up. What it changes of a lower level is saved first, so
//! that undoing the level brings everything back, and nobody else pays for it:
//!
//! ```text
//!   level 0     a b c d          pages of the outer transaction
//!   level 1     a B - d E        the nested one changed b, gave up c, and added e; b and c are saved
//! ```

use crate::ids::Pgno;
use crate::pager::buffers::Buffers;

/// Page numbers that one block of the index covers.
const BLOCK: usize = 1024;
/// Blocks kept between transactions: 4 MiB of index, for 1 Mi page numbers.
const BLOCKS_KEPT: usize = 1024;
/// The entry of the index for a spilled page.
const SPILLED: u32 = u32::MAX;

/// The pages of one table that the running transaction owns.
#[derive(Debug, Default)]
pub(crate) struct DirtyList {
    slots: Vec<Slot>,
    /// Of all their buffers.
    bytes: usize,
    /// `index[pgno / BLOCK][pgno % BLOCK]` is the slot of the page plus one, 0 when the page is not owned.
    index: Vec<Option<Box<[u32; BLOCK]>>>,
    blocks: usize,
    /// Every page that was ever spilled.
    spilled: Vec<Pgno>,
    /// What it takes to undo each level above the lowest.
    undo: Vec<Undo>,
}

/// One dirty page, or a run of them that a large value fills.
#[derive(Debug)]
struct Slot {
    pgno: Pgno,
    /// The level that changed it last.
    level: usize,
    buffer: Box<[u8]>,
}

/// How to undo one level.
#[derive(Debug, Default)]
struct Undo {
    /// The pages that the level has added or changed, some of them more than once.
    changed: Vec<Pgno>,
    /// What was there before.
    saved: Vec<Saved>,
}

/// A page as a lower level left it.
#[derive(Debug)]
enum Saved {
    Dirty(Slot),
    Spilled(Pgno),
}

impl DirtyList {
    /// Returns the page or run that starts with `pgno`, if it is dirty.
    #[inline]
    pub(crate) fn get(&self, pgno: Pgno) -> Option<&[u8]> {
        let slot = self.slot(pgno)?;
        Some(&self.slots[slot].buffer)
    }

    /// Returns the page or run that starts with `pgno`, to be changed by `level`, if it is dirty.
    #[inline]
    pub(crate) fn get_mut(
        &mut self,
        pgno: Pgno,
        level: usize,
        buffers: &mut Buffers,
    ) -> Option<&mut [u8]> {
        let slot = self.slot(pgno)?;
        if self.slots[slot].level < level {
            self.save(slot, level, buffers);
        }
        Some(&mut self.slots[slot].buffer)
    }

    /// Returns whether the page or run that starts with `pgno` is owned, dirty or spilled.
    #[inline]
    pub(crate) fn owns(&self, pgno: Pgno) -> bool {
        self.entry(pgno) != 0
    }

    #[inline]
    fn slot(&self, pgno: Pgno) -> Option<usize> {
        match self.entry(pgno) {
            0 | SPILLED => None,
            number => Some(number as usize - 1),
        }
    }

    #[inline]
    fn entry(&self, pgno: Pgno) -> u32 {
        let (block, at) = place(pgno);
        match self.index.get(block) {
            Some(Some(entries)) => entries[at],
            _ => 0,
        }
    }

    /// Adds the page or run `pgno`, which is not dirty, for `level`. It may be spilled, and then is not any more.
    pub(crate) fn add(&mut self, pgno: Pgno, buffer: Box<[u8]>, level: usize) -> &mut [u8] {
        debug_assert!(self.slot(pgno).is_none(), "page {pgno} is dirty already");
        if level > 0 {
            let was_spilled = self.owns(pgno);
            let undo = self.undo_mut(level);
            undo.changed.push(pgno);
            undo.saved
                .extend(was_spilled.then_some(Saved::Spilled(pgno)));
        }
        self.push_slot(Slot {
            pgno,
            level,
            buffer,
        })
    }

    /// Removes the page or run that starts with `pgno`; tells whether it was owned.
    pub(crate) fn remove(&mut self, pgno: Pgno, level: usize, buffers: &mut Buffers) -> bool {
        match self.entry(pgno) {
            0 => return false,
            SPILLED if level > 0 => self.undo_mut(level).saved.push(Saved::Spilled(pgno)),
            SPILLED => {}
            number => {
                let slot = self.take_slot(number as usize - 1);
                if slot.level < level {
                    self.undo_mut(level).saved.push(Saved::Dirty(slot));
                } else {
                    buffers.give_back(slot.buffer);
                }
            }
        }
        self.set_entry(pgno, 0);
        true
    }

    /// Removes every page, of all levels.
    pub(crate) fn clear(&mut self, buffers: &mut Buffers) {
        self.bytes = 0;
        for Slot { pgno, buffer, .. } in std::mem::take(&mut self.slots) {
            self.set_entry(pgno, 0);
            buffers.give_back(buffer);
        }
        for pgno in std::mem::take(&mut self.spilled) {
            self.set_entry(pgno, 0);
        }
        let undone = self.undo.drain(..).flat_map(|undo| undo.saved);
        for saved in undone {
            if let Saved::Dirty(slot) = saved {
                buffers.give_back(slot.buffer);
            }
        }
        if self.blocks > BLOCKS_KEPT {
            self.index.clear();
            self.blocks = 0;
        }
    }

    /// Returns the dirty pages and runs, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Pgno, &[u8])> {
        self.slots.iter().map(|slot| (slot.pgno, &*slot.buffer))
    }

    /// Returns whether any page was ever spilled since the list was cleared.
    pub(crate) fn has_spilled(&self) -> bool {
        !self.spilled.is_empty()
    }

    /// Returns how many bytes the dirty pages have.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes the dirty pages spilled, all of which were written to the file.
    ///
    /// # Panics
    ///
    /// If there is a level above the lowest: it could not be undone.
    pub(crate) fn set_spilled(&mut self, buffers: &mut Buffers) {
        assert!(
            self.undo.is_empty(),
            "only the lowest level is written early"
        );
        self.bytes = 0;
        for Slot { pgno, buffer, .. } in std::mem::take(&mut self.slots) {
            buffers.give_back(buffer);
            self.set_entry(pgno, SPILLED);
            self.spilled.push(pgno);
        }
    }

    /// Makes what `level` has done a part of the level below.
    pub(crate) fn merge_level(&mut self, level: usize, buffers: &mut Buffers) {
        let Some(undo) = self.take_undo(level) else {
            return;
        };
        for &pgno in &undo.changed {
            if let Some(slot) = self.slot(pgno) {
                self.slots[slot].level = self.slots[slot].level.min(level - 1);
            }
        }
        for saved in undo.saved {
            match saved {
                Saved::Dirty(slot) if slot.level + 1 == level => buffers.give_back(slot.buffer),
                saved if level > 1 => self.undo_mut(level - 1).saved.push(saved),
                _ => {}
            }
        }
        if level > 1 {
            self.undo_mut(level - 1).changed.extend(undo.changed);
        }
    }

    /// Undoes what `level` has done.
    pub(crate) fn undo_level(&mut self, level: usize, buffers: &mut Buffers) {
        let Some(undo) = self.take_undo(level) else {
            return;
        };
        for pgno in undo.changed {
            if let Some(slot) = self.slot(pgno)
                && self.slots[slot].level == level
            {
                buffers.give_back(self.take_slot(slot).buffer);
                self.set_entry(pgno, 0);
            }
        }
        for saved in undo.saved {
            match saved {
                Saved::Spilled(pgno) => self.set_entry(pgno, SPILLED),
                Saved::Dirty(slot) => {
                    self.push_slot(slot);
                }
            }
        }
    }

    fn save(&mut self, slot: usize, level: usize, buffers: &mut Buffers) {
        let changed = &mut self.slots[slot];
        let pgno = changed.pgno;
        let saved = Slot {
            pgno,
            level: std::mem::replace(&mut changed.level, level),
            buffer: buffers.copy(&changed.buffer),
        };
        let undo = self.undo_mut(level);
        undo.changed.push(pgno);
        undo.saved.push(Saved::Dirty(saved));
    }

    fn undo_mut(&mut self, level: usize) -> &mut Undo {
        if self.undo.len() < level {
            self.undo.resize_with(level, Undo::default);
        }
        &mut self.undo[level - 1]
    }

    /// Takes the topmost undo, if `level` has one.
    fn take_undo(&mut self, level: usize) -> Option<Undo> {
        self.undo.truncate(level);
        if self.undo.len() == level {
            self.undo.pop()
        } else {
            None
        }
    }

    fn push_slot(&mut self, slot: Slot) -> &mut [u8] {
        self.bytes += slot.buffer.len();
        self.set_entry(slot.pgno, number_of(self.slots.len()));
        self.slots.push(slot);
        let last = self.slots.len() - 1;
        &mut self.slots[last].buffer
    }

    fn take_slot(&mut self, slot: usize) -> Slot {
        let taken = self.slots.swap_remove(slot);
        self.bytes -= taken.buffer.len();
        if let Some(moved) = self.slots.get(slot) {
            self.set_entry(moved.pgno, number_of(slot));
        }
        taken
    }

    fn set_entry(&mut self, pgno: Pgno, number: u32) {
        let (block, at) = place(pgno);
        if block >= self.index.len() {
            self.index.resize_with(block + 1, || None);
        }
        let blocks = &mut self.blocks;
        let entries = self.index[block].get_or_insert_with(|| {
            *blocks += 1;
            Box::new([0; BLOCK])
        });
        entries[at] = number;
    }
}

fn place(pgno: Pgno) -> (usize, usize) {
    (pgno.0 as usize / BLOCK, pgno.0 as usize % BLOCK)
}

fn number_of(slot: usize) -> u32 {
    u32::try_from(slot + 1).expect("there are fewer dirty pages than page numbers")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(dirty: &mut DirtyList, buffers: &mut Buffers, pgno: u32, level: usize, byte: u8) {
        let buffer = buffers.take(256);
        dirty.add(Pgno(pgno), buffer, level).fill(byte);
    }

    /// Returns the numbers and first bytes of the dirty pages.
    fn show(dirty: &DirtyList) -> Vec<(u32, u8)> {
        let mut pages: Vec<_> = dirty.iter().map(|(pgno, page)| (pgno.0, page[0])).collect();
        pages.sort_unstable();
        pages
    }

    #[test]
    fn pages_are_found_after_others_were_removed() {
        let (mut dirty, mut buffers) = (DirtyList::default(), Buffers::default());
        for n in (3..5000).step_by(7) {
            add(&mut dirty, &mut buffers, n, 0, n.to_le_bytes()[0]);
        }
        for n in (3..5000).step_by(21) {
            assert!(dirty.remove(Pgno(n), 0, &mut buffers));
            assert!(!dirty.remove(Pgno(n), 0, &mut buffers));
        }
        for n in 0..6000 {
            let expected = n % 7 == 3 && n % 21 != 3 && n < 5000;
            let found = dirty
                .get(Pgno(n))
                .is_some_and(|page| page[255] == n.to_le_bytes()[0]);
            assert_eq!(found, expected, "{n}");
        }
        assert_eq!(dirty.bytes(), buffers.in_use());
        dirty.clear(&mut buffers);
        assert_eq!((show(&dirty), buffers.in_use()), (vec![], 0));
    }

    #[test]
    fn a_spilled_page_is_owned_and_dirty_again_once_it_is_added() {
        let (mut dirty, mut buffers) = (DirtyList::default(), Buffers::default());
        add(&mut dirty, &mut buffers, 3, 0, 1);
        dirty.set_spilled(&mut buffers);
        assert!(dirty.owns(Pgno(3)) && dirty.get(Pgno(3)).is_none());
        add(&mut dirty, &mut buffers, 3, 0, 2);
        assert_eq!(show(&dirty), [(3, 2)]);
        assert!(dirty.remove(Pgno(3), 0, &mut buffers) && !dirty.owns(Pgno(3)));
    }

    #[test]
    fn undoing_a_level_brings_back_what_it_changed_gave_up_and_added() {
        let (mut dirty, mut buffers) = (DirtyList::default(), Buffers::default());
        for (pgno, byte) in [(3, 1), (4, 2), (5, 3), (6, 4)] {
            add(&mut dirty, &mut buffers, pgno, 0, byte);
            if pgno == 3 {
                dirty.set_spilled(&mut buffers);
            }
        }
        let before = show(&dirty);
        dirty.get_mut(Pgno(4), 1, &mut buffers).unwrap().fill(9);
        assert!(dirty.remove(Pgno(5), 1, &mut buffers));
        add(&mut dirty, &mut buffers, 5, 1, 8); // its number is used again
        add(&mut dirty, &mut buffers, 3, 1, 7); // it was spilled
        add(&mut dirty, &mut buffers, 9, 1, 6);
        assert_eq!(show(&dirty), [(3, 7), (4, 9), (5, 8), (6, 4), (9, 6)]);
        dirty.undo_level(1, &mut buffers);
        assert_eq!(show(&dirty), before);
        assert!(dirty.owns(Pgno(3)) && !dirty.owns(Pgno(9)));
        assert_eq!(dirty.bytes(), buffers.in_use());
    }

    #[test]
    fn a_merged_level_is_undone_with_the_level_below() {
        let (mut dirty, mut buffers) = (DirtyList::default(), Buffers::default());
        add(&mut dirty, &mut buffers, 3, 0, 1);
        add(&mut dirty, &mut buffers, 4, 0, 2);
        dirty.get_mut(Pgno(3), 1, &mut buffers).unwrap().fill(5);
        dirty.get_mut(Pgno(3), 2, &mut buffers).unwrap().fill(6);
        dirty.get_mut(Pgno(4), 2, &mut buffers).unwrap().fill(7);
        dirty.merge_level(2, &mut buffers);
        assert_eq!(show(&dirty), [(3, 6), (4, 7)]);
        dirty.get_mut(Pgno(4), 1, &mut buffers).unwrap().fill(8);
        dirty.undo_level(1, &mut buffers);
        assert_eq!(show(&dirty), [(3, 1), (4, 2)]);
        assert_eq!(dirty.bytes(), buffers.in_use());
    }
}
