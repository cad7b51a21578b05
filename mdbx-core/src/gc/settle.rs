//! At commit, record retired and left-over pages until the record fits itself.
//!
//! Recording freed pages changes the table of freed pages, which frees pages and uses some. So room is made first,
//! record by record, until all there is to record fits; each step changes less than the one before, because the pages
//! of the table on the way are the transaction's own by then. Only then are the records filled, in place.
//!
//! Retired pages go under the id of the transaction, or if they exceed one record, under that and the next ids: the
//! commit then takes all of them. No record is larger than a leaf node, so none needs consecutive pages.
//!
//! Source: format document, "What a commit must store" and "Commits spanning several ids".

use crate::error::{Error, PageFault, Result};
use crate::format::geometry::unpack;
use crate::format::limits::leaf_node_max;
use crate::format::node::{NewNode, node_span};
use crate::format::pnl::{record_capacity, record_len, write_record};
use crate::gc::reclaim::Gc;
use crate::ids::{PageSize, Pgno, Txnid};
use crate::pager::list::PageList;
use crate::pager::writer::Base;
use crate::tree::edit::most_pages_for_put;
use crate::tree::leaf_cursor::End;

/// Room beyond what there is to record, for what the next steps free.
const SLACK: usize = 8;
/// Ids that are looked at in search of a free one.
const MOST_PROBES: u64 = 64;

/// A record with room for `capacity` page numbers.
#[derive(Clone, Copy, Debug)]
struct Room {
    id: Txnid,
    capacity: usize,
}

impl Gc {
    /// Records the pages that the transaction retired, and those of the reserve it did not use. Afterwards no page may
    /// be allocated or freed. Returns the id that the commit must carry.
    ///
    /// # Errors
    ///
    /// [`Error::MapFull`] if the table of freed pages itself finds no room, [`Error::TxnidsUsedUp`], and
    /// [`Error::Corrupted`] if a page turns out to be freed twice.
    pub(crate) fn settle(&mut self, base: Base<'_>) -> Result<Txnid> {
        let spare = self.spare()?.len();
        self.note_free(base, spare);
        let mut for_spare: Vec<Room> = Vec::new();
        let mut for_retired: Vec<Room> = Vec::new();
        let mut lowest = None;
        loop {
            let spare = self.spare()?.len();
            let spare_missing = spare.saturating_sub(capacity_of(&for_spare));
            if spare_missing > 0
                && let Some(room) =
                    self.next_spare_room(base, &mut for_spare, &mut lowest, spare_missing)?
            {
                self.make_room(base, room)?;
                continue;
            }
            let retired = self.supply.retired.len();
            let retired_missing =
                (retired + spare_missing).saturating_sub(capacity_of(&for_retired));
            if retired_missing == 0 {
                break;
            }
            let room = next_retired_room(base, &mut for_retired, retired_missing)?;
            self.make_room(base, room)?;
        }
        self.fill(base, &for_spare, &for_retired)?;
        Ok(for_retired.last().map_or(base.txnid, |room| room.id))
    }

    /// Has later transactions compact the file if very many pages are free.
    fn note_free(&self, base: Base<'_>, spare: usize) {
        let threshold = unpack(base.geometry.shrink_pv);
        let due = &base.store.compaction_due;
        if threshold == 0 {
            due.forget();
            return;
        }
        let (given, taken) = self.given_and_taken(base, spare);
        due.note_freed(base.txnid, given, taken, threshold);
        if self.has_compacted() {
            // Records that are left belong to readers.
            let is_much_free = spare > threshold as usize || !self.is_empty();
            due.note_done(base.txnid, is_much_free);
        }
    }

    /// Returns all spare pages, highest first.
    fn spare(&mut self) -> Result<&[Pgno]> {
        let spare = self.supply.reserve.settle();
        spare.map_err(|twice| PageFault::BadPageList.at(twice))
    }

    /// Returns a record to hold `missing` more spare pages: the last one made larger, or one with a free id at which
    /// the pages stay usable at once; `None` if there is no such id.
    fn next_spare_room(
        &mut self,
        base: Base<'_>,
        rooms: &mut Vec<Room>,
        lowest: &mut Option<Txnid>,
        missing: usize,
    ) -> Result<Option<Room>> {
        if let Some(room) = enlarged(rooms, missing, base.page_size) {
            return Ok(Some(room));
        }
        let Some(id) = self.free_id(base, lowest)? else {
            return Ok(None);
        };
        self.use_up(id); // so that the record to be is not taken for one to reclaim
        let room = Room {
            id,
            capacity: (missing + SLACK).min(most_in_record(base.page_size)),
        };
        rooms.push(room);
        Ok(Some(room))
    }

    /// Returns an id without a record that is not above those taken. `lowest` is the lowest one handed out.
    fn free_id(&self, base: Base<'_>, lowest: &mut Option<Txnid>) -> Result<Option<Txnid>> {
        let taken = self.taken().iter().copied();
        let unused = taken.filter(|&id| lowest.is_none_or(|lowest| id < lowest));
        let unused = unused.max();
        if let Some(id) = unused {
            *lowest = Some(id);
            return Ok(Some(id));
        }
        let Some(low) = *lowest else {
            return Ok(None);
        };
        let mut records = self.records(base);
        for id in (low.0.saturating_sub(MOST_PROBES).max(1)..low.0).rev() {
            if records.seek_exact(&id.to_le_bytes(), End::First)?.is_none() {
                *lowest = Some(Txnid(id));
                return Ok(Some(Txnid(id)));
            }
        }
        Ok(None)
    }

    /// Puts an empty record with that room into the table, or makes the one there larger.
    fn make_room(&mut self, base: Base<'_>, room: Room) -> Result<()> {
        self.reserve(base, most_pages_for_put(self.height()))?;
        let record = vec![0; record_len(room.capacity)];
        let key = room.id.0.to_le_bytes();
        self.edit(base, |mut tree| {
            let mut place = tree.find(&key)?;
            tree.root.count_item(!place.exact);
            tree.set(&mut place, NewNode::leaf(&key, 0, &record))
        })
    }

    /// Writes the lists into the records made for them.
    fn fill(&mut self, base: Base<'_>, for_spare: &[Room], for_retired: &[Room]) -> Result<()> {
        let spare = self.spare()?.to_vec();
        let (spare, beyond) = spare.split_at(spare.len().min(capacity_of(for_spare)));
        let mut retired = PageList::default();
        let mut pages = [&self.supply.retired, beyond].concat();
        retired
            .add_all(&mut pages)
            .map_err(|twice| PageFault::BadPageList.at(twice))?;
        if let Some(&both) = spare.iter().find(|page| {
            retired
                .descending()
                .binary_search_by(|p| page.cmp(&p))
                .is_ok()
        }) {
            return Err(PageFault::BadPageList.at(both));
        }
        self.fill_records(base, for_spare, spare)?;
        self.fill_records(base, for_retired, retired.descending())
    }

    fn fill_records(&mut self, base: Base<'_>, rooms: &[Room], mut pages: &[Pgno]) -> Result<()> {
        for room in rooms {
            self.edit(base, |tree| {
                let place = tree.find(&room.id.0.to_le_bytes())?;
                assert!(place.exact, "a record was made for each list");
                let step = place.path.leaf();
                let mut page = tree.pager.page_mut(step.pgno);
                let record = page.payload_mut(step.index);
                let (these, rest) = pages.split_at(pages.len().min(record_capacity(record.len())));
                write_record(record, these);
                pages = rest;
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// Returns a record to hold `missing` more retired pages: the last one made larger, or one under the next id.
fn next_retired_room(base: Base<'_>, rooms: &mut Vec<Room>, missing: usize) -> Result<Room> {
    if let Some(room) = enlarged(rooms, missing, base.page_size) {
        return Ok(room);
    }
    let txnid = base.txnid;
    let id = txnid
        .checked_add(rooms.len() as u64)
        .ok_or(Error::TxnidsUsedUp { last: txnid })?;
    let room = Room {
        id,
        capacity: (missing + SLACK).min(most_in_record(base.page_size)),
    };
    rooms.push(room);
    Ok(room)
}

/// Makes the last record larger by `missing` and returns it, unless there is none or it is as large as can be.
fn enlarged(rooms: &mut [Room], missing: usize, page_size: PageSize) -> Option<Room> {
    let last = rooms
        .last_mut()
        .filter(|room| room.capacity < most_in_record(page_size))?;
    last.capacity = (last.capacity + missing + SLACK).min(most_in_record(page_size));
    Some(*last)
}

fn capacity_of(rooms: &[Room]) -> usize {
    rooms.iter().map(|room| room.capacity).sum()
}

/// Returns how many page numbers a record has room for that fits a leaf node.
fn most_in_record(page_size: PageSize) -> usize {
    record_capacity(leaf_node_max(page_size) - node_span(size_of::<u64>(), 0))
}
