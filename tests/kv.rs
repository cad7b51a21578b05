//! Keys with one value: put, get, insert, delete, and the limits of their lengths.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::collections::BTreeMap;

use common::{Rng, TempEnv, items, owned, page_sizes};
use mdbx_core::{Error, PageSize, Result, Table, TableFlags, max_key_len};

const PLAIN: TableFlags = TableFlags::empty();

/// Returns the longest value that stays in its leaf beside a key of `key_len` bytes.
fn longest_inline(page_size: PageSize, key_len: usize) -> usize {
    let node_max = (((page_size.bytes() - 20) / 2) & !1) - 2;
    node_max - 8 - key_len
}

/// Returns how many pages of their own hold a value.
fn large_pages(page_size: PageSize, value_len: usize) -> u32 {
    u32::try_from((value_len + 20).div_ceil(page_size.bytes())).unwrap()
}

#[test]
fn what_was_put_is_got_until_it_is_replaced_or_deleted() -> Result<()> {
    let env = TempEnv::new();
    let mut txn = env.write()?;
    let table = txn.create_table("t", PLAIN)?;
    assert_eq!(txn.get(table, b"key")?, None);
    txn.put(table, b"key", b"one")?;
    assert_eq!(
        txn.get(table, b"key")?,
        Some(&b"one"[..]),
        "a writer sees its own changes"
    );
    assert_eq!(env.read()?.tables()?, [], "nobody else does");
    txn.put(table, b"key", b"another")?;
    txn.put(table, b"kex", b"before")?;
    txn.commit()?;

    let txn = env.read()?;
    assert_eq!(txn.get(table, b"key")?, Some(&b"another"[..]));
    assert_eq!(txn.get(table, b"ke")?, None);
    assert_eq!(txn.table(table)?.len(), 2);
    assert!(txn.table(table)?.contains(b"kex")? && !txn.table(table)?.contains(b"kez")?);
    drop(txn);

    let mut txn = env.write()?;
    assert!(txn.delete(table, b"key")?);
    assert!(!txn.delete(table, b"key")?);
    assert!(!txn.delete_dup(table, b"kex", b"not this")?);
    assert!(txn.delete_dup(table, b"kex", b"before")?);
    assert!(txn.table(table)?.is_empty());
    txn.commit()?;
    assert_eq!(env.items(table)?, []);
    Ok(())
}

#[test]
fn insert_refuses_a_key_that_is_there() -> Result<()> {
    let env = TempEnv::new();
    let mut txn = env.write()?;
    txn.insert(Table::MAIN, b"key", b"first")?;
    assert!(matches!(
        txn.insert(Table::MAIN, b"key", b"second"),
        Err(Error::KeyExists)
    ));
    txn.commit()?;
    assert_eq!(env.items(Table::MAIN)?, owned(&[(b"key", b"first")]));
    Ok(())
}

#[test]
fn keys_and_values_may_be_empty() -> Result<()> {
    let env = TempEnv::new();
    env.put(Table::MAIN, b"", b"")?;
    env.put(Table::MAIN, b"\0", b"")?;
    assert_eq!(env.items(Table::MAIN)?, owned(&[(b"", b""), (b"\0", b"")]));
    assert_eq!(env.read()?.get(Table::MAIN, b"")?, Some(&b""[..]));
    let mut txn = env.write()?;
    assert!(txn.delete(Table::MAIN, b"")?);
    txn.commit()?;
    assert_eq!(env.items(Table::MAIN)?, owned(&[(b"\0", b"")]));
    Ok(())
}

#[test]
fn an_aborted_transaction_leaves_no_trace() -> Result<()> {
    let env = TempEnv::new();
    env.put(Table::MAIN, b"key", b"value")?;
    let before = env.info()?;
    let mut txn = env.write()?;
    txn.put(Table::MAIN, b"key", b"other")?;
    txn.put(Table::MAIN, b"large", &vec![7; 100_000])?;
    txn.abort();
    let mut txn = env.write()?;
    txn.delete(Table::MAIN, b"key")?;
    drop(txn);
    assert_eq!(env.info()?, before);
    assert_eq!(env.items(Table::MAIN)?, owned(&[(b"key", b"value")]));
    Ok(())
}

#[test]
fn a_commit_without_changes_makes_no_snapshot() -> Result<()> {
    let env = TempEnv::new();
    env.put(Table::MAIN, b"key", b"value")?;
    let before = env.info()?;
    let mut txn = env.write()?;
    assert!(!txn.delete(Table::MAIN, b"absent")?);
    assert!(matches!(
        txn.insert(Table::MAIN, b"key", b""),
        Err(Error::KeyExists)
    ));
    assert_eq!(txn.commit()?, before.last_txnid);
    assert_eq!(env.info()?, before);
    Ok(())
}

#[test]
fn keys_up_to_the_limit_of_the_page_size_are_taken_and_longer_ones_refused() -> Result<()> {
    for page_size in page_sizes() {
        let env = TempEnv::with_page_size(page_size);
        let max = max_key_len(page_size);
        let mut rng = Rng::new(17);
        let mut model = BTreeMap::new();
        let mut txn = env.write()?;
        let table = txn.create_table("t", PLAIN)?;
        for round in 0..60_u8 {
            let mut key = rng.bytes(max - usize::from(round % 3));
            key[..max / 2].fill(b'=');
            txn.put(table, &key, &[round])?;
            model.insert(key, vec![round]);
        }
        let too_long = vec![1; max + 1];
        let error = txn.put(table, &too_long, b"").unwrap_err();
        assert!(
            matches!(error, Error::KeyTooLong { len, max: m } if len == max + 1 && m == max),
            "{error}"
        );
        assert_eq!(
            txn.get(table, &too_long)?,
            None,
            "reading with such a key is no error"
        );
        assert!(!txn.delete(table, &too_long)?);
        assert_eq!(
            items(&txn.table(table)?)?,
            model.clone().into_iter().collect::<Vec<_>>()
        );
        txn.commit()?;

        let mut txn = env.write()?;
        for key in model.keys().step_by(2) {
            assert!(txn.delete(table, key)?);
        }
        txn.commit()?;
        let left: Vec<_> = model.into_iter().skip(1).step_by(2).collect();
        assert_eq!(env.items(table)?, left);
    }
    Ok(())
}

#[test]
fn a_value_beyond_two_gibibytes_is_refused_and_changes_nothing() -> Result<()> {
    const MAX: usize = 0x7FF0_0000;
    let env = TempEnv::new();
    env.put(Table::MAIN, b"key", b"value")?;
    let mut txn = env.write()?;
    let value = vec![0; MAX + 1]; // never touched, so it takes no memory
    let error = txn.put(Table::MAIN, b"key", &value).unwrap_err();
    assert!(
        matches!(error, Error::ValueTooLong { len, max: MAX } if len == MAX + 1),
        "{error}"
    );
    assert_eq!(txn.get(Table::MAIN, b"key")?, Some(&b"value"[..]));
    txn.commit()?;
    Ok(())
}

#[test]
fn a_value_leaves_its_leaf_just_where_the_format_says() -> Result<()> {
    for page_size in page_sizes() {
        let env = TempEnv::with_page_size(page_size);
        for key in [&b"k"[..], b"ke"] {
            let edge = longest_inline(page_size, key.len());
            for (len, large) in [
                (edge - 1, false),
                (edge, false),
                (edge + 1, true),
                (edge + 2, true),
            ] {
                let value = vec![b'v'; len];
                env.put(Table::MAIN, key, &value)?;
                let txn = env.read()?;
                let expected = if large {
                    large_pages(page_size, len)
                } else {
                    0
                };
                assert_eq!(
                    txn.table(Table::MAIN)?.stat().large_pages,
                    expected,
                    "{len} bytes, pages of {page_size}"
                );
                assert_eq!(txn.get(Table::MAIN, key)?, Some(&value[..]));
            }
            let mut txn = env.write()?;
            assert!(txn.delete(Table::MAIN, key)?);
            txn.commit()?;
        }
    }
    Ok(())
}

#[test]
fn large_values_fill_exactly_the_pages_they_need() -> Result<()> {
    for page_size in [256, 1024, 4096, 65536].map(|bytes| PageSize::new(bytes).unwrap()) {
        let env = TempEnv::with_page_size(page_size);
        let mut rng = Rng::new(3);
        let mut model = BTreeMap::new();
        let mut txn = env.write()?;
        for pages in [1, 2, 3, 7] {
            for len in [
                pages * page_size.bytes() - 21,
                pages * page_size.bytes() - 20,
                pages * page_size.bytes() - 19,
            ] {
                let (key, value) = (len.to_be_bytes().to_vec(), rng.bytes(len));
                txn.put(Table::MAIN, &key, &value)?;
                model.insert(key, value);
            }
        }
        txn.commit()?;
        let txn = env.read()?;
        let expected: u32 = model
            .values()
            .map(|value| large_pages(page_size, value.len()))
            .sum();
        assert_eq!(txn.table(Table::MAIN)?.stat().large_pages, expected);
        assert_eq!(
            items(&txn.table(Table::MAIN)?)?,
            model.into_iter().collect::<Vec<_>>()
        );
    }
    Ok(())
}

#[test]
fn a_large_value_becomes_small_and_large_again_and_its_pages_are_used_again() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let large = vec![b'L'; 20_000];
    let mut allocated = Vec::new();
    for round in 0..20_u8 {
        let mut txn = env.write()?;
        txn.put(Table::MAIN, b"key", &large)?;
        txn.put(Table::MAIN, b"key", &vec![round; 19_000])?;
        assert_eq!(
            txn.get(Table::MAIN, b"key")?,
            Some(&vec![round; 19_000][..])
        );
        txn.put(Table::MAIN, b"key", b"small")?;
        txn.put(Table::MAIN, b"key", &large)?;
        txn.commit()?;
        assert_eq!(env.read()?.get(Table::MAIN, b"key")?, Some(&large[..]));
        env.put(Table::MAIN, b"key", b"small")?;
        let txn = env.read()?;
        assert_eq!(txn.get(Table::MAIN, b"key")?, Some(&b"small"[..]));
        assert_eq!(txn.table(Table::MAIN)?.stat().large_pages, 0);
        drop(txn);
        allocated.push(env.info()?.allocated_pages);
    }
    // A snapshot, the one before it, and four runs in between, each of some 80 pages.
    assert!(
        allocated.iter().all(|&pages| pages < 6 * 80),
        "{allocated:?}"
    );
    Ok(())
}

#[test]
fn keys_in_any_order_build_a_tree_and_take_it_down_again() -> Result<()> {
    let keys: Vec<Vec<u8>> = (0..3000_u32)
        .map(|n| format!("{n:06}").into_bytes())
        .collect();
    let mut shuffled = keys.clone();
    let mut rng = Rng::new(11);
    for i in (1..shuffled.len()).rev() {
        shuffled.swap(i, rng.below(i + 1));
    }
    let ascending = keys.clone();
    let descending: Vec<_> = keys.iter().rev().cloned().collect();
    let env = TempEnv::with_page_size(PageSize::MIN);
    for (put_order, delete_order) in [
        (&ascending, &shuffled),
        (&descending, &ascending),
        (&shuffled, &descending),
    ] {
        let mut txn = env.write()?;
        for key in put_order {
            txn.insert(Table::MAIN, key, key)?;
        }
        txn.commit()?;
        let txn = env.read()?;
        let stat = txn.table(Table::MAIN)?.stat();
        assert!(stat.items == 3000 && stat.height >= 3, "{stat:?}");
        assert!(
            txn.table(Table::MAIN)?
                .iter()
                .zip(&keys)
                .all(|(item, key)| item.is_ok_and(|(k, _)| k == key))
        );
        drop(txn);
        let mut txn = env.write()?;
        for key in delete_order {
            assert!(txn.delete(Table::MAIN, key)?);
        }
        let stat = txn.table(Table::MAIN)?.stat();
        assert_eq!(
            (stat.items, stat.height, stat.branch_pages, stat.leaf_pages),
            (0, 0, 0, 0)
        );
        txn.commit()?;
    }
    Ok(())
}

#[test]
fn keys_in_order_fill_their_leaves() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let mut txn = env.write()?;
    for n in 0..1000_u32 {
        txn.put(Table::MAIN, &n.to_be_bytes(), b"")?;
    }
    // 236 bytes hold 16 nodes of 12 bytes with their entries.
    assert_eq!(
        txn.table(Table::MAIN)?.stat().leaf_pages,
        1000_u32.div_ceil(16)
    );
    txn.commit()?;
    Ok(())
}

#[test]
fn one_write_transaction_runs_at_a_time() -> Result<()> {
    let env = TempEnv::new();
    let txn = env.write()?;
    assert!(
        matches!(env.write(), Err(Error::WriterBusy)),
        "waiting for itself would be for ever"
    );
    assert!(matches!(env.try_write(), Err(Error::WriterBusy)));
    std::thread::scope(|scope| {
        let other = scope.spawn(|| matches!(env.try_write(), Err(Error::WriterBusy)));
        assert!(other.join().unwrap());
        let waiting = scope.spawn(|| env.put(Table::MAIN, b"key", b"later"));
        drop(txn);
        waiting.join().unwrap()
    })?;
    assert!(env.try_write().is_ok());
    assert_eq!(env.items(Table::MAIN)?, owned(&[(b"key", b"later")]));
    Ok(())
}
