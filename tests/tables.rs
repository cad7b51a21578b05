//! Named tables: create, open, list, clear, drop, their names and sequences.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use common::{TempEnv, owned, page_sizes};
use mdbx_core::{Env, Error, PageSize, Result, Table, TableFlags, max_table_name_len};

const PLAIN: TableFlags = TableFlags::empty();
const DUPS: TableFlags = TableFlags::DUP_SORT;

fn is_missing<T>(result: Result<T>, wanted: &str) -> bool {
    matches!(result, Err(Error::NoSuchTable { name }) if name == wanted)
}

fn is_incompatible<T>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::Incompatible { .. }))
}

#[test]
fn a_table_is_created_once_and_opened_by_name() -> Result<()> {
    let mut env = TempEnv::new();
    assert!(is_missing(env.read()?.open_table("fruit"), "fruit"));
    let mut txn = env.write()?;
    let table = txn.create_table("fruit", DUPS)?;
    assert_eq!(txn.create_table("fruit", DUPS)?, table, "the same handle");
    txn.put(table, b"key", b"value")?;
    assert!(
        is_missing(env.read()?.open_table("fruit"), "fruit"),
        "not before the commit"
    );
    txn.commit()?;
    assert_eq!(env.read()?.open_table("fruit")?, table);
    assert_eq!(env.read()?.table(table)?.flags(), DUPS);
    env.reopen()?;
    let txn = env.read()?;
    let table = txn.open_table("fruit")?;
    assert_eq!(txn.get(table, b"key")?, Some(&b"value"[..]));
    Ok(())
}

#[test]
fn tables_are_listed_in_order_with_their_kinds_and_without_other_items() -> Result<()> {
    let env = TempEnv::new();
    let mut txn = env.write()?;
    txn.create_table("plain", PLAIN)?;
    txn.create_table("dups", DUPS)?;
    txn.put(Table::MAIN, b"item", &[0; 48])?;
    let expected = [(b"dups".to_vec(), DUPS), (b"plain".to_vec(), PLAIN)];
    assert_eq!(txn.tables()?, expected);
    txn.commit()?;
    let txn = env.read()?;
    assert_eq!(txn.tables()?, expected);
    assert_eq!(
        txn.table(Table::MAIN)?.len(),
        3,
        "the records of tables are items of the main table"
    );
    Ok(())
}

#[test]
fn a_table_is_not_opened_with_other_flags() -> Result<()> {
    let env = TempEnv::new();
    let (plain, dups) = (
        env.create_table("plain", PLAIN)?,
        env.create_table("dups", DUPS)?,
    );
    env.put(plain, b"key", b"value")?;
    let mut txn = env.write()?;
    assert!(is_incompatible(&txn.create_table("plain", DUPS)));
    assert!(is_incompatible(&txn.create_table("dups", PLAIN)));
    for flags in [
        TableFlags::DUP_FIXED,
        TableFlags::INTEGER_DUP,
        TableFlags::REVERSE_DUP,
    ] {
        let error = txn.create_table("other", flags).unwrap_err();
        assert!(
            matches!(error, Error::InvalidFlags { .. }),
            "{flags:?} without DUP_SORT: {error}"
        );
    }
    assert_eq!(txn.table(dups)?.flags(), DUPS);
    assert_eq!(txn.tables()?.len(), 2);
    txn.put(plain, b"key", b"a handle opened before is as good as ever")?;
    assert_eq!(txn.table(plain)?.len(), 1);
    Ok(())
}

#[test]
fn an_item_of_the_main_table_is_no_table_and_a_table_no_item() -> Result<()> {
    let env = TempEnv::new();
    env.put(Table::MAIN, b"item", b"value")?;
    let table = env.create_table("table", PLAIN)?;
    assert!(is_incompatible(&env.read()?.open_table("item")));
    let mut txn = env.write()?;
    assert!(is_incompatible(&txn.create_table("item", PLAIN)));
    assert!(is_incompatible(&txn.put(Table::MAIN, b"table", b"value")));
    assert!(is_incompatible(&txn.insert(
        Table::MAIN,
        b"table",
        b"value"
    )));
    assert!(is_incompatible(&txn.delete(Table::MAIN, b"table")));
    assert!(
        is_incompatible(&txn.clear(Table::MAIN)),
        "it would take the tables with it"
    );
    assert!(is_incompatible(&txn.drop_table(Table::MAIN)));
    txn.put(table, b"key", b"still there")?;
    txn.commit()?;
    assert_eq!(env.items(table)?, owned(&[(b"key", b"still there")]));
    Ok(())
}

#[test]
fn the_handle_of_an_aborted_creation_answers_that_there_is_no_such_table() -> Result<()> {
    let env = TempEnv::new();
    let mut txn = env.write()?;
    let table = txn.create_table("t", PLAIN)?;
    txn.put(table, b"key", b"value")?;
    txn.abort();
    assert!(is_missing(env.read()?.table(table), "t"));
    let mut txn = env.write()?;
    assert!(is_missing(txn.put(table, b"key", b"value"), "t"));
    assert!(is_missing(txn.clear(table), "t") && is_missing(txn.drop_table(table), "t"));
    assert_eq!(
        txn.create_table("t", DUPS)?,
        table,
        "a name keeps its handle"
    );
    txn.put(table, b"key", b"value")?;
    txn.commit()?;
    assert_eq!(env.items(table)?, owned(&[(b"key", b"value")]));
    Ok(())
}

#[test]
fn a_handle_outlives_the_transaction_that_opened_it() -> Result<()> {
    let mut env = TempEnv::new();
    let created = env.create_table("t", PLAIN)?;
    env.put(created, b"key", b"value")?;
    env.reopen()?;
    let reader = env.read()?;
    let opened = reader.open_table("t")?;
    drop(reader);
    env.put(opened, b"other", b"value")?;
    let mut aborted = env.write()?;
    let again = aborted.open_table("t")?;
    aborted.put(again, b"undone", b"")?;
    aborted.abort();
    assert_eq!(again, opened);
    let expected = owned(&[(b"key", b"value"), (b"other", b"value")]);
    assert_eq!(env.items(opened)?, expected);
    Ok(())
}

#[test]
fn handles_of_another_environment_are_refused() -> Result<()> {
    let (here, there) = (TempEnv::new(), TempEnv::new());
    here.create_table("t", PLAIN)?;
    let foreign = there.create_table("t", PLAIN)?;
    assert!(matches!(
        here.read()?.table(foreign),
        Err(Error::ForeignTable)
    ));
    let mut txn = here.write()?;
    assert!(matches!(
        txn.put(foreign, b"key", b""),
        Err(Error::ForeignTable)
    ));
    assert!(matches!(txn.drop_table(foreign), Err(Error::ForeignTable)));
    assert!(matches!(txn.sequence(foreign, 1), Err(Error::ForeignTable)));
    Ok(())
}

#[test]
fn clear_empties_a_table_and_drop_removes_it() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    for flags in [PLAIN, DUPS] {
        let table = env.create_table("t", flags)?;
        let fill = || -> Result<()> {
            let mut txn = env.write()?;
            for n in 0..500_u32 {
                txn.put(table, &(n / 7).to_be_bytes(), &n.to_be_bytes())?;
            }
            if flags == PLAIN {
                txn.put(table, b"large", &[1; 3000])?;
            }
            txn.commit()?;
            Ok(())
        };
        fill()?;
        let mut txn = env.write()?;
        txn.clear(table)?;
        assert!(txn.table(table)?.is_empty());
        txn.put(table, b"after", b"")?;
        txn.commit()?;
        assert_eq!(env.items(table)?, owned(&[(b"after", b"")]));

        fill()?;
        let before = env.read_owned()?;
        let mut txn = env.write()?;
        txn.drop_table(table)?;
        assert!(is_missing(txn.get(table, b"after"), "t"));
        txn.commit()?;
        assert!(is_missing(env.read()?.open_table("t"), "t"));
        assert!(
            before.table(table)?.len() > 70,
            "an older snapshot has it still"
        );
        drop(before);
        assert_eq!(env.read()?.table(Table::MAIN)?.len(), 0);

        assert_eq!(env.create_table("t", flags)?, table);
        assert!(env.read()?.table(table)?.is_empty());
        let mut txn = env.write()?;
        txn.drop_table(table)?;
        txn.commit()?;
    }
    Ok(())
}

#[test]
fn a_dropped_table_is_back_when_the_transaction_is_aborted() -> Result<()> {
    let env = TempEnv::new();
    let table = env.create_table("t", PLAIN)?;
    env.put(table, b"key", b"value")?;
    let mut txn = env.write()?;
    txn.drop_table(table)?;
    assert!(is_missing(txn.table(table), "t"));
    txn.create_table("t", DUPS)?;
    txn.abort();
    assert_eq!(env.read()?.table(table)?.flags(), PLAIN);
    assert_eq!(env.items(table)?, owned(&[(b"key", b"value")]));
    Ok(())
}

#[test]
fn many_tables_are_used_in_one_transaction() -> Result<()> {
    let mut env = TempEnv::with(Env::options().max_tables(100));
    let mut txn = env.write()?;
    let tables: Vec<Table> = (0..100)
        .map(|n| txn.create_table(format!("table {n}"), PLAIN))
        .collect::<Result<_>>()?;
    for (n, &table) in (0..100_u8).zip(&tables) {
        txn.put(table, b"number", &[n])?;
    }
    assert!(matches!(
        txn.create_table("one more", PLAIN),
        Err(Error::TablesFull { max: 100 })
    ));
    txn.commit()?;
    let mut txn = env.write()?;
    for (n, &table) in (0..100_u8).zip(&tables).skip(50) {
        assert_eq!(txn.get(table, b"number")?, Some(&[n][..]));
        txn.put(table, b"changed", b"")?;
    }
    txn.commit()?;
    let options = Env::options().max_tables(3);
    env.reopen_with(options)?;
    let txn = env.read()?;
    assert_eq!(txn.tables()?.len(), 100);
    assert_eq!(txn.table(txn.open_table("table 7")?)?.len(), 1);
    assert_eq!(txn.table(txn.open_table("table 77")?)?.len(), 2);
    Ok(())
}

#[test]
fn names_may_be_as_long_as_the_page_size_allows() -> Result<()> {
    for page_size in page_sizes() {
        let env = TempEnv::with_page_size(page_size);
        let max = max_table_name_len(page_size);
        for name in [
            "n".to_owned(),
            String::new(),
            "with\0nul".to_owned(),
            "n".repeat(max - 1),
            "n".repeat(max),
        ] {
            let table = env.create_table(&name, PLAIN)?;
            env.put(table, b"key", name.as_bytes())?;
        }
        let txn = env.read()?;
        assert_eq!(
            txn.get(txn.open_table("n".repeat(max))?, b"key")?
                .map(<[u8]>::len),
            Some(max)
        );
        let mut txn = env.write()?;
        let error = txn.create_table("n".repeat(max + 1), PLAIN).unwrap_err();
        assert!(
            matches!(error, Error::TableName { len, max: m } if len == max + 1 && m == max),
            "{error}"
        );
    }
    Ok(())
}

#[test]
fn a_sequence_gives_each_number_once() -> Result<()> {
    let env = TempEnv::new();
    let named = env.create_table("t", PLAIN)?;
    for table in [named, Table::MAIN] {
        let mut txn = env.write()?;
        assert_eq!(
            (
                txn.sequence(table, 0)?,
                txn.sequence(table, 5)?,
                txn.sequence(table, 1)?
            ),
            (0, 0, 5)
        );
        assert_eq!(txn.table(table)?.sequence(), 6);
        txn.commit()?;
        let mut txn = env.write()?;
        assert_eq!(txn.sequence(table, 100)?, 6);
        txn.abort();
        let mut txn = env.write()?;
        assert_eq!(txn.sequence(table, u64::MAX - 6)?, 6);
        assert!(matches!(txn.sequence(table, 1), Err(Error::SequenceUsedUp)));
        assert_eq!(txn.sequence(table, 0)?, u64::MAX);
        txn.commit()?;
        assert_eq!(env.read()?.table(table)?.sequence(), u64::MAX);
    }
    Ok(())
}

#[test]
fn clearing_a_table_sets_its_sequence_back_unless_it_was_empty() -> Result<()> {
    let env = TempEnv::new();
    let table = env.create_table("t", PLAIN)?;
    let mut txn = env.write()?;
    txn.sequence(table, 5)?;
    txn.clear(table)?;
    assert_eq!(txn.table(table)?.sequence(), 5);
    txn.put(table, b"key", b"")?;
    txn.clear(table)?;
    assert_eq!(txn.table(table)?.sequence(), 0);
    txn.commit()?;
    assert_eq!(env.read()?.table(table)?.sequence(), 0);
    Ok(())
}

#[test]
fn the_sequence_of_an_empty_main_table_is_kept() -> Result<()> {
    let mut env = TempEnv::new();
    let mut txn = env.write()?;
    assert_eq!(txn.sequence(Table::MAIN, 7)?, 0);
    txn.commit()?;
    assert_eq!(env.read()?.table(Table::MAIN)?.sequence(), 7);
    env.reopen()?;
    assert_eq!(env.read()?.table(Table::MAIN)?.sequence(), 7);
    Ok(())
}

#[test]
fn two_tables_do_not_mix() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let (a, b) = (env.create_table("a", PLAIN)?, env.create_table("b", PLAIN)?);
    let mut txn = env.write()?;
    for n in 0..300_u32 {
        txn.put(a, &n.to_be_bytes(), b"a")?;
        txn.put(b, &n.to_be_bytes(), b"b")?;
    }
    for n in (0..300_u32).step_by(2) {
        txn.delete(a, &n.to_be_bytes())?;
    }
    txn.commit()?;
    let (in_a, in_b) = (env.items(a)?, env.items(b)?);
    assert!(in_a.len() == 150 && in_a.iter().all(|(_, value)| value == b"a"));
    assert!(in_b.len() == 300 && in_b.iter().all(|(_, value)| value == b"b"));
    Ok(())
}
