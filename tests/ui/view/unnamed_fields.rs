use mdbx_typed::prelude::*;

#[derive(View)]
#[view(of = User)]
struct Head(u64);

fn main() {}
