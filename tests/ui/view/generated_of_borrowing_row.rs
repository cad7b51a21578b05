use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[table(view)]
struct Event<'a> {
    #[key]
    id: u64,
    kind: &'a str,
}

fn main() {}
