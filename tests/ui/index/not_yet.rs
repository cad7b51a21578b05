use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[index(by_name_age, on(name, age), desc(age))]
#[index(by_length, with = Self::length, key = u64, version = 2)]
struct User {
    #[key]
    id: u64,
    #[index(fold = ascii)]
    name: String,
    #[index(hash)]
    bio: String,
    #[field(was = "years")]
    age: u32,
}

impl User {
    fn length(&self) -> u64 {
        self.id
    }
}

fn main() {}
