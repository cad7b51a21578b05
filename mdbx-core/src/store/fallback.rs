//! Where a power cut leads back to, and what must therefore be left alone.
//!
//! Pages can reach the disk at any time after they were written, in any order, and so can metas. So a page may be
//! used again only if no snapshot needs it that a power cut could lead back to. The *fallback* is the newest snapshot
//! that a power cut is sure to leave: steady, with a meta that is on the disk. What it needs is kept, as if a reader had
//! it. Older snapshots need not be kept: the fallback is newer than they are, and it is there.
//!
//! What a power cut can find, the fallback being F, and how that is seen to:
//!
//! - *Durable commits only.* The newest snapshot is F. Pages that it does not need are overwritten while a
//!   transaction runs; on the disk F stays the newest whole meta until the next one is durable.
//! - *The last commit T did not wait for its meta.* On the disk is T, or it is not, and then F, the one before, is
//!   the newest. T's pages are durable in either case, because they were flushed before its meta was written. But the pages
//!   that T freed are still F's: they cannot be used again until T's meta is durable, which the flush of the next commit
//!   sees to. So such a mode works with the pages of one commit more than the others.
//! - *Weak commits after F.* Their metas may be on the disk without their pages. Their sign says so, and an opening in
//!   another boot returns to F. No weak commit overwrites F's meta, and none uses a page that F needs.
//! - *A weak commit after T, which did not wait for its meta.* T would count as the newest steady meta and protect itself
//!   instead of F, whose meta the second weak commit would overwrite. So the first one makes T's meta durable.
//! - *A durable commit after weak ones.* Its flush makes their pages durable too, and only then its meta says steady.
//! - *The newest weak commit is made durable later.* The file is flushed, and then the sign is written in place. Before
//!   that F is left alone, and afterwards nobody needs it.
//! - *Nothing is known*, because another process wrote the newest steady meta in this boot and has died since. Its pages
//!   are durable, so writing it once more settles that.
//! - *Without any care*, in `UtterlyNoSync`: F's pages are used again when there are no others, and before that all signs
//!   are removed. On the disk no meta says steady then, and an opening in another boot finds nothing to return to.
//!
//! Source: format document, "Meaning" of records of free pages, and "Modes".

use std::sync::atomic::Ordering;

use crate::error::Result;
use crate::format::meta::Meta;
use crate::ids::Txnid;
use crate::store::durability::Durability;
use crate::store::open::Store;
use crate::store::troika::{Head, load_body, load_ranks};

impl Store {
    /// Returns the fallback of a transaction that begins with `head`. If it is not known, it is seen to that it is.
    ///
    /// # Errors
    ///
    /// As [`settle_steady`](Store::settle_steady).
    pub(crate) fn fallback(&self, head: &Head) -> Result<Txnid> {
        let steady = head.steady;
        if self.unsynced.is_meta_durable(steady) {
            return Ok(steady);
        }
        if self.unsynced.is_meta_written(steady)
            && let Some(before) = self.steady_before(steady)?
        {
            return Ok(before);
        }
        self.settle_steady()?;
        Ok(steady)
    }

    /// Returns the newest snapshot that a power cut is sure to leave, as far as is known: what is not known of a file that
    /// was just opened is taken for durable.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if the file has no room for metas.
    pub(crate) fn newest_durable(&self) -> Result<Option<Txnid>> {
        let ranks = load_ranks(&self.map, self.page_size)?;
        let steady = ranks.iter().filter(|rank| rank.steady);
        let newest = steady.map(|rank| rank.txnid).max();
        match newest {
            Some(newest) if self.unsynced.is_meta_written(newest) => self.steady_before(newest),
            newest => Ok(newest),
        }
    }

    /// Makes the newest snapshot, that of `head`, the one whose pages are kept, instead of `fallback`, which is older.
    ///
    /// # Errors
    ///
    /// As [`make_steady`](Store::make_steady).
    pub(crate) fn move_fallback(&self, head: &Head, durability: Durability) -> Result<()> {
        if durability == Durability::UtterlyNoSync {
            self.forget_steady()
        } else {
            self.make_steady(head).map(drop)
        }
    }

    /// Returns how many pages were freed after `fallback`, up to the snapshot of `head`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if the file has no room for metas.
    pub(crate) fn freed_since(&self, fallback: Txnid, head: &Head) -> Result<u64> {
        let ranks = load_ranks(&self.map, self.page_size)?;
        let Some(number) = ranks.iter().position(|rank| rank.txnid == fallback) else {
            return Ok(0);
        };
        let body = load_body(&self.map, self.page_size, number)?;
        let meta = Meta::parse_body(&body, self.file_pages.load(Ordering::Acquire));
        let before = meta.map_or(u64::MAX, |meta| meta.pages_retired);
        Ok(head.meta.pages_retired.saturating_sub(before))
    }

    /// Returns whether any snapshot is known durable.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if the file has no room for metas.
    pub(crate) fn has_steady(&self) -> Result<bool> {
        let ranks = load_ranks(&self.map, self.page_size)?;
        Ok(ranks.iter().any(|rank| rank.steady))
    }

    /// Returns the newest steady snapshot before `newest`.
    fn steady_before(&self, newest: Txnid) -> Result<Option<Txnid>> {
        let ranks = load_ranks(&self.map, self.page_size)?;
        let steady = ranks
            .iter()
            .filter(|rank| rank.steady && rank.txnid < newest);
        Ok(steady.map(|rank| rank.txnid).max())
    }
}
