use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[index(by_name, on(first, last), fold = ascii)]
struct User {
    #[key]
    id: u64,
    first: String,
    last: String,
}

fn main() {}
