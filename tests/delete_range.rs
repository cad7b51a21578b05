//! Many items deleted at once are the same ones that would be deleted one by one, and their pages are free again.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::cmp::Ordering;
use std::ops::Bound;

use common::kinds::{Kind, Model, kinds};
use common::{Items, Rng, TempEnv, assert_sound, items, number_from_env};
use mdbx_core::{
    Around, Cursor, Env, Error, Geometry, PageSize, Position, Result, Table, TableFlags, TableMut,
    TableRef, WriteTxn,
};

/// A key and one of its values.
type Pair = (Vec<u8>, Vec<u8>);

const AROUND: [Around; 10] = [
    Around::DupsBefore,
    Around::DupsThrough,
    Around::DupsFrom,
    Around::DupsAfter,
    Around::Dups,
    Around::Before,
    Around::Through,
    Around::From,
    Around::After,
    Around::All,
];

/// Returns the order of two pairs: of the keys alone where they have one value.
fn compare(table: &TableRef<'_>, one: (&[u8], &[u8]), other: (&[u8], &[u8])) -> Ordering {
    table.compare_keys(one.0, other.0).then_with(|| {
        if table.flags().contains(TableFlags::DUP_SORT) {
            table.compare_values(one.1, other.1)
        } else {
            Ordering::Equal
        }
    })
}

/// Returns whether something that compares so to the bounds is between them.
fn is_between(lower: Bound<Ordering>, upper: Bound<Ordering>) -> bool {
    (match lower {
        Bound::Unbounded => true,
        Bound::Included(order) => order.is_ge(),
        Bound::Excluded(order) => order.is_gt(),
    }) && match upper {
        Bound::Unbounded => true,
        Bound::Included(order) => order.is_le(),
        Bound::Excluded(order) => order.is_lt(),
    }
}

/// Returns those of `items` between two pairs, or between the keys of the pairs.
fn between(
    table: &TableRef<'_>,
    items: &Items,
    lower: &Bound<Pair>,
    upper: &Bound<Pair>,
    keys_only: bool,
) -> Items {
    let mut items = items.clone();
    items.retain(|(key, value)| {
        let order = |bound: &Bound<Pair>| {
            bound.as_ref().map(|(bound_key, bound_value)| {
                if keys_only {
                    table.compare_keys(key, bound_key)
                } else {
                    compare(table, (key, value), (bound_key, bound_value))
                }
            })
        };
        is_between(order(lower), order(upper))
    });
    items
}

/// Returns those of `items` that are so placed around `pair`.
fn around(table: &TableRef<'_>, items: &Items, around: Around, pair: &Pair) -> Items {
    let mut items = items.clone();
    items.retain(|(key, value)| {
        let order = compare(table, (key, value), (&pair.0, &pair.1));
        let is_same_key = *key == pair.0;
        match around {
            Around::DupsBefore => is_same_key && order.is_lt(),
            Around::DupsThrough => is_same_key && order.is_le(),
            Around::DupsFrom => is_same_key && order.is_ge(),
            Around::DupsAfter => is_same_key && order.is_gt(),
            Around::Dups => is_same_key,
            Around::Before => order.is_lt(),
            Around::Through => order.is_le(),
            Around::From => order.is_ge(),
            Around::After => order.is_gt(),
            Around::All => true,
        }
    });
    items
}

/// Returns a bound at `pair`, or an open one.
fn bound<T>(rng: &mut Rng, pair: T) -> Bound<T> {
    match rng.below(7) {
        0 => Bound::Unbounded,
        1..4 => Bound::Excluded(pair),
        _ => Bound::Included(pair),
    }
}

/// Returns a pair that may be in the table or not. Some keys have many values.
fn any_pair(kind: Kind, rng: &mut Rng, page_size: PageSize) -> Pair {
    let key = if rng.once_in(3) || !kind.has_dups() {
        kind.key(rng.below(600))
    } else {
        kind.key(100 + rng.below(3))
    };
    let mut value = kind.value(rng.below(5000));
    if !kind.has_dups() && rng.once_in(9) {
        value.resize(rng.below(3 * page_size.bytes()), 7);
    }
    (key, value)
}

/// Returns an item, or, seldom, a pair that may be none.
fn some_pair(kind: Kind, items: &Items, rng: &mut Rng, page_size: PageSize) -> Pair {
    if items.is_empty() || rng.once_in(3) {
        any_pair(kind, rng, page_size)
    } else {
        rng.pick(items).clone()
    }
}

/// Returns the bounds in another form.
fn keys_of(bound: &Bound<Pair>) -> Bound<&[u8]> {
    bound.as_ref().map(|(key, _)| &key[..])
}

fn pairs_of(bound: &Bound<Pair>) -> Bound<(&[u8], &[u8])> {
    bound.as_ref().map(|(key, value)| (&key[..], &value[..]))
}

/// Deletes some random range in one of the ways there are; returns the items that must be gone, and how many it says.
fn delete_somehow(
    table: &mut TableMut<'_>,
    kind: Kind,
    items: &Items,
    rng: &mut Rng,
    page_size: PageSize,
) -> Result<(Items, u64)> {
    let (one, other) = (
        some_pair(kind, items, rng, page_size),
        some_pair(kind, items, rng, page_size),
    );
    let is_sorted = compare(&table.as_ref(), (&one.0, &one.1), (&other.0, &other.1)).is_le();
    let (one, other) = if is_sorted || rng.once_in(20) {
        (one, other)
    } else {
        (other, one)
    };
    let way = rng.below(4);
    if way == 3 && !items.is_empty() {
        let pair = rng.pick(items).clone();
        let which = *rng.pick(&AROUND);
        let expected = around(&table.as_ref(), items, which, &pair);
        let mut cursor = table.cursor_mut();
        cursor.go(|cursor| go_to(cursor, &pair))?;
        return Ok((expected, cursor.delete_around(which)?));
    }
    let (lower, upper) = (bound(rng, one), bound(rng, other));
    let expected = between(&table.as_ref(), items, &lower, &upper, way == 0);
    let count = if way == 0 {
        table.delete_range((keys_of(&lower), keys_of(&upper)))?
    } else {
        table.delete_pairs((pairs_of(&lower), pairs_of(&upper)))?
    };
    Ok((expected, count))
}

/// Goes to an item of the table.
fn go_to(cursor: &mut Cursor<'_>, (key, value): &Pair) -> Result<()> {
    let (found, _) = cursor.seek_dup(key, value)?.unwrap();
    assert_eq!(found, key);
    Ok(())
}

/// Fills and empties a table of that kind by random ranges.
fn check_kind(kind: Kind, page_size: PageSize, rounds: usize, rng: &mut Rng) -> Result<()> {
    let geometry = Geometry::default()
        .page_size(page_size)
        .growth_step(1 << 16);
    let mut options = Env::options().geometry(geometry);
    if rng.once_in(2) {
        options = options.dirty_limit(40 * page_size.bytes()); // pages are written early
    }
    let env = TempEnv::with(options);
    let table = env.create_table("t", kind.flags)?;
    let mut model = Model::new(kind);
    for round in 0..rounds {
        let mut txn = env.write()?;
        for _ in 0..if round == 0 { 2000 } else { 400 } {
            let (key, value) = any_pair(kind, rng, page_size);
            txn.put(table, &key, &value)?;
            model.put(&key, &value);
        }
        if rng.once_in(2) {
            txn.commit()?;
            txn = env.write()?;
        }
        let mut left = model.items();
        for _ in 0..=rng.below(3) {
            let mut open = txn.table_mut(table)?;
            let (gone, count) = delete_somehow(&mut open, kind, &left, rng, page_size)?;
            assert_eq!(count, gone.len() as u64, "{kind:?}");
            for (key, value) in &gone {
                model.delete_dup(key, value);
            }
            left = model.items();
            assert_eq!(items(&txn.table(table)?)?, left, "{kind:?}");
            assert_eq!(txn.table(table)?.len(), left.len() as u64);
        }
        txn.commit()?;
        assert_sound(&env.read()?);
    }
    Ok(())
}

fn check_kinds(page_size: u32, seed: u64) -> Result<()> {
    let page_size = PageSize::new(page_size).unwrap();
    let mut rng = Rng::new(seed);
    let rounds = usize::try_from(number_from_env("MDBX_ROUNDS", 4)).unwrap();
    for kind in kinds(page_size) {
        check_kind(kind, page_size, rounds, &mut rng)?;
    }
    Ok(())
}

#[test]
fn random_ranges_of_every_kind_of_table_vanish_on_the_smallest_pages() -> Result<()> {
    check_kinds(256, 401)
}

#[test]
fn random_ranges_of_every_kind_of_table_vanish_on_common_pages() -> Result<()> {
    check_kinds(4096, 402)
}

/// Returns a table of `count` items in order: keys of 8 bytes, values of `value_len`.
fn filled(env: &TempEnv, count: u64, value_len: usize) -> Result<Table> {
    let table = env.create_table("filled", TableFlags::empty())?;
    let mut txn = env.write()?;
    for n in 0..count {
        let value = vec![n.to_le_bytes()[0]; value_len];
        txn.table_mut(table)?.append(&n.to_be_bytes(), &value)?;
    }
    txn.commit()?;
    Ok(table)
}

/// Returns how many branch, leaf and large pages a table has.
fn pages(txn: &WriteTxn<'_>, table: Table) -> Result<[u32; 3]> {
    let stat = txn.table(table)?.stat();
    Ok([stat.branch_pages, stat.leaf_pages, stat.large_pages])
}

#[test]
fn a_tall_tree_that_loses_its_middle_becomes_low() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = filled(&env, 20_000, 8)?;
    let mut txn = env.write()?;
    assert!(txn.table(table)?.stat().height > 3);
    let (from, to) = (3_u64.to_be_bytes(), 19_998_u64.to_be_bytes());
    assert_eq!(txn.delete_range(table, &from[..]..&to[..])?, 19_995);
    assert_eq!(pages(&txn, table)?, [0, 1, 0]);
    let left: Vec<u64> = items(&txn.table(table)?)?
        .into_iter()
        .map(|(key, _)| u64::from_be_bytes(key.try_into().unwrap()))
        .collect();
    assert_eq!(left, [0, 1, 2, 19_998, 19_999]);
    txn.commit()?;
    Ok(())
}

#[test]
fn every_way_to_say_nothing_deletes_nothing() -> Result<()> {
    let env = TempEnv::new();
    let table = filled(&env, 100, 8)?;
    let mut txn = env.write()?;
    let before = items(&txn.table(table)?)?;
    let key = |n: u64| n.to_be_bytes();
    let (five, six, thousand) = (key(5), key(6), key(1000));
    let mut open = txn.table_mut(table)?;
    assert_eq!(open.delete_range(&five[..]..&five[..])?, 0);
    assert_eq!(open.delete_range(&six[..]..&five[..])?, 0);
    assert_eq!(open.delete_range(&six[..]..=&five[..])?, 0);
    assert_eq!(open.delete_range(&thousand[..]..)?, 0);
    assert_eq!(open.delete_range(..&key(0)[..])?, 0);
    let between = (Bound::Excluded(&five[..]), Bound::Excluded(&six[..]));
    assert_eq!(open.delete_range(between)?, 0);
    assert_eq!(
        open.delete_pairs((&six[..], &b""[..])..(&five[..], b""))?,
        0
    );
    assert_eq!(items(&open.as_ref())?, before);
    assert_eq!(open.delete_range(&five[..]..=&five[..])?, 1);
    assert_eq!(open.as_ref().len(), 99);
    txn.clear(table)?;
    assert_eq!(txn.delete_range(table, ..)?, 0);
    assert_eq!(txn.delete_range(table, &five[..]..)?, 0);
    txn.commit()?;
    Ok(())
}

#[test]
fn deleting_everything_gives_all_pages_back_and_keeps_the_sequence() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = filled(&env, 500, 400)?;
    let mut txn = env.write()?;
    txn.sequence(table, 7)?;
    assert_eq!(txn.delete_range(table, ..)?, 500);
    assert_eq!(pages(&txn, table)?, [0; 3]);
    assert_eq!(txn.table(table)?.sequence(), 7);
    txn.put(table, b"other", b"length")?;
    txn.commit()?;
    Ok(())
}

#[test]
fn a_range_with_the_name_of_a_table_is_refused_and_stays() -> Result<()> {
    let env = TempEnv::new();
    let mut txn = env.write()?;
    txn.create_table("m", TableFlags::empty())?;
    for key in [b"a", b"f", b"n", b"z"] {
        txn.put(Table::MAIN, key, b"")?;
    }
    let mut refused = |bounds: (Bound<&[u8]>, Bound<&[u8]>)| {
        let result = txn.delete_range(Table::MAIN, bounds);
        assert!(
            matches!(result, Err(Error::Incompatible { .. })),
            "{result:?}"
        );
        assert_eq!(txn.table(Table::MAIN).unwrap().len(), 5);
    };
    refused((Bound::Unbounded, Bound::Unbounded));
    refused((Bound::Included(b"b"), Bound::Included(b"m")));
    assert_eq!(txn.delete_range(Table::MAIN, ..&b"m"[..])?, 2);
    let behind = (Bound::Excluded(&b"m"[..]), Bound::Unbounded);
    assert_eq!(txn.delete_range(Table::MAIN, behind)?, 2);
    txn.commit()?;
    Ok(())
}

#[test]
fn a_full_database_either_loses_the_range_or_nothing() -> Result<()> {
    let page_size = PageSize::MIN;
    let mut rng = Rng::new(403);
    for _ in 0..30 {
        let env = TempEnv::with_geometry(
            Geometry::default()
                .page_size(page_size)
                .growth_step(0)
                .upper(64 << 10),
        );
        let table = env.create_table("t", TableFlags::DUP_SORT)?;
        let (mut fill, mut batch) = (env.write()?, 0);
        loop {
            let key = [rng.byte() & 15];
            match fill.put(table, &key, &rng.next().to_be_bytes()) {
                Ok(()) => batch += 1,
                Err(Error::MapFull { .. }) => break,
                Err(error) => return Err(error),
            }
            if batch % 40 == 0 {
                match fill.commit() {
                    Ok(_) => fill = env.write()?,
                    Err(Error::MapFull { .. }) => {
                        fill = env.write()?;
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        fill.abort();
        let mut txn = env.write()?;
        let (mut full, mut done) = (0, 0);
        for _ in 0..20 {
            let before = items(&txn.table(table)?)?;
            let (from, to) = ([rng.byte() & 15], rng.next().to_be_bytes());
            let bounds = (&from[..], &to[..])..(&[from[0] + 5][..], &to[4..]);
            match txn.table_mut(table)?.delete_pairs(bounds) {
                Ok(count) => {
                    done += count;
                    assert_eq!(txn.table(table)?.len() + count, before.len() as u64);
                }
                Err(Error::MapFull { .. }) => {
                    full += 1;
                    assert_eq!(items(&txn.table(table)?)?, before);
                }
                Err(error) => return Err(error),
            }
        }
        println!("{full} times full, {done} items deleted");
        match txn.commit() {
            Ok(_) | Err(Error::MapFull { .. }) => {}
            Err(error) => return Err(error),
        }
        assert_sound(&env.read()?);
    }
    Ok(())
}

#[test]
fn a_damaged_page_in_the_range_leaves_everything_as_it_was() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let key = |n: u32| n.to_be_bytes();
    let options = Env::options().geometry(Geometry::default().page_size(PageSize::MIN));
    let env = options.clone().open(&path)?;
    let mut txn = env.write()?;
    let table = txn.create_table("t", TableFlags::DUP_SORT)?;
    for n in 0..2000 {
        txn.put(
            table,
            &key(n),
            &[b"value-"[..].to_vec(), key(n).to_vec()].concat(),
        )?;
    }
    txn.commit()?;
    drop(env);

    let mut bytes = std::fs::read(&path).unwrap();
    let needle = [b"value-"[..].to_vec(), key(1000).to_vec()].concat();
    let found: Vec<usize> = (0..bytes.len() - needle.len())
        .filter(|&at| bytes[at..].starts_with(&needle))
        .collect();
    for at in found {
        bytes[at / 256 * 256 + 10] ^= 0xFF; // the flags of the page
    }
    std::fs::write(&path, &bytes).unwrap();

    let env = options.open(&path)?;
    let mut txn = env.write()?;
    let table = txn.open_table("t")?;
    let delete = |txn: &mut WriteTxn<'_>, from, to| {
        let (from, to) = (key(from), key(to));
        txn.delete_range(table, &from[..]..&to[..])
    };
    for (from, to) in [(100, 1900), (0, 1001), (1000, 1500)] {
        let result = delete(&mut txn, from, to);
        assert!(matches!(result, Err(Error::Corrupted { .. })), "{result:?}");
        assert_eq!(txn.table(table)?.len(), 2000);
        assert!(txn.get(table, &key(100))?.is_some());
    }
    assert_eq!(delete(&mut txn, 0, 900)?, 900);
    assert_eq!(txn.table(table)?.len(), 1100);
    txn.commit()?;
    Ok(())
}

#[test]
fn a_range_deleted_in_a_nested_transaction_comes_back_with_it() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = filled(&env, 2000, 30)?;
    let mut txn = env.write()?;
    for n in 1000..3000_u64 {
        txn.put(table, &n.to_be_bytes(), &[5; 300])?;
    }
    let before = items(&txn.table(table)?)?;
    let (from, to) = (400_u64.to_be_bytes(), 2300_u64.to_be_bytes());
    let mut nested = txn.nested()?;
    assert_eq!(nested.delete_range(table, &from[..]..&to[..])?, 1900);
    nested.put(table, b"new", b"")?;
    nested.abort();
    assert_eq!(items(&txn.table(table)?)?, before);
    let mut nested = txn.nested()?;
    assert_eq!(nested.delete_range(table, &from[..]..&to[..])?, 1900);
    nested.commit()?;
    assert_eq!(txn.table(table)?.len(), 1100);
    txn.commit()?;
    Ok(())
}

#[test]
fn values_of_one_key_shrink_from_a_tree_to_a_page_to_one_to_none() -> Result<()> {
    let fixed = TableFlags::DUP_SORT | TableFlags::DUP_FIXED;
    for flags in [TableFlags::DUP_SORT, fixed] {
        let env = TempEnv::with_page_size(PageSize::new(1024).unwrap());
        let table = env.create_table("t", flags)?;
        let mut txn = env.write()?;
        txn.put(table, b"a", &1_u64.to_be_bytes())?;
        txn.put(table, b"c", &1_u64.to_be_bytes())?;
        let alone = pages(&txn, table)?;
        for n in 0..1000_u64 {
            txn.put(table, b"b", &n.to_be_bytes())?;
        }
        let key = &b"b"[..];
        let from = |txn: &mut WriteTxn<'_>, n: u64| {
            let value = n.to_be_bytes();
            let bounds = (key, &value[..])..=(key, &[255; 8][..]);
            txn.table_mut(table)?.delete_pairs(bounds)
        };
        assert_eq!(from(&mut txn, 500)?, 500);
        assert!(pages(&txn, table)?[1] > alone[1]);
        assert_eq!(from(&mut txn, 3)?, 497);
        assert_eq!(pages(&txn, table)?, alone);
        assert_eq!(from(&mut txn, 1)?, 2);
        assert_eq!(txn.get(table, key)?, Some(&0_u64.to_be_bytes()[..]));
        assert_eq!(from(&mut txn, 0)?, 1);
        assert_eq!(txn.get(table, key)?, None);
        assert_eq!(txn.table(table)?.len(), 2);
        txn.commit()?;
    }
    Ok(())
}

/// Returns a database with the table {10: 1; 20: 1, 3, 5; 30: 2; 40: 1, 3, 5}.
fn with_groups() -> Result<(TempEnv, Table)> {
    let env = TempEnv::new();
    let table = env.create_table("groups", TableFlags::DUP_SORT)?;
    for (key, values) in [("10", "1"), ("20", "135"), ("30", "2"), ("40", "135")] {
        for value in values.as_bytes() {
            env.put(table, key.as_bytes(), &[*value])?;
        }
    }
    Ok((env, table))
}

/// Goes to the item with that text.
fn place(table: &TableRef<'_>, key: &str, value: &str) -> Result<Position> {
    let mut cursor = table.cursor();
    cursor.seek_pair(key.as_bytes(), value.as_bytes())?.unwrap();
    cursor.save()
}

#[test]
fn a_cursor_deletes_around_itself_and_stays_or_stands_in_the_gap() -> Result<()> {
    let (env, table) = with_groups()?;
    let expected = [
        (Around::DupsBefore, 1, Some(("20", "3"))),
        (Around::DupsThrough, 2, Some(("20", "5"))),
        (Around::DupsFrom, 2, Some(("30", "2"))),
        (Around::DupsAfter, 1, Some(("20", "3"))),
        (Around::Dups, 3, Some(("30", "2"))),
        (Around::Before, 2, Some(("20", "3"))),
        (Around::Through, 3, Some(("20", "5"))),
        (Around::From, 6, None),
        (Around::After, 5, Some(("20", "3"))),
        (Around::All, 8, None),
    ];
    for (around, count, current) in expected {
        let mut txn = env.write()?;
        let mut open = txn.table_mut(table)?;
        let mut cursor = open.cursor_mut();
        cursor.go(|cursor| cursor.seek_pair(b"20", b"3").map(drop))?;
        assert_eq!(cursor.delete_around(around)?, count, "{around:?}");
        let current = current.map(|(key, value)| (key.as_bytes(), value.as_bytes()));
        assert_eq!(cursor.current()?, current, "{around:?}");
        assert_eq!(txn.table(table)?.len(), 8 - count);
        txn.abort();
    }
    Ok(())
}

#[test]
fn a_cursor_on_no_item_deletes_nothing_around_itself_but_can_delete_all() -> Result<()> {
    let (env, table) = with_groups()?;
    let mut txn = env.write()?;
    let mut open = txn.table_mut(table)?;
    let mut cursor = open.cursor_mut();
    for around in AROUND {
        if around != Around::All {
            assert!(matches!(cursor.delete_around(around), Err(Error::NoItem)));
        }
    }
    cursor.go(|cursor| cursor.seek(b"99").map(drop))?;
    assert!(matches!(
        cursor.delete_around(Around::Before),
        Err(Error::NoItem)
    ));
    assert_eq!(cursor.delete_around(Around::All)?, 8);
    txn.commit()?;
    Ok(())
}

#[test]
fn what_lies_between_two_places_is_deleted_with_or_without_the_last() -> Result<()> {
    let (env, table) = with_groups()?;
    let mut txn = env.write()?;
    let at = |key, value| place(&txn.table(table)?, key, value);
    let (first, second, third) = (at("20", "3")?, at("20", "5")?, at("40", "3")?);
    let unset = Position::default();
    let mut open = txn.table_mut(table)?;
    for bounds in [
        &third..&first,
        &second..&first,
        &unset..&first,
        &first..&unset,
    ] {
        assert!(matches!(open.delete_between(bounds), Err(Error::NoItem)));
    }
    assert_eq!(open.delete_between(&first..&first)?, 0);
    assert_eq!(open.delete_between(&first..&third)?, 4);
    assert_eq!(open.delete_between(&third..=&third)?, 1);
    let mut cursor = open.cursor_mut();
    cursor.resume(&third)?;
    assert_eq!(cursor.current()?, Some((&b"40"[..], &b"5"[..])));
    assert_eq!(cursor.delete_between(..=&third)?, 3); // it stands for the item that followed
    assert_eq!(cursor.current()?, None);
    assert_eq!(txn.table(table)?.len(), 0);
    txn.commit()?;
    Ok(())
}

#[test]
fn in_tables_of_one_value_for_each_key_keys_alone_decide() -> Result<()> {
    let env = TempEnv::new();
    let table = filled(&env, 10, 1)?;
    let mut txn = env.write()?;
    let key = |n: u64| n.to_be_bytes();
    let mut open = txn.table_mut(table)?;
    let (two, four) = (key(2), key(4));
    let bounds = (&two[..], &b"zzz"[..])..=(&four[..], &b""[..]);
    assert_eq!(open.delete_pairs(bounds)?, 3);
    let mut cursor = open.cursor_mut();
    for (around, count) in [
        (Around::DupsBefore, 0),
        (Around::DupsAfter, 0),
        (Around::DupsFrom, 1),
        (Around::DupsThrough, 1),
        (Around::Dups, 1),
    ] {
        cursor.go(|cursor| cursor.seek(&key(5)).map(drop))?;
        assert_eq!(cursor.delete_around(around)?, count, "{around:?}");
    }
    assert_eq!(txn.table(table)?.len(), 4);
    txn.commit()?;
    Ok(())
}
