//! Commits that wait for the disk once are there after a power cut, as a whole or not at all.
//!
//! A power cut is played on copies of the file of an open environment, which are opened as in another boot of the
//! machine.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::{Items, Rng, assert_sound, inspect, items, page_sizes};
use mdbx_core::sim::{Disk, Effect, Fate, set_boot_id};
use mdbx_core::{
    Durability, Env, EnvOptions, Error, Geometry, PageSize, Result, Table, TableFlags, Txnid,
    WriteTxn,
};

/// The boot in which commits are made, and the one after the power cut.
const BEFORE: [u8; 16] = [1; 16];
const AFTER: [u8; 16] = [2; 16];

/// Where in a meta page the fields are that tests look at or damage.
const TXNID_A: usize = 28;
const SIGN: usize = 188;

/// A directory with the file of an environment in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        set_boot_id(Some(BEFORE));
        Place(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("live.mdbx")
    }

    /// Opens the file as it was before the power cut.
    fn open(&self, options: EnvOptions) -> Result<Env> {
        set_boot_id(Some(BEFORE));
        options.durability(Durability::SingleSync).open(self.file())
    }

    /// Copies the file as it is now, after `damage` was done to the copy.
    fn cut(&self, damage: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
        let mut bytes = fs::read(self.file()).unwrap();
        damage(&mut bytes);
        let copy = self.0.path().join("copy.mdbx");
        fs::write(&copy, bytes).unwrap();
        copy
    }
}

fn options(page_size: PageSize) -> EnvOptions {
    Env::options().geometry(
        Geometry::default()
            .page_size(page_size)
            .growth_step(1 << 16),
    )
}

/// What a copy holds in another boot.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    newest: Txnid,
    items: Items,
}

/// How many files were opened after a power cut. The independent reader takes its time, so it looks at some of them.
static OPENED: AtomicUsize = AtomicUsize::new(0);

/// Opens a copy in another boot, checks it, and closes it.
fn open_after(file: &Path) -> Result<Left> {
    set_boot_id(Some(AFTER));
    let env = Env::options().create(false).open(file)?;
    let txn = env.read()?;
    assert_sound(&txn);
    let left = Left {
        newest: txn.id(),
        items: items(&txn.table(Table::MAIN)?)?,
    };
    drop(txn);
    drop(env);
    if OPENED.fetch_add(1, Ordering::Relaxed).is_multiple_of(20) {
        inspect(file);
    }
    set_boot_id(Some(BEFORE));
    Ok(left)
}

/// Returns what an environment holds.
fn now(env: &Env) -> Result<Left> {
    let txn = env.read()?;
    Ok(Left {
        newest: txn.id(),
        items: items(&txn.table(Table::MAIN)?)?,
    })
}

fn put(env: &Env, key: &[u8], value: &[u8]) -> Result<Txnid> {
    let mut txn = env.write()?;
    txn.put(Table::MAIN, key, value)?;
    txn.commit()
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// Returns the number of the newest meta, and whether it says that it is steady.
fn newest_meta(bytes: &[u8], page_size: usize) -> (usize, bool) {
    let newest = (0..3).max_by_key(|number| u64_at(bytes, number * page_size + TXNID_A));
    let newest = newest.unwrap();
    (newest, u64_at(bytes, newest * page_size + SIGN) > 1)
}

/// Returns whether the newest commit waited twice.
fn is_steady(place: &Place, page_size: usize) -> bool {
    newest_meta(&fs::read(place.file()).unwrap(), page_size).1
}

#[test]
fn every_commit_that_returned_is_there_after_a_power_cut() -> Result<()> {
    for page_size in page_sizes() {
        let place = Place::new();
        let env = place.open(options(page_size))?;
        let mut weak = 0;
        for number in 0_u32..70 {
            let id = put(&env, &number.to_be_bytes(), &[7; 50])?;
            weak += usize::from(!is_steady(&place, page_size.bytes()));
            let left = open_after(&place.cut(|_| ()))?;
            assert_eq!((left.newest, &left), (id, &now(&env)?), "{page_size}");
        }
        assert!(weak > 60, "{weak} of 70 commits waited once");
    }
    Ok(())
}

#[test]
fn with_a_page_of_it_damaged_the_last_commit_is_gone_and_only_that() -> Result<()> {
    let place = Place::new();
    let env = place.open(options(PageSize::MIN))?;
    let mut before = now(&env)?;
    for number in 0_u32..40 {
        let id = put(&env, &(number * 7919 % 1000).to_be_bytes(), &[7; 60])?;
        let bytes = fs::read(place.file()).unwrap();
        let is_mine = |page: &usize| u64_at(&bytes, page * 256) == id.0;
        let mine: Vec<_> = (3..bytes.len() / 256).filter(is_mine).collect();
        assert!(!mine.is_empty());
        for page in mine {
            if is_steady(&place, 256) {
                continue; // nobody looks at its pages
            }
            let copy = place.cut(|bytes| bytes[page * 256 + 100] ^= 1);
            assert_eq!(open_after(&copy)?, before, "page {page} of {id}");
        }
        before = now(&env)?;
    }
    Ok(())
}

/// Does something at random to tables of all kinds.
fn change(txn: &mut WriteTxn<'_>, rng: &mut Rng) -> Result<()> {
    let kinds = [
        ("plain", TableFlags::empty()),
        ("dups", TableFlags::DUP_SORT),
        ("fixed", TableFlags::DUP_SORT | TableFlags::DUP_FIXED),
    ];
    for _ in 0..=rng.below(20) {
        let (name, flags) = kinds[rng.below(3)];
        let table = txn.create_table(name, flags)?;
        let key = [b'a' + u8::try_from(rng.below(20)).unwrap(); 3];
        let number = rng.next();
        match rng.below(10) {
            0 if rng.below(4) == 0 => txn.drop_table(table)?,
            0 => drop(txn.delete(table, &key)?),
            1 => txn.put(Table::MAIN, &key, &vec![1; rng.below(3000)])?,
            2 => drop(txn.delete(Table::MAIN, &key)?),
            3 => {
                let mut nested = txn.nested()?;
                nested.put(table, &key, &number.to_le_bytes())?;
                if rng.below(2) == 0 {
                    nested.commit()?;
                }
            }
            4 if name == "plain" => {
                txn.put(table, b"moves", b"along")?;
                let renamed = txn.rename_table(table, "other")?;
                txn.drop_table(renamed)?;
            }
            5 => {
                for step in 0..30_u64 {
                    txn.put(table, &key, &(number ^ step).to_le_bytes())?;
                }
            }
            _ => txn.put(table, &key, &number.to_le_bytes())?,
        }
    }
    Ok(())
}

#[test]
fn commits_of_every_kind_are_sealed_as_they_are_found() -> Result<()> {
    let mut rng = Rng::new(1);
    for (page_size, write_map) in [(256, false), (512, true), (4096, false)] {
        let place = Place::new();
        let options = options(PageSize::new(page_size).unwrap());
        let env = place.open(options.write_map(write_map))?;
        let mut weak = 0;
        for _ in 0..300 {
            let mut txn = env.write()?;
            change(&mut txn, &mut rng)?;
            txn.commit()?;
            weak += usize::from(!is_steady(&place, page_size as usize));
            assert_eq!(open_after(&place.cut(|_| ()))?, now(&env)?);
        }
        assert!(weak > 100, "{weak} of 300 commits waited once");
    }
    Ok(())
}

/// Returns whether a commit that follows a sealed one and does `change` waited twice, having seen that nothing of it is
/// lost.
fn waits_twice(options: EnvOptions, change: impl FnOnce(&Env) -> Result<()>) -> Result<bool> {
    let place = Place::new();
    let env = place.open(options)?;
    put(&env, b"first", b"commit")?;
    assert!(!is_steady(&place, 4096), "an ordinary commit waits once");
    change(&env)?;
    assert_eq!(open_after(&place.cut(|_| ()))?, now(&env)?);
    Ok(is_steady(&place, 4096))
}

#[test]
fn what_cannot_be_sealed_waits_twice() -> Result<()> {
    let usual = || options(PageSize::DEFAULT);
    let plain = |env: &Env| put(env, b"key", b"value").map(drop);
    assert!(!waits_twice(usual(), plain)?);
    let marks = |env: &Env| {
        let mut txn = env.write()?;
        txn.set_canary([1, 2, 3])?;
        txn.commit().map(drop)
    };
    assert!(!waits_twice(usual(), marks)?, "nothing but the meta");

    let much = |env: &Env| put(env, b"key", &vec![7; 5 << 20]).map(drop);
    assert!(waits_twice(usual(), much)?, "too many pages");
    let many = |env: &Env| {
        let mut txn = env.write()?;
        for number in 0..400_u32 {
            txn.put(Table::MAIN, &number.to_be_bytes(), &[7; 500])?;
        }
        txn.commit().map(drop)
    };
    assert!(!waits_twice(usual(), many)?);
    assert!(
        waits_twice(usual().dirty_limit(1 << 16), many)?,
        "some pages were written early"
    );
    let resized = |env: &Env| env.resize(Geometry::default().upper(1 << 30));
    assert!(waits_twice(usual(), resized)?);
    let resized_within = |env: &Env| {
        let mut txn = env.write()?;
        txn.put(Table::MAIN, b"key", b"value")?;
        txn.resize(Geometry::default().upper(1 << 30))?;
        txn.commit().map(drop)
    };
    assert!(waits_twice(usual(), resized_within)?);
    let unknown_boot = |env: &Env| {
        set_boot_id(Some([0; 16]));
        plain(env)?;
        set_boot_id(Some(BEFORE));
        Ok(())
    };
    assert!(waits_twice(usual(), unknown_boot)?);
    let on_weak = |env: &Env| {
        let mut txn = env.write()?;
        txn.put(Table::MAIN, b"weak", b"commit")?;
        txn.weaken(Durability::SafeNoSync);
        txn.commit()?;
        plain(env)
    };
    assert!(waits_twice(usual(), on_weak)?);
    let due = |env: &Env| {
        env.set_sync_bytes(2 * 4096)?;
        plain(env)
    };
    assert!(waits_twice(usual(), due)?);
    Ok(())
}

#[test]
fn a_commit_that_takes_several_ids_waits_twice() -> Result<()> {
    let place = Place::new();
    let env = place.open(options(PageSize::MIN))?;
    let table = {
        let mut txn = env.write()?;
        let table = txn.create_table("freed", TableFlags::empty())?;
        for number in 0..3000_u32 {
            txn.put(table, &number.to_be_bytes(), &[7; 20])?;
        }
        txn.commit()?;
        table
    };
    let mut txn = env.write()?;
    txn.clear(table)?;
    let own = txn.id();
    let id = txn.commit()?;
    assert!(id > own, "it freed more pages than a record has room for");
    assert!(is_steady(&place, 256));
    assert_eq!(open_after(&place.cut(|_| ()))?, now(&env)?);
    Ok(())
}

#[test]
fn the_newest_steady_commit_is_at_most_64_commits_old_so_freed_pages_are_used_again() -> Result<()>
{
    let place = Place::new();
    // So long that no commit has to make it longer, which would have the head made steady before.
    let geometry = Geometry::default().lower(16 << 20).growth_step(1 << 16);
    let env = place.open(Env::options().geometry(geometry))?;
    let mut weak = 0;
    for number in 0_u32..650 {
        let id = put(&env, b"the same key", &number.to_be_bytes())?;
        let bytes = fs::read(place.file()).unwrap();
        let steady = (0..3).filter(|meta| u64_at(&bytes, meta * 4096 + SIGN) > 1);
        let steady = steady
            .map(|meta| u64_at(&bytes, meta * 4096 + TXNID_A))
            .max();
        assert!(id.0 - steady.unwrap() <= 64);
        weak += usize::from(steady != Some(id.0));
    }
    assert!(weak > 600, "{weak} of 650 commits waited once");
    let info = env.info()?;
    assert!(info.allocated_pages < 600, "{}", info.allocated_pages);
    Ok(())
}

#[test]
fn a_small_file_stays_small() -> Result<()> {
    let place = Place::new();
    let env = place.open(options(PageSize::DEFAULT))?;
    for number in 0_u32..650 {
        put(&env, b"the same key", &number.to_be_bytes())?;
    }
    let info = env.info()?;
    assert!(info.allocated_pages <= 128, "{}", info.allocated_pages);
    assert_eq!(open_after(&place.cut(|_| ()))?, now(&env)?);
    Ok(())
}

#[test]
fn a_commit_on_one_that_another_environment_sealed_waits_twice() -> Result<()> {
    let place = Place::new();
    let env = place.open(options(PageSize::DEFAULT))?;
    let id = put(&env, b"key", b"value")?;
    env.close_without_sync();
    assert!(!is_steady(&place, 4096));

    let env = place.open(options(PageSize::DEFAULT))?;
    assert_eq!(env.read()?.id(), id, "in the same boot nothing is lost");
    put(&env, b"key", b"other")?;
    assert!(is_steady(&place, 4096));
    assert_eq!(open_after(&place.cut(|_| ()))?, now(&env)?);
    Ok(())
}

#[test]
fn a_closed_file_is_steady() -> Result<()> {
    let place = Place::new();
    let env = place.open(options(PageSize::DEFAULT))?;
    put(&env, b"key", b"value")?;
    assert!(!is_steady(&place, 4096));
    env.close()?;
    assert!(is_steady(&place, 4096));
    inspect(&place.file());
    Ok(())
}

#[test]
fn an_older_seal_behind_a_newer_body_means_nothing() -> Result<()> {
    let place = Place::new();
    let env = place.open(options(PageSize::DEFAULT))?;
    put(&env, b"key", b"value")?;
    let before = now(&env)?;
    let steady = {
        env.sync()?;
        now(&env)?
    };
    assert_eq!(before, steady);
    let mut txn = env.write()?;
    txn.put(Table::MAIN, b"key", b"lost")?;
    txn.weaken(Durability::SafeNoSync);
    txn.commit()?;
    for digest in [0, u64::MAX] {
        let copy = place.cut(|bytes| {
            let (newest, is_steady) = newest_meta(bytes, 4096);
            assert!(!is_steady);
            let seal = newest * 4096 + 244;
            assert_eq!(
                bytes[seal..seal + 12],
                [0; 12],
                "a body without a seal is followed by zeros"
            );
            bytes[seal..seal + 8].copy_from_slice(&digest.to_le_bytes());
        });
        assert_eq!(open_after(&copy)?, before);
    }
    Ok(())
}

#[test]
fn ids_that_a_lost_commit_had_are_used_again_and_its_pages_do_not_pass_for_new_ones() -> Result<()>
{
    let place = Place::new();
    let env = place.open(options(PageSize::MIN))?;
    put(&env, b"key", b"first")?;
    let whole = fs::read(place.file()).unwrap();
    let base = now(&env)?;
    let lost = put(&env, b"key", b"lost")?;
    let with_lost = fs::read(place.file()).unwrap();
    drop(env);

    // The meta of the lost commit did not reach the disk, its pages did.
    let mut bytes = with_lost;
    bytes[..3 * 256].copy_from_slice(&whole[..3 * 256]);
    fs::write(place.file(), &bytes).unwrap();
    set_boot_id(Some(AFTER));
    let env = options(PageSize::MIN)
        .durability(Durability::SingleSync)
        .open(place.file())?;
    assert_eq!(now(&env)?, base);
    let again = put(&env, b"key", b"again")?;
    assert_eq!(again, lost);
    assert!(!is_steady(&place, 256));
    let written = fs::read(place.file()).unwrap();
    for page in (3..written.len() / 256).filter(|page| u64_at(&written, page * 256) == again.0) {
        let at = page * 256..page * 256 + 256;
        if written[at.clone()] == bytes[at.clone()] {
            continue;
        }
        // It did not reach the disk, and shows what the lost commit had left there.
        let copy = place.cut(|now| now[at.clone()].copy_from_slice(&bytes[at.clone()]));
        set_boot_id(Some([3; 16]));
        let env = Env::options().create(false).open(&copy)?;
        assert_eq!(now(&env)?, base, "page {page}");
        set_boot_id(Some(AFTER));
    }
    Ok(())
}

/// What tells this program that it is the other process, and which file to open.
const OTHER: &str = "MDBX_SINGLE_SYNC_FILE";

/// Not a test of its own: what the other process runs.
#[test]
fn keep_the_file_open_as_another_process() {
    if let Some(file) = std::env::var_os(OTHER) {
        let _env = Env::options().create(false).open(file).unwrap();
        println!("\nopened");
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap(); // until the other end is closed
    }
}

#[test]
#[expect(
    clippy::zombie_processes,
    reason = "if a claim before the wait is wrong, the test and its process are over"
)]
fn beside_another_process_a_commit_waits_twice() -> Result<()> {
    let place = Place::new();
    let env = place.open(options(PageSize::DEFAULT))?;
    put(&env, b"key", b"alone")?;
    assert!(!is_steady(&place, 4096));

    let mut other = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "keep_the_file_open_as_another_process",
            "--nocapture",
        ])
        .env(OTHER, place.file())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let told = BufReader::new(other.stdout.take().unwrap()).lines();
    let mut told = told.map_while(std::io::Result::ok);
    assert!(told.any(|line| line == "opened"));
    for number in 0_u32..3 {
        put(&env, b"key", &number.to_be_bytes())?;
        assert!(is_steady(&place, 4096));
    }
    drop(other.stdin.take());
    assert!(other.wait().unwrap().success());

    put(&env, b"key", b"alone again")?;
    assert!(!is_steady(&place, 4096));
    assert_eq!(open_after(&place.cut(|_| ()))?, now(&env)?);
    Ok(())
}

/// A disk that fails to flush as soon as it is told to.
#[derive(Debug, Default)]
struct Failing(AtomicBool);

impl Disk for Failing {
    fn before(&self, effect: &Effect<'_>) -> Fate {
        let is_flush = matches!(effect, Effect::SyncData | Effect::SyncAll);
        if is_flush && self.0.load(Ordering::Relaxed) {
            return Fate::Fail {
                done: 0,
                error: ErrorKind::StorageFull.into(),
            };
        }
        Fate::Pass
    }
}

#[test]
fn a_failed_flush_takes_its_commit_back_and_no_other() -> Result<()> {
    let place = Place::new();
    let disk = Arc::new(Failing::default());
    let env = place.open(options(PageSize::DEFAULT).simulate(disk.clone()))?;
    for number in 0_u32..3 {
        put(&env, b"key", &number.to_be_bytes())?;
        assert!(!is_steady(&place, 4096));
    }
    let before = now(&env)?;
    disk.0.store(true, Ordering::Relaxed);
    let failed = put(&env, b"key", b"failed");
    assert!(matches!(failed, Err(Error::Io { .. })), "{failed:?}");
    disk.0.store(false, Ordering::Relaxed);
    let refused = put(&env, b"key", b"refused");
    assert!(matches!(refused, Err(Error::EnvFailed)), "{refused:?}");

    assert_eq!(open_after(&place.cut(|_| ()))?, before, "after a power cut");
    drop(env);
    let env = place.open(options(PageSize::DEFAULT))?;
    assert_eq!(now(&env)?, before, "in the same boot");
    put(&env, b"key", b"goes on")?;
    assert_eq!(open_after(&place.cut(|_| ()))?, now(&env)?);
    Ok(())
}

/// Counts how often the disk is waited for.
#[derive(Debug, Default)]
struct Waits(AtomicUsize);

impl Disk for Waits {
    fn before(&self, effect: &Effect<'_>) -> Fate {
        use Effect::{SyncAll, SyncData, WriteDurable};
        if matches!(effect, SyncData | SyncAll | WriteDurable { .. }) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        Fate::Pass
    }
}

#[test]
fn a_commit_waits_once_and_the_sign_that_makes_it_steady_once_more() -> Result<()> {
    let place = Place::new();
    let disk = Arc::new(Waits::default());
    let env = place.open(options(PageSize::DEFAULT).simulate(disk.clone()))?;
    put(&env, b"key", b"value")?;
    let waits = || disk.0.swap(0, Ordering::Relaxed);
    waits();
    put(&env, b"key", b"other")?;
    assert_eq!(waits(), 1);
    env.sync()?;
    assert_eq!(waits(), 1, "its pages are on the disk already");
    assert!(is_steady(&place, 4096));
    env.set_durability(Durability::Durable)?;
    put(&env, b"key", b"durable")?;
    assert_eq!(waits(), 2);
    Ok(())
}

#[test]
fn weak_commits_that_follow_a_sealed_one_do_not_endanger_it() -> Result<()> {
    for weak in [Durability::SafeNoSync, Durability::UtterlyNoSync] {
        let place = Place::new();
        let env = place.open(options(PageSize::DEFAULT))?;
        put(&env, b"key", b"promised")?;
        assert!(!is_steady(&place, 4096));
        let promised = now(&env)?;
        env.set_durability(weak)?;
        // More would use its pages again, where nothing is left alone.
        let count = if weak == Durability::SafeNoSync { 5 } else { 2 };
        for number in 0_u32..count {
            put(&env, b"key", &number.to_be_bytes())?;
            assert_eq!(open_after(&place.cut(|_| ()))?, promised);
        }
    }
    Ok(())
}
