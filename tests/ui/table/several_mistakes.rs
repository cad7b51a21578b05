use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[table(nam = "users")]
#[index(by_age_name, on(ages, name))]
struct User {
    id: u64,
    #[index(uniq, spare)]
    name: String,
    #[index]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<u32>,
}

fn main() {}
