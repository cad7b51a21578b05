//! What the engine tells a logger. The logger is the process's own, so all of it is one test.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::cell::RefCell;
use std::path::Path;

use common::Rng;
use log::{Level, LevelFilter, Log, Metadata, Record};
use mdbx_core::{Env, Geometry, PageSize, Result, Table};

thread_local! {
    static TOLD: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

struct Listener;

impl Log for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("mdbx_core::")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let told = (record.level(), record.args().to_string());
            TOLD.with_borrow_mut(|all| all.push(told));
        }
    }

    fn flush(&self) {}
}

/// Returns what was told since the last call.
fn told() -> Vec<(Level, String)> {
    TOLD.take()
}

/// Checks that something that begins so was told at that level, and returns it.
#[track_caller]
fn assert_told(told: &[(Level, String)], level: Level, start: &str) -> String {
    let found = told
        .iter()
        .find(|(at, text)| *at == level && text.starts_with(start));
    found.unwrap_or_else(|| panic!("{told:?}")).1.clone()
}

/// Makes the newest meta of a closed file one that another boot of the machine left behind before it was durable.
fn lose_newest_commit(path: &Path) {
    // Source: format document, "Meta pages".
    const PAGE: usize = 256;
    const TXNID: usize = 28;
    const SIGN: usize = 188;
    const BOOT_ID: usize = 212;
    let mut bytes = std::fs::read(path).unwrap();
    let txnid = |bytes: &[u8], meta: usize| {
        u64::from_le_bytes(bytes[meta * PAGE + TXNID..][..8].try_into().unwrap())
    };
    let newest = (0..3).max_by_key(|&meta| txnid(&bytes, meta)).unwrap();
    bytes[newest * PAGE + SIGN..][..8].copy_from_slice(&1_u64.to_le_bytes());
    bytes[newest * PAGE + BOOT_ID..][..16].fill(0xA5);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn what_happens_to_a_database_is_told_to_the_logger_of_the_application() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let geometry = Geometry::default()
        .page_size(PageSize::MIN)
        .growth_step(1 << 16);
    let options = || Env::options().geometry(geometry).max_readers(1);
    drop(options().open(&path)?);
    assert_eq!(told(), [], "nothing before there is a logger");

    log::set_logger(&Listener).unwrap();
    log::set_max_level(LevelFilter::Trace);
    drop(options().open(directory.path().join("other"))?);
    assert_told(&told(), Level::Info, "created ");
    let env = options().dirty_limit(1 << 16).open(&path)?;
    let opened = assert_told(&told(), Level::Info, "opened ");
    assert!(opened.contains("page_size=256 snapshot="), "{opened}");

    let (mut txn, mut rng) = (env.write()?, Rng::new(7));
    for _ in 0..4000 {
        txn.put(Table::MAIN, &rng.bytes(8), &rng.bytes(60))?;
    }
    assert_told(
        &told(),
        Level::Debug,
        "wrote pages of a running transaction: bytes=",
    );
    let id = txn.commit()?;
    let all = told();
    assert_told(&all, Level::Debug, &format!("committed: snapshot={id} "));
    assert_told(&all, Level::Trace, "wrote the pages of the commit");
    assert_told(&all, Level::Trace, "flushed the file");

    log::set_max_level(LevelFilter::Debug);
    let mut txn = env.write()?;
    for _ in 0..4000 {
        txn.put(Table::MAIN, &rng.bytes(8), &rng.bytes(60))?;
    }
    txn.commit()?;
    let all = told();
    assert_told(&all, Level::Debug, "the file grew: pages=");
    assert!(
        all.iter().all(|(level, _)| *level <= Level::Debug),
        "{all:?}"
    );

    let reader = env.read()?;
    assert!(reader.get(Table::MAIN, b"absent")?.is_none());
    assert_eq!(reader.table(Table::MAIN)?.iter().count(), 8000);
    assert_eq!(told(), [], "a read tells nothing");
    let others: Vec<_> = std::iter::from_fn(|| env.read().ok()).collect();
    assert_told(&told(), Level::Warn, "all reader slots are in use: slots=");

    drop((reader, others));
    drop(env);
    lose_newest_commit(&path);
    let env = options().open(&path)?;
    assert_told(&told(), Level::Warn, "rolling back ");
    assert_eq!(env.read()?.len(Table::MAIN)?, 4000);

    log::set_max_level(LevelFilter::Off);
    env.write()?.put(Table::MAIN, b"key", b"value")?;
    assert_eq!(told(), [], "nothing once it is switched off");
    Ok(())
}
