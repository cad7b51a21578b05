//! Opening: names of files, who else has them open, and what is in them.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use common::{TempEnv, inspect, page_sizes};
use mdbx_core::tools::check::check;
use mdbx_core::{Env, EnvOptions, Error, Geometry, PageSize, Result, Table, Txnid};

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
    let env = Env::options().exclusive(true).open(path).unwrap();
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
fn a_file_that_another_process_has_for_itself_is_busy_until_that_ends_or_dies() -> Result<()> {
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

fn read_only() -> EnvOptions {
    Env::options().read_only(true)
}

#[test]
fn a_database_opened_for_reading_is_read_and_left_as_it_is() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    put_one(&Env::open(&path)?)?;
    let bytes = std::fs::read(&path).unwrap();
    let mut mode = std::fs::metadata(&path).unwrap().permissions();
    mode.set_readonly(true);
    std::fs::set_permissions(&path, mode).unwrap();
    for options in [read_only(), read_only().exclusive(true)] {
        let env = options
            .geometry(Geometry::default().upper(1 << 20).page_size(PageSize::MIN))
            .open(&path)?;
        assert!(has_one(&env)?);
        common::assert_sound(&env.read()?);
        for refused in [env.write(), env.try_write()] {
            assert!(matches!(refused, Err(Error::ReadOnly)), "{refused:?}");
        }
        let refused = env.resize(Geometry::default().lower(1 << 20)).unwrap_err();
        assert!(matches!(refused, Error::ReadOnly), "{refused}");
        assert_eq!(env.info()?.last_txnid, Txnid(4));
        let second = Env::open(&path).unwrap_err();
        assert!(
            matches!(second, Error::AlreadyOpen { .. } | Error::Open { .. }),
            "{second}"
        );
    }
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    Ok(())
}

#[test]
fn opening_for_reading_creates_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let absent = directory.path().join("absent");
    for options in [read_only(), read_only().sub_directory(true)] {
        let error = options.open(&absent).unwrap_err();
        assert!(
            matches!(&error, Error::Open { source, .. } if source.kind() == ErrorKind::NotFound),
            "{error}"
        );
    }
    let error = read_only().open(directory.path()).unwrap_err();
    assert!(
        matches!(&error, Error::Open { source, .. } if source.kind() == ErrorKind::NotFound),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    std::fs::write(&absent, b"").unwrap();
    let error = read_only().open(&absent).unwrap_err();
    assert!(matches!(error, Error::NotADatabase { .. }), "{error}");
    assert_eq!(std::fs::metadata(&absent).unwrap().len(), 0);
}

/// Where the newest meta page of a file with 4096-byte pages starts.
fn newest_meta(bytes: &[u8]) -> usize {
    let txnid = |at: usize| u64::from_le_bytes(bytes[at + 28..at + 36].try_into().unwrap());
    [0, 4096, 8192]
        .into_iter()
        .max_by_key(|&at| txnid(at))
        .unwrap()
}

#[test]
fn a_file_that_may_not_be_whole_on_the_disk_must_be_opened_for_writing_first() -> Result<()> {
    for same_boot in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.mdbx");
        put_one(&Env::open(&path)?)?;
        let mut bytes = std::fs::read(&path).unwrap();
        let meta = newest_meta(&bytes);
        bytes[meta + 188..meta + 196].copy_from_slice(&1_u64.to_le_bytes()); // the sign: weak
        if !same_boot {
            bytes[meta + 212] ^= 1; // the boot
        }
        std::fs::write(&path, &bytes).unwrap();

        let error = read_only().open(&path).unwrap_err();
        assert!(
            matches!(&error, Error::WannaRecovery { path: p } if *p == path),
            "{error}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "it was left alone");
        let peeked = Env::peek(&path)?;
        assert_eq!((peeked.last_txnid, peeked.is_durable), (Txnid(4), false));

        drop(Env::open(&path)?);
        let env = read_only().open(&path)?;
        assert_eq!(has_one(&env)?, same_boot, "what another boot left is lost");
        assert_eq!(env.info()?.last_txnid, env.info()?.durable_txnid);
    }
    Ok(())
}

#[test]
fn a_file_of_another_length_than_its_meta_says_is_read_and_put_right() -> Result<()> {
    for page_size in page_sizes() {
        let mut env = TempEnv::with_page_size(page_size);
        let table = env.create_table("t", mdbx_core::TableFlags::empty())?;
        for n in 0..50_u32 {
            env.put(table, &n.to_be_bytes(), &[7; 300])?;
        }
        let (info, path) = (env.info()?, env.path().to_owned());
        let used = u64::from(info.allocated_pages) * page_size.bytes() as u64;
        let lens = [
            used,
            used + 1,
            info.file_len + 1,
            info.file_len + (3 << 16) + 77,
        ];
        for len in lens {
            env.reopen_with(Env::options())?; // so that no lock is in the way
            let items = env.items(Table::MAIN)?.len();
            let cut = |env: &mut TempEnv, options: EnvOptions| {
                env.close();
                let file = std::fs::File::options().write(true).open(&path).unwrap();
                file.set_len(len).unwrap();
                env.reopen_with(options)
            };
            cut(&mut env, read_only())?;
            assert_eq!(env.items(Table::MAIN)?.len(), items);
            let findings = check(&env.read()?).findings;
            assert!(
                findings.iter().all(|finding| finding.page.is_none()),
                "only the length is wrong: {findings:?}"
            );
            assert_eq!(std::fs::metadata(&path).unwrap().len(), len);

            cut(&mut env, Env::options())?;
            let now = std::fs::metadata(&path).unwrap().len();
            assert_eq!(now % 4096.max(page_size.bytes() as u64), 0);
            assert!(now >= len && now >= info.file_len, "{len} became {now}");
            assert_eq!(env.info()?.file_len, now);
            put_one(&env)?;
            assert!(has_one(&env)?);
            env.close();
            inspect(&path);
        }
        env.reopen_with(Env::options())?;
    }
    Ok(())
}

#[test]
fn a_file_too_short_for_its_pages_is_an_error() -> Result<()> {
    for page_size in page_sizes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.mdbx");
        let geometry = Geometry::default().page_size(page_size);
        let env = Env::options().geometry(geometry).open(&path)?;
        put_one(&env)?;
        let used = u64::from(env.info()?.allocated_pages) * page_size.bytes() as u64;
        drop(env);
        let bytes = std::fs::read(&path).unwrap();
        let page = page_size.bytes() as u64;
        for len in [
            used - 1,
            used - page,
            3 * page - 1,
            2 * page,
            page,
            700,
            1,
            0,
        ] {
            let len = usize::try_from(len).unwrap();
            std::fs::write(&path, &bytes[..len]).unwrap();
            for options in [read_only(), Env::options().create(false)] {
                let error = options.open(&path).unwrap_err();
                assert!(
                    matches!(error, Error::Corrupted { .. } | Error::NotADatabase { .. }),
                    "{len} bytes: {error}"
                );
            }
            assert!(Env::peek(&path).is_err());
            assert_eq!(std::fs::read(&path).unwrap(), &bytes[..len]);
        }
    }
    Ok(())
}

#[test]
fn a_file_tells_about_itself_without_being_opened() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sub");
    let error = Env::peek(&path).unwrap_err();
    assert!(matches!(error, Error::Open { .. }), "{error}");
    let geometry = Geometry::default()
        .page_size(PageSize::MIN)
        .upper(1 << 20)
        .growth_step(1 << 16);
    let env = Env::options()
        .sub_directory(true)
        .geometry(geometry)
        .open(&path)?;
    for last in 3..6 {
        let info = env.info()?;
        for path in [path.clone(), path.join("mdbx.dat")] {
            let peeked = Env::peek(path)?;
            assert_eq!(
                (info.last_txnid, peeked.last_txnid),
                (Txnid(last), Txnid(last))
            );
            assert_eq!(peeked.page_size, PageSize::MIN);
            assert_eq!(peeked.geometry, info.geometry);
            assert_eq!((peeked.boot_id, peeked.is_durable), (info.boot_id, true));
        }
        let mut txn = env.write()?;
        txn.put(Table::MAIN, &last.to_be_bytes(), b"")?;
        txn.commit()?;
    }
    let text = directory.path().join("text");
    std::fs::write(&text, b"some text ".repeat(100)).unwrap();
    let error = Env::peek(&text).unwrap_err();
    assert!(matches!(error, Error::NotADatabase { .. }), "{error}");
    Ok(())
}

#[test]
fn info_tells_the_metas_and_which_of_them_are_on_the_disk() -> Result<()> {
    let env = TempEnv::new();
    for last in 3..9_u64 {
        let info = env.info()?;
        let mut ids = info.metas.map(|meta| meta.txnid.0);
        ids.sort_unstable();
        assert_eq!(ids, [last - 2, last - 1, last]);
        assert!(info.metas.iter().all(|meta| meta.is_durable));
        assert_eq!((info.last_txnid.0, info.durable_txnid.0), (last, last));
        assert!(info.map_len >= info.geometry.upper);
        env.put(Table::MAIN, &last.to_be_bytes(), b"")?;
    }
    Ok(())
}

#[test]
fn a_database_in_memory_grows_as_any_other_and_has_no_name() -> Result<()> {
    for write_map in [false, true] {
        for page_size in page_sizes() {
            let geometry = Geometry::default().page_size(page_size);
            let env = Env::options()
                .geometry(geometry)
                .write_map(write_map)
                .open_in_memory()?;
            assert_eq!(env.path(), Path::new(""));
            put_one(&env)?;
            let snapshot = env.read()?;
            let mut txn = env.write()?;
            for number in 0..200u32 {
                txn.put(
                    Table::MAIN,
                    &number.to_be_bytes(),
                    &vec![7; page_size.bytes()],
                )?;
            }
            txn.commit()?;
            assert_eq!(snapshot.table(Table::MAIN)?.len(), 1);
            drop(snapshot);
            let report = check(&env.read()?);
            assert!(report.is_sound(), "{report}");
            let other = Env::options().open_in_memory()?;
            assert!(!has_one(&other)?, "each is one of its own");
            assert!(has_one(&env)?);
        }
    }
    Ok(())
}
