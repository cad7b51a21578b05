//! The chain of commits, and what any snapshot must show of it.
//!
//! Each commit changes some tables at random, and goes one link on: it takes the state that the last one left, and stores
//! the next. The state has the number of commits, a digest of all of them, and a sum over all entries there are,
//! in which their order makes no difference, so that a commit only adds and subtracts what it changes. The same numbers
//! are the canary of the commit, and the log has the last links.
//!
//! So any snapshot can be judged by itself: a commit that is torn or lost, that overlaps with another one, or a page that
//! was used again too early, leaves a state that does not fit the entries, the log or the canary.

use crate::common::Rng;
use crate::engine::{Outcome, Snapshot, Writing};
use crate::part::Part;

/// Links that the log keeps.
const LOG_LEN: u64 = 200;

const STATE: &[u8] = b"state";

/// Where the chain has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct State {
    /// How many commits there were.
    pub(crate) number: u64,
    /// Depends on all of them.
    pub(crate) digest: u64,
    /// The sum over all entries.
    pub(crate) sum: u64,
}

/// How much a commit changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// The most entries that an ordinary commit changes.
    pub(crate) changes: usize,
    /// One in so many commits adds many entries, and as many clear a table; 0: none.
    pub(crate) bulk_every: usize,
}

/// How much a faulty commit changes.
const FAULTY: Load = Load {
    changes: 20,
    bulk_every: 0,
};

/// A fault that is made on purpose, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A change that the chain does not know of.
    Unnoticed,
    /// A commit that goes on from the state before the last one, as if it had not seen that.
    Overlap,
}

fn mix(mut digest: u64) -> u64 {
    digest = (digest ^ (digest >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    digest = (digest ^ (digest >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    digest ^ (digest >> 31)
}

fn digest_of(seed: u64, bytes: &[u8]) -> u64 {
    let mut digest = mix(seed ^ bytes.len() as u64);
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        digest = mix(digest ^ u64::from_le_bytes(word)).wrapping_add(0x9E37_79B9_7F4A_7C15);
    }
    digest
}

/// Returns what an entry counts in the sum.
fn weight(part: Part, key: &[u8], value: &[u8]) -> u64 {
    digest_of(digest_of(part as u64, key), value)
}

fn number_at(bytes: &[u8], index: usize) -> Option<u64> {
    let bytes = bytes.get(8 * index..8 * index + 8)?;
    bytes.try_into().map(u64::from_le_bytes).ok()
}

impl State {
    /// Returns the state that the snapshot stores.
    fn stored(snapshot: &dyn Snapshot) -> Outcome<State> {
        let Some(bytes) = snapshot.get(Part::State, STATE)? else {
            return Ok(State::default());
        };
        let at = |index| number_at(&bytes, index).ok_or("the state is too short");
        Ok(State {
            number: at(0)?,
            digest: at(1)?,
            sum: at(2)?,
        })
    }

    fn numbers(self) -> [u64; 3] {
        [self.number, self.digest, self.sum]
    }

    fn bytes(self) -> Vec<u8> {
        self.numbers().map(u64::to_le_bytes).concat()
    }

    fn next(self, writer: u64, sum: u64) -> State {
        let number = self.number + 1;
        let links = [self.digest, number, writer, sum].map(u64::to_le_bytes);
        State {
            number,
            digest: digest_of(0, &links.concat()),
            sum,
        }
    }
}

/// Fails, and says what is wrong, unless both are the same.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    found: &T,
    expected: &T,
) -> Outcome<()> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: found {found:?}, expected {expected:?}").into())
}

/// Goes on by one link, without committing, and returns the state that then is.
pub(crate) fn advance(
    txn: &mut dyn Writing,
    rng: &mut Rng,
    writer: u64,
    load: Load,
) -> Outcome<State> {
    let state = State::stored(txn)?;
    same("canary", &txn.marks()?, &state.numbers())?;
    same("sequence", &txn.sequence(Part::Log)?, &state.number)?;
    let sum = change(txn, rng, state.sum, load)?;
    let next = state.next(writer, sum);
    store(txn, state, next, writer)?;
    Ok(next)
}

/// Goes on by a link that deletes all entries, without committing, and returns the state that then is.
pub(crate) fn empty(txn: &mut dyn Writing) -> Outcome<State> {
    let state = State::stored(txn)?;
    for part in Part::CONTENT {
        txn.clear(part)?;
    }
    let next = state.next(0, 0);
    store(txn, state, next, 0)?;
    Ok(next)
}

/// Makes a fault, without committing.
pub(crate) fn spoil(txn: &mut dyn Writing, rng: &mut Rng, fault: Fault) -> Outcome<()> {
    match fault {
        Fault::Unnoticed => change(txn, rng, 0, FAULTY).map(drop),
        Fault::Overlap => {
            let last = State::stored(txn)?;
            let link = txn.get(Part::Log, &number_key(last.number - 1))?;
            let at = |index| link.as_ref().and_then(|link| number_at(link, index));
            let before = State {
                number: last.number - 1,
                digest: at(1).ok_or("the log is too short")?,
                sum: at(2).ok_or("the log is too short")?,
            };
            let sum = change(txn, rng, before.sum, FAULTY)?;
            store(txn, before, before.next(0, sum), 0)
        }
    }
}

fn number_key(of: u64) -> Vec<u8> {
    mdbx_core::key::u64(of).to_vec()
}

/// Stores a link that leads from one state to the next.
fn store(txn: &mut dyn Writing, state: State, next: State, writer: u64) -> Outcome<()> {
    let link = [writer, next.digest, next.sum].map(u64::to_le_bytes);
    txn.put(Part::Log, &number_key(next.number), &link.concat())?;
    if state.number >= LOG_LEN {
        txn.delete(Part::Log, &number_key(next.number - LOG_LEN))?;
    }
    txn.count_up(Part::Log)?;
    txn.put(Part::State, STATE, &next.bytes())?;
    txn.set_marks(next.numbers())
}

/// Changes entries, and returns the sum that then is.
fn change(txn: &mut dyn Writing, rng: &mut Rng, mut sum: u64, load: Load) -> Outcome<u64> {
    if load.bulk_every > 0 && rng.once_in(load.bulk_every) {
        let part = *rng.pick(&Part::CONTENT);
        let mut gone = 0_u64;
        txn.each(part, &mut |key, value| {
            gone = gone.wrapping_add(weight(part, key, value));
            Ok(())
        })?;
        txn.clear(part)?;
        sum = sum.wrapping_sub(gone);
    }
    let bulk = load.bulk_every > 0 && rng.once_in(load.bulk_every);
    let count = if bulk {
        200
    } else {
        1 + rng.below(load.changes)
    };
    for _ in 0..count {
        let part = *rng.pick(&Part::CONTENT);
        let (key, value) = (part.key(rng, bulk), part.value(rng));
        sum = if part.has_dups() {
            change_value(txn, rng, part, &key, &value, sum)?
        } else {
            change_entry(txn, rng, part, &key, &value, sum)?
        };
    }
    Ok(sum)
}

/// Puts or deletes one of the values of a key.
fn change_value(
    txn: &mut dyn Writing,
    rng: &mut Rng,
    part: Part,
    key: &[u8],
    value: &[u8],
    sum: u64,
) -> Outcome<u64> {
    let weight = weight(part, key, value);
    let was_there = txn.delete_dup(part, key, value)?;
    let less = if was_there { weight } else { 0 };
    let stays = !was_there || rng.once_in(5);
    if stays {
        txn.put(part, key, value)?;
    }
    let more = if stays { weight } else { 0 };
    Ok(sum.wrapping_sub(less).wrapping_add(more))
}

/// Puts, replaces or deletes the value of a key.
fn change_entry(
    txn: &mut dyn Writing,
    rng: &mut Rng,
    part: Part,
    key: &[u8],
    value: &[u8],
    sum: u64,
) -> Outcome<u64> {
    let old = txn.get(part, key)?;
    let less = old.as_ref().map_or(0, |old| weight(part, key, old));
    if rng.once_in(4) {
        same("deleted", &txn.delete(part, key)?, &old.is_some())?;
        return Ok(sum.wrapping_sub(less));
    }
    txn.put(part, key, value)?;
    let more = weight(part, key, value);
    Ok(sum.wrapping_sub(less).wrapping_add(more))
}

/// Looks at a whole snapshot; fails if anything in it contradicts something else.
pub(crate) fn look(snapshot: &dyn Snapshot) -> Outcome<State> {
    let state = State::stored(snapshot)?;
    same("canary", &snapshot.marks()?, &state.numbers())?;
    same("sequence", &snapshot.sequence(Part::Log)?, &state.number)?;
    let mut sum = 0_u64;
    for part in Part::CONTENT {
        snapshot.each(part, &mut |key, value| {
            sum = sum.wrapping_add(weight(part, key, value));
            Ok(())
        })?;
    }
    same("sum of all entries", &sum, &state.sum)?;
    let mut link = None;
    let mut links = 0;
    snapshot.each(Part::Log, &mut |key, value| {
        let at = |index| number_at(value, index).ok_or("a link is too short");
        let found = State {
            number: mdbx_core::key::to_u64(key).ok_or("a key of the log is no number")?,
            digest: at(1)?,
            sum: at(2)?,
        };
        if let Some(last) = link.replace(found) {
            same("link", &found, &last.next(at(0)?, found.sum))?;
        }
        links += 1;
        Ok(())
    })?;
    same("last link", &link.unwrap_or_default(), &state)?;
    same("links", &links, &state.number.min(LOG_LEN))?;
    Ok(state)
}

/// Returns what a worker of that number signs its commits with.
pub(crate) fn signature(seed: u64) -> u64 {
    mix(seed)
}
