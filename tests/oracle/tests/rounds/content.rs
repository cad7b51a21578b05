//! What tables hold: their kinds, keys and values made from numbers, and the model they are compared with.

use std::collections::{BTreeMap, BTreeSet};

use mdbx_core::{PageSize, TableFlags, max_key_len, max_value_len_dup_sort};

use crate::common::{Items, Rng};

/// A flag of this library, and its number in libmdbx.
const FLAGS: [(TableFlags, u32); 6] = [
    (TableFlags::REVERSE_KEY, 0x02),
    (TableFlags::DUP_SORT, 0x04),
    (TableFlags::INTEGER_KEY, 0x08),
    (TableFlags::DUP_FIXED, 0x10),
    (TableFlags::INTEGER_DUP, 0x20),
    (TableFlags::REVERSE_DUP, 0x40),
];

/// Returns what libmdbx calls these flags.
pub(crate) fn flags_in_c(flags: TableFlags) -> u32 {
    FLAGS
        .iter()
        .filter(|(flag, _)| flags.contains(*flag))
        .map(|(_, number)| number)
        .sum()
}

/// Returns all legal kinds of tables.
pub(crate) fn all_kinds() -> Vec<TableFlags> {
    let keys = [
        TableFlags::empty(),
        TableFlags::REVERSE_KEY,
        TableFlags::INTEGER_KEY,
    ];
    let fixed = TableFlags::DUP_SORT | TableFlags::DUP_FIXED;
    let values = [
        TableFlags::empty(),
        TableFlags::DUP_SORT,
        TableFlags::DUP_SORT | TableFlags::REVERSE_DUP,
        fixed,
        fixed | TableFlags::REVERSE_DUP,
        fixed | TableFlags::INTEGER_DUP,
    ];
    let pairs = keys
        .iter()
        .flat_map(|keys| values.iter().map(|values| *keys | *values));
    pairs.collect()
}

/// The kind of a table, and what its keys and values look like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec {
    pub(crate) flags: TableFlags,
    /// Bytes of every key, if keys are integers; else the most.
    key_len: usize,
    /// Bytes of every value, if they have one size; else the most.
    value_len: usize,
    /// The most bytes of most keys, and of most values.
    usual_len: usize,
    /// Bytes with which all long keys and values begin.
    prefix_len: usize,
    /// Whether the order of keys, apart from some, is that of their numbers.
    ordered: bool,
}

impl Spec {
    /// Makes up a table. Lengths are at most `percent` of what the page size allows.
    pub(crate) fn random(
        rng: &mut Rng,
        flags: TableFlags,
        page_size: PageSize,
        percent: usize,
    ) -> Spec {
        let integer = |rng: &mut Rng| *rng.pick(&[4, 8]);
        let key_len = if flags.contains(TableFlags::INTEGER_KEY) {
            integer(rng)
        } else {
            flags.max_key_len(page_size) * percent / 100
        };
        let most = max_value_len_dup_sort(page_size) * percent / 100;
        let value_len = if flags.contains(TableFlags::INTEGER_DUP) {
            integer(rng)
        } else if flags.contains(TableFlags::DUP_FIXED) {
            let spread = *rng.pick(&[30, 30, most - 1]);
            2 + rng.below(spread)
        } else if flags.contains(TableFlags::DUP_SORT) {
            most
        } else {
            page_size.bytes() * *rng.pick(&[1, 3, 3, 20])
        };
        let usual = max_key_len(page_size) * percent / 100;
        Spec {
            flags,
            key_len,
            value_len,
            usual_len: *rng.pick(&[8, 30, 30, usual]),
            prefix_len: *rng.pick(&[0, 0, 3, usual / 2]),
            ordered: rng.once_in(2),
        }
    }

    pub(crate) fn is_dup_sort(&self) -> bool {
        self.flags.contains(TableFlags::DUP_SORT)
    }

    pub(crate) fn is_dup_fixed(&self) -> bool {
        self.flags.contains(TableFlags::DUP_FIXED)
    }

    /// Returns a key that `number` alone determines; several numbers may have the same.
    pub(crate) fn key(&self, number: u32) -> Vec<u8> {
        if self.flags.contains(TableFlags::INTEGER_KEY) {
            let integer = if self.ordered {
                u64::from(number).to_le_bytes()
            } else {
                spread(number)
            };
            return integer[..self.key_len].to_vec();
        }
        // An empty key is as good as any other. No table name begins as the other keys do.
        let mut key = self.text(number, self.key_len);
        if self.ordered && key.len() > 3 {
            let at = self.prefix_len.min(key.len() - 3);
            key[at..at + 3].copy_from_slice(&number.to_be_bytes()[1..]);
        }
        if let Some(first) = key.first_mut() {
            *first |= 0x80;
        }
        key
    }

    /// Returns a value that `number` alone determines; several numbers may have the same.
    pub(crate) fn value(&self, number: u32) -> Vec<u8> {
        if self.flags.contains(TableFlags::INTEGER_DUP) {
            return spread(number)[..self.value_len].to_vec();
        }
        if self.flags.contains(TableFlags::DUP_FIXED) {
            let mut value = self.text(number, self.value_len);
            value.resize(self.value_len, 0);
            return value;
        }
        self.text(number, self.value_len)
    }

    /// Returns bytes that `number` alone determines, mostly few, sometimes up to `most`.
    fn text(&self, number: u32, most: usize) -> Vec<u8> {
        let mut rng = Rng::with_seed(u64::from(number));
        let usual = most.min(self.usual_len);
        let len = match rng.below(40) {
            0 => most,
            1 => 0,
            2..6 => rng.below(most + 1),
            _ => rng.below(usual + 1),
        };
        let prefix = std::iter::repeat_n(b'p', self.prefix_len);
        let rest = std::iter::repeat_with(|| rng.byte());
        prefix.chain(rest).take(len).collect()
    }

    fn key_form(&self, key: &[u8]) -> Vec<u8> {
        form(
            key,
            TableFlags::REVERSE_KEY,
            self.flags,
            TableFlags::INTEGER_KEY,
        )
    }

    fn value_form(&self, value: &[u8]) -> Vec<u8> {
        form(
            value,
            TableFlags::REVERSE_DUP,
            self.flags,
            TableFlags::INTEGER_DUP,
        )
    }
}

/// Returns a number of eight bytes, little-endian, whose lower half has `number`'s bits in another order.
fn spread(number: u32) -> [u8; 8] {
    let low = number.wrapping_mul(0x9E37_79B1);
    (u64::from(number % 5) << 40 | u64::from(low)).to_le_bytes()
}

/// Turns bytes into what is ordered as a byte string the way they are ordered in the table; and back.
///
/// Bytes that are compared from the last one, and little-endian integers of one length, are turned round.
fn form(bytes: &[u8], reverse: TableFlags, flags: TableFlags, integer: TableFlags) -> Vec<u8> {
    let mut form = bytes.to_vec();
    // With both flags the order of integers counts, which is the same.
    if flags.contains(reverse) || flags.contains(integer) {
        form.reverse();
    }
    form
}

/// What one table must hold.
#[derive(Clone, Debug)]
pub(crate) struct ModelTable {
    spec: Spec,
    /// The values of each key, all in the form that is ordered as a byte string.
    pairs: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>>,
}

impl ModelTable {
    pub(crate) fn new(spec: Spec) -> ModelTable {
        ModelTable {
            spec,
            pairs: BTreeMap::new(),
        }
    }

    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) {
        let values = self.pairs.entry(self.spec.key_form(key)).or_default();
        if !self.spec.is_dup_sort() {
            values.clear();
        }
        values.insert(self.spec.value_form(value));
    }

    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.pairs.contains_key(&self.spec.key_form(key))
    }

    pub(crate) fn delete(&mut self, key: &[u8]) -> bool {
        self.pairs.remove(&self.spec.key_form(key)).is_some()
    }

    pub(crate) fn delete_dup(&mut self, key: &[u8], value: &[u8]) -> bool {
        let form = self.spec.key_form(key);
        let Some(values) = self.pairs.get_mut(&form) else {
            return false;
        };
        let was_there = values.remove(&self.spec.value_form(value));
        if values.is_empty() {
            self.pairs.remove(&form);
        }
        was_there
    }

    pub(crate) fn delete_all(&mut self, items: &Items) {
        for (key, value) in items {
            self.delete_dup(key, value);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.pairs.clear();
    }

    /// Returns all items in the order of the table.
    pub(crate) fn items(&self) -> Items {
        let pairs = self.pairs.iter().flat_map(|(key, values)| {
            let key = self.spec.key_form(key);
            values
                .iter()
                .map(move |value| (key.clone(), self.spec.value_form(value)))
        });
        pairs.collect()
    }

    /// Returns so many items from a position on, which is counted modulo the number of items.
    pub(crate) fn items_at(&self, position: u32, count: u32) -> Items {
        let len: usize = self.pairs.values().map(BTreeSet::len).sum();
        let mut skip = (position as usize).checked_rem(len).unwrap_or(0);
        let mut items = Items::new();
        for (key, values) in &self.pairs {
            let key = self.spec.key_form(key);
            for value in values.iter().skip(skip) {
                if items.len() >= count as usize {
                    return items;
                }
                items.push((key.clone(), self.spec.value_form(value)));
            }
            skip = skip.saturating_sub(values.len());
        }
        items
    }

    /// Returns items from `key` on, at most so many.
    pub(crate) fn items_from(&self, key: &[u8], count: u8) -> Items {
        let pairs = self.pairs.range(self.spec.key_form(key)..);
        let items = pairs.flat_map(|(key, values)| {
            let key = self.spec.key_form(key);
            values
                .iter()
                .map(move |value| (key.clone(), self.spec.value_form(value)))
        });
        items.take(count.into()).collect()
    }

    /// Returns whether `key` comes after all others.
    pub(crate) fn is_last(&self, key: &[u8]) -> bool {
        let last = self.pairs.last_key_value();
        last.is_none_or(|(last, _)| *last < self.spec.key_form(key))
    }

    /// Returns the first value of `key`, and how many it has.
    pub(crate) fn first_value(&self, key: &[u8]) -> Option<(Vec<u8>, u64)> {
        let values = self.pairs.get(&self.spec.key_form(key))?;
        let first = values.first()?;
        Some((self.spec.value_form(first), values.len() as u64))
    }

    /// Returns the first item whose key is `key` or comes after it.
    pub(crate) fn at_or_after(&self, key: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut rest = self.pairs.range(self.spec.key_form(key)..);
        let (key, values) = rest.next()?;
        let first = values.first()?;
        Some((self.spec.key_form(key), self.spec.value_form(first)))
    }
}

/// What the tables must hold, by their numbers; a table that is not there is not in it.
pub(crate) type Model = BTreeMap<usize, ModelTable>;
