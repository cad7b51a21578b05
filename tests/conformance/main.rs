//! Replays recorded traces: operations with the answers that the reference engine gave.
//!
//! `cargo test --test conformance` replays those in `tests/traces`; `MDBX_TRACES=FOLDER` names another folder, and
//! words on the command line select traces whose names have one of them. An answer that differs ends its trace, not
//! the run. Traces of what the data is, rather than of sizes, are also replayed with the smallest pages that take
//! their keys, and with the largest.
//!
//! | file | its job |
//! | --- | --- |
//! | `trace` | the lines of a trace |
//! | `bytes` | the forms of byte strings |
//! | `answers` | what an operation gave, and whether it was to |
//! | `world` | what a trace has made, by name |
//! | `replay` | one trace from its first step to its last |
//! | `transactions`, `readers`, `tables`, `data`, `cursors`, `cursor_writes`, `environment` | the operations |
//! | `modes` | durability modes, thresholds and syncs |
//! | `batches` | puts of many values at once |
//! | `snapshots` | copies of files as a crash leaves them |
//! | `quirks` | where answers are translated |
//! | `abilities` | what traces need and is not here |
//! | `layouts` | the page sizes a trace is replayed at |
#![expect(
    clippy::unwrap_used,
    reason = "the runner is all test; without the test harness clippy takes it for none"
)]

mod abilities;
mod answers;
mod batches;
mod bytes;
#[path = "../common/mod.rs"]
mod common;
mod cursor_writes;
mod cursors;
mod data;
mod environment;
mod layouts;
mod modes;
mod quirks;
mod readers;
mod replay;
mod snapshots;
mod tables;
mod trace;
mod transactions;
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;

use mdbx_core::PageSize;

use crate::abilities::Verdict;
use crate::replay::Halt;
use crate::world::World;

/// What came of replaying one trace once.
enum Result {
    Passed,
    Failed(String),
    LeftOut(Verdict),
}

/// Results with the name of what was replayed.
type Results = Vec<(String, Result)>;

fn main() -> ExitCode {
    bytes::self_check();
    let folder = std::env::var_os("MDBX_TRACES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces"),
        PathBuf::from,
    );
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let selected = traces_in(&folder, &arguments);
    report(&replay_all(selected))
}

/// Returns the traces of a folder that the arguments select, by name.
fn traces_in(folder: &Path, arguments: &[String]) -> Vec<(String, PathBuf)> {
    let words: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let entries = std::fs::read_dir(folder).expect("a folder of traces");
    let mut traces: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name()?.to_str()?.strip_suffix(".jsonl.gz")?;
            let selected = words.is_empty() || words.iter().any(|word| name.contains(*word));
            selected.then(|| (name.to_owned(), path.clone()))
        })
        .collect();
    traces.sort();
    traces
}

/// Replays traces, as many at a time as there are processors.
fn replay_all(mut traces: Vec<(String, PathBuf)>) -> Results {
    traces.reverse();
    let queue = Mutex::new(traces);
    let results = Mutex::new(Results::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().pop();
                    let Some((name, path)) = next else { break };
                    let replayed = replay_one(&name, &path);
                    results.lock().unwrap().extend(replayed);
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by(|one, other| one.0.cmp(&other.0));
    results
}

/// Replays one trace at each page size it is good for.
fn replay_one(name: &str, path: &Path) -> Results {
    let (header, _) = trace::open(path);
    if let Some(verdict) = abilities::left_out(name, &header.needs) {
        return vec![(name.to_owned(), Result::LeftOut(verdict))];
    }
    let mut results = vec![(name.to_owned(), replay_at(path, None))];
    if !matches!(results[0].1, Result::LeftOut(_)) {
        for page_size in layouts::others(&header, path) {
            let name = format!("{name} with pages of {} bytes", page_size.bytes());
            results.push((name, replay_at(path, Some(page_size))));
        }
    }
    results
}

fn replay_at(path: &Path, page_size: Option<PageSize>) -> Result {
    let run = || {
        let (header, mut steps) = trace::open(path);
        let mut world = World::new(page_size);
        if header.needs.iter().any(|need| need == "custom_order") {
            world.orders = tables::orders_in(trace::open(path).1);
        }
        replay::replay(&mut world, &mut steps)
    };
    let complaint = format!("FAILED {}: it does not return", path.display());
    let patient = || common::with_patience(&complaint, run);
    match catch_unwind(AssertUnwindSafe(patient)) {
        Ok(Ok(())) => Result::Passed,
        Ok(Err(Halt::Differs(difference))) => Result::Failed(difference),
        Ok(Err(Halt::Waiting(feature))) => Result::LeftOut(Verdict::Waiting(feature)),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Result::Failed(format!("panicked: {}", text.unwrap_or("with no message")))
        }
    }
}

/// Prints what came of it all.
fn report(results: &Results) -> ExitCode {
    let (mut passed, mut failed) = (0, 0);
    let mut left_out: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, result) in results {
        match result {
            Result::Passed => passed += 1,
            Result::Failed(difference) => {
                failed += 1;
                println!("FAILED {name}: {difference}");
            }
            Result::LeftOut(verdict) => {
                let why = match verdict {
                    Verdict::NotApplicable(reason) => format!("not applicable ({reason})"),
                    Verdict::Waiting(feature) => format!("waiting for {feature}"),
                };
                left_out.entry(why).or_default().push(name);
            }
        }
    }
    for (why, names) in left_out {
        println!("{} {why}: {}", names.len(), names.join(", "));
    }
    println!("{passed} passed, {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}
