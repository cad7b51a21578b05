//! The mapping: reserves room for the largest data file once, so its base never moves.
//!
//! A [`Map`] by itself gives no bytes, because the file behind it grows, shrinks and is written. Bytes are borrowed
//! against a [`SnapshotPin`], the proof that the pages of one snapshot stay as they are. Metas, which are written
//! while others read them, are reached as atomics, through `shared.rs`.
//!
//! This mapping is read-only: a stray pointer into it cannot damage the database. Written bytes appear in it at once, because
//! the operating system keeps one copy of each page for reads, writes and mappings.
#![expect(unsafe_code, reason = "borrows bytes of a mapped file")]

use std::fs::File;
use std::io;
use std::slice;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use memmap2::{Advice, MmapOptions, MmapRaw};

use crate::sys::file::DataFile;

/// A shared, read-only mapping of the data file.
///
/// It can be longer than the file, which then grows into it. Touching the part beyond the file's end would end the
/// process (`SIGBUS`), so the map knows how far the file goes.
#[derive(Debug)]
pub(crate) struct Map {
    /// The mapping; unmapped on drop.
    raw: MmapRaw,
    /// How long the file was when it was last measured.
    present: AtomicUsize,
    /// Tells this map from all others of this process; addresses would not, since they are used again.
    id: u64,
}

/// The right to read the pages of one snapshot from the [`Map`] that minted this pin.
///
/// It is not `Clone`: whoever keeps the promise of [`Map::pin`] knows where its only pin is.
#[derive(Debug)]
pub(crate) struct SnapshotPin {
    /// The `id` of the map.
    map: u64,
    /// How many bytes from the start may be read: at most the length of the map.
    limit: usize,
}

impl Map {
    /// Maps `file` from its start, reserving `reserve` bytes of address space.
    ///
    /// # Errors
    ///
    /// What the operating system says, for example that there is not so much address space.
    pub(crate) fn new(file: &File, reserve: usize) -> io::Result<Map> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let raw = MmapOptions::new().len(reserve).map_raw_read_only(file)?;
        // Neighbouring pages of a tree are rarely needed together, so reading ahead wastes memory. It is a hint: a
        // kernel built without it changes nothing but speed.
        let _ = raw.advise(Advice::Random);
        Ok(Map {
            raw,
            present: AtomicUsize::new(in_memory(file.metadata()?.len())),
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// Returns how many bytes of address space the mapping reserves.
    pub(crate) fn len(&self) -> usize {
        self.raw.len()
    }

    /// Notes that the file has become longer, which makes the new part readable; or shorter. Returns its length.
    ///
    /// # Errors
    ///
    /// What the operating system says when asked for the length.
    pub(crate) fn measure(&self, file: &dyn DataFile) -> io::Result<u64> {
        let len = file.len()?;
        self.present.store(in_memory(len), Ordering::Release);
        Ok(len)
    }

    /// Mints the right to read the first `limit` bytes, or all of the mapping if it is shorter.
    ///
    /// # Safety
    ///
    /// While the pin lives:
    ///
    /// - **Present**: the file is not shortened below what is asked for with this pin.
    /// - **Frozen**: [`bytes`](Map::bytes) is asked, with this pin, only for pages that the snapshot reaches, and no
    ///   process writes to such a page. Metas are never such pages.
    pub(crate) unsafe fn pin(&self, limit: usize) -> SnapshotPin {
        SnapshotPin {
            map: self.id,
            limit: limit.min(self.len()),
        }
    }

    /// Returns the `len` bytes at `at`; `None` if they leave the file or the pinned part, or if another map minted
    /// `pin`.
    #[inline]
    pub(crate) fn bytes<'p>(
        &'p self,
        pin: &'p SnapshotPin,
        at: usize,
        len: usize,
    ) -> Option<&'p [u8]> {
        let end = at.checked_add(len)?;
        if end > pin.limit || end > self.present.load(Ordering::Acquire) || pin.map != self.id {
            return None;
        }
        // SAFETY: `at <= end <= pin.limit <= self.len()`, so the address is inside the mapping or at its end.
        let start = unsafe { self.raw.as_ptr().add(at) };
        // SAFETY:
        // - Inside: `start` and the `len` bytes after it end at `end`, which is inside the mapping.
        // - Initialised: file bytes, and every bit pattern is a `u8`. They were in the file when it was measured, and
        //   **Present** keeps them there.
        // - Unchanged: **Frozen**, promised where the pin was minted, for writes by whatever means.
        // - Lifetime: the borrow ends with `self`, which owns the mapping, and with `pin`, for which the promise holds.
        Some(unsafe { slice::from_raw_parts(start, len) })
    }

    /// Returns the `count` atomics from byte `at` on; `None` if they are misaligned or leave the mapping or the file.
    ///
    /// They are for relaxed loads only, as the mapping cannot be written; hence `shared.rs` keeps them to itself.
    /// `file_len` is the length of the file, or a length below which it is never shortened.
    #[inline]
    pub(super) fn atomics(&self, at: usize, count: usize, file_len: usize) -> Option<&[AtomicU32]> {
        let end = count.checked_mul(size_of::<AtomicU32>())?.checked_add(at)?;
        let fits = end <= self.len().min(file_len) && at.is_multiple_of(align_of::<AtomicU32>());
        // SAFETY: `fits` keeps the fields inside the mapping.
        let fields = fits.then(|| unsafe { self.raw.as_ptr().add(at) })?;
        #[expect(
            clippy::cast_ptr_alignment,
            reason = "`fits` checked `at`, and the mapping starts on a page"
        )]
        let fields = fields.cast::<AtomicU32>();
        // SAFETY:
        // - Aligned: the mapping starts on a page boundary, and `fits` checked `at`.
        // - Inside: `fits` keeps all of them inside the mapping.
        // - Initialised: file bytes, and every bit pattern is a `u32`.
        // - Race-free: only metas are read this way, they are never borrowed as bytes, and the system calls that
        //   write them are outside of what Rust orders.
        // - Lifetime: the borrow ends with `self`, which owns the mapping.
        Some(unsafe { slice::from_raw_parts(fields, count) })
    }
}

fn in_memory(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file::OsFile;
    use std::os::unix::fs::FileExt;

    /// Returns a mapping of 1 MiB over a file of 8192 bytes, each byte the number of its 4096-byte page plus one.
    fn mapped() -> (File, Map) {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&[1; 4096], 0).unwrap();
        file.write_all_at(&[2; 4096], 4096).unwrap();
        let map = Map::new(&file, 1 << 20).unwrap();
        (file, map)
    }

    #[test]
    fn a_file_grows_into_its_mapping_once_it_is_measured() {
        let directory = tempfile::tempdir().unwrap();
        let file = OsFile::open(&directory.path().join("file"), true).unwrap();
        file.set_len(4096).unwrap();
        let map = Map::new(file.file(), 1 << 20).unwrap();
        assert_eq!(map.len(), 1 << 20);
        // SAFETY: nothing writes to a page below once it was read, or shortens the file.
        let pin = unsafe { map.pin(1 << 20) };
        assert_eq!(map.bytes(&pin, 0, 4096).unwrap(), [0; 4096]);
        file.set_len(20 * 4096).unwrap();
        file.file().write_all_at(&[9; 4096], 19 * 4096).unwrap();
        assert!(map.bytes(&pin, 19 * 4096, 4096).is_none());
        map.measure(&file).unwrap();
        assert_eq!(map.bytes(&pin, 19 * 4096, 4096).unwrap(), [9; 4096]);
        assert!(map.bytes(&pin, 20 * 4096, 1).is_none());
    }

    #[test]
    fn a_pin_reaches_no_further_than_its_limit() {
        let (_file, map) = mapped();
        // SAFETY: nothing writes to or shortens the file below.
        let pin = unsafe { map.pin(5000) };
        assert!(map.bytes(&pin, 0, 5000).is_some());
        assert!(map.bytes(&pin, 4999, 1).is_some());
        assert!(map.bytes(&pin, 5000, 0).is_some_and(<[u8]>::is_empty));
        assert!(map.bytes(&pin, 4096, 905).is_none());
        assert!(map.bytes(&pin, 5001, 0).is_none());
        assert!(
            map.bytes(&pin, usize::MAX, 2).is_none(),
            "the sum does not wrap"
        );
    }

    #[test]
    fn a_pin_reaches_no_further_than_the_file() {
        let (_file, map) = mapped();
        // SAFETY: nothing writes to or shortens the file below.
        let pin = unsafe { map.pin(usize::MAX) };
        assert!(map.bytes(&pin, 8192, 0).is_some());
        assert!(map.bytes(&pin, 8191, 2).is_none());
        assert!(map.bytes(&pin, (1 << 20) + 1, 0).is_none());
    }

    #[test]
    fn a_pin_of_another_map_opens_nothing() {
        let (file, map) = mapped();
        let other = Map::new(&file, 1 << 20).unwrap();
        // SAFETY: nothing writes to or shortens the file below.
        let pin = unsafe { other.pin(8192) };
        assert!(map.bytes(&pin, 0, 1).is_none());
    }

    #[test]
    fn atomics_stay_inside_the_file_and_aligned() {
        let (_file, map) = mapped();
        assert!(map.atomics(8188, 1, 8192).is_some());
        assert!(map.atomics(8188, 2, 8192).is_none());
        assert!(map.atomics(8189, 1, 10_000).is_none());
        assert!(map.atomics(2, 1, 8192).is_none());
        assert!(map.atomics(1 << 20, 1, usize::MAX).is_none());
        assert!(map.atomics(usize::MAX - 3, 1, usize::MAX).is_none());
    }
}
