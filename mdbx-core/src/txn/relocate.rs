//! Pages moved nearer to the start of the file, contents unchanged: one cycle of [`defrag`](mod@crate::tools::defrag).

use std::sync::atomic::Ordering;

use crate::error::{PageFault, Result};
use crate::ids::{Pgno, Txnid};
use crate::store::geometry::shrunk;
use crate::txn::table::Table;
use crate::txn::write::{WriteTxn, base};

/// Of so many free pages, one is not filled: pages above those moved need room too, and the list of free pages does.
const KEPT_FREE: usize = 4;
/// Of so many free pages, one is not taken at all, so that the list of free pages has room.
const KEPT_FOR_LIST: usize = 8;

/// What a transaction can move, or has moved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moves {
    /// Where the pages ended in the snapshot that it builds on.
    pub(crate) end_before: Pgno,
    /// Where they will end, once the places that it moved pages from are free.
    pub(crate) end: Pgno,
    /// How many free pages there were, those at the end included.
    pub(crate) free: u64,
    /// How many pages were moved, the pages above them not counted.
    pub(crate) moved: u64,
    /// Whether a reader keeps free pages from being used.
    pub(crate) is_held_back: bool,
}

impl Moves {
    /// Returns how many pages fewer there will be.
    pub(crate) fn won(&self) -> u64 {
        self.end_before.0.saturating_sub(self.end.0).into()
    }
}

impl WriteTxn<'_> {
    /// Takes all free pages, and returns those at the end of the file to its unused part. Nothing is moved yet.
    ///
    /// # Errors
    ///
    /// [`Error::MapFull`](crate::Error::MapFull), [`Error::Corrupted`](crate::Error::Corrupted) and
    /// [`Error::TxnFailed`](crate::Error::TxnFailed), as for any change.
    pub(crate) fn prepare_moves(&mut self) -> Result<Moves> {
        self.check_sound()?;
        let base = base(&self.engine.store, &self.turn, &self.geometry, self.txnid);
        let gc = self.gc.get_mut();
        gc.compact(base)?;
        let reserve = &gc.supply.reserve;
        let (end_before, end) = (
            base.head.meta.geometry.first_unallocated,
            reserve.first_unallocated(),
        );
        Ok(Moves {
            end_before,
            end,
            free: u64::from(end_before.0.saturating_sub(end.0)) + reserve.spare() as u64,
            moved: 0,
            is_held_back: gc.is_held_back(),
        })
    }

    /// Moves `most` pages at most from the end of the file to free places nearer to its
    /// start. This transaction has prepared that, and changed nothing else. Each step of `effort` makes that end twice
    /// as long: smaller pages then make room for large values that fit nowhere.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if a page on the way is damaged. The transaction can only be
    /// aborted then.
    pub(crate) fn move_pages(
        &mut self,
        prepared: Moves,
        most: usize,
        effort: u32,
    ) -> Result<Moves> {
        let reserve = &self.gc.get_mut().supply.reserve;
        let spare = reserve.spare();
        let fill = spare - spare.div_ceil(KEPT_FREE);
        let reach = u32::try_from(spare).unwrap_or(u32::MAX);
        let limit = reserve.limit_for_moves(
            most.min(fill).saturating_mul(1 << effort),
            reach.saturating_mul(1 << effort),
        );
        let mut moves = prepared;
        self.table_mut(Table::MAIN)?.edit(|mut tree| {
            moves.moved = tree.relocate(limit, most, spare / KEPT_FOR_LIST)?;
            Ok(moves.moved > 0)
        })?;
        let end = self.gc.get_mut().supply.end_once_free();
        moves.end = end.map_err(|twice| PageFault::BadPageList.at(twice))?;
        Ok(moves)
    }

    /// Commits even if nothing was changed but the list of free pages.
    ///
    /// # Errors
    ///
    /// Those of [`commit`](WriteTxn::commit).
    pub(crate) fn commit_moves(mut self) -> Result<Txnid> {
        self.tables.main.changed = true;
        self.commit()
    }

    /// Returns whether the file is longer than its geometry asks for. Then commits may cut it, when no meta needs the
    /// end any more.
    pub(crate) fn is_file_too_long(&self) -> bool {
        let geometry = &self.turn.head().meta.geometry;
        let file_pages = &self.engine.store.file_pages;
        let is_to_be_cut = file_pages.load(Ordering::Relaxed) > u64::from(geometry.now);
        let page_size = self.engine.store.page_size;
        is_to_be_cut || shrunk(geometry, geometry.first_unallocated, page_size).is_some()
    }
}
