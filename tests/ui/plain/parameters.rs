use mdbx_typed::prelude::*;

#[derive(Plain, Clone, Copy)]
#[repr(C)]
struct Pair<T> {
    first: T,
    second: T,
}

fn main() {}
