//! A write transaction inside another: what it does is kept or undone as a whole.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::collections::BTreeMap;

use common::{Rng, TempEnv, items, number_from_env, owned};
use mdbx_core::{Error, PageSize, Result, Table, TableFlags, WriteTxn};

const PLAIN: TableFlags = TableFlags::empty();
const DUPS: TableFlags = TableFlags::DUP_SORT;

#[test]
fn what_a_nested_transaction_commits_is_committed_with_the_outer_one() -> Result<()> {
    let env = TempEnv::new();
    let mut txn = env.write()?;
    txn.put(Table::MAIN, b"outer", b"1")?;
    let mut nested = txn.nested()?;
    assert_eq!(nested.get(Table::MAIN, b"outer")?, Some(&b"1"[..]));
    nested.put(Table::MAIN, b"nested", b"2")?;
    nested.commit()?;
    assert_eq!(txn.get(Table::MAIN, b"nested")?, Some(&b"2"[..]));
    assert!(env.items(Table::MAIN)?.is_empty(), "nobody else sees it");
    txn.commit()?;
    let expected = owned(&[(b"nested", b"2"), (b"outer", b"1")]);
    assert_eq!(env.items(Table::MAIN)?, expected);
    Ok(())
}

#[test]
fn what_a_nested_transaction_aborts_leaves_no_trace() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let mut txn = env.write()?;
    let kept = txn.create_table("kept", DUPS)?;
    for n in 0..200_u32 {
        txn.put(kept, &(n / 9).to_be_bytes(), &n.to_be_bytes())?;
    }
    txn.sequence(kept, 7)?;
    txn.set_canary([1, 2, 3])?;
    let before = items(&txn.table(kept)?)?;

    let mut nested = txn.nested()?;
    for n in 0..300_u32 {
        nested.delete(kept, &(n / 9).to_be_bytes())?;
        nested.put(kept, &n.to_le_bytes(), &[b'x'; 60])?;
    }
    nested.sequence(kept, 5)?;
    nested.set_canary([4, 5, 6])?;
    let new = nested.create_table("new", PLAIN)?;
    nested.put(new, b"large", &vec![1; 5000])?;
    nested.abort();

    assert_eq!(items(&txn.table(kept)?)?, before);
    assert_eq!(txn.sequence(kept, 0)?, 7);
    assert_eq!(txn.canary().marks, [1, 2, 3]);
    assert!(matches!(txn.table(new), Err(Error::NoSuchTable { .. })));
    txn.commit()?;
    assert_eq!(env.items(kept)?, before);
    Ok(())
}

#[test]
fn a_table_dropped_in_a_nested_transaction_is_back_with_its_items_when_that_is_aborted()
-> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = env.create_table("t", PLAIN)?;
    let mut txn = env.write()?;
    for n in 0..100_u32 {
        txn.put(table, &n.to_be_bytes(), &[7; 50])?;
    }
    let before = items(&txn.table(table)?)?;
    let mut nested = txn.nested()?;
    nested.drop_table(table)?;
    assert!(matches!(
        nested.table(table),
        Err(Error::NoSuchTable { .. })
    ));
    let again = nested.create_table("t", DUPS)?;
    assert_eq!(again, table);
    nested.put(again, b"other", b"")?;
    drop(nested);
    assert_eq!(items(&txn.table(table)?)?, before);
    assert_eq!(txn.table(table)?.flags(), PLAIN);
    txn.commit()?;
    assert_eq!(env.items(table)?, before);
    Ok(())
}

#[test]
fn transactions_nest_to_any_depth_and_each_level_is_undone_alone() -> Result<()> {
    let env = TempEnv::new();
    let mut txn = env.write()?;
    let keys = descend(&mut txn, 0)?;
    txn.commit()?;
    let found: Vec<u8> = env
        .items(Table::MAIN)?
        .iter()
        .map(|(key, _)| key[0])
        .collect();
    assert_eq!(found, keys);
    Ok(())
}

/// Puts a key at each of twenty levels, every third of which is aborted with all below; returns what is left.
fn descend(txn: &mut WriteTxn<'_>, level: u8) -> Result<Vec<u8>> {
    txn.put(Table::MAIN, &[level], b"")?;
    if level == 20 {
        return Ok(vec![level]);
    }
    let mut nested = txn.nested()?;
    let below = descend(&mut nested, level + 1)?;
    if level % 3 == 2 {
        nested.abort();
        Ok(vec![level])
    } else {
        nested.commit()?;
        Ok([vec![level], below].concat())
    }
}

#[test]
fn rolling_back_undoes_everything_since_the_transaction_began() -> Result<()> {
    let env = TempEnv::new();
    env.put(Table::MAIN, b"before", b"")?;
    let mut txn = env.write()?;
    txn.put(Table::MAIN, b"outer", b"")?;
    let mut nested = txn.nested()?;
    nested.put(Table::MAIN, b"first", b"")?;
    nested.rollback();
    nested.put(Table::MAIN, b"second", b"")?;
    nested.commit()?;
    let keys = |txn: &WriteTxn<'_>| -> Result<Vec<Vec<u8>>> {
        let items = items(&txn.table(Table::MAIN)?)?;
        Ok(items.into_iter().map(|(key, _)| key).collect())
    };
    assert_eq!(keys(&txn)?, [&b"before"[..], b"outer", b"second"]);
    txn.rollback()?;
    assert_eq!(keys(&txn)?, [b"before"]);
    assert!(!txn.is_dirty());
    txn.put(Table::MAIN, b"after", b"")?;
    txn.commit()?;
    assert_eq!(env.items(Table::MAIN)?.len(), 2);
    Ok(())
}

#[test]
fn a_nested_transaction_does_not_end_the_outer_one() -> Result<()> {
    let env = TempEnv::new();
    let mut txn = env.write()?;
    let mut nested = txn.nested()?;
    nested.put(Table::MAIN, b"key", b"")?;
    assert!(matches!(nested.checkpoint(), Err(Error::Nested)));
    let outer: &mut WriteTxn<'_> = &mut nested;
    assert!(matches!(outer.rollback(), Err(Error::Nested)));
    nested.commit()?;
    txn.commit()?;
    assert_eq!(env.items(Table::MAIN)?.len(), 1);
    Ok(())
}

#[test]
fn transactions_swapped_under_a_nested_one_can_only_be_aborted() -> Result<()> {
    let (env, other) = (TempEnv::new(), TempEnv::new());
    let (mut txn, mut foreign) = (env.write()?, other.write()?);
    foreign.put(Table::MAIN, b"foreign", b"")?;
    let mut nested = txn.nested()?;
    nested.put(Table::MAIN, b"nested", b"")?;
    std::mem::swap(&mut *nested, &mut foreign);
    nested.commit()?;
    assert!(matches!(txn.commit(), Err(Error::TxnFailed)));
    assert!(matches!(foreign.commit(), Err(Error::Nested)));
    for env in [&env, &other] {
        assert!(env.items(Table::MAIN)?.is_empty());
    }
    Ok(())
}

#[test]
fn random_nested_transactions_do_what_copies_of_a_map_do() -> Result<()> {
    let mut rng = Rng::new(71);
    let rounds = number_from_env("MDBX_MODEL_OPS", 3000) / 100;
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = env.create_table("t", PLAIN)?;
    let mut model = BTreeMap::new();
    for _ in 0..rounds.min(1000) {
        let mut txn = env.write()?;
        let mut changed = model.clone();
        change(&mut txn, table, &mut changed, &mut rng, 0)?;
        if rng.once_in(4) {
            txn.abort();
        } else {
            txn.commit()?;
            model = changed;
        }
        assert!(
            env.items(table)?.iter().eq(model
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect::<Vec<_>>()
                .iter())
        );
    }
    Ok(())
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// Changes the table at random, in nested transactions too, some of which are undone.
fn change(
    txn: &mut WriteTxn<'_>,
    table: Table,
    model: &mut Model,
    rng: &mut Rng,
    depth: usize,
) -> Result<()> {
    for _ in 0..rng.below(40) {
        let key = vec![rng.byte() % 128];
        match rng.below(8) {
            0 if depth < 4 => {
                let mut copy = model.clone();
                let mut nested = txn.nested()?;
                change(&mut nested, table, &mut copy, rng, depth + 1)?;
                if rng.once_in(2) {
                    nested.commit()?;
                    *model = copy;
                }
            }
            1 | 2 => assert_eq!(txn.delete(table, &key)?, model.remove(&key).is_some()),
            3 if rng.once_in(20) => {
                txn.clear(table)?;
                model.clear();
            }
            _ => {
                let len = if rng.once_in(6) { 700 } else { 30 };
                let value = rng.bytes(len);
                txn.put(table, &key, &value)?;
                model.insert(key, value);
            }
        }
    }
    assert!(items(&txn.table(table)?)?.into_iter().eq(model.clone()));
    Ok(())
}
