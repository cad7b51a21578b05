//! Random changes, made to a database and its model alike.

use mdbx_core::{Geometry, Result, Table, TableFlags, WriteTxn};

use crate::model::{Model, TableModel};
use crate::rng::Rng;
use crate::workload::{Habit, Plan};

/// The transactions of half a tide.
const HALF_TIDE: usize = 6;
/// How many different keys there are.
const KEYS: usize = 150;

/// Makes the changes of one transaction.
pub(crate) fn change(
    txn: &mut WriteTxn<'_>,
    model: &mut Model,
    plan: &Plan,
    number: usize,
    rng: &mut Rng,
) -> Result<()> {
    let ops = match plan.habit {
        Habit::Spill => 60,
        Habit::Tides => 25,
        _ => 12,
    };
    for _ in 0..=rng.below(ops) {
        change_once(txn, model, plan, number, rng)?;
    }
    Ok(())
}

fn change_once(
    txn: &mut WriteTxn<'_>,
    model: &mut Model,
    plan: &Plan,
    number: usize,
    rng: &mut Rng,
) -> Result<()> {
    let is_ebb = plan.habit == Habit::Tides && number / HALF_TIDE % 2 == 1;
    let is_dups = match plan.habit {
        Habit::Nested => !rng.once_in(4),
        _ => rng.once_in(3),
    };
    let name = format!("{}{}", if is_dups { "dups" } else { "plain" }, rng.below(2));
    let mut target = Target {
        txn,
        model,
        name,
        is_dups,
    };
    let keys = if plan.habit == Habit::Churn { 12 } else { KEYS };
    let key = key(rng.below(if is_dups { keys.min(6) } else { keys }));
    match (plan.habit, rng.below(100)) {
        (Habit::Tables, 0..12) => target.drop_table(),
        (Habit::Tables, 12..20) | (_, 0) => target.clear(),
        (_, 1..3) => target.mark(rng.number()),
        (_, 3..6) => target.delete_range(rng),
        (Habit::Large, 20..60) | (_, 6..9) if !is_dups => {
            let page_size = plan.page_size.min(8192) as usize;
            let len = rng.below(3 * page_size) + page_size / 2;
            target.put(&key, &value(rng, len))
        }
        (_, roll) if roll < 30 || is_ebb => target.delete(&key, rng),
        _ => {
            let len = rng.below(if is_dups { 40 } else { 60 });
            target.put(&key, &value(rng, len))
        }
    }
}

/// A table, which may have to be created, and its model.
struct Target<'t, 'env> {
    txn: &'t mut WriteTxn<'env>,
    model: &'t mut Model,
    name: String,
    is_dups: bool,
}

impl Target<'_, '_> {
    /// Opens or creates the table, here and in the model.
    fn open(&mut self) -> Result<Table> {
        let flags = if self.is_dups {
            TableFlags::DUP_SORT
        } else {
            TableFlags::empty()
        };
        self.table().dup_sort = self.is_dups;
        self.txn.create_table(&self.name, flags)
    }

    fn table(&mut self) -> &mut TableModel {
        self.model.tables.entry(self.name.clone()).or_default()
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let table = self.open()?;
        let is_dups = self.is_dups;
        let values = self.table().items.entry(key.to_vec()).or_default();
        if !is_dups {
            values.clear();
        }
        values.insert(value.to_vec());
        self.txn.put(table, key, value)
    }

    fn delete(&mut self, key: &[u8], rng: &mut Rng) -> Result<()> {
        let table = self.open()?;
        let items = &mut self.table().items;
        let Some(values) = items.get_mut(key) else {
            return Ok(());
        };
        let one = values.iter().nth(rng.below(values.len())).cloned();
        let was_there = if let Some(one) = one.filter(|_| values.len() > 1 && !rng.once_in(4)) {
            values.remove(&one);
            self.txn.delete_dup(table, key, &one)?
        } else {
            items.remove(key);
            self.txn.delete(table, key)?
        };
        assert!(was_there, "the database has what its model has");
        Ok(())
    }

    fn delete_range(&mut self, rng: &mut Rng) -> Result<()> {
        let table = self.open()?;
        let start = rng.below(KEYS);
        let (start, end) = (key(start), key(start + rng.below(20)));
        let items = &mut self.table().items;
        items.retain(|key, _| *key < start || *key >= end);
        self.txn.delete_range(table, &start[..]..&end[..]).map(drop)
    }

    fn clear(&mut self) -> Result<()> {
        let table = self.open()?;
        self.table().items.clear();
        self.txn.clear(table)
    }

    fn drop_table(&mut self) -> Result<()> {
        let table = self.open()?;
        self.model.tables.remove(&self.name);
        self.txn.drop_table(table)
    }

    fn mark(&mut self, mark: u64) -> Result<()> {
        self.model.marks = [mark, 2, 3];
        self.txn.set_canary(self.model.marks)
    }
}

/// Returns a geometry to change to: other steps, other bounds.
pub(crate) fn geometry_change(rng: &mut Rng, page_size: u32) -> Geometry {
    let unit = u64::from(page_size.max(4096));
    let geometry = Geometry::default();
    let some = |rng: &mut Rng, end| unit * (1 + rng.below(end) as u64);
    match rng.below(4) {
        0 => geometry.lower(some(rng, 24)),
        1 => geometry.growth_step(some(rng, 6)),
        2 => geometry.shrink_threshold(some(rng, 6)),
        _ => geometry.upper(unit * (600 + rng.below(400) as u64)),
    }
}

/// Returns the key of that number.
fn key(number: usize) -> Vec<u8> {
    let mut key = format!("{number:04}").into_bytes();
    key.resize([4, 4, 9, 30][number % 4], b'k');
    key
}

/// Returns a value of that length that is hardly ever the same.
fn value(rng: &mut Rng, len: usize) -> Vec<u8> {
    let mut value = rng.number().to_le_bytes().to_vec();
    value.resize(8 + len, b'v');
    value
}
