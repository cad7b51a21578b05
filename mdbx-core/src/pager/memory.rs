//! Memory of the writer, kept from one write transaction to the next.
//!
//! Page buffers go round between the tables of a transaction and the transactions of an environment, so that a steady
//! load asks the operating system for none.

use crate::pager::dirty::DirtyList;

/// Buffers kept when nobody uses them, in bytes.
const BUFFER_BYTES_KEPT: usize = 64 << 20;
/// Empty page lists kept when nobody uses them.
const LISTS_KEPT: usize = 16;

/// Page buffers and page lists that nobody uses, and how much is in use.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "a list goes round as the box it is in")]
pub(crate) struct Memory {
    /// Buffers of one page each.
    buffers: Vec<Box<[u8]>>,
    lists: Vec<Box<DirtyList>>,
    /// Bytes of the buffers handed out.
    in_use: usize,
}

impl Memory {
    /// Returns how many bytes the buffers handed out have.
    pub(crate) fn in_use(&self) -> usize {
        self.in_use
    }

    /// Returns a buffer of `len` bytes. Its content is arbitrary.
    pub(crate) fn buffer(&mut self, len: usize) -> Box<[u8]> {
        self.in_use += len;
        let reused = self.buffers.pop_if(|buffer| buffer.len() == len);
        reused.unwrap_or_else(|| vec![0; len].into_boxed_slice())
    }

    /// Returns a copy of `bytes`.
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> Box<[u8]> {
        let mut buffer = self.buffer(bytes.len());
        buffer.copy_from_slice(bytes);
        buffer
    }

    /// Takes a buffer back, and keeps it unless it is a run or there are enough.
    pub(crate) fn take_back(&mut self, buffer: Box<[u8]>) {
        self.in_use -= buffer.len();
        let kept = self.buffers.last();
        let fits = kept.is_none_or(|other| other.len() == buffer.len());
        if fits && (self.buffers.len() + 1) * buffer.len() <= BUFFER_BYTES_KEPT {
            self.buffers.push(buffer);
        }
    }

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
        list.clear(self);
        if self.lists.len() < LISTS_KEPT {
            self.lists.push(list);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_pages_of_other_sizes_do_not_share_buffers() {
        let mut memory = Memory::default();
        let small = memory.buffer(256);
        memory.take_back(small);
        let large = memory.buffer(1024);
        assert_eq!((large.len(), memory.in_use()), (1024, 1024));
        memory.take_back(large);
        assert_eq!(memory.buffer(256).len(), 256);
    }
}
