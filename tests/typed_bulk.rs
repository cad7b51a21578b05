//! `load` and `load_sorted`: many rows as one statement, with their index entries gathered and sorted.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod typed_support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use mdbx_typed::prelude::*;
use mdbx_typed::{Builder, Error, Geometry, OnMissingIndex, PageSize, Result, Schema};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use typed_support::Rng;
use typed_support::items::{Item, Model, assert_indexes_equal_rows};

/// One whose numbers are drawn, with unique indexes of both kinds.
#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Member {
    #[key(auto)]
    id: u64,
    #[index(unique)]
    email: String,
    #[index(unique, hash)]
    motto: String,
    #[index(unique, each)]
    badges: Vec<u32>,
}

impl Member {
    fn new(id: u64) -> Member {
        Member {
            id,
            email: format!("{}@x.org", id.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
            motto: "so long ".repeat(9) + &id.to_string(),
            badges: vec![
                u32::try_from(id).unwrap() * 2 + 1,
                u32::try_from(id).unwrap() * 2,
            ],
        }
    }
}

/// Without an index.
#[derive(Table, Plain, Clone, Copy, Debug, PartialEq)]
#[table(raw)]
#[repr(C)]
struct Tick {
    #[key]
    symbol: [u8; 4],
    #[key]
    at: le::U64,
    price: le::I64,
}

fn tick(at: u64) -> Tick {
    Tick {
        symbol: *b"ABCD",
        at: at.into(),
        price: 5.into(),
    }
}

/// The least memory that a load can have: every row is a run of its own.
const NO_MEMORY: usize = 0;
/// Enough for a few rows.
const LITTLE_MEMORY: usize = 3000;
const MUCH_MEMORY: usize = 64 << 20;

fn builder(memory: usize) -> Builder {
    Database::builder()
        .geometry(Geometry::default().page_size(PageSize::MIN))
        .sort_memory(memory)
}

fn open(memory: usize, schema: &Schema) -> (Database, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let db = builder(memory).open(directory.path().join("test.mdbx"), schema);
    (db.unwrap(), directory)
}

fn assert_clean(db: &Database) {
    let report = db.verify().unwrap();
    assert!(report.is_clean(), "{report}");
}

fn assert_items(db: &Database, model: &Model, what: &str) {
    assert_indexes_equal_rows(&db.read().unwrap(), model, what).unwrap();
    assert_clean(db);
}

fn shuffle<T>(list: &mut [T], rng: &mut Rng) {
    for at in (1..list.len()).rev() {
        let other = rng.below(u32::try_from(at + 1).unwrap());
        list.swap(at, usize::try_from(other).unwrap());
    }
}

/// Returns random items with these ids.
fn items(ids: impl Iterator<Item = u16>, rng: &mut Rng) -> Model {
    ids.map(|id| (id, Item::random(id, rng))).collect()
}

#[test]
fn a_load_equals_as_many_inserts_in_tables_with_every_kind_of_index() -> Result<()> {
    let mut rng = Rng(0x0B01);
    for memory in [NO_MEMORY, LITTLE_MEMORY, MUCH_MEMORY] {
        let (db, _directory) = open(memory, schema![Item]);
        let mut model = items((1000..1600).step_by(2), &mut rng);
        let loaded = db.write(|tx| tx.load_sorted(model.values()))?;
        assert_eq!(loaded, model.len() as u64);
        assert_items(&db, &model, "sorted, into an empty table");

        let behind = items(1600..1700, &mut rng);
        db.write(|tx| tx.load_sorted(behind.values()))?;
        model.extend(behind);
        assert_items(&db, &model, "sorted, behind what is there");

        let between = items(
            (901..1900)
                .step_by(2)
                .filter(|id| !(1600..1700).contains(id)),
            &mut rng,
        );
        db.write(|tx| tx.load_sorted(between.values()))?;
        model.extend(between);
        assert_items(&db, &model, "sorted, among what is there");

        let others = items((0..900).chain(2000..2300), &mut rng);
        let mut shuffled: Vec<&Item> = others.values().collect();
        shuffle(&mut shuffled, &mut rng);
        assert_eq!(db.write(|tx| tx.load(shuffled))?, 1200);
        model.extend(others);
        assert_items(&db, &model, "in any order, around what is there");
    }
    Ok(())
}

#[test]
fn rows_of_a_plain_table_without_indexes_are_loaded_from_any_iterator() -> Result<()> {
    let (db, _directory) = open(LITTLE_MEMORY, schema![Tick]);
    let ticks: Vec<Tick> = (0..500).map(tick).collect();
    db.write(|tx| {
        assert_eq!(tx.load_sorted(&ticks[..200])?, 200);
        assert_eq!(tx.load_sorted(ticks[200..300].iter().copied())?, 100);
        assert_eq!(tx.load(ticks[300..].iter().rev())?, 200);
        assert_eq!(tx.load_sorted(std::iter::empty::<Tick>())?, 0);
        assert_eq!(tx.load(Vec::<Tick>::new())?, 0);
        Ok(())
    })?;
    let tx = db.read()?;
    let stored = tx.by(tick::primary).rows().map(|tick| Ok(*tick?));
    assert_eq!(stored.collect::<Result<Vec<_>>>()?, ticks);
    Ok(())
}

/// Loads what cannot be loaded into a table of members 10 to 59, and checks that nothing has changed.
fn refuse(rows: &[Member], is_expected: impl Fn(&Error) -> bool) {
    for memory in [NO_MEMORY, LITTLE_MEMORY, MUCH_MEMORY] {
        let (db, _directory) = open(memory, schema![Member]);
        let before: Vec<Member> = (10..60).map(Member::new).collect();
        db.write(|tx| tx.load_sorted(&before)).unwrap();
        let all = |tx: &WriteTxn<'_>| -> Vec<Member> {
            let rows = tx.by(member::primary).rows();
            rows.collect::<Result<_>>().unwrap()
        };
        let mut tx = db.begin_write().unwrap();
        tx.insert(&Member::new(5000)).unwrap();
        let stored = all(&tx);
        let sorted = tx.load_sorted(rows).unwrap_err();
        assert_eq!(all(&tx), stored, "{sorted}");
        let unsorted = tx.load(rows).unwrap_err();
        assert_eq!(all(&tx), stored, "{unsorted}");
        assert!(is_expected(&sorted), "{sorted:?}");
        assert!(is_expected(&unsorted), "{unsorted:?}");
        tx.load(&[Member::new(4000)]).unwrap();
        tx.commit().unwrap();
        assert_clean(&db);
        assert_eq!(db.read().unwrap().count::<Member>().unwrap(), 52);
    }
}

/// Members 100 to 199, one of them changed.
fn with(change: impl FnOnce(&mut Member)) -> Vec<Member> {
    let mut rows: Vec<Member> = (100..200).map(Member::new).collect();
    change(&mut rows[70]);
    rows
}

#[test]
fn a_unique_key_of_the_table_or_of_the_load_itself_refuses_all_of_the_load() {
    let is_of = |own: &'static str| move |error: &Error| matches!(error, Error::UniqueViolation { table: "member", index, .. } if *index == own);
    let (stored, loaded) = (Member::new(30), Member::new(120));
    refuse(
        &with(|row| row.email.clone_from(&stored.email)),
        is_of("by_email"),
    );
    refuse(
        &with(|row| row.email.clone_from(&loaded.email)),
        is_of("by_email"),
    );
    refuse(
        &with(|row| row.motto.clone_from(&stored.motto)),
        is_of("by_motto"),
    );
    refuse(
        &with(|row| row.motto.clone_from(&loaded.motto)),
        is_of("by_motto"),
    );
    refuse(&with(|row| row.badges.push(61)), is_of("by_badges"));
    refuse(&with(|row| row.badges.push(241)), is_of("by_badges"));
}

#[test]
fn a_primary_key_that_is_taken_or_comes_twice_refuses_all_of_the_load() {
    let is_expected = |error: &Error| matches!(error, Error::KeyExists { table: "member" });
    let mut twice: Vec<Member> = (100..200).map(Member::new).collect();
    twice.insert(50, Member::new(149));
    refuse(&twice, is_expected);
    let mut taken: Vec<Member> = (100..200).map(Member::new).collect();
    taken.insert(0, Member::new(59));
    refuse(&taken, is_expected);
}

#[test]
fn a_key_that_is_too_long_refuses_all_of_the_load() {
    refuse(&with(|row| row.email = "x".repeat(2000)), |error| {
        let index = Some("by_email");
        matches!(error, Error::KeyTooLong { table: "member", index: own, .. } if *own == index)
    });
}

#[test]
fn a_row_out_of_order_is_told_by_its_place() -> Result<()> {
    let (db, _directory) = open(LITTLE_MEMORY, schema![Member]);
    let mut rows: Vec<Member> = (0..100).map(Member::new).collect();
    rows.swap(70, 71);
    let error = db.write(|tx| tx.load_sorted(&rows)).unwrap_err();
    assert!(
        matches!(
            error,
            Error::NotSorted {
                table: "member",
                row: 71
            }
        ),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "table `member`: row 71 of the load comes before the one it follows: use `load`"
    );
    assert_eq!(db.read()?.count::<Member>()?, 0);
    assert_eq!(db.write(|tx| tx.load(&rows))?, 100);
    assert_clean(&db);
    Ok(())
}

#[test]
fn a_load_whose_iterator_panics_leaves_nothing_and_the_transaction_goes_on() -> Result<()> {
    for memory in [NO_MEMORY, MUCH_MEMORY] {
        let (db, _directory) = open(memory, schema![Member]);
        db.write(|tx| {
            tx.insert(&Member::new(1))?;
            let rows = || {
                (2..50).map(|id| {
                    if id == 40 {
                        panic!("no more")
                    } else {
                        Member::new(id)
                    }
                })
            };
            assert!(catch_unwind(AssertUnwindSafe(|| tx.load_sorted(rows()))).is_err());
            assert_eq!(tx.count::<Member>()?, 1);
            assert!(catch_unwind(AssertUnwindSafe(|| tx.load(rows()))).is_err());
            assert_eq!(tx.count::<Member>()?, 1);
            assert_eq!(tx.load((2..50).map(Member::new))?, 48);
            Ok(())
        })?;
        assert_eq!(db.read()?.count::<Member>()?, 49);
        assert_clean(&db);
    }
    Ok(())
}

#[test]
fn automatic_keys_go_on_behind_loaded_ones() -> Result<()> {
    let (db, _directory) = open(MUCH_MEMORY, schema![Member]);
    let draw = |tx: &mut WriteTxn<'_>| -> Result<u64> {
        let member = tx.insert_new(|id| Member::new(id + 100_000).with_id(id))?;
        Ok(member.id)
    };
    db.write(|tx| {
        assert_eq!(draw(tx)?, 1);
        tx.load_sorted((2..50).map(Member::new))?;
        assert_eq!(draw(tx)?, 50);
        tx.load((60..70).rev().map(Member::new))?;
        for id in 51..60 {
            assert_eq!(draw(tx)?, id);
        }
        assert_eq!(draw(tx)?, 70);
        Ok(())
    })?;
    assert_clean(&db);
    Ok(())
}

impl Member {
    fn with_id(self, id: u64) -> Member {
        Member { id, ..self }
    }
}

#[test]
fn an_index_that_the_file_does_not_have_is_left_out_of_a_load() -> Result<()> {
    mod bare {
        use super::*;

        #[derive(Table, Serialize, Deserialize)]
        #[table(name = "member")]
        pub(super) struct Member {
            #[key(auto)]
            id: u64,
            email: String,
            motto: String,
            badges: Vec<u32>,
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    drop(builder(MUCH_MEMORY).open(&path, schema![bare::Member])?);
    let lazy = builder(MUCH_MEMORY).on_missing_index(OnMissingIndex::Ignore);
    let db = lazy.open(&path, schema![Member])?;
    db.write(|tx| tx.load_sorted((0..50).map(Member::new)))?;
    assert_eq!(db.read()?.count::<Member>()?, 50);
    drop(db);
    let db = builder(LITTLE_MEMORY).open(&path, schema![Member])?;
    assert_eq!(db.read()?.by(member::by_email).count()?, 50);
    assert_clean(&db);
    Ok(())
}

#[test]
fn random_loads_with_rows_that_are_refused_equal_a_model() -> Result<()> {
    let seed = 0xB01D;
    println!("seed {seed:#x}");
    let mut rng = Rng(seed);
    let (db, _directory) = open(LITTLE_MEMORY, schema![Item]);
    let mut model = Model::new();
    for round in 0..60 {
        let count = rng.below(60);
        let mut ids: Vec<u16> = (0..count)
            .map(|_| u16::try_from(rng.below(4000)).unwrap())
            .collect();
        let is_sorted = rng.below(2) == 0;
        if is_sorted {
            ids.sort_unstable();
        }
        let rows: Vec<Item> = ids.iter().map(|id| Item::random(*id, &mut rng)).collect();
        let new: Model = rows.iter().map(|row| (row.id, row.clone())).collect();
        let is_fine = new.len() == rows.len() && new.keys().all(|id| !model.contains_key(id));
        let result = db.write(|tx| {
            // What a failed load leaves is committed, which is nothing.
            Ok(if is_sorted {
                tx.load_sorted(&rows)
            } else {
                tx.load(&rows)
            })
        })?;
        match result {
            Ok(loaded) => {
                assert!(is_fine, "round {round}");
                assert_eq!(loaded, rows.len() as u64);
                model.extend(new);
            }
            Err(error) => assert!(!is_fine && error.is_conflict(), "round {round}: {error}"),
        }
    }
    assert!(model.len() > 100);
    assert_items(&db, &model, "at the end");
    Ok(())
}
