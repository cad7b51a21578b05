//! What tables cost to compile: `cargo check` and `cargo build` of many of them, with the derives of serde alone, with
//! `#[derive(Table)]`, and with calls to them.
//!
//! `cargo bench -p mdbx-typed --bench compile [TABLES]` prints milliseconds for each table of 8 fields and 3 indexes:
//! by how much a crate of so many takes longer than one of a single table, the best of several runs. It writes a crate into a temporary directory and compiles
//! it there, with dependencies that were compiled before, and without the network.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const RUNS: usize = 4;

/// What the tables of a crate have.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Stage {
    Serde,
    Table,
    Calls,
}

fn main() {
    // Cargo adds `--bench`.
    let tables = std::env::args().find_map(|argument| argument.parse().ok());
    let tables = tables.unwrap_or(30).max(2);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let root = directory.path();
    write_manifest(root);
    println!("ms for each of {tables} tables   check   build");
    for (name, stage) in [
        ("the derives of serde", Stage::Serde),
        ("and #[derive(Table)]", Stage::Table),
        ("and calls of each", Stage::Calls),
    ] {
        let [check, build] = ["check", "build"].map(|command| {
            let of = |tables| best(root, command, &source(stage, tables));
            let (one, all) = (of(1), of(tables));
            all.saturating_sub(one).as_secs_f64() * 1000.0 / f64::from(tables - 1)
        });
        println!("{name:<27} {check:>6.1}  {build:>6.1}");
    }
}

/// Writes the manifest of a crate that depends on this one as it is here.
fn write_manifest(root: &Path) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = format!(
        "[package]\nname = \"tables\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\nmdbx-typed = {{ path \
         = '{}' }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n\n[workspace]\n",
        here.display()
    );
    fs::write(root.join("Cargo.toml"), manifest).expect("a manifest");
    fs::create_dir(root.join("src")).expect("a directory");
    // The same versions as here, so that nothing has to be looked up.
    let lock = here.join("../Cargo.lock");
    fs::copy(lock, root.join("Cargo.lock")).expect("the lock file of the workspace");
}

/// Returns the source of a crate with so many tables.
fn source(stage: Stage, tables: u32) -> String {
    let mut source = String::from("#![allow(dead_code, unused_imports)]\n");
    source.push_str("use mdbx_typed::prelude::*;\nuse serde::{Deserialize, Serialize};\n");
    for number in 0..tables {
        source.push_str(&table(stage, number));
    }
    if stage >= Stage::Calls {
        let names = (0..tables).fold(String::new(), |mut names, number| {
            write!(names, "T{number}, ").expect("a text takes everything");
            names
        });
        writeln!(
            source,
            "pub fn open() -> mdbx_typed::Result<Database> {{ Ok(Database::in_memory(schema![{names}])?) }}"
        )
        .expect("a text takes everything");
    }
    source
}

/// Returns one table, and at the last stage the calls that most programs have of each.
fn table(stage: Stage, number: u32) -> String {
    let has_table = stage >= Stage::Table;
    let (derive, composite, key, index, unique) = if has_table {
        let composite = "#[index(by_country_age, on(country, age))]\n";
        (
            "Table, ",
            composite,
            "#[key]",
            "#[index]",
            "#[index(unique)]",
        )
    } else {
        ("", "", "", "", "")
    };
    let mut source = format!(
        "#[derive({derive}Serialize, Deserialize, Debug, Clone, PartialEq)]\n{composite}pub struct T{number} {{\n    \
         {key} pub id: u64,\n    {unique} pub email: String,\n    {index} pub born: i64,\n    pub country: String,\n    \
         pub age: u32,\n    pub tags: Vec<String>,\n    pub note: Option<String>,\n    pub score: f64,\n}}\n"
    );
    if stage >= Stage::Calls {
        write!(
            source,
            "pub fn f{number}(tx: &mut WriteTxn<'_>, row: &T{number}) -> mdbx_typed::Result<u64> {{\n    \
             tx.insert(row)?;\n    tx.put(row)?;\n    tx.delete::<T{number}>(1)?;\n    let one = \
             tx.get::<T{number}>(2)?;\n    let two = tx.get_by(t{number}::by_email, \"ann\")?;\n    for row in \
             tx.by(t{number}::by_country_age).range((\"DE\", 1)..(\"DE\", 9)).rows() {{\n        drop(row?);\n    \
             }}\n    drop((one, two));\n    tx.by(t{number}::by_born).eq(7).count()\n}}\n"
        )
        .expect("a text takes everything");
    }
    source
}

/// Returns how long a command of cargo takes at best.
fn best(root: &Path, command: &str, source: &str) -> Duration {
    let run = || {
        fs::write(root.join("src/lib.rs"), source).expect("a source file");
        let start = Instant::now();
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args([command, "--offline", "--quiet", "--target-dir", "target"])
            .current_dir(root)
            .env("CARGO_INCREMENTAL", "0")
            .output()
            .expect("cargo runs");
        let time = start.elapsed();
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cargo {command}: {message}");
        time
    };
    run();
    (0..RUNS).map(|_| run()).min().expect("several runs")
}
