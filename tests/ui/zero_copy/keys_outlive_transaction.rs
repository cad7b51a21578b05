use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct Event<'a> {
    #[key]
    id: u64,
    #[index]
    kind: &'a str,
}

fn find(db: &Database) -> mdbx_typed::Result<Vec<std::borrow::Cow<'_, str>>> {
    let tx = db.read()?;
    let kinds = tx.by(event::by_kind).keys();
    kinds.collect()
}

fn main() {}
