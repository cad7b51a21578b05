use mdbx_typed::prelude::*;

#[derive(Table)]
struct User {
    #[key]
    id: u64,
}

fn main() {}
