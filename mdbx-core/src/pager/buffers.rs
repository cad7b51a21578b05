//! Page buffers that go round between the tables of a transaction and the transactions of an environment, so that a
//! steady load asks the operating system for none.

/// Buffers kept when nobody uses them, in bytes.
const BYTES_KEPT: usize = 64 << 20;

/// Page buffers that nobody uses, and how much is in use.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// Each of one page.
    spare: Vec<Box<[u8]>>,
    /// Bytes of the buffers handed out.
    in_use: usize,
}

impl Buffers {
    /// Returns how many bytes the buffers handed out have.
    pub(crate) fn in_use(&self) -> usize {
        self.in_use
    }

    /// Returns a buffer of `len` bytes. Its content is arbitrary.
    pub(crate) fn take(&mut self, len: usize) -> Box<[u8]> {
        self.in_use += len;
        let reused = self.spare.pop_if(|buffer| buffer.len() == len);
        reused.unwrap_or_else(|| vec![0; len].into_boxed_slice())
    }

    /// Returns a copy of `bytes`.
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> Box<[u8]> {
        let mut buffer = self.take(bytes.len());
        buffer.copy_from_slice(bytes);
        buffer
    }

    /// Takes a buffer back, and keeps it unless it is a run or there are enough.
    pub(crate) fn give_back(&mut self, buffer: Box<[u8]>) {
        self.in_use -= buffer.len();
        let kept = self.spare.last();
        let fits = kept.is_none_or(|other| other.len() == buffer.len());
        if fits && (self.spare.len() + 1) * buffer.len() <= BYTES_KEPT {
            self.spare.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_pages_of_other_sizes_do_not_share_buffers() {
        let mut buffers = Buffers::default();
        let small = buffers.take(256);
        buffers.give_back(small);
        let large = buffers.take(1024);
        assert_eq!((large.len(), buffers.in_use()), (1024, 1024));
        buffers.give_back(large);
        assert_eq!(buffers.take(256).len(), 256);
    }
}
