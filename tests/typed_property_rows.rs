//! Any statements, transactions and reopens, also with other indexes, leave rows and indexes equal; a statement that
//! fails changes nothing, whatever it fails of.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::collections::BTreeMap;
use std::fmt::Debug;

use common::Rng;
use mdbx_typed::prelude::*;
use mdbx_typed::{
    Error, Geometry, OnExtraIndex, OnMissingIndex, OpenError, OwnedTable, PageSize, Result, Schema,
};
use serde::{Deserialize, Serialize};

/// The longest key that fits the pages of these tests.
const LONGEST: usize = mdbx_core::max_key_len(PageSize::MIN);

/// The longest one in an index that is not unique.
const LONGEST_SHARED: usize = mdbx_core::max_key_len_dup_sort(PageSize::MIN);

/// What all versions of the struct have.
#[derive(Debug, Clone, PartialEq)]
struct Fields {
    shelf: i8,
    name: String,
    code: Option<u16>,
    tags: Vec<u8>,
    size: i32,
    text: String,
}

type Id = (i8, String);
type Rows = BTreeMap<Id, Fields>;

impl Fields {
    fn random(rng: &mut Rng) -> Fields {
        let name = match rng.below(12) {
            0 => "n".repeat(LONGEST - 4 + rng.below(6)),
            1 => "n".repeat(LONGEST_SHARED - 6 + rng.below(5)),
            at => [
                "", "a", "ab", "a\0", "\u{1}", "b", "ü", "c\0\u{1}", "ba", "z",
            ][at - 2]
                .to_owned(),
        };
        Fields {
            shelf: [-1, 0, 1][rng.below(3)],
            name,
            code: (!rng.once_in(3)).then(|| u16::try_from(rng.below(20)).unwrap()),
            tags: (0..rng.below(4)).map(|_| rng.byte() % 6).collect(),
            size: i32::try_from(rng.below(21)).unwrap() - 10,
            text: "t".repeat(*rng.pick(&[
                0,
                1,
                2,
                3,
                40,
                LONGEST_SHARED,
                LONGEST - 4,
                LONGEST,
                700,
            ])),
        }
    }

    fn id(&self) -> Id {
        (self.shelf, self.name.clone())
    }

    /// Returns its key in the unique index of this name; `None` if it has none there, or if there is no such index.
    fn unique_key(&self, index: &str) -> Option<String> {
        match index {
            "by_code" => self.code.map(|code| code.to_string()),
            "by_size_text" => Some(format!("{} {}", self.size, self.text)),
            "by_label" if self.size > 0 => Some(self.label()),
            _ => None,
        }
    }

    fn label(&self) -> String {
        format!("{} of {}", self.text, self.shelf)
    }

    /// Returns whether a key of it is too long for a table with these indexes.
    fn is_too_long(&self, indexes: &[&str]) -> bool {
        let id = 1 + self.name.len();
        id > LONGEST
            || indexes.iter().any(|&index| match index {
                "by_text" => self.size > 0 && self.text.len() > LONGEST_SHARED,
                "by_size_text" => 4 + self.text.len() > LONGEST,
                "by_size_down" => 4 + self.name.len() > LONGEST_SHARED,
                _ => false,
            })
    }
}

/// One version of the struct.
trait Version: OwnedTable + Debug + Sized {
    fn new(fields: Fields) -> Self;
    fn fields(&self) -> Fields;
    /// Returns all rows and all entries of all indexes, as text.
    fn content(tx: &ReadTxn<'_>) -> Result<Vec<String>>;
    /// As [`content`](Self::content), of what was written and not committed.
    fn written(tx: &WriteTxn<'_>) -> Result<Vec<String>>;
    fn delete_range(tx: &mut WriteTxn<'_>, from: i8, to: i8) -> Result<u64>;
    fn drain(tx: &mut WriteTxn<'_>, from: i8, count: usize) -> Result<Vec<Self>>;

    fn indexes() -> Vec<&'static str> {
        Self::SCHEMA
            .indexes
            .iter()
            .map(|index| index.name)
            .collect()
    }
}

macro_rules! version {
    ($module:ident { $($index:ident)* } $(#[$attribute:meta])*) => {
        mod $module {
            use super::*;

            #[derive(Table, Serialize, Deserialize, Debug)]
            #[table(name = "things")]
            $(#[$attribute])*
            pub(super) struct Thing {
                #[key]
                shelf: i8,
                #[key]
                name: String,
                code: Option<u16>,
                tags: Vec<u8>,
                size: i32,
                text: String,
            }

            #[allow(dead_code, reason = "not every version computes every index")]
            impl Thing {
                fn is_big(&self) -> bool {
                    self.size > 0
                }

                fn label(&self) -> String {
                    self.fields().label()
                }

                fn letters(&self) -> Vec<char> {
                    self.name.chars().take(3).collect()
                }
            }

            macro_rules! content {
                ($tx:ident) => {{
                    let rows = $tx.by(thing::primary).rows();
                    #[allow(unused_mut, reason = "one version has no index")]
                    let mut content: Vec<String> =
                        rows.map(|row| Ok(format!("{:?}", row?))).collect::<Result<_>>()?;
                    $(for entry in $tx.by(thing::$index).entries() {
                        match entry {
                            // It was opened without it.
                            Err(Error::IndexMissing { .. }) => {}
                            entry => content.push(format!("{} {:?}", stringify!($index), entry?)),
                        }
                    })*
                    Ok(content)
                }};
            }

            impl Version for Thing {
                fn new(fields: Fields) -> Self {
                    let Fields { shelf, name, code, tags, size, text } = fields;
                    Thing { shelf, name, code, tags, size, text }
                }

                fn fields(&self) -> Fields {
                    Fields {
                        shelf: self.shelf,
                        name: self.name.clone(),
                        code: self.code,
                        tags: self.tags.clone(),
                        size: self.size,
                        text: self.text.clone(),
                    }
                }

                fn content(tx: &ReadTxn<'_>) -> Result<Vec<String>> {
                    content!(tx)
                }

                fn written(tx: &WriteTxn<'_>) -> Result<Vec<String>> {
                    content!(tx)
                }

                fn delete_range(tx: &mut WriteTxn<'_>, from: i8, to: i8) -> Result<u64> {
                    tx.delete_range(thing::primary, (from, "")..(to, ""))
                }

                fn drain(tx: &mut WriteTxn<'_>, from: i8, count: usize) -> Result<Vec<Self>> {
                    tx.drain(thing::primary, (from, "")..)?.take(count).collect()
                }
            }
        }
    };
}

version! { bare {} }
version! { few { by_code by_tags }
    #[index(by_code, on(code), unique, sparse)]
    #[index(by_tags, on(tags), each)]
}
version! { others { by_text by_size_down by_letters }
    #[index(by_text, on(text), when = Self::is_big)]
    #[index(by_size_down, on(size, name), desc(size))]
    #[index(by_letters, with = Self::letters, key = Vec<char>, each)]
}
version! { hashed { by_label by_text_hash by_tags }
    #[index(by_label, with = Self::label, key = String, hash, unique, when = Self::is_big)]
    #[index(by_text_hash, on(text), hash)]
    #[index(by_tags, on(tags), each)]
}
version! { many { by_size_text by_code by_tags by_size_down by_text_hash }
    #[index(by_size_text, on(size, text), unique)]
    #[index(by_code, on(code), unique, sparse)]
    #[index(by_tags, on(tags), each)]
    #[index(by_size_down, on(size, name), desc(size))]
    #[index(by_text_hash, on(text), hash)]
}

/// Returns whether a row may be stored, as far as the other rows and the length of keys are concerned.
fn may_store(rows: &Rows, fields: &Fields, indexes: &[&str]) -> bool {
    let id = fields.id();
    let conflicts = |other: &Fields| {
        let mut indexes = indexes.iter();
        indexes.any(|index| {
            let key = fields.unique_key(index);
            key.is_some() && key == other.unique_key(index)
        })
    };
    let mut others = rows.values().filter(|other| other.id() != id);
    !fields.is_too_long(indexes) && !others.any(conflicts)
}

/// A file, and what should be in it.
struct World {
    directory: tempfile::TempDir,
    geometry: Geometry,
    rng: Rng,
    rows: Rows,
    /// The indexes that the file has up to date; `None` if it is not known, because opening it failed in the middle.
    stored: Option<Vec<&'static str>>,
    /// How often the file was full, and how often a transaction was lost by that.
    full: usize,
    broken: usize,
}

impl World {
    fn new(seed: u64, geometry: Geometry) -> World {
        World {
            directory: tempfile::tempdir().unwrap(),
            geometry,
            rng: Rng::with_seed(seed),
            rows: Rows::new(),
            stored: Some(Vec::new()),
            full: 0,
            broken: 0,
        }
    }

    fn open(
        &self,
        schema: &Schema,
        extra: OnExtraIndex,
        missing: OnMissingIndex,
    ) -> Result<Database, OpenError> {
        Database::builder()
            .geometry(self.geometry)
            .build_batch(7)
            .on_extra_index(extra)
            .on_missing_index(missing)
            .open(self.directory.path().join("test.mdbx"), schema)
    }

    /// Opens the file as a program with this version of the struct, if its rows allow that.
    fn open_as<V: Version>(&mut self) -> Result<Option<Database>> {
        let schema = const { &Schema::new(&[V::SCHEMA]) };
        let extra = *self
            .rng
            .pick(&[OnExtraIndex::Drop, OnExtraIndex::MarkStale]);
        // Whether an index of no rows is left out is not of interest here.
        let lazy = self.stored.take().filter(|_| !self.rows.is_empty());
        if let Some(stored) = &lazy
            && self.rng.once_in(3)
        {
            self.read_only_or_not::<V>(schema, stored)?;
        }
        let lazy = lazy.filter(|_| self.rng.once_in(4));
        let missing = match lazy {
            Some(_) => OnMissingIndex::Ignore,
            None => OnMissingIndex::Build,
        };
        let opened = self.open(schema, extra, missing);
        let mut indexes = V::indexes();
        if let Some(stored) = lazy {
            indexes.retain(|index| stored.contains(index));
        }
        if let Err(OpenError::Engine(mdbx_core::Error::MapFull { .. })) = opened {
            self.full += 1;
            return Ok(None);
        }
        let mut rows = self.rows.values();
        if !rows.all(|fields| may_store(&self.rows, fields, &indexes)) {
            let error = opened.expect_err("an index cannot be built");
            assert!(
                matches!(
                    error,
                    OpenError::KeyTooLong { .. } | OpenError::BackfillConflict { .. }
                ),
                "{error}"
            );
            return Ok(None);
        }
        let db = opened?;
        self.stored = Some(indexes);
        self.check::<V>(&db)?;
        Ok(Some(db))
    }

    /// Opens the file as it is by default: with indexes that the program does not have, the table is only read.
    fn read_only_or_not<V: Version>(&self, schema: &Schema, stored: &[&str]) -> Result<()> {
        let Ok(db) = self.open(schema, OnExtraIndex::ReadOnly, OnMissingIndex::Ignore) else {
            return Ok(());
        };
        self.check::<V>(&db)?;
        let indexes = V::indexes();
        if stored.iter().any(|index| !indexes.contains(index)) {
            let result = db.write(|tx| {
                let error = tx.clear::<V>().unwrap_err();
                assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
                let row = V::new(Fields::random(&mut Rng::with_seed(1)));
                assert!(matches!(tx.put(&row), Err(Error::ReadOnly { .. })));
                Ok(())
            });
            result?;
            self.check::<V>(&db)?;
        }
        Ok(())
    }

    /// Checks all that was committed.
    fn check<V: Version>(&self, db: &Database) -> Result<()> {
        let content = V::content(&db.read()?)?;
        let rows = self.rows.values();
        let rows: Vec<String> = rows
            .map(|row| format!("{:?}", V::new(row.clone())))
            .collect();
        assert_eq!(content[..rows.len()], rows);
        assert_eq!(db.read()?.count::<V>()?, rows.len() as u64);
        let report = db.verify()?;
        assert!(report.is_clean(), "{report}");
        Ok(())
    }

    /// Runs some transactions of a program with this version of the struct.
    fn run_as<V: Version>(&mut self, transactions: usize) -> Result<()> {
        let Some(db) = self.open_as::<V>()? else {
            return Ok(());
        };
        for _ in 0..transactions {
            self.transaction::<V>(&db)?;
            self.check::<V>(&db)?;
        }
        Ok(())
    }

    /// Runs a transaction of one of the kinds there are.
    fn transaction<V: Version>(&mut self, db: &Database) -> Result<()> {
        let kind = self.rng.below(5);
        let statements = self.rng.below(12);
        let mut seen = Session {
            rows: self.rows.clone(),
            indexes: self.stored.clone().expect("it is open"),
            rng: &mut self.rng,
            full: 0,
            is_broken: false,
        };
        let result = match kind {
            0 => db.write(|tx| {
                seen.statements::<V>(tx, statements)?;
                Err(unknown())
            }),
            1 => db.batch(|tx| seen.statements::<V>(tx, statements)),
            2 => db.batch(|tx| {
                seen.statements::<V>(tx, statements)?;
                Err(unknown())
            }),
            3 => {
                let mut tx = db.begin_write()?;
                seen.statements::<V>(&mut tx, statements)?;
                tx.abort();
                Err(unknown())
            }
            _ => db.write(|tx| seen.statements::<V>(tx, statements)),
        };
        self.full += seen.full;
        self.broken += usize::from(seen.is_broken);
        match result {
            Ok(()) => {
                assert!(!seen.is_broken, "half a statement was committed");
                self.rows = seen.rows;
            }
            Err(Error::NotInSchema { .. }) => assert!([0, 2, 3].contains(&kind)),
            Err(error) => {
                assert!(is_full(&error), "{error}");
                self.full += 1;
            }
        }
        Ok(())
    }
}

/// Returns an error of a program that changes its mind, which is none of the statements'.
fn unknown() -> Error {
    Error::NotInSchema { table: "a table" }
}

/// Returns whether an error is that of a full file, or of a transaction that one has left half done.
fn is_full(error: &Error) -> bool {
    matches!(
        error,
        Error::Engine(mdbx_core::Error::MapFull { .. } | mdbx_core::Error::TxnFailed)
    )
}

/// A transaction, and what should be in the file if it is committed.
struct Session<'w> {
    rows: Rows,
    indexes: Vec<&'static str>,
    rng: &'w mut Rng,
    /// How many statements found the file full.
    full: usize,
    /// Set when the transaction must not be committed: a statement failed and could not be undone.
    is_broken: bool,
}

impl Session<'_> {
    fn statements<V: Version>(&mut self, tx: &mut WriteTxn<'_>, count: usize) -> Result<()> {
        for _ in 0..count {
            self.step::<V>(tx)?;
            if self.is_broken {
                let error = tx.clear::<V>().unwrap_err();
                assert!(is_full(&error), "{error}");
                break;
            }
        }
        Ok(())
    }

    /// Runs a statement, with what the rows should be after it; `None` if it must fail. Asserts that it changes nothing
    /// if it fails.
    fn attempt<V: Version>(
        &mut self,
        tx: &mut WriteTxn<'_>,
        after: Option<Rows>,
        statement: impl FnOnce(&mut WriteTxn<'_>) -> Result<()>,
    ) -> Result<()> {
        let before = V::written(tx)?;
        match (statement(tx), after) {
            (Ok(()), Some(after)) => self.rows = after,
            (Ok(()), None) => panic!("it worked, and should have failed: {:?}", V::written(tx)),
            (Err(error), after) => {
                assert!(after.is_none() || is_full(&error), "{error}");
                self.full += usize::from(is_full(&error));
                self.is_broken = is_full(&error) && V::written(tx).ok() != Some(before.clone());
                if !self.is_broken {
                    assert_eq!(V::written(tx)?, before, "{error}");
                }
            }
        }
        Ok(())
    }

    /// Returns the rows with another one; `None` if it may not be stored.
    fn with(&self, fields: &Fields) -> Option<Rows> {
        let mut after = self.rows.clone();
        after.insert(fields.id(), fields.clone());
        may_store(&self.rows, fields, &self.indexes).then_some(after)
    }

    /// Returns the rows without one.
    fn without(&self, id: &Id) -> Rows {
        let mut after = self.rows.clone();
        after.remove(id);
        after
    }

    /// Does one random thing.
    fn step<V: Version>(&mut self, tx: &mut WriteTxn<'_>) -> Result<()> {
        let fields = Fields::random(self.rng);
        let id = fields.id();
        let stored = self.with(&fields);
        let is_there = self.rows.contains_key(&id);
        let row = V::new(fields);
        let key = row.key();
        match self.rng.below(40) {
            0..=15 => {
                let after = stored.filter(|_| !is_there);
                self.attempt::<V>(tx, after, |tx| tx.insert(&row))
            }
            16..=24 => self.attempt::<V>(tx, stored, |tx| tx.put(&row)),
            25 => self.attempt::<V>(tx, stored, |tx| tx.replace(&row).map(drop)),
            26..=28 => {
                let after = if is_there {
                    stored
                } else {
                    Some(self.rows.clone())
                };
                self.attempt::<V>(tx, after, |tx| {
                    let change = |old: &mut V| *old = V::new(row.fields());
                    assert_eq!(tx.update::<V>(key, change)?, is_there);
                    Ok(())
                })
            }
            29..=30 => self.attempt::<V>(tx, stored, |tx| {
                tx.upsert::<V>(key, |_| V::new(row.fields()))
            }),
            31..=32 => {
                // The closure changes the key, which is refused if it runs.
                let after = (!is_there).then(|| self.rows.clone());
                let mut moved = row.fields();
                moved.shelf += 1;
                self.attempt::<V>(tx, after, |tx| {
                    tx.update::<V>(key, |old| *old = V::new(moved)).map(drop)
                })
            }
            33..=35 => {
                let after = self.without(&id);
                self.attempt::<V>(tx, Some(after), |tx| {
                    assert_eq!(tx.delete::<V>(key)?, is_there);
                    Ok(())
                })
            }
            36 => {
                let after = self.without(&id);
                self.attempt::<V>(tx, Some(after), |tx| {
                    assert_eq!(tx.take::<V>(key)?.is_some(), is_there);
                    Ok(())
                })
            }
            37 => self.nested::<V>(tx),
            _ => self.step_of_many::<V>(tx),
        }
    }

    /// Runs some statements in a transaction inside this one, which is kept or not.
    fn nested<V: Version>(&mut self, tx: &mut WriteTxn<'_>) -> Result<()> {
        let (before, rows) = (V::written(tx)?, self.rows.clone());
        let (count, is_kept) = (self.rng.below(5), self.rng.once_in(2));
        let result = tx.nested(|tx| {
            self.statements::<V>(tx, count)?;
            if is_kept { Ok(()) } else { Err(unknown()) }
        });
        match result {
            Ok(()) => assert!(is_kept && !self.is_broken),
            Err(error) => {
                assert!(is_full(&error) || !is_kept, "{error}");
                self.full += usize::from(is_full(&error));
                (self.rows, self.is_broken) = (rows, false);
                assert_eq!(V::written(tx)?, before, "{error}");
            }
        }
        Ok(())
    }

    /// As [`step`](Self::step), a statement that removes many.
    fn step_of_many<V: Version>(&mut self, tx: &mut WriteTxn<'_>) -> Result<()> {
        let from = *self.rng.pick(&[-1, 0, 1]);
        let to = *self.rng.pick(&[0, 1, 2]);
        let mut after = self.rows.clone();
        match self.rng.below(8) {
            0..=1 => {
                after.retain(|id, _| !(from..to).contains(&id.0));
                let count = (self.rows.len() - after.len()) as u64;
                self.attempt::<V>(tx, Some(after), |tx| {
                    assert_eq!(V::delete_range(tx, from, to)?, count);
                    Ok(())
                })
            }
            2..=3 => {
                let keeps = |fields: &Fields| fields.size % 4 != i32::from(to);
                after.retain(|_, fields| keeps(fields));
                let count = (self.rows.len() - after.len()) as u64;
                self.attempt::<V>(tx, Some(after), |tx| {
                    assert_eq!(tx.retain::<V>(|row| keeps(&row.fields()))?, count);
                    Ok(())
                })
            }
            4..=5 => {
                // One row only: those before one that fails would be gone.
                let first = after.range((from, String::new())..).next();
                let first = first.map(|(id, _)| id.clone());
                let first = first.and_then(|id| after.remove(&id));
                self.attempt::<V>(tx, Some(after), |tx| {
                    let taken = V::drain(tx, from, 1)?;
                    assert_eq!(taken.first().map(Version::fields), first);
                    Ok(())
                })
            }
            6 => {
                after.clear();
                self.attempt::<V>(tx, Some(after), |tx| {
                    tx.clear::<V>()?;
                    Ok(())
                })
            }
            _ => Ok(()),
        }
    }
}

/// Runs programs of random versions, one after the other, on one file.
fn run(seed: u64, geometry: Geometry, programs: usize) -> Result<World> {
    let mut world = World::new(seed, geometry);
    for _ in 0..programs {
        let transactions = world.rng.below(6);
        match world.rng.below(5) {
            0 => world.run_as::<bare::Thing>(transactions)?,
            1 => world.run_as::<few::Thing>(transactions)?,
            2 => world.run_as::<others::Thing>(transactions)?,
            3 => world.run_as::<hashed::Thing>(transactions)?,
            _ => world.run_as::<many::Thing>(transactions)?,
        }
    }
    Ok(world)
}

#[test]
fn any_statements_and_changes_of_indexes_leave_rows_and_indexes_equal() -> Result<()> {
    let first = Rng::new(1).seed();
    for seed in first..first + 12 {
        let world = run(seed, Geometry::default().page_size(PageSize::MIN), 20)?;
        assert_eq!(world.full, 0);
    }
    Ok(())
}

#[test]
fn a_full_file_never_has_half_a_statement() -> Result<()> {
    let first = Rng::new(1).seed();
    let (mut full, mut broken) = (0, 0);
    for seed in first..first + 12 {
        let upper = (2 + seed % 3) << 12;
        let geometry = Geometry::default().page_size(PageSize::MIN);
        let geometry = geometry.lower(1 << 13).growth_step(1 << 12).upper(upper);
        let world = run(seed, geometry, 20)?;
        full += world.full;
        broken += world.broken;
    }
    println!("the file was full {full} times, and {broken} transactions could not be committed");
    assert!(full > 20, "{full} times full is no test");
    Ok(())
}

#[test]
fn a_number_is_not_used_up_by_a_row_that_did_not_fit() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Blob {
        #[key(auto)]
        id: u32,
        #[index]
        kind: u8,
        bytes: Vec<u8>,
    }
    let geometry = Geometry::default().page_size(PageSize::MIN);
    let geometry = geometry.lower(1 << 13).growth_step(1 << 12).upper(1 << 14);
    let world = World::new(1, geometry);
    let db = world.open(schema![Blob], OnExtraIndex::ReadOnly, OnMissingIndex::Build)?;
    let mut tx = db.begin_write()?;
    let blob = |id, len| Blob {
        id,
        kind: 7,
        bytes: vec![7; len],
    };
    let mut stored = 0;
    let error = loop {
        match tx.insert_new(|id| blob(id, 3000)) {
            Ok(blob) => stored = blob.id,
            Err(error) => break error,
        }
    };
    assert!(is_full(&error), "{error}");
    assert_eq!(tx.count::<Blob>()?, u64::from(stored));
    assert_eq!(tx.insert_new(|id| blob(id, 1))?.id, stored + 1);
    Ok(())
}
