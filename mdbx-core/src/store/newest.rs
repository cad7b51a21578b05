//! The newest snapshot, as it is found while others commit, and make the file longer or shorter.
//!
//! A copy of a meta counts only if the metas rank the same before and after it was taken. A meta that reaches past the
//! end of the file, as far as that is known, is one of a file that another process has made longer: it is measured
//! again. The file is mapped once, for the bound that it had when it was opened.
//!
//! Source: format document, "Starting a transaction"; locking document, "File size changes while others are attached".

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::thread;

use crate::error::{Error, PageFault, Result};
use crate::format::meta::MetaFault;
use crate::ids::{Pgno, Txnid};
use crate::store::open::Store;
use crate::store::troika::{Head, Looked, reason_of};

/// How often the metas are looked at while they change, before the file is taken for damaged.
const MOST_LOOKS: usize = 1000;

impl Store {
    /// Returns what the newest meta says.
    ///
    /// # Errors
    ///
    /// - [`Error::Corrupted`] if the newest meta is not valid, or two metas claim the same transaction.
    /// - [`Error::AddressSpace`] if the snapshot reaches past the mapping.
    /// - [`Error::Forked`]; [`Error::Io`] if the file cannot be measured.
    pub(crate) fn newest(&self) -> Result<Head> {
        self.attached.check_process()?;
        self.newest_after(|_| true)
    }

    /// Returns what the newest meta says, after `announce` was called with it: it still is the newest then. As long as it
    /// is not, or `announce` returns `false`, it does so again.
    ///
    /// # Errors
    ///
    /// As [`newest`](Store::newest). `announce` may have been called.
    #[inline]
    pub(crate) fn newest_after(&self, mut announce: impl FnMut(&Head) -> bool) -> Result<Head> {
        for look in 0..MOST_LOOKS {
            let looked = Looked::at(&self.map, self.page_size, &self.file_pages)?;
            let is_announced = looked.head.as_ref().is_ok_and(&mut announce);
            let holds = looked.holds(&self.map, self.page_size)?;
            match looked.head {
                Ok(head) if holds && is_announced => return self.check_mapped_to(head),
                looked => self.look_again(looked.err(), holds, look)?,
            }
        }
        let reason = "it changes all the time";
        Err(PageFault::BadMeta { reason }.at(Pgno(0)))
    }

    /// Checks that the mapping reaches as far as the snapshot.
    #[inline]
    fn check_mapped_to(&self, head: Head) -> Result<Head> {
        let reserved = self.map.len() as u64;
        let end = head.meta.geometry.first_unallocated.offset(self.page_size);
        if end > reserved {
            return Err(Error::AddressSpace { reserved });
        }
        Ok(head)
    }

    /// Prepares to look again. A meta that seems damaged may be one of a file that has become longer.
    #[cold]
    fn look_again(&self, fault: Option<MetaFault>, holds: bool, look: usize) -> Result<()> {
        if let Some(fault) = fault {
            self.measure()?;
            if holds && look + 1 == MOST_LOOKS {
                let reason = reason_of(fault);
                return Err(PageFault::BadMeta { reason }.at(Pgno(0)));
            }
        }
        thread::yield_now();
        Ok(())
    }

    /// Returns what the newest meta says, to the holder of the writer's turn, who has to know how long the file is. Only who
    /// commits makes it shorter, and what somebody has made it longer without that counts as not there.
    ///
    /// # Errors
    ///
    /// As [`newest`](Store::newest).
    pub(crate) fn newest_measured(&self) -> Result<Head> {
        let head = self.newest()?;
        let txnid = head.meta.txnid.0;
        if self.attached.is_alone() || self.measured_at.load(Ordering::Relaxed) == txnid {
            return Ok(head);
        }
        self.measure()?;
        self.measured_at.store(txnid, Ordering::Relaxed);
        self.newest()
    }

    /// Makes the next writer look at the readers anew, after commit `txnid`. Called by the holder of the writer's turn, who
    /// knows how long the file is.
    pub(crate) fn note_commit(&self, txnid: Txnid) {
        self.measured_at.store(txnid.0, Ordering::Relaxed);
        self.attached.note_commit();
    }

    /// Measures the file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(crate) fn measure(&self) -> Result<()> {
        // One at a time, so that no older length takes the place of a newer one. A panic leaves nothing half changed.
        let _guard = self
            .measuring
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let measured = self.map.measure(&*self.file);
        let len = measured.map_err(|source| Error::Io {
            action: "measure the data file",
            source,
        })?;
        let pages = len / self.page_size.bytes() as u64;
        self.file_pages.store(pages, Ordering::Release);
        Ok(())
    }
}
