//! Verification: it is silent as long as the typed layer is the only one that writes, and tells what others did.

mod typed_support;

use std::collections::BTreeMap;
use std::path::Path;

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, Geometry, OnExtraIndex, PageSize, Problem, Report, Result, Schema};
use serde::{Deserialize, Serialize};
use typed_support::{Rng, TempDb};

/// The table without an index.
mod plain {
    use super::*;

    #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
    #[table(name = "items")]
    pub(super) struct Item {
        #[key]
        pub(super) id: u32,
        pub(super) code: u32,
        pub(super) name: Option<String>,
        pub(super) tags: Vec<u8>,
    }
}

/// With two.
mod few {
    use super::*;

    #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
    #[table(name = "items")]
    #[index(by_tag, on(tags), each)]
    #[index(by_name, on(name), sparse)]
    pub(super) struct Item {
        #[key]
        pub(super) id: u32,
        #[index(unique)]
        pub(super) code: u32,
        pub(super) name: Option<String>,
        pub(super) tags: Vec<u8>,
    }
}

/// With indexes of all kinds.
mod many {
    use super::*;

    #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
    #[table(name = "items")]
    #[index(by_tag, on(tags), each)]
    #[index(by_letter, with = Self::letter, key = Option<char>)]
    #[index(even_by_code, on(code, id), when = Self::is_even)]
    #[index(by_name_hash, on(name), hash)]
    pub(super) struct Item {
        #[key]
        pub(super) id: u32,
        #[index(unique)]
        pub(super) code: u32,
        pub(super) name: Option<String>,
        pub(super) tags: Vec<u8>,
    }

    impl Item {
        fn is_even(&self) -> bool {
            self.code.is_multiple_of(2)
        }

        fn letter(&self) -> Option<char> {
            self.name.as_ref().and_then(|name| name.chars().next())
        }
    }
}

/// What is in the database: code, name and tags by id.
type Model = BTreeMap<u32, (u32, Option<String>, Vec<u8>)>;

/// One schema, and how it works on rows.
struct Program {
    schema: &'static Schema,
    has_unique_codes: bool,
    /// Does something at random; an error changes nothing.
    step: fn(&mut WriteTxn<'_>, &mut Model, &mut Rng) -> Result<()>,
    rows: fn(&Database) -> Result<Model>,
}

macro_rules! program {
    ($module:ident, $unique:expr) => {
        Program {
            schema: schema![$module::Item],
            has_unique_codes: $unique,
            step: |tx, model, rng| {
                use $module::Item;
                let id = rng.below(60);
                let item = Item {
                    id,
                    code: rng.below(90),
                    name: (rng.below(3) > 0).then(|| format!("{}-name", rng.below(9))),
                    tags: (0..rng.below(4))
                        .map(|_| rng.next().to_le_bytes()[0] % 5)
                        .collect(),
                };
                let value = (item.code, item.name.clone(), item.tags.clone());
                match rng.below(7) {
                    0 | 1 => tx.insert(&item)?,
                    2 => tx.put(&item)?,
                    3 => {
                        let found = tx.update::<Item>(id, |old| *old = item.clone())?;
                        assert_eq!(found, model.contains_key(&id));
                        if !found {
                            return Ok(());
                        }
                    }
                    4 => tx.upsert::<Item>(id, |_| item)?,
                    5 => {
                        assert_eq!(tx.delete::<Item>(id)?, model.remove(&id).is_some());
                        return Ok(());
                    }
                    _ => {
                        // Another key than that of the row: refused after everything is prepared.
                        let changed = tx.update::<Item>(id, |old| old.id += 1);
                        assert!(matches!(changed, Ok(false) | Err(Error::KeyChanged { .. })));
                        return Ok(());
                    }
                }
                model.insert(id, value);
                Ok(())
            },
            rows: |db| {
                let tx = db.read()?;
                let rows = tx.by($module::item::primary).rows();
                rows.map(|row| row.map(|row| (row.id, (row.code, row.name, row.tags))))
                    .collect()
            },
        }
    };
}

fn open(path: &Path, program: &Program) -> Result<Database> {
    let builder = Database::builder()
        .geometry(Geometry::default().page_size(PageSize::MIN))
        .on_extra_index(OnExtraIndex::Drop)
        .build_batch(17);
    Ok(builder.open(path, program.schema)?)
}

/// Does up to twenty things in a transaction; returns what is there then.
fn work(tx: &mut WriteTxn<'_>, program: &Program, before: &Model, rng: &mut Rng) -> Result<Model> {
    let mut model = before.clone();
    for _ in 0..rng.below(20) {
        match (program.step)(tx, &mut model, rng) {
            Ok(()) => {}
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(model)
}

fn agree(db: &Database, program: &Program, model: &Model, place: &str) -> Result<()> {
    assert_eq!(&(program.rows)(db)?, model, "{place}");
    let report = db.verify()?;
    assert!(report.is_clean(), "{place}: {report}");
    assert_eq!(report.tables[0].rows, model.len() as u64, "{place}");
    Ok(())
}

#[test]
fn random_lives_leave_rows_and_indexes_equal() -> Result<()> {
    let programs = [
        program!(plain, false),
        program!(few, true),
        program!(many, true),
    ];
    for seed in 1..=12u64 {
        let mut rng = Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.mdbx");
        let mut program = &programs[2];
        let mut db = open(&path, program)?;
        let mut model = Model::new();
        for round in 0..30 {
            let place = format!("seed {seed}, round {round}");
            match rng.below(6) {
                0 => {
                    let mut tx = db.begin_write()?;
                    work(&mut tx, program, &model, &mut rng)?;
                    tx.abort();
                }
                1 => {
                    // One closure of a shared commit is undone.
                    let before = model.clone();
                    let undone = db.batch(|tx| {
                        work(tx, program, &before, &mut rng)?;
                        Err::<(), _>(Error::KeyExists { table: "items" })
                    });
                    assert!(undone.is_err(), "{place}");
                }
                2 => {
                    let before = model.clone();
                    model = db.batch(|tx| work(tx, program, &before, &mut rng))?;
                }
                3 => {
                    let next = &programs[rng.below(3) as usize];
                    let codes: std::collections::BTreeSet<u32> =
                        model.values().map(|value| value.0).collect();
                    let fits = !next.has_unique_codes || codes.len() == model.len();
                    drop(db);
                    match open(&path, next) {
                        Ok(opened) => {
                            assert!(fits, "{place}: it opened");
                            program = next;
                            db = opened;
                        }
                        Err(error) => {
                            assert!(!fits, "{place}: {error}");
                            db = open(&path, program)?;
                        }
                    }
                }
                _ => model = db.write(|tx| work(tx, program, &model, &mut rng))?,
            }
            agree(&db, program, &model, &place)?;
        }
    }
    Ok(())
}

/// A file with ten rows, and what verification says after `change`.
fn after(change: impl FnOnce(&mut mdbx_core::WriteTxn<'_>)) -> Result<Report> {
    let db = TempDb::open(schema![many::Item])?;
    db.write(|tx| {
        (0..10).try_for_each(|id| {
            tx.insert(&many::Item {
                id,
                code: id + 100,
                name: Some(format!("n{id}")),
                tags: vec![1, 2],
            })
        })
    })?;
    assert!(db.verify()?.is_clean());
    let db = db.meddle(schema![many::Item], change)?;
    db.verify()
}

fn problems(report: &Report) -> &[Problem] {
    assert!(!report.is_clean());
    &report.tables[0].problems
}

fn code(id: u32) -> [u8; 4] {
    (id + 100).to_be_bytes()
}

#[test]
fn a_removed_entry_is_told() -> Result<()> {
    let report = after(|txn| {
        let index = txn.open_table("items.by_code").unwrap();
        assert!(txn.delete(index, &code(3)).unwrap());
        let index = txn.open_table("items.by_tag").unwrap();
        assert!(txn.delete_dup(index, &[2], &4u32.to_be_bytes()).unwrap());
    })?;
    assert_eq!(
        report.to_string(),
        "table `items`: 10 rows, 53 entries, 2 problems\n  \
           index `by_code`: the row 0x00000003 is not there under 0x00000067\n  \
           index `by_tag`: the row 0x00000004 is not there under 0x02"
    );
    Ok(())
}

#[test]
fn an_added_entry_is_told() -> Result<()> {
    let report = after(|txn| {
        let index = txn.open_table("items.by_tag").unwrap();
        txn.put(index, &[9], &4u32.to_be_bytes()).unwrap();
        txn.put(index, &[9], &40u32.to_be_bytes()).unwrap();
    })?;
    let [stray, dangling] = problems(&report) else {
        panic!("{report}")
    };
    assert!(
        matches!(
            stray,
            Problem::StrayEntry {
                index: "by_tag",
                ..
            }
        ),
        "{stray}"
    );
    assert!(
        matches!(
            dangling,
            Problem::Dangling {
                index: "by_tag",
                ..
            }
        ),
        "{dangling}"
    );
    Ok(())
}

#[test]
fn an_entry_that_was_moved_to_another_row_is_told() -> Result<()> {
    let report = after(|txn| {
        let index = txn.open_table("items.by_code").unwrap();
        txn.put(index, &code(3), &4u32.to_be_bytes()).unwrap();
    })?;
    // As many entries as rows, and all lead to a row.
    assert!(
        problems(&report).iter().any(|problem| matches!(
            problem,
            Problem::MissingEntry {
                index: "by_code",
                ..
            }
        )),
        "{report}"
    );
    Ok(())
}

#[test]
fn rows_written_past_the_indexes_are_told() -> Result<()> {
    let report = after(|txn| {
        let rows = txn.open_table("items").unwrap();
        let row = txn
            .get(rows, &3u32.to_be_bytes())
            .unwrap()
            .unwrap()
            .to_vec();
        txn.put(rows, &30u32.to_be_bytes(), &row).unwrap();
        txn.put(rows, &5u32.to_be_bytes(), b"\x01junk").unwrap();
        txn.delete(rows, &6u32.to_be_bytes()).unwrap();
    })?;
    let has = |wanted: fn(&Problem) -> bool| problems(&report).iter().any(wanted);
    assert!(
        has(|problem| matches!(problem, Problem::Row { .. })),
        "{report}"
    );
    assert!(
        has(|problem| matches!(problem, Problem::WrongKey { .. })),
        "{report}"
    );
    assert!(
        has(|problem| matches!(
            problem,
            Problem::NotUnique {
                index: "by_code",
                ..
            }
        )),
        "{report}"
    );
    assert!(
        has(|problem| matches!(problem, Problem::Dangling { .. })),
        "{report}"
    );
    Ok(())
}

#[test]
fn a_computed_index_whose_function_changed_without_a_version_is_told() -> Result<()> {
    mod changed {
        use super::*;

        #[derive(Table, Serialize, Deserialize)]
        #[table(name = "items")]
        #[index(by_tag, on(tags), each)]
        #[index(by_letter, with = Self::letter, key = Option<char>)]
        #[index(even_by_code, on(code, id), when = Self::is_even)]
        #[index(by_name_hash, on(name), hash)]
        pub(super) struct Item {
            #[key]
            id: u32,
            #[index(unique)]
            code: u32,
            name: Option<String>,
            tags: Vec<u8>,
        }

        impl Item {
            fn is_even(&self) -> bool {
                self.code.is_multiple_of(2)
            }

            fn letter(&self) -> Option<char> {
                self.name.as_ref().and_then(|name| name.chars().next_back())
            }
        }
    }
    let db = TempDb::open(schema![many::Item])?;
    db.write(|tx| {
        tx.insert(&many::Item {
            id: 1,
            code: 1,
            name: Some("ab".into()),
            tags: Vec::new(),
        })
    })?;
    let report = db.reopen(schema![changed::Item])?.verify()?;
    assert!(
        matches!(
            problems(&report),
            [
                Problem::MissingEntry {
                    index: "by_letter",
                    ..
                },
                Problem::StrayEntry {
                    index: "by_letter",
                    ..
                }
            ]
        ),
        "{report}"
    );
    Ok(())
}

#[test]
fn more_problems_than_are_told_are_counted() -> Result<()> {
    let db = TempDb::open(schema![few::Item])?;
    db.write(|tx| {
        (0..300).try_for_each(|id| {
            tx.insert(&few::Item {
                id,
                code: id,
                name: None,
                tags: Vec::new(),
            })
        })
    })?;
    let db = db.meddle(schema![few::Item], |txn| {
        let index = txn.open_table("items.by_code").unwrap();
        txn.clear(index).unwrap();
    })?;
    let mut told = 0;
    let report = db.verify_with(|progress| told = progress.done)?;
    assert_eq!(told, 300);
    assert_eq!(report.tables[0].problem_count, 300);
    assert_eq!(report.tables[0].problems.len(), 100);
    assert!(report.to_string().ends_with("and 200 more"), "{report}");
    Ok(())
}

#[test]
fn a_database_in_memory_is_as_any_other() -> Result<()> {
    let db = Database::in_memory(schema![many::Item])?;
    assert_eq!(db.path(), Path::new(""));
    let mut rng = Rng(5);
    let program = program!(many, true);
    let mut model = Model::new();
    for _ in 0..50 {
        model = db.write(|tx| work(tx, &program, &model, &mut rng))?;
    }
    agree(&db, &program, &model, "in memory")?;
    let other = Database::in_memory(schema![many::Item])?;
    assert_eq!(
        other.read()?.count::<many::Item>()?,
        0,
        "each is one of its own"
    );
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| (program.rows)(&db));
        assert_eq!(reading.join().unwrap().unwrap(), model);
    });
    Ok(())
}
