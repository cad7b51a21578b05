use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[index(by_name_age, on(name, age))]
struct User {
    #[key]
    #[serde(skip)]
    id: u64,
    #[index]
    #[serde(skip)]
    name: String,
    age: u8,
}

fn main() {}
