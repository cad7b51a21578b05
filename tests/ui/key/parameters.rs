use mdbx_typed::prelude::*;

#[derive(Key)]
struct Id<T>(T);

fn main() {}
