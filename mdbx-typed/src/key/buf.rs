//! A byte buffer that keeps short keys on the stack.

use std::fmt;

/// How many bytes fit without allocating: most keys are an integer or two and a short string.
const INLINE: usize = 64;

/// The bytes of a key, or of several one after the other.
///
/// Up to 64 bytes are held in place; longer contents move to the heap, and stay there.
#[derive(Clone)]
pub struct KeyBuf {
    /// The contents, as long as there are at most [`INLINE`] bytes; their number is `len`.
    inline: [u8; INLINE],
    len: usize,
    /// The contents, once there are more. An empty one says that they are inline.
    heap: Vec<u8>,
}

impl KeyBuf {
    /// Returns an empty buffer.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        KeyBuf {
            inline: [0; INLINE],
            len: 0,
            heap: Vec::new(),
        }
    }

    /// Returns the contents.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        if self.heap.is_empty() {
            &self.inline[..self.len]
        } else {
            &self.heap
        }
    }

    /// Returns the contents, to be changed in place.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        if self.heap.is_empty() {
            &mut self.inline[..self.len]
        } else {
            &mut self.heap
        }
    }

    /// Returns how many bytes there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Returns whether there are no bytes.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends one byte.
    #[inline]
    pub fn push(&mut self, byte: u8) {
        self.extend_from_slice(&[byte]);
    }

    /// Appends bytes.
    #[inline]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if self.heap.is_empty() && end <= INLINE {
            self.inline[self.len..end].copy_from_slice(bytes);
            self.len = end;
        } else {
            self.extend_heap(bytes);
        }
    }

    /// Appends bytes that do not fit in place.
    #[cold]
    fn extend_heap(&mut self, bytes: &[u8]) {
        if self.heap.is_empty() {
            self.heap.extend_from_slice(&self.inline[..self.len]);
        }
        self.heap.extend_from_slice(bytes);
    }

    /// Removes all bytes but the first `len`, if there are more.
    pub fn truncate(&mut self, len: usize) {
        if self.heap.is_empty() {
            self.len = self.len.min(len);
        } else if len == 0 {
            self.heap.clear();
            self.len = 0;
        } else {
            self.heap.truncate(len);
        }
    }

    /// Removes all bytes and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Returns the smallest byte string above all that start with these bytes; `None` if there is no such.
    pub(super) fn into_successor(mut self) -> Option<KeyBuf> {
        while let Some((&last, head)) = self.as_slice().split_last() {
            let len = head.len();
            if last < u8::MAX {
                self.as_mut_slice()[len] = last + 1;
                return Some(self);
            }
            self.truncate(len);
        }
        None
    }
}

impl Default for KeyBuf {
    fn default() -> Self {
        KeyBuf::new()
    }
}

impl AsRef<[u8]> for KeyBuf {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl fmt::Debug for KeyBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyBuf").field(&self.as_slice()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> KeyBuf {
        let mut buf = KeyBuf::new();
        buf.extend_from_slice(bytes);
        buf
    }

    #[test]
    fn contents_survive_the_move_to_the_heap_and_back() {
        let mut buf = KeyBuf::new();
        let mut model = Vec::new();
        for n in 0..200u8 {
            buf.push(n);
            model.push(n);
            assert_eq!(buf.as_slice(), model);
        }
        for len in [150, 64, 3, 0] {
            buf.truncate(len);
            model.truncate(len);
            assert_eq!(buf.as_slice(), model);
        }
        buf.extend_from_slice(b"again");
        assert_eq!(buf.as_slice(), b"again");
    }

    #[test]
    fn the_successor_is_the_first_string_without_the_prefix() {
        assert_eq!(of(b"ab").into_successor().unwrap().as_slice(), b"ac");
        assert_eq!(of(b"a\xFF\xFF").into_successor().unwrap().as_slice(), b"b");
        assert!(of(b"\xFF\xFF").into_successor().is_none());
        assert!(of(b"").into_successor().is_none());
        let long = of(&[[7u8; 80].as_slice(), &[255]].concat())
            .into_successor()
            .unwrap();
        assert_eq!(long.as_slice(), [[7u8; 79].as_slice(), &[8]].concat());
    }
}
