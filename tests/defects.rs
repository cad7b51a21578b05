//! Where the reference loses, damages or misplaces data, or leaves it open what happens: what this engine does.
//!
//! The recorded traces avoid these situations, so the expectations are stated here.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Items, Rng, TempEnv, dups, items, owned};
use mdbx_core::{
    Cursor, Error, Item, PageSize, Position, PutFlags, Relation, Result, Table, TableFlags,
    WriteTxn, max_key_len, max_key_len_dup_sort, max_value_len_dup_sort,
};

const PLAIN: TableFlags = TableFlags::empty();
const DUPS: TableFlags = TableFlags::DUP_SORT;

fn put_all(txn: &mut WriteTxn<'_>, table: Table, items: &[(&[u8], &[u8])]) -> Result<()> {
    items
        .iter()
        .try_for_each(|(key, value)| txn.put(table, key, value))
}

/// The values that the keys of [`sets`] have: from one to a nested tree.
const SIZES: [u16; 5] = [1, 2, 5, 40, 200];

/// Keys with their sets of values.
type Sets = BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>>;

/// Keys over many small pages, every one with one of the [`SIZES`], as a model.
fn sets(env: &TempEnv) -> Result<(Table, Sets)> {
    let mut model = Sets::new();
    let mut txn = env.write()?;
    let table = txn.create_table("sets", DUPS)?;
    for n in 0..60_usize {
        let key = format!("key {n:03}").into_bytes();
        for value in 0..SIZES[n % SIZES.len()] {
            let value = format!("{value:05}").into_bytes();
            txn.put(table, &key, &value)?;
            model.entry(key.clone()).or_default().insert(value);
        }
    }
    txn.commit()?;
    Ok((table, model))
}

fn flat(model: &Sets) -> Items {
    let pairs = model
        .iter()
        .flat_map(|(key, values)| values.iter().map(|value| (key.clone(), value.clone())));
    pairs.collect()
}

#[test]
fn all_dups_replaces_all_values_of_a_key_and_keeps_the_order_of_keys() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let (table, mut model) = sets(&env)?;
    let mut txn = env.write()?;
    let keys: Vec<Vec<u8>> = model.keys().cloned().collect();
    for (n, key) in keys.iter().enumerate() {
        let value = vec![b'v'; n % 50];
        txn.table_mut(table)?
            .put_with(key, &value, PutFlags::ALL_DUPS)?;
        model.insert(key.clone(), BTreeSet::from([value]));
        assert_eq!(items(&txn.table(table)?)?, flat(&model), "after key {n}");
    }
    txn.commit()?;
    Ok(())
}

#[test]
fn a_key_that_has_one_value_left_counts_as_one_that_never_had_more() -> Result<()> {
    for flags in [PutFlags::CURRENT, PutFlags::CURRENT | PutFlags::ALL_DUPS] {
        for size in SIZES {
            let env = TempEnv::with_page_size(PageSize::MIN);
            let mut txn = env.write()?;
            let table = txn.create_table("t", DUPS)?;
            let value = |n: u16| format!("{n:05}").into_bytes();
            for n in 0..size {
                txn.put(table, b"key", &value(n))?;
            }
            for n in 1..size {
                assert!(txn.delete_dup(table, b"key", &value(n))?);
            }
            let mut open = txn.table_mut(table)?;
            open.append_dup(b"key", &value(0))?; // there already, as its only value
            assert_eq!(open.replace(b"key", b"again")?, Some(value(0)));
            open.put_with(b"key", b"new", flags)?;
            assert_eq!(open.take(b"key")?, Some(b"new".to_vec()));
            assert!(open.as_ref().is_empty());
            txn.commit()?;
        }
    }
    Ok(())
}

#[test]
fn places_among_the_values_of_one_key_hit_their_own_pairs_while_others_change_them() -> Result<()> {
    for size in SIZES {
        let env = TempEnv::with_page_size(PageSize::MIN);
        let mut txn = env.write()?;
        let table = txn.create_table("t", DUPS)?;
        put_all(&mut txn, table, &[(b"a", b"before"), (b"z", b"after")])?;
        let value = |n: u16| format!("{n:05}").into_bytes();
        let mut model: BTreeSet<Vec<u8>> = (0..size).map(value).collect();
        for value in &model {
            txn.put(table, b"key", value)?;
        }
        let places: Vec<(Vec<u8>, Position)> = model
            .iter()
            .map(|value| {
                let mut cursor = txn.cursor(table)?;
                cursor.seek_dup(b"key", value)?;
                Ok((value.clone(), cursor.save()?))
            })
            .collect::<Result<_>>()?;
        for (n, (value, place)) in places.iter().enumerate() {
            let mut open = txn.table_mut(table)?;
            let mut cursor = open.cursor_mut();
            cursor.resume(place)?;
            assert_eq!(cursor.current()?, Some((&b"key"[..], &value[..])));
            model.remove(value);
            if n % 2 == 0 {
                assert!(cursor.delete()?);
            } else {
                let new = [&value[..], b" changed"].concat();
                cursor.put_with(b"key", &new, PutFlags::CURRENT)?;
                model.insert(new);
            }
            let left = dups(&txn.table(table)?, b"key")?;
            assert!(left.iter().eq(&model), "place {n} of {size}: {left:?}");
            assert_eq!(txn.table(table)?.len(), model.len() as u64 + 2);
        }
        txn.commit()?;
    }
    Ok(())
}

#[test]
fn after_the_last_value_of_a_key_is_deleted_a_cursor_goes_on_with_the_next_key() -> Result<()> {
    for size in SIZES {
        let env = TempEnv::with_page_size(PageSize::MIN);
        let mut txn = env.write()?;
        let table = txn.create_table("t", DUPS)?;
        let value = |n: u16| format!("{n:05}").into_bytes();
        for n in 0..size {
            txn.put(table, b"a", &value(n))?;
        }
        put_all(&mut txn, table, &[(b"b", b"1"), (b"b", b"2"), (b"c", b"3")])?;
        let mut open = txn.table_mut(table)?;
        let mut cursor = open.cursor_mut();
        let last = value(size - 1);
        cursor.go(|cursor| cursor.seek_dup(b"a", &last).map(drop))?;
        assert!(cursor.delete()?);
        assert_eq!(cursor.current()?, Some((&b"b"[..], &b"1"[..])));
        assert!(cursor.delete()?);
        assert_eq!(cursor.current()?, Some((&b"b"[..], &b"2"[..])));
        cursor.put_with(b"b", b"new", PutFlags::CURRENT)?;
        assert!(cursor.delete()? && cursor.delete()?);
        assert!(!cursor.delete()?, "there is nothing behind it");
        assert_eq!(cursor.current()?, None);
        let put = cursor.put_with(b"c", b"3", PutFlags::CURRENT);
        assert!(matches!(put, Err(Error::NoItem)), "{put:?}");
        assert_eq!(open.as_ref().len(), u64::from(size - 1));
        txn.commit()?;
    }
    Ok(())
}

/// Returns the place in `items` of the nearest one in that relation to `item`.
fn nearest(items: &Items, relation: Relation, item: &(Vec<u8>, Vec<u8>)) -> Option<usize> {
    let (less, not_greater) = (
        items.partition_point(|other| other < item),
        items.partition_point(|other| other <= item),
    );
    match relation {
        Relation::Less => less.checked_sub(1),
        Relation::LessOrEqual => not_greater.checked_sub(1),
        Relation::Equal => (less < not_greater).then_some(less),
        Relation::GreaterOrEqual => Some(less),
        Relation::Greater => Some(not_greater),
    }
}

#[test]
fn searches_among_the_values_of_a_key_give_the_value_they_lead_to() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let (table, model) = sets(&env)?;
    let all = flat(&model);
    let txn = env.read()?;
    let mut cursor = txn.table(table)?.cursor();
    for (key, values) in model.iter().take(2 * SIZES.len()) {
        let of_key: Items = values.iter().map(|v| (key.clone(), v.clone())).collect();
        let between = values.iter().map(|value| [&value[..], b"x"].concat());
        for value in values.iter().cloned().chain(between).step_by(3) {
            let wanted = (key.clone(), value);
            for relation in [
                Relation::Less,
                Relation::LessOrEqual,
                Relation::Equal,
                Relation::GreaterOrEqual,
                Relation::Greater,
            ] {
                let expected = |items: &Items| {
                    let item = nearest(items, relation, &wanted).and_then(|at| items.get(at));
                    item.cloned()
                };
                let show = |item: Item<'_>| item.map(|(k, v)| (k.to_vec(), v.to_vec()));
                let found = cursor.seek_value_by(relation, key, &wanted.1)?;
                assert_eq!(show(found), expected(&of_key), "{relation:?} {wanted:?}");
                assert_eq!(cursor.current()?, found);
                let found = cursor.seek_pair_by(relation, key, &wanted.1)?;
                assert_eq!(show(found), expected(&all), "{relation:?} {wanted:?}");
                assert_eq!(cursor.current()?, found);
            }
        }
    }
    Ok(())
}

#[test]
fn a_cursor_past_the_end_is_on_nothing() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let (several, _) = sets(&env)?;
    let plain = env.create_table("plain", PLAIN)?;
    env.put(plain, b"only", b"value")?;
    let mut txn = env.write()?;
    for table in [several, plain] {
        let mut open = txn.table_mut(table)?;
        let before = items(&open.as_ref())?;
        let (last_key, last_value) = before.last().unwrap().clone();
        let mut cursor = open.cursor_mut();
        assert_eq!(cursor.go(|cursor| cursor.seek(b"zzz"))?, None);
        assert_eq!(cursor.current()?, None);
        assert_eq!(cursor.go(Cursor::next)?, None);
        assert_eq!(cursor.current()?, None);
        let put = cursor.put_with(&last_key, b"new", PutFlags::CURRENT);
        assert!(matches!(put, Err(Error::NoItem)), "{put:?}");
        assert!(!cursor.delete()?);
        let back = cursor.go(Cursor::prev)?;
        assert_eq!(back, Some((&last_key[..], &last_value[..])));
        assert_eq!(items(&open.as_ref())?, before);
    }
    Ok(())
}

#[test]
fn after_the_last_item_is_deleted_a_cursor_is_on_nothing() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let (several, _) = sets(&env)?;
    let plain = env.create_table("plain", PLAIN)?;
    for n in 0..300_u16 {
        env.put(plain, &n.to_be_bytes(), &[0; 20])?;
    }
    let mut txn = env.write()?;
    for table in [several, plain] {
        let mut open = txn.table_mut(table)?;
        let mut left = items(&open.as_ref())?;
        let mut cursor = open.cursor_mut();
        while left.pop().is_some() {
            assert!(cursor.go(Cursor::last)?.is_some());
            assert!(cursor.delete()?);
            assert_eq!(cursor.current()?, None);
            assert!(!cursor.delete()?);
            let before = left.last().map(|(key, value)| (&key[..], &value[..]));
            assert_eq!(cursor.go(Cursor::prev)?, before);
        }
        assert!(open.as_ref().is_empty());
    }
    Ok(())
}

#[test]
fn a_range_with_its_ends_in_the_wrong_order_inside_one_key_deletes_nothing() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let (table, model) = sets(&env)?;
    let mut txn = env.write()?;
    for (key, values) in &model {
        let (Some(first), Some(last)) = (values.first(), values.last()) else {
            panic!("every key has a value");
        };
        let mut open = txn.table_mut(table)?;
        assert_eq!(open.delete_pairs((&key[..], &last[..])..(key, first))?, 0);
        if first != last {
            let deleted = open.delete_pairs((&key[..], &last[..])..=(key, first))?;
            assert_eq!(deleted, 0);
        }
        let place = |cursor: &mut Cursor<'_>, value: &[u8]| {
            cursor.seek_dup(key, value)?;
            cursor.save()
        };
        let mut cursor = open.cursor_mut();
        let from = cursor.go(|cursor| place(cursor, last))?;
        let to = cursor.go(|cursor| place(cursor, first))?;
        let deleted = cursor.delete_between(from..to);
        if first == last {
            assert_eq!(deleted?, 0);
        } else {
            assert!(matches!(deleted, Err(Error::NoItem)), "{deleted:?}");
        }
    }
    assert_eq!(items(&txn.table(table)?)?, flat(&model));
    Ok(())
}

#[test]
fn a_step_back_from_the_end_leads_to_the_value_before_the_last() -> Result<()> {
    for size in SIZES.into_iter().skip(1) {
        let env = TempEnv::with_page_size(PageSize::MIN);
        let table = env.create_table("t", DUPS)?;
        let mut txn = env.write()?;
        let value = |n: u16| format!("{n:05}").into_bytes();
        txn.put(table, b"a", b"other")?;
        for n in 0..size {
            txn.put(table, b"b", &value(n))?;
        }
        let mut cursor = txn.cursor(table)?;
        cursor.last()?;
        assert_eq!(cursor.next()?, None);
        let expected = value(size - 2);
        assert_eq!(cursor.prev()?, Some((&b"b"[..], &expected[..])));
    }
    Ok(())
}

/// Every set of conditions.
fn all_put_flags() -> Vec<PutFlags> {
    let single = [
        PutFlags::NO_OVERWRITE,
        PutFlags::NO_DUP_DATA,
        PutFlags::CURRENT,
        PutFlags::ALL_DUPS,
        PutFlags::APPEND,
        PutFlags::APPEND_DUP,
    ];
    let mut sets = vec![PutFlags::empty()];
    for flag in single {
        let with: Vec<_> = sets.iter().map(|&set| set | flag).collect();
        sets.extend(with);
    }
    sets
}

#[test]
fn a_put_that_fails_changes_nothing_whatever_its_conditions() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let mut txn = env.write()?;
    let table = txn.create_table("t", DUPS)?;
    let several: [(&[u8], &[u8]); 5] = [
        (b"few", b"1"),
        (b"few", b"3"),
        (b"few", b"5"),
        (b"one", b"3"),
        (b"shrunk", b"3"),
    ];
    put_all(&mut txn, table, &several)?;
    txn.put(table, b"shrunk", b"4")?;
    assert!(txn.delete_dup(table, b"shrunk", b"4")?);
    let too_long = vec![0; max_value_len_dup_sort(PageSize::MIN) + 1];
    let values = [&b""[..], b"1", b"3", b"4", b"6", &too_long];
    let (mut failed, mut done) = (0, 0);
    for flags in all_put_flags() {
        for key in [&b"few"[..], b"one", b"shrunk", b"absent", b"zzz"] {
            for (value, through_cursor) in values.iter().flat_map(|v| [(v, false), (v, true)]) {
                let mut nested = txn.nested()?;
                let before = items(&nested.table(table)?)?;
                let mut open = nested.table_mut(table)?;
                let put = if through_cursor {
                    let mut cursor = open.cursor_mut();
                    cursor.go(|cursor| cursor.seek_exact(key).map(drop))?;
                    cursor.put_with(key, value, flags)
                } else {
                    open.put_with(key, value, flags)
                };
                let after = items(&nested.table(table)?)?;
                if put.is_err() {
                    assert_eq!(after, before, "{put:?}: {flags:?} {key:?} {value:?}");
                    failed += 1;
                } else {
                    let pair = (key.to_vec(), value.to_vec());
                    assert!(after.contains(&pair), "{flags:?} {key:?} {value:?}");
                    let of_others = |items: &Items| -> Items {
                        let others = items.iter().filter(|(other, _)| other != key);
                        others.cloned().collect()
                    };
                    assert_eq!(of_others(&after), of_others(&before));
                    done += 1;
                }
                nested.abort();
            }
        }
    }
    assert!(failed > 500 && done > 500, "{failed} {done}");
    Ok(())
}

#[test]
fn a_table_opened_by_a_reader_can_be_renamed_by_a_writer_that_has_not_used_it() -> Result<()> {
    let mut env = TempEnv::with_page_size(PageSize::MIN);
    let (table, model) = sets(&env)?;
    env.reopen()?;
    let opened = env.read()?.open_table("sets")?;
    let mut txn = env.write()?;
    let renamed = txn.rename_table(opened, "renamed")?;
    txn.put(renamed, b"zzz", b"value")?;
    txn.commit()?;
    let mut expected = flat(&model);
    expected.push((b"zzz".to_vec(), b"value".to_vec()));
    assert_eq!(env.items(renamed)?, expected);
    let gone = env.read()?.table(opened).map(drop);
    assert!(matches!(gone, Err(Error::NoSuchTable { .. })), "{gone:?}");
    assert_ne!(table, renamed);
    Ok(())
}

#[test]
fn a_table_can_be_renamed_to_its_own_name() -> Result<()> {
    let env = TempEnv::new();
    let (table, model) = sets(&env)?;
    let mut txn = env.write()?;
    assert_eq!(txn.rename_table(table, "sets")?, table);
    assert_eq!(items(&txn.table(table)?)?, flat(&model));
    txn.commit()?;
    assert_eq!(env.items(table)?, flat(&model));
    Ok(())
}

#[test]
fn keys_and_values_as_long_as_can_be_survive_any_deletions() -> Result<()> {
    for page_size in [256, 512, 4096].map(|bytes| PageSize::new(bytes).unwrap()) {
        let env = TempEnv::with_page_size(page_size);
        let plain = env.create_table("plain", PLAIN)?;
        let several = env.create_table("several", DUPS)?;
        let key_len = max_key_len(page_size).min(max_key_len_dup_sort(page_size));
        let value_len = max_value_len_dup_sort(page_size);
        let mut rng = Rng::new(page_size.bytes() as u64);
        let mut model = BTreeSet::new();
        let mut values = BTreeMap::new();
        for round in 0..12 {
            let mut txn = env.write()?;
            for _ in 0..100 {
                let short = rng.once_in(4);
                let mut key = rng.below(30).to_string().into_bytes();
                let mut value = rng.below(12).to_string().into_bytes();
                if !short {
                    key.resize(key_len - rng.below(3), b'k');
                    value.resize(value_len - rng.below(3), b'v');
                }
                if rng.once_in(2) ^ (round % 4 > 1 && rng.once_in(2)) {
                    txn.put(several, &key, &value)?;
                    txn.put(plain, &key, &value)?;
                    values.insert(key.clone(), value.clone());
                    model.insert((key, value));
                } else if let Some(pair) = model.iter().nth(rng.below(model.len().max(1))).cloned()
                {
                    assert!(txn.delete_dup(several, &pair.0, &pair.1)?);
                    let was_there = values.remove(&pair.0).is_some();
                    assert_eq!(txn.delete(plain, &pair.0)?, was_there);
                    model.remove(&pair);
                }
            }
            txn.commit()?;
            assert!(env.items(several)?.into_iter().eq(model.clone()));
            assert!(env.items(plain)?.into_iter().eq(values.clone()));
        }
        let mut txn = env.write()?;
        for (key, value) in &model {
            assert!(txn.delete_dup(several, key, value)?);
        }
        for key in values.keys().rev() {
            assert!(txn.delete(plain, key)?);
        }
        txn.commit()?;
        assert_eq!((env.items(several)?.len(), env.items(plain)?.len()), (0, 0));
    }
    Ok(())
}

#[test]
fn a_cursor_at_the_end_goes_on_to_what_others_append() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let (several, _) = sets(&env)?;
    let plain = env.create_table("plain", PLAIN)?;
    env.put(plain, b"first", b"")?;
    let mut txn = env.write()?;
    for table in [several, plain] {
        for tries_beyond in [false, true] {
            let mut cursor = txn.cursor(table)?;
            cursor.last()?;
            if tries_beyond {
                assert_eq!(cursor.next()?, None);
            }
            let place = cursor.save()?;
            let key = if tries_beyond { b"zzzz" } else { b"zzz " };
            txn.table_mut(table)?.append(key, b"new")?;
            let mut cursor = txn.cursor(table)?;
            cursor.resume(&place)?;
            assert_eq!(cursor.next()?, Some((&key[..], &b"new"[..])));
        }
    }
    Ok(())
}

#[test]
fn the_values_before_the_one_that_fails_are_stored() -> Result<()> {
    let env = TempEnv::new();
    let mut txn = env.write()?;
    let table = txn.create_table("t", DUPS | TableFlags::DUP_FIXED)?;
    txn.put(table, b"key", b"03")?;
    let values = [&b"01"[..], b"02", b"03", b"04"];
    let flags = PutFlags::NO_DUP_DATA;
    let put = txn.table_mut(table)?.put_many(b"key", values, flags);
    assert!(matches!(put, Err(Error::KeyExists)), "{put:?}");
    let expected = owned(&[(b"key", b"01"), (b"key", b"02"), (b"key", b"03")]);
    assert_eq!(items(&txn.table(table)?)?, expected);
    let put = txn
        .table_mut(table)?
        .put_many(b"key", [&b"05"[..], b"006"], PutFlags::empty());
    assert!(matches!(put, Err(Error::ValueLen { .. })), "{put:?}");
    assert_eq!(txn.table(table)?.len(), 4);
    Ok(())
}

#[test]
fn a_search_for_what_comes_before_that_finds_nothing_leaves_a_cursor_nowhere() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let (several, _) = sets(&env)?;
    let txn = env.read()?;
    let mut cursor = txn.table(several)?.cursor();
    cursor.last()?;
    assert_eq!(cursor.seek_before(b"a")?, None);
    assert_eq!(cursor.save()?, Position::Missed);
    cursor.last()?;
    assert_eq!(cursor.seek_at_or_before(b"a")?, None);
    assert_eq!(cursor.save()?, Position::Missed);
    assert_eq!(
        (cursor.current()?, cursor.next()?, cursor.prev()?),
        (None, None, None)
    );
    Ok(())
}
