//! Sub-pages: the few values of one key, as a small leaf page inside its node.
//!
//! A sub-page is never changed in place but built anew, so none of its bytes need be trusted. It is packed if the
//! values of its table have a fixed size.
//!
//! Source: format document, "Sub-page".

use std::cmp::Ordering;
use std::ops::Range;

use crate::error::PageFault;
use crate::format::bytes::even;
use crate::format::limits::PAGE_HEADER;
use crate::format::node::{NewNode, Value};
use crate::format::page::{LEAF, Page, PageMut, SUB_PAGE};
use crate::ids::{Pgno, Txnid};
use crate::tree::interval::Interval;
use crate::tree::order::Order;
use crate::tree::search::bisect;

/// Returns a sub-page of the values that a node holds and `value`; `None` if it holds that value already.
pub(crate) fn with_value(
    held: Value<'_>,
    value: &[u8],
    dups: Order,
    is_packed: bool,
) -> Result<Option<Vec<u8>>, PageFault> {
    match held {
        Value::Inline(only) => {
            check_len(only.len(), value, is_packed)?;
            Ok(match dups.compare(only, value) {
                Ordering::Less => Some(sub_page_of(&[only, value], is_packed)),
                Ordering::Equal => None,
                Ordering::Greater => Some(sub_page_of(&[value, only], is_packed)),
            })
        }
        Value::SubPage(page) if page.is_packed() == is_packed => {
            check_len(page.item_len(), value, is_packed)?;
            match bisect(page, 0, dups, value)? {
                (_, true) => Ok(None),
                (index, false) => rebuilt(page, index..index, &[value]).map(Some),
            }
        }
        _ => Err(PageFault::BadTreeRecord),
    }
}

/// Checks that values side by side in a packed page have one length.
fn check_len(len: usize, value: &[u8], is_packed: bool) -> Result<(), PageFault> {
    if is_packed && len != value.len() {
        return Err(PageFault::BadItemLen { len });
    }
    Ok(())
}

/// Returns a sub-page, perhaps without entries, of the values that a node holds except those in `values`, and how many
/// those are; `None` if it holds none of them.
pub(crate) fn without_values(
    held: Value<'_>,
    values: Interval<'_>,
    dups: Order,
    is_packed: bool,
) -> Result<Option<(Vec<u8>, usize)>, PageFault> {
    match held {
        Value::Inline(only) => {
            let is_in = values.contains(dups, only);
            Ok(is_in.then(|| (sub_page_of(&[], is_packed), 1)))
        }
        Value::SubPage(page) if page.is_packed() == is_packed => {
            let run = values.entries(page, dups)?;
            if run.is_empty() {
                return Ok(None);
            }
            let count = run.len();
            Ok(Some((rebuilt(page, run, &[])?, count)))
        }
        _ => Err(PageFault::BadTreeRecord),
    }
}

/// Returns a sub-page of the keys of `page`, with those that `replaced` names replaced by `values`.
pub(crate) fn rebuilt(
    page: Page<'_>,
    replaced: Range<usize>,
    values: &[&[u8]],
) -> Result<Vec<u8>, PageFault> {
    if page.is_packed() {
        let (items, item_len) = (page.items(), page.item_len());
        let before = &items[..replaced.start * item_len];
        let behind = &items[replaced.end * item_len..];
        return Ok(packed_of(item_len, [&[before], values, &[behind]]));
    }
    let mut all = Vec::with_capacity(page.len() + values.len());
    for index in 0..replaced.start {
        all.push(page.key(index)?);
    }
    all.extend_from_slice(values);
    for index in replaced.end..page.len() {
        all.push(page.key(index)?);
    }
    Ok(sub_page_of(&all, false))
}

/// Lays out a sub-page with the ordered `values`, which have one length if it is to be packed.
pub(crate) fn sub_page_of(values: &[&[u8]], is_packed: bool) -> Vec<u8> {
    if let (true, Some(first)) = (is_packed, values.first()) {
        return packed_of(first.len(), [values]);
    }
    let room: usize = values
        .iter()
        .map(|value| NewNode::leaf(value, 0, b"").room())
        .sum();
    let mut bytes = vec![0; PAGE_HEADER + room];
    let mut page = PageMut::init(&mut bytes, LEAF | SUB_PAGE, Pgno(0), Txnid::VOID);
    for value in values {
        page.append(NewNode::leaf(value, 0, b""));
    }
    bytes
}

/// Lays out a packed sub-page with runs of items.
fn packed_of<const N: usize>(item_len: usize, runs: [&[&[u8]]; N]) -> Vec<u8> {
    let runs = || runs.iter().copied().flatten();
    let len = runs().map(|run| run.len()).sum();
    let size = PAGE_HEADER + even(len);
    let mut bytes = Vec::with_capacity(size);
    bytes.extend_from_slice(&[0; PAGE_HEADER]);
    for run in runs() {
        bytes.extend_from_slice(run);
    }
    bytes.resize(size, 0);
    let mut page = PageMut::init(&mut bytes, LEAF | SUB_PAGE, Pgno(0), Txnid::VOID);
    page.pack(item_len);
    page.adopt_items(len / item_len);
    bytes
}
