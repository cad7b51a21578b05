use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[table(view)]
struct Point {
    #[key]
    id: u64,
    x: i32,
}

fn main() {}
