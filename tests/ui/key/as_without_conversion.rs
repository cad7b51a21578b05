use mdbx_typed::prelude::*;

#[derive(Key, Clone, Copy)]
#[key(as = i64)]
struct Moment(std::time::SystemTime);

fn main() {}
