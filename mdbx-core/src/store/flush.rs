//! What puts a commit on the disk: flushes of the file, and writes of metas.
//!
//! The system keeps one copy of each page for writes, mappings and syncs. So one flush makes all durable that was ever
//! written to the file, by whatever means and by whichever process: pages of this commit and of weak ones before it, and
//! metas.
//!
//! What reached the disk is not known any more once a flush has failed: the system may have dropped what it could not
//! write, and says so only once; the next flush succeeds. Hence nobody writes after that until the file is opened anew,
//! and then nothing is relied on that an earlier flush was to make durable: weak commits are rolled back, and the newest
//! steady meta is written once more, whose pages were durable before it was written the first time.
//!
//! Only the holder of the writer's turn may do any of this.

use std::io::{self, IoSlice};
use std::sync::atomic::Ordering;

use log::{debug, error, trace};

use crate::error::{Error, PageFault, Result};
use crate::format::meta::{Meta, MetaBody, Rank, rank};
use crate::format::seal::{Seal, SealedBody, without_seal};
use crate::ids::{Pgno, Txnid};
use crate::store::durability::{Durability, Strength};
use crate::store::open::Store;
use crate::store::troika::{Head, body_offset, has_seal, load_body, load_ranks};
use crate::sys::process::boot_id;

impl Store {
    /// Makes everything durable that was written so far.
    ///
    /// # Errors
    ///
    /// - [`Error::Io`]; the environment takes no more writes then.
    /// - [`Error::EnvFailed`] if it took none before.
    /// - [`Error::Corrupted`] if the file has no room for metas, or two claim the same transaction.
    pub(crate) fn flush(&self) -> Result<()> {
        self.check_writable()?;
        let (ranks, number) = self.newest_steady()?;
        let steady = ranks[number].txnid; // its meta may be waiting for this
        // Weak commits, maybe of other processes, may have changed the length too.
        let is_weak = ranks.iter().any(|rank| rank.txnid > steady);
        let is_len_new = self.unsynced.is_len_new() || is_weak;
        let flushed = if is_len_new {
            self.file.sync_all()
        } else {
            self.file.sync_data()
        };
        flushed.map_err(|source| {
            self.distrust_weak(ranks, steady);
            self.unsynced.forget_meta(steady);
            self.give_up("sync the data file", source)
        })?;
        self.unsynced.set_len_new(false);
        self.unsynced.clear();
        self.unsynced.set_meta_durable(steady);
        trace!("flushed the file: with_length={is_len_new}");
        Ok(())
    }

    /// Writes a meta in the place `number`, which is the commit point. If it has to be durable, it is so afterwards.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], and the environment takes no more writes then; [`Error::EnvFailed`] if it took none before.
    pub(crate) fn write_meta(&self, meta: &Meta, number: usize, strength: Strength) -> Result<()> {
        let body = meta.write_body();
        match strength {
            Strength::Durable => {
                self.write_durable_body(&body, number)?;
                self.unsynced.set_meta_durable(meta.txnid);
            }
            Strength::MetaLater => {
                self.write_body(&without_seal(&body), number)?;
                self.unsynced.set_meta_written(meta.txnid);
            }
            // The newest steady meta is another one.
            Strength::Sealed | Strength::Weak => self.write_body(&without_seal(&body), number)?,
        }
        Ok(())
    }

    /// Writes a meta with its seal over the tail of `head`, which is the commit point, and waits for it and its pages.
    ///
    /// For everybody else it is a weak one: the sign has to follow.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; the environment takes no more writes then.
    pub(crate) fn write_sealed_meta(&self, meta: &Meta, seal: Seal, head: &Head) -> Result<()> {
        self.write_body(&seal.behind(&meta.write_body()), head.tail)?;
        self.flush()?;
        self.unsynced.set_sealed(meta.txnid);
        self.unsynced.raise(1);
        Ok(())
    }

    /// Makes the newest snapshot, that of `head`, durable, and has its meta say so; tells whether there was anything to do.
    ///
    /// The meta is rewritten in its place. It differs from what was there only in its sign and in the boot it names, so
    /// whatever becomes of that write, and whoever reads meanwhile, nobody finds another state than this one.
    ///
    /// # Errors
    ///
    /// As [`flush`](Store::flush).
    ///
    /// Source: format document, "Making the head steady later".
    pub(crate) fn make_steady(&self, head: &Head) -> Result<bool> {
        let newest = head.meta.txnid;
        let ranks = load_ranks(&self.map, self.page_size)?;
        let is_newest = |rank: &Rank| rank.txnid == newest;
        let Some(number) = ranks.iter().position(is_newest) else {
            return Ok(false); // only the holder of the turn makes another meta the newest
        };
        if ranks[number].steady {
            let is_settled = self.settle_steady()?;
            self.unsynced.clear(); // what else was written belongs to nothing that was committed
            return Ok(is_settled);
        }
        // Of a sealed commit only the sign is missing.
        if self.unsynced.sealed() == newest && self.unsynced.pages() <= 1 {
            self.unsynced.clear();
        } else {
            self.flush()?;
        }
        let mut body = load_body(&self.map, self.page_size, number)?;
        Meta::make_steady(&mut body, boot_id());
        self.write_durable_body(&body, number)?;
        self.unsynced.set_meta_durable(newest);
        debug!("made the newest commit durable: snapshot={newest}");
        Ok(true)
    }

    /// Makes the newest steady meta durable if it is not known to be, by writing it once more; tells whether that was so.
    /// Its pages are durable.
    ///
    /// # Errors
    ///
    /// As [`flush`](Store::flush).
    pub(crate) fn settle_steady(&self) -> Result<bool> {
        let (ranks, number) = self.newest_steady()?;
        let txnid = ranks[number].txnid;
        if self.unsynced.is_meta_durable(txnid) {
            return Ok(false);
        }
        let body = load_body(&self.map, self.page_size, number)?;
        self.write_durable_body(&body, number)?;
        self.unsynced.set_meta_durable(txnid);
        Ok(true)
    }

    /// Sees to it that a power cut leads back to the newest snapshot that was promised to survive one, before a weak commit
    /// on that of `head`, which promises `durability`. If that is sealed, by whomever, its meta is made steady: it is weak so
    /// far, and the second weak commit from now would overwrite it.
    ///
    /// # Errors
    ///
    /// As [`flush`](Store::flush).
    pub(crate) fn settle_promised(&self, head: &Head, durability: Durability) -> Result<()> {
        let ranks = load_ranks(&self.map, self.page_size)?;
        let is_weak_head = |rank: &Rank| rank.txnid == head.meta.txnid && !rank.steady;
        if let Some(number) = ranks.iter().position(is_weak_head)
            && has_seal(&self.map, self.page_size, number)?
        {
            self.make_steady(head)?;
        }
        if durability != Durability::UtterlyNoSync {
            self.settle_steady()?;
        }
        Ok(())
    }

    /// Makes every meta say that its snapshot may not be on the disk, durably, because pages that it needs are about to be
    /// overwritten. After a power cut the file then shows that it is lost, instead of showing what is left of it.
    ///
    /// # Errors
    ///
    /// As [`flush`](Store::flush).
    pub(crate) fn forget_steady(&self) -> Result<()> {
        let ranks = load_ranks(&self.map, self.page_size)?;
        for (number, _) in ranks.iter().enumerate().filter(|(_, rank)| rank.steady) {
            let mut body = load_body(&self.map, self.page_size, number)?;
            Meta::remove_sign(&mut body);
            self.write_durable_body(&body, number)?;
        }
        Ok(())
    }

    /// Writes a meta without waiting for the disk.
    fn write_body(&self, body: &SealedBody, number: usize) -> Result<()> {
        self.check_writable()?;
        self.unsynced.raise(1); // before anybody can see it
        let at = body_offset(self.page_size, number);
        let written = self.file.write_at(&[IoSlice::new(body)], at);
        written.map_err(|source| self.give_up("write a meta page", source))
    }

    /// Writes a meta and waits until it is on the disk.
    fn write_durable_body(&self, body: &MetaBody, number: usize) -> Result<()> {
        self.check_writable()?;
        let at = body_offset(self.page_size, number);
        let written = self.file.write_durable_at(&without_seal(body), at);
        written.map_err(|source| self.give_up("write a meta page", source))
    }

    /// Returns what all metas say, and the number of the newest steady one; of the newest one if none is steady.
    fn newest_steady(&self) -> Result<([Rank; 3], usize)> {
        let ranks = load_ranks(&self.map, self.page_size)?;
        let reason = "two metas claim the same transaction";
        let ranking = rank(ranks).map_err(|_| PageFault::BadMeta { reason }.at(Pgno(0)))?;
        Ok((ranks, ranking.prefer_steady))
    }

    /// Has the next opening take the weak commits among the metas, those after `steady`, for lost, after a flush that was
    /// to make them durable has failed. Those who read them now are not disturbed.
    #[cold]
    fn distrust_weak(&self, ranks: [Rank; 3], steady: Txnid) {
        // If no meta is steady, there is nothing else to open, and nothing better than what the weak ones lead to.
        // What was sealed was flushed, and was promised.
        let durable = steady.max(self.unsynced.sealed());
        for (number, _) in (0..).zip(ranks).filter(|(_, rank)| rank.txnid > durable) {
            if let Ok(mut body) = load_body(&self.map, self.page_size, number) {
                Meta::forget_boot(&mut body);
                let at = body_offset(self.page_size, number);
                // If this fails too, nothing more can be done.
                let _ = self
                    .file
                    .write_at(&[IoSlice::new(&without_seal(&body))], at);
            }
        }
    }

    /// Checks that no flush has failed.
    ///
    /// # Errors
    ///
    /// [`Error::EnvFailed`].
    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.failed.load(Ordering::Acquire) {
            return Err(Error::EnvFailed);
        }
        Ok(())
    }

    /// Keeps everyone from writing after it is not known any more what is on the disk.
    #[cold]
    fn give_up(&self, action: &'static str, source: io::Error) -> Error {
        self.failed.store(true, Ordering::Release);
        let path = self.path.display();
        error!("cannot {action}, so {path} takes no more writes: {source}");
        Error::Io { action, source }
    }
}
