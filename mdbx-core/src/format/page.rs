//! The 20-byte header that every page starts with.
//!
//! ```text
//!   0          8              10      12      14      16     20
//!   | txnid    | dupfix_ksize | flags | lower | upper | pgno | body ...
//!   |          |              |       |     pages     |      |        (large pages)
//! ```
//!
//! [`Page`] is a page whose header has been checked once, so its accessors need no further tests; what the header
//! does not vouch for, the nodes, is checked node by node (`node.rs`) or as a whole (`verify.rs`). Of packed pages
//! (`dupfix.rs`) it vouches for all.
//!
//! Source: format document, "Page header".

use crate::error::PageFault;
use crate::format::bytes::{put_u16, put_u32, put_u64, u16_at, u32_at, u64_at};
use crate::format::limits::PAGE_HEADER;
use crate::ids::{Pgno, Txnid};

const TXNID: usize = 0;
const DUPFIX_KSIZE: usize = 8;
const FLAGS: usize = 10;
const LOWER: usize = 12;
const UPPER: usize = 14;
const LARGE_PAGES: usize = 12;
const PGNO: usize = 16;

/// A branch page: separators and children.
pub(crate) const BRANCH: u16 = 0x01;
/// A leaf page: keys and values.
pub(crate) const LEAF: u16 = 0x02;
/// The first page of a large value.
pub(crate) const LARGE: u16 = 0x04;
/// Packed items instead of nodes, together with [`LEAF`].
const DUPFIX: u16 = 0x20;
/// Left in sub-pages by old engines; means nothing there.
const LEGACY_DIRTY: u16 = 0x10;
/// A sub-page, together with [`LEAF`].
pub(crate) const SUB_PAGE: u16 = 0x40;
/// A mark of running engines that may reach the disk; means nothing there.
const SPILLED: u16 = 0x2000;

/// A leaf page of packed items.
pub(crate) const PACKED_LEAF: u16 = LEAF | DUPFIX;
const SUB_LEAF: u16 = LEAF | SUB_PAGE;
const PACKED_SUB_LEAF: u16 = PACKED_LEAF | SUB_PAGE;

/// A branch page, a leaf page or a sub-page with a sound header.
///
/// Holds: the bounds lie inside the page in order, and with them the entry table, or all items of a packed page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page<'a> {
    bytes: &'a [u8],
}

impl<'a> Page<'a> {
    /// Checks the header of the branch or leaf page `pgno`, as seen by a snapshot of transaction `horizon`.
    #[inline]
    pub(crate) fn of_tree(
        bytes: &'a [u8],
        pgno: Pgno,
        horizon: Txnid,
    ) -> Result<Page<'a>, PageFault> {
        let page = Page { bytes };
        if page.pgno() != pgno {
            return Err(PageFault::WrongPgno { found: page.pgno() });
        }
        if page.txnid() > horizon {
            return Err(PageFault::FromTheFuture {
                found: page.txnid(),
            });
        }
        match page.kind() {
            BRANCH => page.with_sound_bounds(2),
            LEAF => page.with_sound_bounds(1),
            PACKED_LEAF => page.with_sound_items(),
            _ => Err(PageFault::BadFlags {
                flags: page.flags(),
            }),
        }
    }

    /// Checks the header of a sub-page, the duplicates of one key inside its node.
    #[inline]
    pub(crate) fn of_node(bytes: &'a [u8]) -> Result<Page<'a>, PageFault> {
        let page = Page { bytes };
        if bytes.len() <= PAGE_HEADER || !bytes.len().is_multiple_of(2) {
            return Err(PageFault::BadTreeRecord);
        }
        match page.flags() & !LEGACY_DIRTY {
            SUB_LEAF => page.with_sound_bounds(1),
            PACKED_SUB_LEAF => page.with_sound_items(),
            _ => Err(PageFault::BadFlags {
                flags: page.flags(),
            }),
        }
    }

    /// Wraps a page that this process has laid out or checked before.
    #[inline]
    pub(crate) fn trusted(bytes: &'a [u8]) -> Page<'a> {
        Page { bytes }
    }

    #[inline]
    pub(super) fn with_sound_bounds(self, least: usize) -> Result<Page<'a>, PageFault> {
        let (lower, upper) = (self.lower(), self.upper());
        if lower > upper || PAGE_HEADER + upper > self.bytes.len() || !lower.is_multiple_of(2) {
            return Err(PageFault::BadBounds {
                lower: u16_at(self.bytes, LOWER),
                upper: u16_at(self.bytes, UPPER),
            });
        }
        if self.len() < least {
            return Err(PageFault::TooFewEntries {
                entries: self.len(),
            });
        }
        Ok(self)
    }

    /// Returns the whole page, header included.
    #[inline]
    pub(crate) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the transaction that wrote this page. Means nothing in a sub-page.
    #[inline]
    pub(crate) fn txnid(self) -> Txnid {
        Txnid(u64_at(self.bytes, TXNID))
    }

    /// Returns the number the page carries. Means nothing in a sub-page.
    #[inline]
    pub(crate) fn pgno(self) -> Pgno {
        Pgno(u32_at(self.bytes, PGNO))
    }

    /// Returns whether the page leads to other pages instead of holding values.
    #[inline]
    pub(crate) fn is_branch(self) -> bool {
        self.flags() & BRANCH != 0
    }

    /// Returns whether the page holds packed items, each a key without a value, instead of nodes.
    #[inline]
    pub(crate) fn is_packed(self) -> bool {
        self.flags() & DUPFIX != 0
    }

    /// Returns what sort of page this is: its flags without the marks that mean nothing.
    #[inline]
    pub(crate) fn kind(self) -> u16 {
        self.flags() & !SPILLED
    }

    /// Returns the length of each item of a packed page. Means nothing on other pages.
    #[inline]
    pub(crate) fn item_len(self) -> usize {
        usize::from(u16_at(self.bytes, DUPFIX_KSIZE))
    }

    /// Returns the number of entries.
    #[inline]
    pub(crate) fn len(self) -> usize {
        self.lower() / 2
    }

    /// Returns the bytes that entries and nodes may still take.
    #[inline]
    pub(crate) fn room(self) -> usize {
        self.upper() - self.lower()
    }

    /// Returns the bytes that entries and nodes take.
    #[inline]
    pub(crate) fn used(self) -> usize {
        self.bytes.len() - PAGE_HEADER - self.room()
    }

    #[inline]
    pub(crate) fn flags(self) -> u16 {
        u16_at(self.bytes, FLAGS)
    }

    /// Returns where the entry table ends, counted from the end of the header. On a packed page it only counts.
    #[inline]
    pub(crate) fn lower(self) -> usize {
        usize::from(u16_at(self.bytes, LOWER))
    }

    /// Returns where the node heap starts, counted from the end of the header.
    #[inline]
    pub(crate) fn upper(self) -> usize {
        usize::from(u16_at(self.bytes, UPPER))
    }
}

/// A page that belongs to this transaction alone, to be changed.
///
/// Holds: the page is well-formed as `verify.rs` defines it. A broken bound is our bug, and panics.
#[derive(Debug)]
pub(crate) struct PageMut<'a> {
    pub(super) bytes: &'a mut [u8],
}

impl<'a> PageMut<'a> {
    /// Wraps a well-formed page.
    pub(crate) fn new(bytes: &'a mut [u8]) -> PageMut<'a> {
        PageMut { bytes }
    }

    /// Lays out an empty page of the kind `flags` over `bytes`.
    pub(crate) fn init(bytes: &'a mut [u8], flags: u16, pgno: Pgno, txnid: Txnid) -> PageMut<'a> {
        let mut page = PageMut { bytes };
        put_u16(page.bytes, DUPFIX_KSIZE, 0);
        put_u16(page.bytes, FLAGS, flags);
        page.set_owner(pgno, txnid);
        page.set_lower(0);
        page.set_upper(page.bytes.len() - PAGE_HEADER);
        page
    }

    /// Returns the page for reading.
    pub(crate) fn page(&self) -> Page<'_> {
        Page { bytes: self.bytes }
    }

    /// Removes every entry.
    pub(crate) fn clear(&mut self) {
        self.set_lower(0);
        self.set_upper(self.bytes.len() - PAGE_HEADER);
    }

    /// Makes the page the one numbered `pgno`, written by `txnid`, and drops marks that must not reach the disk.
    pub(crate) fn set_owner(&mut self, pgno: Pgno, txnid: Txnid) {
        let flags = u16_at(self.bytes, FLAGS);
        put_u16(self.bytes, FLAGS, flags & !SPILLED);
        put_u64(self.bytes, TXNID, txnid.0);
        put_u32(self.bytes, PGNO, pgno.0);
    }

    pub(super) fn set_item_len(&mut self, item_len: usize) {
        let flags = u16_at(self.bytes, FLAGS);
        put_u16(self.bytes, FLAGS, flags | DUPFIX);
        put_u16(self.bytes, DUPFIX_KSIZE, narrow(item_len));
    }

    pub(super) fn set_lower(&mut self, lower: usize) {
        put_u16(self.bytes, LOWER, narrow(lower));
    }

    pub(super) fn set_upper(&mut self, upper: usize) {
        put_u16(self.bytes, UPPER, narrow(upper));
    }
}

/// Returns an offset inside a page as the format stores it.
///
/// # Panics
///
/// If it does not fit, which no offset inside a page of 64 KiB less its header does.
pub(super) fn narrow(offset: usize) -> u16 {
    u16::try_from(offset).expect("an offset in a page body fits 16 bits")
}

/// Returns the number of pages in the run of a large value that starts with the page `bytes`.
///
/// # Errors
///
/// If this is not the first page of a large value, or not the one numbered `pgno`, or one that transaction
/// `horizon` cannot have seen.
pub(crate) fn large_run(bytes: &[u8], pgno: Pgno, horizon: Txnid) -> Result<u32, PageFault> {
    let page = Page { bytes };
    if page.pgno() != pgno {
        return Err(PageFault::WrongPgno { found: page.pgno() });
    }
    if page.flags() & !SPILLED != LARGE {
        return Err(PageFault::BadFlags {
            flags: page.flags(),
        });
    }
    if page.txnid() > horizon {
        return Err(PageFault::FromTheFuture {
            found: page.txnid(),
        });
    }
    Ok(u32_at(bytes, LARGE_PAGES))
}

/// Writes the header of a large value that fills `pages` pages from `pgno` on.
pub(crate) fn init_large(bytes: &mut [u8], pgno: Pgno, pages: u32, txnid: Txnid) {
    put_u64(bytes, TXNID, txnid.0);
    put_u16(bytes, DUPFIX_KSIZE, 0);
    put_u16(bytes, FLAGS, LARGE);
    put_u32(bytes, LARGE_PAGES, pages);
    put_u32(bytes, PGNO, pgno.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf() -> Vec<u8> {
        let mut bytes = vec![0; 256];
        PageMut::init(&mut bytes, LEAF, Pgno(7), Txnid(9));
        put_u16(&mut bytes, LOWER, 2);
        put_u16(&mut bytes, UPPER, 226);
        bytes
    }

    #[test]
    fn a_fresh_page_has_all_its_room() {
        let mut bytes = vec![0xAA; 65536];
        let page = PageMut::init(&mut bytes, LEAF, Pgno(3), Txnid(4));
        assert_eq!(
            (page.page().len(), page.page().room(), page.page().used()),
            (0, 65516, 0)
        );
    }

    #[test]
    fn each_contradiction_in_the_header_is_told_apart() {
        let check = |bytes: &[u8]| Page::of_tree(bytes, Pgno(7), Txnid(9)).map(Page::len);
        assert_eq!(check(&leaf()), Ok(1));
        for (at, value, fault) in [
            (PGNO, 8, PageFault::WrongPgno { found: Pgno(8) }),
            (FLAGS, 0x08, PageFault::BadFlags { flags: 0x08 }),
            (
                FLAGS,
                LEAF | LEGACY_DIRTY,
                PageFault::BadFlags { flags: 0x12 },
            ),
            (TXNID, 10, PageFault::FromTheFuture { found: Txnid(10) }),
            (
                LOWER,
                3,
                PageFault::BadBounds {
                    lower: 3,
                    upper: 226,
                },
            ),
            (
                LOWER,
                228,
                PageFault::BadBounds {
                    lower: 228,
                    upper: 226,
                },
            ),
            (
                UPPER,
                238,
                PageFault::BadBounds {
                    lower: 2,
                    upper: 238,
                },
            ),
            (LOWER, 0, PageFault::TooFewEntries { entries: 0 }),
            (FLAGS, BRANCH, PageFault::TooFewEntries { entries: 1 }),
        ] {
            let mut bytes = leaf();
            put_u16(&mut bytes, at, value);
            assert_eq!(check(&bytes), Err(fault), "{value} at {at}");
        }
    }

    #[test]
    fn a_spilled_mark_is_not_damage_and_is_dropped_when_the_page_is_owned() {
        let mut bytes = leaf();
        put_u16(&mut bytes, FLAGS, LEAF | SPILLED);
        assert!(Page::of_tree(&bytes, Pgno(7), Txnid(9)).is_ok());
        PageMut::new(&mut bytes).set_owner(Pgno(8), Txnid(10));
        assert_eq!(u16_at(&bytes, FLAGS), LEAF);
    }

    #[test]
    fn a_sub_page_is_known_by_its_flags_and_an_even_size() {
        let mut bytes = leaf();
        put_u16(&mut bytes, FLAGS, LEAF | SUB_PAGE | LEGACY_DIRTY);
        assert!(Page::of_node(&bytes).is_ok());
        assert!(Page::of_node(&bytes[..255]).is_err());
        assert!(Page::of_node(&leaf()).is_err());
    }
}
