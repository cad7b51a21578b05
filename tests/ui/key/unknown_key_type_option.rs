use mdbx_typed::prelude::*;

#[derive(Key, Clone, Copy)]
#[key(a = i64)]
struct Moment(i64);

fn main() {}
