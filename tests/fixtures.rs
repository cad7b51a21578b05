//! Recorded files: the sound ones read as their dumps say, the damaged ones give errors or answers.
//!
//! `cargo test --test fixtures` takes those in `tests/golden`; `MDBX_FIXTURES=FOLDER` names another folder. A file
//! `NAME.mdbx` with a `NAME.dump` beside it is sound and holds what the dump says. One without is taken as damaged:
//! whatever is done to it returns, and nothing panics.
#![expect(
    clippy::unwrap_used,
    reason = "a test panics where it fails; without the test harness clippy takes it for none"
)]

mod common;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use common::with_patience;
use mdbx_core::tools::check::check;
use mdbx_core::tools::dump::dump;
use mdbx_core::{Env, Error, Geometry, ReadTxn, Result, Table, TableFlags, TableRef};

/// What came of one file.
enum Verdict {
    Passed,
    Failed(String),
    /// It has a table of a kind that cannot be used yet.
    Waiting,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let folder = std::env::var_os("MDBX_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"),
        PathBuf::from,
    );
    let (mut passed, mut failed, mut waiting) = (0, 0, Vec::new());
    for path in fixtures_in(&folder, &arguments) {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let verdict = catch_unwind(AssertUnwindSafe(|| {
            with_patience(&format!("FAILED {name}: it does not return"), || {
                judge(&path)
            })
        }));
        match verdict {
            Ok(Verdict::Passed) => passed += 1,
            Ok(Verdict::Waiting) => waiting.push(name),
            Ok(Verdict::Failed(why)) => {
                failed += 1;
                println!("FAILED {name}: {why}");
            }
            Err(_) => {
                failed += 1;
                println!("FAILED {name}: it panicked");
            }
        }
    }
    if !waiting.is_empty() {
        let (count, names) = (waiting.len(), waiting.join(", "));
        println!("{count} waiting for the kinds of their tables: {names}");
    }
    println!("{passed} passed, {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}

/// Returns the data files of a folder whose names have one of the words among the arguments, if there are any.
fn fixtures_in(folder: &Path, arguments: &[String]) -> Vec<PathBuf> {
    let words: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let entries = std::fs::read_dir(folder).expect("a folder of fixtures");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        let selected = words.is_empty() || words.iter().any(|word| name.contains(*word));
        selected
            && path
                .extension()
                .is_some_and(|extension| extension == "mdbx")
    });
    paths.sort();
    paths
}

/// Judges a copy of the file, so that the recorded one stays as it is.
fn judge(path: &Path) -> Verdict {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("test.mdbx");
    std::fs::copy(path, &copy).unwrap();
    // A recorded file may be read-only, and so would its copy be.
    let bytes = std::fs::read(&copy).unwrap();
    std::fs::remove_file(&copy).unwrap();
    std::fs::write(&copy, &bytes).unwrap();
    if let Ok(recorded) = std::fs::read_to_string(path.with_extension("dump")) {
        judge_sound(&copy, &recorded)
    } else {
        exercise(&copy, bytes.len());
        Verdict::Passed
    }
}

fn judge_sound(path: &Path, recorded: &str) -> Verdict {
    let dumped = || -> Result<(String, String)> {
        let env = Env::options().create(false).open(path)?;
        let txn = env.read()?;
        let mut text = Vec::new();
        for (name, _) in txn.tables()? {
            txn.open_table(&name)?;
        }
        dump(&txn, &mut text)?;
        let report = check(&txn);
        let problems = if report.is_sound() {
            String::new()
        } else {
            report.to_string()
        };
        Ok((String::from_utf8(text).unwrap(), problems))
    };
    match dumped() {
        Err(Error::Incompatible { .. }) => Verdict::Waiting,
        Err(error) => Verdict::Failed(format!("it cannot be read: {error}")),
        Ok((_, problems)) if !problems.is_empty() => Verdict::Failed(problems),
        Ok((text, _)) if text != recorded => Verdict::Failed(first_difference(&text, recorded)),
        Ok(_) => Verdict::Passed,
    }
}

fn first_difference(text: &str, recorded: &str) -> String {
    let pairs = text.lines().zip(recorded.lines());
    let (number, (here, there)) = (1..)
        .zip(pairs)
        .find(|(_, (here, there))| here != there)
        .unwrap_or((0, ("its end", "another end")));
    format!("line {number} of its dump is `{here}`, recorded is `{there}`")
}

/// Does to a damaged file what can be done to a file. Errors are as good as answers.
fn exercise(path: &Path, len: usize) {
    let geometry = Geometry::default().upper(1 << 26);
    let Ok(env) = Env::options().create(false).geometry(geometry).open(path) else {
        return;
    };
    for _ in 0..2 {
        if let Ok(txn) = env.read() {
            let report = check(&txn);
            assert!(report.to_string().len() < 1 << 20);
            let _ = dump(&txn, &mut Bounded(16 * len));
            read_all(&txn, 2 * len);
        }
        let tables = env.read().and_then(|txn| txn.tables()).unwrap_or_default();
        for (name, flags) in tables {
            let _ = write_to(&env, Some((&name, flags)));
        }
        let _ = write_to(&env, None);
    }
}

/// Reads every table, up to so many items: a damaged tree may lead to the same pages again and again.
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

fn read_table(table: &TableRef<'_>, most: usize) -> Result<()> {
    let there: Result<Vec<_>> = table.iter().take(most).collect();
    let back: Result<Vec<_>> = table.iter().rev().take(most).collect();
    let mut cursor = table.cursor();
    for (key, value) in there?.into_iter().chain(back?).step_by(7) {
        table.get_with_count(key)?;
        table.contains_dup(key, value)?;
        cursor.seek_dup(key, value)?;
        cursor.prev_key()?;
        cursor.next_dup()?;
    }
    Ok(())
}

/// Changes a few items of a table: `None` is the main table.
fn write_to(env: &Env, table: Option<(&[u8], TableFlags)>) -> Result<()> {
    let keys: Vec<Vec<u8>> = {
        let txn = env.read()?;
        let table = table.map_or(Ok(Table::MAIN), |(name, _)| txn.open_table(name))?;
        let table = txn.table(table)?;
        let keys = table.iter().take(200).filter_map(Result::ok);
        keys.step_by(5).map(|(key, _)| key.to_vec()).collect()
    };
    let mut txn = env.write()?;
    let table = table.map_or(Ok(Table::MAIN), |(name, flags)| {
        txn.create_table(name, flags)
    })?;
    for (number, key) in keys.iter().enumerate() {
        if number % 2 == 0 {
            let _ = txn.put(table, key, b"12345678");
        } else {
            let _ = txn.delete(table, key);
        }
    }
    let _ = txn.put(table, b"a new key", &[1; 5000]);
    txn.commit()?;
    let mut txn = env.write()?;
    txn.clear(table)?;
    txn.abort();
    Ok(())
}

/// Takes so many bytes and then no more, so that the dump of a tree that leads round and round ends.
struct Bounded(usize);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
