//! Positions of cursors, saved and resumed while the table changes.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::collections::BTreeSet;

use common::{Rng, TempEnv, make_move};
use mdbx_core::{Anchor, Cursor, Item, PageSize, Position, Result, Table, TableFlags, WriteTxn};

/// The moves that the rows below have columns for.
const MOVES: [&str; 9] = [
    "current",
    "next",
    "prev",
    "next_key",
    "prev_key",
    "next_dup",
    "prev_dup",
    "first_dup",
    "last_dup",
];

fn go<'t>(cursor: &mut Cursor<'t>, name: &str) -> Result<Item<'t>> {
    make_move(cursor, name).unwrap_or_else(|| {
        let (key, value) = name.split_once('/').unwrap();
        cursor.seek_dup(key.as_bytes(), value.as_bytes())
    })
}

/// Writes an item as `key/value`, or nothing as `-`.
fn show(item: Item<'_>) -> String {
    item.map_or("-".to_owned(), |(key, value)| {
        format!(
            "{}/{}",
            String::from_utf8_lossy(key),
            String::from_utf8_lossy(value)
        )
    })
}

/// The way to a place, what is deleted (`-`) or put (`+`) then, the count of values and whether it is known to be the
/// end in the place resumed, and what every move from there answers.
type Row = (&'static str, &'static str, u64, bool, &'static str);

/// Holds each row against a table with those items.
fn check_rows(flags: TableFlags, items: &[(&str, &str)], rows: &[Row]) -> Result<()> {
    let env = TempEnv::new();
    let table = env.create_table("t", flags)?;
    for &(way, changes, count, is_at_end, expected) in rows {
        let mut txn = env.write()?;
        for (key, value) in items {
            txn.put(table, key.as_bytes(), value.as_bytes())?;
        }
        let mut cursor = txn.cursor(table)?;
        for step in way.split(", ").filter(|step| !step.is_empty()) {
            go(&mut cursor, step)?;
        }
        let position = cursor.save()?;
        for change in changes.split(", ") {
            let (key, value) = change[1..].split_once('/').unwrap_or((&change[1..], ""));
            let (key, value) = (key.as_bytes(), value.as_bytes());
            match &change[..1] {
                "+" => txn.put(table, key, value)?,
                _ if value.is_empty() => assert!(txn.delete(table, key)?),
                _ => assert!(txn.delete_dup(table, key, value)?),
            }
        }
        let mut cursor = txn.cursor(table)?;
        cursor.resume(&position)?;
        assert_eq!(cursor.count(), count, "count after {way}, {changes}");
        assert_eq!(
            cursor.is_at_end(),
            is_at_end,
            "is_at_end after {way}, {changes}"
        );
        for (step, expected) in MOVES.into_iter().zip(expected.split(' ')) {
            let answer = show(go(&mut cursor.clone(), step)?);
            assert_eq!(answer, expected, "{step} after {way}, {changes}");
        }
    }
    Ok(())
}

#[test]
fn a_deleted_item_leaves_a_gap_between_its_neighbours() -> Result<()> {
    let items = [("10", "1"), ("20", "3"), ("30", "2"), ("40", "4")];
    let rows = [
        (
            "30/2",
            "-30",
            1,
            false,
            "40/4 40/4 20/3 40/4 20/3 40/4 - 40/4 40/4",
        ),
        (
            "first",
            "-10",
            1,
            false,
            "20/3 20/3 - 20/3 - 20/3 - 20/3 20/3",
        ),
        ("last", "-40", 0, true, "- - 30/2 - 30/2 - - - -"),
        ("last, next", "-40", 0, true, "- - 30/2 - 30/2 - - - -"),
        ("30/2", "-30, -40", 0, true, "- - 20/3 - 20/3 - - - -"),
        (
            "30/2",
            "-20, -30",
            1,
            false,
            "40/4 40/4 10/1 40/4 10/1 40/4 - 40/4 40/4",
        ),
        (
            "30/2",
            "-30, +35/7",
            1,
            false,
            "35/7 35/7 20/3 35/7 20/3 35/7 - 35/7 35/7",
        ),
        (
            "last",
            "-40, +50/7",
            1,
            false,
            "50/7 50/7 30/2 50/7 30/2 50/7 - 50/7 50/7",
        ),
        ("30/2", "-10, -20, -30, -40", 0, true, "- - - - - - - - -"),
    ];
    check_rows(TableFlags::empty(), &items, &rows)
}

#[test]
fn a_place_follows_its_item_while_others_come_and_go() -> Result<()> {
    let items = [("10", "1"), ("20", "3"), ("30", "2"), ("40", "4")];
    let rows = [
        (
            "30/2",
            "+25/2",
            1,
            false,
            "30/2 40/4 25/2 40/4 25/2 - - 30/2 30/2",
        ),
        (
            "30/2",
            "+35/2",
            1,
            false,
            "30/2 35/2 20/3 35/2 20/3 - - 30/2 30/2",
        ),
        (
            "30/2",
            "+30/9",
            1,
            false,
            "30/9 40/4 20/3 40/4 20/3 - - 30/9 30/9",
        ),
        (
            "30/2",
            "-30, +30/9",
            1,
            false,
            "30/9 40/4 20/3 40/4 20/3 - - 30/9 30/9",
        ),
        ("last", "-30", 1, true, "40/4 - 20/3 - 20/3 - - 40/4 40/4"),
        (
            "last",
            "+50/7",
            1,
            false,
            "40/4 50/7 30/2 50/7 30/2 - - 40/4 40/4",
        ),
        ("99/0", "+25/7", 0, true, "- - 40/4 - 40/4 - - - -"),
        ("", "-10", 0, true, "- 20/3 40/4 20/3 40/4 20/3 40/4 - -"),
    ];
    check_rows(TableFlags::empty(), &items, &rows)
}

#[test]
fn a_place_outlives_the_transaction_it_was_saved_in_however_that_ends() -> Result<()> {
    let env = TempEnv::new();
    let table = env.create_table("t", TableFlags::DUP_SORT)?;
    for pair in ["10/1", "20/1", "20/2", "30/1"] {
        let (key, value) = pair.split_once('/').unwrap();
        env.put(table, key.as_bytes(), value.as_bytes())?;
    }
    let mut reader = env.read()?;
    let mut place = Position::default();
    for (round, expected) in ["10/1", "20/1", "20/2", "30/1"].into_iter().enumerate() {
        let mut cursor = reader.cursor(table)?;
        cursor.resume(&place)?;
        assert_eq!(show(cursor.next()?), expected);
        place = cursor.save()?;
        reader = reader.reset().renew()?;

        let mut writer = env.write()?;
        let mut open = writer.table_mut(table)?;
        let mut cursor = open.cursor_mut();
        cursor.resume(&place)?;
        assert_eq!(show(cursor.current()?), expected);
        place = cursor.save()?;
        writer.put(table, b"40", &[b'0'; 1])?;
        if round % 2 == 0 {
            writer.commit()?;
        } else {
            writer.abort();
        }
    }
    Ok(())
}

#[test]
fn a_deleted_value_leaves_a_gap_among_those_of_its_key() -> Result<()> {
    let items = [
        ("10", "1"),
        ("20", "1"),
        ("20", "3"),
        ("20", "5"),
        ("30", "2"),
        ("40", "1"),
        ("40", "3"),
        ("40", "5"),
    ];
    let rows = [
        (
            "20/1",
            "-20/1",
            2,
            false,
            "20/3 20/3 10/1 30/2 10/1 20/3 - 20/3 20/5",
        ),
        (
            "20/3",
            "-20/3",
            2,
            false,
            "20/5 20/5 20/1 30/2 10/1 20/5 20/1 20/1 20/5",
        ),
        (
            "20/5",
            "-20/5",
            2,
            false,
            "30/2 30/2 20/3 30/2 10/1 - 20/3 20/1 20/3",
        ),
        (
            "40/5",
            "-40/5",
            2,
            false,
            "- - 40/3 - 30/2 - 40/3 40/1 40/3",
        ),
        (
            "40/5, next",
            "-40/5",
            2,
            false,
            "- - 40/3 - 30/2 - 40/3 40/1 40/3",
        ),
        (
            "20/3",
            "-20",
            1,
            false,
            "30/2 30/2 10/1 30/2 10/1 30/2 - 30/2 30/2",
        ),
        (
            "30/2",
            "-30",
            3,
            false,
            "40/1 40/1 20/5 40/1 20/5 40/1 - 40/1 40/5",
        ),
        ("40/3", "-40", 0, true, "- - 30/2 - 30/2 - - - -"),
        (
            "20/3",
            "-20/1",
            2,
            false,
            "20/3 20/5 10/1 30/2 10/1 20/5 - 20/3 20/5",
        ),
        (
            "20/3",
            "+20/2",
            4,
            false,
            "20/3 20/5 20/2 30/2 10/1 20/5 20/2 20/1 20/5",
        ),
        (
            "20/5",
            "-20/5, +20/4",
            3,
            false,
            "30/2 30/2 20/4 30/2 10/1 - 20/4 20/1 20/4",
        ),
        (
            "20/3",
            "-20, +20/1",
            1,
            false,
            "30/2 30/2 20/1 30/2 10/1 - 20/1 20/1 20/1",
        ),
        (
            "20/3",
            "-20, +20/9",
            1,
            false,
            "20/9 20/9 10/1 30/2 10/1 20/9 - 20/9 20/9",
        ),
    ];
    check_rows(TableFlags::DUP_SORT, &items, &rows)
}

#[test]
fn a_gap_at_the_end_is_the_end_after_a_move_onwards() -> Result<()> {
    let env = TempEnv::new();
    let table = env.create_table("t", TableFlags::empty())?;
    let mut txn = env.write()?;
    for key in [b"1", b"2", b"3"] {
        txn.put(table, key, b"")?;
    }
    let mut cursor = txn.cursor(table)?;
    cursor.last()?;
    let position = cursor.save()?;
    txn.delete(table, b"3")?;
    for step in ["next", "next_key"] {
        let mut cursor = txn.cursor(table)?;
        cursor.resume(&position)?;
        assert_eq!(go(&mut cursor, step)?, None);
        assert_eq!(show(cursor.current()?), "2/");
        assert!(cursor.is_at_end());
        assert_eq!(show(cursor.prev()?), "1/");
    }
    Ok(())
}

#[test]
fn a_position_holds_no_value_where_the_key_is_enough() -> Result<()> {
    let env = TempEnv::new();
    let plain = env.create_table("plain", TableFlags::empty())?;
    let dups = env.create_table("dups", TableFlags::DUP_SORT)?;
    env.put(plain, b"key", &[7; 10_000])?;
    env.put(dups, b"key", b"value")?;
    let txn = env.read()?;
    let anchor = |value: Option<&[u8]>| Anchor {
        key: b"key".to_vec(),
        value: value.map(<[u8]>::to_vec),
    };
    let mut cursor = txn.cursor(plain)?;
    cursor.first()?;
    assert_eq!(cursor.save()?, Position::On(anchor(None)));
    let mut cursor = txn.cursor(dups)?;
    cursor.last()?;
    assert_eq!(cursor.save()?, Position::AtEnd(anchor(Some(b"value"))));
    Ok(())
}

type Pair = (Vec<u8>, Vec<u8>);

/// Returns the place of an anchor.
fn pair(anchor: &Anchor) -> Pair {
    let value = anchor.value.clone();
    (anchor.key.clone(), value.unwrap_or_default())
}

/// A table and the cursors in it, as the rules say: places are cuts in the order of the items.
struct Model {
    is_dup: bool,
    items: BTreeSet<Pair>,
}

impl Model {
    /// Returns the part of an item that tells its place.
    fn place(&self, (key, value): &Pair) -> Pair {
        let value = if self.is_dup {
            value.clone()
        } else {
            Vec::new()
        };
        (key.clone(), value)
    }

    fn position(&self, state: fn(Anchor) -> Position, (key, value): &Pair) -> Position {
        state(Anchor {
            key: key.clone(),
            value: self.is_dup.then(|| value.clone()),
        })
    }

    fn find(&self, holds: impl Fn(&Pair) -> bool) -> Option<&Pair> {
        self.items.iter().find(|item| holds(&self.place(item)))
    }

    fn find_last(&self, holds: impl Fn(&Pair) -> bool) -> Option<&Pair> {
        self.items.iter().rfind(|item| holds(&self.place(item)))
    }

    fn count_of(&self, key: &[u8]) -> usize {
        self.items.iter().filter(|item| item.0 == key).count()
    }

    /// Returns the position that a saved one is now: items may be gone, the end may have moved.
    fn resumed(&self, position: &Position) -> Position {
        match position {
            Position::On(anchor) | Position::AtEnd(anchor) => {
                let place = pair(anchor);
                if self.find(|other| *other == place).is_none() {
                    return Position::Gap(anchor.clone());
                }
                match self.items.last() {
                    Some(last) if last.0 == anchor.key => position.clone(),
                    _ => Position::On(anchor.clone()),
                }
            }
            nowhere => nowhere.clone(),
        }
    }

    /// Returns the item that `current` gives.
    fn current(&self, position: &Position) -> Option<&Pair> {
        match position {
            Position::On(anchor) | Position::AtEnd(anchor) | Position::Gap(anchor) => {
                let place = pair(anchor);
                self.find(|other| *other >= place)
            }
            _ => None,
        }
    }

    /// Returns the key whose values `count` counts.
    fn key<'m>(&'m self, position: &'m Position) -> Option<&'m [u8]> {
        match position {
            Position::Gap(anchor) if self.count_of(&anchor.key) > 0 => Some(&anchor.key),
            _ => self.current(position).map(|(key, _)| &key[..]),
        }
    }

    /// Returns what a move leads to: an item, or nothing.
    fn target(&self, position: &Position, step: &str) -> Option<&Pair> {
        let onwards = step.starts_with("next");
        let anchor = match position {
            Position::Unset => {
                return match step {
                    "first_dup" | "last_dup" => None,
                    _ if onwards => self.items.first(),
                    _ => self.items.last(),
                };
            }
            Position::PastEnd if matches!(step, "prev" | "prev_key") => return self.items.last(),
            Position::Missed | Position::PastEnd => return None,
            Position::On(anchor) | Position::AtEnd(anchor) | Position::Gap(anchor) => anchor,
            other => panic!("no rule for {other:?}"),
        };
        let is_gap = matches!(position, Position::Gap(_));
        let place = pair(anchor);
        let has_key = self.count_of(&anchor.key) > 0;
        let key = self.key(position);
        let in_key = |other: &Pair| Some(&other.0[..]) == key;
        let is_after = |other: &Pair| *other > place || (is_gap && *other == place);
        match step {
            "prev" => self.find_last(|other| *other < place),
            "next_key" if has_key => self.find(|other| other.0 > anchor.key),
            "next" | "next_key" => self.find(is_after),
            "prev_key" => self.find_last(|other| other.0 < anchor.key),
            "next_dup" => self.find(|other| in_key(other) && is_after(other)),
            "prev_dup" => self.find_last(|other| in_key(other) && *other < place),
            "first_dup" => self.find(in_key),
            _ => self.find_last(in_key),
        }
    }

    /// Returns the position after a move that led to `target`.
    fn moved(&self, position: &Position, step: &str, target: Option<&Pair>) -> Position {
        let is_single = |item: &Pair| self.count_of(&item.0) == 1;
        match (position, target) {
            (Position::Unset, Some(item)) if step.starts_with("prev") && is_single(item) => {
                self.position(Position::AtEnd, item)
            }
            (Position::AtEnd(_), Some(item))
                if matches!(step, "first_dup" | "last_dup") && is_single(item) =>
            {
                self.position(Position::AtEnd, item)
            }
            (_, Some(item)) => self.position(Position::On, item),
            (Position::On(anchor), None) if matches!(step, "next" | "next_key") => {
                Position::AtEnd(anchor.clone())
            }
            (Position::Gap(anchor), None)
                if matches!(step, "next" | "next_key") && self.count_of(&anchor.key) == 0 =>
            {
                let last = self.items.last();
                last.map_or(position.clone(), |last| {
                    self.position(Position::AtEnd, last)
                })
            }
            (_, None) => position.clone(),
        }
    }

    fn is_at_end(&self, position: &Position) -> bool {
        match position {
            Position::On(_) => false,
            Position::Gap(_) => self.key(position).is_none(),
            _ => true,
        }
    }

    /// Holds everything a cursor says of its place against the rules.
    fn check(&self, cursor: &Cursor<'_>, position: &Position) -> Result<()> {
        assert_eq!(cursor.save()?, *position);
        let current = cursor.current()?;
        assert_eq!(
            current,
            self.current(position).map(|(k, v)| (&k[..], &v[..]))
        );
        let key = self.key(position);
        let count = key.map_or(0, |key| self.count_of(key));
        assert_eq!(cursor.count(), count as u64);
        assert_eq!(cursor.is_at_end(), self.is_at_end(position), "{position:?}");
        let on_key = |end: Option<&Pair>| match (position, end) {
            (Position::Unset, _) | (_, None) => true,
            (_, Some((end, _))) => key == Some(&end[..]),
        };
        assert_eq!(cursor.on_first(), on_key(self.items.first()));
        assert_eq!(cursor.on_last(), on_key(self.items.last()));
        Ok(())
    }
}

const STEPS: [&str; 8] = [
    "next",
    "prev",
    "next_key",
    "prev_key",
    "next_dup",
    "prev_dup",
    "first_dup",
    "last_dup",
];

fn random_pair(rng: &mut Rng) -> Pair {
    let key = format!("{:02}", rng.below(24)).into_bytes();
    let value = match rng.below(3) {
        0 => rng.below(10),
        _ => rng.below(60),
    };
    (key, format!("value {value:03}").into_bytes())
}

/// Changes the table and the model alike.
fn change(txn: &mut WriteTxn<'_>, table: Table, model: &mut Model, rng: &mut Rng) -> Result<()> {
    let (key, value) = random_pair(rng);
    match rng.below(10) {
        0 => {
            txn.delete(table, &key)?;
            model.items.retain(|item| item.0 != key);
        }
        1..5 => {
            txn.delete_dup(table, &key, &value)?;
            model.items.remove(&(key, value));
        }
        _ => {
            txn.put(table, &key, &value)?;
            if !model.is_dup {
                model.items.retain(|item| item.0 != key);
            }
            model.items.insert((key, value));
        }
    }
    Ok(())
}

/// Moves a cursor and the model alike: by a search now and then, else relative to its place.
fn step(
    cursor: &mut Cursor<'_>,
    model: &Model,
    place: &Position,
    rng: &mut Rng,
) -> Result<Position> {
    let (key, value) = random_pair(rng);
    let wanted = model.place(&(key.clone(), value.clone()));
    match rng.below(12) {
        0 => {
            cursor.reset();
            Ok(Position::Unset)
        }
        1 => {
            cursor.seek_exact(&key)?;
            let found = model.find(|other| other.0 == key);
            Ok(found.map_or(Position::Missed, |item| model.position(Position::On, item)))
        }
        2 => {
            cursor.seek_dup(&key, &value)?;
            let found = model.find(|other| *other >= wanted);
            Ok(found.map_or(Position::PastEnd, |item| model.position(Position::On, item)))
        }
        _ => {
            let step = *rng.pick(&STEPS);
            let target = model.target(place, step);
            let answer = go(cursor, step)?;
            assert_eq!(
                answer,
                target.map(|(key, value)| (&key[..], &value[..])),
                "{step} from {place:?}"
            );
            Ok(model.moved(place, step, target))
        }
    }
}

#[test]
fn cursors_keep_their_places_across_random_changes() -> Result<()> {
    for (flags, seed) in [(TableFlags::empty(), 67), (TableFlags::DUP_SORT, 71)] {
        let env = TempEnv::with_page_size(PageSize::MIN);
        let table = env.create_table("t", flags)?;
        let mut rng = Rng::new(seed);
        let mut model = Model {
            is_dup: flags == TableFlags::DUP_SORT,
            items: BTreeSet::new(),
        };
        let mut places = vec![Position::Unset; 4];
        let mut txn = env.write()?;
        for round in 0..4000 {
            // Long runs of changes of one kind: the table grows, and shrinks to nothing again.
            let changes = if round % 500 > 430 { 6 } else { 1 };
            for _ in 0..rng.below(changes + 1) {
                if round % 500 > 430 {
                    let (key, _) = random_pair(&mut rng);
                    txn.delete(table, &key)?;
                    model.items.retain(|item| item.0 != key);
                } else {
                    change(&mut txn, table, &mut model, &mut rng)?;
                }
            }
            let mut cursor = txn.cursor(table)?;
            for place in &mut places {
                cursor.resume(place)?;
                *place = model.resumed(place);
                model.check(&cursor, place)?;
                *place = step(&mut cursor, &model, place, &mut rng)?;
                model.check(&cursor, place)?;
            }
        }
        txn.commit()?;
    }
    Ok(())
}
