//! Damaged files: an error or an answer, but never a panic, and never a call that does not return.
//!
//! `MDBX_SEED` sets the seed and `MDBX_DAMAGE_ROUNDS` how often each file is damaged anew.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::path::{Path, PathBuf};

use common::{Rng, number_from_env, with_patience};
use mdbx_core::tools::check::{Report, check};
use mdbx_core::tools::dump::dump;
use mdbx_core::{Env, Geometry, PageSize, ReadTxn, Result, Table, TableFlags, TableRef};

/// The bytes of a sound file, and its page size.
struct Sound {
    name: String,
    bytes: Vec<u8>,
    page_size: usize,
}

impl Sound {
    fn read(name: &str, path: &Path) -> Sound {
        let bytes = std::fs::read(path).unwrap();
        let page_size = u32::from_le_bytes(bytes[64..68].try_into().unwrap()) as usize;
        Sound {
            name: name.to_owned(),
            bytes,
            page_size,
        }
    }

    /// Returns how many pages were ever used.
    fn used_pages(&self) -> usize {
        let of_meta = |number: usize| {
            let at = number * self.page_size + 56;
            u32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap()) as usize
        };
        (0..3)
            .map(of_meta)
            .max()
            .unwrap()
            .min(self.bytes.len() / self.page_size)
    }
}

fn golden_files() -> Vec<Sound> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "mdbx")
    });
    paths.sort();
    paths
        .iter()
        .map(|path| Sound::read(&path.file_name().unwrap().to_string_lossy(), path))
        .collect()
}

/// A file with everything in it: branches, large values, sub-pages, nested trees of two levels, free pages.
fn file_written_here(page_size: u32) -> Result<Sound> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    let geometry = Geometry::default()
        .page_size(PageSize::new(page_size).unwrap())
        .upper(1 << 24)
        .growth_step(1 << 14);
    let env = Env::options().geometry(geometry).open(&path)?;
    for round in 0..4_u32 {
        let mut txn = env.write()?;
        let plain = txn.create_table("plain", TableFlags::empty())?;
        let dups = txn.create_table("dups", TableFlags::DUP_SORT)?;
        for n in 0..120_u32 {
            txn.put(
                plain,
                &(n * 7 % 120).to_be_bytes(),
                &vec![1; (n % 30) as usize],
            )?;
            txn.put(dups, &[(n % 9).to_le_bytes()[0]; 5], &(n * n).to_be_bytes())?;
            txn.put(dups, b"many", &(n + 1000 * round).to_be_bytes())?;
        }
        txn.put(plain, b"large", &vec![2; page_size as usize * 3])?;
        txn.put(Table::MAIN, b"item", b"value")?;
        txn.delete(plain, &(round * 11).to_be_bytes())?;
        txn.commit()?;
    }
    drop(env);
    Ok(Sound::read(&format!("written here, {page_size}"), &path))
}

/// Damages a file: mostly where something is, and mostly a little.
fn damage(sound: &Sound, rng: &mut Rng) -> Vec<u8> {
    let (mut bytes, size) = (sound.bytes.clone(), sound.page_size);
    let used = sound.used_pages();
    for _ in 0..=rng.below(3) {
        let page = if rng.once_in(10) || used == 3 {
            rng.below(used)
        } else {
            3 + rng.below(used - 3)
        };
        let start = page * size;
        match rng.below(20) {
            0 => bytes[start..start + size].fill(0),
            1 => {
                let fill = rng.bytes(size);
                bytes[start..start + size].copy_from_slice(&fill);
            }
            2 => {
                let other = rng.below(used) * size;
                bytes.copy_within(other..other + size, start);
            }
            3 => {
                // A page that carries the right number, but is another one.
                let other = rng.below(used) * size;
                bytes.copy_within(other..other + size, start);
                bytes[start + 16..start + 20]
                    .copy_from_slice(&u32::try_from(page).unwrap().to_le_bytes());
            }
            4 if rng.once_in(3) => {
                let len = rng.below(bytes.len());
                bytes.truncate(len);
                return bytes;
            }
            5..10 => {
                // A small number in place of one of two or four bytes: another page, offset or count.
                let at = start + 2 * rng.below(size / 2 - 1);
                let number = u32::try_from(rng.below(used + 3)).unwrap().to_le_bytes();
                let len = *rng.pick(&[2, 4]);
                bytes[at..at + len].copy_from_slice(&number[..len]);
            }
            10..13 => bytes[start + rng.below(20 + 40.min(size - 20))] = rng.byte(),
            13..16 => {
                bytes[start + rng.below(size)] = *rng.pick(&[0, 1, 2, 4, 6, 0x7F, 0x80, 0xFF]);
            }
            _ => bytes[start + rng.below(size)] ^= 1 << rng.below(8),
        }
    }
    bytes
}

/// Reads all there is in a table in every way. The items are no more than the file has room for, unless a tree
/// leads to the same pages again and again; then reading stops.
fn read_table(table: &TableRef<'_>, most: usize) -> Result<()> {
    let mut keys: Vec<Vec<u8>> = Vec::new();
    for item in table.iter().take(most) {
        let (key, value) = item?;
        assert!(value.len() <= most);
        if keys.len() < 50 {
            keys.push(key.to_vec());
        }
    }
    for key in &keys {
        table.get_with_count(key)?;
        table.contains_dup(key, b"value")?;
        table
            .dups(key)?
            .rev()
            .take(most)
            .try_for_each(|value| value.map(|_| ()))?;
    }
    table.get_many(&keys)?;
    let mut cursor = table.cursor();
    for key in keys.iter().rev() {
        cursor.seek(key)?;
        cursor.prev_key()?;
        cursor.next_dup()?;
        cursor.last_dup()?;
        cursor.seek_dup(key, b"value")?;
        cursor.current()?;
    }
    table
        .iter()
        .rev()
        .take(most)
        .try_for_each(|item| item.map(|_| ()))
}

/// Reads everything. Errors are as good as answers.
fn read_all(txn: &ReadTxn<'_>, most: usize) {
    let _ = txn
        .table(Table::MAIN)
        .and_then(|main| read_table(&main, most));
    for (name, _) in txn.tables().unwrap_or_default() {
        let _ = txn
            .open_table(&name)
            .and_then(|table| read_table(&txn.table(table)?, most));
    }
}

/// Writes a little to every table, in transactions of its own. Errors are as good as answers.
fn write_all(env: &Env, rng: &mut Rng) {
    let tables = env.read().and_then(|txn| txn.tables()).unwrap_or_default();
    for (name, flags) in tables
        .into_iter()
        .chain([(Vec::new(), TableFlags::empty())])
    {
        let keys = rng_keys(env, &name, rng);
        let _ = env.write().and_then(|mut txn| {
            let table = if name.is_empty() {
                Table::MAIN
            } else {
                txn.create_table(&name, flags)?
            };
            for key in &keys {
                let len = if rng.once_in(6) { 1500 } else { 10 };
                let value = rng.bytes(if flags == TableFlags::DUP_SORT {
                    10
                } else {
                    len
                });
                let _ = match rng.below(5) {
                    0 => txn.delete(table, key).map(|_| ()),
                    1 => txn
                        .get(table, key)
                        .map(|value| value.map(<[u8]>::to_vec))
                        .and_then(|value| {
                            txn.delete_dup(table, key, &value.unwrap_or_default())
                                .map(|_| ())
                        }),
                    _ => txn.put(table, key, &value),
                };
            }
            if rng.once_in(2) {
                let (from, to) = (rng.pick(&keys), rng.pick(&keys));
                let bounds = if rng.once_in(2) { from..to } else { to..from };
                let value = rng.bytes(3);
                let _ = txn.table_mut(table).and_then(|mut table| {
                    table.delete_pairs((&bounds.start[..], &value[..])..=(bounds.end, &value[..]))
                });
            }
            if rng.once_in(8) {
                let _ = txn.clear(table);
            }
            txn.commit()
        });
    }
    let _ = env.write().and_then(|mut txn| {
        for (name, _) in txn.tables()?.into_iter().filter(|_| rng.once_in(3)) {
            let table = txn.open_table(&name)?;
            txn.drop_table(table)?;
        }
        txn.commit()
    });
}

/// Returns some keys of a table, and some others.
fn rng_keys(env: &Env, name: &[u8], rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = (0..4).map(|_| rng.bytes(4)).collect();
    let _ = env.read().and_then(|txn| {
        let table = if name.is_empty() {
            Table::MAIN
        } else {
            txn.open_table(name)?
        };
        let found = txn.table(table)?.iter().take(200).filter_map(Result::ok);
        keys.extend(
            found
                .filter(|_| rng.once_in(4))
                .map(|(key, _)| key.to_vec()),
        );
        Ok(())
    });
    keys
}

/// Does to a file whatever can be done to it; tells whether it could be opened.
fn exercise(bytes: &[u8], path: &Path, rng: &mut Rng) -> bool {
    std::fs::write(path, bytes).unwrap();
    let geometry = Geometry::default().upper(1 << 24);
    let Ok(env) = Env::options().create(false).geometry(geometry).open(path) else {
        return false;
    };
    for _ in 0..2 {
        if let Ok(txn) = env.read() {
            let report = check(&txn);
            assert!(report.to_string().len() < 1 << 20);
            let _ = dump(&txn, &mut Bounded(16 * bytes.len()));
            read_all(&txn, 2 * bytes.len());
        }
        write_all(&env, rng);
    }
    true
}

/// Takes so many bytes and then no more, so that the dump of a tree that leads round and round ends.
struct Bounded(usize);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len())
            .ok_or(std::io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Damages each file so many times over, each time with a seed of its own.
fn damage_many(files: &[Sound], default_seed: u64, default_rounds: u64) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    let first_seed = number_from_env("MDBX_SEED", default_seed);
    let (mut opened, mut rounds) = (0, 0);
    for seed in first_seed..first_seed + number_from_env("MDBX_DAMAGE_ROUNDS", default_rounds) {
        for sound in files {
            let mut rng = Rng::with_seed(seed);
            let bytes = damage(sound, &mut rng);
            let name = &sound.name;
            let complaint = format!("{name} does not return; to repeat: MDBX_SEED={seed}");
            with_patience(&complaint, || {
                opened += usize::from(exercise(&bytes, &path, &mut rng));
            });
            rounds += 1;
        }
    }
    assert!(
        2 * opened > rounds,
        "most files can be opened, or nothing is tested: {opened} of {rounds}"
    );
}

#[test]
fn damaged_files_of_libmdbx_give_errors_or_answers() {
    damage_many(&golden_files(), 1000, 12);
}

#[test]
fn damaged_files_of_our_own_give_errors_or_answers() -> Result<()> {
    let files = [256, 512, 1024, 4096]
        .map(file_written_here)
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    damage_many(&files, 2000, 60);
    Ok(())
}

/// Writes `bytes` to a file and checks that.
fn report_on(bytes: &[u8]) -> Result<Report> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    std::fs::write(&path, bytes).unwrap();
    let env = Env::options().create(false).open(&path)?;
    let txn = env.read()?;
    Ok(check(&txn))
}

#[test]
fn the_check_finds_a_change_in_any_field_of_any_page_header_in_use() -> Result<()> {
    let sound = file_written_here(256)?;
    assert!(report_on(&sound.bytes)?.is_sound());
    let mut unused = 0;
    for page in 3..sound.used_pages() {
        let start = page * sound.page_size;
        let changes: [(&str, usize, u8); 5] = [
            ("txnid", 7, 1),
            ("flags", 11, 1),
            ("lower", 12, 1),
            ("upper", 14, 2),
            ("pgno", 16, 1),
        ];
        let found = changes.map(|(field, at, bit)| {
            let mut bytes = sound.bytes.clone();
            bytes[start + at] ^= bit;
            (field, !report_on(&bytes).unwrap().is_sound())
        });
        // Of a large value, and of a free page, only some fields or none mean anything.
        let is_tree_page = matches!(sound.bytes[start + 10], 1 | 2);
        let all = found.iter().all(|&(_, found)| found);
        assert!(
            all || !is_tree_page || found.iter().all(|&(_, found)| !found),
            "page {page}: {found:?}"
        );
        unused += usize::from(!all);
    }
    assert!(
        unused < sound.used_pages() / 2,
        "{unused} pages are not in use"
    );
    Ok(())
}

/// Puts `bytes` at `at` and returns what the check finds.
fn findings_after(sound: &Sound, at: usize, bytes: &[u8]) -> Result<String> {
    let mut damaged = sound.bytes.clone();
    damaged[at..at + bytes.len()].copy_from_slice(bytes);
    let report = report_on(&damaged)?;
    assert!(!report.is_sound());
    Ok(report.to_string())
}

/// Returns where the newest meta is.
fn newest_meta(sound: &Sound) -> usize {
    let txnid = |number: usize| {
        let at = number * sound.page_size + 28;
        u64::from_le_bytes(sound.bytes[at..at + 8].try_into().unwrap())
    };
    (0..3).max_by_key(|&number| txnid(number)).unwrap() * sound.page_size
}

#[test]
fn the_check_finds_wrong_counters_lost_pages_and_pages_used_twice() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    let env = Env::options()
        .geometry(Geometry::default().page_size(PageSize::MIN).upper(1 << 24))
        .open(&path)?;
    for n in 0..100_u32 {
        let mut txn = env.write()?;
        txn.put(Table::MAIN, &n.to_be_bytes(), b"value")?;
        txn.commit()?;
    }
    drop(env);
    let sound = Sound::read("here", &path);
    let meta = newest_meta(&sound);
    let main = meta + 108;

    let found = findings_after(&sound, main + 16, &[99, 0, 0, 0])?;
    assert!(found.contains("main: its record must count"), "{found}");
    let found = findings_after(&sound, main + 32, &[99])?;
    assert!(found.contains("main: its record must count"), "{found}");

    let first_unallocated =
        u32::from_le_bytes(sound.bytes[meta + 56..meta + 60].try_into().unwrap());
    let found = findings_after(&sound, meta + 56, &(first_unallocated + 2).to_le_bytes())?;
    assert!(
        found.contains("it and the 1 pages after it must be used"),
        "{found}"
    );

    // The newest record of free pages ends with its highest key; its list begins 12 bytes after the node's key.
    let gc_root = u32::from_le_bytes(
        sound.bytes[meta + 60 + 8..meta + 60 + 12]
            .try_into()
            .unwrap(),
    ) as usize;
    let main_root = &sound.bytes[main + 8..main + 12];
    let page = &sound.bytes[gc_root * 256..(gc_root + 1) * 256];
    let (lower, upper) = (usize::from(page[12]), usize::from(page[14]));
    assert!(
        lower > 0 && page[10] == 2,
        "the table of free pages is one leaf"
    );
    let list = gc_root * 256 + 20 + upper + 16;
    assert!(sound.bytes[list] > 0, "it lists a page");
    let found = findings_after(&sound, list + 4, main_root)?;
    assert!(
        found.contains("free") || found.contains("must be sound"),
        "{found}"
    );
    Ok(())
}
