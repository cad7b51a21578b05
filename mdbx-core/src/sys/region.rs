//! The memory that processes share: the lock file, mapped; or memory of this process alone, where there is none.
//!
//! Its bytes are reached in two ways only: as atomics, and as the mutexes of [`mutex`](crate::sys::mutex). Where which
//! of them are is the layout of the lock file, in which no two fields overlap.
#![expect(unsafe_code, reason = "borrows atomics of mapped memory")]

use std::fs::File;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64};

use memmap2::{MmapOptions, MmapRaw};

/// The fields of a reader slot, in their order in a lock file.
///
/// Source: locking document, "Reader slot".
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Slot {
    /// The snapshot it protects, or what stands for none.
    pub(crate) txnid: AtomicU64,
    /// The thread that uses it, or what stands for a parked reader.
    pub(crate) thread: AtomicU64,
    /// The process that has it; 0 if nobody does, and then nothing else in it means anything.
    pub(crate) process: AtomicU32,
    /// How many pages from the start of the file the snapshot reaches.
    pub(crate) pages_used: AtomicU32,
    /// How many pages had ever been retired when the snapshot was made.
    pub(crate) pages_retired: AtomicU64,
}

/// Memory that can be shared with other processes.
#[derive(Debug)]
pub(crate) struct Region {
    /// The mapping; unmapped on drop.
    raw: MmapRaw,
    base: NonNull<u8>,
}

// SAFETY: the memory is reached as atomics and as mutexes, both of which any thread may use; `base` does not change.
unsafe impl Send for Region {}
// SAFETY: as for `Send`.
unsafe impl Sync for Region {}

impl Region {
    /// Maps the first `len` bytes of `file`, which it must have.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub(crate) fn of_file(file: &File, len: usize) -> io::Result<Region> {
        let raw = MmapOptions::new().len(len).map_raw(file)?;
        Region::new(raw)
    }

    /// Takes `len` bytes of memory of this process, all zero.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub(crate) fn private(len: usize) -> io::Result<Region> {
        let raw = MmapOptions::new().len(len).map_anon()?;
        Region::new(raw.into())
    }

    fn new(raw: MmapRaw) -> io::Result<Region> {
        let base = NonNull::new(raw.as_mut_ptr()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Region { raw, base })
    }

    /// Returns the atomic at byte `at`.
    ///
    /// # Panics
    ///
    /// If it is misaligned or leaves the region.
    #[inline]
    pub(crate) fn u32(&self, at: usize) -> &AtomicU32 {
        let field = self.field(at, size_of::<AtomicU32>());
        // SAFETY:
        // - Aligned and inside: `field` checked it.
        // - Initialised: bytes of a mapping, and every bit pattern is a `u32`.
        // - Race-free: these bytes are only ever reached as atomics of this size, here and in other processes; the
        //   fields of a lock file do not overlap.
        // - Lifetime: the borrow ends with `self`, which owns the mapping, and no program shortens the file while
        //   somebody is attached to it.
        unsafe { field.cast::<AtomicU32>().as_ref() }
    }

    /// Returns the atomic at byte `at`.
    ///
    /// # Panics
    ///
    /// If it is misaligned or leaves the region.
    #[inline]
    pub(crate) fn u64(&self, at: usize) -> &AtomicU64 {
        let field = self.field(at, size_of::<AtomicU64>());
        // SAFETY: as for `u32`.
        unsafe { field.cast::<AtomicU64>().as_ref() }
    }

    /// Returns the slot at byte `at`.
    ///
    /// # Panics
    ///
    /// If it is misaligned or leaves the region.
    #[inline]
    pub(crate) fn slot(&self, at: usize) -> &Slot {
        let slot = self.field(at, size_of::<Slot>());
        // SAFETY: as for `u32`, for each of the fields, which leave no gaps.
        unsafe { slot.cast::<Slot>().as_ref() }
    }

    /// Returns the address of `len` bytes at `at`, aligned to their length or, if they are more, to 8.
    #[inline]
    pub(super) fn field(&self, at: usize, len: usize) -> NonNull<u8> {
        let fits = at.checked_add(len).is_some_and(|end| end <= self.raw.len());
        assert!(
            fits && at.is_multiple_of(len.min(8)),
            "a field of the lock file"
        );
        // SAFETY: the assertion keeps the field inside the mapping. That starts on a page boundary.
        unsafe { self.base.add(at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn two_mappings_of_a_file_show_the_same() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(4096).unwrap();
        let [one, other] = [(); 2].map(|()| Region::of_file(&file, 4096).unwrap());
        one.u64(8).store(1 << 32 | 7, Relaxed);
        assert_eq!(other.u32(8).load(Relaxed), 7);
        assert_eq!(other.u32(12).load(Relaxed), 1);
        let private = Region::private(4096).unwrap();
        assert_eq!(private.u64(4088).load(Relaxed), 0);
    }

    #[test]
    #[should_panic(expected = "a field of the lock file")]
    fn a_field_outside_is_refused() {
        Region::private(4096).unwrap().u64(4096);
    }

    #[test]
    #[should_panic(expected = "a field of the lock file")]
    fn a_misaligned_field_is_refused() {
        Region::private(4096).unwrap().u64(4);
    }

    #[test]
    fn the_fields_of_a_slot_are_where_libmdbx_has_them() {
        let places = [
            offset_of!(Slot, txnid),
            offset_of!(Slot, thread),
            offset_of!(Slot, process),
            offset_of!(Slot, pages_used),
            offset_of!(Slot, pages_retired),
        ];
        assert_eq!((places, size_of::<Slot>()), ([0, 8, 16, 20, 24], 32));
    }
}
