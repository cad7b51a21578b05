use mdbx_typed::prelude::*;

#[derive(Table, Clone, Copy)]
#[table(raw)]
#[repr(C)]
struct Note<'a> {
    #[key]
    id: u8,
    text: &'a [u8],
}

fn main() {}
