use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct Doc {
    #[key]
    id: u64,
    #[index]
    size: u32,
}

/// Says `Index` where it needs `OrderedIndex`.
fn between<I: Index<Key = u32>>(tx: &ReadTxn<'_>, index: I) -> mdbx_typed::Result<u64> {
    tx.by(index).range(1..9).count()
}

fn main() {}
