//! How long the data file is and may become.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Rng, TempEnv, assert_sound, items, page_sizes};
use mdbx_core::{Env, Error, Geometry, PageSize, Result, Table, TableFlags, Txnid};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

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

/// Returns lower and upper bound, present length, growth step and shrink threshold.
fn geometry(env: &Env) -> Result<[u64; 5]> {
    let geometry = env.geometry()?;
    assert_eq!(env.info()?.file_len, file_len(env));
    Ok([
        geometry.lower,
        geometry.upper,
        geometry.now,
        geometry.growth_step,
        geometry.shrink_threshold,
    ])
}

#[test]
fn sizes_are_rounded_up_and_what_is_not_asked_for_follows_from_the_rest() -> Result<()> {
    let odd = Geometry::default()
        .page_size(PageSize::new(1024).unwrap())
        .lower(1000)
        .now(100_000)
        .upper(10 * MIB)
        .growth_step(1)
        .shrink_threshold(1);
    let env = TempEnv::with_geometry(odd);
    assert_eq!(geometry(&env)?, [4096, 10 * MIB, 102_400, 4096, 4096]);
    let few = Geometry::default().page_size(PageSize::MIN).upper(16 * MIB);
    let env = TempEnv::with_geometry(few);
    let steps = [458_752, 917_504];
    assert_eq!(geometry(&env)?[..3], [16 * KIB, 16 * MIB, 64 * KIB]);
    assert_eq!(geometry(&env)?[3..], steps);
    Ok(())
}

#[test]
fn opening_without_a_geometry_keeps_it_and_with_a_part_of_one_takes_defaults_for_the_rest()
-> Result<()> {
    let all = Geometry::default()
        .lower(MIB)
        .now(2 * MIB)
        .upper(16 * MIB)
        .growth_step(MIB)
        .shrink_threshold(2 * MIB);
    let mut env = TempEnv::with_geometry(all);
    let given = [MIB, 16 * MIB, 2 * MIB, MIB, 2 * MIB];
    assert_eq!(geometry(&env)?, given);
    env.reopen_with(Env::options())?;
    assert_eq!(geometry(&env)?, given);
    env.reopen_with(Env::options().geometry(Geometry::default()))?;
    assert_eq!((geometry(&env)?, env.info()?.last_txnid), (given, Txnid(3)));

    let part = Env::options().geometry(Geometry::default().upper(24 * MIB));
    env.reopen_with(part)?;
    let default = [256 * KIB, 24 * MIB, 1280 * KIB, 640 * KIB, 1280 * KIB];
    assert_eq!(
        (geometry(&env)?, env.info()?.last_txnid),
        (default, Txnid(4))
    );
    env.reopen()?;
    let unchanged = (geometry(&env)?, env.info()?.last_txnid);
    assert_eq!(unchanged, (default, Txnid(4)), "there is nothing to change");
    Ok(())
}

#[test]
fn an_open_database_is_resized_at_once_and_for_good() -> Result<()> {
    let all = Geometry::default()
        .lower(MIB)
        .now(2 * MIB)
        .upper(16 * MIB)
        .growth_step(MIB)
        .shrink_threshold(2 * MIB);
    let mut env = TempEnv::with_geometry(all);
    env.put(Table::MAIN, b"key", &vec![1; 400_000])?;
    let reader = env.read_owned()?;
    let ask = Geometry::default;
    env.resize(ask().now(8 * MIB))?;
    assert_eq!(geometry(&env)?, [MIB, 16 * MIB, 8 * MIB, MIB, 2 * MIB]);
    env.resize(ask().growth_step(2 * MIB).shrink_threshold(4 * MIB))?;
    assert_eq!(geometry(&env)?, [MIB, 16 * MIB, 8 * MIB, 2 * MIB, 4 * MIB]);
    env.resize(ask().upper(12 * MIB).lower(3 * MIB).now(0))?;
    let smaller = [3 * MIB, 12 * MIB, 3 * MIB, 2 * MIB, 4 * MIB];
    assert_eq!(geometry(&env)?, smaller);
    assert_eq!(env.info()?.last_txnid, Txnid(7), "each was a commit");
    env.resize(ask().upper(12 * MIB))?;
    assert_eq!(env.info()?.last_txnid, Txnid(7), "unless nothing changed");
    assert_eq!(
        reader.get(Table::MAIN, b"key")?,
        Some(&vec![1; 400_000][..])
    );
    assert_eq!(reader.lag()?, 3);
    drop(reader);
    env.reopen_with(Env::options())?;
    assert_eq!(geometry(&env)?, smaller);
    assert_eq!(env.items(Table::MAIN)?[0].1, vec![1; 400_000]);
    Ok(())
}

#[test]
fn a_resize_that_cannot_be_changes_nothing() -> Result<()> {
    let all = Geometry::default().lower(MIB).upper(16 * MIB);
    let env = TempEnv::with_geometry(all);
    env.put(Table::MAIN, b"key", &vec![1; 1_500_000])?;
    let before = env.info()?;
    let refused = |geometry: Geometry| env.resize(geometry).unwrap_err();
    let ask = Geometry::default;
    let error = refused(ask().page_size(PageSize::MAX));
    assert!(matches!(error, Error::Geometry { .. }), "{error}");
    let error = refused(ask().lower(64 * MIB));
    assert!(matches!(error, Error::Geometry { .. }), "{error}");
    let error = refused(ask().upper(MIB));
    assert!(matches!(error, Error::MapFull { upper: MIB }), "{error}");
    let error = refused(ask().upper(1 << 30));
    let reserved = env.info()?.map_len;
    assert!(
        matches!(error, Error::AddressSpace { reserved: r } if r == reserved),
        "{error}"
    );
    let _txn = env.write()?;
    let error = refused(ask().upper(8 * MIB));
    assert!(matches!(error, Error::WriterBusy), "{error}");
    assert_eq!(env.info()?, before);
    Ok(())
}

#[test]
fn a_database_in_use_beyond_the_upper_bound_asked_for_is_not_opened_with_it() -> Result<()> {
    let mut env = TempEnv::with_geometry(Geometry::default().lower(MIB));
    env.put(Table::MAIN, b"key", &vec![1; 1_500_000])?;
    let error = env
        .reopen_with(Env::options().geometry(Geometry::default().upper(MIB)))
        .unwrap_err();
    assert!(matches!(error, Error::MapFull { upper: MIB }), "{error}");
    env.reopen_with(Env::options())?;
    assert_eq!(env.items(Table::MAIN)?.len(), 1);
    Ok(())
}

/// A database that grows and shrinks by small steps.
fn elastic(page_size: PageSize) -> Result<(TempEnv, Table)> {
    let geometry = Geometry::default()
        .page_size(page_size)
        .lower(256 * KIB)
        .upper(64 * MIB)
        .growth_step(256 * KIB)
        .shrink_threshold(512 * KIB);
    let env = TempEnv::with_geometry(geometry);
    let table = env.create_table("t", TableFlags::empty())?;
    Ok((env, table))
}

/// Puts `count` values of 2500 bytes.
fn put_many(env: &Env, table: Table, count: u32) -> Result<()> {
    let mut txn = env.write()?;
    for n in 0..count {
        txn.put(table, &n.to_be_bytes(), &[n.to_le_bytes()[0]; 2500])?;
    }
    txn.commit()?;
    Ok(())
}

/// Deletes the keys from `from` on, and commits a few times more, so that what is left moves away from the end.
fn delete_from(env: &Env, table: Table, from: u32) -> Result<()> {
    let mut txn = env.write()?;
    let keys = items(&txn.table(table)?)?.into_iter().map(|(key, _)| key);
    for key in keys.filter(|key| key[..] >= from.to_be_bytes()[..]) {
        txn.delete(table, &key)?;
    }
    txn.commit()?;
    for n in 0..7_u32 {
        put_many(env, table, from)?;
        let mut txn = env.write()?;
        txn.put(Table::MAIN, b"counter", &n.to_be_bytes())?;
        txn.commit()?;
        assert_sound(&env.read()?);
    }
    Ok(())
}

#[test]
fn a_file_grows_with_its_content_and_shrinks_after_it_is_deleted() -> Result<()> {
    for page_size in [256, 4096, 65536].map(|bytes| PageSize::new(bytes).unwrap()) {
        let (mut env, table) = elastic(page_size)?;
        let mut most = 0;
        for count in [400, 800, 1200] {
            put_many(&env, table, count)?;
            let len = file_len(&env);
            assert!(len > most && len > u64::from(count) * 2500, "{len} bytes");
            assert_eq!((len % (256 * KIB), env.info()?.file_len), (0, len));
            most = len;
        }
        delete_from(&env, table, 100)?;
        let info = env.info()?;
        let used = u64::from(info.allocated_pages) * page_size.bytes() as u64;
        assert!(
            file_len(&env) < most / 2,
            "{page_size} {info:?} {} of {most}",
            file_len(&env)
        );
        assert!(file_len(&env) <= used + 512 * KIB, "{used} bytes are used");
        assert_eq!(info.geometry.now, file_len(&env));
        env.reopen_with(Env::options())?;
        assert_eq!(env.info()?, info);
        let table = env.read()?.open_table("t")?;
        assert_eq!(env.items(table)?.len(), 100);
        put_many(&env, table, 1200)?;
        assert_eq!(env.items(table)?.len(), 1200);
    }
    Ok(())
}

#[test]
fn a_file_is_not_cut_where_an_old_reader_needs_it() -> Result<()> {
    let (env, table) = elastic(PageSize::DEFAULT)?;
    put_many(&env, table, 1000)?;
    let (grown, reader) = (file_len(&env), env.read_owned()?);
    let seen = items(&reader.table(table)?)?;
    delete_from(&env, table, 0)?;
    assert!(file_len(&env) >= grown);
    assert_eq!(items(&reader.table(table)?)?, seen);
    let parked = reader.park();
    delete_from(&env, table, 0)?;
    assert!(file_len(&env) >= grown, "a parked one is no other");
    assert_eq!(items(&parked.unpark()?.table(table)?)?, seen);
    delete_from(&env, table, 0)?;
    assert!(file_len(&env) < grown / 2, "{}", file_len(&env));
    Ok(())
}

#[test]
fn a_file_without_a_threshold_does_not_shrink() -> Result<()> {
    let (env, table) = elastic(PageSize::DEFAULT)?;
    env.resize(Geometry::default().shrink_threshold(0))?;
    put_many(&env, table, 1000)?;
    let grown = file_len(&env);
    delete_from(&env, table, 0)?;
    assert_eq!(file_len(&env), grown);
    env.resize(Geometry::default().shrink_threshold(512 * KIB))?;
    delete_from(&env, table, 0)?;
    assert!(file_len(&env) < grown / 2, "{}", file_len(&env));
    Ok(())
}

#[test]
fn readers_that_come_and_go_see_whole_snapshots_while_the_file_grows_and_shrinks() -> Result<()> {
    let (env, table) = elastic(PageSize::new(1024).unwrap())?;
    let done = AtomicBool::new(false);
    let mut longest = 0;
    std::thread::scope(|scope| -> Result<()> {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut txn = env.read().unwrap();
                while !done.load(Ordering::Relaxed) {
                    for (key, value) in items(&txn.table(table).unwrap()).unwrap() {
                        assert!(value == [key[3]; 2500]);
                    }
                    txn.refresh().unwrap();
                    txn = txn.try_clone().unwrap().reset().renew().unwrap();
                }
            });
        }
        for _ in 0..5 {
            put_many(&env, table, 700)?;
            longest = longest.max(file_len(&env));
            delete_from(&env, table, 10)?;
            assert_eq!(file_len(&env) % 4096, 0, "it has whole system pages");
        }
        done.store(true, Ordering::Relaxed);
        Ok(())
    })?;
    // It is tried again after as many commits as it was in vain.
    for _ in 0..20 {
        if file_len(&env) >= longest / 2 {
            delete_from(&env, table, 10)?;
        }
    }
    assert!(
        file_len(&env) < longest / 2,
        "{} of {longest}",
        file_len(&env)
    );
    Ok(())
}
