use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Extra {
    more: u8,
}

#[derive(Table, Serialize, Deserialize)]
struct User {
    #[key]
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    phone: Option<String>,
    #[serde(flatten)]
    extra: Extra,
}

fn main() {}
