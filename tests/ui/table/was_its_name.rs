use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[table(was = "user")]
struct User {
    #[key]
    #[field(was = "id")]
    id: u64,
    #[field]
    #[field(wsa = "years")]
    age: u32,
}

fn main() {}
