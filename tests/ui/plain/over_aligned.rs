use mdbx_typed::prelude::*;

#[derive(Plain, Clone, Copy)]
#[repr(C, align(4))]
struct Size {
    width: le::U16,
    height: u8,
}

fn main() {}
