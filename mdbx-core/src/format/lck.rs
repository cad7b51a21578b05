//! The lock file: what processes that share a database tell each other.
//!
//! It carries no lasting data: whoever opens a database alone makes it anew. Its layout changed between releases of
//! libmdbx, so where fields are is a value, a [`Layout`]; processes that share a database have the same one.
//!
//! ```text
//!   0       8        12        64            320           360                            slots
//!   | magic | format | counters | statistics | writer lock | oldest .. | readers lock | .. | slot | slot | ...
//! ```
//!
//! Source: locking document, "Layout".

/// The release series of libmdbx that a lock file suits.
///
/// The data file is the same for all of them, so they can use a database one after the other. At the same time they can
/// only if their lock files agree. See [`EnvOptions::lock_version`](crate::EnvOptions::lock_version).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LockVersion {
    /// Version 6: libmdbx 0.13, 0.14.0 and 0.14.1.
    V6,
    /// Version 7: libmdbx 0.14.2 and later.
    #[default]
    V7,
}

/// Where the fields of a lock file are, in bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) version: LockVersion,
    /// What the oldest snapshot in use had retired, where there is a place for it.
    pub(crate) cached_oldest_retired: Option<usize>,
    /// Since when something is not on the disk, in nanoseconds.
    pub(crate) eoos_timestamp: usize,
    /// How many pages may not be on the disk.
    pub(crate) unsynced_pages: usize,
    /// When dead readers were looked for, in nanoseconds.
    pub(crate) readers_check_timestamp: usize,
    /// The mutex of the slots.
    pub(crate) readers_lock: usize,
    /// How many slots were ever used.
    pub(crate) readers_len: usize,
    /// Whether the slots changed since the writer looked at them.
    pub(crate) refresh_flag: usize,
    /// The first slot.
    pub(crate) slots: usize,
}

/// Where the magic number and the version are, 8 bytes.
pub(crate) const MAGIC: usize = 0;
/// Where the word is that tells how the file was built, 4 bytes.
pub(crate) const FORMAT: usize = 8;
/// Where the modes in use are, 4 bytes.
pub(crate) const MODES: usize = 12;
/// Where it is after how many unsynced pages a commit is durable, 4 bytes.
pub(crate) const AUTOSYNC_THRESHOLD: usize = 16;
/// Where it is after what time a commit is durable, in nanoseconds, 8 bytes.
pub(crate) const AUTOSYNC_PERIOD: usize = 24;
/// Where the low half of the newest transaction is whose meta is on the disk, 4 bytes.
pub(crate) const META_SYNC_TXNID: usize = 20;
/// Where the mutex of the writer is.
pub(crate) const WRITER_LOCK: usize = 320;
/// Where the oldest snapshot is that is still protected, 8 bytes.
pub(crate) const CACHED_OLDEST: usize = 360;

/// How long a slot is.
pub(crate) const SLOT_LEN: usize = 32;

/// The snapshot of a slot that has none.
pub(crate) const IDLE: u64 = u64::MAX;
/// The snapshot of a slot that has none, but is kept by a transaction of ours. To libmdbx it is idle.
pub(crate) const HELD: u64 = u64::MAX - 1;
/// The first number that is no snapshot.
///
/// Source: locking document, "Reader slot".
pub(crate) const FIRST_IDLE: u64 = 0xFFFF_FFFF_0000_0000;

/// The thread of a slot whose reader is parked: a writer may take its snapshot away.
pub(crate) const PARKED: u64 = u64::MAX;
/// The thread of a slot whose parked reader lost its snapshot.
pub(crate) const OUSTED: u64 = u64::MAX - 1;

/// The refresh flag when nothing has changed since the slots were looked at.
pub(crate) const UNCHANGED: u32 = 0x4E6F_6E65;
/// The refresh flag of ours when slots changed in a way that a look which missed it need not be repeated for.
pub(crate) const TOUCHED: u32 = 2;
/// The refresh flag when slots changed in any way.
pub(crate) const CHANGED: u32 = 1;

/// The modes that processes have to agree on, and others that are told.
///
/// Source: locking document, "SHARED result".
pub(crate) mod modes {
    /// Commits are not synced.
    pub(crate) const SAFE_NO_SYNC: u32 = 0x0001_0000;
    /// Commits are not synced, and not kept in order either. Both bits.
    pub(crate) const UTTERLY_NO_SYNC: u32 = 0x0011_0000;
    /// The file is only read.
    pub(crate) const READ_ONLY: u32 = 0x0002_0000;
    /// Metas are not synced.
    pub(crate) const NO_META_SYNC: u32 = 0x0004_0000;
    /// The file is written through its mapping.
    pub(crate) const WRITE_MAP: u32 = 0x0008_0000;
    /// The pages freed last are used first.
    pub(crate) const LIFO_RECLAIM: u32 = 0x0400_0000;
    /// All bits that are told.
    pub(crate) const TOLD: u32 = 0x049F_0000;
    /// Those whose commits leave something for a later sync.
    pub(crate) const LAZY: u32 = UTTERLY_NO_SYNC | NO_META_SYNC;
}

/// The first seven bytes of a lock file, above the version.
const LOCK_MAGIC: u64 = 0x0059_659D_BDEF_4C11;
/// What stands for robust mutexes of POSIX in the format word.
const ROBUST_MUTEX: u32 = 0x8017;
/// A lock file has whole pages of the operating system.
const LOCK_PAGE: usize = 4096;
/// The most and the fewest readers that a lock file has room for.
const MOST_READERS: usize = 32767;
const FEWEST_READERS: usize = 4;

/// What is wrong with the header of a lock file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockFault {
    /// It is none.
    NotALockFile,
    /// Its version is another one.
    Version(u8),
    /// It is of this version, but built differently.
    Format(u32),
}

impl LockVersion {
    /// Returns the version as a number.
    #[must_use]
    pub(crate) fn number(self) -> u8 {
        match self {
            LockVersion::V6 => 6,
            LockVersion::V7 => 7,
        }
    }
}

impl Layout {
    /// Returns the layout of a version.
    ///
    /// Source: locking document, "The rest".
    pub(crate) const fn new(version: LockVersion) -> Layout {
        match version {
            LockVersion::V6 => Layout {
                version,
                cached_oldest_retired: None,
                eoos_timestamp: 368,
                unsynced_pages: 376,
                readers_check_timestamp: 384,
                readers_lock: 448,
                readers_len: 488,
                refresh_flag: 492,
                slots: 512,
            },
            LockVersion::V7 => Layout {
                version,
                cached_oldest_retired: Some(368),
                eoos_timestamp: 376,
                unsynced_pages: 384,
                readers_check_timestamp: 392,
                readers_lock: 512,
                readers_len: 552,
                refresh_flag: 556,
                slots: 576,
            },
        }
    }

    /// Returns the layout of a lock file that begins with `magic` and `format`.
    pub(crate) fn of(magic: u64, format: u32) -> Result<Layout, LockFault> {
        if magic >> 8 != LOCK_MAGIC {
            return Err(LockFault::NotALockFile);
        }
        let [number, ..] = magic.to_le_bytes();
        let version = match number {
            6 => LockVersion::V6,
            7 => LockVersion::V7,
            other => return Err(LockFault::Version(other)),
        };
        let layout = Layout::new(version);
        if format == layout.format() {
            Ok(layout)
        } else {
            Err(LockFault::Format(format))
        }
    }

    /// Returns the first 8 bytes of a lock file.
    pub(crate) fn magic(&self) -> u64 {
        LOCK_MAGIC << 8 | u64::from(self.version.number())
    }

    /// Returns the word that tells how a lock file was built.
    ///
    /// Source: locking document, "Versions and the format word".
    #[expect(clippy::cast_possible_truncation, reason = "offsets below 1000")]
    pub(crate) const fn format(&self) -> u32 {
        let fixed = ROBUST_MUTEX.wrapping_mul(27733) + 32 * 13 + 20 * 251;
        let places = CACHED_OLDEST * 83 + self.readers_len * 37 + self.slots * 29;
        fixed.wrapping_add(places as u32)
    }

    /// Returns where a slot is.
    #[inline]
    pub(crate) fn slot(&self, number: usize) -> usize {
        self.slots + SLOT_LEN * number
    }

    /// Returns how long a lock file is with slots for at least `readers` readers.
    pub(crate) fn file_len(&self, readers: usize) -> usize {
        let bytes = self.slots + SLOT_LEN * readers.clamp(1, MOST_READERS);
        bytes.next_multiple_of(LOCK_PAGE)
    }

    /// Returns how many slots a lock file of `len` bytes has; `None` if no lock file is so long.
    pub(crate) fn slot_count(&self, len: usize) -> Option<usize> {
        let count = len.checked_sub(self.slots)? / SLOT_LEN;
        let fits = len.is_multiple_of(LOCK_PAGE) && count >= FEWEST_READERS;
        fits.then(|| count.min(MOST_READERS))
    }
}

/// Returns the shortest length that a lock file in use can have, in bytes.
pub(crate) const fn shortest_file() -> u64 {
    (Layout::new(LockVersion::V6).slots + SLOT_LEN) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUTS: [Layout; 2] = [Layout::new(LockVersion::V6), Layout::new(LockVersion::V7)];

    #[test]
    fn the_format_words_are_those_of_libmdbx() {
        assert_eq!(
            LAYOUTS.map(|layout| layout.format()),
            [0x3635_461F, 0x3635_569F]
        );
    }

    #[test]
    fn a_header_tells_its_layout() {
        for layout in LAYOUTS {
            assert_eq!(Layout::of(layout.magic(), layout.format()), Ok(layout));
            assert_eq!(Layout::of(layout.magic(), 1), Err(LockFault::Format(1)));
        }
        let [_, seven] = LAYOUTS;
        let of = |magic| Layout::of(magic, seven.format());
        assert_eq!(of(seven.magic() + 1), Err(LockFault::Version(8)));
        assert_eq!(of(seven.magic() + 256), Err(LockFault::NotALockFile));
        assert_eq!(of(0), Err(LockFault::NotALockFile));
    }

    #[test]
    fn no_two_fields_overlap_and_each_is_aligned() {
        for layout in LAYOUTS {
            let mut fields = vec![
                (MAGIC, 8),
                (FORMAT, 4),
                (MODES, 4),
                (AUTOSYNC_THRESHOLD, 4),
                (META_SYNC_TXNID, 4),
                (AUTOSYNC_PERIOD, 8),
                (WRITER_LOCK, 40),
                (CACHED_OLDEST, 8),
                (layout.eoos_timestamp, 8),
                (layout.unsynced_pages, 8),
                (layout.readers_check_timestamp, 8),
                (layout.readers_lock, 40),
                (layout.readers_len, 4),
                (layout.refresh_flag, 4),
                (layout.slot(0), SLOT_LEN),
                (layout.slot(1), SLOT_LEN),
            ];
            fields.extend(layout.cached_oldest_retired.map(|at| (at, 8)));
            fields.sort_unstable();
            for pair in fields.windows(2) {
                assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{pair:?}");
            }
            assert!(fields.iter().all(|(at, len)| at % len.min(&8) == 0));
            assert_eq!(layout.slots % 64, 0, "two slots share a cache line");
        }
    }

    #[test]
    fn slots_fill_the_pages_of_a_lock_file() {
        let [six, seven] = LAYOUTS;
        for readers in [0, 1, 61, 110] {
            assert_eq!(seven.slot_count(seven.file_len(readers)), Some(110));
        }
        assert_eq!(six.slot_count(six.file_len(61)), Some(112));
        assert_eq!(seven.slot_count(seven.file_len(111)), Some(238));
        assert_eq!(
            seven.slot_count(seven.file_len(usize::MAX)),
            Some(MOST_READERS)
        );
        assert_eq!(seven.slot_count(4095), None);
        assert_eq!(seven.slot_count(0), None);
        assert_eq!(seven.slot_count(8192 + 32), None);
    }
}
