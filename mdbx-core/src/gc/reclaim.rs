//! Take pages no snapshot can see into the pager's reserve.
//!
//! The newest usable record is taken first: its pages were written last, so they are likely still in memory, and
//! under a steady load the same few pages go round. A record is deleted as soon as it is taken; what of it is left at
//! commit is recorded anew.

use log::trace;

use crate::error::{Error, PageFault, Result};
use crate::format::pnl::read_record;
use crate::format::root::TreeRoot;
use crate::ids::{Pgno, Txnid};
use crate::pager::dirty::DirtyList;
use crate::pager::memory::Memory;
use crate::pager::supply::{Supply, SupplyMark};
use crate::pager::writer::{Base, Writer};
use crate::tree::cursor::Cursor;
use crate::tree::edit::{TreeMut, most_pages_for_delete};
use crate::tree::leaf_cursor::End;
use crate::tree::order::{Order, Orders};

/// Records that may be read in search of one run of pages: then the file grows instead.
const MOST_RECORDS_FOR_A_RUN: usize = 64;

/// The table of freed pages in a write transaction, and the supply of page numbers that it fills.
#[derive(Debug)]
pub(crate) struct Gc {
    /// What all tables draw from.
    pub(crate) supply: Supply,
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
    /// Records up to this id list pages that nobody needs, and were neither taken nor written by this transaction.
    usable: Txnid,
    /// Whether no usable record is left.
    exhausted: bool,
    /// The ids of the records taken: all are free, and low enough for pages that nobody needs.
    taken: Vec<Txnid>,
}

/// A table of freed pages as it was before a nested transaction.
#[derive(Debug)]
pub(crate) struct GcMark {
    supply: SupplyMark,
    state: State,
}

impl Gc {
    /// The table `root`, of which records up to `oldest` may be taken.
    pub(crate) fn new(root: TreeRoot, oldest: Txnid, mut supply: Supply) -> Gc {
        let pages = supply.memory.list();
        Gc {
            supply,
            pages,
            state: State {
                root,
                changed: false,
                usable: oldest,
                exhausted: root.is_empty(),
                taken: Vec::new(),
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
            .undo_level(self.supply.level, &mut self.supply.memory);
        self.supply.undo_to(mark.supply);
        self.state = mark.state;
        self.supply.level -= 1;
    }

    /// Ends the nested transaction and keeps what it did.
    pub(crate) fn merge_level(&mut self) {
        self.pages
            .merge_level(self.supply.level, &mut self.supply.memory);
        self.supply.level -= 1;
    }

    /// Forgets all pages and returns the memory they took.
    pub(crate) fn into_memory(self) -> Memory {
        let mut memory = self.supply.memory;
        memory.take_list_back(self.pages);
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
    /// [`Error::MapFull`] if they cannot: nothing but the reserve was changed. [`Error::Corrupted`] if a record is.
    #[inline]
    pub(crate) fn reserve(&mut self, base: Base<'_>, count: usize) -> Result<()> {
        while self.supply.reserve.spare() < count && !self.state.exhausted {
            self.take_record(base)?;
        }
        let reserve = &self.supply.reserve;
        if reserve.spare() + reserve.room_at_end() >= count {
            Ok(())
        } else {
            Err(self.full(base))
        }
    }

    /// Makes sure that `run` consecutive pages can be allocated, and then `count` pages one by one.
    ///
    /// # Errors
    ///
    /// As [`reserve`](Gc::reserve).
    pub(crate) fn reserve_run(&mut self, base: Base<'_>, run: u32, count: usize) -> Result<()> {
        for _ in 0..MOST_RECORDS_FOR_A_RUN {
            if self.state.exhausted || self.supply.reserve.has_run(run) {
                break;
            }
            self.take_record(base)?;
        }
        self.reserve(base, count + run as usize)?;
        let reserve = &self.supply.reserve;
        if reserve.has_run(run) || reserve.room_at_end() >= run as usize {
            Ok(())
        } else {
            Err(self.full(base))
        }
    }

    /// Takes the newest usable record.
    fn take_record(&mut self, base: Base<'_>) -> Result<()> {
        let Some((id, pages)) = self.newest_record(base)? else {
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
        self.use_up(id);
        Ok(())
    }

    /// Changes the table by `edit`.
    pub(super) fn edit<T>(
        &mut self,
        base: Base<'_>,
        edit: impl FnOnce(TreeMut<'_, '_>) -> Result<T>,
    ) -> Result<T> {
        self.state.changed = true;
        let mut pager = Writer::new(base, &mut self.pages, &mut self.supply);
        edit(TreeMut::new(
            &mut pager,
            &mut self.state.root,
            Orders::of_keys(Order::Integer),
        ))
    }

    /// Returns the height of the table's tree.
    pub(super) fn height(&self) -> u16 {
        self.state.root.height
    }

    /// Returns the ids of the records taken, in descending order, since the newest is taken first.
    pub(super) fn taken(&self) -> &[Txnid] {
        &self.state.taken
    }

    /// Keeps the record `id`, and those after it, from being taken.
    pub(super) fn use_up(&mut self, id: Txnid) {
        self.state.usable = self.state.usable.min(Txnid(id.0.saturating_sub(1)));
    }

    /// Returns a cursor over the records.
    pub(super) fn records<'p>(&'p self, base: Base<'p>) -> Cursor<'p> {
        let end = self.supply.reserve.first_unallocated();
        let orders = Orders::of_keys(Order::Integer);
        Cursor::new(base.pages(end, Some(&self.pages)), self.state.root, orders)
    }

    /// Returns the newest usable record.
    fn newest_record(&self, base: Base<'_>) -> Result<Option<(Txnid, Vec<Pgno>)>> {
        let usable = self.state.usable;
        let mut cursor = self.records(base);
        let at_newest = cursor.seek_exact(&usable.0.to_le_bytes(), End::First)?;
        let record = if let Some(record) = at_newest {
            Some(record)
        } else {
            cursor.seek(&usable.0.to_le_bytes())?;
            cursor.step(End::Last)?
        };
        let Some((key, value)) = record else {
            return Ok(None);
        };
        let fault = |fault: PageFault| fault.at(self.state.root.root);
        let id = key.try_into().map_err(|_| fault(PageFault::BadPageList))?;
        let id = Txnid(u64::from_le_bytes(id));
        if id > usable {
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
