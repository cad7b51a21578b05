use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct Versioned<T, const N: usize> {
    #[key]
    id: u64,
    value: T,
}

fn main() {}
