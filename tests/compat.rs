//! Files of libmdbx read the same here, and can be changed here.
//!
//! `golden/` holds files that libmdbx has written, each with the text of what is in it. The independent reader that
//! `MDBX_INSPECT` names, if it is set, looks at every file that any of the tests has written.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::kinds::{FLAGS, Kind};
use common::{Items, Rng, TempEnv, assert_sound, dump, items};
use mdbx_core::{
    Env, Error, Geometry, PageSize, Result, Table, TableFlags, max_value_len_dup_sort,
};

/// The names of the golden files, each with the number of bytes of its pages.
const GOLDEN: [&str; 25] = [
    "bigfoot-256",
    "dupbig-1024",
    "dupfix-1024",
    "dupnest-512",
    "dupsub-4096",
    "empty-256",
    "empty-4096",
    "gcrecords-512",
    "intdup-1024",
    "intkey-1024",
    "keylens-1024",
    "large-1024",
    "maindup-512",
    "mix-2048-v013",
    "plain-256",
    "plain-4096",
    "ps16384",
    "ps65536",
    "revdup-512",
    "revkey-512",
    "steps-4096",
    "tables-1024",
    "weak-1024",
    "writemap-1024",
    "writemap-lifo-1024",
];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

fn golden_dump(name: &str) -> String {
    std::fs::read_to_string(golden(&format!("{name}.dump"))).unwrap()
}

fn open_golden(name: &str) -> Result<TempEnv> {
    TempEnv::copy_of(&golden(&format!("{name}.mdbx")))
}

/// Opens a copy that has room to grow.
fn open_golden_to_change(name: &str) -> Result<TempEnv> {
    let mut env = open_golden(name)?;
    env.reopen_with(
        Env::options().geometry(Geometry::default().upper(1 << 26).growth_step(1 << 16)),
    )?;
    Ok(env)
}

/// Returns the handles of all tables, the main one included.
fn tables(env: &TempEnv) -> Result<Vec<(Table, TableFlags)>> {
    let txn = env.read()?;
    let named = txn
        .tables()?
        .into_iter()
        .map(|(name, flags)| Ok((txn.open_table(&name)?, flags)));
    let main = txn.table(Table::MAIN)?.flags();
    named.chain([Ok((Table::MAIN, main))]).collect()
}

#[test]
fn golden_files_hold_what_their_dumps_say() -> Result<()> {
    for name in GOLDEN {
        let env = open_golden(name)?;
        let txn = env.read()?;
        assert_eq!(dump(&txn)?, golden_dump(name), "{name}");
        assert_sound(&txn);
    }
    Ok(())
}

#[test]
fn opening_and_closing_a_file_changes_nothing_in_it() -> Result<()> {
    for name in GOLDEN {
        let mut env = open_golden(name)?;
        let info = env.info()?;
        env.write()?.commit()?;
        env.reopen()?;
        assert_eq!(env.info()?, info, "{name}");
        assert_eq!(dump(&env.read()?)?, golden_dump(name), "{name}");
    }
    Ok(())
}

#[test]
fn commits_that_another_boot_left_weak_are_rolled_back() -> Result<()> {
    let recent = golden_dump("weak-1024.recent");
    let steady = golden_dump("weak-1024");
    assert_ne!(recent, steady);
    let mut env = open_golden("weak-1024")?;
    assert_eq!(dump(&env.read()?)?, steady);
    let rolled_back_to = env.info()?.last_txnid;
    env.put(Table::MAIN, b"after", b"the roll-back")?;
    assert_eq!(
        env.info()?.last_txnid.0,
        rolled_back_to.0 + 1,
        "the ids of what was lost are used again"
    );
    env.reopen()?;
    assert_eq!(
        env.read()?.get(Table::MAIN, b"after")?,
        Some(&b"the roll-back"[..])
    );
    Ok(())
}

/// Returns a random item that a table of such a kind takes. Where it may, it is long.
fn random_item(kind: &Kind, page_size: PageSize, rng: &mut Rng) -> (Vec<u8>, Vec<u8>) {
    let most_of_key = kind.flags.max_key_len(page_size);
    let key_len = kind.key_len.unwrap_or_else(|| rng.below(most_of_key + 1));
    let most_of_value = if kind.has_dups() {
        max_value_len_dup_sort(page_size)
    } else {
        2 * page_size.bytes()
    };
    let most = if rng.once_in(5) { most_of_value } else { 20 };
    let value_len = kind.value_len.unwrap_or_else(|| rng.below(most + 1));
    (rng.bytes(key_len), rng.bytes(value_len))
}

/// Puts and deletes at random in a table, and returns what it holds then.
fn churn(env: &TempEnv, table: Table, flags: TableFlags, rng: &mut Rng) -> Result<Items> {
    let page_size = env.info()?.page_size;
    let before = items(&env.read()?.table(table)?)?;
    let kind = Kind::of(flags, &before);
    let mut txn = env.write()?;
    for (key, value) in before.iter().filter(|_| rng.once_in(3)) {
        match txn.delete_dup(table, key, value) {
            Ok(deleted) => assert!(deleted),
            Err(Error::Incompatible { .. }) => {
                assert!(table == Table::MAIN, "the record of a table");
            }
            Err(error) => return Err(error),
        }
    }
    for _ in 0..40 {
        let (mut key, value) = random_item(&kind, page_size, rng);
        if kind.has_dups() && !before.is_empty() && rng.once_in(2) {
            key.clone_from(&rng.pick(&before).0);
        }
        txn.put(table, &key, &value)?;
    }
    let after = items(&txn.table(table)?)?;
    txn.commit()?;
    Ok(after)
}

#[test]
fn golden_files_stay_sound_when_they_are_changed() -> Result<()> {
    let mut rng = Rng::new(73);
    for name in GOLDEN {
        let mut env = open_golden_to_change(name)?;
        let mut model = BTreeMap::new();
        for round in 0..6 {
            if round == 3 {
                env.reopen()?;
                model.clear(); // handles are those of one opening
            }
            for (n, (table, flags)) in tables(&env)?.into_iter().enumerate() {
                let after = churn(&env, table, flags, &mut rng)?;
                assert_sound(&env.read()?);
                model.insert(n, (table, after));
            }
            for (table, expected) in model.values().filter(|(table, _)| *table != Table::MAIN) {
                assert_eq!(env.items(*table)?, *expected, "{name}");
            }
        }
    }
    Ok(())
}

#[test]
fn everything_in_a_golden_file_can_be_deleted() -> Result<()> {
    for name in GOLDEN {
        let env = open_golden_to_change(name)?;
        let mut txn = env.write()?;
        for (table, _) in tables(&env)? {
            if table != Table::MAIN {
                txn.drop_table(table)?;
            }
        }
        let left = txn.tables()?.len();
        if left == 0 {
            txn.clear(Table::MAIN)?;
        }
        txn.commit()?;
        let txn = env.read()?;
        assert_sound(&txn);
        assert_eq!(txn.table(Table::MAIN)?.is_empty(), left == 0, "{name}");
    }
    Ok(())
}

#[test]
fn every_item_of_a_golden_file_can_be_looked_up() -> Result<()> {
    let mut met = TableFlags::empty();
    for name in GOLDEN {
        let env = open_golden(name)?;
        let txn = env.read()?;
        for (table, flags) in tables(&env)? {
            met = met | flags;
            let table = txn.table(table)?;
            for (key, value) in items(&table)? {
                assert_eq!(
                    table.cursor().seek(&key)?.map(|(key, _)| key),
                    Some(&key[..])
                );
                assert_eq!(
                    table.cursor().seek_dup(&key, &value)?,
                    Some((&key[..], &value[..])),
                    "{name}"
                );
                assert!(table.contains(&key)? && table.contains_dup(&key, &value)?);
            }
        }
    }
    assert!(FLAGS.into_iter().all(|flag| met.contains(flag)), "{met:?}");
    Ok(())
}
