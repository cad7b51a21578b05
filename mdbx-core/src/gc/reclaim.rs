//! Take pages no snapshot can see into the pager's reserve.
//!
//! By default the newest usable record is taken first: its pages were written last, so they are likely still in memory,
//! and under a steady load the same few pages go round. Oldest first is the way of LMDB: all free pages go round.
//!
//! A record is deleted as soon as it is taken; what of it is left at commit is recorded anew.
//!
//! Newest first leaves pages alone that were freed long ago. So after very many were freed, a few transactions take all
//! records first: what they write moves to the lowest free pages, and the end of the file comes free.

use log::trace;

use crate::error::{Error, PageFault, Result};
use crate::format::geometry::grown;
use crate::format::pnl::read_record;
use crate::format::root::TreeRoot;
use crate::ids::{Pgno, Txnid};
use crate::pager::dirty::DirtyList;
use crate::pager::memory::Memory;
use crate::pager::supply::{Supply, SupplyMark};
use crate::pager::writer::{Base, Writer};
use crate::store::durability::Durability;
use crate::store::open::{ReclaimOrder, Store};
use crate::store::turn::Turn;
use crate::tree::cursor::Cursor;
use crate::tree::edit::{TreeMut, most_pages_for_delete};
use crate::tree::leaf_cursor::End;
use crate::tree::order::{Order, Orders};

/// Records that may be read in search of one run of pages: then the file grows instead.
const MOST_RECORDS_FOR_A_RUN: usize = 64;

/// Free pages that a transaction takes for no need of its own: 4 MiB of records.
const MOST_PAGES_TO_COMPACT: usize = 1 << 20;

/// Of the pages of a file, so many times fewer freed ones are worth a sync that lets them be used again.
const SHARE_WORTH_A_SYNC: u64 = 8;

/// Whether a transaction moves what it writes towards the start of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compacts {
    No,
    /// It will take all records when it needs the first page.
    Later,
    /// It has taken all records.
    Yes,
}

/// The table of freed pages in a write transaction, and the supply of page numbers that it fills.
#[derive(Debug)]
pub(crate) struct Gc {
    /// What all tables draw from.
    pub(crate) supply: Supply,
    order: ReclaimOrder,
    durability: Durability,
    /// The pages of the table of freed pages itself.
    pages: Box<DirtyList>,
    state: State,
}

/// What of the table a nested transaction may have to undo.
#[derive(Clone, Debug)]
struct State {
    root: TreeRoot,
    /// Whether the tree was changed.
    changed: bool,
    /// Whether an error left a change half done.
    broken: bool,
    /// The oldest snapshot in use, as far as is known, or the fallback.
    oldest: Txnid,
    /// The snapshot that a power cut is sure to leave. It and all newer ones are kept.
    fallback: Txnid,
    /// Which records list pages that nobody needs, and were neither taken nor written by this transaction: those with
    /// ids above the first, up to the second of each pair. The last pair's are taken first.
    usable: Vec<(Txnid, Txnid)>,
    /// Whether no usable record is left.
    exhausted: bool,
    /// The file may become so long without readers being asked for room, in pages; 0 is its present length.
    granted: u32,
    compacts: Compacts,
    /// The ids of the records taken: all are free, and low enough for pages that nobody needs.
    taken: Vec<Txnid>,
    /// How many pages they listed.
    reclaimed: u64,
}

/// A table of freed pages as it was before a nested transaction.
#[derive(Debug)]
pub(crate) struct GcMark {
    supply: SupplyMark,
    state: State,
}

impl Gc {
    /// The table of the snapshot that `turn` builds on.
    pub(crate) fn new(turn: &Turn<'_>, store: &Store, mut supply: Supply) -> Gc {
        let root = turn.head().meta.gc;
        let (fallback, durability) = (turn.fallback(), turn.durability());
        let newest = turn.head().meta.txnid;
        let oldest = store
            .attached
            .oldest(turn.head().meta.pages_retired, fallback);
        let pages = supply.memory.list();
        // It is rare enough to be worth a sync, but not worth what the last durable snapshot needs.
        let due = &store.compaction_due;
        let is_worth_a_sync = || {
            durability != Durability::UtterlyNoSync
                && due.is_due(newest)
                && due.is_due(store.attached.oldest_seen(newest))
        };
        let compacts = if due.is_due(oldest) || is_worth_a_sync() {
            Compacts::Later
        } else {
            Compacts::No
        };
        Gc {
            supply,
            order: store.reclaim,
            durability,
            pages,
            state: State {
                root,
                changed: false,
                broken: false,
                oldest,
                fallback,
                usable: vec![(Txnid::VOID, oldest)],
                exhausted: root.is_empty(),
                granted: 0,
                compacts,
                taken: Vec::new(),
                reclaimed: 0,
            },
        }
    }

    /// Begins a nested transaction, one level up.
    pub(crate) fn begin_level(&mut self) -> GcMark {
        self.supply.level += 1;
        GcMark {
            supply: self.supply.mark(),
            state: self.state.clone(),
        }
    }

    /// Ends the nested transaction that began with `mark`, and undoes it.
    pub(crate) fn undo_level(&mut self, mark: GcMark) {
        self.pages
            .undo_level(self.supply.level, &mut self.supply.memory.buffers);
        self.supply.undo_to(mark.supply);
        self.state = mark.state;
        self.supply.level -= 1;
    }

    /// Ends the nested transaction and keeps what it did.
    pub(crate) fn merge_level(&mut self) {
        self.pages
            .merge_level(self.supply.level, &mut self.supply.memory.buffers);
        self.supply.level -= 1;
    }

    /// Forgets all pages and returns the memory they took.
    pub(crate) fn take_memory(&mut self) -> Memory {
        let mut memory = std::mem::take(&mut self.supply.memory);
        memory.take_list_back(std::mem::take(&mut self.pages));
        memory
    }

    /// Returns the record of the table, as the meta of the commit of `txnid` holds it.
    pub(crate) fn root_at_commit(&self, txnid: Txnid) -> TreeRoot {
        let State { root, changed, .. } = self.state;
        let mod_txnid = if changed { txnid } else { root.mod_txnid };
        TreeRoot { mod_txnid, ..root }
    }

    /// Returns the pages of the table that are to be written.
    pub(crate) fn dirty(&self) -> &DirtyList {
        &self.pages
    }

    /// Makes sure that `count` pages can be allocated one by one.
    ///
    /// # Errors
    ///
    /// - [`Error::MapFull`] if they cannot: nothing but the reserve was changed.
    /// - [`Error::Corrupted`] if a record is, or the table. If the table was being changed, the transaction can only be
    ///   aborted, and every call from then on that needs the table answers [`Error::TxnFailed`].
    #[inline]
    pub(crate) fn reserve(&mut self, base: Base<'_>, count: usize) -> Result<()> {
        if self.state.compacts == Compacts::Later {
            self.begin_to_compact(base)?;
        }
        if self.supply.reserve.spare() >= count {
            return Ok(());
        }
        self.reserve_more(base, count)
    }

    /// Takes all records that nobody needs, up to a bound, and returns free pages at the end of the file to its unused
    /// part. Readers that keep records back are asked to give up their snapshots first.
    ///
    /// # Errors
    ///
    /// As [`reserve`](Gc::reserve).
    pub(crate) fn compact(&mut self, base: Base<'_>) -> Result<()> {
        self.move_fallback(base)?;
        if self.is_held_back()
            && let Some(oldest) =
                base.store
                    .make_room(base.head, self.state.fallback, self.state.oldest)
        {
            self.move_oldest(oldest);
        }
        self.take_all_records(base)?;
        let settled = self.supply.reserve.settle();
        settled
            .map(drop)
            .map_err(|twice| PageFault::BadPageList.at(twice))
    }

    /// Returns whether there are records that a reader keeps from being taken.
    pub(crate) fn is_held_back(&self) -> bool {
        self.state.oldest < self.state.fallback && !self.state.root.is_empty()
    }

    #[cold]
    fn begin_to_compact(&mut self, base: Base<'_>) -> Result<()> {
        if self.durability != Durability::UtterlyNoSync {
            self.move_fallback(base)?;
        }
        self.take_all_records(base)
    }

    fn take_all_records(&mut self, base: Base<'_>) -> Result<()> {
        self.state.compacts = Compacts::Yes;
        while !self.state.exhausted && self.supply.reserve.spare() < MOST_PAGES_TO_COMPACT {
            self.take_record(base)?;
        }
        Ok(())
    }

    fn reserve_more(&mut self, base: Base<'_>, count: usize) -> Result<()> {
        loop {
            while self.supply.reserve.spare() < count && !self.state.exhausted {
                self.take_record(base)?;
            }
            let missing = count.saturating_sub(self.supply.reserve.spare());
            if missing == 0 {
                return Ok(());
            }
            if !self.find_room(base, missing)? {
                break;
            }
        }
        let reserve = &self.supply.reserve;
        if reserve.spare() + reserve.room_at_end() >= count {
            Ok(())
        } else {
            Err(self.full(base))
        }
    }

    /// Has readers give up snapshots, and moves the fallback on, if `pages` more pages at its end would make the file
    /// longer. Returns whether there are records to take now.
    fn find_room(&mut self, base: Base<'_>, pages: usize) -> Result<bool> {
        let state = &mut self.state;
        let next = self.supply.reserve.first_unallocated();
        let end = u32::try_from(pages)
            .ok()
            .and_then(|pages| next.checked_add(pages));
        let end = end.unwrap_or(Pgno(Pgno::MAX.0 + 1));
        let mut counts = *base.geometry;
        counts.now = counts.now.max(state.granted);
        if end.0 <= counts.now {
            return Ok(false);
        }
        if let Some(oldest) = base
            .store
            .make_room(base.head, state.fallback, state.oldest)
        {
            self.move_oldest(oldest);
            return Ok(true);
        }
        let grown = grown(&counts, end, base.page_size);
        if self.is_worth_a_sync(base, grown.is_none())? && self.move_fallback(base)? {
            return Ok(true);
        }
        self.state.granted = grown.unwrap_or(counts.now);
        Ok(false)
    }

    /// Returns whether to move the fallback on rather than make the file longer, which is not possible if it `is_full`.
    ///
    /// A sync takes time, and a longer file takes room. So it is done when the pages that come free are a certain share of
    /// all, and a file under weak commits is not longer than it must be by more than that.
    fn is_worth_a_sync(&self, base: Base<'_>, is_full: bool) -> Result<bool> {
        let State {
            fallback, oldest, ..
        } = self.state;
        if oldest < fallback {
            return Ok(false); // what it would free is held back by a reader
        }
        if is_full || self.durability == Durability::UtterlyNoSync {
            return Ok(true);
        }
        let freed = base.store.freed_since(fallback, base.head)?;
        let all = u64::from(base.head.meta.geometry.first_unallocated.0);
        Ok(freed >= all / SHARE_WORTH_A_SYNC)
    }

    /// Has the newest snapshot kept instead of the fallback, if that is an older one. Returns whether there are records to
    /// take now.
    fn move_fallback(&mut self, base: Base<'_>) -> Result<bool> {
        let newest = base.head.meta.txnid;
        if self.state.fallback >= newest {
            return Ok(false);
        }
        base.store.move_fallback(base.head, self.durability)?;
        self.state.fallback = newest;
        let oldest = base
            .store
            .attached
            .oldest(base.head.meta.pages_retired, newest);
        let is_newer = oldest > self.state.oldest;
        if is_newer {
            self.move_oldest(oldest);
        }
        Ok(is_newer && !self.state.exhausted)
    }

    /// Notes that `oldest` is the oldest snapshot in use now, which is a newer one than before.
    fn move_oldest(&mut self, oldest: Txnid) {
        let state = &mut self.state;
        state.usable.push((state.oldest, oldest));
        state.oldest = oldest;
        state.exhausted = state.root.is_empty();
    }

    /// Makes sure that `run` consecutive pages can be allocated, and then `count` pages one by one.
    ///
    /// # Errors
    ///
    /// As [`reserve`](Gc::reserve).
    pub(crate) fn reserve_run(&mut self, base: Base<'_>, run: u32, count: usize) -> Result<()> {
        for _ in 0..MOST_RECORDS_FOR_A_RUN {
            if self.supply.reserve.has_run(run) {
                break;
            }
            if !self.state.exhausted {
                self.take_record(base)?;
            } else if !self.find_room(base, run as usize)? {
                break;
            }
        }
        self.reserve(base, count + run as usize)?;
        let reserve = &self.supply.reserve;
        if reserve.has_run(run) || reserve.room_at_end() >= run as usize {
            Ok(())
        } else {
            Err(self.full(base))
        }
    }

    /// Takes the usable record whose turn it is.
    fn take_record(&mut self, base: Base<'_>) -> Result<()> {
        let Some((id, pages)) = self.next_record(base)? else {
            self.state.exhausted = true;
            return Ok(());
        };
        let needed = most_pages_for_delete(self.state.root.height);
        let reserve = &mut self.supply.reserve;
        if reserve.spare() + reserve.room_at_end() + pages.len() < needed {
            self.state.exhausted = true; // deleting the record would take more pages than it frees
            return Ok(());
        }
        reserve
            .add(&pages)
            .map_err(|twice| PageFault::BadPageList.at(twice))?;
        self.edit(base, |mut tree| {
            let place = tree.find(&id.0.to_le_bytes())?;
            tree.delete(place)
        })?;
        trace!("reclaimed pages: freed_by={id} pages={}", pages.len());
        self.state.taken.push(id);
        self.state.reclaimed += pages.len() as u64;
        self.use_up(id);
        Ok(())
    }

    /// Changes the table by `edit`.
    pub(super) fn edit<T>(
        &mut self,
        base: Base<'_>,
        edit: impl FnOnce(TreeMut<'_, '_>) -> Result<T>,
    ) -> Result<T> {
        if self.state.broken {
            return Err(Error::TxnFailed);
        }
        self.state.changed = true;
        self.state.broken = true; // until the change is whole
        let mut pager = Writer::new(base, &mut self.pages, &mut self.supply);
        let edited = edit(TreeMut::new(
            &mut pager,
            &mut self.state.root,
            Orders::of_keys(Order::Integer),
        ))?;
        self.state.broken = false;
        Ok(edited)
    }

    /// Returns the height of the table's tree.
    pub(super) fn height(&self) -> u16 {
        self.state.root.height
    }

    /// Returns the ids of the records taken.
    pub(super) fn taken(&self) -> &[Txnid] {
        &self.state.taken
    }

    /// Returns how many pages this transaction gives up and how many it takes into use, but for the same number of those
    /// that it only moves. `spare` pages are left in the reserve.
    pub(super) fn given_and_taken(&self, base: Base<'_>, spare: usize) -> (u64, u64) {
        let Supply {
            reserve, retired, ..
        } = &self.supply;
        let end_before = u64::from(base.head.meta.geometry.first_unallocated.0);
        let end = u64::from(reserve.first_unallocated().0);
        let given = (retired.len() + spare) as u64 + end_before;
        let taken = self.state.reclaimed + end;
        (given.saturating_sub(taken), taken.saturating_sub(given))
    }

    /// Keeps the record `id` from being taken, and those that would have been taken before it.
    pub(super) fn use_up(&mut self, id: Txnid) {
        for (above, up_to) in &mut self.state.usable {
            if *above < id && self.order == ReclaimOrder::NewestFirst {
                *up_to = (*up_to).min(Txnid(id.0.saturating_sub(1)));
            } else if *up_to >= id && self.order == ReclaimOrder::OldestFirst {
                *above = (*above).max(id);
            }
        }
    }

    /// Returns whether this transaction has taken all records, to move what it writes towards the start of the file.
    pub(super) fn has_compacted(&self) -> bool {
        self.state.compacts == Compacts::Yes
    }

    /// Returns whether the table has no record.
    pub(super) fn is_empty(&self) -> bool {
        self.state.root.is_empty()
    }

    /// Returns a cursor over the records.
    pub(super) fn records<'p>(&'p self, base: Base<'p>) -> Cursor<'p> {
        let end = self.supply.reserve.first_unallocated();
        let orders = Orders::of_keys(Order::Integer);
        Cursor::new(base.pages(end, Some(&self.pages)), self.state.root, orders)
    }

    /// Returns the usable record whose turn it is.
    fn next_record(&mut self, base: Base<'_>) -> Result<Option<(Txnid, Vec<Pgno>)>> {
        if self.state.broken {
            return Err(Error::TxnFailed);
        }
        while let Some(&(above, up_to)) = self.state.usable.last() {
            let record = self.next_record_between(base, above, up_to)?;
            if record.is_some() {
                return Ok(record);
            }
            self.state.usable.pop();
        }
        Ok(None)
    }

    /// Returns the record whose turn it is of those with an id above `above`, up to `up_to`.
    fn next_record_between(
        &self,
        base: Base<'_>,
        above: Txnid,
        up_to: Txnid,
    ) -> Result<Option<(Txnid, Vec<Pgno>)>> {
        let mut records = self.records(base);
        let record = match self.order {
            ReclaimOrder::NewestFirst => {
                let newest = up_to.0.to_le_bytes();
                let at_newest = records.seek_exact(&newest, End::First)?;
                if at_newest.is_some() {
                    at_newest
                } else {
                    records.seek(&newest)?;
                    records.step(End::Last)?
                }
            }
            ReclaimOrder::OldestFirst => records.seek(&above.0.saturating_add(1).to_le_bytes())?,
        };
        let Some((key, value)) = record else {
            return Ok(None);
        };
        let fault = |fault: PageFault| fault.at(self.state.root.root);
        let id = key.try_into().map_err(|_| fault(PageFault::BadPageList))?;
        let id = Txnid(u64::from_le_bytes(id));
        if id > up_to || id <= above {
            return Ok(None);
        }
        let end = self.supply.reserve.first_unallocated();
        let list = read_record(value, end, base.page_size).map_err(fault)?;
        Ok(Some((id, list)))
    }

    pub(super) fn full(&self, base: Base<'_>) -> Error {
        Error::MapFull {
            upper: self.supply.reserve.upper().offset(base.page_size),
        }
    }
}
