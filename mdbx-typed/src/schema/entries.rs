//! The index keys of one row, in one buffer.
//!
//! The row pushes them; once they are settled, they are in order and each is there once.

use std::cmp::Ordering;

use crate::key::{Key, KeyBuf, Place};

/// The keys a row has in the indexes of its table. A [`Record`](crate::Record) adds them.
#[derive(Debug, Default)]
pub struct IndexKeys {
    /// The bytes of all keys, one after the other.
    bytes: KeyBuf,
    entries: Vec<Entry>,
}

/// One key: an index by its position, and where the key's bytes are.
#[derive(Debug, Clone, Copy)]
struct Entry {
    index: usize,
    start: usize,
    end: usize,
}

impl IndexKeys {
    /// Adds a key of the index at position `index`.
    pub fn push<K: Key>(&mut self, index: usize, key: K::Ref<'_>) {
        let start = self.bytes.len();
        K::encode(key, Place::Last, &mut self.bytes);
        self.entries.push(Entry {
            index,
            start,
            end: self.bytes.len(),
        });
    }

    /// Removes all keys and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    /// Sorts the keys and drops repeated ones: a row with the tag `red` twice is in the index once.
    pub(crate) fn settle(&mut self) {
        let IndexKeys { bytes, entries } = self;
        let bytes = bytes.as_slice();
        let part = |entry: &Entry| (entry.index, &bytes[entry.start..entry.end]);
        entries.sort_unstable_by(|a, b| part(a).cmp(&part(b)));
        entries.dedup_by(|a, b| part(a) == part(b));
    }

    /// Returns the keys, each with the position of its index.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.entries.iter().map(|entry| self.part(entry))
    }

    /// Returns the keys that are not in `other`. Both must be settled.
    pub(crate) fn missing_from<'s>(
        &'s self,
        other: &'s IndexKeys,
    ) -> impl Iterator<Item = (usize, &'s [u8])> {
        self.iter().filter(|part| !other.contains(*part))
    }

    fn contains(&self, part: (usize, &[u8])) -> bool {
        self.entries
            .binary_search_by(|entry| -> Ordering { self.part(entry).cmp(&part) })
            .is_ok()
    }

    fn part(&self, entry: &Entry) -> (usize, &[u8]) {
        (entry.index, &self.bytes.as_slice()[entry.start..entry.end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(list: &[(usize, &str)]) -> IndexKeys {
        let mut keys = IndexKeys::default();
        for &(index, key) in list {
            keys.push::<String>(index, key);
        }
        keys.settle();
        keys
    }

    #[test]
    fn settled_keys_are_sorted_and_unique() {
        let keys = keys(&[(1, "b"), (0, "z"), (1, "a"), (1, "b"), (0, "")]);
        let list: Vec<_> = keys.iter().collect();
        assert_eq!(list, [(0, &b""[..]), (0, b"z"), (1, b"a"), (1, b"b")]);
    }

    #[test]
    fn a_difference_leaves_out_what_both_have() {
        let old = keys(&[(0, "same"), (1, "gone"), (2, "key")]);
        let new = keys(&[(0, "same"), (1, "came"), (3, "key")]);
        assert_eq!(
            old.missing_from(&new).collect::<Vec<_>>(),
            [(1, &b"gone"[..]), (2, b"key")]
        );
        assert_eq!(
            new.missing_from(&old).collect::<Vec<_>>(),
            [(1, &b"came"[..]), (3, b"key")]
        );
    }
}
