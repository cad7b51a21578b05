use mdbx_typed::prelude::*;

#[derive(Plain, Clone, Copy)]
#[repr(u8)]
enum Kind {
    Small,
    Large,
}

fn main() {}
