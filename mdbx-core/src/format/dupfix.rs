//! Leaf pages of packed items: fixed-size values back to back, without nodes.
//!
//! ```text
//!   byte 20                                    20 + n * item_len              size
//!   | item[0] | item[1] | .. | item[n - 1]     |          free room           |
//!
//!   lower = 2 * n                              counts the items, as it does the entries of other pages
//!   upper = size - 20 - n * (item_len - 2)     so that upper - lower is the free room
//! ```
//!
//! The values of one key in a table of fixed-size values lie on such pages, or on one such sub-page. An item is a key
//! of the tree it belongs to, and has no value. So a packed page answers as other pages do, [`Page::key`],
//! [`PageMut::insert`] and all, by the functions of this file.
//!
//! Source: format document, "lower and upper" and "Fixed-size values".

use crate::error::PageFault;
use crate::format::limits::PAGE_HEADER;
use crate::format::page::{Page, PageMut};

/// The part of an item that `lower` counts; the rest is in `upper`.
const COUNTED: usize = 2;

/// The shortest item: a shorter one would have less than what `lower` counts.
pub(crate) const MIN_ITEM_LEN: usize = COUNTED;

impl<'a> Page<'a> {
    /// Checks that the bounds of a packed page say what its items take.
    pub(super) fn with_sound_items(self) -> Result<Page<'a>, PageFault> {
        let page = self.with_sound_bounds(1)?;
        let (len, item_len) = (page.len(), page.item_len());
        if item_len < MIN_ITEM_LEN {
            return Err(PageFault::BadItemLen { len: item_len });
        }
        if page.upper() + len * (item_len - COUNTED) == page.bytes().len() - PAGE_HEADER {
            return Ok(page);
        }
        Err(PageFault::BadItemLen { len: item_len })
    }

    /// Returns all items of a packed page, back to back.
    #[inline]
    pub(crate) fn items(self) -> &'a [u8] {
        &self.bytes()[PAGE_HEADER..PAGE_HEADER + self.len() * self.item_len()]
    }

    /// Returns item `index` of a packed page; `None` if there are not so many.
    #[inline]
    pub(super) fn item(self, index: usize) -> Option<&'a [u8]> {
        let start = index * self.item_len();
        self.items().get(start..start + self.item_len())
    }
}

impl PageMut<'_> {
    /// Makes the empty leaf page or sub-page a packed one, for items of `item_len` bytes.
    ///
    /// # Panics
    ///
    /// If the page has entries, or items cannot be so short.
    pub(crate) fn pack(&mut self, item_len: usize) {
        assert!(
            self.page().len() == 0 && item_len >= MIN_ITEM_LEN,
            "only an empty page changes its kind, and the caller has checked the length"
        );
        self.set_item_len(item_len);
    }

    /// Makes the first `count` items that lie on the page, which is empty, its items.
    ///
    /// # Panics
    ///
    /// If the page is too short for them.
    pub(crate) fn adopt_items(&mut self, count: usize) {
        let (item_len, upper) = (self.page().item_len(), self.page().upper());
        assert!(
            self.page().len() == 0 && count * item_len <= self.page().room(),
            "the caller has made room"
        );
        self.set_lower(count * COUNTED);
        self.set_upper(upper - count * (item_len - COUNTED));
    }

    /// Inserts `item` as number `index`.
    ///
    /// # Panics
    ///
    /// If the page has no room left, or takes items of another length.
    pub(super) fn insert_item(&mut self, index: usize, item: &[u8]) {
        let page = self.page();
        let (len, lower, upper) = (page.len(), page.lower(), page.upper());
        assert!(
            item.len() == page.item_len() && item.len() <= page.room(),
            "the caller has checked the length and made room"
        );
        let (start, end) = (
            PAGE_HEADER + index * item.len(),
            PAGE_HEADER + len * item.len(),
        );
        self.bytes.copy_within(start..end, start + item.len());
        self.bytes[start..start + item.len()].copy_from_slice(item);
        self.set_lower(lower + COUNTED);
        self.set_upper(upper - (item.len() - COUNTED));
    }

    /// Removes item `index`.
    pub(super) fn remove_item(&mut self, index: usize) {
        let page = self.page();
        let (len, item_len) = (page.len(), page.item_len());
        let (lower, upper) = (page.lower(), page.upper());
        let (start, end) = (PAGE_HEADER + index * item_len, PAGE_HEADER + len * item_len);
        self.bytes.copy_within(start + item_len..end, start);
        self.set_lower(lower - COUNTED);
        self.set_upper(upper + (item_len - COUNTED));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::node::{NewNode, Value};
    use crate::format::page::{LEAF, PACKED_LEAF, SUB_PAGE};
    use crate::format::verify::verify_tree_page;
    use crate::ids::{PageSize, Pgno, Txnid};

    fn packed(item_len: usize, items: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![0; 256];
        let mut page = PageMut::init(&mut bytes, LEAF, Pgno(3), Txnid(4));
        page.pack(item_len);
        for item in items {
            page.append(NewNode::leaf(item, 0, b""));
        }
        bytes
    }

    fn check(bytes: &[u8]) -> Result<Page<'_>, PageFault> {
        let page = Page::of_tree(bytes, Pgno(3), Txnid(4))?;
        verify_tree_page(bytes, PageSize::MIN)?;
        Ok(page)
    }

    #[test]
    fn items_are_keys_without_values() {
        let bytes = packed(3, &[b"abc", b"abd", b"abe"]);
        let page = check(&bytes).unwrap();
        assert_eq!(
            (page.kind(), page.len(), page.item_len()),
            (PACKED_LEAF, 3, 3)
        );
        assert_eq!(page.items(), b"abcabdabe");
        assert_eq!(page.key(1), Ok(&b"abd"[..]));
        assert!(matches!(page.value(2), Ok(Value::Inline(b""))));
        assert_eq!(page.key(3), Err(PageFault::BadNode { index: 3 }));
    }

    #[test]
    fn the_sub_page_of_the_format_document_is_laid_out_so() {
        let mut bytes = vec![0; 30];
        let mut page = PageMut::init(&mut bytes, LEAF | SUB_PAGE, Pgno(5), Txnid(5));
        page.pack(3);
        for item in [b"abc", b"abd", b"abe"] {
            page.append(NewNode::leaf(item, 0, b""));
        }
        let expected = b"\x05\0\0\0\0\0\0\0\x03\0\x62\0\x06\0\x07\0\x05\0\0\0abcabdabe\0";
        assert_eq!(bytes, expected);
        assert_eq!(Page::of_node(&bytes).unwrap().len(), 3);
    }

    #[test]
    fn a_page_takes_items_until_less_than_one_fits() {
        for item_len in [2, 3, 8, 102] {
            let mut bytes = packed(item_len, &[]);
            let item = vec![7; item_len];
            let node = NewNode::leaf(&item, 0, b"");
            let mut count = 0;
            while Page::trusted(&bytes).has_room_for(node) {
                PageMut::new(&mut bytes).insert(count / 2, node);
                count += 1;
                assert_eq!(check(&bytes).unwrap().used(), count * item_len);
            }
            assert_eq!(count, (256 - PAGE_HEADER) / item_len);
        }
    }

    #[test]
    fn random_inserts_and_removals_do_what_a_vector_does() {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut random = move |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 33).unwrap() % below
        };
        let mut bytes = packed(5, &[]);
        let mut model: Vec<Vec<u8>> = Vec::new();
        for round in 0..5000_u32 {
            let mut page = PageMut::new(&mut bytes);
            let [a, b, c, d] = round.to_be_bytes();
            let item = [a, b, c, d, b'x'];
            let node = NewNode::leaf(&item, 0, b"");
            if page.page().has_room_for(node) && random(3) > 0 {
                let index = random(model.len() + 1);
                page.insert(index, node);
                model.insert(index, item.to_vec());
            } else if !model.is_empty() {
                let index = random(model.len());
                page.remove(index);
                model.remove(index);
            }
            assert_eq!(page.page().items(), model.concat());
            if !model.is_empty() {
                assert!(check(&bytes).is_ok());
            }
        }
    }

    #[test]
    fn bounds_that_contradict_the_items_are_damage() {
        let sound = packed(3, &[b"abc", b"abd"]);
        for (at, value) in [(8, 1), (8, 0), (8, 4), (8, 103), (12, 6), (12, 0), (14, 1)] {
            let mut bytes = sound.clone();
            bytes[at] = value;
            assert!(check(&bytes).is_err(), "{value} at {at}");
        }
        let long = [7; 103];
        assert_eq!(
            check(&packed(103, &[&long, &long])).map(Page::len),
            Err(PageFault::BadItemLen { len: 103 }),
            "a separator of that length fits no branch page"
        );
    }
}
