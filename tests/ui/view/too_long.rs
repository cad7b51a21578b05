use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct User {
    #[key]
    id: u64,
    email: String,
    age: u32,
}

#[derive(View)]
#[view(of = User)]
struct Whole<'t> {
    id: u64,
    email: &'t str,
    age: u32,
    bio: &'t str,
}

fn main() {}
