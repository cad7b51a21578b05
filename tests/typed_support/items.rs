//! A table with an index of every kind, and what each of them should hold.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use mdbx_typed::prelude::*;
use mdbx_typed::{Query, Result};
use serde::{Deserialize, Serialize};

use super::{Rng, TempDb};

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[expect(
    clippy::duplicated_attributes,
    reason = "two indexes have a field in common"
)]
#[index(by_group_rank, on(group, rank))]
#[index(by_rank_down, on(rank, group), desc(rank))]
#[index(by_odd_rank, on(rank), when = Self::is_odd)]
#[index(by_sum, with = Self::sum, key = i32)]
pub(crate) struct Item {
    #[key]
    pub(crate) id: u16,
    #[index]
    pub(crate) group: u8,
    #[index(unique)]
    pub(crate) code: u32,
    #[index(each)]
    pub(crate) tags: Vec<u8>,
    #[index(sparse)]
    pub(crate) note: Option<u8>,
    #[index]
    pub(crate) mark: Option<u8>,
    #[index(fold = ascii)]
    pub(crate) name: String,
    #[index(hash)]
    pub(crate) body: String,
    pub(crate) rank: i16,
}

/// Items by primary key.
pub(crate) type Model = BTreeMap<u16, Item>;

impl Item {
    pub(crate) fn random(id: u16, rng: &mut Rng) -> Item {
        const NAMES: [&str; 6] = ["Ann", "ann", "ANNA", "bob", "", "Bobby"];
        let mut small = |end| u8::try_from(rng.below(end)).expect("small");
        let tags = (0..small(4)).map(|_| small(6)).collect();
        Item {
            id,
            group: small(5),
            code: 100_000 - u32::from(id) * 3,
            tags,
            note: Some(small(6)).filter(|note| *note > 2),
            mark: Some(small(4)).filter(|mark| *mark > 0),
            name: NAMES[usize::from(small(6))].into(),
            body: "long ".repeat(usize::from(small(5)) * 40),
            rank: i16::from(small(21)) - 10,
        }
    }

    pub(crate) fn is_odd(&self) -> bool {
        self.rank % 2 != 0
    }

    pub(crate) fn sum(&self) -> i32 {
        i32::from(self.rank) + i32::from(self.group)
    }
}

/// A database of `count` random items.
pub(crate) fn random_items(count: u16, rng: &mut Rng) -> Result<(TempDb, Model)> {
    let db = TempDb::open(schema![Item])?;
    let model: Model = (0..count)
        .map(|n| (n * 2, Item::random(n * 2, rng)))
        .collect();
    db.write(|tx| model.values().try_for_each(|item| tx.insert(item)))?;
    Ok((db, model))
}

/// Returns the entries that an index should have: keys in the order of the index, each with a primary key.
pub(crate) fn entries<K: Ord>(model: &Model, keys: impl Fn(&Item) -> Vec<K>) -> Vec<(K, u16)> {
    let entries = model.values();
    let entries = entries.flat_map(|item| keys(item).into_iter().map(|key| (key, item.id)));
    let mut entries: Vec<(K, u16)> = entries.collect();
    entries.sort();
    entries.dedup();
    entries
}

/// Asserts that every index holds what it should, and that nothing else is there.
pub(crate) fn assert_indexes_equal_rows(tx: &ReadTxn<'_>, model: &Model, what: &str) -> Result<()> {
    fn check<I: Index<Table = Item>, K: Ord>(
        query: Query<'_, I>,
        model: &Model,
        keys: impl Fn(&Item) -> Vec<K>,
        what: &str,
    ) -> Result<()> {
        let ids: Vec<u16> = query.ids().collect::<Result<_>>()?;
        let expected: Vec<u16> = entries(model, keys).into_iter().map(|(_, id)| id).collect();
        assert_eq!(ids, expected, "{} {what}", I::NAME);
        Ok(())
    }
    let rows: Vec<Item> = tx.by(item::primary).rows().collect::<Result<_>>()?;
    assert!(rows.iter().eq(model.values()), "{what}");
    check(tx.by(item::by_group), model, |item| vec![item.group], what)?;
    check(tx.by(item::by_code), model, |item| vec![item.code], what)?;
    check(tx.by(item::by_tags), model, |item| item.tags.clone(), what)?;
    check(
        tx.by(item::by_note),
        model,
        |item| Vec::from_iter(item.note),
        what,
    )?;
    check(tx.by(item::by_mark), model, |item| vec![item.mark], what)?;
    let name = |item: &Item| vec![item.name.to_ascii_lowercase()];
    check(tx.by(item::by_name), model, name, what)?;
    let pair = |item: &Item| vec![(item.group, item.rank)];
    check(tx.by(item::by_group_rank), model, pair, what)?;
    let down = |item: &Item| vec![(Reverse(item.rank), item.group)];
    check(tx.by(item::by_rank_down), model, down, what)?;
    let odd = |item: &Item| Vec::from_iter(item.is_odd().then_some(item.rank));
    check(tx.by(item::by_odd_rank), model, odd, what)?;
    check(tx.by(item::by_sum), model, |item| vec![item.sum()], what)?;
    let mut hashed: Vec<u16> = tx.by(item::by_body).ids().collect::<Result<_>>()?;
    hashed.sort_unstable();
    assert!(hashed.iter().eq(model.keys()), "by_body {what}");
    Ok(())
}
