use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct Event<'a> {
    #[key]
    id: u64,
    #[index]
    kind: &'a str,
}

fn find(db: &Database) -> mdbx_typed::Result<Vec<Event<'static>>> {
    let tx = db.read()?;
    let events = tx.by(event::by_kind).rows().collect();
    events
}

fn main() {}
