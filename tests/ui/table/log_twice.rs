use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[table(name = "users", log)]
#[table(log)]
struct User {
    #[key]
    id: u64,
}

fn main() {}
