//! What the tests of the engine share: databases that are checked when they go, and random numbers that can be had
//! again.

#![allow(dead_code, reason = "no test file needs all of it")]

pub(crate) mod kinds;
pub(crate) mod tall;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use mdbx_core::tools::check::check;
use mdbx_core::{
    Cursor, Env, EnvOptions, Geometry, Item, PageSize, ReadTxn, Result, Table, TableFlags, TableRef,
};
use tempfile::TempDir;

/// A table's items, copied out of it.
pub(crate) type Items = Vec<(Vec<u8>, Vec<u8>)>;

/// All page sizes, smallest first.
pub(crate) fn page_sizes() -> impl Iterator<Item = PageSize> {
    (8..=16).map(|power| PageSize::new(1 << power).unwrap())
}

/// A database in a directory of its own. When it goes, the whole file is checked.
pub(crate) struct TempEnv {
    /// `None` only for a moment: while it is opened anew, and at the very end.
    env: Option<Env>,
    options: EnvOptions,
    directory: TempDir,
}

impl TempEnv {
    pub(crate) fn new() -> TempEnv {
        TempEnv::with_page_size(PageSize::DEFAULT)
    }

    pub(crate) fn with_page_size(page_size: PageSize) -> TempEnv {
        TempEnv::with_geometry(
            Geometry::default()
                .page_size(page_size)
                .growth_step(1 << 16),
        )
    }

    pub(crate) fn with_geometry(geometry: Geometry) -> TempEnv {
        TempEnv::with(Env::options().geometry(geometry))
    }

    pub(crate) fn with(options: EnvOptions) -> TempEnv {
        let directory = tempfile::tempdir().unwrap();
        TempEnv::open(options, directory).unwrap()
    }

    /// A copy of the database `file`.
    pub(crate) fn copy_of(file: &Path) -> Result<TempEnv> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::copy(file, path_in(&directory)).unwrap();
        TempEnv::open(Env::options().create(false), directory)
    }

    fn open(options: EnvOptions, directory: TempDir) -> Result<TempEnv> {
        let env = options.clone().open(path_in(&directory))?;
        Ok(TempEnv {
            env: Some(env),
            options,
            directory,
        })
    }

    /// Closes the file and opens it again.
    pub(crate) fn reopen(&mut self) -> Result<()> {
        self.reopen_with(self.options.clone())
    }

    /// Closes the file, until it is opened again.
    pub(crate) fn close(&mut self) {
        self.env = None;
    }

    /// Closes the file and opens it with other options.
    pub(crate) fn reopen_with(&mut self, options: EnvOptions) -> Result<()> {
        self.env = None;
        self.env = Some(options.clone().open(path_in(&self.directory))?);
        self.options = options;
        Ok(())
    }

    /// Creates a table in a transaction of its own.
    pub(crate) fn create_table(&self, name: &str, flags: TableFlags) -> Result<Table> {
        let mut txn = self.write()?;
        let table = txn.create_table(name, flags)?;
        txn.commit()?;
        Ok(table)
    }

    /// Stores one item in a transaction of its own.
    pub(crate) fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        let mut txn = self.write()?;
        txn.put(table, key, value)?;
        txn.commit()?;
        Ok(())
    }

    /// Returns the items of the newest snapshot.
    pub(crate) fn items(&self, table: Table) -> Result<Items> {
        items(&self.read()?.table(table)?)
    }
}

impl Deref for TempEnv {
    type Target = Env;

    fn deref(&self) -> &Env {
        self.env
            .as_ref()
            .expect("it is open but while it is opened anew")
    }
}

impl Drop for TempEnv {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        if let Some(env) = self.env.take() {
            assert_sound(&env.read().unwrap());
        }
        inspect(&path_in(&self.directory));
    }
}

fn path_in(directory: &TempDir) -> PathBuf {
    directory.path().join("test.mdbx")
}

/// Checks the whole snapshot.
pub(crate) fn assert_sound(txn: &ReadTxn<'_>) {
    let report = check(txn);
    assert!(report.is_sound(), "{report}");
}

/// Has the independent reader that `MDBX_INSPECT` names, if it is set, look at a closed file.
pub(crate) fn inspect(file: &Path) {
    let Some(script) = std::env::var_os("MDBX_INSPECT") else {
        return;
    };
    for command in ["check", "pages"] {
        let output = Command::new("python3")
            .arg(&script)
            .arg(command)
            .arg(file)
            .output()
            .unwrap();
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "{command}: {out}\n{err}");
    }
}

/// Returns the contents of a snapshot as text.
pub(crate) fn dump(txn: &ReadTxn<'_>) -> Result<String> {
    let mut text = Vec::new();
    mdbx_core::tools::dump::dump(txn, &mut text)?;
    Ok(String::from_utf8(text).unwrap())
}

/// Makes the move of that name, unless it needs a key or is none.
pub(crate) fn make_move<'t>(cursor: &mut Cursor<'t>, name: &str) -> Option<Result<Item<'t>>> {
    Some(match name {
        "first" => cursor.first(),
        "last" => cursor.last(),
        "current" => cursor.current(),
        "next" => cursor.next(),
        "prev" => cursor.prev(),
        "next_key" => cursor.next_key(),
        "prev_key" => cursor.prev_key(),
        "next_dup" => cursor.next_dup(),
        "prev_dup" => cursor.prev_dup(),
        "first_dup" => cursor.first_dup(),
        "last_dup" => cursor.last_dup(),
        _ => return None,
    })
}

/// Returns copies of all items of a table.
pub(crate) fn items(table: &TableRef<'_>) -> Result<Items> {
    table
        .iter()
        .map(|item| item.map(|(key, value)| (key.to_vec(), value.to_vec())))
        .collect()
}

/// Returns copies of the values of a key.
pub(crate) fn dups(table: &TableRef<'_>, key: &[u8]) -> Result<Vec<Vec<u8>>> {
    table
        .dups(key)?
        .map(|value| value.map(<[u8]>::to_vec))
        .collect()
}

/// Returns copies of the arguments as items.
pub(crate) fn owned(items: &[(&[u8], &[u8])]) -> Items {
    items
        .iter()
        .map(|(key, value)| (key.to_vec(), value.to_vec()))
        .collect()
}

/// Runs `test`, and ends the process, saying `complaint`, if that takes longer than anything sensible.
pub(crate) fn with_patience<T>(complaint: &str, test: impl FnOnce() -> T) -> T {
    const PATIENCE: Duration = Duration::from_mins(5);
    let (done, waiting) = mpsc::channel::<()>();
    let complaint = complaint.to_owned();
    std::thread::spawn(move || {
        if waiting.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("{complaint}");
            std::process::abort();
        }
    });
    let result = test();
    drop(done);
    result
}

/// Returns the number that the environment variable `name` has, or `default`.
pub(crate) fn number_from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse().expect("the variable is a number")
    })
}

/// Random numbers that depend on nothing but the seed, which a failing test prints.
pub(crate) struct Rng {
    seed: u64,
    state: u64,
}

impl Rng {
    /// Begins with the seed that `MDBX_SEED` gives, or `default`.
    pub(crate) fn new(default: u64) -> Rng {
        Rng::with_seed(number_from_env("MDBX_SEED", default))
    }

    pub(crate) fn with_seed(seed: u64) -> Rng {
        Rng { seed, state: seed }
    }

    /// Returns what to set `MDBX_SEED` to, to have the same numbers again.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the next number (`SplitMix64`).
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Returns a number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.byte()).collect()
    }

    /// Returns `true` once in `n` times.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

impl Drop for Rng {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to repeat: MDBX_SEED={}", self.seed);
        }
    }
}
