use mdbx_typed::prelude::*;

#[derive(Key)]
enum Kind {
    Small = -1,
    Medium = 1 + 1,
    Large = 70_000,
}

#[derive(Key)]
enum Nothing {}

fn main() {}
