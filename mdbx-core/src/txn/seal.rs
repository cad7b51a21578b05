//! The seal of a commit: which commits can have one, and what it says.
//!
//! A seal vouches for the pages of one commit, and for nothing that the commit builds on. So what is sealed builds on a
//! snapshot that this process knows durable. Everything else waits twice, which is always right.
//!
//! Source: `docs/single-sync.md`.

use crate::format::meta::{Meta, Sign};
use crate::format::seal::{Seal, Sealer};
use crate::ids::Pgno;
use crate::pager::dirty::DirtyList;
use crate::store::seal::MOST_SEALED_BYTES;
use crate::txn::write::WriteTxn;

/// A snapshot becomes the steady one after so many sealed commits at most.
///
/// One flush more in 64 is hardly felt, and the pages of so many small commits that wait to be used again are about
/// 400. Whoever does not know seals loses no more than these commits in a power cut.
const MOST_SINCE_STEADY: u64 = 64;

impl WriteTxn<'_> {
    /// Returns whether one flush is enough for the commit of `meta`, with a seal.
    pub(super) fn can_be_sealed(&self, meta: &Meta) -> bool {
        let head = self.turn.head();
        let base = &head.meta;
        let store = &self.engine.store;
        let is_base_durable = base.sign == Sign::Steady || store.unsynced.sealed() == base.txnid;
        let since_steady = base.txnid.0.saturating_sub(head.steady.0);
        let gc = self.gc.borrow();
        let is_in_memory = self.dirty_lists(&gc).all(|dirty| !dirty.has_spilled());
        is_base_durable
            && since_steady < MOST_SINCE_STEADY
            && meta.txnid == self.txnid // its pages are found by it
            && meta.boot_id != [0; 16] // an old seal must not hold in another boot
            && is_in_memory
            && self.unwritten_bytes(&gc) <= MOST_SEALED_BYTES
            // After a power cut the other one might open the file first, and not know seals.
            && matches!(store.attached.locks.are_shared(), Ok(false))
    }

    /// Returns the seal of the commit of `meta`, which is to overwrite the tail.
    pub(super) fn seal(&self, meta: &Meta) -> Seal {
        let gc = self.gc.borrow();
        let mut sealer = Sealer::new(meta.dxbid, meta.txnid);
        for (pgno, bytes) in self.dirty_lists(&gc).flat_map(DirtyList::iter) {
            sealer.add(pgno, bytes, meta.page_size);
        }
        let [number, ..] = self.turn.head().tail.to_le_bytes();
        sealer.seal(Pgno(number.into()), &meta.write_body())
    }
}
