//! The slots of readers of all processes: which snapshots are in use, and by whom.
//!
//! A reader announces its snapshot in a slot of its own; writers look at all slots to know which freed pages nobody
//! needs any more, and how short the file may become.
//!
//! # Why no snapshot is missed
//!
//! A reader writes the newest snapshot into its slot, then a full barrier, then looks again: if there is a newer one
//! meanwhile, it starts over. A writer publishes its meta, then a full barrier, then looks at the slots. So either the
//! writer sees the slot, or the reader sees the newer snapshot; a look that missed a reader was by a writer that builds
//! on that reader's snapshot or an older one, and lets nothing be used again that it needs.
//!
//! That does not hold for a reader that clones an older snapshot, which another slot protects: a look may pass the new
//! slot before, and the other one after that was given up. And it is by the flag that writers know whether to look at
//! all. So the flag has four states, of which libmdbx knows two:
//!
//! | flag | meaning | who sets it |
//! | --- | --- | --- |
//! | `UNCHANGED` | a look has begun, and nothing changed since | who looks, before it looks |
//! | `TOUCHED` | slots changed, but not so that a look has to be repeated | our readers, if it was `UNCHANGED` |
//! | `CHANGED` | slots changed in any way: a look that has begun is to be repeated | our clones; all readers of libmdbx |
//! | 0 | there is a new snapshot | each commit |
//!
//! Our readers write the flag only when it is `UNCHANGED`, so that in a steady load they write to no place that others
//! read. That is enough. A reader that found another value after its barrier found one from before the next look, or
//! from after a look that is not the last: whoever looks next sees the slot, and whoever does not look finds
//! `UNCHANGED`, which only a later look wrote. Who gives a snapshot up needs no barrier before it reads the flag: to
//! miss that only keeps pages longer, until the look after the next commit.
//!
//! Source: locking document, "Readers".

use crate::format::lck::{
    CACHED_OLDEST, CHANGED, FIRST_IDLE, HELD, IDLE, OUSTED, PARKED, TOUCHED, UNCHANGED,
};
use crate::ids::{Pgno, Txnid};
use crate::store::attach::Attached;
use crate::sys::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use crate::sys::region::Slot;

/// How often a look is repeated because readers of libmdbx, or clones, disturb it.
const MOST_LOOKS: usize = 64;
/// How often a slot is read until it shows the same twice.
const MOST_READS: usize = 16;

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
    pub(crate) process: u32,
    /// The thread that uses it; unknown while it is parked.
    pub(crate) thread: Option<u64>,
}

impl Attached {
    /// Returns a slot.
    #[inline]
    pub(crate) fn slot(&self, number: usize) -> &Slot {
        self.region.slot(self.layout.slot(number))
    }

    /// Returns the numbers of all slots that were ever used.
    pub(crate) fn used_slots(&self) -> std::ops::Range<usize> {
        let len = self.readers_len().load(Ordering::Acquire) as usize;
        0..len.min(self.slots) // the number is shared: one that cannot be must not lead out of the file
    }

    /// Returns how many slots were ever used.
    pub(crate) fn readers_len(&self) -> &AtomicU32 {
        self.region.u32(self.layout.readers_len)
    }

    /// Returns the oldest snapshot that is protected, as far as the writers have looked.
    #[inline]
    pub(crate) fn cached_oldest(&self) -> &AtomicU64 {
        self.region.u64(CACHED_OLDEST)
    }

    /// Returns the flag that tells whether slots changed since the writer looked at them.
    #[inline]
    pub(crate) fn refresh_flag(&self) -> &AtomicU32 {
        self.region.u32(self.layout.refresh_flag)
    }

    /// Makes the next writer look at the slots. Called after each commit, whose meta is written, by the holder of the
    /// writer's turn.
    pub(crate) fn note_commit(&self) {
        self.refresh_flag().store(0, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    /// Notes that a slot was given the newest snapshot, after a full barrier, or was given up.
    #[inline]
    pub(crate) fn touch(&self) {
        let flag = self.refresh_flag();
        if flag.load(Ordering::Relaxed) == UNCHANGED {
            // Exchanged, so that it does not hide a change that was just noted.
            let _ = flag.compare_exchange(UNCHANGED, TOUCHED, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    /// Notes that slots changed in any way.
    pub(crate) fn change(&self) {
        self.refresh_flag().store(CHANGED, Ordering::Release);
    }

    /// Returns the oldest snapshot in use, or `limit` if none is older. Records of free pages up to it may be used. It may be
    /// too old, if readers come and go all the time.
    ///
    /// Only the holder of the writer's turn may ask: it tells the others. In the snapshot that it builds on,
    /// `pages_retired` pages had been retired.
    pub(crate) fn oldest(&self, pages_retired: u64, limit: Txnid) -> Txnid {
        let known = Txnid(self.cached_oldest().load(Ordering::Acquire));
        if limit <= known {
            return limit;
        }
        let flag = self.refresh_flag();
        for _ in 0..MOST_LOOKS {
            flag.store(UNCHANGED, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            let (oldest, retired) = self.look_for_oldest(known, (limit, pages_retired));
            if matches!(flag.load(Ordering::Acquire), UNCHANGED | TOUCHED) {
                self.cached_oldest().store(oldest.0, Ordering::Release);
                if let Some(at) = self.layout.cached_oldest_retired {
                    self.region.u64(at).store(retired, Ordering::Relaxed);
                }
                return oldest;
            }
        }
        known
    }

    /// Looks at all slots once for the oldest snapshot from `known` on, and tells what had been retired by then.
    fn look_for_oldest(&self, known: Txnid, limit: (Txnid, u64)) -> (Txnid, u64) {
        let mut oldest = limit;
        for number in self.used_slots() {
            let slot = self.slot(number);
            if slot.process.load(Ordering::Acquire) == 0 {
                continue;
            }
            let txnid = slot.txnid.load(Ordering::Acquire);
            if txnid < known.0 {
                // It lost the race for a snapshot that is not protected any more, and is about to notice.
                if self.refresh_flag().load(Ordering::Relaxed) == UNCHANGED {
                    let _ = slot.txnid.compare_exchange(
                        txnid,
                        IDLE,
                        Ordering::AcqRel,
                        Ordering::Relaxed,
                    );
                }
            } else if txnid < oldest.0.0 {
                oldest = (Txnid(txnid), slot.pages_retired.load(Ordering::Relaxed));
            }
        }
        oldest
    }

    /// Returns the oldest snapshot in use, or `steady` if none is older, as it is seen at this moment, without telling
    /// others.
    pub(crate) fn oldest_seen(&self, steady: Txnid) -> Txnid {
        let oldest = self.entries().map(|entry| entry.snapshot.txnid).min();
        oldest.map_or(steady, |oldest| oldest.min(steady))
    }

    /// Returns who uses the oldest snapshot before `newest`.
    pub(crate) fn oldest_reader(&self, newest: Txnid) -> Option<Entry> {
        fence(Ordering::SeqCst);
        let oldest = self.entries().min_by_key(|entry| entry.snapshot.txnid);
        oldest.filter(|entry| entry.snapshot.txnid < newest)
    }

    /// Returns the end of the pages that any snapshot in use reaches, page 0 if none is. Only the holder of the writer's
    /// turn may ask, once the meta of its last commit is written: who pins a snapshot later finds one of the metas.
    pub(crate) fn end_of_pages(&self) -> Pgno {
        fence(Ordering::SeqCst);
        let ends = self.entries().map(|entry| entry.snapshot.pages_used);
        ends.max().unwrap_or(Pgno(0))
    }

    /// Returns the readers that have a snapshot.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.used_slots()
            .filter_map(|number| entry_of(self.slot(number), number))
    }

    /// Returns how many slots are taken, with a snapshot or without. What a process only keeps for later is free.
    pub(crate) fn taken(&self) -> usize {
        let slots = self.used_slots().map(|number| self.slot(number));
        slots.filter(|slot| is_taken(slot)).count()
    }

    /// Takes the snapshot away from the reader `entry`, if it is parked. Only the holder of the writer's turn may.
    pub(crate) fn oust(&self, entry: &Entry) -> bool {
        let slot = self.slot(entry.slot);
        let ousted =
            slot.thread
                .compare_exchange(PARKED, OUSTED, Ordering::AcqRel, Ordering::Relaxed);
        // It may have come back with a newer snapshot since `entry` was read: that one stays protected until it looks.
        // The slot may have another snapshot meanwhile, but not this one again: it is not the newest, and clones avoid
        // the slot.
        ousted.is_ok()
            && slot
                .txnid
                .compare_exchange(
                    entry.snapshot.txnid.0,
                    IDLE,
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                )
                .is_ok()
    }
}

/// Returns whether a transaction has this slot, with a snapshot or without.
fn is_taken(slot: &Slot) -> bool {
    let txnid = slot.txnid.load(Ordering::Acquire);
    let is_ousted = slot.thread.load(Ordering::Relaxed) == OUSTED;
    let is_bound = slot.process.load(Ordering::Acquire) != 0;
    is_bound && (txnid < FIRST_IDLE || txnid == HELD || is_ousted)
}

/// Returns the reader that has this slot, which has that number, if it has a snapshot.
///
/// The slot may be changing. What is told belongs to one snapshot all the same, unless it changes all the time;
/// and then the newest metas protect what it shows.
fn entry_of(slot: &Slot, number: usize) -> Option<Entry> {
    let mut last = None;
    for _ in 0..MOST_READS {
        let process = slot.process.load(Ordering::Acquire);
        let txnid = slot.txnid.load(Ordering::Acquire);
        if process == 0 || txnid >= FIRST_IDLE {
            return None;
        }
        let thread = slot.thread.load(Ordering::Acquire);
        let entry = Some(Entry {
            slot: number,
            snapshot: Announced {
                txnid: Txnid(txnid),
                pages_used: Pgno(slot.pages_used.load(Ordering::Acquire)),
                pages_retired: slot.pages_retired.load(Ordering::Acquire),
            },
            process,
            thread: (thread < OUSTED && thread != 0).then_some(thread),
        });
        if entry == last {
            break;
        }
        last = entry;
    }
    last
}
