use mdbx_typed::prelude::*;

#[derive(View)]
struct Head {
    id: u64,
}

fn main() {}
