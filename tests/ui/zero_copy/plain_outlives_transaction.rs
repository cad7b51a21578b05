use mdbx_typed::prelude::*;

#[derive(Table, Plain, Clone, Copy)]
#[table(raw)]
#[repr(C)]
struct Tick {
    #[key]
    at: le::U64,
    price: le::I64,
}

fn find(db: &Database) -> mdbx_typed::Result<Option<&Tick>> {
    let tx = db.read()?;
    let tick = tx.get::<Tick>(1)?;
    Ok(tick)
}

fn main() {}
