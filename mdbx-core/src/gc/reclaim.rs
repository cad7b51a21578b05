//! Take pages no snapshot can see into the pager's reserve.
//!
//! The newest usable record is taken first: its pages were written last, so they are likely still in memory, and
//! under a steady load the same few pages go round. A record is deleted as soon as it is taken; what of it is left at
//! commit is recorded anew.
//!
//! That leaves pages alone that were freed long ago. So after very many were freed, a few transactions take all records
//! first: what they write moves to the lowest free pages, and the end of the file comes free.

use crate::error::{Error, PageFault, Result};
use crate::format::geometry::grown;
use crate::format::pnl::read_record;
use crate::format::root::TreeRoot;
use crate::ids::{Pgno, Txnid};
use crate::pager::writer::Writer;
use crate::tree::cursor::{Cursor, End};
use crate::tree::edit::{TreeMut, most_pages_for_delete};
use crate::tree::order::Order;

/// Records that may be read in search of one run of pages: then the file grows instead.
const MOST_RECORDS_FOR_A_RUN: usize = 64;

/// Free pages that a transaction takes for no need of its own: 4 MiB of records.
const MOST_PAGES_TO_COMPACT: usize = 1 << 20;

/// Whether a transaction moves what it writes towards the start of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compacts {
    No,
    /// It will take all records when it needs the first page.
    Later,
    /// It has taken all records.
    Yes,
}

/// The table of freed pages, in a write transaction.
#[derive(Debug)]
pub(crate) struct Gc {
    pub(super) root: TreeRoot,
    /// Whether the tree was changed.
    pub(super) changed: bool,
    /// The oldest snapshot in use, as far as is known.
    oldest: Txnid,
    /// Which records list pages that nobody needs, and were neither taken nor written by this transaction: those with
    /// ids above the first, up to the second of each pair. The last pair's are taken first.
    usable: Vec<(Txnid, Txnid)>,
    /// Whether no usable record is left.
    exhausted: bool,
    /// The file may become so long without readers being asked for room, in pages; 0 is its present length.
    granted: u32,
    /// Whether this transaction moves what it writes towards the start of the file.
    pub(super) compacts: Compacts,
    /// The ids of the records taken: all are free, and low enough for pages that nobody needs.
    pub(super) taken: Vec<Txnid>,
}

impl Gc {
    /// The table `root`, of which records up to `oldest` may be taken; all of them if the transaction `compacts`.
    pub(crate) fn new(root: TreeRoot, oldest: Txnid, compacts: bool) -> Gc {
        Gc {
            root,
            changed: false,
            oldest,
            usable: vec![(Txnid::VOID, oldest)],
            exhausted: root.is_empty(),
            granted: 0,
            compacts: if compacts {
                Compacts::Later
            } else {
                Compacts::No
            },
            taken: Vec::new(),
        }
    }

    /// Makes sure that `count` pages can be allocated one by one.
    ///
    /// # Errors
    ///
    /// [`Error::MapFull`] if they cannot: nothing but the reserve was changed. [`Error::Corrupted`] if a record is.
    #[inline]
    pub(crate) fn reserve(&mut self, pager: &mut Writer<'_>, count: usize) -> Result<()> {
        if self.compacts == Compacts::Later {
            self.take_all_records(pager)?;
        }
        if pager.reserve().spare() >= count {
            return Ok(());
        }
        self.reserve_more(pager, count)
    }

    fn take_all_records(&mut self, pager: &mut Writer<'_>) -> Result<()> {
        self.compacts = Compacts::Yes;
        while !self.exhausted && pager.reserve().spare() < MOST_PAGES_TO_COMPACT {
            self.take_record(pager)?;
        }
        Ok(())
    }

    fn reserve_more(&mut self, pager: &mut Writer<'_>, count: usize) -> Result<()> {
        loop {
            while pager.reserve().spare() < count && !self.exhausted {
                self.take_record(pager)?;
            }
            let missing = count.saturating_sub(pager.reserve().spare());
            if missing == 0 {
                return Ok(());
            }
            if !self.room_from_readers(pager, missing) {
                break;
            }
        }
        let reserve = pager.reserve();
        if reserve.spare() + reserve.room_at_end() >= count {
            Ok(())
        } else {
            Err(full(pager))
        }
    }

    /// Has readers give up snapshots if `pages` more pages at its end would make the file longer. Returns whether there
    /// are records to take now.
    fn room_from_readers(&mut self, pager: &mut Writer<'_>, pages: usize) -> bool {
        let next = pager.reserve().first_unallocated();
        let end = u32::try_from(pages)
            .ok()
            .and_then(|pages| next.checked_add(pages));
        let end = end.unwrap_or(Pgno(Pgno::MAX.0 + 1));
        let (page_size, turn) = (pager.page_size(), pager.turn());
        let mut counts = turn.head().meta.geometry;
        counts.now = counts.now.max(self.granted);
        if end.0 <= counts.now {
            return false;
        }
        let Some(oldest) = turn.store().make_room(turn.head(), self.oldest) else {
            self.granted = grown(&counts, end, page_size).unwrap_or(counts.now);
            return false;
        };
        self.usable.push((self.oldest, oldest));
        self.oldest = oldest;
        self.exhausted = self.root.is_empty();
        true
    }

    /// Makes sure that `run` consecutive pages can be allocated, and then `count` pages one by one.
    ///
    /// # Errors
    ///
    /// As [`reserve`](Gc::reserve).
    pub(crate) fn reserve_run(
        &mut self,
        pager: &mut Writer<'_>,
        run: u32,
        count: usize,
    ) -> Result<()> {
        for _ in 0..MOST_RECORDS_FOR_A_RUN {
            if pager.reserve().has_run(run) {
                break;
            }
            if !self.exhausted {
                self.take_record(pager)?;
            } else if !self.room_from_readers(pager, run as usize) {
                break;
            }
        }
        self.reserve(pager, count + run as usize)?;
        let reserve = pager.reserve();
        let at_end = reserve.room_at_end();
        if reserve.has_run(run) || at_end >= run as usize {
            Ok(())
        } else {
            Err(full(pager))
        }
    }

    /// Takes the newest usable record.
    fn take_record(&mut self, pager: &mut Writer<'_>) -> Result<()> {
        let Some((id, pages)) = self.newest_record(pager)? else {
            self.exhausted = true;
            return Ok(());
        };
        let needed = most_pages_for_delete(self.root.height);
        let reserve = pager.reserve();
        if reserve.spare() + reserve.room_at_end() + pages.len() < needed {
            self.exhausted = true; // deleting the record would take more pages than it frees
            return Ok(());
        }
        reserve
            .add(&pages)
            .map_err(|twice| PageFault::BadPageList.at(twice))?;
        let mut tree = TreeMut::new(pager, &mut self.root, Order::Integer);
        let place = tree.find(&id.0.to_le_bytes())?;
        tree.delete(place)?;
        self.changed = true;
        self.taken.push(id);
        self.use_up(id);
        Ok(())
    }

    /// Keeps the record `id`, and those after it, from being taken.
    pub(super) fn use_up(&mut self, id: Txnid) {
        for (above, up_to) in &mut self.usable {
            if *above < id {
                *up_to = (*up_to).min(Txnid(id.0.saturating_sub(1)));
            }
        }
    }

    /// Returns the newest usable record.
    fn newest_record(&mut self, pager: &Writer<'_>) -> Result<Option<(Txnid, Vec<Pgno>)>> {
        while let Some(&(above, up_to)) = self.usable.last() {
            let record = self.newest_record_between(pager, above, up_to)?;
            if record.is_some() {
                return Ok(record);
            }
            self.usable.pop();
        }
        Ok(None)
    }

    /// Returns the newest record with an id above `above`, up to `up_to`.
    fn newest_record_between(
        &self,
        pager: &Writer<'_>,
        above: Txnid,
        up_to: Txnid,
    ) -> Result<Option<(Txnid, Vec<Pgno>)>> {
        let pages = pager.pages();
        let mut cursor = Cursor::new(pages, self.root);
        let at_newest = cursor.seek_exact(&up_to.0.to_le_bytes(), End::First)?;
        let record = if let Some(record) = at_newest {
            Some(record)
        } else {
            cursor.seek(&up_to.0.to_le_bytes())?;
            cursor.step(End::Last)?
        };
        let Some((key, value)) = record else {
            return Ok(None);
        };
        let fault = |fault: PageFault| fault.at(self.root.root);
        let id = key.try_into().map_err(|_| fault(PageFault::BadPageList))?;
        let id = Txnid(u64::from_le_bytes(id));
        if id > up_to || id <= above {
            return Ok(None);
        }
        let list = read_record(value, pages.end, pages.page_size).map_err(fault)?;
        Ok(Some((id, list)))
    }
}

pub(super) fn full(pager: &mut Writer<'_>) -> Error {
    let page_size = pager.page_size();
    Error::MapFull {
        upper: pager.reserve().upper().offset(page_size),
    }
}
