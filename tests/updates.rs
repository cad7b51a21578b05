//! Changes that look at what is there: updates, replacements, and one of several values; through tables and cursors.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::collections::BTreeMap;

use common::{Rng, TempEnv, dups, items, owned};
use mdbx_core::{Cursor, Error, PageSize, PutFlags, Result, Table, TableFlags, WriteTxn};

const PLAIN: TableFlags = TableFlags::empty();
const DUPS: TableFlags = TableFlags::DUP_SORT;

/// A table over small pages whose keys `one`, `few` and `many` have so many values, each four digits.
fn numbers(env: &TempEnv) -> Result<Table> {
    let mut txn = env.write()?;
    let table = txn.create_table("numbers", DUPS)?;
    for (key, count) in [(&b"one"[..], 1), (b"few", 5), (b"many", 300)] {
        for n in 0..count {
            txn.put(table, key, format!("{n:04}").as_bytes())?;
        }
    }
    txn.commit()?;
    Ok(table)
}

const COUNTS: [(&[u8], u64); 3] = [(b"one", 1), (b"few", 5), (b"many", 300)];

#[test]
fn an_update_changes_a_key_that_is_there_and_creates_none() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let plain = env.create_table("plain", PLAIN)?;
    let several = numbers(&env)?;
    env.put(plain, b"key", b"old")?;
    let mut txn = env.write()?;
    for table in [plain, several] {
        let absent = txn.table_mut(table)?.update(b"absent", b"new");
        assert!(matches!(absent, Err(Error::NotFound)), "{absent:?}");
    }
    txn.table_mut(plain)?.update(b"key", b"a longer value")?;
    for (key, _) in COUNTS {
        txn.table_mut(several)?.update(key, b"new")?;
    }
    txn.commit()?;
    assert_eq!(env.items(plain)?, owned(&[(b"key", b"a longer value")]));
    let expected = owned(&[(b"few", b"new"), (b"many", b"new"), (b"one", b"new")]);
    assert_eq!(env.items(several)?, expected);
    Ok(())
}

#[test]
fn a_replacement_returns_the_former_value_and_can_be_of_a_chosen_one_of_several() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let several = numbers(&env)?;
    let mut txn = env.write()?;
    let mut main = txn.table_mut(Table::MAIN)?;
    assert_eq!(main.replace(b"key", b"1")?, None);
    assert_eq!(main.replace(b"key", b"2")?, Some(b"1".to_vec()));
    assert!(!main.replace_dup(b"key", b"1", b"3")?);
    assert!(main.replace_dup(b"key", b"2", b"3")?);
    assert_eq!(main.take(b"key")?, Some(b"3".to_vec()));
    assert_eq!(main.take(b"key")?, None);

    let mut table = txn.table_mut(several)?;
    for (key, count) in COUNTS {
        assert_eq!(table.replace(key, b"9998")?, Some(b"0000".to_vec()));
        let last_but_one = format!("{:04}", count.saturating_sub(2)).into_bytes();
        assert_eq!(table.replace_dup(key, &last_but_one, b"0000")?, count > 2);
        assert!(!table.replace_dup(key, b"absent", b"1")?);
        let values = dups(&table.as_ref(), key)?;
        assert_eq!(values.len() as u64, count, "as many as before");
        assert_eq!(values.last().unwrap(), b"9998");
        assert_eq!(values.first().unwrap() == b"0000", count > 2);
    }
    txn.commit()?;
    Ok(())
}

#[test]
fn a_delete_with_a_value_in_a_plain_table_deletes_only_that_value() -> Result<()> {
    let env = TempEnv::new();
    let large = vec![7; 20_000];
    for value in [&b""[..], b"value", &large] {
        env.put(Table::MAIN, b"key", value)?;
        let mut txn = env.write()?;
        for other in [&b"x"[..], b"valu", b"values", &large[1..]] {
            assert!(!txn.table_mut(Table::MAIN)?.delete_dup(b"key", other)?);
        }
        assert_eq!(txn.get(Table::MAIN, b"key")?, Some(value));
        assert!(txn.table_mut(Table::MAIN)?.delete_dup(b"key", value)?);
        assert!(!txn.table_mut(Table::MAIN)?.delete_dup(b"key", value)?);
        txn.commit()?;
    }
    assert_eq!(env.items(Table::MAIN)?, []);
    Ok(())
}

#[test]
fn a_get_gives_the_first_value_and_how_many_there_are() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = numbers(&env)?;
    env.put(Table::MAIN, b"key", b"value")?;
    let txn = env.read()?;
    for (key, count) in COUNTS {
        let found = txn.table(table)?.get_with_count(key)?;
        assert_eq!(found, Some((&b"0000"[..], count)));
    }
    assert_eq!(txn.table(table)?.get_with_count(b"none")?, None);
    let plain = txn.table(Table::MAIN)?.get_with_count(b"key")?;
    assert_eq!(plain, Some((&b"value"[..], 1)));
    Ok(())
}

#[test]
fn the_count_of_values_is_right_wherever_a_cursor_stands_and_however_they_are_stored() -> Result<()>
{
    let fixed = DUPS | TableFlags::DUP_FIXED;
    for flags in [
        DUPS,
        DUPS | TableFlags::REVERSE_DUP,
        fixed,
        fixed | TableFlags::INTEGER_DUP,
    ] {
        let env = TempEnv::with_page_size(PageSize::MIN);
        let table = env.create_table("t", flags)?;
        let mut txn = env.write()?;
        for count in 1..=60_u32 {
            for n in 0..count {
                txn.put(table, b"grows", &(n * 7 % 60).to_le_bytes())?;
            }
            txn.put(table, &[count.to_le_bytes()[0]], &count.to_le_bytes())?;
            let open = txn.table(table)?;
            assert_eq!(open.get_with_count(b"grows")?.unwrap().1, u64::from(count));
            let mut cursor = open.cursor();
            while let Some((key, _)) = cursor.next()? {
                let expected = if key == b"grows" { count } else { 1 };
                assert_eq!(cursor.count(), u64::from(expected), "{flags:?}");
            }
        }
        for count in (1..60).rev() {
            let value = (count * 7 % 60_u32).to_le_bytes();
            assert!(txn.delete_dup(table, b"grows", &value)?);
            let mut cursor = txn.cursor(table)?;
            cursor.seek_exact(b"grows")?;
            assert_eq!(cursor.count(), u64::from(count), "{flags:?}");
            cursor.last_dup()?;
            assert_eq!(cursor.count(), u64::from(count), "{flags:?}");
        }
        txn.commit()?;
    }
    Ok(())
}

#[test]
fn empty_keys_and_values_come_first_in_whatever_order_they_are_put() -> Result<()> {
    let all: [(&[u8], &[u8]); 6] = [
        (b"", b""),
        (b"", b"a"),
        (b"\0", b""),
        (b"a", b""),
        (b"a", b"\0"),
        (b"b", b"x"),
    ];
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = env.create_table("t", DUPS)?;
    for rotation in 0..all.len() {
        for reversed in [false, true] {
            let mut order = all;
            order.rotate_left(rotation);
            if reversed {
                order.reverse();
            }
            let mut txn = env.write()?;
            for (key, value) in order {
                txn.put(table, key, value)?;
            }
            assert_eq!(items(&txn.table(table)?)?, owned(&all));
            assert_eq!(txn.get(table, b"")?, Some(&b""[..]));
            for (key, value) in order {
                assert!(txn.delete_dup(table, key, value)?);
            }
            assert!(txn.table(table)?.is_empty());
            txn.commit()?;
        }
    }
    Ok(())
}

/// Stores `value` in the place of the pair, which a cursor is on.
fn put_current(txn: &mut WriteTxn<'_>, table: Table, pair: [&[u8]; 2], value: &[u8]) -> Result<()> {
    let mut open = txn.table_mut(table)?;
    let mut cursor = open.cursor_mut();
    cursor.go(|cursor| cursor.seek_dup(pair[0], pair[1]).map(drop))?;
    cursor.put_with(pair[0], value, PutFlags::CURRENT)?;
    assert_eq!(cursor.current()?, Some((pair[0], value)), "and is on it");
    Ok(())
}

#[test]
fn a_cursor_changes_the_item_it_stands_on_and_no_other() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = numbers(&env)?;
    let mut txn = env.write()?;
    for (key, count) in COUNTS {
        for n in 0..count {
            let (old, new) = (format!("{n:04}"), format!("{n:04} as changed"));
            let mut expected = dups(&txn.table(table)?, key)?;
            expected.retain(|value| value != old.as_bytes());
            expected.push(new.clone().into_bytes());
            expected.sort();
            put_current(&mut txn, table, [key, old.as_bytes()], new.as_bytes())?;
            assert_eq!(dups(&txn.table(table)?, key)?, expected);
        }
    }
    txn.commit()?;
    env.put(Table::MAIN, b"key", b"value")?;
    let mut txn = env.write()?;
    let mut main = txn.table_mut(Table::MAIN)?;
    let mut cursor = main.cursor_mut();
    cursor.go(|cursor| cursor.first().map(drop))?;
    let other = cursor.put_with(b"other", b"", PutFlags::CURRENT);
    assert!(matches!(other, Err(Error::KeyMismatch)), "{other:?}");
    cursor.put_with(b"key", b"new", PutFlags::CURRENT)?;
    assert_eq!(cursor.current()?, Some((&b"key"[..], &b"new"[..])));
    Ok(())
}

#[test]
fn what_could_mean_any_of_several_values_is_refused() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = numbers(&env)?;
    let before = env.items(table)?;
    let mut txn = env.write()?;
    let mut open = txn.table_mut(table)?;
    for key in [b"few".as_slice(), b"many"] {
        let taken = open.take(key);
        assert!(matches!(taken, Err(Error::MultiVal)), "{taken:?}");
        let put = open.put_with(key, b"", PutFlags::CURRENT | PutFlags::NO_OVERWRITE);
        assert!(matches!(put, Err(Error::MultiVal)), "{put:?}");
    }
    assert_eq!(open.take(b"one")?, Some(b"0000".to_vec()));
    open.put(b"one", b"0000")?;
    txn.commit()?;
    assert_eq!(env.items(table)?, before);
    Ok(())
}

#[test]
fn a_cursor_goes_through_a_table_and_changes_what_it_meets() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = numbers(&env)?;
    let mut txn = env.write()?;
    let mut open = txn.table_mut(table)?;
    let mut cursor = open.cursor_mut();
    let mut met = 0;
    while let Some((key, value)) = cursor.go(Cursor::next)? {
        met += 1;
        let (key, value) = (key.to_vec(), value.to_vec());
        if met % 3 == 0 {
            assert!(cursor.delete()?);
        } else {
            let same = [&value[..], b"!"].concat();
            cursor.put_with(&key, &same, PutFlags::CURRENT)?;
        }
    }
    assert_eq!(met, 306, "each is met once");
    txn.commit()?;
    let after = env.items(table)?;
    assert_eq!(after.len(), 204);
    assert!(after.iter().all(|(_, value)| value.ends_with(b"!")));
    Ok(())
}

/// One of 200 keys, and every other time one of four that lie far apart.
fn any_key(rng: &mut Rng) -> Vec<u8> {
    let number = rng.below(200);
    let number = if number.is_multiple_of(2) {
        number % 8 * 30
    } else {
        number
    };
    format!("key {number:03}").into_bytes()
}

/// A change at random of one key, after others were looked up to be changed.
fn change_at_random(
    txn: &mut WriteTxn<'_>,
    table: Table,
    model: &mut BTreeMap<Vec<u8>, Vec<u8>>,
    rng: &mut Rng,
) -> Result<()> {
    let mut wanted = any_key(rng);
    for _ in 0..rng.below(3) {
        wanted = any_key(rng);
        let found = txn.get_to_change(table, &wanted)?;
        assert_eq!(found, model.get(&wanted).map(Vec::as_slice));
    }
    if rng.below(4) == 0 {
        wanted = any_key(rng);
    }
    let value = vec![b'v'; rng.below(200)];
    match rng.below(8) {
        0 => {
            let last = any_key(rng);
            txn.delete_range(table, wanted.as_slice()..last.as_slice())?;
            model.retain(|key, _| *key < wanted || *key >= last);
        }
        1 | 2 => assert_eq!(txn.delete(table, &wanted)?, model.remove(&wanted).is_some()),
        3 => match txn.insert(table, &wanted, &value) {
            Err(Error::KeyExists) => assert!(model.contains_key(&wanted)),
            done => {
                done?;
                assert_eq!(model.insert(wanted, value), None);
            }
        },
        _ => {
            txn.put(table, &wanted, &value)?;
            model.insert(wanted, value);
        }
    }
    Ok(())
}

#[test]
fn a_key_looked_up_to_be_changed_is_found_whatever_was_changed_since() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = env.create_table("table", PLAIN)?;
    let mut rng = Rng::new(83);
    println!("MDBX_SEED={}", rng.seed());
    let mut model = BTreeMap::new();
    for _ in 0..60 {
        let mut txn = env.write()?;
        for _ in 0..40 {
            change_at_random(&mut txn, table, &mut model, &mut rng)?;
            if rng.below(4) > 0 {
                continue;
            }
            let before = model.clone();
            let mut nested = txn.nested()?;
            for _ in 0..rng.below(6) {
                change_at_random(&mut nested, table, &mut model, &mut rng)?;
            }
            let looked_up = any_key(&mut rng);
            nested.get_to_change(table, &looked_up)?;
            if rng.below(2) == 0 {
                nested.commit()?;
            } else {
                drop(nested);
                model = before;
            }
            txn.put(table, &looked_up, b"after")?;
            model.insert(looked_up, b"after".to_vec());
        }
        txn.commit()?;
        assert_eq!(
            env.items(table)?,
            model.clone().into_iter().collect::<Vec<_>>()
        );
    }
    Ok(())
}
