use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[table(name = "user", module = user_v1)]
struct UserV1 {
    #[key]
    id: u64,
}

#[derive(Table, Serialize, Deserialize)]
#[table(upgrade_from = UserV1)]
struct User {
    #[key]
    id: u64,
    name: String,
}

fn main() {}
