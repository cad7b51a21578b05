//! What puts a commit on the disk: flushes of the file, and writes of metas.
//!
//! The system keeps one copy of each page for writes, mappings and syncs. So one flush makes all durable that was ever
//! written to the file, by whatever means and by whichever process: pages of this commit and of weak ones before it, and
//! metas.
//!
//! What reached the disk is not known any more once a flush has failed: the system may have dropped what it could not
//! write, and says so only once. Hence nobody writes after that until the file is opened anew.
//!
//! Only the holder of the writer's turn may do any of this.

use std::io::{self, IoSlice};
use std::sync::atomic::Ordering;

use log::{debug, error, trace};

use crate::error::{Error, Result};
use crate::format::meta::{Meta, MetaBody, Rank};
use crate::format::seal::{Seal, SealedBody, without_seal};
use crate::ids::Txnid;
use crate::store::durability::Strength;
use crate::store::open::Store;
use crate::store::troika::{Head, body_offset, load_body, load_ranks};
use crate::sys::process::boot_id;

impl Store {
    /// Makes everything durable that was written so far. `steady` is the newest durable transaction, whose meta may have
    /// been waiting for that.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; the environment takes no more writes then.
    pub(crate) fn flush(&self, steady: Txnid) -> Result<()> {
        let is_len_new = self.unsynced.is_len_new();
        let flushed = if is_len_new {
            self.file.sync_all()
        } else {
            self.file.sync_data()
        };
        flushed.map_err(|source| self.give_up("sync the data file", source))?;
        self.unsynced.set_len_new(false);
        self.unsynced.clear();
        self.unsynced.set_meta_durable(steady);
        trace!("flushed the file: file_length_changed={is_len_new}");
        Ok(())
    }

    /// Writes a meta in the place `number`, which is the commit point. If it has to be durable, it is so afterwards.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; the environment takes no more writes then.
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
        self.flush(head.steady)?;
        self.sealed.store(meta.txnid.0, Ordering::Release);
        self.unsynced.raise(1);
        Ok(())
    }

    /// Returns whether all of the snapshot `txnid` is on the disk, though its meta is weak: this process has sealed it.
    pub(crate) fn is_sealed(&self, txnid: Txnid) -> bool {
        self.sealed.load(Ordering::Acquire) == txnid.0
    }

    /// Makes the newest snapshot, that of `head`, durable, and has its meta say so; tells whether there was anything to do.
    ///
    /// The meta is rewritten in its place. It differs from what was there only in its sign and in the boot it names, so
    /// whatever becomes of that write, and whoever reads meanwhile, nobody finds another state than this one.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; the environment takes no more writes then. [`Error::Corrupted`] if the file has no room for metas.
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
            let is_needed = self.unsynced.pages() > 0 || !self.unsynced.is_meta_durable(newest);
            if is_needed {
                self.flush(newest)?;
            }
            return Ok(is_needed);
        }
        // Of a sealed commit only the sign is missing.
        if self.is_sealed(newest) && self.unsynced.pages() <= 1 {
            self.unsynced.clear();
        } else {
            self.flush(head.steady)?;
        }
        let mut body = load_body(&self.map, self.page_size, number)?;
        Meta::make_steady(&mut body, boot_id());
        self.write_durable_body(&body, number)?;
        self.unsynced.set_meta_durable(newest);
        debug!("made the newest commit durable: snapshot={newest}");
        Ok(true)
    }

    /// Makes every meta say that its snapshot may not be on the disk, durably, because pages that it needs are about to be
    /// overwritten. After a power cut the file then shows that it is lost, instead of showing what is left of it.
    ///
    /// # Errors
    ///
    /// As [`make_steady`](Store::make_steady).
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
        self.unsynced.raise(1); // before anybody can see it
        let at = body_offset(self.page_size, number);
        let written = self.file.write_at(&[IoSlice::new(body)], at);
        written.map_err(|source| self.give_up("write a meta page", source))
    }

    /// Writes a meta and waits until it is on the disk.
    fn write_durable_body(&self, body: &MetaBody, number: usize) -> Result<()> {
        let at = body_offset(self.page_size, number);
        let written = self.file.write_durable_at(&without_seal(body), at);
        written.map_err(|source| self.give_up("write a meta page", source))
    }

    /// Keeps everyone from writing after it is not known any more what is on the disk.
    #[cold]
    pub(crate) fn give_up(&self, action: &'static str, source: io::Error) -> Error {
        self.failed.store(true, Ordering::Release);
        let path = self.path.display();
        error!("cannot {action}, so {path} takes no more writes: {source}");
        Error::Io { action, source }
    }
}
