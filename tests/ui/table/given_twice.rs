use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[table(name = "users", name = "people")]
struct User {
    #[key]
    #[index(unique, unique)]
    id: u64,
}

fn main() {}
