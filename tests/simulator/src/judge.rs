//! Opens what a crash left, and holds it against what was promised.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use mdbx_core::sim::set_boot_id;
use mdbx_core::tools::check::check;
use mdbx_core::{Durability, Env, ReadTxn, TableFlags};
use tempfile::TempDir;

use crate::log::{Promise, Recorder, Step};
use crate::model::{AFTERMATH, Model};

/// How many commits are made after a crash: pages that the first one frees can be used again by the last one.
const COMMITS: usize = 3;
/// How many items each of them stores.
const ITEMS: u8 = 6;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Crash {
    /// The machine stopped, and was started again.
    Power,
    /// The process ended, and another one came in the same boot.
    Process,
}

/// Which states may be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The oldest.
    pub oldest: Oldest,
    /// The newest commit, by its id.
    pub newest: u64,
}

/// The oldest state that may be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oldest {
    /// This commit, by its id.
    Commit(u64),
    /// Anything, be it an error: nothing was promised.
    Chaos,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The state of this commit, by its id.
    Commit(u64),
    /// No database that opens, or not a sound one.
    Ruin,
}

impl Bounds {
    /// Says what is wrong with finding that, if anything is.
    #[must_use]
    pub fn objection(&self, found: Found) -> Option<String> {
        match (found, self.oldest) {
            (_, Oldest::Chaos) => None,
            (Found::Ruin, Oldest::Commit(_)) => Some("it is no sound database".to_owned()),
            (Found::Commit(txnid), _) if txnid > self.newest => Some(format!(
                "snapshot {txnid} was found, {} is the newest",
                self.newest
            )),
            (Found::Commit(txnid), Oldest::Commit(oldest)) if txnid < oldest => {
                Some(format!("snapshot {txnid} was found, {oldest} was promised"))
            }
            (Found::Commit(_), _) => None,
        }
    }
}

/// The states that may be found, by the ids of their transactions. After a commit was rolled back, another one gets its
/// id.
pub type Histories<'h> = [&'h BTreeMap<u64, Arc<Model>>];

/// How a file is opened after a crash.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// In which boot of the machine, by its number.
    pub boot: u8,
    /// What the commits promise that are made then.
    pub durability: Durability,
    /// Whether pages are written through a mapping.
    pub write_map: bool,
}

impl Manner {
    /// As most do, in the boot of that number.
    #[must_use]
    pub fn plain(boot: u8) -> Manner {
        Manner {
            boot,
            durability: Durability::Durable,
            write_map: false,
        }
    }
}

/// Opens files.
#[derive(Debug)]
pub struct Judge {
    _directory: TempDir,
    path: PathBuf,
}

impl Judge {
    /// A judge with a place of its own for files, in memory where that can be had.
    #[must_use]
    pub fn new() -> Judge {
        let directory = scratch();
        Judge {
            path: directory.path().join("left.mdbx"),
            _directory: directory,
        }
    }

    /// Opens the file `image`, checks it, writes to it and checks it again. Returns what was found, and, with `watch`, records there what was done to the disk meanwhile.
    ///
    /// # Errors
    ///
    /// In words, if the engine panics, or says that all is well while it is not.
    pub fn look(
        &self,
        image: &[u8],
        manner: Manner,
        histories: &Histories<'_>,
        watch: Option<&Arc<Recorder>>,
    ) -> Result<Looked, String> {
        fs::write(&self.path, image).expect("there is room for the file");
        set_boot_id(Some([manner.boot; 16]));
        let looked = catch_unwind(AssertUnwindSafe(|| self.open(manner, histories, watch)));
        looked.unwrap_or_else(|_| Err("it panicked".to_owned()))
    }

    fn open(
        &self,
        Manner {
            durability,
            write_map,
            ..
        }: Manner,
        histories: &Histories<'_>,
        watch: Option<&Arc<Recorder>>,
    ) -> Result<Looked, String> {
        let note = |step| {
            if let Some(recorder) = watch {
                recorder.note(step);
            }
        };
        let mut options = Env::options().durability(durability).write_map(write_map);
        if let Some(recorder) = watch {
            options = options.simulate(recorder.clone());
        }
        note(Step::Begin);
        let env = match options.open(&self.path) {
            Ok(env) => env,
            Err(error) => return Ok(Looked::ruin(text(&error))),
        };
        let txn = env.read().map_err(|error| text(&error))?;
        let txnid = txn.id().0;
        let model = match contents(&txn, histories) {
            Ok(model) => model,
            Err(complaint) => return Ok(Looked::ruin(complaint)),
        };
        drop(txn);
        note(Step::Opened(txnid));
        if durability == Durability::UtterlyNoSync {
            note(Step::Risk);
        }
        let mut next = BTreeMap::new();
        for _ in 0..COMMITS {
            note(Step::Begin);
            let txnid =
                write(&env).map_err(|error| format!("after it was opened: {}", text(&error)))?;
            note(match durability {
                Durability::Durable | Durability::SingleSync => Step::Done(Promise {
                    newest: txnid,
                    after_power_cut: Some(txnid),
                }),
                _ => Step::DoneWeakly(txnid),
            });
            next.insert(txnid, model.clone());
        }
        let txn = env.read().map_err(|error| text(&error))?;
        contents(&txn, &[&next])
            .map_err(|complaint| format!("after later commits: {complaint}"))?;
        drop(txn);
        env.close_without_sync();
        Ok(Looked {
            found: Found::Commit(txnid),
            complaint: None,
            next,
        })
    }
}

impl Default for Judge {
    fn default() -> Self {
        Judge::new()
    }
}

/// What there was to see.
#[derive(Debug)]
pub struct Looked {
    /// What was found.
    pub found: Found,
    /// What is wrong with it, in words.
    pub complaint: Option<String>,
    /// The ids of the commits that were then made, and the contents they left alone.
    pub next: BTreeMap<u64, Arc<Model>>,
}

impl Looked {
    fn ruin(complaint: String) -> Looked {
        Looked {
            found: Found::Ruin,
            complaint: Some(complaint),
            next: BTreeMap::new(),
        }
    }
}

/// Checks a snapshot, and returns the one of the possible contents that it has.
fn contents(txn: &ReadTxn<'_>, histories: &Histories<'_>) -> Result<Arc<Model>, String> {
    let report = check(txn);
    if !report.is_sound() {
        return Err(format!("{report}"));
    }
    let txnid = txn.id().0;
    let mut complaint = format!("nobody committed {txnid}");
    for model in histories.iter().filter_map(|history| history.get(&txnid)) {
        match model.difference(txn) {
            Ok(None) => {
                aftermath(txn)?;
                return Ok(model.clone());
            }
            Ok(Some(difference)) => complaint = format!("snapshot {txnid}: {difference}"),
            Err(error) => return Err(format!("snapshot {txnid}: {}", text(&error))),
        }
    }
    Err(complaint)
}

/// Checks that each commit after a crash is there as a whole or not at all.
fn aftermath(txn: &ReadTxn<'_>) -> Result<(), String> {
    let Ok(table) = txn.open_table(AFTERMATH) else {
        return Ok(());
    };
    let items = txn.table(table).map_err(|error| text(&error))?;
    let (mut keys, mut first) = (0, None);
    for item in &items {
        let (key, value) = item.map_err(|error| text(&error))?;
        if key != [keys] || *first.get_or_insert(value) != value {
            return Err(format!(
                "a commit after the crash left {key:?} with {value:?}"
            ));
        }
        keys += 1;
    }
    if keys != ITEMS {
        return Err("a commit after the crash is there in part".to_owned());
    }
    Ok(())
}

/// Makes the commit after a crash.
fn write(env: &Env) -> mdbx_core::Result<u64> {
    let mut txn = env.write()?;
    let table = txn.create_table(AFTERMATH, TableFlags::empty())?;
    let id = txn.id().0.to_le_bytes()[0];
    for key in 0..ITEMS {
        txn.put(table, &[key], &[id; 90])?;
    }
    txn.commit().map(|txnid| txnid.0)
}

/// Returns a directory for files, in memory where that can be had.
#[must_use]
pub fn scratch() -> TempDir {
    let in_memory = tempfile::Builder::new()
        .prefix("crash")
        .tempdir_in("/dev/shm");
    in_memory
        .or_else(|_| tempfile::tempdir())
        .expect("there is a place for files")
}

/// Returns an error with its causes.
fn text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
