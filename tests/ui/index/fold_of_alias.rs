use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

type Years = u32;

#[derive(Table, Serialize, Deserialize)]
struct User {
    #[key]
    id: u64,
    #[index(fold = ascii)]
    age: Years,
}

fn main() {}
