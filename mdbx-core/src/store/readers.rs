//! The slots of this process: which of them a reader may have.
//!
//! To take a slot from the table needs a lock, so this process keeps those that it has taken, and hands them to its
//! readers. Each is kept in a place of this process's memory, which says whether a reader has it; a thread tries a
//! place of its own first, so threads do not meet. Of the slots in the table, those alone on their cache line are taken
//! first, for the same reason.
//!
//! ```text
//!               bind                take               release, of the first places
//!   unbound ------------> taken <---------> free
//!      ^                    |
//!      +--------------------+ release, of the others: its slot goes back to the table
//! ```
//!
//! What a slot in the table shows while a reader has it:
//!
//! ```text
//!            pin             park             unpark
//!   idle ----------> running ------> parked ----------> running
//!    ^      hold  <---|   |             | oust, by a writer
//!    +--- release ----+---+             v
//!    +-------------------------------- ousted
//! ```
//!
//! Source: locking document, "Binding a slot" to "Parking and ousting".

use std::sync::Arc;
use std::thread::available_parallelism;

use log::warn;

use crate::error::{Error, Result};
use crate::format::lck::{HELD, IDLE, PARKED};
use crate::ids::Txnid;
use crate::store::attach::Attached;
use crate::store::slots::Announced;
use crate::store::sweep::readers_error;
use crate::sys::atomic::{
    AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, full_barrier_after_swap,
};
use crate::sys::process::this_thread;
use crate::sys::region::Slot;

/// The states of a place.
const UNBOUND: u32 = 0;
const FREE: u32 = 1;
const TAKEN: u32 = 2;

/// The fewest places that keep their slots.
const FEWEST_KEPT: usize = 8;

/// A place for a slot, alone on its cache lines (two, since processors fetch them in pairs).
#[derive(Debug)]
#[repr(align(128))]
struct Place {
    state: AtomicU32,
    /// The number of the slot, unless the place is unbound. Only who has taken the place changes it.
    slot: AtomicUsize,
    /// The last snapshot that a writer may still be taking away from the slot, though its reader has left it; 0 if none.
    leaving: AtomicU64,
}

/// The readers of this process.
#[derive(Debug)]
pub(crate) struct Readers {
    attached: Arc<Attached>,
    places: Box<[Place]>,
    /// One less than how many places keep their slots, which is a power of two.
    kept_mask: usize,
    /// Whether this process has shown that it is alive, and is the only one with its id.
    is_registered: AtomicBool,
}

/// A slot that its holder may write.
#[derive(Debug)]
pub(crate) struct SlotNumber {
    place: usize,
    slot: usize,
}

/// What came of binding a slot at a place.
enum Bound {
    Slot(SlotNumber),
    /// The table has no slot left.
    Full,
    /// Another thread was faster.
    Raced,
}

impl Readers {
    /// The readers of a process that has just attached itself.
    pub(crate) fn new(attached: Arc<Attached>) -> Readers {
        let place = || Place {
            state: AtomicU32::new(UNBOUND),
            slot: AtomicUsize::new(0),
            leaving: AtomicU64::new(0),
        };
        let cores = available_parallelism().map_or(1, usize::from);
        // The others leave something to other processes.
        let most = (attached.slots / 2).max(1);
        let kept = (2 * cores).next_power_of_two().max(FEWEST_KEPT);
        let kept = if kept > most { 1 << most.ilog2() } else { kept };
        Readers {
            places: (0..attached.slots).map(|_| place()).collect(),
            kept_mask: kept - 1,
            is_registered: AtomicBool::new(false),
            attached,
        }
    }

    /// Takes a slot. It protects nothing yet.
    ///
    /// # Errors
    ///
    /// [`Error::ReadersFull`]; [`Error::Forked`]; [`Error::Io`].
    #[inline]
    pub(crate) fn take(&self) -> Result<SlotNumber> {
        self.attached.check_process()?;
        let (number, thread) = this_thread();
        let preferred = number & self.kept_mask;
        match self.take_bound(preferred, thread) {
            Some(slot) => Ok(slot),
            None => self.take_elsewhere(preferred, thread),
        }
    }

    /// Takes a slot that can be given `snapshot`, which is not the newest any more: not one from which a writer may still
    /// be taking just that away.
    ///
    /// # Errors
    ///
    /// As [`take`](Readers::take).
    pub(crate) fn take_for_clone(&self, snapshot: Txnid) -> Result<SlotNumber> {
        let mut avoided = Vec::new();
        let taken = loop {
            match self.take() {
                Ok(slot) if self.is_leaving(&slot, snapshot) => avoided.push(slot),
                taken => break taken,
            }
        };
        for slot in &avoided {
            self.release(slot);
        }
        taken
    }

    fn is_leaving(&self, number: &SlotNumber, snapshot: Txnid) -> bool {
        self.places[number.place].leaving.load(Ordering::Relaxed) == snapshot.0
    }

    /// Takes the slot at a place, if there is one and nobody has it.
    #[inline]
    fn take_bound(&self, number: usize, thread: u64) -> Option<SlotNumber> {
        let place = &self.places[number];
        place
            .state
            .compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed)
            .ok()?;
        let slot = place.slot.load(Ordering::Relaxed);
        let shared = self.attached.slot(slot);
        if shared.process.load(Ordering::Relaxed) != self.attached.pid {
            place.state.store(UNBOUND, Ordering::Release); // another process took us for dead
            return None;
        }
        shared.thread.store(thread, Ordering::Relaxed);
        Some(SlotNumber {
            place: number,
            slot,
        })
    }

    /// Takes a slot that a thread prefers less: binds one at its place if that has none, or takes any that is free, or
    /// binds one at any place.
    #[cold]
    fn take_elsewhere(&self, preferred: usize, thread: u64) -> Result<SlotNumber> {
        let state = |number: usize| self.places[number].state.load(Ordering::Relaxed);
        if state(preferred) == UNBOUND
            && let Bound::Slot(slot) = self.bind_at(preferred, thread)?
        {
            return Ok(slot);
        }
        let count = self.places.len();
        let all = || (preferred..count).chain(0..preferred);
        let mut free = all().filter(|&number| state(number) == FREE);
        if let Some(slot) = free.find_map(|number| self.take_bound(number, thread)) {
            return Ok(slot);
        }
        for number in all().filter(|&number| state(number) == UNBOUND) {
            match self.bind_at(number, thread)? {
                Bound::Slot(slot) => return Ok(slot),
                Bound::Full => break,
                Bound::Raced => {}
            }
        }
        // All that is left is what came free meanwhile.
        let mut free = all().filter(|&number| state(number) == FREE);
        free.find_map(|number| self.take_bound(number, thread))
            .ok_or_else(|| self.full())
    }

    #[cold]
    fn full(&self) -> Error {
        let max = self.attached.slots;
        warn!("all reader slots are in use: slots={max}");
        Error::ReadersFull { max }
    }

    /// Binds a slot of the table at a place that has none.
    fn bind_at(&self, number: usize, thread: u64) -> Result<Bound> {
        let place = &self.places[number];
        let is_ours =
            place
                .state
                .compare_exchange(UNBOUND, TAKEN, Ordering::Acquire, Ordering::Relaxed);
        if is_ours.is_err() {
            return Ok(Bound::Raced);
        }
        let bound = self.bind(thread);
        if let Ok(Some(slot)) = bound {
            place.slot.store(slot, Ordering::Relaxed);
            return Ok(Bound::Slot(SlotNumber {
                place: number,
                slot,
            }));
        }
        place.state.store(UNBOUND, Ordering::Release);
        bound.map(|_| Bound::Full)
    }

    /// Takes a slot from the table; `None` if there is none, even after dead readers were removed.
    fn bind(&self, thread: u64) -> Result<Option<usize>> {
        let attached = &*self.attached;
        let _guard = attached.lock_slots()?;
        self.register()?;
        let mut unused = self.unused_slot();
        if unused.is_none() && attached.sweep_locked()? > 0 {
            unused = self.unused_slot();
        }
        let Some(number) = unused else {
            return Ok(None);
        };
        let slot = attached.slot(number);
        slot.process.store(0, Ordering::Relaxed);
        slot.txnid.store(IDLE, Ordering::Relaxed);
        slot.thread.store(thread, Ordering::Relaxed);
        slot.pages_used.store(0, Ordering::Relaxed);
        // Those who look at the slots see it before it counts, and counted before it has an owner.
        if number >= attached.used_slots().end
            && let Ok(len) = u32::try_from(number + 1)
        {
            attached.readers_len().store(len, Ordering::Release);
        }
        slot.process.store(attached.pid, Ordering::Release);
        Ok(Some(number))
    }

    /// Shows that this process is alive, before it has its first slot. Slots that carry its id already are left from a
    /// dead process that had the same one.
    fn register(&self) -> Result<()> {
        if self.is_registered.load(Ordering::Relaxed) {
            return Ok(());
        }
        if !self.attached.locks.show_alive().map_err(readers_error)? {
            return Err(readers_error(std::io::ErrorKind::AddrInUse.into()));
        }
        self.free_all();
        self.is_registered.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Gives all slots back that carry the id of this process.
    fn free_all(&self) {
        let attached = &*self.attached;
        for slot in attached.used_slots().map(|number| attached.slot(number)) {
            let _ =
                slot.process
                    .compare_exchange(attached.pid, 0, Ordering::AcqRel, Ordering::Relaxed);
        }
        attached.change();
    }

    /// Returns a slot that nobody has, if possible one whose neighbour on the same cache line nobody has either.
    fn unused_slot(&self) -> Option<usize> {
        let attached = &*self.attached;
        let len = attached.used_slots().end;
        let is_unused = |number: usize| {
            number >= len || attached.slot(number).process.load(Ordering::Acquire) == 0
        };
        let mut lines = (0..attached.slots).step_by(2);
        let alone = lines.find(|&number| is_unused(number) && is_unused(number + 1));
        alone.or_else(|| (0..attached.slots).find(|&number| is_unused(number)))
    }

    fn slot(&self, number: &SlotNumber) -> &Slot {
        self.attached.slot(number.slot)
    }

    /// Announces that the holder of the slot reads `snapshot`, which was the newest just before. It is protected if it
    /// still is the newest after this, and [`has`](Readers::has) says so.
    #[inline]
    pub(crate) fn pin(&self, number: &SlotNumber, snapshot: Announced) {
        self.announce(number, snapshot);
        self.attached.touch();
    }

    /// Announces that the holder of the slot reads `snapshot`, which another slot protects up to now.
    pub(crate) fn pin_clone(&self, number: &SlotNumber, snapshot: Announced) {
        self.announce(number, snapshot);
        self.attached.change();
    }

    #[inline]
    fn announce(&self, number: &SlotNumber, snapshot: Announced) {
        let slot = self.slot(number);
        slot.pages_used
            .store(snapshot.pages_used.0, Ordering::Relaxed);
        slot.pages_retired
            .store(snapshot.pages_retired, Ordering::Relaxed);
        slot.txnid.swap(snapshot.txnid.0, Ordering::SeqCst);
        full_barrier_after_swap();
    }

    /// Returns whether the slot still protects the snapshot `txnid`, as far as other processes have a say in it.
    #[inline]
    pub(crate) fn has(&self, number: &SlotNumber, txnid: Txnid) -> bool {
        self.slot(number).txnid.load(Ordering::Relaxed) == txnid.0
            && self.attached.cached_oldest().load(Ordering::Acquire) <= txnid.0
    }

    /// Keeps the pages before `end` in the file, together with those of the snapshot that the slot has.
    pub(crate) fn keep_pages(&self, number: &SlotNumber, snapshot: Announced) {
        let slot = self.slot(number);
        slot.pages_used
            .fetch_max(snapshot.pages_used.0, Ordering::SeqCst);
        full_barrier_after_swap();
    }

    /// Returns whether the slot is still ours: another process could take us for dead.
    pub(crate) fn is_ours(&self, number: &SlotNumber) -> bool {
        self.slot(number).process.load(Ordering::Relaxed) == self.attached.pid
    }

    /// Gives the snapshot up, and keeps the slot.
    pub(crate) fn hold(&self, number: &SlotNumber) {
        self.vacate(number, HELD);
    }

    /// Gives the slot back. It is not a parked one.
    #[inline]
    pub(crate) fn release(&self, number: &SlotNumber) {
        if !self.attached.is_here() {
            return; // the slot is the parent's
        }
        let is_ours = self.vacate(number, IDLE);
        let place = &self.places[number.place];
        // Nor do those go back whose next holder has to know what they may lose.
        let is_kept = number.place <= self.kept_mask || place.leaving.load(Ordering::Relaxed) != 0;
        if is_ours && is_kept {
            place.state.store(FREE, Ordering::Release);
        } else {
            self.unbind(number, is_ours);
        }
    }

    /// Gives a slot back to the table.
    #[cold]
    fn unbind(&self, number: &SlotNumber, is_ours: bool) {
        if is_ours {
            self.slot(number).process.store(0, Ordering::Release);
            self.attached.touch();
        }
        self.places[number.place]
            .state
            .store(UNBOUND, Ordering::Release);
    }

    /// Gives the snapshot of a slot up; returns whether the slot is still ours. If not, another process took us for
    /// dead, and nothing is written to it.
    #[inline]
    fn vacate(&self, number: &SlotNumber, instead: u64) -> bool {
        let slot = self.slot(number);
        let is_ours = slot.process.load(Ordering::Relaxed) == self.attached.pid;
        if !is_ours || !self.attached.is_here() {
            return false; // or the parent's
        }
        slot.pages_used.store(0, Ordering::Release);
        slot.txnid.store(instead, Ordering::Release);
        self.attached.touch();
        true
    }

    /// Lets a writer take the snapshot away. Until [`unpark`](Readers::unpark) succeeds, the holder must not read.
    pub(crate) fn park(&self, number: &SlotNumber) {
        if !self.attached.is_here() {
            return; // the slot is the parent's
        }
        self.slot(number).thread.store(PARKED, Ordering::Release);
        self.attached.touch();
    }

    /// Ends parking; returns whether the snapshot `txnid` is still there. If not, the holder has the slot without one.
    pub(crate) fn unpark(&self, number: &SlotNumber, txnid: Txnid) -> bool {
        let slot = self.slot(number);
        let thread = this_thread().1;
        let unparked =
            slot.thread
                .compare_exchange(PARKED, thread, Ordering::SeqCst, Ordering::Acquire);
        let is_there = unparked.is_ok()
            && slot.process.load(Ordering::Relaxed) == self.attached.pid
            && slot.txnid.load(Ordering::SeqCst) == txnid.0;
        if !is_there {
            // The writer may still be between its two steps. The second one is for this very snapshot: who has the slot
            // next can have any other one.
            if slot.txnid.load(Ordering::Relaxed) == txnid.0 {
                let place = &self.places[number.place];
                place.leaving.store(txnid.0, Ordering::Relaxed);
            }
            slot.thread.store(thread, Ordering::Relaxed);
            self.hold(number);
        }
        is_there
    }
}

impl Drop for Readers {
    /// Gives all slots back. The readers are gone, or forgotten, and cannot read any more.
    fn drop(&mut self) {
        if self.attached.is_here() && self.is_registered.load(Ordering::Relaxed) {
            self.free_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::lck::{CHANGED, LockVersion, TOUCHED, UNCHANGED};
    use crate::ids::Pgno;
    use crate::store::attach::tests::attached;
    use crate::sys::process;

    fn readers() -> Readers {
        Readers::new(attached(LockVersion::V7))
    }

    fn snapshot(txnid: u64) -> Announced {
        Announced {
            txnid: Txnid(txnid),
            pages_used: Pgno(10 * u32::try_from(txnid).unwrap()),
            pages_retired: 100,
        }
    }

    /// What a writer finds that looks with `limit`.
    fn oldest(readers: &Readers, limit: u64) -> u64 {
        let Txnid(oldest) = readers.attached.oldest(100, Txnid(limit));
        oldest
    }

    #[test]
    fn the_oldest_snapshot_counts_and_is_told_to_others() {
        let readers = readers();
        let attached = &readers.attached;
        assert_eq!(oldest(&readers, 4), 4);
        let [a, b] = [(); 2].map(|()| readers.take().unwrap());
        assert_eq!(
            oldest(&readers, 5),
            5,
            "without a snapshot they protect nothing"
        );
        readers.pin(&a, snapshot(7));
        readers.pin(&b, snapshot(6));
        assert_eq!(oldest(&readers, 9), 6);
        assert_eq!(attached.cached_oldest().load(Ordering::Relaxed), 6);
        assert_eq!(attached.end_of_pages(), Pgno(70));
        assert_eq!(attached.oldest_reader(Txnid(6)), None);
        assert_eq!(
            attached.oldest_reader(Txnid(9)).unwrap().snapshot,
            snapshot(6)
        );
        readers.release(&b);
        assert_eq!(oldest(&readers, 9), 7);
        assert_eq!(
            oldest(&readers, 6),
            6,
            "what is asked for is never exceeded"
        );
        readers.release(&a);
        assert_eq!((oldest(&readers, 9), attached.taken()), (9, 0));
        assert_eq!(attached.end_of_pages(), Pgno(0));
    }

    #[test]
    fn a_slot_below_what_is_protected_is_emptied_and_its_reader_notices() {
        let readers = readers();
        assert_eq!(oldest(&readers, 8), 8);
        let slot = readers.take().unwrap();
        readers.pin(&slot, snapshot(7));
        assert!(!readers.has(&slot, Txnid(7)));
        assert_eq!(oldest(&readers, 9), 9);
        readers.pin(&slot, snapshot(9));
        assert!(readers.has(&slot, Txnid(9)));
    }

    #[test]
    fn the_flag_is_written_only_when_somebody_has_looked() {
        let readers = readers();
        let flag = || readers.attached.refresh_flag().load(Ordering::Relaxed);
        let slot = readers.take().unwrap();
        readers.attached.note_commit();
        readers.pin(&slot, snapshot(5));
        assert_eq!(flag(), 0);
        oldest(&readers, 9);
        assert_eq!(flag(), UNCHANGED);
        readers.release(&slot);
        assert_eq!(flag(), TOUCHED);
        oldest(&readers, 9);
        let slot = readers.take().unwrap();
        readers.pin_clone(&slot, snapshot(9));
        assert_eq!(flag(), CHANGED);
        readers.release(&slot);
        assert_eq!(flag(), CHANGED, "what is told is not hidden");
    }

    #[test]
    fn a_full_table_is_an_error_until_a_slot_is_given_back() {
        let readers = readers();
        let slots: Vec<_> = (0..110).map(|_| readers.take().unwrap()).collect();
        assert!(matches!(
            readers.take(),
            Err(Error::ReadersFull { max: 110 })
        ));
        readers.hold(&slots[0]);
        assert!(readers.take().is_err(), "a slot that is kept is taken");
        readers.release(&slots[0]);
        assert!(readers.take().is_ok());
        for slot in &slots[1..] {
            readers.release(slot);
        }
        let attached = &readers.attached;
        let is_bound =
            |&number: &usize| attached.slot(number).process.load(Ordering::Relaxed) == attached.pid;
        let bound = attached.used_slots().filter(is_bound).count();
        assert!(
            bound <= readers.kept_mask + 1,
            "{bound} slots are kept from others"
        );
    }

    #[test]
    fn slots_do_not_share_cache_lines_while_there_are_others() {
        let readers = readers();
        let mut slots: Vec<_> = (0..55).map(|_| readers.take().unwrap().slot).collect();
        slots.sort_unstable();
        assert_eq!(slots, (0..110).step_by(2).collect::<Vec<_>>());
        assert_eq!(readers.take().unwrap().slot, 1);
    }

    #[test]
    fn a_slot_that_others_took_away_is_left_alone() {
        let readers = readers();
        let slot = readers.take().unwrap();
        readers.pin(&slot, snapshot(5));
        let shared = readers.slot(&slot);
        shared.process.store(4711, Ordering::Relaxed); // another process has it now
        shared.txnid.store(6, Ordering::Relaxed);
        assert!(!readers.is_ours(&slot));
        readers.release(&slot);
        assert_eq!(shared.txnid.load(Ordering::Relaxed), 6);
        assert_ne!(readers.take().unwrap().slot, slot.slot);
        assert_eq!(shared.process.load(Ordering::Relaxed), 4711);
    }

    #[test]
    fn readers_of_dead_processes_are_removed_and_no_others() {
        let readers = readers();
        let attached = &readers.attached;
        let own = readers.take().unwrap();
        readers.pin(&own, snapshot(7));
        for (number, process) in [(2, 0x7FFF_FFF0), (4, 0x7FFF_FFF1), (6, 0x7FFF_FFF0)] {
            let slot = attached.slot(number);
            slot.txnid.store(5, Ordering::Relaxed);
            slot.process.store(process, Ordering::Relaxed);
            attached.readers_len().store(7, Ordering::Relaxed);
        }
        assert_eq!(oldest(&readers, 9), 5);
        assert_eq!(attached.sweep().unwrap(), 3);
        assert_eq!(attached.sweep().unwrap(), 0);
        assert_eq!(oldest(&readers, 9), 7);
    }

    #[test]
    fn only_a_parked_reader_can_be_ousted_and_it_learns_that_when_it_comes_back() {
        let readers = readers();
        let attached = &readers.attached;
        let slot = readers.take().unwrap();
        readers.pin(&slot, snapshot(5));
        let entry = attached.oldest_reader(Txnid(9)).unwrap();
        assert_eq!(entry.thread, Some(process::thread_id()));
        assert!(!attached.oust(&entry));
        readers.park(&slot);
        assert!(readers.unpark(&slot, Txnid(5)), "nobody needed the room");
        readers.park(&slot);
        assert!(attached.oust(&entry));
        assert!(!attached.oust(&entry));
        assert_eq!(oldest(&readers, 9), 9);
        assert_eq!(attached.taken(), 1);
        assert!(!readers.unpark(&slot, Txnid(5)));
        assert_eq!((attached.taken(), attached.entries().count()), (1, 0));
        readers.pin(&slot, snapshot(8));
        assert_eq!(attached.entries().next().unwrap().snapshot, snapshot(8));
    }

    #[test]
    fn a_reader_that_comes_back_while_it_is_ousted_has_its_snapshot_or_knows_that_it_has_not() {
        let readers = readers();
        let attached = &readers.attached;
        let slot = readers.take().unwrap();
        let rounds = 2000;
        let done = AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while done.load(Ordering::Relaxed) == 0 {
                    if let Some(entry) = attached.oldest_reader(Txnid::MAX) {
                        attached.oust(&entry);
                    }
                }
            });
            for round in 1..rounds {
                readers.pin(&slot, snapshot(round));
                readers.park(&slot);
                let expected = if readers.unpark(&slot, Txnid(round)) {
                    Txnid(round)
                } else {
                    Txnid::MAX
                };
                assert_eq!(attached.oldest_seen(Txnid::MAX), expected);
            }
            done.store(1, Ordering::Relaxed);
        });
    }

    #[test]
    fn a_snapshot_handed_from_slot_to_slot_is_never_missed() {
        let readers = readers();
        let attached = &readers.attached;
        let done = AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut has = readers.take().unwrap();
                readers.pin(&has, snapshot(5));
                done.store(1, Ordering::Release);
                for _ in 0..20_000 {
                    let next = readers.take().unwrap();
                    readers.pin_clone(&next, snapshot(5));
                    readers.release(&has);
                    has = next;
                }
                done.store(2, Ordering::Release);
            });
            while done.load(Ordering::Acquire) == 0 {
                std::hint::spin_loop();
            }
            while done.load(Ordering::Acquire) == 1 {
                assert!(oldest(&readers, 9) <= 5);
                attached.note_commit();
            }
        });
    }
}
