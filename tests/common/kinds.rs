//! The kinds that a table can have, each with entries that it takes and a model that keeps them in its order.

use std::collections::{BTreeMap, BTreeSet};

use mdbx_core::{PageSize, TableFlags};

use super::Items;

/// Every single flag.
pub(crate) const FLAGS: [TableFlags; 6] = [
    TableFlags::REVERSE_KEY,
    TableFlags::DUP_SORT,
    TableFlags::INTEGER_KEY,
    TableFlags::DUP_FIXED,
    TableFlags::INTEGER_DUP,
    TableFlags::REVERSE_DUP,
];

/// A kind of table, and the lengths that its first entry gives it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) flags: TableFlags,
    /// The length of every key, if they are integers.
    pub(crate) key_len: Option<usize>,
    /// The length of every value, if it is fixed.
    pub(crate) value_len: Option<usize>,
}

/// Returns all legal kinds, with every length of integers and some of values; the longest of them depend on the page.
pub(crate) fn kinds(page_size: PageSize) -> Vec<Kind> {
    let (dup_sort, dup_fixed) = (
        TableFlags::DUP_SORT,
        TableFlags::DUP_SORT | TableFlags::DUP_FIXED,
    );
    let integer_dup = dup_fixed | TableFlags::INTEGER_DUP;
    let keys = [
        (TableFlags::empty(), None),
        (TableFlags::REVERSE_KEY, None),
        (TableFlags::INTEGER_KEY, Some(4)),
        (TableFlags::INTEGER_KEY, Some(8)),
    ];
    let dups = [
        (TableFlags::empty(), None),
        (dup_sort, None),
        (dup_sort | TableFlags::REVERSE_DUP, None),
        (dup_fixed, Some(2)),
        (dup_fixed, Some(7)),
        (dup_fixed, Some(page_size.bytes() / 20)),
        (dup_fixed | TableFlags::REVERSE_DUP, Some(16)),
        (integer_dup, Some(4)),
        (integer_dup, Some(8)),
        (integer_dup | TableFlags::REVERSE_DUP, Some(8)),
    ];
    let kind = |(key, key_len), (dup, value_len)| Kind {
        flags: key | dup,
        key_len,
        value_len,
    };
    keys.into_iter()
        .flat_map(|key| dups.map(|dup| kind(key, dup)))
        .collect()
}

impl Kind {
    /// The kind of a table with such entries.
    pub(crate) fn of(flags: TableFlags, items: &Items) -> Kind {
        let key_len = items.first().map_or(8, |(key, _)| key.len());
        let value_len = items.first().map_or(8, |(_, value)| value.len());
        Kind {
            flags,
            key_len: flags.contains(TableFlags::INTEGER_KEY).then_some(key_len),
            value_len: flags.contains(TableFlags::DUP_FIXED).then_some(value_len),
        }
    }

    pub(crate) fn has_dups(&self) -> bool {
        self.flags.contains(TableFlags::DUP_SORT)
    }

    /// Returns the `n`th of some 60000 keys.
    pub(crate) fn key(&self, n: usize) -> Vec<u8> {
        match self.key_len {
            Some(len) => fixed(n, len),
            None => text(n),
        }
    }

    /// Returns the `n`th of some 60000 values.
    pub(crate) fn value(&self, n: usize) -> Vec<u8> {
        match self.value_len {
            Some(len) => fixed(n, len),
            None => text(n),
        }
    }

    fn reverses_keys(&self) -> bool {
        self.flags.contains(TableFlags::INTEGER_KEY) || self.flags.contains(TableFlags::REVERSE_KEY)
    }

    fn reverses_values(&self) -> bool {
        self.flags.contains(TableFlags::INTEGER_DUP) || self.flags.contains(TableFlags::REVERSE_DUP)
    }
}

/// Returns `len` bytes whose first and last two depend on `n`, and some in between.
fn fixed(n: usize, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let n = u16::try_from(n).unwrap();
    bytes[len / 2] = n.to_be_bytes()[1] & 3;
    bytes[..2].copy_from_slice(&n.rotate_left(3).to_be_bytes());
    bytes[len - 2..].copy_from_slice(&n.to_be_bytes());
    bytes
}

/// Returns a text that depends on `n`, some of them long.
fn text(n: usize) -> Vec<u8> {
    let mut text = format!("{n}").into_bytes();
    let len = [0, 0, 0, 7, 0, 20, 9, 41][n % 8];
    text.resize(text.len().max(len), b'x');
    text
}

/// What a table of a kind is to hold. Keys and values are kept reversed where that makes their order that of bytes.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) kind: Kind,
    entries: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>>,
}

impl Model {
    pub(crate) fn new(kind: Kind) -> Model {
        Model {
            kind,
            entries: BTreeMap::new(),
        }
    }

    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) {
        let kind = self.kind;
        let values = self.entries.entry(ordered(key, kind.reverses_keys()));
        let values = values.or_default();
        if !kind.has_dups() {
            values.clear();
        }
        values.insert(ordered(value, kind.reverses_values()));
    }

    /// Deletes one value; tells whether it was there.
    pub(crate) fn delete_dup(&mut self, key: &[u8], value: &[u8]) -> bool {
        let key = ordered(key, self.kind.reverses_keys());
        let value = ordered(value, self.kind.reverses_values());
        let Some(values) = self.entries.get_mut(&key) else {
            return false;
        };
        let was_there = values.remove(&value);
        if values.is_empty() {
            self.entries.remove(&key);
        }
        was_there
    }

    /// Deletes all values of a key; tells whether there was one.
    pub(crate) fn delete(&mut self, key: &[u8]) -> bool {
        let key = ordered(key, self.kind.reverses_keys());
        self.entries.remove(&key).is_some()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Returns the values of a key, in order.
    pub(crate) fn values(&self, key: &[u8]) -> Vec<Vec<u8>> {
        let key = ordered(key, self.kind.reverses_keys());
        let values = self.entries.get(&key).into_iter().flatten();
        values
            .map(|value| ordered(value, self.kind.reverses_values()))
            .collect()
    }

    /// Returns all items, in order.
    pub(crate) fn items(&self) -> Items {
        let keys = self.entries.iter();
        keys.flat_map(|(key, values)| values.iter().map(move |value| (key, value)))
            .map(|(key, value)| {
                (
                    ordered(key, self.kind.reverses_keys()),
                    ordered(value, self.kind.reverses_values()),
                )
            })
            .collect()
    }
}

/// Returns the bytes, backwards or not. Twice the same gives the first bytes again.
fn ordered(bytes: &[u8], is_reversed: bool) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if is_reversed {
        bytes.reverse();
    }
    bytes
}
