//! The units of the engine, and the arithmetic allowed on them.
//!
//! A page number, a transaction id and a page size are all plain integers on disk. Here each has a type of its
//! own, so that a byte offset cannot be passed where a page number is meant.

use std::fmt;

/// The number of a page; page `n` starts at byte `n * page_size` of the data file.
///
/// Pages 0, 1 and 2 are the meta pages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pgno(pub u32);

impl Pgno {
    /// No page: the root of an empty tree.
    pub const NONE: Pgno = Pgno(u32::MAX);

    /// The first page that is not a meta page.
    pub const FIRST_DATA: Pgno = Pgno(3);

    /// The largest number a page can have.
    ///
    /// Source: format document, "File, pages, numbers".
    pub const MAX: Pgno = Pgno(0x7FFF_FFFF);

    /// Returns where this page starts in the data file, in bytes.
    #[must_use]
    pub const fn offset(self, page_size: PageSize) -> u64 {
        self.0 as u64 * page_size.bytes() as u64
    }

    /// Returns the page `count` pages further on, or `None` past the largest page number.
    #[must_use]
    pub const fn checked_add(self, count: u32) -> Option<Pgno> {
        match self.0.checked_add(count) {
            Some(sum) if sum <= Pgno::MAX.0 + 1 => Some(Pgno(sum)),
            _ => None,
        }
    }
}

impl fmt::Debug for Pgno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Pgno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Pgno::NONE => f.write_str("none"),
            Pgno(n) => write!(f, "{n}"),
        }
    }
}

/// The number of a transaction. Each commit that changes something has a larger one than all before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Txnid(pub u64);

impl Txnid {
    /// No transaction: what a void meta page carries.
    pub const VOID: Txnid = Txnid(0);

    /// The largest id a transaction can have.
    ///
    /// Source: format document, "File, pages, numbers".
    pub const MAX: Txnid = Txnid(0xFFFF_FFFE_FFFF_FFFF);

    /// Returns the id `count` transactions later, or `None` past the largest one.
    #[must_use]
    pub const fn checked_add(self, count: u64) -> Option<Txnid> {
        match self.0.checked_add(count) {
            Some(sum) if sum <= Txnid::MAX.0 => Some(Txnid(sum)),
            _ => None,
        }
    }
}

impl fmt::Debug for Txnid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Txnid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The size of every page of a database: a power of two from 256 to 65536 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageSize(u32);

impl PageSize {
    /// 256 bytes, the smallest.
    pub const MIN: PageSize = PageSize(256);

    /// 65536 bytes, the largest.
    pub const MAX: PageSize = PageSize(65536);

    /// 4096 bytes, what a new database gets unless asked otherwise.
    pub const DEFAULT: PageSize = PageSize(4096);

    /// Returns the page size of `bytes` bytes; `None` unless it is a power of two from 256 to 65536.
    #[must_use]
    pub const fn new(bytes: u32) -> Option<PageSize> {
        if bytes.is_power_of_two() && bytes >= PageSize::MIN.0 && bytes <= PageSize::MAX.0 {
            Some(PageSize(bytes))
        } else {
            None
        }
    }

    /// Returns the size in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.0 as usize
    }

    /// Returns how many pages `bytes` bytes fill, counting a page begun as whole.
    #[must_use]
    pub const fn pages_for(self, bytes: u64) -> u64 {
        bytes.div_ceil(self.0 as u64)
    }
}

impl Default for PageSize {
    fn default() -> Self {
        PageSize::DEFAULT
    }
}

impl fmt::Debug for PageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for PageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_do_not_wrap_at_four_gibibytes() {
        assert_eq!(Pgno(0x7FFF_FFFF).offset(PageSize::MAX), 0x7FFF_FFFF * 65536);
    }

    #[test]
    fn only_powers_of_two_in_range_are_page_sizes() {
        let legal: Vec<u32> = (0..=70_000)
            .filter(|&n| PageSize::new(n).is_some())
            .collect();
        assert_eq!(
            legal,
            [256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536]
        );
    }

    #[test]
    fn numbers_past_the_end_are_refused() {
        assert_eq!(
            Pgno::MAX.checked_add(1),
            Some(Pgno(0x8000_0000)),
            "an exclusive end"
        );
        assert_eq!(Pgno::MAX.checked_add(2), None);
        assert_eq!(Txnid::MAX.checked_add(1), None);
    }
}
