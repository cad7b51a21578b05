//! Opening: names of files, who else has them open, and what is in them.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use common::TempEnv;
use mdbx_core::{Env, Error, PageSize, Result, Table};

/// Names the database that a child process holds open.
const HOLD: &str = "MDBX_TEST_HOLD";

fn put_one(env: &Env) -> Result<()> {
    let mut txn = env.write()?;
    txn.put(Table::MAIN, b"key", b"value")?;
    txn.commit()?;
    Ok(())
}

fn has_one(env: &Env) -> Result<bool> {
    Ok(env.read()?.get(Table::MAIN, b"key")? == Some(&b"value"[..]))
}

#[test]
fn a_path_names_the_data_file_or_if_asked_for_a_directory() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let (file, sub) = (
        directory.path().join("one.mdbx"),
        directory.path().join("two/deep"),
    );
    let env = Env::open(&file)?;
    put_one(&env)?;
    assert_eq!(env.path(), file);
    assert!(directory.path().join("one.mdbx-lck").exists());
    let env = Env::options().sub_directory(true).open(&sub)?;
    put_one(&env)?;
    assert_eq!(env.path(), sub.join("mdbx.dat"));
    assert!(sub.join("mdbx.lck").exists());
    Ok(())
}

#[test]
fn what_exists_decides_by_itself_whether_it_is_a_directory() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let (file, sub) = (
        directory.path().join("one.mdbx"),
        directory.path().join("two"),
    );
    put_one(&Env::open(&file)?)?;
    put_one(&Env::options().sub_directory(true).open(&sub)?)?;
    assert!(has_one(&Env::options().sub_directory(true).open(&file)?)?);
    assert!(has_one(&Env::open(&sub)?)?);
    assert!(
        has_one(&Env::open(sub.join("mdbx.dat"))?)?,
        "the file itself can be named too"
    );
    std::fs::create_dir(directory.path().join("empty")).unwrap();
    assert_eq!(
        Env::open(directory.path().join("empty"))?.path(),
        directory.path().join("empty/mdbx.dat")
    );
    Ok(())
}

#[test]
fn nothing_is_created_unless_it_may_be() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    let existing = || Env::options().create(false);
    let error = existing().open(&path).unwrap_err();
    assert!(
        matches!(&error, Error::Open { source, .. } if source.kind() == ErrorKind::NotFound),
        "{error}"
    );
    let error = existing()
        .sub_directory(true)
        .open(directory.path().join("sub"))
        .unwrap_err();
    assert!(
        matches!(&error, Error::Open { source, .. } if source.kind() == ErrorKind::NotFound),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    drop(Env::open(&path)?);
    assert!(existing().open(&path).is_ok());
    let error = Env::open(directory.path().join("no/such/directory/test.mdbx")).unwrap_err();
    assert!(matches!(error, Error::Open { .. }), "{error}");
    Ok(())
}

#[test]
fn one_process_opens_a_file_once_at_a_time() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    let env = Env::open(&path)?;
    let error = Env::open(&path).unwrap_err();
    assert!(
        matches!(&error, Error::AlreadyOpen { path: p } if *p == path),
        "{error}"
    );
    std::os::unix::fs::symlink(&path, directory.path().join("link.mdbx")).unwrap();
    let error = Env::open(directory.path().join("link.mdbx")).unwrap_err();
    assert!(
        matches!(error, Error::AlreadyOpen { .. }),
        "under another name: {error}"
    );
    let clone = env.clone();
    drop(env);
    put_one(&clone)?;
    assert!(
        matches!(Env::open(&path), Err(Error::AlreadyOpen { .. })),
        "a clone keeps it open"
    );
    drop(clone);
    assert!(has_one(&Env::open(&path)?)?);
    Ok(())
}

/// Not a test of its own: what the child process of the next one runs.
#[test]
fn hold_a_database_open_for_another_process() {
    let Some(path) = std::env::var_os(HOLD) else {
        return;
    };
    let env = Env::open(path).unwrap();
    let mut txn = env.write().unwrap();
    txn.put(Table::MAIN, b"uncommitted", b"").unwrap();
    println!("\nit is open");
    // Until the parent closes its end, or kills us.
    let _ = std::io::stdin().read_line(&mut String::new());
    drop(txn);
    drop(env);
}

/// Starts a process that has `path` open when this returns. It writes to its output until it ends.
fn spawn_holder(path: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "hold_a_database_open_for_another_process",
            "--nocapture",
        ])
        .env(HOLD, path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let is_open = output
        .by_ref()
        .lines()
        .map_while(std::result::Result::ok)
        .any(|line| line == "it is open");
    assert!(is_open, "the child process has opened {}", path.display());
    (child, output)
}

#[test]
fn a_file_that_another_process_has_open_is_busy_until_that_ends_or_dies() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    put_one(&Env::open(&path)?)?;
    for is_killed in [false, true] {
        let (mut child, _output) = spawn_holder(&path);
        for _ in 0..3 {
            let error = Env::open(&path).unwrap_err();
            assert!(
                matches!(&error, Error::Busy { path: p } if *p == path),
                "{error}"
            );
        }
        if is_killed {
            child.kill().unwrap();
        } else {
            drop(child.stdin.take());
        }
        child.wait().unwrap();
        let env = Env::open(&path)?;
        assert!(has_one(&env)?);
        assert_eq!(
            env.read()?.table(Table::MAIN)?.len(),
            1,
            "what it did not commit is not there"
        );
        common::assert_sound(&env.read()?);
    }
    Ok(())
}

#[test]
fn files_that_are_no_databases_are_told_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    for content in [
        b"shopping list".to_vec(),
        b"text ".repeat(2000),
        vec![0; 16384],
    ] {
        std::fs::write(&path, &content).unwrap();
        let error = Env::open(&path).unwrap_err();
        assert!(
            matches!(&error, Error::NotADatabase { path: p } if *p == path),
            "{error}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
    std::fs::write(&path, b"").unwrap();
    assert!(
        Env::options().create(false).open(&path).is_err(),
        "an empty file holds no database"
    );
    assert!(Env::open(&path).is_ok(), "but can become one");
}

#[test]
fn another_format_version_is_told() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    put_one(&Env::open(&path)?)?;
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] = 4; // the version is the lowest byte of the first field of a meta
    std::fs::write(&path, bytes).unwrap();
    let error = Env::open(&path).unwrap_err();
    assert!(
        matches!(error, Error::VersionMismatch { found: 4, .. }),
        "{error}"
    );
    Ok(())
}

#[test]
fn a_lock_file_of_the_other_naming_rule_keeps_us_out() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let (file, sub) = (
        directory.path().join("one.mdbx"),
        directory.path().join("two"),
    );
    std::fs::create_dir(&sub).unwrap();
    for (path, other) in [
        (&file, directory.path().join("one.lck")),
        (&sub, sub.join("mdbx.dat-lck")),
    ] {
        drop(Env::open(path)?);
        std::fs::write(&other, b"").unwrap();
        let error = Env::open(path).unwrap_err();
        assert!(
            matches!(&error, Error::DuplicatedLock { path } if *path == other),
            "{error}"
        );
        std::fs::remove_file(other).unwrap();
        assert!(Env::open(path).is_ok());
    }
    Ok(())
}

#[test]
fn what_was_committed_is_there_after_any_number_of_openings() -> Result<()> {
    let mut env = TempEnv::with_page_size(PageSize::MIN);
    for n in 0..20_u32 {
        env.put(Table::MAIN, &n.to_be_bytes(), &[7; 300])?;
        let before = env.info()?;
        env.reopen()?;
        assert_eq!(env.info()?, before);
        assert_eq!(env.items(Table::MAIN)?.len(), n as usize + 1);
    }
    Ok(())
}
