//! Grow the data file within its geometry.
//!
//! The file grows before pages are written behind its end, and never while a page is needed, so a full disk shows
//! itself when a commit begins to write and not in the middle of a change.

use std::sync::atomic::Ordering;

use log::debug;

use crate::error::{Error, Result};
use crate::format::geometry::{PageCounts, grown};
use crate::ids::Pgno;
use crate::store::open::Store;

impl Store {
    /// Makes the file long enough for all pages before `counts.first_unallocated`, and sets `counts.now` to its
    /// length in pages; tells whether it grew.
    ///
    /// # Errors
    ///
    /// [`Error::MapFull`] if the geometry does not allow that, [`Error::Io`] if the operating system does not.
    pub(crate) fn grow(&self, counts: &mut PageCounts) -> Result<bool> {
        let upper = Pgno(counts.upper).offset(self.page_size);
        let now = grown(counts, counts.first_unallocated, self.page_size)
            .ok_or(Error::MapFull { upper })?;
        counts.now = now;
        let present = self.file_pages.load(Ordering::Relaxed);
        if u64::from(now) <= present {
            return Ok(false);
        }
        let len = Pgno(now).offset(self.page_size);
        let extended = self.file.set_len(len);
        let measured = extended.and_then(|()| self.map.measure(&*self.file));
        measured.map_err(|source| Error::Io {
            action: "extend the data file",
            source,
        })?;
        self.file_pages.store(u64::from(now), Ordering::Release);
        debug!("the file grew: pages={now} pages_before={present}");
        Ok(true)
    }
}
