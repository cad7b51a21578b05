use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[index(by_length, with = Self::length, key = u64, desc(length))]
struct User {
    #[key]
    id: u64,
    name: String,
}

impl User {
    fn length(&self) -> u64 {
        self.name.len() as u64
    }
}

fn main() {}
