//! Copies: whole, sound databases of the same contents, made while others write.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::TryRecvError;

use common::{TempEnv, assert_sound, dump, inspect, items, page_sizes};
use mdbx_core::tools::check::check;
use mdbx_core::tools::copy::CopyOptions;
use mdbx_core::{Env, Error, Geometry, PageSize, ReadTxn, Result, Table, TableFlags};

/// A database with everything in it: large values, several values of one key in the leaf and in a tree of their own,
/// sequences, an empty table, free pages.
fn database(page_size: PageSize) -> Result<TempEnv> {
    let env = TempEnv::with_page_size(page_size);
    for round in 0..3_u32 {
        let mut txn = env.write()?;
        let plain = txn.create_table("plain", TableFlags::empty())?;
        let dups = txn.create_table("dups", TableFlags::DUP_SORT)?;
        txn.create_table("empty", TableFlags::DUP_SORT)?;
        for n in 0..200_u32 {
            let len = page_size.bytes() / 16 + n as usize % 7;
            txn.put(plain, &(n * 7 % 200).to_be_bytes(), &vec![1; len])?;
            txn.put(dups, &[(n % 9).to_le_bytes()[0]], &(n * n).to_be_bytes())?;
            let value = [vec![3; page_size.bytes() / 20], n.to_be_bytes().to_vec()].concat();
            txn.put(dups, b"many", &value)?;
        }
        txn.put(plain, b"large", &vec![2; page_size.bytes() * 3])?;
        txn.put(Table::MAIN, b"item", &vec![4; page_size.bytes() * 2])?;
        txn.delete(plain, &(round * 11).to_be_bytes())?;
        txn.sequence(plain, 5)?;
        txn.sequence(Table::MAIN, 7)?;
        txn.commit()?;
    }
    Ok(env)
}

/// Opens a copy, holds it against what it must contain, and changes it until each of its metas was overwritten.
fn assert_is_copy(path: &Path, expected: &str) -> Result<()> {
    inspect(path);
    {
        let env = Env::options().create(false).open(path)?;
        let txn = env.read()?;
        assert_sound(&txn);
        assert!(dump(&txn)? == expected, "the contents differ");
    }
    let geometry = Geometry::default().growth_step(1 << 16).upper(1 << 28);
    let options = Env::options().create(false).geometry(geometry);
    for n in 0..4_u8 {
        let env = options.clone().open(path)?;
        let mut txn = env.write()?;
        txn.put(Table::MAIN, &[n; 9], b"added to the copy")?;
        txn.commit()?;
        assert_sound(&env.read()?);
    }
    inspect(path);
    Ok(())
}

/// Returns where to copy to, in a directory that lives as long as the first value.
fn new_path() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("copy.mdbx");
    (directory, path)
}

fn options(compact: bool) -> CopyOptions<'static> {
    CopyOptions::new().compact(compact)
}

fn file_len(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

#[test]
fn copies_have_the_same_contents_at_every_page_size() -> Result<()> {
    for page_size in page_sizes() {
        let env = database(page_size)?;
        let txn = env.read()?;
        let expected = dump(&txn)?;
        for compact in [false, true] {
            let (_directory, path) = new_path();
            let len = options(compact).to_path(&txn, &path)?;
            assert_eq!(len, file_len(&path));
            assert_eq!(len % 4096, 0);
            assert_is_copy(&path, &expected)?;
        }
    }
    Ok(())
}

#[test]
fn golden_files_can_be_copied() -> Result<()> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut copied = 0;
    for entry in std::fs::read_dir(golden).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "mdbx") {
            continue;
        }
        let env = TempEnv::copy_of(&path)?;
        let txn = env.read()?;
        let expected = std::fs::read_to_string(path.with_extension("dump")).unwrap();
        for compact in [false, true] {
            let (_directory, path) = new_path();
            options(compact).to_path(&txn, &path)?;
            let copy = Env::options().create(false).open(&path)?;
            assert_sound(&copy.read()?);
            assert!(dump(&copy.read()?)? == expected, "the contents differ");
            drop(copy);
            inspect(&path);
            copied += 1;
        }
    }
    assert!(copied > 30);
    Ok(())
}

#[test]
fn an_empty_database_can_be_copied() -> Result<()> {
    for compact in [false, true] {
        let (_directory, path) = new_path();
        options(compact).to_path(&TempEnv::new().read()?, &path)?;
        assert_is_copy(&path, "[main] flags=0x00 seq=0 items=0\n")?;
    }
    Ok(())
}

#[test]
fn a_compact_copy_has_no_free_page_and_is_not_longer() -> Result<()> {
    let env = database(PageSize::MIN)?;
    let txn = env.read()?;
    let source = check(&txn);
    assert!(source.free_pages > 0);
    let (_directory, path) = new_path();
    options(true).to_path(&txn, &path)?;
    let copy = Env::open(&path)?;
    let report = check(&copy.read()?);
    assert_eq!((report.free_pages, report.free_records), (0, 0));
    assert_eq!(
        u64::from(report.allocated_pages),
        3 + report.branch_pages + report.leaf_pages + report.large_pages
    );
    assert!(report.allocated_pages < source.allocated_pages);
    Ok(())
}

#[test]
fn the_leaves_of_a_compact_copy_lie_in_the_order_of_their_keys() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let mut txn = env.write()?;
    for n in 0..1000_u32 {
        txn.put(Table::MAIN, &(n * 617 % 1000).to_be_bytes(), b"value")?;
    }
    txn.commit()?;
    let mut bytes = Vec::new();
    options(true).to_writer(&env.read()?, &mut bytes)?;
    let first_key = |page: &[u8]| {
        let node = 20 + usize::from(u16::from_le_bytes([page[20], page[21]]));
        page[node + 8..node + 12].to_vec()
    };
    let leaves: Vec<Vec<u8>> = bytes
        .chunks_exact(256)
        .filter(|page| page[10] == 2)
        .map(first_key)
        .collect();
    assert!(leaves.len() > 50);
    assert!(leaves.is_sorted());
    Ok(())
}

#[test]
fn the_marks_of_the_user_are_copied() -> Result<()> {
    let (_directory, path) = new_path();
    drop(Env::open(&path)?);
    let mut bytes = std::fs::read(&path).unwrap();
    let marks: Vec<u8> = (1..=32).collect();
    bytes[2 * 4096 + 156..2 * 4096 + 188].copy_from_slice(&marks);
    std::fs::write(&path, bytes).unwrap();
    let env = Env::open(&path)?;
    for compact in [false, true] {
        let mut bytes = Vec::new();
        options(compact).to_writer(&env.read()?, &mut bytes)?;
        assert_eq!(bytes[2 * 4096 + 156..2 * 4096 + 188], marks);
    }
    Ok(())
}

#[test]
fn a_copy_has_the_geometry_of_its_source() -> Result<()> {
    let geometry = Geometry::default().lower(1 << 20).upper(1 << 23);
    let env = TempEnv::with_geometry(geometry.growth_step(1 << 16));
    env.put(Table::MAIN, b"key", b"value")?;
    for compact in [false, true] {
        let (_directory, path) = new_path();
        let len = options(compact).to_path(&env.read()?, &path)?;
        assert_eq!((len, file_len(&path)), (1 << 20, 1 << 20));
        let copy = Env::options().create(false).open(&path)?;
        assert_eq!(copy.info()?.geometry.upper, 1 << 23);
    }
    Ok(())
}

/// Changes everything that [`database`] has put, so that pages are freed and used again.
fn churn(env: &Env, round: u32) -> Result<()> {
    let mut txn = env.write()?;
    let plain = txn.create_table("plain", TableFlags::empty())?;
    let dups = txn.create_table("dups", TableFlags::DUP_SORT)?;
    for n in 0..200_u32 {
        txn.put(plain, &n.to_be_bytes(), &vec![9; (n + round) as usize % 60])?;
        txn.put(dups, b"many", &(n * round).to_be_bytes())?;
    }
    txn.delete(dups, &[5])?;
    txn.put(plain, b"large", &vec![8; 2000 + 100 * round as usize])?;
    txn.commit()?;
    Ok(())
}

#[test]
fn commits_made_meanwhile_are_not_in_the_copy() -> Result<()> {
    for page_size in [PageSize::MIN, PageSize::DEFAULT, PageSize::MAX] {
        let env = database(page_size)?;
        let mut rounds = 0;
        for compact in [false, true] {
            let txn = env.read()?;
            let expected = dump(&txn)?;
            let (_directory, path) = new_path();
            let meanwhile = |_| {
                rounds += 1;
                churn(&env, rounds).unwrap();
                ControlFlow::Continue(())
            };
            options(compact).progress(meanwhile).to_path(&txn, &path)?;
            assert!(rounds >= 2);
            assert!(dump(&env.read()?)? != expected);
            assert_is_copy(&path, &expected)?;
        }
    }
    Ok(())
}

#[test]
fn copies_made_while_another_thread_commits_are_sound() -> Result<()> {
    let env = database(PageSize::new(512).unwrap())?;
    let env = &*env;
    std::thread::scope(|scope| {
        // The writer ends with the sender, however this ends.
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let writer = scope.spawn(move || {
            let mut round = 0;
            while ended.try_recv() == Err(TryRecvError::Empty) {
                round += 1;
                churn(env, round).unwrap();
            }
            round
        });
        for n in 0..10 {
            let txn = env.read()?;
            let (_directory, path) = new_path();
            options(n % 2 == 0).to_path(&txn, &path)?;
            let expected = dump(&txn)?;
            drop(txn); // or the file grows with every commit
            assert_is_copy(&path, &expected)?;
        }
        drop(end);
        assert!(writer.join().unwrap() > 1);
        Ok(())
    })
}

#[test]
fn what_goes_into_a_pipe_is_what_goes_into_a_file() -> Result<()> {
    let env = database(PageSize::new(1024).unwrap())?;
    let txn = env.read()?;
    let expected = dump(&txn)?;
    for compact in [false, true] {
        let (mut reader, writer) = io::pipe().unwrap();
        let receiver = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            bytes
        });
        let len = options(compact).to_writer(&txn, writer)?;
        let bytes = receiver.join().unwrap();
        assert_eq!(bytes.len() as u64, len);
        let (_directory, path) = new_path();
        std::fs::write(&path, bytes).unwrap();
        assert_is_copy(&path, &expected)?;
    }
    Ok(())
}

/// Returns the names in the directory of `path`.
fn names_beside(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path.parent().unwrap()).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn an_existing_file_is_replaced_only_when_asked() -> Result<()> {
    let env = database(PageSize::MIN)?;
    let txn = env.read()?;
    let (_directory, path) = new_path();
    std::fs::write(&path, b"something else").unwrap();
    let refused = options(false).to_path(&txn, &path).unwrap_err();
    assert!(
        matches!(&refused, Error::Open { source, .. } if source.kind() == io::ErrorKind::AlreadyExists),
        "{refused:?}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"something else");
    options(true).overwrite(true).to_path(&txn, &path)?;
    assert_eq!(names_beside(&path), ["copy.mdbx"]);
    assert_is_copy(&path, &dump(&txn)?)
}

#[test]
fn a_file_that_appears_meanwhile_is_not_replaced() -> Result<()> {
    let env = database(PageSize::MIN)?;
    let (_directory, path) = new_path();
    let appears = |_| {
        std::fs::write(&path, b"something else").unwrap();
        ControlFlow::Continue(())
    };
    let refused = options(false)
        .progress(appears)
        .to_path(&env.read()?, &path);
    assert!(matches!(refused, Err(Error::Open { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"something else");
    assert_eq!(names_beside(&path), ["copy.mdbx"]);
    Ok(())
}

#[test]
fn a_database_is_not_copied_onto_itself() -> Result<()> {
    let env = database(PageSize::MIN)?;
    let expected = dump(&env.read()?)?;
    let refused = options(true)
        .overwrite(true)
        .to_path(&env.read()?, env.path());
    assert!(matches!(refused, Err(Error::AlreadyOpen { .. })));
    assert!(dump(&env.read()?)? == expected);
    Ok(())
}

#[test]
fn a_copy_that_is_stopped_leaves_nothing_behind() -> Result<()> {
    let env = database(PageSize::MIN)?;
    let txn = env.read()?;
    for compact in [false, true] {
        for calls in 0..2 {
            let (_directory, path) = new_path();
            let mut left = calls;
            let copy = options(compact).progress(|_| {
                if left == 0 {
                    return ControlFlow::Break(());
                }
                left -= 1;
                ControlFlow::Continue(())
            });
            assert!(matches!(copy.to_path(&txn, &path), Err(Error::Stopped)));
            assert!(names_beside(&path).is_empty());
        }
    }
    Ok(())
}

#[test]
fn progress_rises_from_nothing_to_all() -> Result<()> {
    let env = TempEnv::new();
    let mut txn = env.write()?;
    for n in 0..3_u8 {
        txn.put(Table::MAIN, &[n], &vec![n; 3 << 20])?;
    }
    txn.commit()?;
    for compact in [false, true] {
        let mut told = Vec::new();
        let copy = options(compact).progress(|progress| {
            told.push((progress.done, progress.all));
            ControlFlow::Continue(())
        });
        let len = copy.to_writer(&env.read()?, io::sink())?;
        let all = len / 4096;
        assert!(told.len() > 8);
        assert_eq!(told[0].0, 0);
        assert!(told.is_sorted());
        let (done, of) = *told.last().unwrap();
        assert_eq!(done, of);
        assert!(told.iter().all(|&(_, of)| of == done && of <= all));
    }
    Ok(())
}

/// Takes some bytes, and then no more.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.0.checked_sub(bytes.len());
        self.0 = left.ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_that_takes_no_more_ends_the_copy() -> Result<()> {
    let env = database(PageSize::DEFAULT)?;
    let len = options(false).to_writer(&env.read()?, io::sink())?;
    for compact in [false, true] {
        for room in [0, 10_000] {
            let copied = options(compact).to_writer(&env.read()?, Full(room));
            assert!(matches!(copied, Err(Error::Io { .. })), "{len}");
        }
    }
    Ok(())
}

/// Changes one byte of the data file behind the back of the environment, for as long as `with` runs.
fn with_byte_changed(env: &Env, at: usize, with: impl FnOnce()) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(env.path())
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at as u64).unwrap();
    file.write_all_at(&[byte[0] ^ 0x55], at as u64).unwrap();
    with();
    file.write_all_at(&byte, at as u64).unwrap();
}

#[test]
fn a_compact_copy_of_a_damaged_snapshot_is_an_error_and_no_file() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let mut txn = env.write()?;
    for n in 0..100_u32 {
        txn.put(Table::MAIN, &n.to_be_bytes(), b"value")?;
    }
    txn.commit()?;
    let txn: ReadTxn<'_> = env.read()?;
    let end = env.info()?.allocated_pages as usize;
    for page in 3..end {
        with_byte_changed(&env, page * 256 + 14, || {
            let (_directory, path) = new_path();
            let copied = options(true).to_path(&txn, &path);
            assert!(copied.unwrap_err().is_corruption(), "page {page}");
            assert!(names_beside(&path).is_empty());
        });
    }
    assert_eq!(items(&txn.table(Table::MAIN)?)?.len(), 100);
    Ok(())
}

#[test]
fn a_copy_may_be_read_and_written_by_those_who_may_its_source() -> Result<()> {
    let env = TempEnv::new();
    for mode in [0o600, 0o640] {
        std::fs::set_permissions(env.path(), PermissionsExt::from_mode(mode)).unwrap();
        let (_directory, path) = new_path();
        options(false).to_path(&env.read()?, &path)?;
        let permissions = std::fs::metadata(&path).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, mode);
    }
    Ok(())
}

#[test]
fn a_database_in_memory_is_copied_to_a_file_of_its_owner() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let env = Env::options().open_in_memory()?;
    let mut txn = env.write()?;
    txn.put(Table::MAIN, b"key", b"value")?;
    txn.commit()?;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("copy.mdbx");
    for overwrite in [false, true] {
        let copy = CopyOptions::new().overwrite(overwrite);
        copy.to_path(&env.read()?, &path)?;
        assert_eq!(
            Env::open(&path)?.read()?.get(Table::MAIN, b"key")?,
            Some(&b"value"[..])
        );
    }
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    Ok(())
}
