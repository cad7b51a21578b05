//! The reader table: which snapshots are in use, and by whom.
//!
//! A reader announces its snapshot in a slot of its own, and writes to no other shared place. The writer looks at all
//! slots to know which freed pages nobody needs any more, and how short the file may become.
//!
//! The order of events is all: a reader first claims a slot with an id below every snapshot, which protects
//! everything, and only then looks which snapshot is the newest. So a writer either sees the claim, or looked before
//! it was made; and then the reader, looking later still, gets a snapshot at least as new as the writer's base.
//!
//! ```text
//!           claim          pin             park             unpark
//!   free ----------> claimed ----> running ------> parked ----------> running
//!    ^                  ^   hold  |   |              | oust, by the writer
//!    |    claim_held    +- held <-+   |              v
//!    +------------- release ----------+------------ ousted
//! ```
//!
//! A slot has the fields that slots in the lock file have, so that they can move there.
//!
//! Source: locking document, "Readers".

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, PoisonError};

use log::warn;

use crate::error::{Error, Result};
use crate::ids::{Pgno, Txnid};
use crate::sys::process;

/// The snapshot of a slot nobody uses; as an id it is above every snapshot, like all from [`HELD`] on.
const FREE: u64 = u64::MAX;
/// The snapshot of a slot that somebody keeps without one.
const HELD: u64 = u64::MAX - 1;
/// The snapshot of a slot whose reader has not chosen yet; as an id it is below every snapshot.
const CLAIMED: u64 = 0;

/// The thread of a slot whose reader is parked: the writer may take its snapshot away.
const PARKED: u64 = u64::MAX;
/// The thread of a slot whose parked reader lost its snapshot.
const OUSTED: u64 = u64::MAX - 1;

/// The bytes in front of the slots in a lock file, and those of a slot there.
///
/// Source: locking document, "Layout".
const LOCK_HEADER: usize = 576;
const LOCK_SLOT: usize = 32;
/// A lock file has whole pages of the operating system.
const LOCK_PAGE: usize = 4096;
/// The most readers that a lock file can have room for.
const MOST_READERS: usize = 32767;

/// One slot, alone on its cache lines (two, since processors fetch them in pairs).
#[derive(Debug)]
#[repr(align(128))]
struct Slot {
    /// The snapshot it protects, or what stands for none. All other fields are as it says only while it is a snapshot.
    txnid: AtomicU64,
    /// The thread that began the reader, or [`PARKED`] or [`OUSTED`].
    thread: AtomicU64,
    /// How many pages from the start of the file the snapshot reaches.
    pages_used: AtomicU32,
    /// How many pages had ever been retired when the snapshot was made.
    pages_retired: AtomicU64,
}

/// The slots of all readers of this process.
#[derive(Debug)]
pub(crate) struct Readers {
    slots: Box<[Slot]>,
    /// Held while a reader is ousted, and by an ousted one before it gives its slot to others.
    ousting: Mutex<()>,
}

/// The number of a slot that its holder may write.
#[derive(Debug)]
pub(crate) struct SlotNumber(usize);

/// What a reader announces: its snapshot, and what the writer needs to know about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) txnid: Txnid,
    pub(crate) pages_used: Pgno,
    pub(crate) pages_retired: u64,
}

/// What the table tells about a reader that has a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) slot: usize,
    pub(crate) snapshot: Announced,
    /// The thread that began it; unknown while it is parked.
    pub(crate) thread: Option<u64>,
}

/// Who keeps the writer from reusing pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Oldest {
    /// No reader has a snapshot older than asked about.
    Nobody,
    /// A reader that has claimed its slot, and chooses its snapshot at this moment.
    Choosing,
    /// This reader.
    Reader(Entry),
}

impl Readers {
    /// A table with room for at least `max` readers: as many as fill the pages of a lock file.
    pub(crate) fn new(max: usize) -> Readers {
        Readers {
            slots: (0..slot_count(max)).map(|_| Slot::new()).collect(),
            ousting: Mutex::new(()),
        }
    }

    /// Claims a slot. Until [`pin`](Readers::pin), it protects every snapshot.
    ///
    /// # Errors
    ///
    /// [`Error::ReadersFull`].
    #[inline]
    pub(crate) fn claim(&self) -> Result<SlotNumber> {
        let (preferred, thread) = this_thread();
        let first = preferred % self.slots.len();
        let (behind, from) = self.slots.split_at(first);
        for (offset, slot) in from.iter().chain(behind).enumerate() {
            let claimed =
                slot.txnid
                    .compare_exchange(FREE, CLAIMED, Ordering::SeqCst, Ordering::Relaxed);
            if claimed.is_ok() {
                order_claim_before_reads();
                slot.thread.store(thread, Ordering::Relaxed);
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

    /// Claims a slot that its holder kept without a snapshot.
    pub(crate) fn claim_held(&self, slot: &SlotNumber) {
        let slot = &self.slots[slot.0];
        slot.txnid.store(CLAIMED, Ordering::SeqCst);
        order_claim_before_reads();
        slot.thread.store(this_thread().1, Ordering::Relaxed);
    }

    /// Announces that the holder of the slot reads `snapshot`.
    ///
    /// It was the newest after the slot was claimed, or is protected by another slot, or by this one up to now.
    #[inline]
    pub(crate) fn pin(&self, slot: &SlotNumber, snapshot: Announced) {
        let slot = &self.slots[slot.0];
        slot.pages_used
            .store(snapshot.pages_used.0, Ordering::Relaxed);
        slot.pages_retired
            .store(snapshot.pages_retired, Ordering::Relaxed);
        slot.txnid.store(snapshot.txnid.0, Ordering::Release);
    }

    /// Gives the snapshot up, and keeps the slot.
    pub(crate) fn hold(&self, slot: &SlotNumber) {
        self.slots[slot.0].txnid.store(HELD, Ordering::Release);
    }

    /// Gives the slot back. It is not a parked one.
    #[inline]
    pub(crate) fn release(&self, slot: &SlotNumber) {
        self.slots[slot.0].txnid.store(FREE, Ordering::Release);
    }

    /// Lets the writer take the snapshot away. Until [`unpark`](Readers::unpark) succeeds, the holder must not read.
    pub(crate) fn park(&self, slot: &SlotNumber) {
        self.slots[slot.0].thread.store(PARKED, Ordering::Release);
    }

    /// Ends parking; returns whether the snapshot is still there. If not, the holder has the slot without one.
    pub(crate) fn unpark(&self, number: &SlotNumber) -> bool {
        let slot = &self.slots[number.0];
        let thread = this_thread().1;
        let unparked =
            slot.thread
                .compare_exchange(PARKED, thread, Ordering::AcqRel, Ordering::Acquire);
        if unparked.is_err() {
            // The writer may still be between its two steps, of which the second must not hit whoever gets the slot
            // next. The lock guards no data, so a panic under it leaves none half changed.
            drop(self.ousting.lock().unwrap_or_else(PoisonError::into_inner));
            self.hold(number);
        }
        unparked.is_ok()
    }

    /// Takes the snapshot away from the reader `entry`, if it is parked. Only the holder of the writer's turn may.
    pub(crate) fn oust(&self, entry: &Entry) -> bool {
        let slot = &self.slots[entry.slot];
        let _guard = self.ousting.lock().unwrap_or_else(PoisonError::into_inner);
        let ousted =
            slot.thread
                .compare_exchange(PARKED, OUSTED, Ordering::AcqRel, Ordering::Relaxed);
        // The holder now waits for the lock before it touches the slot, so this is the reader that was parked. It may
        // have come back with a newer snapshot since `entry` was read; that one stays protected until it looks.
        ousted.is_ok()
            && slot
                .txnid
                .compare_exchange(
                    entry.snapshot.txnid.0,
                    HELD,
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                )
                .is_ok()
    }

    /// Returns the oldest snapshot in use, or `newest` if none is older.
    pub(crate) fn oldest(&self, newest: Txnid) -> Txnid {
        order_meta_before_scan();
        let pinned = self
            .slots
            .iter()
            .map(|slot| slot.txnid.load(Ordering::SeqCst))
            .min();
        Txnid(pinned.unwrap_or(FREE)).min(newest)
    }

    /// Returns who uses the oldest snapshot before `newest`.
    pub(crate) fn oldest_reader(&self, newest: Txnid) -> Oldest {
        order_meta_before_scan();
        let entries = self.slots.iter().enumerate();
        let oldest = entries
            .map(|(number, slot)| slot.look(number))
            .min_by_key(|looked| match looked {
                Looked::Choosing => Txnid::VOID,
                Looked::Reader(entry) => entry.snapshot.txnid,
                Looked::Idle => Txnid(FREE),
            });
        match oldest {
            Some(Looked::Choosing) => Oldest::Choosing,
            Some(Looked::Reader(entry)) if entry.snapshot.txnid < newest => Oldest::Reader(entry),
            _ => Oldest::Nobody,
        }
    }

    /// Returns the end of the pages that any snapshot in use reaches, page 0 if none is; `None` if a reader chooses
    /// its snapshot at this moment.
    pub(crate) fn end_of_pages(&self) -> Option<Pgno> {
        order_meta_before_scan();
        let mut end = Pgno(0);
        for (number, slot) in self.slots.iter().enumerate() {
            match slot.look(number) {
                Looked::Idle => {}
                Looked::Choosing => return None,
                Looked::Reader(entry) => end = end.max(entry.snapshot.pages_used),
            }
        }
        Some(end)
    }

    /// Returns the readers that have a snapshot.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let looked = self.slots.iter().enumerate();
        looked.filter_map(|(number, slot)| match slot.look(number) {
            Looked::Reader(entry) => Some(entry),
            Looked::Idle | Looked::Choosing => None,
        })
    }

    /// Returns how many slots are taken, with a snapshot or without.
    pub(crate) fn taken(&self) -> usize {
        self.slots
            .iter()
            .filter(|slot| slot.txnid.load(Ordering::Relaxed) != FREE)
            .count()
    }

    /// Returns how many slots there are.
    pub(crate) fn capacity(&self) -> usize {
        self.slots.len()
    }
}

/// What a slot shows at one moment.
enum Looked {
    Idle,
    Choosing,
    Reader(Entry),
}

impl Slot {
    fn new() -> Slot {
        Slot {
            txnid: AtomicU64::new(FREE),
            thread: AtomicU64::new(0),
            pages_used: AtomicU32::new(0),
            pages_retired: AtomicU64::new(0),
        }
    }

    /// Returns what this slot, which has that number, shows.
    ///
    /// Its holder may be changing it. What is told of a reader then belongs to one snapshot all the same, or it shows
    /// as choosing, which protects more.
    fn look(&self, number: usize) -> Looked {
        match self.txnid.load(Ordering::SeqCst) {
            CLAIMED => Looked::Choosing,
            HELD.. => Looked::Idle,
            txnid => {
                let snapshot = Announced {
                    txnid: Txnid(txnid),
                    pages_used: Pgno(self.pages_used.load(Ordering::Relaxed)),
                    pages_retired: self.pages_retired.load(Ordering::Relaxed),
                };
                let thread = self.thread.load(Ordering::Relaxed);
                fence(Ordering::Acquire);
                if self.txnid.load(Ordering::Relaxed) != txnid {
                    return Looked::Choosing;
                }
                Looked::Reader(Entry {
                    slot: number,
                    snapshot,
                    thread: (thread < OUSTED).then_some(thread),
                })
            }
        }
    }
}

/// Returns how many slots a lock file for at least `max` readers has.
fn slot_count(max: usize) -> usize {
    let bytes = LOCK_HEADER + LOCK_SLOT * max.clamp(1, MOST_READERS);
    let slots = (bytes.next_multiple_of(LOCK_PAGE) - LOCK_HEADER) / LOCK_SLOT;
    slots.min(MOST_READERS)
}

/// Keeps what is read after a claim from being read before it.
#[inline]
fn order_claim_before_reads() {
    // There, the instruction that made the claim does that by itself, and a fence would double the cost.
    if cfg!(not(target_arch = "x86_64")) {
        fence(Ordering::SeqCst);
    }
}

/// Keeps the slots from being looked at before the meta of the last commit can be seen.
fn order_meta_before_scan() {
    fence(Ordering::SeqCst);
}

/// Returns a number that differs between threads, so that each tries a slot of its own first, and the thread's id.
#[inline]
fn this_thread() -> (usize, u64) {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static THREAD: Cell<(usize, u64)> =
            Cell::new((THREADS.fetch_add(1, Ordering::Relaxed), process::thread_id()));
    }
    THREAD.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(txnid: u64) -> Announced {
        Announced {
            txnid: Txnid(txnid),
            pages_used: Pgno(10 * u32::try_from(txnid).unwrap()),
            pages_retired: 100,
        }
    }

    #[test]
    fn the_oldest_snapshot_counts_and_a_claim_protects_everything() {
        let readers = Readers::new(3);
        assert_eq!(readers.oldest(Txnid(9)), Txnid(9));
        assert_eq!(readers.oldest_reader(Txnid(9)), Oldest::Nobody);
        let (a, b) = (readers.claim().unwrap(), readers.claim().unwrap());
        readers.pin(&a, snapshot(7));
        assert_eq!(readers.oldest(Txnid(9)), Txnid(0));
        assert_eq!(readers.oldest_reader(Txnid(9)), Oldest::Choosing);
        assert_eq!(readers.end_of_pages(), None);
        readers.pin(&b, snapshot(5));
        assert_eq!((readers.oldest(Txnid(9)), readers.taken()), (Txnid(5), 2));
        assert_eq!(readers.end_of_pages(), Some(Pgno(70)));
        readers.release(&b);
        assert_eq!(readers.oldest(Txnid(9)), Txnid(7));
        assert_eq!(readers.oldest_reader(Txnid(7)), Oldest::Nobody);
        readers.release(&a);
        assert_eq!(readers.end_of_pages(), Some(Pgno(0)));
    }

    #[test]
    fn a_full_table_is_an_error_until_a_slot_is_given_back() {
        let readers = Readers::new(2);
        let slots: Vec<_> = (0..110).map(|_| readers.claim().unwrap()).collect();
        assert!(matches!(
            readers.claim(),
            Err(Error::ReadersFull { max: 110 })
        ));
        readers.hold(&slots[0]);
        assert!(readers.claim().is_err(), "a slot that is kept is taken");
        readers.release(&slots[0]);
        assert!(readers.claim().is_ok());
    }

    #[test]
    fn the_table_has_as_many_slots_as_fill_the_pages_of_a_lock_file() {
        assert_eq!([0, 1, 3, 110].map(slot_count), [110; 4]);
        assert_eq!(slot_count(111), 110 + 128);
        assert_eq!(slot_count(usize::MAX), MOST_READERS);
    }

    #[test]
    fn only_a_parked_reader_can_be_ousted_and_it_learns_that_when_it_comes_back() {
        let readers = Readers::new(1);
        let slot = readers.claim().unwrap();
        readers.pin(&slot, snapshot(5));
        let Oldest::Reader(entry) = readers.oldest_reader(Txnid(9)) else {
            panic!("there is a reader");
        };
        assert_eq!(entry.thread, Some(process::thread_id()));
        assert!(!readers.oust(&entry));
        readers.park(&slot);
        assert!(readers.unpark(&slot), "nobody needed the room");
        readers.park(&slot);
        assert!(readers.oust(&entry));
        assert!(!readers.oust(&entry));
        assert_eq!(readers.oldest(Txnid(9)), Txnid(9));
        assert!(!readers.unpark(&slot));
        assert_eq!((readers.taken(), readers.entries().count()), (1, 0));
        readers.claim_held(&slot);
        readers.pin(&slot, snapshot(8));
        assert_eq!(readers.entries().next().unwrap().snapshot, snapshot(8));
    }

    #[test]
    fn a_reader_that_comes_back_while_it_is_ousted_has_its_snapshot_or_knows_that_it_has_not() {
        let readers = Readers::new(1);
        let slot = readers.claim().unwrap();
        let rounds = 2000;
        let done = AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while done.load(Ordering::Relaxed) == 0 {
                    if let Oldest::Reader(entry) = readers.oldest_reader(Txnid::MAX) {
                        readers.oust(&entry);
                    }
                }
            });
            for round in 1..rounds {
                readers.claim_held(&slot);
                readers.pin(&slot, snapshot(round));
                readers.park(&slot);
                if readers.unpark(&slot) {
                    assert_eq!(readers.oldest(Txnid::MAX), Txnid(round));
                } else {
                    assert_eq!(readers.oldest(Txnid::MAX), Txnid::MAX);
                }
            }
            done.store(1, Ordering::Relaxed);
        });
    }
}
