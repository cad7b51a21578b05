//! The model: what is in the tables after n commits.

use std::collections::BTreeSet;

use crate::chain::change::{Change, KINDS, changes};
use crate::chain::link::item_digest;

/// The items of one table, in their order.
pub(crate) type Items = BTreeSet<(Vec<u8>, Vec<u8>)>;

/// The contents of all tables.
pub(crate) struct Content {
    seed: u64,
    /// After how many commits.
    pub(crate) number: u64,
    pub(crate) tables: [Items; KINDS.len()],
    /// The sum over all items.
    pub(crate) sum: u64,
}

impl Content {
    /// Returns the contents before the first commit.
    pub(crate) fn new(seed: u64) -> Content {
        Content {
            seed,
            number: 0,
            tables: Default::default(),
            sum: 0,
        }
    }

    /// Plays the changes up to those of commit `number`.
    pub(crate) fn advance(&mut self, number: u64) {
        assert!(self.number <= number, "time does not go back");
        while self.number < number {
            self.number += 1;
            for change in changes(self.seed, self.number) {
                self.apply(change);
            }
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Put(table, key, value) => {
                if !KINDS[table].has_dups() {
                    self.remove_all(table, |k| *k == key);
                }
                self.insert(table, key, value);
            }
            Change::Delete(table, key) => self.remove_all(table, |k| *k == key),
            Change::DeletePair(table, key, value) => self.remove(table, &(key, value)),
            Change::DeleteRange(table, from, to) => {
                self.remove_all(table, |k| from <= *k && *k < to);
            }
            Change::Clear(table) => self.remove_all(table, |_| true),
        }
    }

    fn insert(&mut self, table: usize, key: Vec<u8>, value: Vec<u8>) {
        let digest = item_digest(table, &key, &value);
        if self.tables[table].insert((key, value)) {
            self.sum = self.sum.wrapping_add(digest);
        }
    }

    fn remove(&mut self, table: usize, item: &(Vec<u8>, Vec<u8>)) {
        if self.tables[table].remove(item) {
            self.sum = self.sum.wrapping_sub(item_digest(table, &item.0, &item.1));
        }
    }

    fn remove_all(&mut self, table: usize, is_meant: impl Fn(&Vec<u8>) -> bool) {
        let meant: Vec<_> = self.tables[table]
            .iter()
            .filter(|(key, _)| is_meant(key))
            .cloned()
            .collect();
        for item in meant {
            self.remove(table, &item);
        }
    }
}
