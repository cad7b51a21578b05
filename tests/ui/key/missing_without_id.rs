use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct Setting {
    name: String,
    value: String,
}

fn main() {}
