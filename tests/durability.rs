//! What commits promise in each mode, and whether it is there after a crash.
//!
//! When a process dies, the file is what its system knows: a copy of the file of a live environment. When the machine
//! stops, the next boot has another id, and any of what was not synced may be missing: each page and each meta of the copy
//! is as it was written last, or as it was at the last sync.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{Rng, TempEnv, assert_sound, items};
use mdbx_core::tools::defrag::DefragOptions;
use mdbx_core::{
    Durability, Env, EnvOptions, Error, Geometry, PageSize, ReclaimOrder, Result, Table, Txnid,
};
use tempfile::TempDir;

use Durability::{Durable, NoMetaSync, SafeNoSync, UtterlyNoSync};

const MODES: [Durability; 4] = [Durable, NoMetaSync, SafeNoSync, UtterlyNoSync];

// Source: format document, "Meta pages".
const PAGE: usize = 256;
const TXNID: usize = 28;
const SIGN: usize = 188;
const BOOT_ID: usize = 212;

fn geometry() -> Geometry {
    Geometry::default()
        .page_size(PageSize::MIN)
        .growth_step(1 << 16)
}

fn options(durability: Durability) -> EnvOptions {
    Env::options().geometry(geometry()).durability(durability)
}

fn temp(durability: Durability) -> TempEnv {
    TempEnv::with(options(durability))
}

fn put(env: &Env, key: &str) -> Result<Txnid> {
    let mut txn = env.write()?;
    txn.put(Table::MAIN, key.as_bytes(), b"value")?;
    txn.commit()
}

fn keys(env: &Env) -> Vec<String> {
    let txn = env.read().unwrap();
    assert_sound(&txn);
    let items = items(&txn.table(Table::MAIN).unwrap()).unwrap();
    let key = |(key, _)| String::from_utf8(key).unwrap();
    items.into_iter().map(key).collect()
}

/// The bytes of a data file.
#[derive(Clone)]
struct Image(Vec<u8>);

impl Image {
    fn of(path: &Path) -> Image {
        Image(std::fs::read(path).unwrap())
    }

    fn field(&self, meta: usize, at: usize) -> u64 {
        let at = meta * PAGE + at;
        u64::from_le_bytes(self.0[at..at + 8].try_into().unwrap())
    }

    /// Returns the number of the newest meta.
    fn newest(&self) -> usize {
        (0..3).max_by_key(|&meta| self.field(meta, TXNID)).unwrap()
    }

    /// Returns the number of the newest meta that says it is durable.
    fn newest_steady(&self) -> Option<usize> {
        let steady = (0..3).filter(|&meta| self.field(meta, SIGN) == u64::MAX);
        steady.max_by_key(|&meta| self.field(meta, TXNID))
    }

    fn page(&self, number: usize) -> Option<&[u8]> {
        self.0.get(number * PAGE..(number + 1) * PAGE)
    }

    fn set_page(&mut self, number: usize, page: &[u8]) {
        self.0[number * PAGE..(number + 1) * PAGE].copy_from_slice(page);
    }

    /// Makes it look as if the machine had been restarted since it was written.
    fn restart(&mut self) {
        for meta in 0..3 {
            self.0[meta * PAGE + BOOT_ID..][..16].copy_from_slice(b"some other boot!");
        }
    }

    fn store(&self) -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("copy.mdbx");
        std::fs::write(&path, &self.0).unwrap();
        (directory, path)
    }

    /// Opens it as what a crash has left.
    fn open(&self) -> Result<(TempDir, Env)> {
        let (directory, path) = self.store();
        let env = Env::options().create(false).open(path)?;
        Ok((directory, env))
    }
}

/// Returns what another process finds after this one has died.
fn after_death(env: &Env) -> (TempDir, Env) {
    Image::of(env.path()).open().unwrap()
}

/// Returns what is found after the machine was stopped, if everything written has reached the disk.
fn after_restart(env: &Env) -> Result<(TempDir, Env)> {
    let mut image = Image::of(env.path());
    image.restart();
    image.open()
}

#[test]
fn a_commit_survives_the_death_of_the_process_in_every_mode() -> Result<()> {
    for durability in MODES {
        for write_map in [false, true] {
            let env = TempEnv::with(options(durability).write_map(write_map));
            assert_eq!(env.durability(), durability);
            for key in ["a", "b", "c", "d", "e"] {
                let txnid = put(&env, key)?;
                let (_directory, copy) = after_death(&env);
                assert_eq!(keys(&copy), keys(&env), "{durability:?}");
                assert_eq!(copy.info()?.last_txnid, txnid);
                assert_eq!(put(&copy, "more")?.0, txnid.0 + 1);
                assert_eq!(keys(&copy).len(), keys(&env).len() + 1);
            }
        }
    }
    Ok(())
}

#[test]
fn a_restart_of_the_machine_leads_back_to_what_the_mode_promises() -> Result<()> {
    for write_map in [false, true] {
        for (durability, left) in [(Durable, 3), (NoMetaSync, 3), (SafeNoSync, 1)] {
            let env = TempEnv::with(options(durability).write_map(write_map));
            put(&env, "a")?;
            env.sync()?;
            put(&env, "b")?;
            put(&env, "c")?;
            let (_directory, copy) = after_restart(&env)?;
            assert_eq!(keys(&copy), ["a", "b", "c"][..left], "{durability:?}");
            put(&copy, "d")?;
            assert_eq!(keys(&copy).len(), left + 1);
        }
    }
    Ok(())
}

#[test]
fn without_its_meta_the_last_commit_is_missing_and_no_other() -> Result<()> {
    let env = temp(NoMetaSync);
    for key in ["a", "b", "c", "d", "e"] {
        let before = Image::of(env.path());
        let kept = keys(&env);
        put(&env, key)?;
        let mut after = Image::of(env.path());
        let meta = after.newest();
        assert_eq!(after.field(meta, SIGN), u64::MAX, "its pages are durable");
        let lost = before.page(meta).unwrap().to_vec();
        after.set_page(meta, &lost);
        after.restart();
        let (_directory, copy) = after.open()?;
        assert_eq!(keys(&copy), kept);
    }
    Ok(())
}

#[test]
fn a_weak_commit_of_another_boot_is_rolled_back_for_good_and_its_id_is_used_again() -> Result<()> {
    let env = temp(SafeNoSync);
    put(&env, "a")?;
    env.sync()?;
    let lost = put(&env, "lost")?;
    put(&env, "lost too")?;
    let mut image = Image::of(env.path());
    image.restart();
    let (_directory, path) = image.store();
    let read_only = Env::options().read_only(true).open(&path);
    assert!(matches!(read_only, Err(Error::WannaRecovery { .. })));
    drop(Env::open(&path)?);
    let copy = Env::options().read_only(true).open(&path)?;
    assert_eq!(keys(&copy), ["a"]);
    drop(copy);
    let copy = options(SafeNoSync).open(&path)?;
    assert_eq!(put(&copy, "b")?, lost);
    copy.close_without_sync();
    assert_eq!(keys(&Env::open(&path)?), ["a", "b"]);
    Ok(())
}

#[test]
fn a_recovery_that_was_cut_short_is_finished_by_the_next_opening() -> Result<()> {
    let env = temp(SafeNoSync);
    put(&env, "a")?;
    env.sync()?;
    put(&env, "lost")?;
    put(&env, "lost too")?;
    let mut image = Image::of(env.path());
    image.restart();
    let steady = image.newest_steady().unwrap();
    let mut steps = 0;
    while image.newest() != steady {
        let (_directory, copy) = image.open()?;
        assert_eq!(keys(&copy), ["a"]);
        // Recovery makes the newest meta void first: it has no transaction then.
        let newest = image.newest();
        for at in [TXNID, SIGN + 8] {
            image.0[newest * PAGE + at..][..8].fill(0);
        }
        steps += 1;
    }
    assert_eq!(steps, 2);
    assert_eq!(keys(&image.open()?.1), ["a"]);
    Ok(())
}

#[test]
fn a_weak_commit_of_this_boot_stays_weak_until_it_is_synced() -> Result<()> {
    let env = temp(SafeNoSync);
    put(&env, "a")?;
    let (_directory, path) = Image::of(env.path()).store();
    let copy = options(SafeNoSync).open(&path)?;
    let info = copy.info()?;
    assert!(info.durable_txnid < info.last_txnid && info.unsynced_bytes > 0);
    assert!(keys(&after_restart(&copy)?.1).is_empty());
    assert!(copy.sync()?, "there was something to do");
    assert_eq!(copy.info()?.durable_txnid, info.last_txnid);
    assert_eq!(keys(&after_restart(&copy)?.1), ["a"]);
    Ok(())
}

#[test]
fn a_sync_makes_the_newest_commit_durable_and_says_whether_it_was_not() -> Result<()> {
    for durability in MODES {
        let env = temp(durability);
        assert!(!env.sync()?, "a new file is on the disk");
        put(&env, "a")?;
        let is_durable = durability == Durable;
        assert_eq!(env.info()?.unsynced_bytes == 0, is_durable);
        assert_eq!(env.info()?.unsynced_for.is_none(), is_durable);
        assert_eq!(env.sync()?, !is_durable, "{durability:?}");
        assert!(!env.sync()? && !env.try_sync()? && !env.sync_if_due()?);
        let info = env.info()?;
        assert_eq!((info.unsynced_bytes, info.unsynced_for), (0, None));
        assert_eq!(info.durable_txnid, info.last_txnid);
        assert_eq!(keys(&after_restart(&env)?.1), ["a"]);
    }
    Ok(())
}

#[test]
fn a_sync_waits_for_no_writer_of_its_own_thread_and_tries_not_to_wait_for_others() -> Result<()> {
    let env = temp(SafeNoSync);
    put(&env, "a")?;
    let txn = env.write()?;
    assert!(matches!(env.sync(), Err(Error::WriterBusy)));
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            assert!(matches!(env.try_sync(), Err(Error::WriterBusy)));
            env.set_sync_bytes(1).unwrap(); // passed, but the writer will see to it
            assert!(!env.sync_if_due().unwrap());
        });
        other.join().unwrap();
    });
    drop(txn);
    assert!(env.sync_if_due()?);
    Ok(())
}

#[test]
fn an_environment_for_reading_has_nothing_to_sync_or_set() -> Result<()> {
    let mut env = temp(Durable);
    env.reopen_with(Env::options().read_only(true))?;
    let refused = |result: Result<()>| assert!(matches!(result, Err(Error::ReadOnly)));
    refused(env.sync().map(drop));
    refused(env.try_sync().map(drop));
    refused(env.sync_if_due().map(drop));
    refused(env.set_durability(SafeNoSync));
    refused(env.set_sync_bytes(1));
    refused(env.set_sync_period(Duration::from_secs(1)));
    env.clone().close()
}

#[test]
fn a_commit_that_passes_the_threshold_is_durable() -> Result<()> {
    let env = TempEnv::with(options(SafeNoSync).sync_bytes(20 * 256 - 7));
    assert_eq!(env.info()?.sync_bytes, 20 * 256, "whole pages");
    let mut synced = 0;
    for number in 0..40 {
        put(&env, &format!("{number:02}"))?;
        let info = env.info()?;
        assert!(info.unsynced_bytes < info.sync_bytes);
        let is_durable = info.durable_txnid == info.last_txnid;
        synced += u32::from(is_durable);
        assert_eq!(is_durable, info.unsynced_bytes == 0);
        if is_durable {
            assert_eq!(keys(&after_restart(&env)?.1), keys(&env));
        }
    }
    assert!((4..20).contains(&synced), "{synced}");
    env.set_sync_bytes(0)?;
    for number in 40..80 {
        put(&env, &format!("{number:02}"))?;
    }
    assert!(env.info()?.unsynced_bytes > 20 * 256);
    env.set_sync_bytes(20 * 256)?;
    assert_eq!(env.info()?.unsynced_bytes, 0, "it was passed already");
    Ok(())
}

#[test]
fn what_waits_longer_than_the_period_is_made_durable_by_writers_and_polls() -> Result<()> {
    let period = Duration::from_millis(20);
    let env = TempEnv::with(options(SafeNoSync).sync_period(period));
    assert_eq!(env.info()?.sync_period, period);
    let wait = || {
        while env.info().unwrap().unsynced_for < Some(period) {
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    let first = put(&env, "a")?;
    wait();
    put(&env, "b")?;
    assert!(env.info()?.durable_txnid >= first, "the writer saw to it");
    put(&env, "c")?;
    wait();
    assert!(env.sync_if_due()?);
    assert_eq!(env.info()?.unsynced_bytes, 0);
    assert!(!env.sync_if_due()?);
    put(&env, "d")?;
    env.set_sync_period(Duration::from_nanos(1))?;
    assert_eq!(env.info()?.unsynced_bytes, 0, "it was over already");
    Ok(())
}

#[test]
fn a_transaction_that_takes_longer_than_the_period_is_committed_durably() -> Result<()> {
    let env = TempEnv::with(options(SafeNoSync).sync_period(Duration::from_millis(5)));
    let mut txn = env.write()?;
    txn.put(Table::MAIN, b"a", b"value")?;
    let first = txn.commit()?;
    let mut txn = env.write()?;
    txn.put(Table::MAIN, b"b", b"value")?;
    while env
        .info()?
        .unsynced_for
        .is_some_and(|age| age < Duration::from_millis(5))
    {
        std::thread::sleep(Duration::from_millis(1));
    }
    txn.commit()?;
    assert!(env.info()?.durable_txnid >= first);
    Ok(())
}

#[test]
fn closing_syncs_unless_it_is_told_not_to() -> Result<()> {
    for durability in MODES {
        for closed in ["close", "drop", "without"] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("db");
            let env = options(durability).open(&path)?;
            put(&env, "a")?;
            let txnid = put(&env, "b")?;
            let other = env.clone();
            match closed {
                "close" => env.close()?,
                "drop" => drop(env),
                _ => env.close_without_sync(),
            }
            assert_eq!(keys(&other).len(), 2, "other handles are still good");
            drop(other);
            let peeked = Env::peek(&path)?;
            let is_weak = closed == "without" && durability >= SafeNoSync;
            assert_eq!((peeked.last_txnid, peeked.is_durable), (txnid, !is_weak));
            assert_eq!(keys(&Env::open(&path)?).len(), 2);
        }
    }
    Ok(())
}

#[test]
fn a_reader_that_holds_the_environment_has_it_synced_when_it_ends() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let env = options(SafeNoSync).open(&path)?;
    put(&env, "a")?;
    let reader = env.read_owned()?;
    drop(env);
    assert!(!Env::peek(&path)?.is_durable);
    drop(reader);
    assert!(Env::peek(&path)?.is_durable);
    Ok(())
}

#[test]
fn another_mode_counts_from_the_next_transaction_on() -> Result<()> {
    let env = temp(Durable);
    let mut txn = env.write()?;
    env.set_durability(SafeNoSync)?;
    txn.put(Table::MAIN, b"a", b"value")?;
    txn.commit()?;
    assert_eq!(env.info()?.unsynced_bytes, 0);
    put(&env, "b")?;
    assert!(env.info()?.unsynced_bytes > 0);
    assert_eq!(env.info()?.durability, SafeNoSync);
    env.set_durability(Durable)?;
    put(&env, "c")?;
    assert_eq!(keys(&after_restart(&env)?.1), ["a", "b", "c"]);
    Ok(())
}

#[test]
fn a_transaction_can_promise_less_than_the_environment_and_not_more() -> Result<()> {
    let put_weakened = |env: &Env, key: &[u8], durability| {
        let mut txn = env.write()?;
        txn.put(Table::MAIN, key, b"value")?;
        txn.weaken(durability);
        txn.commit()
    };
    let env = temp(Durable);
    put_weakened(&env, b"a", SafeNoSync)?;
    let info = env.info()?;
    assert!(info.durable_txnid < info.last_txnid);
    put_weakened(&env, b"b", UtterlyNoSync)?;
    assert_eq!(env.info()?.durable_txnid, info.durable_txnid);
    put_weakened(&env, b"c", NoMetaSync)?;
    let info = env.info()?;
    assert!(
        info.metas
            .iter()
            .any(|meta| meta.txnid == info.last_txnid && meta.is_durable)
    );
    assert!(info.durable_txnid < info.last_txnid && info.unsynced_bytes > 0);
    put_weakened(&env, b"d", Durable)?;
    assert_eq!(env.info()?.unsynced_bytes, 0);

    env.set_durability(SafeNoSync)?;
    put_weakened(&env, b"e", Durable)?;
    assert!(env.info()?.unsynced_bytes > 0);
    let mut txn = env.write()?;
    env.set_durability(Durable)?;
    txn.put(Table::MAIN, b"f", b"value")?;
    txn.checkpoint()?;
    assert!(env.info()?.unsynced_bytes > 0);
    txn.put(Table::MAIN, b"g", b"value")?;
    txn.commit()?;
    assert_eq!(
        env.info()?.unsynced_bytes,
        0,
        "a new transaction, a new mode"
    );
    Ok(())
}

#[test]
fn a_commit_that_changes_the_geometry_or_cuts_the_file_is_durable_in_every_mode() -> Result<()> {
    for durability in MODES {
        for write_map in [false, true] {
            let env = TempEnv::with(options(durability).write_map(write_map));
            let mut txn = env.write()?;
            for number in 0..3000_u32 {
                txn.put(Table::MAIN, &number.to_be_bytes(), &[7; 50])?;
            }
            txn.commit()?;
            let long = env.info()?.file_len;
            env.resize(geometry().upper(1 << 30))?;
            let info = env.info()?;
            assert_eq!(
                (info.unsynced_bytes, info.durable_txnid),
                (0, info.last_txnid)
            );

            let mut txn = env.write()?;
            txn.clear(Table::MAIN)?;
            txn.commit()?;
            DefragOptions::new().run(&env)?;
            let info = env.info()?;
            assert!(info.file_len < long, "{durability:?}");
            assert_eq!(
                (info.unsynced_bytes, info.durable_txnid),
                (0, info.last_txnid),
                "{durability:?}"
            );
            put(&env, "a")?;
            let (_directory, copy) = after_restart(&env)?;
            assert!(copy.info()?.file_len < long);
            assert_sound(&copy.read()?);
        }
    }
    Ok(())
}

#[test]
fn weak_commits_in_a_small_file_go_on_for_ever() -> Result<()> {
    for durability in [NoMetaSync, SafeNoSync, UtterlyNoSync] {
        let small = geometry().lower(1 << 16).upper(1 << 16);
        let env = TempEnv::with(Env::options().geometry(small).durability(durability));
        let mut synced = std::collections::BTreeSet::new();
        for round in 0..600_u32 {
            let mut txn = env.write()?;
            for number in 0..20_u32 {
                let key = (round * 7919 + number * 104_729) % 101;
                txn.put(Table::MAIN, &key.to_be_bytes(), &[7; 90])?;
            }
            txn.commit()?;
            synced.insert(env.info()?.durable_txnid);
            if round % 50 == 0 {
                assert_sound(&env.read()?);
            }
        }
        if durability == SafeNoSync {
            assert!((4..300).contains(&synced.len()), "{}", synced.len());
            let (_directory, copy) = after_restart(&env)?;
            assert!(copy.read()?.len(Table::MAIN)? > 50);
        }
    }
    Ok(())
}

#[test]
fn without_care_a_power_cut_loses_all_and_the_file_says_so() -> Result<()> {
    let small = geometry().lower(1 << 16).upper(1 << 16);
    let env = TempEnv::with(Env::options().geometry(small).durability(UtterlyNoSync));
    for round in 0..100 {
        let mut txn = env.write()?;
        for number in 0..20_u8 {
            txn.put(Table::MAIN, &[number], &[round; 90])?;
        }
        txn.commit()?;
    }
    assert_eq!(
        env.info()?.durable_txnid,
        Txnid::VOID,
        "its pages are overwritten"
    );
    let restarted = after_restart(&env).map(drop);
    assert!(
        matches!(restarted, Err(Error::Corrupted { .. })),
        "{restarted:?}"
    );
    assert_eq!(after_death(&env).1.read()?.len(Table::MAIN)?, 20);

    env.set_durability(SafeNoSync)?;
    put(&env, "a")?;
    let info = env.info()?;
    assert_eq!(
        info.durable_txnid, info.last_txnid,
        "there was nothing to fall back to"
    );
    put(&env, "b")?;
    assert_eq!(after_restart(&env)?.1.read()?.len(Table::MAIN)?, 21);
    Ok(())
}

#[test]
fn a_new_file_without_care_is_good_until_its_room_is_used_again() -> Result<()> {
    let env = temp(UtterlyNoSync);
    put(&env, "a")?;
    env.sync()?;
    put(&env, "b")?;
    assert_eq!(keys(&after_restart(&env)?.1), ["a"]);
    Ok(())
}

#[test]
fn a_file_mapped_for_writing_grows_and_has_room_on_the_disk_for_all_its_length() -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    for durability in MODES {
        let env = TempEnv::with(options(durability).write_map(true));
        let has_room = || {
            let metadata = std::fs::metadata(env.path()).unwrap();
            metadata.blocks() * 512 >= metadata.len()
        };
        let (before, reader) = (env.info()?.file_len, env.read()?);
        let mut txn = env.write()?;
        for number in 0..2000_u32 {
            let mut nested = txn.nested()?;
            nested.put(Table::MAIN, &number.to_be_bytes(), &[7; 60])?;
            nested.commit()?;
        }
        txn.put(Table::MAIN, b"large", &vec![9; 100_000])?;
        txn.commit()?;
        assert!(has_room() && env.info()?.file_len > before);
        assert_eq!(reader.len(Table::MAIN)?, 0);
        let txn = env.read()?;
        assert_eq!(
            txn.get(Table::MAIN, b"large")?,
            Some(vec![9; 100_000].as_slice())
        );
        assert_eq!(txn.len(Table::MAIN)?, 2001);
    }
    Ok(())
}

#[test]
fn a_file_with_holes_gets_room_on_the_disk_when_it_is_mapped_for_writing() -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let mut env = TempEnv::with_geometry(geometry().lower(1 << 22));
    let blocks = |env: &Env| std::fs::metadata(env.path()).unwrap().blocks();
    assert!(blocks(&env) * 512 < 1 << 22, "nothing was written there");
    env.reopen_with(Env::options().write_map(true))?;
    assert!(blocks(&env) * 512 >= 1 << 22);
    put(&env, "a")?;
    env.reopen_with(Env::options())?;
    assert_eq!(keys(&env), ["a"]);
    Ok(())
}

/// A database, what is on its disk for sure, and what it contained after each commit.
struct World {
    env: TempEnv,
    rng: Rng,
    options: EnvOptions,
    /// The file as a power cut leaves it at worst; `None` while nothing is promised.
    disk: Option<Image>,
    contents: BTreeMap<u64, BTreeMap<Vec<u8>, Vec<u8>>>,
    /// The oldest commit that a power cut may lead back to.
    floor: u64,
    /// Whether the environment was opened since the last transaction.
    is_opened: bool,
}

impl World {
    fn new(seed: u64, write_map: bool) -> World {
        let rng = Rng::new(seed);
        let orders = [ReclaimOrder::NewestFirst, ReclaimOrder::OldestFirst];
        let options = Env::options()
            .geometry(
                geometry()
                    .lower(1 << 14)
                    .upper(1 << 20)
                    .growth_step(1 << 12),
            )
            .reclaim_order(orders[usize::try_from(seed % 2).unwrap()])
            .dirty_limit(8 << 10)
            .write_map(write_map);
        let env = TempEnv::with(options.clone());
        let floor = env.info().unwrap().last_txnid.0;
        World {
            disk: Some(Image::of(env.path())),
            env,
            rng,
            options,
            contents: BTreeMap::from([(floor, BTreeMap::new())]),
            floor,
            is_opened: true,
        }
    }

    fn image(&self) -> Image {
        Image::of(self.env.path())
    }

    /// The newest durable meta is durable on the disk.
    fn note_settled(&mut self) {
        let now = self.image();
        if let (Some(disk), Some(meta)) = (&mut self.disk, now.newest_steady()) {
            disk.set_page(meta, now.page(meta).unwrap());
            self.floor = self.floor.max(now.field(meta, TXNID));
        }
    }

    /// Changes something and commits it, or does not.
    fn transact(&mut self) -> Result<()> {
        let mode = *self.rng.pick(&MODES);
        let mode = if self.rng.once_in(4) {
            mode
        } else {
            self.env.durability()
        };
        self.env.set_durability(mode)?;
        let before = self.image();
        let newest = *self.contents.keys().next_back().unwrap();
        let mut content = self.contents[&newest].clone();
        let env = self.env.clone();
        let mut txn = env.write()?;
        if std::mem::take(&mut self.is_opened) && mode != UtterlyNoSync {
            self.note_settled();
        }
        let changes = if self.rng.once_in(8) { 300 } else { 12 };
        for _ in 0..changes {
            let key = self.rng.below(400).to_be_bytes().to_vec();
            if self.rng.once_in(3) {
                txn.delete(Table::MAIN, &key)?;
                content.remove(&key);
            } else {
                let len = if self.rng.once_in(30) { 900 } else { 40 };
                let value = self.rng.bytes(len);
                txn.put(Table::MAIN, &key, &value)?;
                content.insert(key, value);
            }
        }
        if mode == UtterlyNoSync {
            self.disk = None;
        }
        self.note_sync_inside(&before);
        if env.info()?.durable_txnid.0 > self.floor {
            self.note_settled(); // for lack of room, too
        }
        self.cut_power();
        if self.rng.once_in(6) {
            drop(txn);
            return Ok(());
        }
        let mode = if self.rng.once_in(6) {
            txn.weaken(SafeNoSync);
            mode.max(SafeNoSync)
        } else {
            mode
        };
        let committed = txn.commit()?.0;
        self.note_sync_inside(&before);
        self.contents.insert(committed, content);
        self.note_commit(mode, &before, committed);
        Ok(())
    }

    /// If the writer has made its base durable for lack of room, so it is.
    fn note_sync_inside(&mut self, before: &Image) {
        let now = self.image();
        let base = before.newest();
        let is_steady = |image: &Image| image.field(base, SIGN) == u64::MAX;
        if self.disk.is_some() && !is_steady(before) && is_steady(&now) {
            let mut disk = before.clone();
            disk.set_page(base, now.page(base).unwrap());
            self.floor = now.field(base, TXNID);
            self.disk = Some(disk);
        }
    }

    /// Notes what a commit has put on the disk.
    fn note_commit(&mut self, mode: Durability, before: &Image, committed: u64) {
        let now = self.image();
        let meta = now.newest();
        let info = self.env.info().unwrap();
        if info.unsynced_bytes == 0 {
            self.floor = committed;
            self.disk = Some(now);
        } else if now.field(meta, SIGN) == u64::MAX && self.disk.is_some() {
            let mut disk = now.clone();
            disk.set_page(meta, before.page(meta).unwrap());
            if let Some(steady) = disk.newest_steady() {
                self.floor = self.floor.max(disk.field(steady, TXNID));
            }
            self.disk = Some(disk);
        } else if mode != UtterlyNoSync {
            self.note_settled();
        }
    }

    /// Looks what the next boot finds after the machine is stopped now, with any of what was not synced missing.
    fn cut_power(&mut self) {
        let Some(disk) = self.disk.clone() else {
            return;
        };
        let now = self.image();
        let mut found = now.clone();
        let share = 1 + self.rng.below(4);
        for number in 0..now.0.len() / PAGE {
            if self.rng.below(4) < share {
                let lost = vec![0; PAGE];
                found.set_page(number, disk.page(number).unwrap_or(&lost));
            }
        }
        found.restart();
        let (_directory, env) = found.open().unwrap();
        self.assert_found(&env, self.floor);
    }

    /// Looks what another process finds after this one has died.
    fn die(&self) {
        let (_directory, env) = after_death(&self.env);
        self.assert_found(&env, *self.contents.keys().next_back().unwrap());
    }

    /// Checks that an environment has the contents of some commit since `floor`.
    fn assert_found(&self, env: &Env, floor: u64) {
        let txn = env.read().unwrap();
        let found = txn.id().0;
        assert!(found >= floor, "{found} is older than {floor}");
        let content = &self.contents[&found];
        let items = items(&txn.table(Table::MAIN).unwrap()).unwrap();
        assert!(
            items.iter().map(|(k, v)| (k, v)).eq(content),
            "snapshot {found}"
        );
        assert_sound(&txn);
    }

    fn reopen(&mut self) -> Result<()> {
        let is_synced = self.rng.once_in(2);
        if !is_synced {
            self.env.clone().close_without_sync();
        }
        let options = self.options.clone().durability(self.env.durability());
        self.env.reopen_with(options)?;
        self.is_opened = true;
        let newest = self.env.info()?.last_txnid.0;
        let (&last, content) = self.contents.iter().next_back().unwrap();
        let is_resized = newest > last; // opening has given back unused room, in a commit
        if is_resized {
            let content = content.clone();
            self.contents.insert(newest, content);
        }
        if is_synced || is_resized {
            self.note_sync();
        }
        Ok(())
    }

    fn note_sync(&mut self) {
        self.floor = self.env.info().unwrap().last_txnid.0;
        self.disk = Some(self.image());
    }
}

#[test]
fn modes_in_any_order_keep_their_promises_whatever_a_power_cut_leaves() -> Result<()> {
    let rounds = common::number_from_env("MDBX_ROUNDS", 120);
    for (seed, write_map) in [(1, false), (2, true), (3, false)] {
        let mut world = World::new(seed, write_map);
        for _ in 0..rounds {
            match world.rng.below(12) {
                0 => {
                    world.env.sync()?;
                    world.note_sync();
                }
                1 => world.reopen()?,
                2 => world.die(),
                _ => world.transact()?,
            }
            world.cut_power();
        }
        world.env.set_durability(Durable)?;
    }
    Ok(())
}
