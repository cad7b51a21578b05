//! Random statements against a `BTreeMap`: after each transaction every row and every index is compared.

mod typed_support;

use std::collections::{BTreeMap, BTreeSet};

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, Geometry, PageSize, Result};
use serde::{Deserialize, Serialize};
use typed_support::Rng;

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[expect(
    clippy::duplicated_attributes,
    reason = "two indexes have a field in common"
)]
#[index(by_group_name, on(group, name))]
#[index(by_initial, with = Self::initial, key = Option<char>)]
#[index(big, on(size), when = Self::is_big)]
#[index(largest_by_group, on(group, size), desc(size))]
#[index(by_label, with = Self::label, key = String, hash, when = Self::is_big)]
struct Item {
    #[key]
    shelf: i8,
    #[key]
    number: u16,
    #[index(unique)]
    #[index(name = by_folded_name, fold = ascii)]
    #[index(name = by_name_hash, hash)]
    name: String,
    #[index(unique, sparse)]
    code: Option<u32>,
    #[index(each)]
    tags: Vec<String>,
    group: u8,
    size: i64,
}

impl Item {
    fn initial(&self) -> Option<char> {
        self.name.chars().next()
    }

    fn label(&self) -> String {
        format!("{} of {}", self.size, self.group)
    }

    fn is_big(&self) -> bool {
        self.size > 0
    }

    fn id(&self) -> Id {
        (self.shelf, self.number)
    }

    fn random(rng: &mut Rng, id: Id) -> Item {
        let tags = ["", "a", "b", "a\0", "long tag"];
        Item {
            shelf: id.0,
            number: id.1,
            name: ["", "x", "Y\0", "X"][rng.below(4) as usize].repeat(1 + rng.below(6) as usize),
            code: (rng.below(2) == 0).then(|| rng.below(40)),
            tags: (0..rng.below(4))
                .map(|_| tags[rng.below(5) as usize].to_owned())
                .collect(),
            group: u8::try_from(rng.below(3)).expect("small"),
            size: i64::from(rng.below(9)) - 4,
        }
    }
}

type Id = (i8, u16);
type Rows = BTreeMap<Id, Item>;

fn conflicts(rows: &Rows, item: &Item) -> bool {
    let mut others = rows.values().filter(|other| other.id() != item.id());
    others.any(|other| other.name == item.name || other.code.is_some() && other.code == item.code)
}

/// Does one random thing to both, and compares the outcomes.
fn step(tx: &mut WriteTxn<'_>, rows: &mut Rows, rng: &mut Rng) -> Result<()> {
    let id = (
        i8::try_from(rng.below(3)).expect("small") - 1,
        u16::try_from(rng.below(8)).expect("small"),
    );
    let item = Item::random(rng, id);
    let present = rows.contains_key(&id);
    let outcome = match rng.below(8) {
        0 => {
            assert_eq!(tx.delete::<Item>(id)?, rows.remove(&id).is_some());
            return Ok(());
        }
        1 => {
            assert_eq!(tx.take::<Item>(id)?, rows.remove(&id));
            return Ok(());
        }
        2 => {
            if rng.below(50) == 0 {
                tx.clear::<Item>()?;
                rows.clear();
            }
            return Ok(());
        }
        3 => {
            let outcome = tx.insert(&item);
            if present {
                assert!(matches!(outcome, Err(Error::KeyExists { .. })));
                return Ok(());
            }
            outcome
        }
        4 if present => tx
            .update::<Item>(id, |row| *row = item.clone())
            .map(|found| assert!(found)),
        5 => tx.upsert::<Item>(id, |old| {
            assert_eq!(old.as_ref(), rows.get(&id));
            item.clone()
        }),
        6 => tx
            .replace(&item)
            .map(|old| assert_eq!(old.as_ref(), rows.get(&id))),
        _ => tx.put(&item),
    };
    if conflicts(rows, &item) {
        assert!(
            matches!(outcome, Err(Error::UniqueViolation { .. })),
            "{outcome:?}"
        );
    } else {
        outcome?;
        rows.insert(id, item);
    }
    Ok(())
}

/// Compares an index with the entries that the rows should have in it.
fn check<K: Ord + std::fmt::Debug>(
    found: impl Iterator<Item = Result<(K, Id)>>,
    rows: &Rows,
    keys: impl Fn(&Item) -> Vec<K>,
) -> Result<()> {
    let entries = |item: &Item| {
        keys(item)
            .into_iter()
            .map(|key| (key, item.id()))
            .collect::<Vec<_>>()
    };
    let expected: BTreeSet<(K, Id)> = rows.values().flat_map(entries).collect();
    assert_eq!(found.collect::<Result<Vec<_>>>()?, Vec::from_iter(expected));
    Ok(())
}

fn check_all(tx: &ReadTxn<'_>, rows: &Rows) -> Result<()> {
    let stored: Vec<Item> = tx.by(item::primary).rows().collect::<Result<_>>()?;
    assert_eq!(stored, rows.values().cloned().collect::<Vec<_>>());
    let owned = |entry: Result<(std::borrow::Cow<'_, str>, Id)>| {
        entry.map(|(key, id)| (key.into_owned(), id))
    };
    check(tx.by(item::by_name).entries().map(owned), rows, |item| {
        vec![item.name.clone()]
    })?;
    check(tx.by(item::by_code).entries(), rows, |item| {
        Vec::from_iter(item.code)
    })?;
    check(tx.by(item::by_tags).entries().map(owned), rows, |item| {
        item.tags.clone()
    })?;
    check(tx.by(item::by_initial).entries(), rows, |item| {
        vec![item.initial()]
    })?;
    check(tx.by(item::big).entries(), rows, |item| {
        if item.is_big() {
            vec![item.size]
        } else {
            vec![]
        }
    })?;
    check(
        tx.by(item::by_folded_name).entries().map(owned),
        rows,
        |item| vec![item.name.to_ascii_lowercase()],
    )?;
    let largest = tx.by(item::largest_by_group).entries();
    let largest = largest.map(|entry| entry.map(|((group, size), id)| ((group, Desc(size)), id)));
    check(largest, rows, |item| vec![(item.group, Desc(item.size))])?;
    check_hashed(tx, rows)?;
    let pair = tx
        .by(item::by_group_name)
        .entries()
        .map(|entry| entry.map(|((group, name), id)| ((group, name.into_owned()), id)));
    check(pair, rows, |item| vec![(item.group, item.name.clone())])
}

/// Compares the hash indexes value by value.
fn check_hashed(tx: &ReadTxn<'_>, rows: &Rows) -> Result<()> {
    assert_eq!(tx.by(item::by_name_hash).count()?, rows.len() as u64);
    let big = rows.values().filter(|item| item.is_big());
    assert_eq!(tx.by(item::by_label).count()?, big.count() as u64);
    for item in rows.values() {
        let found = tx.by(item::by_name_hash).eq(&item.name).one()?;
        assert_eq!(found.as_ref(), Some(item));
        let same = rows
            .values()
            .filter(|other| other.is_big() && other.label() == item.label());
        let same: Vec<Id> = same.map(Item::id).collect();
        let found = tx.by(item::by_label).eq(&item.label()).ids();
        assert_eq!(found.collect::<Result<Vec<_>>>()?, same);
    }
    Ok(())
}

#[test]
fn random_statements_agree_with_a_map() -> Result<()> {
    for seed in 1..=20u64 {
        let mut rng = Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.mdbx");
        let open = || {
            let geometry = Geometry::default().page_size(PageSize::MIN);
            Database::builder()
                .geometry(geometry)
                .open(&path, schema![Item])
        };
        let mut db = open()?;
        let mut rows = Rows::new();
        for round in 0..25 {
            let before = db.read()?;
            let mut after = rows.clone();
            let mut tx = db.begin_write()?;
            for _ in 0..rng.below(20) {
                step(&mut tx, &mut after, &mut rng)?;
            }
            check_all(&before, &rows).inspect_err(|_| eprintln!("seed {seed}, round {round}"))?;
            drop(before);
            if rng.below(5) == 0 {
                tx.abort();
            } else {
                tx.commit()?;
                rows = after;
            }
            if rng.below(10) == 0 {
                drop(db);
                db = open()?;
            }
            check_all(&db.read()?, &rows)
                .inspect_err(|_| eprintln!("seed {seed}, round {round}"))?;
        }
    }
    Ok(())
}
