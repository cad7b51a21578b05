//! Structs and enums within rows: what the catalog knows of them, and what becomes of changes in them.

mod typed_support;

use std::collections::BTreeMap;
use std::marker::PhantomData;

use mdbx_typed::prelude::*;
use mdbx_typed::{OpenError, Result, Shape};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

fn text(shape: Shape) -> String {
    shape.to_string()
}

#[derive(Shaped, Serialize, Deserialize)]
struct Address {
    street: String,
    number: Option<u32>,
}

#[test]
fn every_kind_of_type_has_the_shape_of_what_serde_stores() {
    #[derive(Shaped, Serialize, Deserialize)]
    struct Unit;

    #[derive(Shaped, Serialize, Deserialize)]
    struct Meters(f64);

    #[derive(Shaped, Serialize, Deserialize)]
    struct Point(i32, i32);

    #[derive(Shaped, Serialize, Deserialize)]
    #[serde(transparent)]
    struct Wrapped {
        inner: Vec<u8>,
    }

    #[derive(Shaped, Serialize, Deserialize)]
    struct Pair<T> {
        left: T,
        right: T,
    }

    #[derive(Shaped, Serialize, Deserialize)]
    struct Borrowed<'a> {
        name: &'a str,
        raw: &'a [u8],
    }

    /// Is no part of the catalog's vocabulary.
    #[derive(Default, Serialize, Deserialize)]
    struct Foreign;

    #[derive(Shaped, Serialize, Deserialize)]
    struct Mixed {
        address: Address,
        places: BTreeMap<String, Point>,
        foreign: Foreign,
        #[serde(skip)]
        _cached: Foreign,
    }

    #[derive(Shaped, Serialize, Deserialize)]
    enum Figure {
        Nothing,
        Circle(f64),
        Box(Point, Point),
        Named { name: String, at: Point },
    }

    let point = "(i32, i32)";
    assert_eq!(
        text(Address::SHAPE),
        "struct<street: str, number: option<u32>>"
    );
    assert_eq!(text(Unit::SHAPE), "unit");
    assert_eq!(text(Meters::SHAPE), "f64");
    assert_eq!(text(Point::SHAPE), point);
    assert_eq!(text(Wrapped::SHAPE), "bytes");
    assert_eq!(text(Pair::<char>::SHAPE), "struct<left: char, right: char>");
    assert_eq!(text(Borrowed::SHAPE), "struct<name: str, raw: bytes>");
    assert_eq!(
        text(Mixed::SHAPE),
        format!(
            "struct<address: {}, places: map<str, {point}>, foreign: type Foreign>",
            Address::SHAPE
        )
    );
    assert_eq!(
        text(Figure::SHAPE),
        format!(
            "oneof<Nothing, Circle: f64, Box: ({point}, {point}), Named: struct<name: str, at: {point}>>"
        )
    );
}

#[test]
fn a_name_that_is_a_keyword_is_that_name() {
    #[derive(Shaped, Serialize, Deserialize)]
    struct Token {
        r#type: u8,
    }
    assert_eq!(text(Token::SHAPE), "struct<type: u8>");
}

#[test]
fn what_is_transparent_has_the_shape_of_what_it_wraps() -> Result<()> {
    #[derive(Shaped, Serialize, Deserialize, Debug, PartialEq)]
    #[serde(transparent)]
    struct Id<T>(u64, PhantomData<T>);

    #[derive(Shaped, Serialize, Deserialize)]
    #[serde(transparent)]
    struct Named<T> {
        id: u64,
        of: std::marker::PhantomData<T>,
    }

    #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
    struct Link {
        #[key]
        id: u64,
        to: Id<u8>,
        note: String,
    }
    assert_eq!(text(Id::<u8>::SHAPE), "u64");
    assert_eq!(text(Named::<u8>::SHAPE), "u64");
    let db = TempDb::open(schema![Link])?;
    db.write(|tx| {
        tx.insert(&Link {
            id: 1,
            to: Id(7, PhantomData),
            note: "x".into(),
        })
    })?;
    let row = db.read()?.dynamic("link")?.get(1u8)?.unwrap();
    assert_eq!(row.to_string(), r#"{"id": 1, "to": 7, "note": "x"}"#);
    Ok(())
}

#[test]
fn a_variant_that_a_function_stores_is_known_by_name_only() {
    mod number_of {
        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        pub(super) fn serialize<S: Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
            text.parse::<u32>().unwrap_or(0).serialize(to)
        }

        pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
            Ok(u32::deserialize(from)?.to_string())
        }
    }

    #[derive(Shaped, Serialize, Deserialize)]
    enum Count {
        Many,
        #[serde(with = "number_of")]
        Exactly(String),
    }
    assert_eq!(
        text(Count::SHAPE),
        "oneof<Many, Exactly: type with \"number_of\">"
    );
}

#[test]
fn a_variant_that_is_skipped_may_stand_behind_the_others() {
    #[derive(Shaped, Serialize, Deserialize)]
    enum State {
        Stored(u8),
        #[serde(skip)]
        _Cached(u8),
    }
    assert_eq!(text(State::SHAPE), "oneof<Stored: u8, _Cached: u8>");
}

/// Declares a program whose order has this type within it.
macro_rules! program {
    ($name:ident: $($item:tt)*) => {
        mod $name {
            use mdbx_typed::prelude::*;
            use serde::{Deserialize, Serialize};

            #[derive(Shaped, Serialize, Deserialize, Debug, PartialEq)]
            $($item)*

            #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
            pub(super) struct Order {
                #[key]
                pub(super) id: u64,
                pub(super) paid: Vec<Payment>,
            }
        }
    };
}

program!(old: pub(super) enum Payment { Cash, Card(String) });
program!(more: pub(super) enum Payment { Cash, Card(String), Coupon { cents: u64 } });
program!(other: pub(super) enum Payment { Cash, Card(u64) });
program!(structs: pub(super) struct Payment { cents: u64 });

fn written() -> Result<TempDb> {
    let db = TempDb::open(schema![old::Order])?;
    let paid = vec![old::Payment::Cash, old::Payment::Card("4711".into())];
    db.write(|tx| tx.insert(&old::Order { id: 1, paid }))?;
    Ok(db)
}

#[test]
fn a_variant_with_fields_can_be_appended() -> Result<()> {
    let db = written()?.reopen(schema![more::Order])?;
    let paid = vec![more::Payment::Coupon { cents: 500 }];
    db.write(|tx| tx.insert(&more::Order { id: 2, paid }))?;
    let tx = db.read()?;
    let first = tx.get::<more::Order>(1)?.map(|order| order.paid);
    let card = more::Payment::Card("4711".into());
    assert_eq!(first, Some(vec![more::Payment::Cash, card]));
    let second = tx.get::<more::Order>(2)?.map(|order| order.paid);
    assert_eq!(second, Some(vec![more::Payment::Coupon { cents: 500 }]));
    Ok(())
}

#[test]
fn a_change_within_a_type_is_refused_by_name_and_never_read_as_garbage() -> Result<()> {
    let was = "field `paid` was `list<oneof<Cash, Card: str>>`, now it is `list<";
    for (schema, now) in [
        (schema![other::Order], "oneof<Cash, Card: u64>>`"),
        (schema![structs::Order], "struct<cents: u64>>`"),
    ] {
        let Err(OpenError::Schema(diff)) = written()?.reopen(schema) else {
            panic!("another type was accepted: {now}");
        };
        assert!(diff.to_string().contains(&format!("{was}{now}")), "{diff}");
    }
    Ok(())
}
