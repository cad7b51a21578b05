//! What geometry was asked for, and what a file gets.
//!
//! Sizes asked for are in bytes, those of a file in pages. Every size is rounded up, to whole pages of the database
//! and of the operating system; where the file grows by large steps, also to [`STEP_UNIT`].
//!
//! Source: behaviour document, "Geometry"; format document, "Geometry and file size".

use crate::error::{Error, Result};
use crate::format::geometry::{PageCounts, pack, pages_per_unit, unpack};
use crate::ids::{PageSize, Pgno};

/// Without a lower bound, a file has at least this many pages.
const LOWER_PAGES: u64 = 64;
/// Without an upper bound, a file has at most this many bytes.
const UPPER: u64 = 1 << 40;
/// Without a step, a file grows from its lower to its upper bound in this many.
const STEPS: u64 = 42;
/// Without a step, a file grows at once by at most this many times its lower bound.
const STEP_OF_LOWER: u64 = 64;
/// Steps of at least this many bytes are a multiple of it, and so are the sizes that go with them.
const STEP_UNIT: u64 = 64 << 10;
/// Page numbers end here.
const MOST_PAGES: u64 = Pgno::MAX.0 as u64 + 1;

/// How long the data file is and may become. All sizes are in bytes and rounded up to whole pages.
///
/// As long as nothing is set, an existing database keeps the geometry it has. As soon as anything is, what is not set
/// takes its default, in a new database and, when it is opened, in an existing one. Only
/// [`Env::resize`](crate::Env::resize) leaves alone what is not set.
///
/// Steps of 64 KiB and more, as the default is, are rounded up to multiples of 64 KiB, and with them all sizes but the
/// lower bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Geometry {
    page_size: Option<PageSize>,
    lower: Option<u64>,
    now: Option<u64>,
    upper: Option<u64>,
    growth_step: Option<u64>,
    shrink_threshold: Option<u64>,
}

impl Geometry {
    /// Sets the size of all pages; 4096 by default. An existing database keeps the one it has.
    #[must_use]
    pub fn page_size(self, page_size: PageSize) -> Self {
        Geometry {
            page_size: Some(page_size),
            ..self
        }
    }

    /// Sets the length below which the file never is; 64 pages by default.
    #[must_use]
    pub fn lower(self, bytes: u64) -> Self {
        Geometry {
            lower: Some(bytes),
            ..self
        }
    }

    /// Sets the present length, which is brought between the bounds. By default a new file has its lower bound, and an
    /// existing one stays as it is unless much of it is unused.
    #[must_use]
    pub fn now(self, bytes: u64) -> Self {
        Geometry {
            now: Some(bytes),
            ..self
        }
    }

    /// Sets the length the file never exceeds; 1 TiB by default, or what 2^31 pages have. It takes that much address
    /// space, not disk.
    #[must_use]
    pub fn upper(self, bytes: u64) -> Self {
        Geometry {
            upper: Some(bytes),
            ..self
        }
    }

    /// Sets the step by which the file grows. With 0 it does not grow.
    ///
    /// By default it takes 42 steps from the lower to the upper bound, of which none exceeds 64 times the lower bound:
    /// 16 MiB, if nothing else is set.
    #[must_use]
    pub fn growth_step(self, bytes: u64) -> Self {
        Geometry {
            growth_step: Some(bytes),
            ..self
        }
    }

    /// Sets how much unused room at its end lets a commit shorten the file; two growth steps by default. With 0 it does
    /// not shrink.
    #[must_use]
    pub fn shrink_threshold(self, bytes: u64) -> Self {
        Geometry {
            shrink_threshold: Some(bytes),
            ..self
        }
    }

    /// Returns whether anything is set.
    pub(crate) fn is_given(&self) -> bool {
        *self != Geometry::default()
    }

    /// Returns the page size and geometry of a new file.
    ///
    /// # Errors
    ///
    /// [`Error::Geometry`].
    pub(crate) fn for_new_file(&self) -> Result<(PageSize, PageCounts)> {
        let page_size = self.page_size.unwrap_or_default();
        let (mut counts, unit) = self.with_defaults(page_size)?;
        let now = self.now.unwrap_or(Pgno(counts.lower).offset(page_size));
        counts.now = narrow(unit.pages(now)).clamp(counts.lower, counts.upper);
        Ok((page_size, counts))
    }

    /// Returns the geometry of a file that had `present` when it was opened.
    ///
    /// # Errors
    ///
    /// [`Error::Geometry`]; [`Error::MapFull`] if more pages are in use than the upper bound allows.
    pub(crate) fn for_opened_file(
        &self,
        present: &PageCounts,
        page_size: PageSize,
    ) -> Result<PageCounts> {
        let (counts, unit) = self.with_defaults(page_size)?;
        let mut counts = self.moved_into_bounds(counts, present, unit)?;
        // Room for one more step of growth is left.
        let used = present.first_unallocated;
        let kept = used.checked_add(unpack(counts.grow_pv)).unwrap_or(used);
        if let Some(now) = shrunk(&counts, kept, page_size) {
            counts.now = now;
        }
        Ok(counts)
    }

    /// Returns the geometry of an open file that has `present`. What is not set stays.
    ///
    /// # Errors
    ///
    /// [`Error::Geometry`]; [`Error::MapFull`] if more pages are in use than the upper bound allows.
    pub(crate) fn for_open_file(
        &self,
        present: &PageCounts,
        page_size: PageSize,
    ) -> Result<PageCounts> {
        if self.page_size.is_some_and(|asked| asked != page_size) {
            return Err(Error::Geometry {
                reason: "the page size of a database never changes",
            });
        }
        let step = Pgno(unpack(present.grow_pv)).offset(page_size);
        let unit = Unit::of_step(self.growth_step.unwrap_or(step), page_size);
        let asked = |bytes: Option<u64>, present| bytes.map_or(present, |bytes| unit.pages(bytes));
        let packed =
            |bytes: Option<u64>, present| bytes.map_or(present, |bytes| unit.packed(bytes));
        let counts = PageCounts {
            lower: lower_pages(self.lower, present.lower, page_size),
            upper: narrow(asked(self.upper, u64::from(present.upper))),
            grow_pv: packed(self.growth_step, present.grow_pv),
            shrink_pv: packed(self.shrink_threshold, present.shrink_pv),
            ..*present
        };
        self.moved_into_bounds(counts, present, unit)
    }

    /// Returns `counts`, with a present length between its bounds.
    fn moved_into_bounds(
        &self,
        counts: PageCounts,
        present: &PageCounts,
        unit: Unit,
    ) -> Result<PageCounts> {
        let used = present.first_unallocated;
        if counts.upper < used.0 {
            let upper = Pgno(counts.upper).offset(unit.page_size);
            return Err(Error::MapFull { upper });
        }
        check_order(counts.lower.into(), counts.upper.into())?;
        let now = self.now.map_or(present.now, |now| narrow(unit.pages(now)));
        Ok(PageCounts {
            now: now.max(used.0).clamp(counts.lower, counts.upper),
            first_unallocated: used,
            ..counts
        })
    }

    /// Returns bounds and steps, all that is not set being what a new file gets, and what they are multiples of.
    fn with_defaults(&self, page_size: PageSize) -> Result<(PageCounts, Unit)> {
        let upper = self
            .upper
            .unwrap_or(UPPER.min(MOST_PAGES * page_size.bytes() as u64));
        let asked_size = self.page_size.unwrap_or(page_size);
        let default_lower = LOWER_PAGES * asked_size.bytes() as u64;
        let lower = self.lower.unwrap_or(default_lower.min(upper));
        check_order(lower, upper)?;

        let lower = lower_pages(Some(lower), 0, page_size);
        let lower_bytes = Pgno(lower).offset(page_size);
        let step = self
            .growth_step
            .unwrap_or_else(|| default_step(lower_bytes, upper));
        let unit = Unit::of_step(step, page_size);
        let shrink = self
            .shrink_threshold
            .unwrap_or_else(|| 2 * unit.pages(step) * page_size.bytes() as u64);
        let upper = unit.pages(upper).max(u64::from(lower));
        if upper > MOST_PAGES {
            return Err(Error::Geometry {
                reason: "the upper bound exceeds 2^31 pages: take larger pages",
            });
        }
        let counts = PageCounts {
            lower,
            upper: narrow(upper),
            now: lower,
            grow_pv: unit.packed(step),
            shrink_pv: unit.packed(shrink),
            first_unallocated: Pgno::FIRST_DATA,
        };
        Ok((counts, unit))
    }
}

/// What the sizes of one geometry are multiples of.
#[derive(Clone, Copy)]
struct Unit {
    page_size: PageSize,
    /// In pages.
    pages: u64,
}

impl Unit {
    /// The unit that goes with a growth step of `step` bytes.
    fn of_step(step: u64, page_size: PageSize) -> Unit {
        let pages = if step < STEP_UNIT {
            pages_per_unit(page_size)
        } else {
            page_size.pages_for(STEP_UNIT)
        };
        Unit { page_size, pages }
    }

    /// Returns how many pages have room for `bytes` bytes.
    fn pages(self, bytes: u64) -> u64 {
        let pages = self.page_size.pages_for(bytes);
        pages.next_multiple_of(self.pages)
    }

    /// Returns the packed form of `bytes`, in pages, that stands for itself.
    fn packed(self, bytes: u64) -> u16 {
        pack(unpack(pack(narrow(self.pages(bytes)))))
    }
}

/// Returns the lower bound in pages: `bytes`, or `present` pages, and at least room for the metas.
fn lower_pages(bytes: Option<u64>, present: u32, page_size: PageSize) -> u32 {
    let smallest = Pgno::FIRST_DATA.offset(page_size);
    let unit = Unit::of_step(0, page_size);
    bytes.map_or(present, |bytes| narrow(unit.pages(bytes.max(smallest))))
}

/// Returns the growth step, in bytes, of a file that may become so long.
fn default_step(lower: u64, upper: u64) -> u64 {
    let step = upper.saturating_sub(lower) / STEPS;
    let most = lower.saturating_mul(STEP_OF_LOWER).max(STEP_UNIT);
    step.clamp(STEP_UNIT, most)
}

fn check_order(lower: u64, upper: u64) -> Result<()> {
    if lower > upper {
        return Err(Error::Geometry {
            reason: "the upper bound is below the lower bound",
        });
    }
    Ok(())
}

fn narrow(pages: u64) -> u32 {
    u32::try_from(pages).unwrap_or(Pgno::MAX.0 + 1)
}

/// Returns how long the file should become, in pages, to give back unused room at its end; `None` if there is not more
/// of that than the threshold. All pages before `used` stay.
///
/// It is the length that the file would have had if it had just grown so far.
pub(crate) fn shrunk(counts: &PageCounts, used: Pgno, page_size: PageSize) -> Option<u32> {
    let threshold = unpack(counts.shrink_pv);
    let unused = counts.now.saturating_sub(counts.first_unallocated.0);
    if threshold == 0 || unused <= threshold {
        return None;
    }
    let unit = pages_per_unit(page_size);
    let step = u64::from(unpack(counts.grow_pv)).max(unit);
    let used = u64::from(used.0);
    let wanted = (used + step - used % step).next_multiple_of(unit);
    let wanted = narrow(wanted).max(counts.lower);
    (wanted < counts.now).then_some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;

    fn size(bytes: u32) -> PageSize {
        PageSize::new(bytes).unwrap()
    }

    /// Returns lower, upper, now, growth step and shrink threshold, in bytes.
    fn in_bytes(counts: &PageCounts, page_size: PageSize) -> [u64; 5] {
        [
            counts.lower,
            counts.upper,
            counts.now,
            unpack(counts.grow_pv),
            unpack(counts.shrink_pv),
        ]
        .map(|pages| Pgno(pages).offset(page_size))
    }

    fn new_file(geometry: Geometry) -> [u64; 5] {
        let (page_size, counts) = geometry.for_new_file().unwrap();
        in_bytes(&counts, page_size)
    }

    #[test]
    fn a_new_file_has_the_sizes_that_libmdbx_gives_it() {
        let asked = |bytes| Geometry::default().page_size(size(bytes));
        let all = |lower, upper, step, threshold| {
            Geometry::default()
                .lower(lower)
                .upper(upper)
                .growth_step(step)
                .shrink_threshold(threshold)
        };
        assert_eq!(
            new_file(all(MIB, 16 * MIB, MIB, 2 * MIB).now(MIB)),
            [MIB, 16 * MIB, MIB, MIB, 2 * MIB]
        );
        assert_eq!(
            new_file(all(1000, 10 * MIB, 1, 1).now(100_000).page_size(size(1024))),
            [4096, 10 * MIB, 102_400, 4096, 4096]
        );
        assert_eq!(
            new_file(all(3_145_745, 34_603_009, 777_777, 999_999).page_size(size(16384))),
            [3_162_112, 34_668_544, 3_211_264, 786_432, 1_048_576]
        );
        assert_eq!(
            new_file(asked(65536).upper(64 * MIB)),
            [4 * MIB, 64 * MIB, 4 * MIB, 1_507_328, 3_014_656]
        );
        assert_eq!(
            new_file(asked(256).upper(64 * MIB)),
            [16 * KIB, 64 * MIB, 64 * KIB, MIB, 2 * MIB]
        );
        assert_eq!(
            new_file(asked(256).upper(16 * MIB)),
            [16 * KIB, 16 * MIB, 64 * KIB, 458_752, 917_504]
        );
        let bounds = Geometry::default().lower(8 * MIB).upper(16 * MIB);
        assert_eq!(
            new_file(bounds.now(4 * MIB)),
            [8 * MIB, 16 * MIB, 8 * MIB, 256 * KIB, 512 * KIB]
        );
        assert_eq!(
            new_file(bounds.lower(MIB).now(32 * MIB)),
            [MIB, 16 * MIB, 16 * MIB, 384 * KIB, 768 * KIB]
        );
    }

    #[test]
    fn without_wishes_a_new_file_is_small_and_may_become_very_large() {
        assert_eq!(
            new_file(Geometry::default()),
            [256 * KIB, 1 << 40, 256 * KIB, 16 * MIB, 32 * MIB]
        );
        let steps = Geometry::default().growth_step(0);
        assert_eq!(new_file(steps)[3..], [0, 0]);
    }

    #[test]
    fn impossible_bounds_are_refused() {
        let bounds = |lower, upper| Geometry::default().lower(lower).upper(upper);
        let refused =
            |geometry: Geometry| matches!(geometry.for_new_file(), Err(Error::Geometry { .. }));
        assert!(refused(bounds(16 * MIB, MIB)));
        assert!(refused(bounds(MIB, 1 << 43).page_size(size(1024))));
        assert!(!refused(bounds(MIB, 1 << 43)));
        assert!(refused(bounds(u64::MAX, u64::MAX)));
        assert_eq!(
            new_file(Geometry::default().upper(1)),
            [12 * KIB, 64 * KIB, 64 * KIB, 64 * KIB, 128 * KIB]
        );
    }

    /// What the traces of libmdbx begin with when they change the geometry: 108 of 4096-byte pages are in use.
    fn opened() -> PageCounts {
        PageCounts {
            lower: 256,
            upper: 4096,
            now: 2048,
            grow_pv: 512,
            shrink_pv: 1024,
            first_unallocated: Pgno(108),
        }
    }

    #[test]
    fn an_open_file_keeps_what_is_not_asked_for() {
        let page_size = PageSize::DEFAULT;
        let changed = |geometry: Geometry| geometry.for_open_file(&opened(), page_size).unwrap();
        let asked = Geometry::default;
        assert_eq!(changed(asked()), opened());
        assert_eq!(
            changed(asked().now(4 * MIB)),
            PageCounts {
                now: 1024,
                ..opened()
            }
        );
        assert_eq!(
            changed(asked().now(0)),
            PageCounts {
                now: 256,
                ..opened()
            }
        );
        assert_eq!(
            changed(asked().upper(MIB + 1)),
            PageCounts {
                upper: 272,
                now: 272,
                ..opened()
            }
        );
        assert_eq!(
            changed(
                asked()
                    .growth_step(MIB)
                    .shrink_threshold(3 * MIB)
                    .page_size(page_size)
            ),
            PageCounts {
                grow_pv: 256,
                shrink_pv: 768,
                ..opened()
            }
        );
        let error = asked()
            .page_size(size(8192))
            .for_open_file(&opened(), page_size);
        assert!(matches!(error, Err(Error::Geometry { .. })));
        let error = asked().lower(64 * MIB).for_open_file(&opened(), page_size);
        assert!(matches!(error, Err(Error::Geometry { .. })));
        let error = asked().upper(4096).for_open_file(&opened(), page_size);
        assert!(
            matches!(error, Err(Error::MapFull { upper: 65536 })),
            "{error:?}"
        );
    }

    #[test]
    fn a_file_opened_anew_takes_defaults_for_what_is_not_asked_for_and_gives_back_unused_room() {
        let opened_with = |geometry: Geometry, now| {
            let present = PageCounts { now, ..opened() };
            let counts = geometry
                .for_opened_file(&present, PageSize::DEFAULT)
                .unwrap();
            in_bytes(&counts, PageSize::DEFAULT)
        };
        let upper = Geometry::default().upper(24 * MIB);
        assert_eq!(
            opened_with(
                upper
                    .lower(2 * MIB)
                    .growth_step(MIB)
                    .shrink_threshold(2 * MIB),
                768
            ),
            [2 * MIB, 24 * MIB, 2 * MIB, MIB, 2 * MIB]
        );
        assert_eq!(
            opened_with(upper.page_size(size(16384)), 512),
            [MIB, 24 * MIB, 1_179_648, 589_824, 1_179_648]
        );
        let again = opened_with(upper.page_size(size(16384)), 1_179_648 / 4096);
        assert_eq!(
            again[2], 1_179_648,
            "asking for the same again changes nothing"
        );
    }

    #[test]
    fn a_file_shrinks_by_whole_steps_once_more_than_the_threshold_is_unused() {
        let to = |used| {
            shrunk(
                &PageCounts {
                    first_unallocated: Pgno(used),
                    ..opened()
                },
                Pgno(used),
                PageSize::DEFAULT,
            )
        };
        assert_eq!(to(1024), None);
        assert_eq!(to(1023), Some(1024));
        assert_eq!(to(600), Some(1024));
        assert_eq!(to(3), Some(512));
        let lower = PageCounts {
            lower: 768,
            ..opened()
        };
        assert_eq!(shrunk(&lower, Pgno(108), PageSize::DEFAULT), Some(768));
        let never = PageCounts {
            shrink_pv: 0,
            ..opened()
        };
        assert_eq!(shrunk(&never, Pgno(3), PageSize::DEFAULT), None);
        let fixed = PageCounts {
            lower: 3,
            grow_pv: 0,
            shrink_pv: 10,
            ..opened()
        };
        assert_eq!(shrunk(&fixed, Pgno(108), PageSize::DEFAULT), Some(109));
        assert_eq!(shrunk(&fixed, Pgno(108), PageSize::MIN), Some(112));
    }
}
