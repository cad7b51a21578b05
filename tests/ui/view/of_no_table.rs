use mdbx_typed::prelude::*;

struct User;

#[derive(View)]
#[view(of = User)]
struct Head {
    id: u64,
}

fn main() {}
