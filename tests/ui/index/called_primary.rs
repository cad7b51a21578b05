use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[index(primary, on(name))]
#[index(type, on(name))]
struct User {
    #[key]
    id: u64,
    name: String,
}

fn main() {}
