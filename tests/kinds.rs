//! Every kind of table does what an ordered map with its order does, whatever its entries look like in the file.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::path::Path;

use common::kinds::{FLAGS, Kind, Model, kinds};
use common::{Rng, TempEnv, assert_sound, dups, items, number_from_env};
use mdbx_core::tools::check::check;
use mdbx_core::{
    Env, Error, ExpectedLen, Geometry, PageSize, ReadTxn, Result, Table, TableFlags, WriteTxn,
    max_value_len_dup_sort,
};

const INTEGER_KEY: TableFlags = TableFlags::INTEGER_KEY;
const DUP_SORT: TableFlags = TableFlags::DUP_SORT;

fn dup_fixed() -> TableFlags {
    DUP_SORT | TableFlags::DUP_FIXED
}

fn integer_dup() -> TableFlags {
    dup_fixed() | TableFlags::INTEGER_DUP
}

/// Returns every combination of flags.
fn combinations() -> impl Iterator<Item = TableFlags> {
    (0..1 << FLAGS.len()).map(|set: u32| {
        let chosen = (0..FLAGS.len()).filter(|bit| set & (1 << bit) != 0);
        chosen.fold(TableFlags::empty(), |flags, bit| flags | FLAGS[bit])
    })
}

/// Returns whether the documentation of `TableFlags` has the combination.
fn is_legal(flags: TableFlags) -> bool {
    let has = |flag| flags.contains(flag);
    !(has(INTEGER_KEY) && has(TableFlags::REVERSE_KEY))
        && (!has(TableFlags::DUP_FIXED) || has(DUP_SORT))
        && (!has(TableFlags::REVERSE_DUP) || has(DUP_SORT))
        && (!has(TableFlags::INTEGER_DUP) || has(TableFlags::DUP_FIXED))
}

/// Does one random operation to a table and its model. The table grows as long as `grows` is above 50.
fn step(
    txn: &mut WriteTxn<'_>,
    table: Table,
    model: &mut Model,
    rng: &mut Rng,
    grows: usize,
) -> Result<()> {
    let kind = model.kind;
    let (keys, values) = if kind.has_dups() { (9, 250) } else { (150, 9) };
    let (key, value) = (kind.key(rng.below(keys)), kind.value(rng.below(values)));
    let present = model.values(&key);
    match rng.below(100) {
        0..4 => assert_eq!(dups(&txn.table(table)?, &key)?, present),
        4..8 => assert_eq!(
            txn.table(table)?.contains_dup(&key, &value)?,
            present.contains(&value)
        ),
        8..10 if grows < 50 => assert_eq!(txn.delete(table, &key)?, model.delete(&key)),
        8..14 => {
            let inserted = txn.insert(table, &key, &value);
            assert_eq!(inserted.is_ok(), present.is_empty());
            if inserted.is_ok() {
                model.put(&key, &value);
            }
        }
        choice if (choice - 14) * 100 < grows * 86 => {
            txn.put(table, &key, &value)?;
            model.put(&key, &value);
        }
        _ => {
            let value = if present.is_empty() {
                value
            } else {
                rng.pick(&present).clone()
            };
            let was_there = model.delete_dup(&key, &value);
            assert_eq!(txn.delete_dup(table, &key, &value)?, was_there);
        }
    }
    Ok(())
}

fn assert_holds(txn: &ReadTxn<'_>, table: Table, model: &Model) -> Result<()> {
    let table = txn.table(table)?;
    let expected = model.items();
    assert_eq!(items(&table)?, expected, "{:?}", model.kind);
    assert_eq!(table.len(), expected.len() as u64);
    let backwards: Vec<_> = table.iter().rev().collect::<Result<_>>()?;
    assert!(
        backwards
            .iter()
            .rev()
            .copied()
            .eq(expected.iter().map(|(key, value)| (&key[..], &value[..]))),
        "{:?}",
        model.kind
    );
    for (key, value) in expected.iter().step_by(7) {
        let values = model.values(key);
        let count = values.len() as u64;
        assert_eq!(table.get_with_count(key)?, Some((&values[0][..], count)));
        assert!(table.contains_dup(key, value)?);
        let mut cursor = table.cursor();
        assert_eq!(cursor.seek_exact(key)?, Some((&key[..], &values[0][..])));
        assert_eq!(cursor.seek_dup(key, value)?, Some((&key[..], &value[..])));
    }
    Ok(())
}

/// Opens the tables, named by their position, of `models`.
fn open(env: &TempEnv, models: &[Model]) -> Result<Vec<Table>> {
    let txn = env.read()?;
    (0..models.len())
        .map(|n| txn.open_table(n.to_string()))
        .collect()
}

/// Has tables of all kinds in one database grow, shrink and grow again, now and then aborted or opened anew.
fn check_all_kinds(page_size: u32, rounds: usize, seed: u64) -> Result<()> {
    let page_size = PageSize::new(page_size).unwrap();
    let mut rng = Rng::new(seed);
    let mut env = TempEnv::with_page_size(page_size);
    let mut models: Vec<Model> = kinds(page_size).into_iter().map(Model::new).collect();
    for (n, model) in models.iter().enumerate() {
        env.create_table(&n.to_string(), model.kind.flags)?;
    }
    for grows in [80, 75, 30, 10, 70, 0, 90] {
        let tables = open(&env, &models)?;
        let before = models.clone();
        let mut txn = env.write()?;
        for _ in 0..rounds {
            for (model, &table) in models.iter_mut().zip(&tables) {
                step(&mut txn, table, model, &mut rng, grows)?;
            }
        }
        if grows == 75 {
            txn.abort();
            models = before;
        } else {
            txn.commit()?;
        }
        assert_sound(&env.read()?);
        if rng.once_in(2) {
            env.reopen()?;
        }
        let (tables, txn) = (open(&env, &models)?, env.read()?);
        for (model, &table) in models.iter().zip(&tables) {
            assert_holds(&txn, table, model)?;
        }
    }
    Ok(())
}

#[test]
fn all_kinds_do_what_maps_do_on_the_smallest_pages() -> Result<()> {
    check_all_kinds(256, 300, 101)
}

#[test]
fn all_kinds_do_what_maps_do_on_pages_of_one_kilobyte() -> Result<()> {
    check_all_kinds(1024, 250, 102)
}

#[test]
fn all_kinds_do_what_maps_do_on_common_pages() -> Result<()> {
    check_all_kinds(4096, 200, 103)
}

#[test]
fn all_kinds_do_what_maps_do_on_the_largest_pages() -> Result<()> {
    check_all_kinds(65536, 200, 104)
}

/// Returns the bytes of a file with tables of all kinds, each with keys of one, few and many values.
fn file_of_all_kinds(page_size: PageSize, path: &Path) -> Result<Vec<u8>> {
    let geometry = Geometry::default().page_size(page_size);
    let env = Env::options().geometry(geometry).open(path)?;
    let mut txn = env.write()?;
    for (n, kind) in kinds(page_size).into_iter().enumerate() {
        let table = txn.create_table(n.to_string(), kind.flags)?;
        for item in 0..300 {
            txn.put(table, &kind.key(item % 4), &kind.value(item / 4))?;
            txn.put(table, &kind.key(9), &kind.value(item))?;
            txn.put(table, &kind.key(item), &kind.value(item))?;
        }
    }
    txn.commit()?;
    drop(env);
    Ok(std::fs::read(path).unwrap())
}

/// Damages one page that is in use: a field of its header or some other byte, or the page is another one's copy.
fn damage(bytes: &mut [u8], page_size: usize, rng: &mut Rng) {
    let used = bytes.len() / page_size;
    let (page, other) = (3 + rng.below(used - 3), 3 + rng.below(used - 3));
    let start = page * page_size;
    match rng.below(8) {
        0 => {
            bytes.copy_within(other * page_size..(other + 1) * page_size, start);
            let pgno = u32::try_from(page).unwrap();
            bytes[start + 16..start + 20].copy_from_slice(&pgno.to_le_bytes());
        }
        1 => bytes[start + rng.below(page_size)] = rng.byte(),
        2 => bytes[start + rng.below(page_size)] ^= 1 << rng.below(8),
        3 => bytes[start + 10] ^= *rng.pick(&[0x01, 0x02, 0x20, 0x21, 0x22, 0x40]),
        _ => bytes[start + 8 + rng.below(8)] = *rng.pick(&[0, 1, 2, 3, 4, 8, 16, 0xFF]),
    }
}

/// Checks, reads and changes everything. Errors are as good as answers.
fn exercise(env: &Env, page_size: PageSize, rng: &mut Rng) -> Result<()> {
    let _ = check(&env.read()?);
    for (n, kind) in kinds(page_size).into_iter().enumerate() {
        let txn = env.read()?;
        let Ok(table) = txn.open_table(n.to_string()) else {
            continue;
        };
        let _ = txn
            .table(table)?
            .iter()
            .take(5000)
            .try_for_each(|item| item.map(|_| ()));
        drop(txn);
        let mut txn = env.write()?;
        for _ in 0..20 {
            let (key, value) = (kind.key(rng.below(12)), kind.value(rng.below(400)));
            let _ = match rng.below(4) {
                0 => txn.delete(table, &key),
                1 => txn.delete_dup(table, &key, &value),
                _ => txn.put(table, &key, &value).map(|()| true),
            };
        }
        if rng.once_in(20) {
            let _ = txn.commit();
        }
    }
    Ok(())
}

#[test]
fn damaged_tables_of_any_kind_give_errors_or_answers() -> Result<()> {
    let rounds = number_from_env("MDBX_DAMAGE_ROUNDS", 12);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    for page_size in [PageSize::MIN, PageSize::new(1024).unwrap()] {
        let _ = std::fs::remove_file(&path);
        let sound = file_of_all_kinds(page_size, &path)?;
        let first_seed = number_from_env("MDBX_SEED", 107);
        for seed in first_seed..first_seed + rounds {
            let (mut rng, mut bytes) = (Rng::with_seed(seed), sound.clone());
            for _ in 0..=rng.below(20) {
                damage(&mut bytes, page_size.bytes(), &mut rng);
            }
            std::fs::write(&path, &bytes).unwrap();
            if let Ok(env) = Env::open(&path) {
                exercise(&env, page_size, &mut rng)?;
            }
        }
    }
    Ok(())
}

#[test]
fn the_check_finds_what_is_wrong_with_a_packed_page() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    let geometry = Geometry::default().page_size(PageSize::MIN);
    let env = Env::options().geometry(geometry).open(&path)?;
    let mut txn = env.write()?;
    let table = txn.create_table("t", integer_dup())?;
    for n in 0..200_u32 {
        txn.put(table, b"key", &n.to_le_bytes())?;
    }
    txn.commit()?;
    drop(env);
    let sound = std::fs::read(&path).unwrap();
    let is_packed = |page: &[u8]| page[10] == 0x22 && page[12] > 4;
    let start = 256 * sound.chunks(256).position(is_packed).unwrap();
    let report_after = |at: usize, bytes: &[u8]| {
        let mut damaged = sound.clone();
        damaged[start + at..][..bytes.len()].copy_from_slice(bytes);
        std::fs::write(&path, &damaged).unwrap();
        let report = check(&Env::open(&path)?.read()?);
        Ok::<_, Error>((report.is_sound(), report.to_string()))
    };
    let [first, second] = [20, 24].map(|at| sound[start + at..start + at + 4].to_vec());
    assert!(report_after(20, &first)?.0);
    for (what, at, bytes) in [
        ("the length of its items", 8, &[8_u8][..]),
        ("its kind", 10, &[2]),
        ("the number of its items", 12, &[2]),
        ("its free room", 14, &[4, 0]),
        ("an item twice", 20, &second),
        ("an item out of order", 24, &[0, 0, 0, 0]),
        ("an item beyond the separator", 24, &[0xFF; 4]),
    ] {
        let (is_sound, report) = report_after(at, bytes)?;
        assert!(!is_sound, "{what}: {report}");
    }
    Ok(())
}

/// Stores many values under one key in some order, then deletes them in another.
fn grow_and_shrink(page_size: PageSize, kind: Kind, count: usize, rng: &mut Rng) -> Result<()> {
    let env = TempEnv::with_page_size(page_size);
    let table = env.create_table("t", kind.flags)?;
    let mut model = Model::new(kind);
    let mut order: Vec<usize> = (0..count).collect();
    let style = rng.below(3);
    if style == 1 {
        order.reverse();
    } else if style == 2 {
        shuffle(&mut order, rng);
    }
    let mut txn = env.write()?;
    let (key, other) = (kind.key(1), kind.key(2));
    txn.put(table, &other, &kind.value(0))?;
    let alone = txn.table(table)?.stat();
    for &n in &order {
        txn.put(table, &key, &kind.value(n))?;
        model.put(&key, &kind.value(n));
    }
    let values = model.values(&key);
    assert_eq!(dups(&txn.table(table)?, &key)?, values, "{kind:?}");
    assert!(txn.table(table)?.stat().leaf_pages > 1, "{kind:?}");
    txn.commit()?;
    assert_sound(&env.read()?);

    shuffle(&mut order, rng);
    let mut txn = env.write()?;
    for (done, &n) in order.iter().enumerate() {
        assert!(txn.delete_dup(table, &key, &kind.value(n))?);
        model.delete_dup(&key, &kind.value(n));
        if done % (count / 5) == 0 {
            assert_eq!(dups(&txn.table(table)?, &key)?, model.values(&key));
        }
    }
    let stat = txn.table(table)?.stat();
    let shape = |stat: &mdbx_core::Stat| (stat.items, stat.branch_pages, stat.leaf_pages);
    assert_eq!(
        shape(&stat),
        shape(&alone),
        "the tree of the values is gone"
    );
    txn.commit()?;
    Ok(())
}

fn shuffle(numbers: &mut [usize], rng: &mut Rng) {
    for end in (1..numbers.len()).rev() {
        numbers.swap(end, rng.below(end + 1));
    }
}

#[test]
fn values_of_a_fixed_size_get_a_tree_of_packed_leaves_and_lose_it_again() -> Result<()> {
    let mut rng = Rng::new(105);
    for (page_size, count) in [(256, 1500), (1024, 2000), (4096, 3000), (65536, 60)] {
        let page_size = PageSize::new(page_size).unwrap();
        for value_len in [2, 3, 8, 31, max_value_len_dup_sort(page_size)] {
            if page_size == PageSize::MAX && value_len < 1000 {
                continue; // it would take too many of them to fill a page
            }
            let kind = Kind {
                flags: dup_fixed(),
                key_len: None,
                value_len: Some(value_len),
            };
            grow_and_shrink(page_size, kind, count, &mut rng)?;
        }
        for value_len in [4, 8].into_iter().filter(|_| page_size != PageSize::MAX) {
            let kind = Kind {
                flags: INTEGER_KEY | integer_dup(),
                key_len: Some(8),
                value_len: Some(value_len),
            };
            grow_and_shrink(page_size, kind, count, &mut rng)?;
        }
    }
    Ok(())
}

#[test]
fn packed_leaves_hold_as_much_as_fits() -> Result<()> {
    let env = TempEnv::new();
    let table = env.create_table("t", integer_dup())?;
    let mut txn = env.write()?;
    for n in 0..20_000_u64 {
        txn.put(table, b"key", &n.to_le_bytes())?;
    }
    let stat = txn.table(table)?.stat();
    let per_leaf = (4096 - 20) / 8;
    assert_eq!(
        u64::from(stat.leaf_pages),
        1 + 20_000_u64.div_ceil(per_leaf),
        "ascending values leave every page full, and the key has a page too"
    );
    txn.commit()?;
    Ok(())
}

#[test]
fn a_table_can_be_of_every_legal_kind_and_of_no_other() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let mut created = Vec::new();
    for (n, flags) in combinations().enumerate() {
        let mut txn = env.write()?;
        let name = n.to_string();
        let table = txn.create_table(&name, flags);
        if !is_legal(flags) {
            assert!(
                matches!(table, Err(Error::InvalidFlags { .. })),
                "{flags:?}"
            );
            let open = txn.open_table(&name);
            assert!(matches!(open, Err(Error::NoSuchTable { .. })), "{flags:?}");
            continue;
        }
        let table = table?;
        txn.put(table, b"keys", b"twos")?;
        assert_eq!(txn.table(table)?.flags(), flags);
        txn.commit()?;
        created.push((name, flags));
    }
    assert_eq!(created.len(), 21);
    let mut txn = env.write()?;
    for (name, flags) in &created {
        assert_eq!(txn.create_table(name, *flags)?, txn.open_table(name)?);
        for other in combinations().filter(|other| other != flags) {
            let error = txn.create_table(name, other).unwrap_err();
            match error {
                Error::Incompatible { name: of, .. } => assert!(is_legal(other) && of == *name),
                Error::InvalidFlags { .. } => assert!(!is_legal(other)),
                error => return Err(error),
            }
        }
    }
    Ok(())
}

#[test]
fn the_main_table_can_be_of_every_kind_while_it_is_empty() -> Result<()> {
    for kind in kinds(PageSize::MIN) {
        let mut env = TempEnv::with_page_size(PageSize::MIN);
        let mut rng = Rng::new(106);
        let mut model = Model::new(kind);
        for round in 0..3 {
            let mut txn = env.write()?;
            if round == 0 {
                txn.set_main_flags(TableFlags::REVERSE_KEY)?;
            }
            txn.set_main_flags(kind.flags)?;
            for _ in 0..150 {
                step(&mut txn, Table::MAIN, &mut model, &mut rng, 70)?;
            }
            txn.commit()?;
            env.reopen()?;
            assert_holds(&env.read()?, Table::MAIN, &model)?;
            assert_eq!(env.read()?.table(Table::MAIN)?.flags(), kind.flags);
        }
        let other = if kind.has_dups() {
            TableFlags::empty()
        } else {
            DUP_SORT
        };
        let mut txn = env.write()?;
        assert!(matches!(
            txn.set_main_flags(other),
            Err(Error::Incompatible { .. })
        ));
        txn.clear(Table::MAIN)?;
        txn.set_main_flags(other)?;
        txn.commit()?;
        assert_eq!(env.read()?.table(Table::MAIN)?.flags(), other);
    }
    Ok(())
}

#[test]
fn impossible_flags_are_refused_for_the_main_table_too() -> Result<()> {
    let env = TempEnv::new();
    let mut txn = env.write()?;
    for flags in combinations() {
        match txn.set_main_flags(flags) {
            Ok(()) => assert!(is_legal(flags), "{flags:?}"),
            Err(Error::InvalidFlags { .. }) => assert!(!is_legal(flags), "{flags:?}"),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[test]
fn a_main_table_with_duplicates_has_no_named_tables() -> Result<()> {
    let env = TempEnv::new();
    let mut txn = env.write()?;
    txn.set_main_flags(DUP_SORT)?;
    txn.put(Table::MAIN, b"name", b"value")?;
    let created = txn.create_table("name", TableFlags::empty());
    assert!(matches!(created, Err(Error::Incompatible { .. })));
    let opened = txn.open_table("name");
    assert!(matches!(opened, Err(Error::NoSuchTable { .. })));
    assert_eq!(txn.tables()?, []);
    txn.commit()?;
    Ok(())
}

#[test]
fn a_main_table_of_another_order_names_tables() -> Result<()> {
    for flags in [TableFlags::REVERSE_KEY, INTEGER_KEY] {
        let mut env = TempEnv::with_page_size(PageSize::MIN);
        let mut txn = env.write()?;
        txn.set_main_flags(flags)?;
        for n in 0..60 {
            let table = txn.create_table(format!("t{n:03}"), dup_fixed())?;
            txn.put(table, b"key", b"value")?;
        }
        if flags == INTEGER_KEY {
            let error = txn.create_table("other", dup_fixed()).unwrap_err();
            assert!(matches!(error, Error::KeyLen { len: 5, .. }), "{error}");
            let error = txn.create_table("the same", dup_fixed()).unwrap_err();
            let expected = ExpectedLen::Exactly(4);
            assert!(
                matches!(error, Error::KeyLen { len: 8, expected: e } if e == expected),
                "{error}"
            );
        }
        txn.commit()?;
        env.reopen()?;
        let mut txn = env.write()?;
        assert_eq!(txn.tables()?.len(), 60);
        for n in (0..60).step_by(2) {
            let table = txn.open_table(format!("t{n:03}"))?;
            assert_eq!(txn.get(table, b"key")?, Some(&b"value"[..]));
            txn.drop_table(table)?;
        }
        assert_eq!(txn.tables()?.len(), 30);
        txn.commit()?;
    }
    Ok(())
}

/// Asserts that the key is refused, by reads and writes alike.
fn assert_key_len(txn: &mut WriteTxn<'_>, table: Table, key: &[u8], expected: ExpectedLen) {
    let is_key_len = |error: &Error| matches!(error, Error::KeyLen { len, expected: e } if *len == key.len() && *e == expected);
    let error = txn.put(table, key, b"value").unwrap_err();
    assert!(is_key_len(&error), "{error}");
    let error = txn.insert(table, key, b"value").unwrap_err();
    assert!(is_key_len(&error), "{error}");
    let error = txn.get(table, key).unwrap_err();
    assert!(is_key_len(&error), "{error}");
    let error = txn.delete(table, key).unwrap_err();
    assert!(is_key_len(&error), "{error}");
}

#[test]
fn integer_keys_have_4_or_8_bytes_and_the_first_one_decides() -> Result<()> {
    for (first, other) in [(4, 8), (8, 4)] {
        let env = TempEnv::new();
        let table = env.create_table("t", INTEGER_KEY)?;
        let mut txn = env.write()?;
        for len in [0, 1, 3, 5, 7, 9, 16] {
            assert_key_len(&mut txn, table, &vec![7; len], ExpectedLen::Integer);
        }
        assert_eq!(txn.get(table, &vec![1; other])?, None);
        txn.put(table, &vec![1; first], b"")?;
        for len in [0, 1, 3, 5, 7, 9, 16] {
            assert_key_len(&mut txn, table, &vec![1; len], ExpectedLen::Integer);
        }
        let expected = ExpectedLen::Exactly(first);
        assert_key_len(&mut txn, table, &vec![1; other], expected);
        txn.put(table, &vec![2; first], b"two")?;
        assert_eq!(txn.get(table, &vec![2; first])?, Some(&b"two"[..]));
        assert_eq!(txn.table(table)?.len(), 2, "refusals changed nothing");
        txn.clear(table)?;
        txn.put(table, &vec![1; other], b"")?;
        txn.commit()?;
    }
    Ok(())
}

/// Asserts that the value is refused.
fn assert_value_len(txn: &mut WriteTxn<'_>, table: Table, value: &[u8], expected: ExpectedLen) {
    for key in [&b"key"[..], b"other", b"few", b"many"] {
        let error = txn.put(table, key, value).unwrap_err();
        assert!(
            matches!(error, Error::ValueLen { len, expected: e } if len == value.len() && e == expected),
            "{error}"
        );
    }
}

#[test]
fn the_first_value_fixes_the_size_of_all() -> Result<()> {
    for first in [2, 3, 8, 2022] {
        let mut env = TempEnv::new();
        let table = env.create_table("t", dup_fixed())?;
        let mut txn = env.write()?;
        for len in [0, 1] {
            assert_value_len(&mut txn, table, &vec![1; len], ExpectedLen::AtLeast(2));
        }
        let error = txn.put(table, b"key", &[1; 2023]).unwrap_err();
        assert!(
            matches!(
                error,
                Error::ValueTooLong {
                    len: 2023,
                    max: 2022
                }
            ),
            "{error}"
        );
        txn.put(table, b"key", &vec![1; first])?;
        for n in 0..3 {
            txn.put(table, b"few", &vec![n; first])?;
        }
        for n in 0..2500_u16 {
            let mut value = vec![0; first];
            value[..2].copy_from_slice(&n.to_be_bytes());
            txn.put(table, b"many", &value)?;
        }
        txn.commit()?;
        env.reopen()?;
        let mut txn = env.write()?;
        let table = txn.open_table("t")?;
        for len in [2, 4, 5, 7, 9, 2021]
            .into_iter()
            .filter(|&len| len != first)
        {
            let expected = ExpectedLen::Exactly(first);
            assert_value_len(&mut txn, table, &vec![1; len], expected);
            let value = vec![1; len];
            assert!(!txn.delete_dup(table, b"many", &value)?);
            assert!(!txn.delete_dup(table, b"few", &value)?);
            assert!(!txn.table(table)?.contains_dup(b"many", &value)?);
        }
        for key in [&b"key"[..], b"few", b"many"] {
            assert!(txn.delete(table, key)?);
        }
        let expected = ExpectedLen::Exactly(first);
        assert_value_len(
            &mut txn,
            table,
            &vec![1; first + 1 - 2 * (first / 2022)],
            expected,
        );
        txn.commit()?;
    }
    Ok(())
}

#[test]
fn integer_values_have_4_or_8_bytes_and_the_first_one_decides() -> Result<()> {
    for (first, other) in [(4, 8), (8, 4)] {
        let env = TempEnv::new();
        let table = env.create_table("t", integer_dup())?;
        let mut txn = env.write()?;
        for len in [0, 2, 3, 5, 7, 9, 16] {
            assert_value_len(&mut txn, table, &vec![7; len], ExpectedLen::Integer);
        }
        txn.put(table, b"key", &vec![1; first])?;
        let expected = ExpectedLen::Exactly(first);
        assert_value_len(&mut txn, table, &vec![1; other], expected);
        txn.commit()?;
        assert_eq!(env.items(table)?, [(b"key".to_vec(), vec![1; first])]);
    }
    Ok(())
}

#[test]
fn integers_are_ordered_by_value_and_reversed_bytes_from_the_back() -> Result<()> {
    let env = TempEnv::new();
    let (integers, reversed) = (
        env.create_table("integers", INTEGER_KEY | integer_dup())?,
        env.create_table(
            "reversed",
            TableFlags::REVERSE_KEY | DUP_SORT | TableFlags::REVERSE_DUP,
        )?,
    );
    let mut txn = env.write()?;
    for n in [256_u32, 1, 65536, 255, 0, u32::MAX] {
        txn.put(integers, &n.to_le_bytes(), &(n / 2).to_le_bytes())?;
        txn.put(integers, &7_u32.to_le_bytes(), &n.to_le_bytes())?;
    }
    for word in [&b"ab"[..], b"b", b"ba", b"", b"aab"] {
        txn.put(reversed, word, word)?;
        txn.put(reversed, b"x", word)?;
    }
    txn.commit()?;
    let txn = env.read()?;
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    let values = dups(&txn.table(integers)?, &7_u32.to_le_bytes())?;
    let values: Vec<u32> = values.iter().map(|value| number(value)).collect();
    assert_eq!(values, [0, 1, 255, 256, 65536, u32::MAX]);
    let keys: Vec<u32> = items(&txn.table(integers)?)?
        .iter()
        .map(|(key, _)| number(key))
        .filter(|&key| key != 7)
        .collect();
    assert_eq!(keys, values);
    assert_eq!(
        dups(&txn.table(reversed)?, b"x")?,
        [&b""[..], b"ba", b"b", b"ab", b"aab"]
    );
    let from = txn.table(reversed)?.cursor().seek(b"zab")?;
    assert_eq!(from, Some((&b"x"[..], &b""[..])));
    Ok(())
}

#[test]
fn tables_compare_keys_and_values_in_their_order() -> Result<()> {
    for kind in kinds(PageSize::DEFAULT) {
        let env = TempEnv::new();
        let table = env.create_table("t", kind.flags)?;
        let mut model = Model::new(kind);
        for n in 0..40 {
            model.put(&kind.key(n * 3 % 10), &kind.value(n * 17));
        }
        let all = model.items();
        let txn = env.read()?;
        let table = txn.table(table)?;
        for (one, other) in all.iter().zip(&all[1..]) {
            let keys = table.compare_keys(&one.0, &other.0);
            let values = table.compare_values(&one.1, &other.1);
            assert!(keys.then(values).is_lt(), "{kind:?}: {one:?} {other:?}");
            assert_eq!(keys.is_eq(), one.0 == other.0, "{kind:?}");
            assert!(table.compare_keys(&other.0, &one.0) == keys.reverse());
        }
    }
    Ok(())
}
