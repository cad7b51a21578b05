use mdbx_typed::prelude::*;

#[derive(Table)]
struct Nothing;

fn main() {}
