use mdbx_typed::prelude::*;

#[derive(Plain, Clone, Copy)]
#[repr(C)]
struct Size {
    kind: u8,
    width: u64,
}

fn main() {}
