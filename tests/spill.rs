//! Transactions that change more than they keep in memory.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::collections::BTreeMap;

use common::{Rng, items};
use mdbx_core::{Env, Result, Table, TableFlags};

const PLAIN: TableFlags = TableFlags::empty();
const DUPS: TableFlags = TableFlags::DUP_SORT;

/// An environment whose transactions keep at most 64 KiB of pages in memory.
fn tight() -> Result<(tempfile::TempDir, Env)> {
    let directory = tempfile::tempdir().unwrap();
    let env = Env::options()
        .dirty_limit(64 << 10)
        .open(directory.path().join("db"))?;
    Ok((directory, env))
}

#[test]
fn a_transaction_changes_more_than_it_keeps_in_memory() -> Result<()> {
    let (_directory, env) = tight()?;
    let mut rng = Rng::new(5);
    let mut txn = env.write()?;
    let tables = [
        txn.create_table("plain", PLAIN)?,
        txn.create_table("dups", DUPS)?,
    ];
    let mut model = BTreeMap::new();
    for round in 0..3 {
        for _ in 0..6000 {
            let (key, value) = (rng.bytes(3), rng.bytes(40));
            for table in tables {
                if round == 1 {
                    txn.delete(table, &key[..2])?;
                }
                txn.put(table, &key, &value)?;
            }
            if rng.once_in(500) {
                txn.put(tables[0], &key, &vec![7; 20_000])?;
                model.insert(key, vec![7; 20_000]);
            } else {
                model.insert(key, value);
            }
        }
        assert!(items(&txn.table(tables[0])?)?.into_iter().eq(model.clone()));
        if round == 0 {
            let mut nested = txn.nested()?;
            for _ in 0..2000 {
                nested.put(tables[0], &rng.bytes(3), b"undone")?;
            }
            nested.abort();
        }
    }
    txn.commit()?;
    let txn = env.read()?;
    assert!(items(&txn.table(tables[0])?)?.into_iter().eq(model));
    common::assert_sound(&txn);
    Ok(())
}

#[test]
fn pages_written_early_are_free_again_when_the_transaction_is_aborted() -> Result<()> {
    let (_directory, env) = tight()?;
    let mut txn = env.write()?;
    txn.put(Table::MAIN, b"kept", b"")?;
    txn.commit()?;
    let before = env.info()?;
    let mut txn = env.write()?;
    for n in 0..20_000_u32 {
        txn.put(Table::MAIN, &n.to_be_bytes(), &[1; 50])?;
    }
    assert!(env.info()?.file_len > before.file_len, "they were written");
    txn.abort();
    assert_eq!(env.info()?.allocated_pages, before.allocated_pages);
    let txn = env.read()?;
    assert_eq!(txn.table(Table::MAIN)?.len(), 1);
    common::assert_sound(&txn);
    Ok(())
}
