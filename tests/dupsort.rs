//! Keys with several values: in one node, on a sub-page, in a nested tree, and the steps between.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::collections::BTreeSet;

use common::{Rng, TempEnv, dups, owned, page_sizes};
use mdbx_core::{
    Error, PageSize, Result, Table, TableFlags, max_key_len_dup_sort, max_value_len_dup_sort,
};

const DUPS: TableFlags = TableFlags::DUP_SORT;

fn value(n: usize) -> Vec<u8> {
    format!("value {n:05}").into_bytes()
}

/// Stores values `0..count` under `key`, and returns them.
fn fill(env: &TempEnv, table: Table, key: &[u8], count: usize) -> Result<Vec<Vec<u8>>> {
    let mut txn = env.write()?;
    for n in 0..count {
        txn.put(table, key, &value(n))?;
    }
    txn.commit()?;
    Ok((0..count).map(value).collect())
}

#[test]
fn the_values_of_a_key_are_a_sorted_set() -> Result<()> {
    let env = TempEnv::new();
    let mut txn = env.write()?;
    let table = txn.create_table("t", DUPS)?;
    for value in [&b"b"[..], b"", b"c", b"a", b"b", b"ab"] {
        txn.put(table, b"key", value)?;
    }
    assert_eq!(
        dups(&txn.table(table)?, b"key")?,
        [&b""[..], b"a", b"ab", b"b", b"c"]
    );
    assert_eq!(
        txn.table(table)?.len(),
        5,
        "each value counts, the same one once"
    );
    assert_eq!(
        txn.table(table)?.get_with_count(b"key")?,
        Some((&b""[..], 5))
    );
    assert_eq!(txn.get(table, b"key")?, Some(&b""[..]), "the first value");
    assert!(
        txn.table(table)?.contains_dup(b"key", b"ab")?
            && !txn.table(table)?.contains_dup(b"key", b"aa")?
    );
    assert!(!txn.table(table)?.contains_dup(b"other", b"a")?);
    assert!(
        matches!(txn.insert(table, b"key", b"zz"), Err(Error::KeyExists)),
        "whatever the value"
    );
    txn.insert(table, b"other", b"x")?;
    txn.commit()?;
    assert_eq!(env.read()?.table(table)?.get_with_count(b"none")?, None);
    Ok(())
}

#[test]
fn a_value_that_is_there_already_or_not_there_to_delete_changes_nothing() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = env.create_table("t", DUPS)?;
    for (key, count) in [(&b"one"[..], 1), (b"few", 4), (b"many", 500)] {
        let values = fill(&env, table, key, count)?;
        let before = env.info()?;
        let mut txn = env.write()?;
        txn.put(table, key, &values[count / 2])?;
        assert!(!txn.delete_dup(table, key, b"absent")?);
        assert_eq!(
            txn.commit()?,
            before.last_txnid,
            "there is nothing to commit"
        );
        assert_eq!(env.info()?, before);
        env.put(table, b"other", &count.to_be_bytes())?;
        assert_eq!(dups(&env.read()?.table(table)?, key)?, values);
    }
    Ok(())
}

#[test]
fn delete_takes_all_values_and_delete_dup_takes_one() -> Result<()> {
    let env = TempEnv::new();
    let table = env.create_table("t", DUPS)?;
    for (key, values) in [(b"20", &b"135"[..]), (b"30", b"2")] {
        for value in values.chunks(1) {
            env.put(table, key, value)?;
        }
    }
    let mut txn = env.write()?;
    assert!(!txn.delete_dup(table, b"20", b"2")? && !txn.delete_dup(table, b"25", b"1")?);
    assert!(!txn.delete_dup(table, b"30", b"1")?);
    assert!(txn.delete_dup(table, b"20", b"3")?);
    assert_eq!(dups(&txn.table(table)?, b"20")?, [b"1", b"5"]);
    assert!(txn.delete_dup(table, b"30", b"2")?);
    assert!(
        !txn.table(table)?.contains(b"30")?,
        "without its last value the key is gone"
    );
    assert!(txn.delete(table, b"20")? && !txn.delete(table, b"20")?);
    assert!(txn.table(table)?.is_empty());
    txn.commit()?;
    Ok(())
}

#[test]
fn values_move_to_a_tree_of_their_own_and_back_as_they_grow_and_shrink() -> Result<()> {
    for page_size in [256, 1024, 4096].map(|bytes| PageSize::new(bytes).unwrap()) {
        let env = TempEnv::with_page_size(page_size);
        let table = env.create_table("t", DUPS)?;
        env.put(table, b"before", b"1")?;
        env.put(table, b"zebra", b"2")?;
        let single_leaf = env.read()?.table(table)?.stat();
        let values = fill(&env, table, b"key", 2000)?;
        let txn = env.read()?;
        let stat = txn.table(table)?.stat();
        assert_eq!(
            stat.height, single_leaf.height,
            "the values are not in the table's own leaves"
        );
        assert!(stat.branch_pages > 0 && stat.leaf_pages > 5, "{stat:?}");
        assert_eq!(dups(&txn.table(table)?, b"key")?, values);
        assert_eq!(
            txn.table(table)?.get_with_count(b"key")?,
            Some((&value(0)[..], 2000))
        );
        assert!(txn.table(table)?.contains_dup(b"key", &value(1234))?);
        assert!(!txn.table(table)?.contains_dup(b"key", b"value 012345")?);
        drop(txn);

        let mut left: Vec<usize> = (0..2000).collect();
        let mut rng = Rng::new(43);
        while !left.is_empty() {
            let mut txn = env.write()?;
            for _ in 0..200.min(left.len() - usize::from(left.len() > 1)) {
                let gone = left.swap_remove(rng.below(left.len()));
                assert!(txn.delete_dup(table, b"key", &value(gone))?);
            }
            let mut expected: Vec<_> = left.iter().map(|&n| value(n)).collect();
            expected.sort();
            assert_eq!(dups(&txn.table(table)?, b"key")?, expected);
            txn.commit()?;
            common::assert_sound(&env.read()?);
        }
        let stat = env.read()?.table(table)?.stat();
        assert_eq!(
            (stat.branch_pages, stat.leaf_pages),
            (single_leaf.branch_pages, single_leaf.leaf_pages)
        );
        assert_eq!(
            env.items(table)?,
            owned(&[(b"before", b"1"), (b"zebra", b"2")])
        );
    }
    Ok(())
}

#[test]
fn values_come_from_both_ends_and_meet() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = env.create_table("t", DUPS)?;
    let mut rng = Rng::new(47);
    for (key, count) in [(&b"none"[..], 0), (b"one", 1), (b"few", 4), (b"many", 500)] {
        let values = fill(&env, table, key, count)?;
        let txn = env.read()?;
        let table = txn.table(table)?;
        assert_eq!(dups(&table, key)?, values);
        let back: Vec<_> = table.dups(key)?.rev().collect::<Result<_>>()?;
        assert!(back.into_iter().eq(values.iter().rev()));
        let mut from_both = table.dups(key)?;
        assert_eq!(from_both.size_hint().1, Some(count));
        let mut left = values.as_slice();
        while let [first, rest @ ..] = left {
            if rng.once_in(2) {
                left = rest;
                assert_eq!(from_both.next().unwrap()?, first);
            } else {
                let (last, rest) = left.split_last().unwrap();
                left = rest;
                assert_eq!(from_both.next_back().unwrap()?, last);
            }
        }
        assert!(from_both.next().is_none() && from_both.next_back().is_none());
    }
    Ok(())
}

#[test]
fn a_key_with_a_nested_tree_is_deleted_with_all_its_pages() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = env.create_table("t", DUPS)?;
    env.put(table, b"a", b"1")?;
    fill(&env, table, b"key", 1000)?;
    let mut txn = env.write()?;
    assert!(txn.delete(table, b"key")?);
    let stat = txn.table(table)?.stat();
    assert_eq!((stat.items, stat.branch_pages, stat.leaf_pages), (1, 0, 1));
    txn.commit()?;
    Ok(())
}

#[test]
fn the_longest_keys_and_values_fit_at_every_page_size() -> Result<()> {
    for page_size in page_sizes() {
        let env = TempEnv::with_page_size(page_size);
        let table = env.create_table("t", DUPS)?;
        let (key_max, value_max) = (
            max_key_len_dup_sort(page_size),
            max_value_len_dup_sort(page_size),
        );
        let mut rng = Rng::new(53);
        let mut model = BTreeSet::new();
        let mut txn = env.write()?;
        for round in 0..60_u8 {
            let key = vec![round % 5; key_max - usize::from(round % 5)];
            let value = rng.bytes(value_max - usize::from(round % 2));
            txn.put(table, &key, &value)?;
            model.insert((key, value));
        }
        let error = txn.put(table, &vec![1; key_max + 1], b"").unwrap_err();
        assert!(
            matches!(error, Error::KeyTooLong { len, max } if len == key_max + 1 && max == key_max),
            "{error}"
        );
        let error = txn.put(table, b"key", &vec![1; value_max + 1]).unwrap_err();
        assert!(
            matches!(error, Error::ValueTooLong { len, max } if len == value_max + 1 && max == value_max),
            "{error}"
        );
        assert!(!txn.delete_dup(table, &vec![0; key_max], &vec![1; value_max + 1])?);
        assert!(
            !txn.table(table)?
                .contains_dup(&vec![0; key_max], &vec![1; value_max + 1])?
        );
        txn.commit()?;
        assert!(env.items(table)?.iter().eq(model.iter()));

        let mut txn = env.write()?;
        for (key, value) in model.iter().step_by(2) {
            assert!(txn.delete_dup(table, key, value)?);
        }
        txn.commit()?;
        assert!(env.items(table)?.iter().eq(model.iter().skip(1).step_by(2)));
    }
    Ok(())
}

#[test]
fn a_single_value_that_does_not_fit_beside_its_key_has_a_tree_of_its_own() -> Result<()> {
    for page_size in page_sizes() {
        let env = TempEnv::with_page_size(page_size);
        let table = env.create_table("t", DUPS)?;
        let key = vec![b'k'; max_key_len_dup_sort(page_size)];
        let value = vec![b'v'; max_value_len_dup_sort(page_size)];
        env.put(table, &key, &value)?;
        let txn = env.read()?;
        let stat = txn.table(table)?.stat();
        assert_eq!(
            (stat.items, stat.leaf_pages, stat.large_pages),
            (1, 2, 0),
            "{page_size}"
        );
        assert_eq!(
            txn.table(table)?.get_with_count(&key)?,
            Some((&value[..], 1))
        );
        assert!(txn.table(table)?.contains_dup(&key, &value)?);
        drop(txn);
        env.put(table, &key, b"small")?;
        let mut txn = env.write()?;
        assert!(txn.delete_dup(table, &key, &value)?);
        txn.put(table, &key, &value)?;
        assert!(txn.delete_dup(table, &key, b"small")?);
        txn.commit()?;
        assert_eq!(env.items(table)?, [(key, value)]);
    }
    Ok(())
}

#[test]
fn few_keys_with_very_many_values_are_read_in_order() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = env.create_table("t", DUPS)?;
    let mut rng = Rng::new(59);
    let mut model = BTreeSet::new();
    let mut txn = env.write()?;
    for _ in 0..4000 {
        let (key, value_len) = (vec![b'a' + rng.byte() % 12], rng.below(12));
        let value = rng.bytes(value_len);
        txn.put(table, &key, &value)?;
        model.insert((key, value));
    }
    txn.commit()?;
    assert!(env.items(table)?.iter().eq(model.iter()));
    Ok(())
}
