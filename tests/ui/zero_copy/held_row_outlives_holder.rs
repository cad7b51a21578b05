use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct Event<'a> {
    #[key]
    id: u64,
    #[index]
    kind: &'a str,
}

fn find(db: &Database) -> mdbx_typed::Result<Event<'_>> {
    let held = db.hold::<Event>(1)?.unwrap();
    let event = held.row()?;
    Ok(event)
}

fn main() {}
