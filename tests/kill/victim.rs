//! The process that is killed: it proves the file and commits without end.

use std::path::PathBuf;

use mdbx_core::{Env, PageSize, Result};

use crate::chain::database::{Plan, Tables, change_next, prove};
use crate::chain::process::{is_to_end, listen_for_the_end, tell};
use crate::common::{Rng, assert_sound};
use crate::modes::MODES;

/// The file is open and proved; the number of the last commit in it.
pub(crate) const OPENED: u64 = 1;
/// A commit has returned; its number.
pub(crate) const COMMITTED: u64 = 2;

/// What a victim is told.
pub(crate) struct Part {
    pub(crate) plan: Plan,
    /// Which of the modes.
    pub(crate) mode: usize,
    /// Its name in the links, and the seed of what it does by the way.
    pub(crate) writer: u64,
    pub(crate) path: PathBuf,
}

impl Part {
    pub(crate) fn to_text(&self) -> String {
        let Plan {
            seed,
            window,
            page_size,
        } = self.plan;
        let (mode, writer, path) = (self.mode, self.writer, self.path.display());
        format!(
            "{seed} {window} {} {mode} {writer} {path}",
            page_size.bytes()
        )
    }

    fn from_text(text: &str) -> Option<Part> {
        let mut words = text.splitn(6, ' ');
        Some(Part {
            plan: Plan {
                seed: words.next()?.parse().ok()?,
                window: words.next()?.parse().ok()?,
                page_size: PageSize::new(words.next()?.parse().ok()?)?,
            },
            mode: words.next()?.parse().ok()?,
            writer: words.next()?.parse().ok()?,
            path: words.next()?.into(),
        })
    }

    /// Opens the database.
    pub(crate) fn open(&self) -> Result<Env> {
        let (_, options) = MODES[self.mode];
        options(self.plan.options()).open(&self.path)
    }
}

/// Does what `text` tells, until this process is killed.
pub(crate) fn play(text: &str) {
    listen_for_the_end();
    let part = Part::from_text(text).unwrap();
    let env = part.open().unwrap();
    let tables = Tables::create(&env).unwrap();
    let txn = env.read().unwrap();
    assert_sound(&txn);
    let last = prove(&txn, &tables, &part.plan).unwrap().last;
    drop(txn);
    tell((OPENED, last.number));
    let mut rng = Rng::with_seed(part.writer);
    let mut count = 0;
    while !is_to_end() {
        count += 1;
        let number = commit(&env, &tables, &part, count, &mut rng).unwrap();
        tell((COMMITTED, number));
    }
}

/// Makes the next commit, at times in a roundabout way.
fn commit(env: &Env, tables: &Tables, part: &Part, count: u64, rng: &mut Rng) -> Result<u64> {
    let who = (part.writer, count);
    let mut txn = env.write()?;
    if rng.once_in(10) {
        // What is rolled back is not there, neither now nor after a crash.
        change_next(&mut txn, tables, &part.plan, who)?;
        txn.rollback()?;
    }
    let reader = rng.once_in(4).then(|| env.read()).transpose()?;
    if rng.once_in(10) {
        let mut nested = txn.nested()?;
        change_next(&mut nested, tables, &part.plan, who)?;
        nested.abort();
    }
    let link = change_next(&mut txn, tables, &part.plan, who)?;
    txn.commit()?;
    drop(reader);
    Ok(link.number)
}
