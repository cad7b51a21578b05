//! Descend to a key; binary search in one page.
//!
//! A search in a page jumps over its nodes, each in a cache line of its own, and each jump depends on the last
//! comparison. Waiting for one line after the other would cost most of a lookup, so both nodes that the next step
//! may look at are asked for before the present one is compared. A packed page has its items side by side, and needs
//! none of that.

use std::cmp::Ordering;

use crate::error::{PageFault, Result};
use crate::format::limits::PAGE_HEADER;
use crate::format::node::ENTRY;
use crate::format::page::{BRANCH, LEAF, PACKED_LEAF, Page};
use crate::format::root::TreeRoot;
use crate::ids::Pgno;
use crate::pager::snapshot::Pages;
use crate::store::orders::Compare;
use crate::sys::prefetch::prefetch;
use crate::tree::order::{Order, Sought, compare_integers, compare_reversed};

/// Where a search ended in a leaf.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'p> {
    pub(crate) leaf: Page<'p>,
    /// The first entry with the key or a greater one; the number of entries if there is none.
    pub(crate) index: usize,
    /// Whether that entry has the key itself.
    pub(crate) exact: bool,
}

/// Which way to take down a tree.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target<'k> {
    Key(&'k [u8]),
    First,
    Last,
}

/// Descends to `target`, telling `visit` each page on the way and the entry taken in it, the leaf last.
///
/// Returns `None` if the tree is empty.
///
/// # Errors
///
/// [`Error::Corrupted`](crate::Error::Corrupted) if a page on the way is unsound or stands at the wrong level.
#[inline]
pub(crate) fn descend<'p>(
    pages: Pages<'p>,
    root: &TreeRoot,
    order: Order,
    target: Target<'_>,
    mut visit: impl FnMut(Page<'p>, Pgno, usize),
) -> Result<Option<Found<'p>>> {
    if root.is_empty() {
        return Ok(None);
    }
    let mut pgno = root.root;
    for level in 1..=root.height {
        let page = pages.page(pgno)?;
        check_kind(page, root, level == root.height).map_err(|fault| fault.at(pgno))?;
        if page.is_branch() {
            let index = branch_entry(page, order, target).map_err(|fault| fault.at(pgno))?;
            visit(page, pgno, index);
            pgno = page.child(index).map_err(|fault| fault.at(pgno))?;
        } else {
            let (index, exact) = leaf_entry(page, order, target).map_err(|fault| fault.at(pgno))?;
            visit(page, pgno, index);
            return Ok(Some(Found {
                leaf: page,
                index,
                exact,
            }));
        }
    }
    Err(PageFault::WrongLevel.at(pgno))
}

/// Checks that `page` is of the kind that the tree `root` has among its leaves or above them.
#[inline]
pub(crate) fn check_kind(
    page: Page<'_>,
    root: &TreeRoot,
    is_leaf_level: bool,
) -> Result<(), PageFault> {
    let expected = match (is_leaf_level, root.is_packed()) {
        (false, _) => BRANCH,
        (true, false) => LEAF,
        (true, true) => PACKED_LEAF,
    };
    if page.kind() == expected {
        Ok(())
    } else {
        Err(wrong_kind(page, is_leaf_level))
    }
}

#[cold]
fn wrong_kind(page: Page<'_>, is_leaf_level: bool) -> PageFault {
    if page.is_branch() == is_leaf_level {
        PageFault::WrongLevel
    } else {
        PageFault::BadFlags {
            flags: page.flags(),
        }
    }
}

/// Returns the entry of a branch page whose child holds the target.
#[inline]
fn branch_entry(page: Page<'_>, order: Order, target: Target<'_>) -> Result<usize, PageFault> {
    match target {
        Target::First => Ok(0),
        Target::Last => Ok(page.len() - 1),
        Target::Key(key) => {
            let (index, exact) = bisect(page, 1, order, key)?;
            Ok(if exact { index } else { index - 1 })
        }
    }
}

#[inline]
fn leaf_entry(
    page: Page<'_>,
    order: Order,
    target: Target<'_>,
) -> Result<(usize, bool), PageFault> {
    match target {
        Target::First => Ok((0, true)),
        Target::Last => Ok((page.len() - 1, true)),
        Target::Key(key) => bisect(page, 0, order, key),
    }
}

/// Returns the first entry from `from` on whose key is not less than `key`, and whether it equals it.
#[inline]
pub(crate) fn bisect(
    page: Page<'_>,
    from: usize,
    order: Order,
    key: &[u8],
) -> Result<(usize, bool), PageFault> {
    if page.is_packed() {
        return Ok(bisect_items(page, order, key));
    }
    match order {
        Order::Bytes => {
            let key = Sought::new(key);
            bisect_by(page, from, |other| key.compare(other))
        }
        Order::Reversed => bisect_by(page, from, |other| compare_reversed(other, key)),
        Order::Integer => bisect_by(page, from, |other| compare_integers(other, key)),
        Order::Given(compare) => bisect_as_given(page, from, compare, key),
    }
}

/// As [`bisect`], in an order that the application gives; kept out of the way of the others.
#[inline(never)]
fn bisect_as_given(
    page: Page<'_>,
    from: usize,
    compare: Compare,
    key: &[u8],
) -> Result<(usize, bool), PageFault> {
    bisect_by(page, from, |other| compare(other, key))
}

#[inline]
fn bisect_by(
    page: Page<'_>,
    from: usize,
    compare: impl Fn(&[u8]) -> Ordering,
) -> Result<(usize, bool), PageFault> {
    let entries = page.entries();
    let (mut low, mut high) = (from, entries.len());
    while low < high {
        let half = (high - low) / 2;
        let middle = low + half;
        for next in [low + half / 2, middle + 1 + half / 2] {
            if let Some(&entry) = entries.get(next) {
                prefetch_node(page, entry);
            }
        }
        let key = page.key_of(entries[middle]);
        match compare(key.ok_or(PageFault::BadNode { index: middle })?) {
            Ordering::Less => low = middle + 1,
            Ordering::Equal => return Ok((middle, true)),
            Ordering::Greater => high = middle,
        }
    }
    Ok((low, false))
}

/// Does what [`bisect`] does, on a packed page. Apart from it, so that either is compiled for its own sort of page.
#[inline(never)]
fn bisect_items(page: Page<'_>, order: Order, key: &[u8]) -> (usize, bool) {
    match order {
        Order::Bytes => {
            let key = Sought::new(key);
            bisect_items_by(page, |item| key.compare(item))
        }
        Order::Reversed => bisect_items_by(page, |item| compare_reversed(item, key)),
        Order::Integer => bisect_items_by(page, |item| compare_integers(item, key)),
        Order::Given(compare) => bisect_items_by(page, |item| compare(item, key)),
    }
}

#[inline]
fn bisect_items_by(page: Page<'_>, compare: impl Fn(&[u8]) -> Ordering) -> (usize, bool) {
    let (items, item_len) = (page.items(), page.item_len());
    let (mut low, mut high) = (0, page.len());
    while low < high {
        let middle = low + (high - low) / 2;
        match compare(&items[middle * item_len..][..item_len]) {
            Ordering::Less => low = middle + 1,
            Ordering::Equal => return (middle, true),
            Ordering::Greater => high = middle,
        }
    }
    (low, false)
}

/// Asks the memory for node `index`, if there is one.
#[inline]
pub(crate) fn prefetch_entry(page: Page<'_>, index: usize) {
    if index < page.len() && !page.is_packed() {
        prefetch(page.bytes(), page.node_offset(index));
    }
}

#[inline]
fn prefetch_node(page: Page<'_>, entry: [u8; ENTRY]) {
    prefetch(
        page.bytes(),
        PAGE_HEADER + usize::from(u16::from_le_bytes(entry)),
    );
}
