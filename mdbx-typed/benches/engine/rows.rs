//! The rows: 8 fields, about 120 bytes; the same person with more and more indexes.

use mdbx_typed::prelude::*;
use mdbx_typed::{Plain, le};
use serde::{Deserialize, Serialize};

/// Returns a number that looks random (splitmix64); different ones for different `n`.
pub(crate) fn scatter(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Returns the key of row `n`: below `i64::MAX`, in no order, different for different `n`.
pub(crate) fn unique(n: u64) -> u64 {
    n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 2
}

pub(crate) fn email(id: u64) -> String {
    format!("{:011x}@mail.org", scatter(id) >> 20)
}

fn low(n: u64, end: u32) -> u32 {
    u32::try_from(n % u64::from(end)).unwrap_or_else(|_| unreachable!("it is below `end`"))
}

/// A row that is its bytes.
#[derive(Table, Plain, Clone, Copy)]
#[table(raw)]
#[repr(C)]
pub(crate) struct Tick {
    #[key]
    pub(crate) at: le::U64,
    pub(crate) price: le::U64,
    pub(crate) volume: le::U64,
}

impl Tick {
    pub(crate) fn sample(n: u64) -> Self {
        Tick {
            at: n.into(),
            price: scatter(n).into(),
            volume: 1.into(),
        }
    }
}

/// A row that borrows from the page.
#[derive(Table, Serialize, Deserialize)]
pub(crate) struct Borrowing<'a> {
    #[key]
    id: u64,
    email: &'a str,
    name: &'a str,
    country: &'a str,
    age: u32,
    score: f64,
    note: &'a [u8],
    serial: u64,
}

impl<'a> Borrowing<'a> {
    pub(crate) fn of(person: &'a Zero) -> Self {
        Borrowing {
            id: person.id,
            email: &person.email,
            name: &person.name,
            country: &person.country,
            age: person.age,
            score: person.score,
            note: &person.note,
            serial: person.serial,
        }
    }

    pub(crate) fn sum(&self) -> u64 {
        let lens = self.email.len() + self.name.len() + self.country.len() + self.note.len();
        self.id ^ self.serial ^ u64::from(self.age) ^ lens as u64 ^ self.score.to_bits()
    }
}

/// A row with indexes that can be kept by hand.
pub(crate) trait Indexed: Table<Key = u64> + Record<Table = Self> + Serialize {
    const NAME: &'static str;
    const INDEXES: &'static [&'static str];

    fn sample(id: u64) -> Self;

    /// Puts its keys into as many of the buffers as there are indexes.
    fn keys(&self, keys: &mut [Vec<u8>; 5]);

    fn id(&self) -> u64;

    /// Returns a number that all fields have a part in.
    fn sum(&self) -> u64;
}

macro_rules! people {
    ($($name:ident $table:literal [$($index:ident ($($options:tt)*) = |$row:ident, $key:ident| $write:expr),*];)*) => {$(
        #[derive(Table, Serialize, Deserialize)]
        $(#[index($index, $($options)*)])*
        pub(crate) struct $name {
            #[key]
            pub(crate) id: u64,
            pub(crate) email: String,
            pub(crate) name: String,
            pub(crate) country: String,
            pub(crate) age: u32,
            pub(crate) score: f64,
            pub(crate) note: Vec<u8>,
            pub(crate) serial: u64,
        }

        impl Indexed for $name {
            const NAME: &'static str = $table;
            const INDEXES: &'static [&'static str] = &[$(concat!($table, ".", stringify!($index))),*];

            fn sample(id: u64) -> Self {
                let random = scatter(id);
                $name {
                    id,
                    email: email(id),
                    name: format!("Person {:x}", random >> 44),
                    country: ["DE", "FR", "IT", "PL"][low(random, 4) as usize].into(),
                    age: low(random >> 8, 100_000),
                    score: f64::from(low(random >> 16, 1000)),
                    note: vec![b'.'; 50 + low(random >> 24, 20) as usize],
                    serial: scatter(random) >> 1,
                }
            }

            fn keys(&self, keys: &mut [Vec<u8>; 5]) {
                let [$($index,)* ..] = keys;
                $({
                    let ($row, $key) = (self, $index);
                    $key.clear();
                    $write;
                })*
            }

            fn id(&self) -> u64 {
                self.id
            }

            fn sum(&self) -> u64 {
                let lens = self.email.len() + self.name.len() + self.country.len() + self.note.len();
                self.id ^ self.serial ^ u64::from(self.age) ^ lens as u64 ^ self.score.to_bits()
            }
        }
    )*};
}

people! {
    Zero "zero" [];
    One "one" [
        by_age(on(age)) = |row, key| key.extend(row.age.to_be_bytes())
    ];
    Two "two" [
        by_age(on(age)) = |row, key| key.extend(row.age.to_be_bytes()),
        by_country_age(on(country, age)) = |row, key| {
            key.extend_from_slice(row.country.as_bytes());
            key.push(0);
            key.extend(row.age.to_be_bytes());
        }
    ];
    Three "three" [
        by_age(on(age)) = |row, key| key.extend(row.age.to_be_bytes()),
        by_country_age(on(country, age)) = |row, key| {
            key.extend_from_slice(row.country.as_bytes());
            key.push(0);
            key.extend(row.age.to_be_bytes());
        },
        by_name(on(name)) = |row, key| key.extend_from_slice(row.name.as_bytes())
    ];
    Five "five" [
        by_age(on(age)) = |row, key| key.extend(row.age.to_be_bytes()),
        by_country_age(on(country, age)) = |row, key| {
            key.extend_from_slice(row.country.as_bytes());
            key.push(0);
            key.extend(row.age.to_be_bytes());
        },
        by_name(on(name)) = |row, key| key.extend_from_slice(row.name.as_bytes()),
        by_serial(on(serial)) = |row, key| key.extend(row.serial.to_be_bytes()),
        by_note(on(note)) = |row, key| key.extend_from_slice(&row.note)
    ];
    Unique "unique" [
        by_email(on(email), unique) = |row, key| key.extend_from_slice(row.email.as_bytes())
    ];
}
