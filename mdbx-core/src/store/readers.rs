//! The reader table: which snapshots are in use.
//!
//! A reader announces its snapshot in a slot of its own, and writes to no other shared place. The writer looks at all
//! slots to know which freed pages nobody needs any more.
//!
//! The order of events is all: a reader first claims a slot with an id below every snapshot, which protects
//! everything, and only then looks which snapshot is the newest. So a writer either sees the claim, or looked before
//! it was made; and then the reader, looking later still, gets a snapshot at least as new as the writer's base.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use log::warn;

use crate::error::{Error, Result};
use crate::ids::Txnid;

/// A slot nobody uses; as an id it is above every snapshot.
const FREE: u64 = u64::MAX;
/// A slot whose reader has not chosen its snapshot yet; as an id it is below every snapshot.
const CLAIMED: u64 = 0;

/// One slot, alone on its cache lines (two, since processors fetch them in pairs).
#[derive(Debug)]
#[repr(align(128))]
struct Slot(AtomicU64);

/// The slots of all readers of this process.
#[derive(Debug)]
pub(crate) struct Readers {
    slots: Box<[Slot]>,
}

/// The number of a slot that its holder may write.
#[derive(Debug)]
pub(crate) struct SlotNumber(usize);

impl Readers {
    /// A table with `max` slots.
    pub(crate) fn new(max: usize) -> Readers {
        Readers {
            slots: (0..max.max(1))
                .map(|_| Slot(AtomicU64::new(FREE)))
                .collect(),
        }
    }

    /// Claims a slot. Until [`pin`](Readers::pin), it protects every snapshot.
    ///
    /// # Errors
    ///
    /// [`Error::ReadersFull`].
    pub(crate) fn claim(&self) -> Result<SlotNumber> {
        let first = preferred_slot() % self.slots.len();
        let (behind, from) = self.slots.split_at(first);
        for (offset, slot) in from.iter().chain(behind).enumerate() {
            let claimed =
                slot.0
                    .compare_exchange(FREE, CLAIMED, Ordering::SeqCst, Ordering::Relaxed);
            if claimed.is_ok() {
                return Ok(SlotNumber((first + offset) % self.slots.len()));
            }
        }
        Err(self.full())
    }

    #[cold]
    fn full(&self) -> Error {
        let max = self.slots.len();
        warn!("all reader slots are in use: slots={max}");
        Error::ReadersFull { max }
    }

    /// Announces that the holder of the slot reads `snapshot`, which was the newest after the slot was claimed.
    pub(crate) fn pin(&self, slot: &SlotNumber, snapshot: Txnid) {
        self.slots[slot.0].0.store(snapshot.0, Ordering::Release);
    }

    /// Gives the slot back.
    pub(crate) fn release(&self, slot: &SlotNumber) {
        self.slots[slot.0].0.store(FREE, Ordering::Release);
    }

    /// Returns the oldest snapshot in use, or `newest` if none is older.
    pub(crate) fn oldest(&self, newest: Txnid) -> Txnid {
        let pinned = self
            .slots
            .iter()
            .map(|slot| slot.0.load(Ordering::SeqCst))
            .min();
        Txnid(pinned.unwrap_or(FREE)).min(newest)
    }

    /// Returns how many slots are in use.
    pub(crate) fn in_use(&self) -> usize {
        self.slots
            .iter()
            .filter(|slot| slot.0.load(Ordering::Relaxed) != FREE)
            .count()
    }
}

/// Returns a number that differs between threads, so that each tries a slot of its own first.
fn preferred_slot() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static PREFERRED: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed));
    }
    PREFERRED.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_snapshot_counts_and_a_claim_protects_everything() {
        let readers = Readers::new(3);
        assert_eq!(readers.oldest(Txnid(9)), Txnid(9));
        let (a, b) = (readers.claim().unwrap(), readers.claim().unwrap());
        readers.pin(&a, Txnid(7));
        assert_eq!(readers.oldest(Txnid(9)), Txnid(0));
        readers.pin(&b, Txnid(5));
        assert_eq!((readers.oldest(Txnid(9)), readers.in_use()), (Txnid(5), 2));
        readers.release(&b);
        assert_eq!(readers.oldest(Txnid(9)), Txnid(7));
    }

    #[test]
    fn a_full_table_is_an_error_until_a_slot_is_given_back() {
        let readers = Readers::new(2);
        let slots = [readers.claim().unwrap(), readers.claim().unwrap()];
        assert!(matches!(
            readers.claim(),
            Err(Error::ReadersFull { max: 2 })
        ));
        readers.release(&slots[0]);
        assert!(readers.claim().is_ok());
    }
}
