//! A package database: one row for each package of a Debian system, found again by key, by range and by index.
//!
//! ```text
//! cargo run --release --example packages -- [FILE] [--database FILE]
//! ```
//!
//! `FILE` is any `Packages` or `status` file. Without one, the packages of this machine are read, and where there are
//! none, a sample. A second run finds the database and brings it up to date.

use std::collections::HashSet;
use std::error::Error;
use std::fs::File;
use std::io::{BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[path = "packages/report.rs"]
mod report;
#[path = "packages/stanzas.rs"]
mod stanzas;

const OF_THIS_MACHINE: &str = "/var/lib/dpkg/status";
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/packages/sample.txt");
const ROWS_PER_COMMIT: usize = 200;

/// One package.
#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[table(name = "packages")]
#[index(by_section_size, on(section, installed_kib))]
struct Package {
    #[key]
    name: String,
    #[key]
    architecture: String,
    version: String,
    #[index]
    section: String,
    priority: String,
    #[index]
    maintainer: String,
    #[index]
    installed_kib: u64,
    #[index(each)]
    depends: Vec<String>,
    summary: String,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("packages: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let (source, path) = arguments()?;
    let input = File::open(&source).map_err(|error| format!("{}: {error}", source.display()))?;
    let packages = stanzas::read(BufReader::new(input))
        .map_err(|error| format!("{}: {error}", source.display()))?;
    if packages.is_empty() {
        return Err(format!("{} holds no packages", source.display()).into());
    }
    println!("{} packages in {}", packages.len(), source.display());

    let db = Database::open(&path, schema![Package])?;
    let start = Instant::now();
    let changes = load(&db, &packages)?;
    let elapsed = start.elapsed();

    report::print(&db.read()?)?;

    let rate = packages.len() as u128 * 1_000_000 / elapsed.as_micros().max(1);
    let kib = std::fs::metadata(&path)?.len() / 1024;
    println!("\n{changes}, {rate} rows a second in durable commits of {ROWS_PER_COMMIT}");
    println!("{}: {kib} KiB", path.display());
    Ok(())
}

/// How a load changed the database.
#[derive(Default)]
struct Changes {
    new: usize,
    changed: usize,
    same: usize,
    gone: usize,
}

impl std::fmt::Display for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Changes {
            new,
            changed,
            same,
            gone,
        } = self;
        write!(
            f,
            "{new} packages new, {changed} changed, {same} as before, {gone} gone"
        )
    }
}

/// Makes the database hold these packages and no others.
fn load(db: &Database, packages: &[Package]) -> mdbx_typed::Result<Changes> {
    let mut changes = Changes::default();
    let mut progress = Progress::new(packages.len());
    for batch in packages.chunks(ROWS_PER_COMMIT) {
        db.write(|tx| {
            for package in batch {
                let key = (package.name.as_str(), package.architecture.as_str());
                match tx.get::<Package>(key)? {
                    Some(stored) if stored == *package => {
                        changes.same += 1;
                        continue;
                    }
                    Some(_) => changes.changed += 1,
                    None => changes.new += 1,
                }
                tx.put(package)?; // and the index entries that differ
            }
            Ok(())
        })?;
        progress.advance(batch.len());
    }
    changes.gone = remove_others(db, packages)?;
    Ok(changes)
}

/// Deletes the rows that are not among `packages`; returns how many there were.
fn remove_others(db: &Database, packages: &[Package]) -> mdbx_typed::Result<usize> {
    let keep: HashSet<(&str, &str)> = packages
        .iter()
        .map(|package| (package.name.as_str(), package.architecture.as_str()))
        .collect();
    db.write(|tx| {
        let mut gone = Vec::new();
        for id in tx.by(package::primary).ids() {
            let (name, architecture) = id?;
            if !keep.contains(&(&*name, &*architecture)) {
                gone.push((name.into_owned(), architecture.into_owned()));
            }
        }
        for (name, architecture) in &gone {
            tx.delete::<Package>((name, architecture))?;
        }
        Ok(gone.len())
    })
}

/// A bar on the terminal, if there is one.
struct Progress {
    done: usize,
    total: usize,
    is_shown: bool,
}

impl Progress {
    fn new(total: usize) -> Progress {
        Progress {
            done: 0,
            total,
            is_shown: std::io::stderr().is_terminal(),
        }
    }

    fn advance(&mut self, rows: usize) {
        const WIDTH: usize = 40;
        self.done += rows;
        if !self.is_shown {
            return;
        }
        let filled = WIDTH * self.done / self.total.max(1);
        let bar = format!("{}{}", "=".repeat(filled), " ".repeat(WIDTH - filled));
        let end = if self.done == self.total {
            "\r\x1b[K"
        } else {
            ""
        };
        // A bar that cannot be drawn is no reason to stop.
        let _ = write!(
            std::io::stderr(),
            "\r[{bar}] {} of {}{end}",
            self.done,
            self.total
        );
    }
}

/// Returns the file to read and the database.
fn arguments() -> Result<(PathBuf, PathBuf), Box<dyn Error>> {
    let (mut source, mut database) = (None, PathBuf::from("packages.mdbx"));
    let mut words = std::env::args_os().skip(1);
    while let Some(word) = words.next() {
        if word == "--database" {
            database = words.next().ok_or("--database needs a file")?.into();
        } else if word.to_string_lossy().starts_with('-') || source.is_some() {
            return Err("usage: packages [FILE] [--database FILE]".into());
        } else {
            source = Some(PathBuf::from(word));
        }
    }
    let of_this_machine = Path::new(OF_THIS_MACHINE);
    let default = if of_this_machine.exists() {
        of_this_machine
    } else {
        Path::new(SAMPLE)
    };
    Ok((source.unwrap_or_else(|| default.to_owned()), database))
}
