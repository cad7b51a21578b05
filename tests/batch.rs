//! Looking for many keys at once: the same answers as one after the other.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use common::kinds::{Kind, kinds};
use common::{Rng, TempEnv};
use mdbx_core::{Env, Error, Geometry, PageSize, Result, Table, TableFlags, TableOrder};

/// Keys that are there, some that are not, and some of them twice.
fn keys(kind: &Kind, rng: &mut Rng, len: usize) -> Vec<Vec<u8>> {
    (0..len).map(|_| kind.key(rng.below(1500))).collect()
}

#[test]
fn a_batch_answers_as_one_search_after_the_other_in_every_kind_of_table() -> Result<()> {
    let mut rng = Rng::new(81);
    let env = TempEnv::with_page_size(PageSize::MIN);
    for (number, kind) in kinds(PageSize::MIN).iter().enumerate() {
        let mut txn = env.write()?;
        let table = txn.create_table(format!("table {number}"), kind.flags)?;
        for _ in 0..800 {
            let (key, value) = (rng.below(1000), rng.below(300));
            txn.put(table, &kind.key(key), &kind.value(value))?;
        }
        for len in [0, 1, 15, 16, 17, 100] {
            let keys = keys(kind, &mut rng, len);
            let one_by_one: Result<Vec<_>> = keys.iter().map(|key| txn.get(table, key)).collect();
            assert_eq!(txn.get_many(table, &keys)?, one_by_one?, "{kind:?}");
        }
        txn.commit()?;
        let txn = env.read()?;
        let keys = keys(kind, &mut rng, 200);
        let one_by_one: Result<Vec<_>> = keys.iter().map(|key| txn.get(table, key)).collect();
        assert_eq!(txn.get_many(table, &keys)?, one_by_one?, "{kind:?}");
    }
    Ok(())
}

#[test]
fn a_batch_goes_by_the_given_order() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let descending = TableOrder::new().keys(|a, b| b.cmp(a));
    let env = Env::options()
        .geometry(Geometry::default().page_size(PageSize::MIN))
        .table_order("t", descending)
        .open(directory.path().join("db"))?;
    let mut txn = env.write()?;
    let table = txn.create_table("t", TableFlags::empty())?;
    for n in 0..1000_u32 {
        txn.put(table, &(2 * n).to_be_bytes(), &n.to_be_bytes())?;
    }
    let keys: Vec<_> = (0..2000_u32).map(u32::to_be_bytes).collect();
    for (n, value) in txn.get_many(table, &keys)?.into_iter().enumerate() {
        let half = u32::try_from(n / 2).unwrap().to_be_bytes();
        assert_eq!(value, (n % 2 == 0).then_some(&half[..]));
    }
    Ok(())
}

#[test]
fn large_values_and_an_empty_table_are_no_exception() -> Result<()> {
    let env = TempEnv::new();
    let absent = env.read()?.get_many(Table::MAIN, &["a", "b"])?.len();
    assert_eq!(absent, 2);
    let large = vec![7; 100_000];
    env.put(Table::MAIN, b"large", &large)?;
    let txn = env.read()?;
    let values = txn.get_many(Table::MAIN, &["large", "none"])?;
    assert_eq!(values, [Some(&large[..]), None]);
    Ok(())
}

#[test]
fn integer_keys_of_another_length_are_refused() -> Result<()> {
    let env = TempEnv::new();
    let table = env.create_table("t", TableFlags::INTEGER_KEY)?;
    let wrong = |keys: &[&[u8]]| env.read()?.get_many(table, keys).map(|values| values.len());
    assert!(matches!(
        wrong(&[b"12345"]),
        Err(Error::KeyLen { len: 5, .. })
    ));
    assert_eq!(wrong(&[b"1234", b"12345678"])?, 2);
    env.put(table, b"1234", b"value")?;
    let other = wrong(&[b"1234", b"12345678"]);
    assert!(matches!(other, Err(Error::KeyLen { len: 8, .. })));
    Ok(())
}
