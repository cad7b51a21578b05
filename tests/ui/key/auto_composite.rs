use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct User {
    #[key(auto)]
    id: u64,
    #[key]
    name: String,
}

fn main() {}
