//! How long the data file is and may become.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::collections::BTreeMap;

use common::{Rng, TempEnv, assert_sound, items, page_sizes};
use mdbx_core::{Env, Error, Geometry, PageSize, Result, Table, TableFlags};

fn file_len(env: &Env) -> u64 {
    std::fs::metadata(env.path()).unwrap().len()
}

#[test]
fn a_database_has_the_page_size_asked_for_and_keeps_it() -> Result<()> {
    for page_size in page_sizes() {
        let mut env = TempEnv::with_page_size(page_size);
        assert_eq!(env.info()?.page_size, page_size);
        env.put(Table::MAIN, b"key", b"value")?;
        env.reopen_with(Env::options())?;
        assert_eq!(env.info()?.page_size, page_size);
        env.reopen_with(Env::options().geometry(Geometry::default().page_size(PageSize::DEFAULT)))?;
        assert_eq!(
            env.info()?.page_size,
            page_size,
            "another one is not asked for, it is chosen for new files"
        );
    }
    Ok(())
}

#[test]
fn a_new_file_has_its_lower_bound_and_grows_by_its_step() -> Result<()> {
    let geometry = Geometry::default()
        .lower(32 << 10)
        .upper(1 << 20)
        .growth_step(48 << 10);
    let env = TempEnv::with_geometry(geometry);
    assert_eq!(
        (
            file_len(&env),
            env.info()?.file_len,
            env.info()?.geometry.upper
        ),
        (32 << 10, 32 << 10, 1 << 20)
    );
    let mut lengths = vec![file_len(&env)];
    for n in 0..60_u32 {
        env.put(Table::MAIN, &n.to_be_bytes(), &[0; 4000])?;
        let info = env.info()?;
        assert_eq!(file_len(&env), info.file_len);
        assert!(u64::from(info.allocated_pages) * 4096 <= info.file_len);
        lengths.push(info.file_len);
    }
    lengths.dedup();
    assert!(
        lengths.len() > 3 && lengths[1..].iter().all(|len| len % (48 << 10) == 0),
        "{lengths:?}"
    );
    Ok(())
}

#[test]
fn impossible_geometries_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let open = |geometry| {
        Env::options()
            .geometry(geometry)
            .open(directory.path().join("test.mdbx"))
    };
    let error = open(Geometry::default().lower(1 << 20).upper(1 << 16)).unwrap_err();
    assert!(matches!(error, Error::Geometry { .. }), "{error}");
    let error = open(Geometry::default().page_size(PageSize::MIN).upper(1 << 40)).unwrap_err();
    assert!(
        matches!(error, Error::Geometry { .. }),
        "2^31 pages of 256 bytes are less: {error}"
    );
}

/// Puts and commits until the database is full, and returns what it holds then.
fn fill(
    env: &Env,
    table: Table,
    value_len: usize,
    rng: &mut Rng,
) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut model = BTreeMap::new();
    let puts = 1 + (1 << 12) / value_len;
    loop {
        let before = model.clone();
        let mut txn = env.write()?;
        for _ in 0..puts {
            let (key, value) = (rng.bytes(12), rng.bytes(value_len));
            if let Err(error) = txn.put(table, &key, &value) {
                assert!(
                    matches!(error, Error::MapFull { upper } if upper == env.info()?.geometry.upper),
                    "{error}"
                );
                assert_eq!(txn.get(table, &key)?, None, "a failed call changes nothing");
                assert!(items(&txn.table(table)?)?.into_iter().eq(model));
                return Ok(before);
            }
            model.insert(key, value);
        }
        if let Err(error) = txn.commit() {
            assert!(matches!(error, Error::MapFull { .. }), "{error}");
            return Ok(before);
        }
    }
}

#[test]
fn a_full_database_refuses_the_call_and_nothing_else() -> Result<()> {
    for page_size in [256, 4096].map(|bytes| PageSize::new(bytes).unwrap()) {
        for value_len in [10, 90, 3 * page_size.bytes()] {
            let geometry = Geometry::default()
                .page_size(page_size)
                .lower(1 << 16)
                .upper(1 << 18)
                .growth_step(1 << 14);
            let mut env = TempEnv::with_geometry(geometry);
            let mut rng = Rng::new(61);
            let table = env.create_table("t", TableFlags::empty())?;
            let model = fill(&env, table, value_len, &mut rng)?;
            assert!(env.items(table)?.into_iter().eq(model.clone()));
            assert!(file_len(&env) <= 1 << 18);
            assert!(
                model.len() * (12 + value_len) > 1 << 15,
                "it took {} items",
                model.len()
            );

            env.reopen_with(Env::options().geometry(Geometry::default().upper(1 << 19)))?;
            assert_eq!(env.info()?.geometry.upper, 1 << 19);
            let table = env.read()?.open_table("t")?;
            assert!(env.items(table)?.into_iter().eq(model.clone()));
            let mut txn = env.write()?;
            for n in 0..100_u32 {
                txn.put(table, &n.to_be_bytes(), &vec![1; value_len.min(1000)])?;
            }
            txn.commit()?;
            assert_eq!(env.items(table)?.len(), model.len() + 100);
        }
    }
    Ok(())
}

#[test]
fn a_full_database_is_as_before_when_the_transaction_is_aborted() -> Result<()> {
    let geometry = Geometry::default()
        .page_size(PageSize::MIN)
        .lower(1 << 15)
        .upper(1 << 15);
    let env = TempEnv::with_geometry(geometry);
    let mut rng = Rng::new(67);
    for (name, flags) in [
        ("plain", TableFlags::empty()),
        ("dups", TableFlags::DUP_SORT),
    ] {
        let table = env.create_table(name, flags)?;
        env.put(table, b"key", b"value")?;
        let (before, info) = (env.items(table)?, env.info()?);
        for _ in 0..5 {
            let mut txn = env.write()?;
            let full = loop {
                let key = vec![rng.byte() % 3];
                let value = rng.bytes(60);
                let put = if flags == TableFlags::DUP_SORT {
                    txn.put(table, &key, &value)
                } else {
                    txn.put(table, &value, &key)
                };
                if let Err(error) = put {
                    break error;
                }
            };
            assert!(matches!(full, Error::MapFull { .. }), "{full}");
            assert!(matches!(
                txn.put(table, b"large", &[0; 90]),
                Ok(()) | Err(Error::MapFull { .. })
            ));
            txn.abort();
            assert_eq!(env.items(table)?, before);
            assert_eq!(env.info()?, info);
            assert_sound(&env.read()?);
        }
        env.put(table, b"another", b"after that")?;
    }
    Ok(())
}

#[test]
fn a_commit_that_finds_no_room_leaves_the_database_as_it_was() -> Result<()> {
    let geometry = Geometry::default()
        .page_size(PageSize::MIN)
        .lower(1 << 15)
        .upper(1 << 15);
    let env = TempEnv::with_geometry(geometry);
    let table = env.create_table("t", TableFlags::empty())?;
    let mut rng = Rng::new(71);
    let (mut committed, mut refused) = (0, 0);
    for _ in 0..60 {
        let before = env.items(table)?;
        let mut txn = env.write()?;
        let most = rng.below(200);
        for _ in 0..most {
            if txn.put(table, &rng.bytes(10), &rng.bytes(30)).is_err() {
                break;
            }
        }
        let after = items(&txn.table(table)?)?;
        match txn.commit() {
            Ok(_) => {
                committed += 1;
                assert_eq!(env.items(table)?, after);
            }
            Err(Error::MapFull { .. }) => {
                refused += 1;
                assert_eq!(env.items(table)?, before);
            }
            Err(error) => return Err(error),
        }
        assert_sound(&env.read()?);
        if refused % 3 == 2 {
            let mut txn = env.write()?;
            let cleared = txn.clear(table).and_then(|()| txn.commit());
            assert!(
                matches!(cleared, Ok(_) | Err(Error::MapFull { .. })),
                "{cleared:?}"
            );
        }
    }
    assert!(committed > 3, "{committed} commits, {refused} refusals");
    Ok(())
}

#[test]
fn a_file_that_may_not_grow_is_full_at_its_present_length() -> Result<()> {
    let geometry = Geometry::default()
        .lower(1 << 16)
        .upper(1 << 20)
        .growth_step(0);
    let env = TempEnv::with_geometry(geometry);
    let mut txn = env.write()?;
    for n in 0..100_u32 {
        if txn.put(Table::MAIN, &n.to_be_bytes(), &[0; 4000]).is_err() {
            break;
        }
    }
    let error = txn.commit().unwrap_err();
    assert!(matches!(error, Error::MapFull { .. }), "{error}");
    assert_eq!(
        (file_len(&env), env.items(Table::MAIN)?.len()),
        (1 << 16, 0)
    );
    Ok(())
}
