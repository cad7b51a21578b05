//! Bytes of keys are in the order of the values, for every type that can be a key and for random composites of them;
//! prefixes and beginnings find exactly the values that have them.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::cmp::Ordering;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};

use common::Rng;
use mdbx_typed::prelude::*;
use mdbx_typed::testing::{assert_order, assert_round_trip};
use mdbx_typed::{Index, KeyField, OrderedIndex, PrefixOf, Query, Result, TextTail};
use serde::{Deserialize, Serialize};

/// A type whose values can be drawn, the awkward ones often.
trait Draw: Sized {
    fn draw(rng: &mut Rng) -> Self;

    fn many(rng: &mut Rng, count: usize) -> Vec<Self> {
        (0..count).map(|_| Self::draw(rng)).collect()
    }
}

macro_rules! integers {
    ($($type:ident)*) => {$(
        impl Draw for $type {
            fn draw(rng: &mut Rng) -> Self {
                const SIZE: usize = size_of::<$type>();
                let edges = [0, 1, $type::MIN, $type::MIN + 1, $type::MAX, $type::MAX - 1, $type::MAX / 2, 127];
                let mut any = $type::from_be_bytes(rng.bytes(SIZE).try_into().unwrap());
                any >>= rng.below(8 * SIZE);
                let edge = *rng.pick(&edges);
                *rng.pick(&[edge, any, any])
            }
        }
    )*};
}

integers! { u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 }

impl Draw for bool {
    fn draw(rng: &mut Rng) -> Self {
        rng.once_in(2)
    }
}

impl Draw for char {
    fn draw(rng: &mut Rng) -> Self {
        const EDGES: [char; 12] = [
            '\0',
            '\u{1}',
            '\u{2}',
            'a',
            'b',
            '\u{7F}',
            '\u{80}',
            'ÿ',
            '\u{D7FF}',
            '\u{E000}',
            '\u{FFFF}',
            char::MAX,
        ];
        let any = u32::draw(rng) % 0x11_0000;
        let edge = *rng.pick(&EDGES);
        *rng.pick(&[edge, char::from_u32(any).unwrap_or('é')])
    }
}

impl Draw for String {
    fn draw(rng: &mut Rng) -> Self {
        (0..rng.below(5)).map(|_| char::draw(rng)).collect()
    }
}

impl Draw for Vec<u8> {
    fn draw(rng: &mut Rng) -> Self {
        (0..rng.below(6))
            .map(|_| *rng.pick(&[0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF]))
            .collect()
    }
}

impl<const N: usize> Draw for [u8; N] {
    fn draw(rng: &mut Rng) -> Self {
        std::array::from_fn(|_| *rng.pick(&[0, 1, 0x7F, 0xFF]))
    }
}

impl<T: Draw> Draw for Option<T> {
    fn draw(rng: &mut Rng) -> Self {
        (!rng.once_in(4)).then(|| T::draw(rng))
    }
}

impl<T: Draw> Draw for Desc<T> {
    fn draw(rng: &mut Rng) -> Self {
        Desc(T::draw(rng))
    }
}

macro_rules! floats {
    ($($total:ident($float:ident from $bits:ident);)*) => {$(
        impl Draw for $total {
            fn draw(rng: &mut Rng) -> Self {
                let edges = [
                    0.0, -0.0, 1.0, -1.0, $float::MIN_POSITIVE, -$float::MIN_POSITIVE, $float::MIN, $float::MAX,
                    $float::INFINITY, $float::NEG_INFINITY, $float::NAN, -$float::NAN, $float::EPSILON,
                    $float::from_bits(1),
                ];
                let any = $float::from_bits($bits::draw(rng));
                let edge = *rng.pick(&edges);
                $total(*rng.pick(&[edge, any]))
            }
        }
    )*};
}

floats! { TotalF32(f32 from u32); TotalF64(f64 from u64); }

#[derive(Key, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Suit {
    Clubs,
    Diamonds = 9,
    Hearts = 0x0101,
    Spades,
}

impl Draw for Suit {
    fn draw(rng: &mut Rng) -> Self {
        *rng.pick(&[Suit::Clubs, Suit::Diamonds, Suit::Hearts, Suit::Spades])
    }
}

#[derive(Key, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name(String);

impl Draw for Name {
    fn draw(rng: &mut Rng) -> Self {
        Name(String::draw(rng))
    }
}

#[derive(Key, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Uuid([u8; 16]);

impl Draw for Uuid {
    fn draw(rng: &mut Rng) -> Self {
        Uuid(<[u8; 16]>::draw(rng))
    }
}

/// Seconds and nanoseconds, as one number.
#[derive(Key, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[key(as = i128)]
struct Moment {
    seconds: i64,
    nanos: u32,
}

impl From<&Moment> for i128 {
    fn from(moment: &Moment) -> i128 {
        i128::from(moment.seconds) << 32 | i128::from(moment.nanos)
    }
}

impl TryFrom<i128> for Moment {
    type Error = std::num::TryFromIntError;

    fn try_from(stored: i128) -> Result<Moment, Self::Error> {
        let seconds = i64::try_from(stored >> 32)?;
        let nanos = u32::try_from(stored & i128::from(u32::MAX))?;
        Ok(Moment { seconds, nanos })
    }
}

impl Draw for Moment {
    fn draw(rng: &mut Rng) -> Self {
        Moment {
            seconds: Draw::draw(rng),
            nanos: Draw::draw(rng),
        }
    }
}

macro_rules! tuples {
    ($(($($item:ident)+))*) => {$(
        impl<$($item: Draw),+> Draw for ($($item,)+) {
            fn draw(rng: &mut Rng) -> Self {
                ($($item::draw(rng),)+)
            }
        }
    )*};
}

tuples! { (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) }

/// Returns where the random numbers begin, and the number of values of each type.
fn begin() -> (Rng, usize) {
    (Rng::new(0x5EED), 120)
}

/// Asserts the order of a type, alone and within pairs, options and the other way round.
fn ordered<T: Draw + KeyField + Ord + Debug>(rng: &mut Rng, count: usize) {
    assert_order(&T::many(rng, count));
    assert_order(&Desc::<T>::many(rng, count));
    assert_order(&Option::<T>::many(rng, count));
    assert_order(&<(T, T)>::many(rng, count));
    assert_order(&<(String, T, Vec<u8>)>::many(rng, count));
    assert_order(&<(Option<Desc<T>>, Desc<Option<T>>, T)>::many(rng, count));
}

#[test]
fn keys_of_every_type_are_in_the_order_of_their_values() {
    let (mut rng, count) = begin();
    macro_rules! all {
        ($($type:ty),* $(,)?) => {$(ordered::<$type>(&mut rng, count);)*};
    }
    all! {
        u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, bool, char, String, Vec<u8>, [u8; 0], [u8; 1], [u8; 7],
        TotalF32, TotalF64, Suit, Name, Uuid, Moment, (String, i8), Option<Option<u8>>, Desc<Desc<String>>,
    }
}

#[test]
fn values_of_every_type_come_back() {
    let (mut rng, count) = begin();
    macro_rules! all {
        ($($type:ty),* $(,)?) => {$(assert_round_trip(&<$type>::many(&mut rng, count));)*};
    }
    all! {
        u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, bool, char, String, Vec<u8>, [u8; 0], [u8; 7], TotalF32,
        TotalF64, Suit, Name, Uuid, Moment, Option<Option<String>>, (String, Option<i16>, String, Vec<u8>, Suit, Name),
    }
}

/// Makes a composite of random components, which are chosen one after the other, and asserts its order.
macro_rules! composites {
    ($rng:ident, $count:ident, ($($chosen:ty),*)) => {
        assert_order(&<($($chosen,)*)>::many($rng, $count))
    };
    ($rng:ident, $count:ident, ($($chosen:ty),*) more $($more:tt)*) => {
        match $rng.below(7) {
            0 => composites!($rng, $count, ($($chosen,)* String) $($more)*),
            1 => composites!($rng, $count, ($($chosen,)* Option<Vec<u8>>) $($more)*),
            2 => composites!($rng, $count, ($($chosen,)* Desc<Name>) $($more)*),
            _ => composites!($rng, $count, ($($chosen,)* TotalF64) $($more)*),
        }
    };
}

#[test]
fn random_composites_are_in_the_order_of_their_values() {
    let (mut rng, count) = begin();
    let rng = &mut rng;
    for _ in 0..12 {
        composites!(rng, count, (i16) more);
        composites!(rng, count, (Desc<String>) more more);
    }
    assert_order(&<(Name, Desc<Vec<u8>>, Option<i128>, String, Moment)>::many(rng, count));
    assert_order(&<(String, bool, Desc<TotalF32>, char, Uuid, Vec<u8>)>::many(rng, count));
    assert_order(&<(
        Desc<(String, u8)>,
        (Vec<u8>, Option<Name>),
        u128,
        Suit,
        Desc<char>,
        String,
    )>::many(rng, count));
}

#[test]
fn equal_values_hash_and_compare_alike() {
    fn hash<T: Hash>(value: &T) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        value.hash(&mut hasher);
        hasher.finish()
    }
    let (mut rng, count) = begin();
    let values = TotalF64::many(&mut rng, count);
    for (x, y) in values
        .iter()
        .flat_map(|x| values.iter().map(move |y| (x, y)))
    {
        assert_eq!(x.cmp(y) == Ordering::Equal, x == y, "{x:?} {y:?}");
        assert!(x != y || hash(x) == hash(y), "{x:?} {y:?}");
    }
}

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[expect(
    clippy::duplicated_attributes,
    reason = "two indexes have a field in common"
)]
#[index(by_all, on(text, bytes, number, float, name))]
#[index(by_mixed, on(float, suit, text), desc(float, text))]
struct Row {
    #[key]
    id: u32,
    #[index]
    text: String,
    #[index]
    bytes: Vec<u8>,
    number: Option<i16>,
    float: TotalF64,
    #[index]
    name: Name,
    suit: Suit,
}

/// Asserts that a query of an index finds exactly these rows.
fn finds<I: Index<Table = Row>>(
    query: Query<'_, I>,
    rows: &[Row],
    is_wanted: impl Fn(&Row) -> bool,
) -> Result<()> {
    let wanted = rows.iter().filter(|row| is_wanted(row));
    let wanted: Vec<u32> = wanted.map(|row| row.id).collect();
    let mut found: Vec<u32> = query.ids().collect::<Result<_>>()?;
    found.sort_unstable();
    assert_eq!(found, wanted, "{}", I::NAME);
    Ok(())
}

fn prefixed<I: OrderedIndex<Table = Row>>(
    tx: &ReadTxn<'_>,
    index: I,
    prefix: impl PrefixOf<I::Key>,
    rows: &[Row],
    is_wanted: impl Fn(&Row) -> bool,
) -> Result<()> {
    finds(tx.by(index).prefix(prefix), rows, is_wanted)
}

fn begins<I: OrderedIndex<Table = Row, Key: TextTail>>(
    tx: &ReadTxn<'_>,
    index: I,
    start: <I::Key as Key>::Ref<'_>,
    rows: &[Row],
    is_wanted: impl Fn(&Row) -> bool,
) -> Result<()> {
    finds(tx.by(index).starts_with(start), rows, is_wanted)
}

#[test]
fn prefixes_and_beginnings_find_exactly_the_rows_that_have_them() -> Result<()> {
    let (mut rng, count) = begin();
    let rng = &mut rng;
    let rows: Vec<Row> = (0..)
        .take(2 * count)
        .map(|id| Row {
            id,
            text: Draw::draw(rng),
            bytes: Draw::draw(rng),
            number: (!rng.once_in(3)).then(|| *rng.pick(&[i16::MIN, -1, 0, 1])),
            float: *rng.pick(&[-0.0, 0.0, 1.0, f64::NAN, f64::NEG_INFINITY].map(TotalF64)),
            name: Draw::draw(rng),
            suit: Draw::draw(rng),
        })
        .collect();
    let db = Database::in_memory(schema![Row])?;
    db.write(|tx| rows.iter().try_for_each(|row| tx.insert(row)))?;
    let tx = &db.read()?;
    for _ in 0..count {
        let (x, y) = (rng.pick(&rows), rng.pick(&rows));
        // What a stored text begins with, and another one, which begins none, most often.
        let start: String = x.text.chars().take(rng.below(4)).collect();
        let bytes = &x.bytes[..rng.below(x.bytes.len() + 1)];
        prefixed(tx, row::by_all, (x.text.as_str(),), &rows, |row| {
            row.text == x.text
        })?;
        let two = (x.text.as_str(), x.bytes.as_slice());
        prefixed(tx, row::by_all, two, &rows, |row| {
            (row.text.as_str(), row.bytes.as_slice()) == two
        })?;
        let three = (x.text.as_str(), x.bytes.as_slice(), y.number);
        prefixed(tx, row::by_all, three, &rows, |row| {
            (row.text.as_str(), row.bytes.as_slice(), row.number) == three
        })?;
        prefixed(tx, row::by_mixed, (x.float.0,), &rows, |row| {
            row.float == x.float
        })?;
        prefixed(tx, row::by_mixed, (x.float.0, &y.suit), &rows, |row| {
            (row.float, row.suit) == (x.float, y.suit)
        })?;
        begins(tx, row::by_text, &start, &rows, |row| {
            row.text.starts_with(&start)
        })?;
        begins(tx, row::by_bytes, bytes, &rows, |row| {
            row.bytes.starts_with(bytes)
        })?;
    }
    Ok(())
}
