//! How many items lie between two keys, judged from the pages on the way to them.
//!
//! A key cuts its tree at a certain share of it: so many of the root's entries lie before, and a share of the entry it
//! falls into, and so on down. If both ends of a range fall into the same leaf, its items are counted instead.

use std::ops::Bound;

use crate::error::Result;
use crate::format::page::Page;
use crate::format::root::TreeRoot;
use crate::pager::snapshot::Pages;
use crate::tree::order::Order;
use crate::tree::search::{Target, descend};
use crate::tree::values::count_of;

/// The bits that a share of the whole is counted in.
const SHARE_BITS: u32 = 64;

/// A place between two entries of a leaf.
struct Cut<'p> {
    leaf: Page<'p>,
    /// How many entries of the leaf lie before.
    index: usize,
    /// Which part of the tree lies before, in units of `2^-SHARE_BITS`.
    share: u128,
}

/// Returns about how many items of the tree `root`, whose keys may have several values, lie between the bounds.
pub(crate) fn estimate(
    pages: Pages<'_>,
    root: &TreeRoot,
    order: Order,
    lower: Bound<&[u8]>,
    upper: Bound<&[u8]>,
) -> Result<u64> {
    let lower = match lower {
        Bound::Unbounded => cut(pages, root, order, Target::First, false)?,
        Bound::Included(key) => cut(pages, root, order, Target::Key(key), false)?,
        Bound::Excluded(key) => cut(pages, root, order, Target::Key(key), true)?,
    };
    let upper = match upper {
        Bound::Unbounded => cut(pages, root, order, Target::Last, true)?,
        Bound::Included(key) => cut(pages, root, order, Target::Key(key), true)?,
        Bound::Excluded(key) => cut(pages, root, order, Target::Key(key), false)?,
    };
    let (Some(lower), Some(upper)) = (lower, upper) else {
        return Ok(0);
    };
    if lower.leaf.pgno() != upper.leaf.pgno() {
        let share = upper.share.saturating_sub(lower.share);
        let items = (u128::from(root.items) * share) >> SHARE_BITS;
        return Ok(u64::try_from(items).unwrap_or(root.items));
    }
    let mut items = 0;
    for index in lower.index..upper.index {
        let value = lower.leaf.value(index);
        items += count_of(&value.map_err(|fault| fault.at(lower.leaf.pgno()))?);
    }
    Ok(items)
}

/// Returns the place before `target`, or behind it if that is asked for and it is there; `None` in an empty tree.
fn cut<'p>(
    pages: Pages<'p>,
    root: &TreeRoot,
    order: Order,
    target: Target<'_>,
    behind: bool,
) -> Result<Option<Cut<'p>>> {
    let mut way = Vec::with_capacity(usize::from(root.height));
    let found = descend(pages, root, order, target, |page, _, index| {
        way.push((index, page.len()));
    })?;
    let Some(found) = found else {
        return Ok(None);
    };
    let index = found.index + usize::from(behind && found.exact);
    let part = |before: usize, within: u128, len: usize| {
        (((before as u128) << SHARE_BITS) + within) / len as u128
    };
    let in_leaf = part(index, 0, found.leaf.len());
    let above = way.iter().rev().skip(1);
    Ok(Some(Cut {
        leaf: found.leaf,
        index,
        share: above.fold(in_leaf, |within, &(before, len)| part(before, within, len)),
    }))
}
