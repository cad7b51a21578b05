//! libmdbx does not know seals: to it a sealed commit is a weak one, which it keeps in the same boot of the machine and
//! rolls back in another. The file is whole in either case.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

#[path = "../../common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use common::Rng;
use mdbx_core::{Durability, Env, Geometry, PageSize, Table};
use mdbx_oracle::c;

type Outcome<T> = Result<T, Box<dyn Error>>;
type Items = Vec<(Vec<u8>, Vec<u8>)>;

/// Where in a meta page the sign and the boot id are.
const SIGN: usize = 188;
const BOOT_ID: std::ops::Range<usize> = 212..228;

fn here(env: &Env) -> Outcome<(u64, Items)> {
    let txn = env.read()?;
    Ok((txn.id().0, common::items(&txn.table(Table::MAIN)?)?))
}

/// Copies the live file of `env`.
fn copy_of(env: &Env) -> Outcome<PathBuf> {
    let copy = env.path().with_extension("copy");
    fs::copy(env.path(), &copy)?;
    Ok(copy)
}

/// Has libmdbx open, check and change the file, and returns which commit it found and what that holds.
fn there(file: &Path) -> Outcome<(u64, Items)> {
    let env = c::Env::open(file, c::UNBOUND, None)?;
    let txn = env.read()?;
    let main = txn.main()?;
    let mut items = Items::new();
    let mut cursor = txn.cursor(main)?;
    while let Some((key, value)) = cursor.next()? {
        items.push((key.to_vec(), value.to_vec()));
    }
    drop(cursor);
    let found = (txn.id(), items);
    drop(txn);
    for round in 0_u32..3 {
        let report = env.check()?;
        assert_eq!(report.problems, 0, "{:?}", report.findings);
        let mut txn = env.write()?;
        let main = txn.main()?;
        txn.put(main, b"from libmdbx", &round.to_be_bytes())?;
        txn.commit()?;
    }
    Ok(found)
}

#[test]
fn after_a_power_cut_it_finds_the_last_steady_commit_and_otherwise_the_last() -> Outcome<()> {
    let mut rng = Rng::new(1);
    for page_size in [256, 4096, 65536] {
        let directory = tempfile::tempdir()?;
        let geometry = Geometry::default()
            .page_size(PageSize::new(page_size).unwrap())
            .growth_step(1 << 20);
        let options = Env::options().geometry(geometry);
        let options = options.durability(Durability::SingleSync);
        let env = options.open(directory.path().join("live"))?;
        let mut history = BTreeMap::from([here(&env)?]);
        let mut sealed = 0;
        for number in 0..150 {
            let mut txn = env.write()?;
            for _ in 0..=rng.below(5) {
                let key = u32::try_from(rng.below(200))?.to_be_bytes();
                if rng.once_in(4) {
                    txn.delete(Table::MAIN, &key)?;
                } else {
                    let len = rng.below(600);
                    txn.put(Table::MAIN, &key, &rng.bytes(len))?;
                }
            }
            txn.commit()?;
            if number % 40 == 7 {
                env.sync()?;
            }
            let newest = here(&env)?;
            let mut bytes = fs::read(env.path())?;
            let metas = (0..3).map(|number| number * page_size as usize);
            let field = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
            let newest_steady = metas.clone().filter(|meta| field(meta + SIGN) > 1);
            let newest_steady = newest_steady.map(|meta| field(meta + 28)).max().unwrap();
            history.insert(newest.0, newest.1.clone());
            sealed += usize::from(newest_steady != newest.0);

            let copy = copy_of(&env)?;
            assert_eq!(there(&copy)?, newest, "the machine was not restarted");

            for meta in metas {
                bytes[meta + BOOT_ID.start..meta + BOOT_ID.end].fill(0x5A);
            }
            fs::write(&copy, &bytes)?;
            let found = there(&copy)?;
            assert_eq!(
                found.1, history[&newest_steady],
                "it goes back to what is steady"
            );
            // A file that is longer than that says gets a meta of its own.
            assert!(
                (newest_steady..=newest_steady + 1).contains(&found.0),
                "{}",
                found.0
            );
            // What libmdbx made of it is sound here, too.
            let after = Env::options().create(false).open(&copy)?;
            common::assert_sound(&after.read()?);
        }
        assert!(sealed > 50, "{sealed} of 150 commits were sealed");
    }
    Ok(())
}
