#![deny(deprecated)]

use std::borrow::Cow;

use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct Event<'a> {
    #[key]
    id: u64,
    kind: Cow<'a, str>,
}

fn main() {}
