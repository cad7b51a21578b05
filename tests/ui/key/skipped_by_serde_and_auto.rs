use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct User {
    #[key(auto)]
    #[serde(skip)]
    id: u64,
    name: String,
}

fn main() {}
