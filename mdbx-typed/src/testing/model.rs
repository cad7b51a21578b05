//! Random statements on a table, compared with a map.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};

use super::Rng;
use crate::db::{Database, WriteTxn};
use crate::error::{Error, Result};
use crate::key;
use crate::schema::{IndexKeys, OwnedTable, Schema, Table};

/// How often a failing list of operations is run again, to find a shorter one.
const MOST_RUNS: usize = 2000;

/// Runs random statements on a table, and asserts that its rows and indexes are always what they should be.
///
/// `make` returns a random row. Keys and the values of unique indexes should be drawn from few, a dozen or so, so that
/// rows replace each other and get in each other's way. The statements are inserts, puts, replacements, updates,
/// upserts, deletes and takes, those among them that must fail, and sometimes the table is cleared; transactions are
/// committed or dropped after a few of them. After each, what the statement returned and the row it is about are
/// compared with a map; after each transaction all rows are, and [`verify`](Database::verify) compares the indexes with
/// the rows.
///
/// That shows, among others, that the functions of indexes return the same for the same row, also when the row was
/// stored and read in between, and that each field survives that.
///
/// The numbers depend on the seed in the environment variable `MDBX_SEED`, or on a fixed one.
///
/// ```
/// use mdbx_typed::prelude::*;
/// use mdbx_typed::testing::model_check;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
/// #[index(by_initial, with = Self::initial, key = Option<char>)]
/// struct User {
///     #[key]
///     id: u8,
///     #[index(unique)]
///     name: String,
/// }
///
/// impl User {
///     fn initial(&self) -> Option<char> {
///         self.name.chars().next()
///     }
/// }
///
/// model_check(500, |rng| User {
///     id: rng.below(8) as u8,
///     name: rng.pick(&["", "ann", "bob", "berta"]).to_string(),
/// });
/// ```
///
/// # Panics
///
/// If something is not as it should be: the message says what, and lists the operations that lead there, without those
/// that need not be among them; and whatever `make` and the functions of the table panic with.
#[track_caller]
pub fn model_check<T>(operations: usize, mut make: impl FnMut(&mut Rng) -> T)
where
    T: OwnedTable + Clone + PartialEq + Debug,
{
    let seed = std::env::var("MDBX_SEED").ok();
    let seed = seed.map_or(1, |seed| seed.parse().expect("MDBX_SEED is a number"));
    let _repeat = TellSeed(seed);
    let mut rng = Rng::new(seed);
    let operations: Vec<Operation<T>> = (0..operations)
        .map(|_| Operation::random(&mut rng, &mut make))
        .collect();
    if let Err(failure) = run(&operations) {
        let (failing, failure) = shortest(operations, failure);
        panic!(
            "table `{}`: {}\nafter these {} operations:{}",
            T::SCHEMA.name,
            failure.what,
            failing.len(),
            List(&failing)
        );
    }
}

/// Says how to repeat a test that panics.
struct TellSeed(u64);

impl Drop for TellSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to repeat: MDBX_SEED={}", self.0);
        }
    }
}

/// One thing that is done to the table. The second row of an update or upsert is what the closure makes of the first.
#[derive(Debug, Clone)]
enum Operation<T> {
    Insert(T),
    Put(T),
    Replace(T),
    Update(T, T),
    Upsert(T, T),
    Delete(T),
    Take(T),
    Clear,
    Commit,
    Abort,
}

impl<T: Clone> Operation<T> {
    fn random(rng: &mut Rng, make: &mut impl FnMut(&mut Rng) -> T) -> Self {
        match rng.below(64) {
            0..=13 => Operation::Insert(make(rng)),
            14..=23 => Operation::Put(make(rng)),
            24..=27 => Operation::Replace(make(rng)),
            kind @ 28..=43 => {
                let row = make(rng);
                // Another row has another key, most often, and is refused for that.
                let other = if rng.once_in(6) {
                    make(rng)
                } else {
                    row.clone()
                };
                if kind < 38 {
                    Operation::Update(row, other)
                } else {
                    Operation::Upsert(row, other)
                }
            }
            44..=49 => Operation::Delete(make(rng)),
            50..=53 => Operation::Take(make(rng)),
            54 if rng.once_in(4) => Operation::Clear,
            54..=61 => Operation::Commit,
            _ => Operation::Abort,
        }
    }
}

/// Operations, one a line.
struct List<'a, T>(&'a [Operation<T>]);

impl<T: Debug> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut operations = self.0.iter();
        operations.try_for_each(|operation| write!(f, "\n  {operation:?}"))
    }
}

/// What was not as it should be, and after how many operations that was seen.
struct Failure {
    after: usize,
    what: String,
}

/// Rows as they should be, by the bytes of their primary keys.
type Rows<T> = BTreeMap<Vec<u8>, Kept<T>>;

#[derive(Clone)]
struct Kept<T> {
    row: T,
    /// Its keys in unique indexes.
    unique: Vec<UniqueKey>,
}

/// A key in the unique index at a position; one that no other value has, if the index holds hashes.
type UniqueKey = (usize, Vec<u8>);

/// Returns fewer operations that fail, with how they do: the shortest list of the first ones, without those that need
/// not be there.
fn shortest<T>(mut failing: Vec<Operation<T>>, mut failure: Failure) -> (Vec<Operation<T>>, Failure)
where
    T: OwnedTable + Clone + PartialEq + Debug,
{
    failing.truncate(failure.after);
    let mut runs = 0..MOST_RUNS;
    for len in 1..failing.len() {
        // What is not seen before the transaction ends is seen sooner if it ends sooner.
        if runs.next().is_some()
            && let Err(sooner) = run(&failing[..len])
        {
            failing.truncate(sooner.after.min(len));
            failure = sooner;
            break;
        }
    }
    for at in (0..failing.len()).rev() {
        let mut fewer = failing.clone();
        fewer.remove(at);
        if runs.next().is_some()
            && let Err(same) = run(&fewer)
        {
            fewer.truncate(same.after);
            (failing, failure) = (fewer, same);
        }
    }
    (failing, failure)
}

/// Does the operations in a new database, and commits after the last.
fn run<T>(operations: &[Operation<T>]) -> Result<(), Failure>
where
    T: OwnedTable + Clone + PartialEq + Debug,
{
    let at = |after: usize| move |what: String| Failure { after, what };
    let unusable = |error: Error| at(0)(format!("no database: {error}"));
    let schema = const { &Schema::new(&[T::SCHEMA]) };
    let db = Database::in_memory(schema).map_err(|error| unusable(error.into()))?;
    let mut committed = Rows::<T>::new();
    let mut done = 0;
    while done < operations.len() {
        let mut rows = committed.clone();
        let mut tx = db.begin_write().map_err(unusable)?;
        let mut commit = true;
        for operation in &operations[done..] {
            done += 1;
            match operation {
                Operation::Commit => break,
                Operation::Abort => {
                    commit = false;
                    break;
                }
                statement => step(&mut tx, &mut rows, statement).map_err(at(done))?,
            }
        }
        if commit {
            let result = tx.commit();
            result.map_err(|error| at(done)(format!("the commit failed: {error}")))?;
            committed = rows;
        } else {
            tx.abort();
        }
        check(&db, &committed).map_err(at(done))?;
    }
    Ok(())
}

/// Does a statement, and compares what came of it.
fn step<T>(
    tx: &mut WriteTxn<'_>,
    rows: &mut Rows<T>,
    operation: &Operation<T>,
) -> Result<(), String>
where
    T: OwnedTable + Clone + PartialEq + Debug,
{
    let failed = |error: Error| format!("{operation:?} failed: {error}");
    match operation {
        Operation::Insert(row) => {
            let outcome = tx.insert(row);
            let is_free = !rows.contains_key(&key_of(row));
            expect_stored(rows, operation, row, row, is_free, outcome)?;
            compare_row(tx, rows, row)
        }
        Operation::Put(row) => {
            let outcome = tx.put(row);
            expect_stored(rows, operation, row, row, true, outcome)?;
            compare_row(tx, rows, row)
        }
        Operation::Replace(row) => {
            let old = rows.get(&key_of(row)).map(|kept| kept.row.clone());
            let outcome = tx.replace(row).map(|returned| returned == old);
            let outcome = same(operation, outcome)?;
            expect_stored(rows, operation, row, row, true, outcome)?;
            compare_row(tx, rows, row)
        }
        Operation::Update(row, made) => {
            let is_there = rows.contains_key(&key_of(row));
            let outcome = tx.update::<T>(row.key(), |row| *row = made.clone());
            let outcome = same(operation, outcome.map(|found| found == is_there))?;
            if is_there {
                expect_stored(rows, operation, row, made, true, outcome)?;
            } else {
                outcome.map_err(failed)?;
            }
            compare_row(tx, rows, row)
        }
        Operation::Upsert(row, made) => {
            let old = rows.get(&key_of(row)).map(|kept| kept.row.clone());
            let mut is_same = true;
            let outcome = tx.upsert::<T>(row.key(), |found| {
                is_same = found == old;
                made.clone()
            });
            let outcome = same(operation, outcome.map(|()| is_same))?;
            expect_stored(rows, operation, row, made, true, outcome)?;
            compare_row(tx, rows, row)
        }
        Operation::Delete(row) => {
            let removed = tx.delete::<T>(row.key()).map_err(failed)?;
            let expected = rows.remove(&key_of(row)).is_some();
            expect(removed == expected, operation)?;
            compare_row(tx, rows, row)
        }
        Operation::Take(row) => {
            let taken = tx.take::<T>(row.key()).map_err(failed)?;
            let expected = rows.remove(&key_of(row)).map(|kept| kept.row);
            expect(taken == expected, operation)?;
            compare_row(tx, rows, row)
        }
        Operation::Clear => {
            tx.clear::<T>().map_err(failed)?;
            rows.clear();
            compare_count(tx, rows)
        }
        Operation::Commit | Operation::Abort => Ok(()),
    }
}

fn expect<T: Debug>(is_as_expected: bool, operation: &Operation<T>) -> Result<(), String> {
    if is_as_expected {
        Ok(())
    } else {
        Err(format!("{operation:?} returned something else"))
    }
}

/// Checks that a statement that worked returned what it should.
fn same<T: Debug>(operation: &Operation<T>, outcome: Result<bool>) -> Result<Result<()>, String> {
    match outcome {
        Ok(is_same) => expect(is_same, operation).map(Ok),
        Err(error) => Ok(Err(error)),
    }
}

/// Checks that a statement that stores `made` under the key of `row` worked if it should, and then notes the row.
fn expect_stored<T>(
    rows: &mut Rows<T>,
    operation: &Operation<T>,
    row: &T,
    made: &T,
    may_store: bool,
    outcome: Result<()>,
) -> Result<(), String>
where
    T: OwnedTable + Clone + Debug,
{
    let key = key_of(row);
    let unique = unique_keys(made);
    let mut others = rows.iter().filter(|(other, _)| **other != key);
    let rival = others.find(|(_, other)| other.unique.iter().any(|taken| unique.contains(taken)));
    let is_right = match &outcome {
        Ok(()) => may_store && rival.is_none() && key_of(made) == key,
        Err(Error::KeyExists { .. }) => !may_store,
        Err(Error::KeyChanged { .. }) => key_of(made) != key,
        Err(Error::UniqueViolation {
            index, existing, ..
        }) => {
            let is_taken = |taken: &&UniqueKey| T::SCHEMA.indexes[taken.0].name == *index;
            let other = rows.get(existing.as_bytes());
            let other = other.filter(|_| existing.as_bytes() != key);
            other.is_some_and(|other| {
                let mut taken = other.unique.iter().filter(is_taken);
                taken.any(|taken| unique.contains(taken))
            })
        }
        Err(Error::KeyTooLong { len, max, .. }) => len > max && has_key_of(made, *len),
        Err(Error::Codec { .. }) => made.encode_row(&mut Vec::new()).is_err(),
        Err(_) => false,
    };
    match outcome {
        Ok(()) if is_right => {
            let row = made.clone();
            rows.insert(key, Kept { row, unique });
            Ok(())
        }
        Err(_) if is_right => Ok(()),
        Ok(()) => Err(format!("{operation:?} worked, and should have failed")),
        Err(error) => Err(format!("{operation:?} failed: {error}")),
    }
}

fn key_of<T: OwnedTable>(row: &T) -> Vec<u8> {
    key::encode::<T::Key>(row.key()).as_slice().to_vec()
}

fn index_keys<T: OwnedTable>(row: &T) -> IndexKeys {
    let mut keys = IndexKeys::default();
    row.index_keys(&mut keys);
    keys.settle();
    keys
}

fn unique_keys<T: OwnedTable>(row: &T) -> Vec<UniqueKey> {
    let indexes = T::SCHEMA.indexes;
    let keys = index_keys(row);
    let plain = keys.iter().filter(|&(at, _)| !indexes[at].hashed);
    let hashed = keys.hashed().map(|(at, _, exact)| (at, exact));
    plain
        .chain(hashed)
        .filter(|&(at, _)| indexes[at].unique)
        .map(|(at, key)| (at, key.to_vec()))
        .collect()
}

/// Returns whether the row has a key of so many bytes.
fn has_key_of<T: OwnedTable>(row: &T, len: usize) -> bool {
    key_of(row).len() == len || index_keys(row).iter().any(|(_, key)| key.len() == len)
}

/// Compares the stored row that has the key of `row`.
fn compare_row<T>(tx: &WriteTxn<'_>, rows: &Rows<T>, row: &T) -> Result<(), String>
where
    T: OwnedTable + PartialEq + Debug,
{
    let expected = rows.get(&key_of(row)).map(|kept| &kept.row);
    let found = tx.get::<T>(row.key());
    let found = found.map_err(|error| format!("the row of {row:?} cannot be read: {error}"))?;
    if found.as_ref() != expected {
        return Err(format!("stored is {found:?}, and should be {expected:?}"));
    }
    compare_count(tx, rows)
}

fn compare_count<T: Table>(tx: &WriteTxn<'_>, rows: &Rows<T>) -> Result<(), String> {
    match tx.count::<T>() {
        Ok(count) if count == rows.len() as u64 => Ok(()),
        Ok(count) => Err(format!("there are {count} rows, not {}", rows.len())),
        Err(error) => Err(format!("the rows cannot be counted: {error}")),
    }
}

/// Compares all that was committed.
fn check<T>(db: &Database, rows: &Rows<T>) -> Result<(), String>
where
    T: OwnedTable + PartialEq + Debug,
{
    let failed = |error: Error| format!("the table cannot be read: {error}");
    let tx = db.read().map_err(failed)?;
    let count = tx.count::<T>().map_err(failed)?;
    if count != rows.len() as u64 {
        return Err(format!("there are {count} rows, not {}", rows.len()));
    }
    for Kept { row, .. } in rows.values() {
        let found = tx.get::<T>(row.key()).map_err(failed)?;
        if found.as_ref() != Some(row) {
            return Err(format!("stored is {found:?}, and should be {row:?}"));
        }
    }
    let report = db.verify().map_err(failed)?;
    if report.is_clean() {
        Ok(())
    } else {
        Err(report.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(crate::Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
    #[index(by_pair, on(name, group), unique)]
    #[index(by_long, with = Self::long, key = Option<String>)]
    struct Good {
        #[key]
        shelf: i8,
        #[key]
        name: String,
        group: u8,
        #[index(unique, sparse)]
        code: Option<u8>,
        #[index(unique, hash)]
        text: String,
        #[index(each)]
        tags: Vec<u8>,
    }

    impl Good {
        /// A key that does not always fit a page.
        fn long(&self) -> Option<String> {
            (self.group == 3).then(|| "long ".repeat(1000))
        }
    }

    #[test]
    fn a_table_that_is_right_passes() {
        model_check(3000, |rng| Good {
            shelf: if rng.once_in(2) { -1 } else { 1 },
            name: (*rng.pick(&["", "a", "a\0", "b"])).into(),
            group: u8::try_from(rng.below(4)).unwrap(),
            code: [None, Some(1), Some(2), Some(3)][usize::try_from(rng.below(4)).unwrap()],
            text: (*rng.pick(&["x", "y", "z", "v", "w"])).into(),
            tags: (0..rng.below(3))
                .map(|_| rng.number().to_le_bytes()[0] & 3)
                .collect(),
        });
    }

    thread_local! {
        static CALLS: Cell<u32> = const { Cell::new(0) };
    }

    /// A row whose index function depends on more than the row.
    #[derive(crate::Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
    #[index(by_moment, with = Self::moment, key = u32)]
    struct Fickle {
        #[key]
        id: u8,
    }

    impl Fickle {
        fn moment(&self) -> u32 {
            CALLS.set(CALLS.get() + 1);
            CALLS.get() + u32::from(self.id)
        }
    }

    #[test]
    #[should_panic(expected = "after these 1 operations:\n  Insert(Fickle { id: ")]
    fn a_function_that_depends_on_more_than_the_row_is_found() {
        model_check(100, |rng| Fickle {
            id: u8::try_from(rng.below(9)).unwrap(),
        });
    }

    /// A row that loses a field on its way.
    #[derive(crate::Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
    struct Forgetful {
        #[key]
        id: u8,
        #[serde(with = "nothing")]
        name: String,
    }

    mod nothing {
        pub(super) fn serialize<S: serde::Serializer>(_: &str, to: S) -> Result<S::Ok, S::Error> {
            to.serialize_str("")
        }

        pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
            from: D,
        ) -> Result<String, D::Error> {
            serde::Deserialize::deserialize(from)
        }
    }

    #[test]
    #[should_panic(expected = "stored is Some(Forgetful { id: ")]
    fn a_field_that_is_lost_is_found() {
        model_check(100, |rng| Forgetful {
            id: u8::try_from(rng.below(9)).unwrap(),
            name: "name".into(),
        });
    }
}
