use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct UserId(u64);

#[derive(Table, Serialize, Deserialize)]
struct User {
    #[key]
    id: UserId,
}

fn main() {}
