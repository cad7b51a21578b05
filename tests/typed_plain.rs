//! Raw tables: rows that are the bytes of the page.

mod typed_support;

use std::fmt::Debug;

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, OpenError, Result};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

/// A key type of its own in a plain row.
#[derive(Key, Plain, Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
struct Symbol([u8; 4]);

/// A plain part of a plain row.
#[derive(Plain, Clone, Copy, Debug, PartialEq)]
#[repr(C)]
struct Size {
    lots: le::U32,
    rest: [le::U16; 2],
}

#[derive(Table, Plain, Clone, Copy, Debug, PartialEq)]
#[table(raw)]
#[repr(C)]
#[index(by_price_at, on(price, at), desc(at))]
#[index(sales, on(at), when = Self::is_sale)]
#[index(by_lots, with = Self::lots, key = u32)]
struct Tick {
    #[key]
    symbol: Symbol,
    #[key]
    at: le::U64,
    #[index]
    price: le::I64,
    size: Size,
    #[index(name = by_spread)]
    spread: le::F64,
    #[index(unique)]
    venue: [u8; 3],
    kind: i8,
}

impl Tick {
    fn is_sale(&self) -> bool {
        self.kind < 0
    }

    fn lots(&self) -> u32 {
        self.size.lots.get()
    }
}

fn tick(symbol: [u8; 4], at: u64, price: i64) -> Tick {
    Tick {
        symbol: Symbol(symbol),
        at: at.into(),
        price: price.into(),
        size: Size {
            lots: 7.into(),
            rest: [1.into(), 2.into()],
        },
        spread: (-0.5).into(),
        venue: [symbol[0], at.to_le_bytes()[0], 1],
        kind: if price < 0 { -1 } else { 1 },
    }
}

const ABCD: Symbol = Symbol(*b"ABCD");

#[test]
fn a_row_is_a_reference_into_the_page() -> Result<()> {
    let db = TempDb::open(schema![Tick])?;
    db.write(|tx| tx.insert(&tick(*b"ABCD", 7, -3)))?;
    let tx = db.read()?;
    let row: &Tick = tx.get::<Tick>((&ABCD, 7))?.unwrap();
    assert_eq!(row, &tick(*b"ABCD", 7, -3));
    let again: &Tick = { tx.by(tick::by_price).eq(-3).rows().next().unwrap()? };
    assert!(std::ptr::eq(row, again), "the same bytes of the same page");
    assert!(std::ptr::eq(
        tx.get_by(tick::by_venue, b"A\x07\x01")?.unwrap(),
        row
    ));
    assert_eq!(tx.get::<Tick>((&ABCD, 8))?, None);
    Ok(())
}

#[test]
fn a_row_is_stored_as_its_bytes_alone() -> Result<()> {
    let db = TempDb::open(schema![Tick])?;
    db.write(|tx| tx.insert(&tick(*b"ABCD", 7, -3)))?;
    let mut stored = Vec::new();
    db.meddle(schema![Tick], |txn| {
        let rows = txn.open_table("tick").unwrap();
        stored = txn
            .get(rows, b"ABCD\0\0\0\0\0\0\0\x07")
            .unwrap()
            .expect("the row")
            .to_vec();
    })?;
    let mut expected = b"ABCD\x07\0\0\0\0\0\0\0".to_vec();
    expected.extend((-3i64).to_le_bytes());
    expected.extend(b"\x07\0\0\0\x01\0\x02\0");
    expected.extend((-0.5f64).to_le_bytes());
    expected.extend(b"A\x07\x01\xFF");
    assert_eq!(stored, expected);
    Ok(())
}

#[test]
fn every_statement_and_index_works_on_raw_rows() -> Result<()> {
    let db = TempDb::open(schema![Tick])?;
    db.write(|tx| {
        for at in 0..50u8 {
            tx.insert(&tick(*b"ABCD", at.into(), i64::from(at) - 25))?;
        }
        tx.insert(&tick(*b"ZZZZ", 1, 0))?;
        assert!(matches!(
            tx.insert(&tick(*b"ABCD", 1, 9)),
            Err(Error::KeyExists { .. })
        ));
        let twin = Tick {
            venue: [b'A', 1, 1],
            ..tick(*b"ZZZZ", 2, 0)
        };
        assert!(matches!(tx.put(&twin), Err(Error::UniqueViolation { .. })));
        // A row is `Copy`: it is copied out, changed and put back.
        let mut row = *tx.get::<Tick>((&ABCD, 3))?.unwrap();
        row.price.set(1_000);
        row.size.lots = 9.into();
        tx.put(&row)?;
        assert!(tx.delete::<Tick>((&ABCD, 4))?);
        Ok(())
    })?;
    let tx = db.read()?;
    assert_eq!(tx.by(tick::by_price).range(..-20).count()?, 3);
    assert_eq!(tx.by(tick::by_price).last()?.unwrap().at, 3);
    assert_eq!(tx.by(tick::sales).count()?, 24);
    assert_eq!(tx.by(tick::by_lots).eq(9).one()?.unwrap().price, 1_000);
    assert_eq!(tx.by(tick::by_spread).range(..0.0).count()?, 50);
    assert_eq!(tx.by(tick::primary).prefix((&ABCD,)).count()?, 49);
    let newest: Vec<u64> = tx
        .by(tick::by_price_at)
        .entries()
        .map(|entry| Ok(entry?.0.1))
        .collect::<Result<_>>()?;
    assert_eq!(newest.len(), 50);
    let zero = tx.by(tick::by_price_at).prefix((0,)).entries();
    let zero: Vec<_> = zero.collect::<Result<_>>()?;
    assert_eq!(
        zero,
        [((0, 25), (ABCD, 25)), ((0, 1), (Symbol(*b"ZZZZ"), 1))],
        "the newest first"
    );
    Ok(())
}

#[test]
fn a_stored_row_of_another_length_is_an_error() -> Result<()> {
    let key = b"ABCD\0\0\0\0\0\0\0\x07";
    for len in [0, 1, 38, 40, 41, 5_000] {
        let db = TempDb::open(schema![Tick])?;
        db.write(|tx| tx.insert(&tick(*b"ABCD", 7, -3)))?;
        let db = db.meddle(schema![Tick], |txn| {
            let rows = txn.open_table("tick").unwrap();
            txn.put(rows, key, &vec![1; len]).unwrap();
        })?;
        let tx = db.read()?;
        match tx.get::<Tick>((&ABCD, 7)) {
            Ok(row) => assert_eq!((len, row.is_some()), (40, true)),
            Err(error) => {
                assert!(matches!(error, Error::Codec { table: "tick", .. }));
                assert!(error.is_corruption());
                let source = std::error::Error::source(&error).expect("a source");
                assert_eq!(
                    source.to_string(),
                    format!("raw cannot decode it: it has {len} bytes, the struct has 40")
                );
            }
        }
    }
    Ok(())
}

#[test]
fn a_struct_that_grew_is_another_layout() -> Result<()> {
    #[derive(Table, Plain, Clone, Copy)]
    #[table(raw, name = "reading", module = short)]
    #[repr(C)]
    struct Short {
        #[key]
        id: u8,
        value: le::U32,
    }
    #[derive(Table, Plain, Clone, Copy)]
    #[table(raw, name = "reading", module = long)]
    #[repr(C)]
    struct Long {
        #[key]
        id: u8,
        value: le::U32,
        unit: u8,
    }
    #[derive(Table, Plain, Clone, Copy)]
    #[table(raw, name = "reading", module = signed)]
    #[repr(C)]
    struct Signed {
        #[key]
        id: u8,
        value: le::I32,
    }
    let refusal = |schema| {
        let db = TempDb::open(schema![Short])?;
        db.write(|tx| {
            tx.insert(&Short {
                id: 1,
                value: 9.into(),
            })
        })?;
        let db = db.reopen(schema![Short])?;
        assert_eq!(db.read()?.get::<Short>(1)?.unwrap().value, 9);
        match db.reopen(schema).err() {
            Some(OpenError::Schema(diff)) => Ok::<_, Error>(diff.to_string()),
            other => panic!("{other:?}"),
        }
    };
    assert!(refusal(schema![Long])?.contains("field `unit` is new: `u8`"));
    assert!(refusal(schema![Signed])?.contains("field `value` was `u32`, now it is `i32`"));
    Ok(())
}

#[test]
fn automatic_keys_count_in_raw_tables() -> Result<()> {
    #[derive(Table, Plain, Clone, Copy, Debug, PartialEq)]
    #[table(raw)]
    #[repr(C)]
    struct Job {
        #[key(auto)]
        id: le::U32,
        state: u8,
    }
    let db = TempDb::open(schema![Job])?;
    db.write(|tx| {
        let job = |id: u32| Job {
            id: id.into(),
            state: 0,
        };
        assert_eq!(tx.insert_new(job)?.id, 1);
        assert_eq!(tx.insert_new(job)?.id, 2);
        Ok(())
    })
}

#[test]
fn the_catalog_knows_the_layout_of_raw_rows() {
    let fields: Vec<String> = Tick::SCHEMA
        .fields
        .iter()
        .map(|field| format!("{}: {}", field.name, field.shape))
        .collect();
    assert_eq!(
        fields,
        [
            "symbol: (array<u8, 4>)",
            "at: u64",
            "price: i64",
            "size: (u32, array<u16, 2>)",
            "spread: f64",
            "venue: array<u8, 3>",
            "kind: i8",
        ]
    );
    assert_eq!((Tick::SCHEMA.codec_id, Tick::SCHEMA.codec), (0, "raw"));
    assert!(Tick::SCHEMA.is_raw());
    assert_eq!(size_of::<Tick>(), 40);
}

/// Helpers of programs take raw tables as they take any other.
#[test]
fn generic_code_over_tables_takes_raw_ones() -> Result<()> {
    fn dump<'t, I>(tx: &'t ReadTxn<'_>, index: I) -> Result<Vec<String>>
    where
        I: Index,
        <I::Table as Table>::Row<'t>: Debug,
    {
        tx.by(index)
            .rows()
            .map(|row| Ok(format!("{:?}", row?)))
            .collect()
    }
    fn put_all<R: Record>(db: &Database, rows: &[R]) -> Result<()> {
        db.write(|tx| rows.iter().try_for_each(|row| tx.put(row)))
    }
    fn copy_all<I: Index>(from: &ReadTxn<'_>, index: I, to: &Database) -> Result<()> {
        to.write(|tx| {
            for row in from.by(index).rows() {
                tx.put(&row?)?;
            }
            Ok(())
        })
    }
    let db = TempDb::open(schema![Tick])?;
    put_all(&db, &[tick(*b"ABCD", 2, 5), tick(*b"ABCD", 1, 9)])?;
    let tx = db.read()?;
    assert_eq!(dump(&tx, tick::by_price)?.len(), 2);
    assert!(
        dump(&tx, tick::primary)?[0].starts_with("Tick { symbol: Symbol([65, 66, 67, 68]), at: 1")
    );
    let other = TempDb::open(schema![Tick])?;
    copy_all(&tx, tick::by_price, &other)?;
    assert_eq!(other.read()?.count::<Tick>()?, 2);
    Ok(())
}

#[test]
fn little_endian_numbers_are_fields_of_other_tables_too() -> Result<()> {
    #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
    struct Mixed {
        #[key]
        id: le::U64,
        #[index]
        score: le::F32,
        name: String,
    }
    let db = TempDb::open(schema![Mixed])?;
    let row = |id: u64, score: f32| Mixed {
        id: id.into(),
        score: score.into(),
        name: "x".into(),
    };
    db.write(|tx| {
        tx.insert(&row(300, 0.5))?;
        tx.insert(&row(2, -1.0))
    })?;
    let tx = db.read()?;
    assert_eq!(tx.get::<Mixed>(300)?, Some(row(300, 0.5)));
    assert_eq!(
        tx.by(mixed::by_score).ids().collect::<Result<Vec<_>>>()?,
        [2, 300]
    );
    assert_eq!(Mixed::SCHEMA.fields[0].shape.to_string(), "u64");
    Ok(())
}

#[test]
fn floats_of_plain_rows_keep_every_bit() -> Result<()> {
    #[derive(Table, Plain, Clone, Copy)]
    #[table(raw)]
    #[repr(C)]
    struct Sample {
        #[key]
        id: u8,
        value: le::F64,
    }
    let db = TempDb::open(schema![Sample])?;
    let bits = [0, 1 << 63, 0x7FF0_0000_0000_0001, u64::MAX];
    db.write(|tx| {
        for (id, bits) in (0..).zip(bits) {
            tx.insert(&Sample {
                id,
                value: f64::from_bits(bits).into(),
            })?;
        }
        Ok(())
    })?;
    let tx = db.read()?;
    for (row, bits) in tx.by(sample::primary).rows().zip(bits) {
        assert_eq!(row?.value.get().to_bits(), bits);
    }
    Ok(())
}
