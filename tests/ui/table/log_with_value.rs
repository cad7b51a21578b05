use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[table(log = true)]
struct User {
    #[key]
    id: u64,
}

fn main() {}
