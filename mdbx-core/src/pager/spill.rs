//! Write dirty pages early when there are too many.
//!
//! The file takes them where the commit would put them, and no meta leads there yet: if the transaction is undone,
//! they are free pages again. A page that was written early and is needed is read from the file; to be changed it is
//! copied into memory once more.
//!
//! Nested transactions could not undo what was written, so while one runs all pages stay in memory.

use std::io::IoSlice;

use log::debug;

use crate::error::{Error, Result};
use crate::ids::Pgno;
use crate::pager::dirty::DirtyList;
use crate::pager::supply::Supply;
use crate::pager::writer::Base;
use crate::store::open::Store;

impl Supply {
    /// Returns whether the dirty pages take more memory than they should, and may be written early.
    #[inline]
    pub(crate) fn is_overfull(&self) -> bool {
        self.memory.buffers.in_use() > self.dirty_limit && self.level == 0
    }

    /// Writes the pages of `dirty` to the file early.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; nothing but the file was changed.
    pub(crate) fn spill(&mut self, base: Base<'_>, dirty: &mut DirtyList) -> Result<()> {
        let end = self.reserve.first_unallocated();
        base.store.reach(base.geometry, end)?;
        write_pages(base.store, dirty.iter())?;
        let bytes = dirty.bytes();
        dirty.set_spilled(&mut self.memory.buffers);
        debug!("wrote pages of a running transaction: bytes={bytes}");
        Ok(())
    }
}

/// Writes pages and runs of pages to their places in the file, each row of consecutive ones in one call.
pub(crate) fn write_pages<'p>(
    store: &Store,
    pages: impl Iterator<Item = (Pgno, &'p [u8])>,
) -> Result<()> {
    let failed = |source| Error::Io {
        action: "write pages",
        source,
    };
    let mut pages: Vec<_> = pages.collect();
    pages.sort_unstable_by_key(|&(pgno, _)| pgno);
    let bytes: usize = pages.iter().map(|(_, bytes)| bytes.len()).sum();
    store
        .unsynced
        .raise((bytes / store.page_size.bytes()) as u64); // before they are
    let mut parts = Vec::new();
    let (mut start, mut end) = (0, 0);
    for (pgno, bytes) in pages {
        let at = pgno.offset(store.page_size);
        if at != end {
            store.file.write_at(&parts, start).map_err(failed)?;
            parts.clear();
            start = at;
        }
        parts.push(IoSlice::new(bytes));
        end = at + bytes.len() as u64;
    }
    store.file.write_at(&parts, start).map_err(failed)
}
