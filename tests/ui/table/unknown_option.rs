use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[table(nmae = "users")]
struct User {
    #[key]
    id: u64,
}

fn main() {}
