use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[table(raw, view, was = "people", upgrade_from = UserV1)]
struct User {
    #[key]
    id: u64,
}

fn main() {}
