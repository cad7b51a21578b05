use mdbx_typed::Shaped;

#[derive(Shaped)]
union Bits {
    whole: u64,
    part: u32,
}

fn main() {}
