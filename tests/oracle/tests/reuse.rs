//! Pages that a reader held back in one engine are used again by the other, and the file does not grow.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

#[path = "../../common/mod.rs"]
mod common;

use std::error::Error;
use std::path::Path;

use common::{Rng, assert_sound};
use mdbx_core::{Env, Geometry, PageSize, TableFlags};
use mdbx_oracle::c;

type Outcome<T> = Result<T, Box<dyn Error>>;

const TABLE: &str = "table";
const ITEMS: usize = 400;
const UPPER: usize = 1 << 28;

/// An open file of either engine, for changes of one table.
enum Engine {
    Here(Env),
    There(c::Env),
}

/// A reader of either engine.
enum Reader<'env> {
    Here(Box<mdbx_core::ReadTxn<'env>>),
    There(c::Txn<'env>),
}

impl Engine {
    fn open_here(path: &Path, page_size: PageSize) -> Outcome<Engine> {
        let geometry = Geometry::default()
            .page_size(page_size)
            .upper(UPPER as u64)
            .growth_step(1 << 16);
        Ok(Engine::Here(Env::options().geometry(geometry).open(path)?))
    }

    fn open_there(path: &Path, page_size: PageSize, order: u32) -> Outcome<Engine> {
        let geometry = c::Geometry {
            page_size: Some(page_size.bytes()),
            upper: Some(UPPER),
            growth_step: Some(1 << 16),
            ..c::Geometry::default()
        };
        let flags = c::UNBOUND | c::SAFE_NO_SYNC | order;
        Ok(Engine::There(c::Env::open(path, flags, Some(&geometry))?))
    }

    /// Stores items in one transaction.
    fn put(&self, items: impl Iterator<Item = (Vec<u8>, Vec<u8>)>) -> Outcome<()> {
        match self {
            Engine::Here(env) => {
                let mut txn = env.write()?;
                let table = txn.create_table(TABLE, TableFlags::empty())?;
                for (key, value) in items {
                    txn.put(table, &key, &value)?;
                }
                txn.commit()?;
            }
            Engine::There(env) => {
                let mut txn = env.write()?;
                let table = txn.create_table(Some(TABLE), 0)?;
                for (key, value) in items {
                    txn.put(table, &key, &value)?;
                }
                txn.commit()?;
            }
        }
        Ok(())
    }

    /// Begins to read, so that no page of the present snapshot is used again.
    fn read(&self) -> Outcome<Reader<'_>> {
        Ok(match self {
            Engine::Here(env) => Reader::Here(Box::new(env.read()?)),
            Engine::There(env) => Reader::There(env.read()?),
        })
    }

    fn allocated_pages(&self) -> Outcome<u64> {
        Ok(match self {
            Engine::Here(env) => env.info()?.allocated_pages.into(),
            Engine::There(env) => env.info()?.allocated_pages,
        })
    }

    /// Stores new values of `count` keys.
    fn update(&self, rng: &mut Rng, count: usize, page_size: PageSize) -> Outcome<()> {
        let mut updates = Vec::new();
        for _ in 0..count {
            let n = rng.below(ITEMS);
            updates.push((key(n), rng.bytes(page_size.bytes() / 8)));
        }
        self.put(updates.into_iter())
    }

    /// Stores all items, and changes them in several transactions while a reader keeps the first state.
    fn hold_back(&self, rng: &mut Rng, page_size: PageSize) -> Outcome<()> {
        self.put((0..ITEMS).map(|n| (key(n), vec![0; page_size.bytes() / 8])))?;
        let reader = self.read()?;
        for _ in 0..12 {
            self.update(rng, 30, page_size)?;
        }
        match reader {
            Reader::Here(txn) => drop(txn),
            Reader::There(txn) => drop(txn),
        }
        Ok(())
    }

    /// Changes items in several transactions, none of which needs more pages than are free.
    fn use_again(&self, rng: &mut Rng, page_size: PageSize) -> Outcome<()> {
        let before = self.allocated_pages()?;
        for _ in 0..8 {
            self.update(rng, 10, page_size)?;
            let now = self.allocated_pages()?;
            assert!(
                now <= before,
                "pages of {page_size}: from {before} to {now} pages"
            );
        }
        Ok(())
    }
}

fn key(n: usize) -> Vec<u8> {
    format!("{n:06}").into_bytes()
}

/// Checks the file with both engines; returns how many pages are free.
fn check(path: &Path) -> Outcome<usize> {
    assert_sound(&Env::open(path)?.read()?);
    let report = c::Env::open(path, c::READ_ONLY, None)?.check()?;
    assert_eq!(report.problems, 0, "{:#?}", report.findings);
    Ok(report.reclaimable_pages)
}

fn page_sizes() -> impl Iterator<Item = PageSize> {
    [256, 1024, 4096, 65536]
        .map(|bytes| PageSize::new(bytes).unwrap())
        .into_iter()
}

#[test]
fn pages_that_a_reader_of_libmdbx_held_back_are_used_again_here() -> Outcome<()> {
    let mut rng = Rng::new(1);
    for page_size in page_sizes() {
        for order in [0, c::LIFO] {
            let directory = tempfile::tempdir()?;
            let path = directory.path().join("reuse.mdbx");
            Engine::open_there(&path, page_size, order)?.hold_back(&mut rng, page_size)?;
            let free = check(&path)?;
            assert!(free > 200, "{free} free pages of {page_size}");
            Engine::open_here(&path, page_size)?.use_again(&mut rng, page_size)?;
            check(&path)?;
        }
    }
    Ok(())
}

#[test]
fn pages_that_a_reader_held_back_here_are_used_again_by_libmdbx() -> Outcome<()> {
    let mut rng = Rng::new(2);
    for page_size in page_sizes() {
        for order in [0, c::LIFO] {
            let directory = tempfile::tempdir()?;
            let path = directory.path().join("reuse.mdbx");
            Engine::open_here(&path, page_size)?.hold_back(&mut rng, page_size)?;
            let free = check(&path)?;
            assert!(free > 200, "{free} free pages of {page_size}");
            Engine::open_there(&path, page_size, order)?.use_again(&mut rng, page_size)?;
            check(&path)?;
        }
    }
    Ok(())
}
