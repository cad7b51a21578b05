use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[index(by_tags_age, on(tags, age), each)]
struct User {
    #[key]
    id: u64,
    tags: Vec<String>,
    age: u32,
}

fn main() {}
