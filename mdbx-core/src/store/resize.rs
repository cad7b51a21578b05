//! Grow and shrink the data file within its geometry, and change the geometry.
//!
//! The file grows before pages are written behind its end, and never while a page is needed, so a full disk shows
//! itself when a commit begins to write and not in the middle of a change.
//!
//! It is cut after a commit, and only behind everything that anybody may still look at: the pages of all three
//! metas, to any of which a later opening may return, and those of every snapshot that any process uses. A reader that
//! begins later finds one of these metas.
//!
//! Source: format document, "Geometry and file size"; locking document, "Shrinking".

use std::sync::atomic::Ordering;

use log::debug;

use crate::error::{Error, Result};
use crate::format::geometry::{PageCounts, grown, pages_per_unit};
use crate::format::meta::{Meta, Sign};
use crate::ids::Pgno;
use crate::store::durability::Strength;
use crate::store::geometry::Geometry;
use crate::store::geometry::shrunk;
use crate::store::open::Store;
use crate::store::troika::{Head, end_of_pages};
use crate::store::turn::Turn;
use crate::sys::process::boot_id;

impl Store {
    /// Makes the file long enough for all pages before `counts.first_unallocated`, for a commit that builds on `base`,
    /// and sets `counts.now` to its length in pages.
    ///
    /// If so much of the file is unused that it should shrink, it sets `counts.now` to what shall be left; once that is
    /// in a meta, [`cut`](Store::cut) does it.
    ///
    /// # Errors
    ///
    /// [`Error::MapFull`] if the geometry does not allow that, [`Error::Io`] if the operating system does not.
    pub(crate) fn fit(&self, base: &Head, counts: &mut PageCounts) -> Result<()> {
        let upper = Pgno(counts.upper).offset(self.page_size);
        counts.now = grown(counts, counts.first_unallocated, self.page_size)
            .ok_or(Error::MapFull { upper })?;
        if let Some(now) = shrunk(counts, counts.first_unallocated, self.page_size)
            && self.needed(Some(base.tail))?.0 <= now
        {
            counts.now = now;
        }
        self.extend(counts.now)
    }

    /// Makes the file long enough for all pages before `end`, within the geometry `counts`. No meta knows that yet.
    ///
    /// # Errors
    ///
    /// As [`fit`](Store::fit).
    pub(crate) fn reach(&self, counts: &PageCounts, end: Pgno) -> Result<()> {
        let upper = Pgno(counts.upper).offset(self.page_size);
        let now = grown(counts, end, self.page_size).ok_or(Error::MapFull { upper })?;
        self.extend(now)
    }

    /// Makes the file as short as its newest meta, with the geometry `counts`, says, or as near as anybody's use of it
    /// allows. Only the holder of the writer's turn may, after that meta was written.
    pub(crate) fn cut(&self, counts: &PageCounts) {
        if u64::from(counts.now) >= self.file_pages.load(Ordering::Relaxed) {
            return;
        }
        // All of this can wait: a file longer than its meta says is legal, and the next commit tries again.
        let Ok(needed) = self.needed(None) else {
            return;
        };
        let unit = pages_per_unit(self.page_size);
        let pages = u64::from(counts.now.max(needed.0)).next_multiple_of(unit);
        self.unsynced.set_len_new(true);
        let cut = self.file.set_len(pages * self.page_size.bytes() as u64);
        if cut.is_ok() && self.measure().is_ok() {
            debug!("the file shrank: pages={pages}");
        }
    }

    /// Returns the geometry that a file with the geometry `present` gets.
    ///
    /// # Errors
    ///
    /// Those of [`Geometry::for_open_file`]; [`Error::AddressSpace`] if the file could become longer than its mapping.
    pub(crate) fn choose_geometry(
        &self,
        geometry: Geometry,
        present: &PageCounts,
    ) -> Result<PageCounts> {
        let chosen = geometry.for_open_file(present, self.page_size)?;
        self.check_mapped(&chosen)?;
        Ok(chosen)
    }

    /// Checks that the file can become as long as `geometry` allows without leaving its mapping.
    ///
    /// # Errors
    ///
    /// [`Error::AddressSpace`].
    pub(crate) fn check_mapped(&self, geometry: &PageCounts) -> Result<()> {
        let reserved = self.map.len() as u64;
        if Pgno(geometry.upper).offset(self.page_size) > reserved {
            return Err(Error::AddressSpace { reserved });
        }
        Ok(())
    }

    /// Changes the geometry to what `choose` makes of the present one, in a commit of its own.
    ///
    /// # Errors
    ///
    /// - Those of `choose` and of [`Turn::wait`].
    /// - [`Error::AddressSpace`] if the file could become longer than its mapping.
    /// - [`Error::TxnidsUsedUp`].
    /// - [`Error::Io`] if the operating system refuses. The geometry is as before then; but if a sync failed, what is on
    ///   the disk is not known, and the environment takes no more writes.
    pub(crate) fn set_geometry(
        &self,
        choose: impl FnOnce(&PageCounts) -> Result<PageCounts>,
    ) -> Result<()> {
        let turn = Turn::wait(self)?;
        let base = &turn.head().meta;
        let geometry = choose(&base.geometry)?;
        self.check_mapped(&geometry)?;
        if geometry == base.geometry {
            return Ok(());
        }
        let txnid = base.txnid.checked_add(1);
        let txnid = txnid.ok_or(Error::TxnidsUsedUp { last: base.txnid })?;
        self.extend(geometry.now)?;
        let meta = Meta {
            txnid,
            geometry,
            sign: Sign::Steady, // so everything before it has to be durable
            boot_id: boot_id(),
            ..base.clone()
        };
        self.flush()?;
        self.write_meta(&meta, turn.head().tail, Strength::Durable)?;
        self.cut(&geometry);
        self.note_commit(txnid);
        if geometry.shrink_pv != 0 {
            self.compaction_due.make_due(txnid); // the file may be to shrink now, or to shrink further
        }
        Ok(())
    }

    /// Makes the file at least `pages` pages long.
    fn extend(&self, pages: u32) -> Result<()> {
        let is_long_enough = || u64::from(pages) <= self.file_pages.load(Ordering::Relaxed);
        if is_long_enough() {
            return Ok(());
        }
        // Another process may have made it longer still, for a transaction that came to nothing.
        self.measure()?;
        if is_long_enough() {
            return Ok(());
        }
        self.unsynced.set_len_new(true);
        let len = Pgno(pages).offset(self.page_size);
        let extended = self.file.set_len(len);
        extended.map_err(|source| Error::Io {
            action: "extend the data file",
            source,
        })?;
        self.measure()?;
        debug!("the file grew: pages={pages}");
        Ok(())
    }

    /// Returns the end of the pages that somebody may look at, except by the meta `overwritten`.
    fn needed(&self, overwritten: Option<usize>) -> Result<Pgno> {
        let by_metas = end_of_pages(&self.map, self.page_size, &self.file_pages, overwritten)?;
        Ok(self.attached.end_of_pages().max(by_metas))
    }
}
