//! Make the newest snapshot durable: on request, when it is due, and at the end.
//!
//! The sign of a meta is rewritten in place, which only a writer may. So a sync takes the writer's turn.
//!
//! Source: behaviour document, "Durability" and "Closing".

use std::sync::Arc;
use std::sync::atomic::Ordering;

use log::{debug, error};

use crate::error::{Error, Result};
use crate::store::open::Store;
use crate::store::troika::load_ranks;
use crate::store::turn::Turn;
use crate::sys::file::Access;

impl Store {
    /// Makes the newest snapshot durable, once no writer runs; tells whether there was anything to do.
    ///
    /// # Errors
    ///
    /// As [`Env::sync`](crate::Env::sync) documents them.
    pub(crate) fn sync(&self) -> Result<bool> {
        let turn = Turn::wait(self)?;
        self.make_steady(turn.head())
    }

    /// Makes the newest snapshot durable if no writer runs; tells whether there was anything to do.
    ///
    /// # Errors
    ///
    /// As [`Env::try_sync`](crate::Env::try_sync) documents them.
    pub(crate) fn try_sync(&self) -> Result<bool> {
        let turn = Turn::try_take(self)?;
        self.make_steady(turn.head())
    }

    /// Makes the newest snapshot durable if a threshold is passed and no writer runs, which would look itself. Tells
    /// whether that was so.
    ///
    /// # Errors
    ///
    /// As [`Env::sync_if_due`](crate::Env::sync_if_due) documents them.
    pub(crate) fn sync_if_due(&self) -> Result<bool> {
        if self.unsynced.pages() == 0 || !self.unsynced.is_due(0) {
            return Ok(false);
        }
        match self.try_sync() {
            Err(Error::WriterBusy) => Ok(false),
            synced => synced,
        }
    }

    /// Returns whether anything is known not to be on the disk. It can be asked too when the file has outgrown what is
    /// mapped of it, and no snapshot can be read any more.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`] if the file has no room for metas; [`Error::Forked`].
    pub(crate) fn has_unsynced(&self) -> Result<bool> {
        self.attached.check_process()?;
        let ranks = load_ranks(&self.map, self.page_size)?;
        let newest = ranks.iter().max_by_key(|rank| rank.txnid);
        Ok(newest.is_some_and(|newest| !newest.steady) || self.unsynced.pages() > 0)
    }

    /// Makes the newest snapshot durable when nobody uses the environment any more, unless that was not wanted.
    fn sync_at_end(&self) {
        if !self.attached.is_here() {
            return; // it is the parent's
        }
        let is_unwanted = self.leaves_unsynced.load(Ordering::Relaxed);
        let is_failed = self.failed.load(Ordering::Acquire);
        if self.access == Access::ReadOnly || is_unwanted || is_failed {
            return;
        }
        let path = self.path.display();
        let synced = self.has_unsynced().and_then(|is_needed| {
            if is_needed {
                self.try_sync()
            } else {
                Ok(false)
            }
        });
        match synced {
            Ok(true) => debug!("synced {path} before it is closed"),
            // Who writes now, in another process, has it open and syncs after us.
            Ok(false) | Err(Error::WriterBusy) => {}
            Err(error) => error!("closing {path} without its last commits being durable: {error}"),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.sync_at_end();
        if self.attached.is_here() && self.attached.turn_thread.load(Ordering::Acquire) != 0 {
            // A write transaction was forgotten, so its thread still holds a mutex in the lock file, which is in its list
            // of such mutexes: that memory has to stay, and the locks with it.
            std::mem::forget(Arc::clone(&self.attached));
        }
    }
}
