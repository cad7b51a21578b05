//! Memory of the writer, kept from one write transaction to the next: page buffers, and lists of pages.

use crate::pager::buffers::Buffers;
use crate::pager::dirty::DirtyList;

/// Empty page lists kept when nobody uses them.
const LISTS_KEPT: usize = 16;

/// Page buffers and page lists.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "a list goes round as the box it is in")]
pub(crate) struct Memory {
    pub(crate) buffers: Buffers,
    lists: Vec<Box<DirtyList>>,
}

impl Memory {
    /// Returns a list without pages.
    #[expect(
        clippy::unnecessary_box_returns,
        reason = "a list goes round as the box it is in"
    )]
    pub(crate) fn list(&mut self) -> Box<DirtyList> {
        self.lists.pop().unwrap_or_default()
    }

    /// Takes a list back, with all the pages that are still on it.
    pub(crate) fn take_list_back(&mut self, mut list: Box<DirtyList>) {
        list.clear(&mut self.buffers);
        if self.lists.len() < LISTS_KEPT {
            self.lists.push(list);
        }
    }
}
