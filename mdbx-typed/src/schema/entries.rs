//! The index keys of one row, in one buffer.
//!
//! The row pushes them; once they are settled, they are in order and each is there once.

use std::cmp::Ordering;

use super::Record;
use crate::key::{Key, KeyBuf, KeyRange, Place};

/// The keys a row has in the indexes of its table. A [`Record`](crate::Record) adds them.
#[derive(Debug, Default)]
pub struct IndexKeys {
    /// The bytes of all keys, one after the other.
    bytes: KeyBuf,
    entries: Vec<Entry>,
    /// Set to look for one key; none is kept then.
    search: Option<Search>,
}

/// One key: an index by its position, and where the key's bytes are.
#[derive(Debug, Clone, Copy)]
struct Entry {
    index: usize,
    start: usize,
    end: usize,
    /// Where what was hashed ends, which follows the hash; `None` if the key is no hash.
    exact_end: Option<usize>,
}

/// A key that a row may have.
#[derive(Debug)]
struct Search {
    index: usize,
    exact: KeyBuf,
    is_found: bool,
}

impl IndexKeys {
    /// Adds a key of the index at position `index`.
    pub fn push<K: Key>(&mut self, index: usize, key: K::Ref<'_>) {
        if let Some(search) = &mut self.search {
            search.look::<K>(index, key);
            return;
        }
        let start = self.bytes.len();
        K::encode(key, Place::Last, &mut self.bytes);
        let end = self.bytes.len();
        let mut exact_end = None;
        if K::IS_HASHED {
            K::encode_exact(key, &mut self.bytes);
            exact_end = Some(self.bytes.len());
        }
        self.entries.push(Entry {
            index,
            start,
            end,
            exact_end,
        });
    }

    /// Returns whether `row` has a key of the index at position `index` with these exact bytes.
    ///
    /// It tells apart values that share a hash.
    pub(crate) fn has_exactly(row: &impl Record, index: usize, exact: KeyBuf) -> bool {
        let mut keys = IndexKeys {
            search: Some(Search {
                index,
                exact,
                is_found: false,
            }),
            ..IndexKeys::default()
        };
        row.index_keys(&mut keys);
        keys.search.is_some_and(|search| search.is_found)
    }

    /// Returns whether `row` has a key of the index at position `index` that lies in `range`.
    pub(crate) fn has_within(row: &impl Record, index: usize, range: &KeyRange) -> bool {
        let mut keys = IndexKeys::default();
        row.index_keys(&mut keys);
        keys.are_within(index, range)
    }

    /// Returns whether one of the keys of the index at position `index` lies in `range`.
    pub(crate) fn are_within(&self, index: usize, range: &KeyRange) -> bool {
        let mut parts = self.entries.iter().map(|entry| self.part(entry));
        parts.any(|(position, key)| position == index && range.contains(key))
    }

    /// Removes all keys and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    /// Sorts the keys and drops repeated ones: a row with the tag `red` twice is in the index once.
    pub(crate) fn settle(&mut self) {
        let IndexKeys { bytes, entries, .. } = self;
        // The row pushes the keys of one index after those of another, so that only several of one can be unsorted.
        if entries.is_sorted_by(|a, b| a.index < b.index) {
            return;
        }
        let bytes = bytes.as_slice();
        // A hash is as long as every other one, so that what follows it comes into the order after it.
        let part = |entry: &Entry| {
            let exact = &bytes[entry.end..entry.exact_end.unwrap_or(entry.end)];
            (entry.index, &bytes[entry.start..entry.end], exact)
        };
        entries.sort_unstable_by(|a, b| part(a).cmp(&part(b)));
        entries.dedup_by(|a, b| part(a) == part(b));
    }

    /// Returns the distinct keys, each with the position of its index. They must be settled.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let is_new =
            |i: usize| i == 0 || self.part(&self.entries[i - 1]) != self.part(&self.entries[i]);
        let entries = self.entries.iter().enumerate();
        entries
            .filter(move |&(i, _)| is_new(i))
            .map(|(_, entry)| self.part(entry))
    }

    /// Returns the hashed keys: the position of the index, the hash, and what was hashed.
    pub(crate) fn hashed(&self) -> impl Iterator<Item = (usize, &[u8], &[u8])> {
        let bytes = self.bytes.as_slice();
        self.entries.iter().filter_map(move |entry| {
            let (index, key) = self.part(entry);
            Some((index, key, &bytes[entry.end..entry.exact_end?]))
        })
    }

    /// Returns the keys that are not in `other`. Both must be settled.
    pub(crate) fn missing_from<'s>(
        &'s self,
        other: &'s IndexKeys,
    ) -> impl Iterator<Item = (usize, &'s [u8])> {
        let entries = self.iter().enumerate();
        entries.filter_map(|(at, part)| (!other.contains(at, part)).then_some(part))
    }

    /// Returns whether this is one of the keys. It is looked for as number `at` first, where most are.
    fn contains(&self, at: usize, part: (usize, &[u8])) -> bool {
        let entry = self.entries.get(at);
        if entry.is_some_and(|entry| self.part(entry) == part) {
            return true;
        }
        self.entries
            .binary_search_by(|entry| -> Ordering { self.part(entry).cmp(&part) })
            .is_ok()
    }

    fn part(&self, entry: &Entry) -> (usize, &[u8]) {
        (entry.index, &self.bytes.as_slice()[entry.start..entry.end])
    }
}

impl Search {
    fn look<K: Key>(&mut self, index: usize, key: K::Ref<'_>) {
        if index == self.index && !self.is_found {
            let mut exact = KeyBuf::new();
            K::encode_exact(key, &mut exact);
            self.is_found = exact.as_slice() == self.exact.as_slice();
        }
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
