//! When to move what is written towards the start of the file.
//!
//! A mass deletion leaves free pages everywhere, and at the end of the file some that are in use, if only those that
//! the deletion itself wrote. Transactions that take all free pages before they write, lowest first, leave the end
//! free, and the file can shrink. That costs them time in proportion to the pages that are free. So it is done after as
//! many were freed as let the file shrink, and then, as long as so many are free, at distances that double.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::ids::Txnid;

/// No transaction that it waits for.
const NOT_DUE: u64 = u64::MAX;
/// How many transactions pass in a file just opened, which somebody else may have left with a free end.
const FIRST_DISTANCE: u64 = 64;
/// The distance that is not doubled any more.
const LONGEST_DISTANCE: u64 = 1 << 16;

/// When to compact. Only the holder of the writer's turn asks and changes it.
#[derive(Debug)]
pub(crate) struct CompactionDue {
    /// The pages freed since it became due the last time, less those taken into use.
    freed: AtomicU64,
    /// It is due once the snapshot of this transaction is the oldest in use.
    after: AtomicU64,
    /// How many transactions pass until the next one that compacts, if this one is not enough.
    distance: AtomicU64,
}

impl CompactionDue {
    /// For a file of which `newest` is the newest snapshot.
    pub(crate) fn new(newest: Txnid) -> CompactionDue {
        CompactionDue {
            freed: AtomicU64::new(0),
            after: AtomicU64::new(newest.0 + FIRST_DISTANCE),
            distance: AtomicU64::new(FIRST_DISTANCE),
        }
    }

    /// Notes that transaction `txnid` gives up `given` pages and takes `taken` into use, where more than `threshold` free
    /// ones let a file shrink.
    pub(crate) fn note_freed(&self, txnid: Txnid, given: u64, taken: u64, threshold: u32) {
        let freed = (self.freed.load(Ordering::Relaxed) + given).saturating_sub(taken);
        let is_enough = freed > u64::from(threshold);
        if is_enough {
            self.make_due(txnid);
        }
        self.freed
            .store(if is_enough { 0 } else { freed }, Ordering::Relaxed);
    }

    /// Makes it due once the snapshot `txnid` is the oldest in use.
    pub(crate) fn make_due(&self, txnid: Txnid) {
        let after = self.after.load(Ordering::Relaxed).min(txnid.0);
        self.after.store(after, Ordering::Relaxed);
        self.distance.store(1, Ordering::Relaxed);
    }

    /// Makes it not due, in a file that does not shrink.
    pub(crate) fn forget(&self) {
        self.after.store(NOT_DUE, Ordering::Relaxed);
        self.freed.store(0, Ordering::Relaxed);
    }

    /// Returns whether it is due when `oldest` is the oldest snapshot in use.
    pub(crate) fn is_due(&self, oldest: Txnid) -> bool {
        self.after.load(Ordering::Relaxed) <= oldest.0
    }

    /// Notes that transaction `txnid` has compacted, and whether enough is free for the file to shrink all the same.
    pub(crate) fn note_done(&self, txnid: Txnid, is_much_free: bool) {
        let distance = self.distance.load(Ordering::Relaxed);
        let after = if is_much_free {
            txnid.0 + distance - 1
        } else {
            NOT_DUE
        };
        self.after.store(after, Ordering::Relaxed);
        self.distance
            .store((2 * distance).min(LONGEST_DISTANCE), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_after_enough_was_freed_that_nobody_needs() {
        let due = CompactionDue::new(Txnid(3));
        due.note_freed(Txnid(7), 60, 0, 100);
        assert!(!due.is_due(Txnid(7)));
        due.note_freed(Txnid(8), 60, 0, 100);
        due.note_freed(Txnid(9), 60, 0, 100);
        assert!(!due.is_due(Txnid(7)) && due.is_due(Txnid(8)));
        due.note_done(Txnid(10), false);
        assert!(!due.is_due(Txnid::MAX));
        due.make_due(Txnid(11));
        due.forget();
        assert!(!due.is_due(Txnid::MAX));
    }

    #[test]
    fn pages_that_are_used_again_make_it_due_no_sooner() {
        let due = CompactionDue::new(Txnid(3));
        for txnid in 4..60 {
            due.note_freed(Txnid(txnid), 90, 0, 100);
            due.note_freed(Txnid(txnid), 0, 90, 100);
        }
        assert!(!due.is_due(Txnid(60)));
    }

    #[test]
    fn it_is_due_at_growing_distances_while_much_is_free() {
        let due = CompactionDue::new(Txnid(3));
        assert!(!due.is_due(Txnid(66)) && due.is_due(Txnid(67)));
        due.note_freed(Txnid(70), 200, 0, 100);
        let mut times = Vec::new();
        for txnid in 71..200 {
            if due.is_due(Txnid(txnid - 1)) {
                times.push(txnid);
                due.note_done(Txnid(txnid), true);
            }
        }
        assert_eq!(times, [71, 72, 74, 78, 86, 102, 134, 198]);
    }
}
