use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[index(by_name, on(name, id))]
struct User {
    #[key]
    id: u64,
    #[index]
    name: String,
}

fn main() {}
