use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct Event<'a, 'b> {
    #[key]
    id: u64,
    kind: &'a str,
    body: &'b str,
}

fn main() {}
