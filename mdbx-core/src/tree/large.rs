//! Values on their own run of pages.
//!
//! Source: format document, "Large values".

use crate::error::{PageFault, Result};
use crate::format::limits::leaf_node_max;
use crate::format::node::node_span;
use crate::format::root::TreeRoot;
use crate::ids::{PageSize, Pgno};
use crate::pager::writer::{Writer, large_page_count};

/// A large value that was stored, and that no node leads to yet.
pub(crate) struct LargeRun {
    pub(crate) first: Pgno,
    pub(crate) pages: u32,
    pub(crate) value_len: u32,
}

/// Returns whether such a value goes to pages of its own.
pub(crate) const fn is_large(key_len: usize, value_len: usize, page_size: PageSize) -> bool {
    node_span(key_len, value_len) > leaf_node_max(page_size)
}

/// Lets `fill` write a value of `len` bytes to pages of its own.
pub(crate) fn store_large(
    pager: &mut Writer<'_>,
    len: usize,
    fill: impl FnOnce(&mut [u8]),
) -> Result<LargeRun> {
    let pages = large_page_count(len, pager.page_size());
    let (first, room) = pager.allocate_large(len)?;
    fill(room);
    let value_len = u32::try_from(len).expect("the longest value is below 4 GiB");
    Ok(LargeRun {
        first,
        pages,
        value_len,
    })
}

/// Gives up the pages of the large value of the tree `root` that starts with `first`.
pub(crate) fn free_large(pager: &mut Writer<'_>, root: &mut TreeRoot, first: Pgno) -> Result<()> {
    let bytes = pager.pages().large_run(first)?.len();
    let pages = u32::try_from(bytes / pager.page_size().bytes()).unwrap_or(u32::MAX);
    root.large_pages = root
        .large_pages
        .checked_sub(pages)
        .ok_or_else(|| PageFault::BadTreeRecord.at(first))?;
    pager.free(first, pages);
    Ok(())
}
