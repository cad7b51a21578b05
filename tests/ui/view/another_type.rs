use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct User {
    #[key]
    id: u64,
    email: String,
    age: u32,
}

#[derive(View)]
#[view(of = User)]
struct Head {
    id: u64,
    email: Vec<u8>,
}

fn main() {}
