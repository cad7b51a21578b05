use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct User<const N: usize> {
    #[key]
    id: u64,
}

fn main() {}
