//! Ways to end a write transaction, and several tables of one at once.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use common::TempEnv;
use mdbx_core::{Env, Error, PageSize, Result, Table, TableFlags};

const PLAIN: TableFlags = TableFlags::empty();
const DUPS: TableFlags = TableFlags::DUP_SORT;

#[test]
fn a_checkpoint_commits_and_the_transaction_goes_on() -> Result<()> {
    let env = TempEnv::new();
    let mut txn = env.write()?;
    assert_eq!(txn.checkpoint()?, None, "there is nothing to commit");
    txn.put(Table::MAIN, b"a", b"")?;
    let first = txn.checkpoint()?.unwrap();
    assert_eq!(env.read()?.id(), first);
    assert!(matches!(env.try_write(), Err(Error::WriterBusy)));
    txn.put(Table::MAIN, b"b", b"")?;
    assert_eq!(env.items(Table::MAIN)?.len(), 1, "not committed yet");
    txn.abort();
    assert_eq!(env.items(Table::MAIN)?.len(), 1);
    Ok(())
}

#[test]
fn a_commit_can_turn_into_a_reader_of_what_it_committed() -> Result<()> {
    let env = TempEnv::new();
    let mut txn = env.write()?;
    txn.put(Table::MAIN, b"key", b"value")?;
    let reader = txn.commit_and_read()?;
    env.put(Table::MAIN, b"key", b"other")?;
    assert_eq!(reader.get(Table::MAIN, b"key")?, Some(&b"value"[..]));
    Ok(())
}

#[test]
fn three_marks_are_committed_and_undone_with_everything_else() -> Result<()> {
    let mut env = TempEnv::new();
    assert_eq!(env.read()?.canary().marks, [0; 3]);
    let mut txn = env.write()?;
    txn.set_canary([1, 2, u64::MAX])?;
    txn.put(Table::MAIN, b"key", b"")?;
    let before = env.read()?;
    let id = txn.commit()?;
    assert_eq!(before.canary().marks, [0; 3], "an old snapshot has the old");
    drop(before);
    let mut txn = env.write()?;
    txn.set_canary([4, 5, 6])?;
    assert_eq!(txn.canary().marks, [4, 5, 6]);
    txn.abort();
    let expected = ([1, 2, u64::MAX], id);
    for _ in 0..2 {
        let canary = env.read()?.canary();
        assert_eq!((canary.marks, canary.set_by), expected);
        env.put(Table::MAIN, b"key", b"value")?;
        env.reopen()?;
    }
    Ok(())
}

#[test]
fn the_main_table_needs_no_opening_and_no_other_table() -> Result<()> {
    let env = TempEnv::with(Env::options().max_tables(0));
    let mut txn = env.write()?;
    let none = txn.create_table("t", PLAIN);
    assert!(matches!(none, Err(Error::TablesFull { max: 0 })));
    txn.put(Table::MAIN, b"key", b"value")?;
    txn.commit()?;
    assert_eq!(env.read()?.get(Table::MAIN, b"key")?, Some(&b"value"[..]));
    Ok(())
}

#[test]
fn several_tables_are_changed_at_once_but_no_table_twice() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let mut txn = env.write()?;
    let source = txn.create_table("source", PLAIN)?;
    let target = txn.create_table("target", DUPS)?;
    for n in 0..500_u32 {
        txn.put(source, &n.to_be_bytes(), &(n % 7).to_be_bytes())?;
    }
    {
        let [mut main, source, mut target] = txn.tables_mut([Table::MAIN, source, target])?;
        let first = source.get(&0_u32.to_be_bytes())?.unwrap();
        for item in &source.as_ref() {
            let (key, value) = item?;
            target.put(value, key)?;
            main.put(b"last", key)?;
        }
        assert_eq!(first, 0_u32.to_be_bytes(), "what was read stays");
    }
    assert!(matches!(
        txn.tables_mut([source, source]),
        Err(Error::TableInUse)
    ));
    txn.commit()?;
    let txn = env.read()?;
    assert_eq!(txn.table(target)?.get_with_count(&[0; 4])?.unwrap().1, 72);
    assert_eq!(
        txn.get(Table::MAIN, b"last")?,
        Some(&499_u32.to_be_bytes()[..])
    );
    Ok(())
}

#[test]
fn commit_and_read_commits_nothing_when_no_place_for_a_reader_is_left() -> Result<()> {
    let env = TempEnv::with(Env::options().max_readers(1));
    let mut readers = Vec::new();
    while let Ok(reader) = env.read() {
        readers.push(reader);
    }
    let mut txn = env.write()?;
    txn.put(Table::MAIN, b"key", b"value")?;
    assert!(matches!(
        txn.commit_and_read(),
        Err(Error::ReadersFull { .. })
    ));
    readers.pop();
    assert_eq!(env.read()?.get(Table::MAIN, b"key")?, None);
    let mut txn = env.write()?;
    txn.put(Table::MAIN, b"key", b"value")?;
    let reader = txn.commit_and_read()?;
    assert_eq!(reader.get(Table::MAIN, b"key")?, Some(&b"value"[..]));
    Ok(())
}
