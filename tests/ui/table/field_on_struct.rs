use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[field(was = "people")]
struct User {
    #[key]
    id: u64,
}

fn main() {}
