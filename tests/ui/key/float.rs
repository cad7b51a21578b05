use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct Reading {
    #[key]
    at: f64,
}

fn main() {}
