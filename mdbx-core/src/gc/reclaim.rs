//! Take pages no snapshot can see into the pager's reserve.
//!
//! The newest usable record is taken first: its pages were written last, so they are likely still in memory, and
//! under a steady load the same few pages go round. A record is deleted as soon as it is taken; what of it is left at
//! commit is recorded anew.

use crate::error::{Error, PageFault, Result};
use crate::format::pnl::read_record;
use crate::format::root::TreeRoot;
use crate::ids::{Pgno, Txnid};
use crate::pager::writer::Writer;
use crate::tree::cursor::Cursor;
use crate::tree::edit::{TreeMut, most_pages_for_delete};
use crate::tree::leaf_cursor::End;
use crate::tree::order::Order;

/// Records that may be read in search of one run of pages: then the file grows instead.
const MOST_RECORDS_FOR_A_RUN: usize = 64;

/// The table of freed pages, in a write transaction.
#[derive(Debug)]
pub(crate) struct Gc {
    pub(super) root: TreeRoot,
    /// Whether the tree was changed.
    pub(super) changed: bool,
    /// Records up to this id list pages that nobody needs, and were neither taken nor written by this transaction.
    usable: Txnid,
    /// Whether no usable record is left.
    exhausted: bool,
    /// The ids of the records taken: all are free, and low enough for pages that nobody needs.
    pub(super) taken: Vec<Txnid>,
}

impl Gc {
    /// The table `root`, of which records up to `oldest` may be taken.
    pub(crate) fn new(root: TreeRoot, oldest: Txnid) -> Gc {
        Gc {
            root,
            changed: false,
            usable: oldest,
            exhausted: root.is_empty(),
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
        while pager.reserve().spare() < count && !self.exhausted {
            self.take_record(pager)?;
        }
        let reserve = pager.reserve();
        if reserve.spare() + reserve.room_at_end() >= count {
            Ok(())
        } else {
            Err(full(pager))
        }
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
            if self.exhausted || pager.reserve().has_run(run) {
                break;
            }
            self.take_record(pager)?;
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
        self.usable = self.usable.min(Txnid(id.0.saturating_sub(1)));
    }

    /// Returns the newest usable record.
    fn newest_record(&self, pager: &Writer<'_>) -> Result<Option<(Txnid, Vec<Pgno>)>> {
        let pages = pager.pages();
        let mut cursor = Cursor::new(pages, self.root);
        let at_newest = cursor.seek_exact(&self.usable.0.to_le_bytes(), End::First)?;
        let record = if let Some(record) = at_newest {
            Some(record)
        } else {
            cursor.seek(&self.usable.0.to_le_bytes())?;
            cursor.step(End::Last)?
        };
        let Some((key, value)) = record else {
            return Ok(None);
        };
        let fault = |fault: PageFault| fault.at(self.root.root);
        let id = key.try_into().map_err(|_| fault(PageFault::BadPageList))?;
        let id = Txnid(u64::from_le_bytes(id));
        if id > self.usable {
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
