use mdbx_typed::prelude::*;

#[derive(Table, Clone, Copy)]
union Word {
    whole: u32,
    halves: [u16; 2],
}

fn main() {}
