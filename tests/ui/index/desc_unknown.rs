use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[index(by_name_age, on(name, age), desc(agee))]
struct User {
    #[key]
    id: u64,
    name: String,
    age: u32,
}

fn main() {}
