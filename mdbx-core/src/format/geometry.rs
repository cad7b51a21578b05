//! Lower, upper and present size of the data file in pages, and the packed encoding of its steps.
//!
//! Source: format document, "Packed page counts" and "Geometry and file size".

use crate::ids::{PageSize, Pgno};

/// The length of a data file is a multiple of this many bytes, the page of the operating system.
const SYSTEM_PAGE: u64 = 4096;

/// How long the data file is and may become, in pages: the geometry as a meta page holds it.
///
/// In a sound meta `lower <= now <= upper` and `first_unallocated <= now`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageCounts {
    /// The file is never shorter.
    pub lower: u32,
    /// The file is never longer.
    pub upper: u32,
    /// The length of the file.
    pub now: u32,
    /// The step by which the file grows, packed; 0: it does not.
    pub grow_pv: u16,
    /// How many unused pages at the end let the file shrink, packed; 0: it does not.
    pub shrink_pv: u16,
    /// The first page that the snapshot never used; all later ones neither.
    pub first_unallocated: Pgno,
}

/// The bits that are set together in a value which is not simply the count.
const PACKED: u16 = 0x8001;
/// The count up to which a packed value has steps to go, and above which it counts.
const BASE: u32 = 32768;
/// What stands for every count too large to be packed.
const SATURATED: u16 = 0xFFFD;
/// The largest count that can be packed: what [`SATURATED`] means.
const LARGEST: u32 = 67_108_864;

/// Returns the 16-bit form of a count of pages, which stands for as many or slightly more.
///
/// Counts up to 32768 and even ones below 65536 stand for themselves; counts above 67 108 864 become that many.
///
/// Some counts have two forms, and libmdbx writes only those that this function returns for what they stand for. So a
/// count goes into a meta as `pack(unpack(pack(count)))`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the values cast fit 16 and 11 bits"
)]
pub(crate) const fn pack(pages: u32) -> u16 {
    if pages <= BASE || (pages < 2 * BASE && pages.is_multiple_of(2)) {
        return pages as u16;
    }
    if pages >= LARGEST {
        return SATURATED;
    }
    // The rest is `(mantissa + 1) << shift` with an 11-bit mantissa, for the smallest shift that reaches `pages`.
    let rest = pages - BASE;
    let mut exponent = 0;
    while rest > 2048 << (exponent + 8) {
        exponent += 1;
    }
    let mantissa = rest.div_ceil(1 << (exponent + 8)) - 1;
    PACKED + (exponent << 12) + ((mantissa as u16) << 1)
}

/// Returns the count of pages that its 16-bit form stands for.
pub(crate) const fn unpack(packed: u16) -> u32 {
    if packed & PACKED != PACKED {
        return packed as u32;
    }
    if packed == u16::MAX {
        return 2 * BASE;
    }
    let mantissa = (packed >> 1) as u32 & 0x7FF;
    let exponent = (packed >> 12) & 7;
    BASE + ((mantissa + 1) << (exponent + 8))
}

/// Returns how long the file must be, in pages, so that all pages before `end` exist.
///
/// It grows to the next multiple of its step, and not beyond `upper`. `None` if it must grow but cannot.
///
/// Source: format document, "Geometry and file size", Growth.
pub(crate) fn grown(counts: &PageCounts, end: Pgno, page_size: PageSize) -> Option<u32> {
    let PageCounts { upper, now, .. } = *counts;
    let step = u64::from(unpack(counts.grow_pv));
    if end.0 <= now {
        return Some(now);
    }
    if end.0 > upper || step == 0 {
        return None;
    }
    let end = u64::from(end.0);
    let wanted = end + step - end % step;
    let wanted = wanted.next_multiple_of(pages_per_unit(page_size));
    Some(u32::try_from(wanted).map_or(upper, |wanted| wanted.min(upper)))
}

/// Returns the number of pages of which the file has a multiple, so that its length is one of whole system pages.
pub(crate) fn pages_per_unit(page_size: PageSize) -> u64 {
    page_size.pages_for(SYSTEM_PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_follows_the_vectors_of_the_document() {
        let vectors = [
            (0, 0, 0),
            (1, 1, 1),
            (32768, 0x8000, 32768),
            (32769, 0x8001, 33024),
            (40000, 0x9C40, 40000),
            (40001, 0x8039, 40192),
            (65535, 0x80FF, 65536),
            (65536, 0x80FF, 65536),
            (65537, 0x8101, 65792),
            (131_072, 0x82FF, 131_072),
            (1_000_000, 0x9EC3, 1_000_448),
            (4_194_304, 0xBFDF, 4_194_304),
            (16_777_216, 0xDFF7, 16_777_216),
            (67_108_863, 0xFFFD, 67_108_864),
            (67_108_864, 0xFFFD, 67_108_864),
            (u32::MAX, 0xFFFD, 67_108_864),
        ];
        for (pages, packed, unpacked) in vectors {
            assert_eq!(pack(pages), packed, "pack {pages}");
            assert_eq!(unpack(packed), unpacked, "unpack {packed:#x}");
        }
        assert_eq!(unpack(0xFFFF), 65536);
    }

    #[test]
    fn packing_rounds_up_and_only_once() {
        let mut pages = 1;
        while pages < LARGEST {
            let packed = pack(pages);
            assert!(unpack(packed) >= pages, "{pages} is rounded up");
            assert_eq!(unpack(pack(unpack(packed))), unpack(packed), "{pages}");
            pages += 1 + pages / 512;
        }
    }

    const COUNTS: PageCounts = PageCounts {
        lower: 16,
        upper: 1000,
        now: 64,
        grow_pv: 64,
        shrink_pv: 128,
        first_unallocated: Pgno(60),
    };

    #[test]
    fn a_file_grows_by_its_step_up_to_its_upper_bound() {
        let size = PageSize::DEFAULT;
        assert_eq!(grown(&COUNTS, Pgno(64), size), Some(64), "there is room");
        assert_eq!(grown(&COUNTS, Pgno(65), size), Some(128));
        assert_eq!(
            grown(&COUNTS, Pgno(128), size),
            Some(192),
            "a whole step more"
        );
        assert_eq!(grown(&COUNTS, Pgno(999), size), Some(1000));
        assert_eq!(grown(&COUNTS, Pgno(1000), size), Some(1000));
        assert_eq!(grown(&COUNTS, Pgno(1001), size), None);
    }

    #[test]
    fn a_file_without_a_step_does_not_grow() {
        let fixed = PageCounts {
            grow_pv: 0,
            ..COUNTS
        };
        assert_eq!(grown(&fixed, Pgno(64), PageSize::DEFAULT), Some(64));
        assert_eq!(grown(&fixed, Pgno(65), PageSize::DEFAULT), None);
    }

    #[test]
    fn small_pages_come_in_whole_system_pages() {
        let odd_step = PageCounts {
            grow_pv: 5,
            ..COUNTS
        };
        assert_eq!(
            grown(&odd_step, Pgno(66), PageSize::MIN),
            Some(80),
            "70, rounded up to 16 pages"
        );
        assert_eq!(grown(&odd_step, Pgno(66), PageSize::DEFAULT), Some(70));
        assert_eq!(grown(&odd_step, Pgno(66), PageSize::MAX), Some(70));
    }

    #[test]
    fn growing_to_the_largest_file_does_not_wrap() {
        let largest = PageCounts {
            upper: 1 << 31,
            grow_pv: SATURATED,
            ..COUNTS
        };
        assert_eq!(grown(&largest, Pgno(1 << 31), PageSize::MIN), Some(1 << 31));
        let damaged = PageCounts {
            upper: u32::MAX,
            ..largest
        };
        assert_eq!(
            grown(&damaged, Pgno(u32::MAX), PageSize::MIN),
            Some(u32::MAX)
        );
    }
}
