//! The process that is killed: it proves the file and commits without end.

use mdbx_core::{Env, Result};

use crate::chain::database::{Tables, change_next, prove};
use crate::chain::part::Part;
use crate::chain::process::{is_to_end, tell};
use crate::common::{Rng, assert_sound};

/// The file is open and proved; the number of the last commit in it.
pub(crate) const OPENED: u64 = 1;
/// A commit has returned; its number.
pub(crate) const COMMITTED: u64 = 2;

/// Proves the file and commits, until this process is killed.
pub(crate) fn play(text: &str) {
    let part = Part::from_text(text).unwrap();
    let env = part.open().unwrap();
    let tables = Tables::create(&env).unwrap();
    let txn = env.read().unwrap();
    assert_sound(&txn);
    let last = prove(&txn, &tables, &part.plan).unwrap().last;
    drop(txn);
    tell((OPENED, last.number));
    let mut rng = Rng::with_seed(part.id);
    let mut count = 0;
    while !is_to_end() {
        count += 1;
        let number = commit(&env, &tables, &part, count, &mut rng).unwrap();
        tell((COMMITTED, number));
    }
}

/// Makes the next commit, at times in a roundabout way.
fn commit(env: &Env, tables: &Tables, part: &Part, count: u64, rng: &mut Rng) -> Result<u64> {
    let who = (part.id, count);
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
    if rng.once_in(30) {
        env.sync()?;
    }
    Ok(link.number)
}
