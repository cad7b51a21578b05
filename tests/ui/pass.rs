//! What the derives generate compiles in a program that forbids unsafe code and warnings.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs)]

use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

/// Every kind of index.
#[derive(Table, Serialize, Deserialize)]
#[table(name = "users", was = "people", view(Debug, Clone), upgrade_from = UserV1)]
#[index(by_name_age, on(name, age), desc(age))]
#[index(by_length, with = Self::length, key = u64, version = 2)]
pub struct User {
    /// The key.
    #[key(auto)]
    pub id: u64,
    /// Folded and hashed.
    #[index(unique, fold = ascii)]
    #[index(name = by_hash, hash)]
    pub name: String,
    /// Renamed.
    #[field(was = "years")]
    pub age: u32,
    /// Sparse.
    #[index(unique, sparse)]
    pub phone: Option<String>,
    /// Each.
    #[index(each)]
    pub tags: Vec<String>,
    /// A key type of its own.
    #[index(when = Self::is_adult)]
    pub state: State,
}

impl User {
    fn length(&self) -> u64 {
        self.name.len() as u64
    }

    fn is_adult(&self) -> bool {
        self.age >= 18
    }
}

/// What it was.
#[derive(Table, Serialize, Deserialize)]
#[table(name = "users", module = user_v1)]
pub struct UserV1 {
    /// The key.
    #[key]
    pub id: u64,
}

impl From<UserV1> for User {
    fn from(old: UserV1) -> User {
        User {
            id: old.id,
            name: String::new(),
            age: 0,
            phone: None,
            tags: Vec::new(),
            state: State::New,
        }
    }
}

/// An enum as a key.
#[derive(Key, Serialize, Deserialize, Debug, Clone)]
pub enum State {
    /// The first.
    New,
    /// With a number.
    Old = 7,
}

/// A view.
#[derive(View)]
#[view(of = User)]
pub struct Head<'t> {
    /// The key.
    pub id: u64,
    /// The name.
    pub name: &'t str,
}

/// A raw table.
#[derive(Table, Plain, Clone, Copy)]
#[table(raw)]
#[repr(C)]
pub struct Tick {
    /// The key.
    #[key]
    pub at: le::U64,
    /// A number.
    #[index]
    pub price: le::F64,
}

fn main() {
    let _ = (schema![User, Tick], State::Old);
}
