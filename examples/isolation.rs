//! What isolation means: a reader keeps its snapshot, whatever is committed meanwhile.

use mdbx_core::{Env, TableFlags};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let env = Env::open(directory.path().join("isolation.mdbx"))?;

    let mut txn = env.write()?;
    let elements = txn.create_table("elements", TableFlags::empty())?;
    txn.put(elements, b"Au", b"gold")?;
    txn.commit()?;
    println!("stored Au");

    let old_reader = env.read()?;
    let mut writer = env.write()?;
    println!(
        "a reader began on snapshot {}, and a writer",
        old_reader.id()
    );

    writer.delete(elements, b"Au")?;
    assert_eq!(writer.get(elements, b"Au")?, None);
    println!("the writer deleted Au and sees it no more");
    assert!(env.read()?.get(elements, b"Au")?.is_some());
    println!("a reader that begins before the commit sees it");

    let snapshot = writer.commit()?;
    println!("the writer committed snapshot {snapshot}");

    assert_eq!(env.read()?.get(elements, b"Au")?, None);
    println!("a new reader does not see Au");
    assert_eq!(old_reader.get(elements, b"Au")?, Some(&b"gold"[..]));
    println!("the old reader still does");
    Ok(())
}
