//! `WriteTxn::nested`: what a transaction inside another does is kept or undone as a whole. `WriteTxn::raw`: the engine's
//! own transaction.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod typed_support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use mdbx_core::TableFlags;
use mdbx_typed::prelude::*;
use mdbx_typed::{Error, Geometry, Result};
use serde::{Deserialize, Serialize};
use typed_support::{Rng, TempDb};

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Seat {
    #[key(auto)]
    id: u64,
    #[index(unique)]
    place: String,
    #[index]
    row: u32,
}

fn seat(id: u64) -> Seat {
    Seat {
        id,
        place: format!("place {id}"),
        row: u32::try_from(id % 7).unwrap(),
    }
}

fn refused<R>() -> Result<R> {
    Err(Error::KeyExists { table: "a test" })
}

fn ids(tx: &WriteTxn<'_>) -> Vec<u64> {
    tx.by(seat::primary).ids().collect::<Result<_>>().unwrap()
}

fn stored(db: &Database) -> Vec<u64> {
    let report = db.verify().unwrap();
    assert!(report.is_clean(), "{report}");
    let tx = db.read().unwrap();
    tx.by(seat::primary).ids().collect::<Result<_>>().unwrap()
}

#[test]
fn what_a_nested_transaction_returns_decides_whether_its_changes_are_kept() -> Result<()> {
    let db = TempDb::open(schema![Seat])?;
    db.write(|tx| {
        tx.insert(&seat(1))?;
        assert_eq!(
            tx.nested(|tx| tx.insert(&seat(2)).map(|()| "kept"))?,
            "kept"
        );
        let undone = tx.nested(|tx| {
            tx.insert(&seat(3))?;
            tx.delete::<Seat>(1)?;
            tx.update::<Seat>(2, |seat| seat.row = 99)?;
            assert_eq!(ids(tx), [2, 3]);
            refused::<()>()
        });
        assert!(matches!(undone, Err(Error::KeyExists { table: "a test" })));
        assert_eq!(ids(tx), [1, 2]);
        tx.insert(&seat(4))
    })?;
    assert_eq!(stored(&db), [1, 2, 4]);
    assert_eq!(db.read()?.get::<Seat>(2)?, Some(seat(2)));
    Ok(())
}

#[test]
fn a_panic_undoes_the_nested_transaction_alone() -> Result<()> {
    let db = TempDb::open(schema![Seat])?;
    db.write(|tx| {
        tx.insert(&seat(1))?;
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            tx.nested(|tx| -> Result<()> {
                tx.clear::<Seat>()?;
                tx.insert(&seat(2))?;
                panic!("half way")
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(ids(tx), [1]);
        tx.insert(&seat(3))
    })?;
    assert_eq!(stored(&db), [1, 3]);
    Ok(())
}

#[test]
fn a_statement_that_finds_no_room_ends_its_nested_transaction_alone() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Page {
        #[key]
        id: u32,
        #[index]
        title: Vec<u8>,
        #[index(each)]
        words: Vec<Vec<u8>>,
    }

    let geometry = Geometry::default().lower(1 << 20).upper(2 << 20);
    let db = Database::builder().geometry(geometry);
    let db = db.open_in_memory(schema![Page])?;
    let mut rng = Rng(0xF011);
    let mut refused = 0;
    let mut tx = db.begin_write()?;
    for id in 0..2_000 {
        let mut text = || {
            let length = rng.below(500) as usize;
            [&rng.next().to_be_bytes()[..], &vec![0; length]].concat()
        };
        let (title, words) = (text(), vec![text(), text()]);
        match tx.nested(|tx| tx.insert(&Page { id, title, words })) {
            Err(Error::Engine(mdbx_core::Error::MapFull { .. })) => refused += 1,
            result => result?,
        }
    }
    assert!(refused > 0);
    assert_eq!(tx.count::<Page>()?, 2_000 - refused);
    assert_eq!(tx.by(page::by_title).count()?, 2_000 - refused);
    assert_eq!(tx.by(page::by_words).count()?, 2 * (2_000 - refused));
    Ok(())
}

#[test]
fn the_outer_transaction_takes_what_the_nested_one_kept_along_when_it_goes() -> Result<()> {
    let db = TempDb::open(schema![Seat])?;
    let result = db.write(|tx| {
        tx.nested(|tx| tx.insert(&seat(1)))?;
        refused::<()>()
    });
    assert!(result.is_err());
    assert!(stored(&db).is_empty());
    Ok(())
}

/// Inserts a row on each level; those from `undone` on are undone.
fn dive(tx: &mut WriteTxn<'_>, level: u64, deepest: u64, undone: u64) -> Result<()> {
    let result = tx.nested(|tx| {
        tx.insert(&seat(level))?;
        if level < deepest {
            dive(tx, level + 1, deepest, undone)?;
        }
        if level == undone { refused() } else { Ok(()) }
    });
    if level == undone { Ok(()) } else { result }
}

#[test]
fn transactions_nest_to_any_depth() -> Result<()> {
    let db = TempDb::open(schema![Seat])?;
    db.write(|tx| dive(tx, 1, 40, 25))?;
    assert_eq!(stored(&db), (1..25).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn automatic_keys_of_an_undone_transaction_are_given_out_again() -> Result<()> {
    let db = TempDb::open(schema![Seat])?;
    db.write(|tx| {
        let new = |tx: &mut WriteTxn<'_>| tx.insert_new(seat).map(|seat| seat.id);
        assert_eq!(new(tx)?, 1);
        let undone = tx.nested(|tx| {
            assert_eq!(new(tx)?, 2);
            refused::<()>()
        });
        assert!(undone.is_err());
        assert_eq!(tx.nested(new)?, 2);
        assert_eq!(new(tx)?, 3);
        Ok(())
    })
}

#[test]
fn closures_may_have_an_error_type_of_their_own() -> Result<()> {
    #[derive(Debug, PartialEq)]
    enum Refused {
        Full,
        Database,
    }
    impl From<Error> for Refused {
        fn from(_: Error) -> Self {
            Refused::Database
        }
    }
    let db = TempDb::open(schema![Seat])?;
    db.write(|tx| {
        let full = tx.try_nested(|tx| {
            tx.insert(&seat(1))?;
            Err::<(), _>(Refused::Full)
        });
        assert_eq!(full, Err(Refused::Full));
        let twice = tx.try_nested(|tx| {
            tx.insert(&seat(1))?;
            tx.insert(&seat(1))?;
            Ok(())
        });
        assert_eq!(twice, Err(Refused::Database));
        Ok(())
    })?;
    assert!(stored(&db).is_empty());
    Ok(())
}

#[test]
fn transactions_nest_in_a_batch_and_around_loads_and_removals() -> Result<()> {
    let db = TempDb::open(schema![Seat])?;
    db.batch(|tx| {
        tx.nested(|tx| tx.load_sorted((1..50).map(seat)))?;
        let undone = tx.nested(|tx| {
            tx.nested(|tx| tx.load((50..90).map(seat)))?;
            tx.delete_range(seat::by_row, ..=3)?;
            tx.retain::<Seat>(|seat| seat.id % 2 == 0)?;
            refused::<()>()
        });
        assert!(undone.is_err());
        tx.nested(|tx| tx.delete_range(seat::primary, 10..))
    })?;
    assert_eq!(stored(&db), (1..10).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn tables_of_the_engine_change_with_the_typed_ones() -> Result<()> {
    let db = TempDb::open(schema![Seat])?;
    let mark = |tx: &mut WriteTxn<'_>, key: &[u8]| {
        tx.raw(|engine| {
            let marks = engine.create_table("marks", TableFlags::empty())?;
            engine.put(marks, key, b"")
        })
    };
    let marks = |db: &Database| -> Vec<Vec<u8>> {
        let tx = db.read().unwrap();
        let marks = tx.raw().open_table("marks").unwrap();
        let marks = tx.raw().table(marks).unwrap();
        marks.iter().map(|item| item.unwrap().0.to_vec()).collect()
    };
    db.write(|tx| {
        mark(tx, b"written")?;
        tx.insert(&seat(1))?;
        let undone = tx.nested(|tx| {
            mark(tx, b"undone")?;
            refused::<()>()
        });
        assert!(undone.is_err());
        tx.nested(|tx| Ok(mark(tx, b"nested")?))
    })?;
    db.batch(|tx| Ok(mark(tx, b"batched")?))?;
    assert_eq!(
        marks(&db),
        [b"batched".to_vec(), b"nested".to_vec(), b"written".to_vec()]
    );
    assert_eq!(stored(&db), [1]);
    Ok(())
}

#[test]
fn a_change_of_the_catalog_through_the_engine_is_noticed_by_the_next_statement() -> Result<()> {
    let db = TempDb::open(schema![Seat])?;
    let mut tx = db.begin_write()?;
    tx.insert(&seat(1))?;
    tx.raw(|engine| -> mdbx_core::Result<()> {
        let catalog = engine.open_table("@catalog")?;
        engine.clear(catalog)
    })?;
    assert!(matches!(tx.insert(&seat(2)), Err(Error::SchemaChanged)));
    Ok(())
}
