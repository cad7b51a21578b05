//! `#[derive(Key)]`: newtypes, conversions and enums as parts of keys.

mod typed_support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, KeyBuf, OpenError, Place, Result};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

/// Returns the bytes of a key.
fn bytes<K: Key>(key: K::Ref<'_>) -> Vec<u8> {
    let mut out = KeyBuf::new();
    K::encode(key, Place::Last, &mut out);
    out.as_slice().to_vec()
}

/// Milliseconds since 1970, which sort as times do.
#[derive(Key, Serialize, Deserialize, Debug, Clone, Copy, PartialEq)]
#[key(as = i64)]
struct Moment(SystemTime);

impl From<&Moment> for i64 {
    fn from(moment: &Moment) -> i64 {
        match moment.0.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
        }
    }
}

impl From<i64> for Moment {
    fn from(millis: i64) -> Moment {
        let distance = Duration::from_millis(millis.unsigned_abs());
        Moment(if millis < 0 {
            UNIX_EPOCH - distance
        } else {
            UNIX_EPOCH + distance
        })
    }
}

/// A struct of two fields as one text, which not every text is.
#[derive(Key, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[key(as = String)]
struct Version {
    major: u8,
    minor: u8,
}

impl From<&Version> for String {
    fn from(version: &Version) -> String {
        format!("{:03}.{:03}", version.major, version.minor)
    }
}

impl TryFrom<String> for Version {
    type Error = ();

    fn try_from(text: String) -> Result<Version, ()> {
        let (major, minor) = text.split_once('.').ok_or(())?;
        Ok(Version {
            major: major.parse().map_err(drop)?,
            minor: minor.parse().map_err(drop)?,
        })
    }
}

/// An enum through another type, so that it may have fields.
#[derive(Key, Serialize, Deserialize, Debug, Clone, Copy, PartialEq)]
#[key(as = (u8, Option<u16>))]
enum Seat {
    Stalls,
    Box(u16),
}

impl From<&Seat> for (u8, Option<u16>) {
    fn from(seat: &Seat) -> Self {
        match seat {
            Seat::Stalls => (0, None),
            Seat::Box(number) => (1, Some(*number)),
        }
    }
}

impl TryFrom<(u8, Option<u16>)> for Seat {
    type Error = ();

    fn try_from(stored: (u8, Option<u16>)) -> Result<Seat, ()> {
        match stored {
            (0, None) => Ok(Seat::Stalls),
            (1, Some(number)) => Ok(Seat::Box(number)),
            _ => Err(()),
        }
    }
}

#[derive(Key, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    New,
    Open = 7,
    Late,
    Closed = 3,
}

#[derive(Key, Serialize, Deserialize, Debug, Clone, Copy, PartialEq)]
enum Wide {
    Low = 1,
    High = 0x0102,
}

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[index(by_status_at, on(status, at), desc(at))]
struct Order {
    #[key]
    version: Version,
    #[key]
    seat: Seat,
    #[index]
    at: Moment,
    status: Status,
    #[index(sparse)]
    wide: Option<Wide>,
}

fn order(minor: u8, millis: i64, status: Status) -> Order {
    Order {
        version: Version { major: 1, minor },
        seat: Seat::Box(u16::from(minor)),
        at: millis.into(),
        status,
        wide: (minor == 1).then_some(Wide::High),
    }
}

#[test]
fn conversions_are_stored_as_the_other_type() -> Result<()> {
    assert_eq!(bytes::<Moment>(&Moment::from(-1)), bytes::<i64>(-1));
    let version = Version { major: 1, minor: 2 };
    assert_eq!(bytes::<Version>(&version), b"001.002");
    assert_eq!(bytes::<Seat>(&Seat::Box(258)), [1, 1, 1, 2]);
    assert_eq!(
        Order::SCHEMA.key.to_string(),
        "version, seat: (str, (u8, option<u16>))"
    );
    assert_eq!(Order::SCHEMA.fields[2].shape.to_string(), "type Moment");
    let db = TempDb::open(schema![Order])?;
    let rows = [
        order(3, 7, Status::New),
        order(1, 500, Status::Late),
        order(2, 90, Status::Late),
    ];
    db.write(|tx| rows.iter().try_for_each(|row| tx.insert(row)))?;
    let tx = db.read()?;
    for row in &rows {
        assert_eq!(
            tx.get::<Order>((&row.version, &row.seat))?.as_ref(),
            Some(row)
        );
    }
    let times: Vec<Moment> = tx.by(order::by_at).keys().collect::<Result<_>>()?;
    assert_eq!(times, [7, 90, 500].map(Moment::from));
    let past = tx.by(order::by_at).range(..&Moment::from(90)).count()?;
    assert_eq!(past, 1);
    let first = tx.by(order::primary).ids().next().unwrap()?;
    assert_eq!(first, (Version { major: 1, minor: 1 }, Seat::Box(1)));
    let late = tx.by(order::by_status_at).prefix((&Status::Late,)).rows();
    let late: Vec<u8> = late
        .map(|row| Ok(row?.version.minor))
        .collect::<Result<_>>()?;
    assert_eq!(late, [1, 2], "the newest first");
    assert_eq!(tx.by(order::by_wide).eq(&Wide::High).count()?, 1);
    Ok(())
}

#[test]
fn a_stored_key_that_does_not_convert_is_an_error() -> Result<()> {
    let db = TempDb::open(schema![Order])?;
    db.write(|tx| tx.insert(&order(1, 0, Status::New)))?;
    let db = db.meddle(schema![Order], |txn| {
        let index = txn.open_table("order.by_at").unwrap();
        txn.put(index, &bytes::<i64>(1), b"no version\0\0\0")
            .unwrap();
    })?;
    let tx = db.read()?;
    let ids = tx.by(order::by_at).ids().collect::<Result<Vec<_>>>();
    let error = ids.unwrap_err();
    assert!(
        matches!(&error, Error::Key { source, .. } if source.to_string() == "malformed Version")
    );
    Ok(())
}

#[test]
fn enums_are_stored_as_their_discriminants() {
    let numbers = [Status::New, Status::Open, Status::Late, Status::Closed]
        .map(|status| bytes::<Status>(&status));
    assert_eq!(numbers, [[0], [7], [8], [3]]);
    assert_eq!(
        <Status as Key>::SHAPE.to_string(),
        "enum<New, Open = 7, Late, Closed = 3>"
    );
    assert_eq!(bytes::<Wide>(&Wide::Low), [0, 1]);
    assert_eq!(bytes::<Wide>(&Wide::High), [1, 2]);
    assert_eq!((Status::WIDTH, Wide::WIDTH), (Some(1), Some(2)));
    assert!(Status::decode(&mut &[2u8][..], Place::Last).is_err());
    assert!(Wide::decode(&mut &[1u8][..], Place::Last).is_err());
}

#[test]
fn enums_sort_as_rust_orders_them() {
    let all = [Status::New, Status::Open, Status::Late, Status::Closed];
    for a in all {
        for b in all {
            assert_eq!(
                bytes::<Status>(&a).cmp(&bytes::<Status>(&b)),
                a.cmp(&b),
                "{a:?} and {b:?}"
            );
        }
    }
}

mod before {
    use super::*;

    #[derive(Key, Serialize, Deserialize)]
    pub(super) enum Color {
        Red,
        Blue,
    }

    #[derive(Table, Serialize, Deserialize)]
    pub(super) struct Car {
        #[key]
        pub(super) id: u8,
        #[index]
        pub(super) color: Color,
    }
}

mod after {
    use super::*;

    #[derive(Key, Serialize, Deserialize)]
    pub(super) enum Color {
        Red,
        Green,
        Blue,
    }

    #[derive(Table, Serialize, Deserialize)]
    pub(super) struct Car {
        #[key]
        pub(super) id: u8,
        #[index]
        pub(super) color: Color,
    }

    pub(super) const ALL: [Color; 3] = [Color::Red, Color::Green, Color::Blue];
}

#[test]
fn a_variant_that_comes_in_between_is_noticed_at_open() -> Result<()> {
    let db = TempDb::open(schema![before::Car])?;
    db.write(|tx| {
        tx.insert(&before::Car {
            id: 1,
            color: before::Color::Blue,
        })?;
        tx.insert(&before::Car {
            id: 2,
            color: before::Color::Red,
        })
    })?;
    assert_eq!(after::ALL.len(), 3);
    let error = db.reopen(schema![after::Car]).err().expect("it opened");
    assert!(matches!(error, OpenError::Schema(_)));
    assert!(
        error
            .to_string()
            .contains("field `color` was `enum<Red, Blue>`, now it is `enum<Red, Green, Blue>`"),
        "{error}"
    );
    Ok(())
}

#[test]
fn newtypes_of_any_key_are_keys() -> Result<()> {
    #[derive(Key, Serialize, Deserialize, Debug, Clone, PartialEq)]
    struct Inner(String);
    #[derive(Key, Serialize, Deserialize, Debug, Clone, PartialEq)]
    struct Outer {
        inner: Inner,
    }
    #[derive(Key, Serialize, Deserialize, Debug, Clone, Copy, PartialEq)]
    struct Level(TotalF32);
    #[derive(Key, Serialize, Deserialize, Debug, Clone, Copy, PartialEq)]
    struct Newest(Desc<u32>);
    #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
    struct Row {
        #[key]
        id: Outer,
        #[index(each)]
        levels: Vec<Level>,
        #[index]
        newest: Newest,
    }
    let row = |id: &str, n: u32| Row {
        id: Outer {
            inner: Inner(id.into()),
        },
        levels: vec![Level(TotalF32(0.5)), Level(TotalF32(-1.0))],
        newest: Newest(Desc(n)),
    };
    let shapes: Vec<String> = Row::SCHEMA
        .fields
        .iter()
        .map(|field| field.shape.to_string())
        .collect();
    assert_eq!(shapes, ["str", "list<f32>", "u32"]);
    let db = TempDb::open(schema![Row])?;
    db.write(|tx| {
        tx.insert(&row("b", 1))?;
        tx.insert(&row("a", 2))
    })?;
    let tx = db.read()?;
    assert_eq!(tx.get::<Row>(&row("a", 0).id)?, Some(row("a", 2)));
    let newest: Vec<Newest> = tx.by(row::by_newest).keys().collect::<Result<_>>()?;
    assert_eq!(newest, [Newest(Desc(2)), Newest(Desc(1))]);
    assert_eq!(
        tx.by(row::by_levels)
            .range(..&Level(TotalF32(0.0)))
            .count()?,
        2
    );
    Ok(())
}
