//! Cursors: what they are bound to, where they stand, and moving them.
//!
//! A cursor of the engine borrows its transaction, while those of a trace stay where they are through changes that
//! others make. So what the world keeps of a cursor is where it stands, and each operation resumes a fresh one there
//! and saves where that stands afterwards.

use mdbx_core::{Cursor, Item, Position, Relation, Table, TableFlags, TableRef};
use serde_json::{Value, json};

use crate::answers::{Answer, Outcome, refused};
use crate::bytes::{Fnv, answer as shown};
use crate::quirks;
use crate::trace::Step;
use crate::world::{Stage, World};

/// What the world keeps of a cursor.
#[derive(Clone, Default)]
pub(crate) struct Placed {
    /// The number of the transaction it is bound to: a name may be used again.
    pub(crate) txn: Option<u64>,
    /// The table it is, or was, bound to.
    pub(crate) table: Option<Table>,
    pub(crate) position: Position,
}

pub(crate) fn perform(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let name = step.name("c");
    match step.op() {
        "cursor_new" => {
            let cursors = &mut stage.world.cursors;
            cursors.insert(name.to_owned(), Placed::default());
            Ok(Answer::ok())
        }
        "cursor" | "cursor_bind" => bind(stage, step),
        "cursor_renew" => renew(stage, step),
        "cursor_unbind" => change(stage.world, name, |placed| placed.txn = None),
        "cursor_reset" => change(stage.world, name, |placed| {
            placed.position = Position::default();
        }),
        "cursor_close" => {
            stage.world.cursors.remove(name);
            Ok(Answer::ok())
        }
        "cursor_copy" => {
            let copy = placed(stage.world, name)?.clone();
            let cursors = &mut stage.world.cursors;
            cursors.insert(step.name("to").to_owned(), copy);
            Ok(Answer::ok())
        }
        "cursor_compare" => compare(stage, step),
        "move" => go(stage, step),
        "where" => at(stage, name, |_, cursor| {
            Ok(whereabouts(step, cursor, Answer::ok()))
        }),
        "eof" => at(stage, name, |_, cursor| {
            Ok(Answer::ok().with("eof", cursor.is_at_end()))
        }),
        "predicates" => at(stage, name, |_, cursor| Ok(predicates(cursor))),
        "count" => at(stage, name, |_, cursor| {
            Ok(Answer::ok().with("n", cursor.count()))
        }),
        "distance" => distance(stage, step),
        "scroll" => scroll(stage, step),
        "batch_all" => at(stage, name, |_, cursor| read_all(cursor)),
        "multi_all" => at(stage, name, |table, _| {
            read_values(table, &step.operand("k"))
        }),
        op => panic!("{op} is no operation on cursors"),
    }
}

pub(crate) fn placed<'w>(world: &'w World, name: &str) -> Outcome<&'w Placed> {
    match world.cursors.get(name) {
        Some(placed) => Ok(placed),
        None => refused("invalid"),
    }
}

fn change(world: &mut World, name: &str, change: impl FnOnce(&mut Placed)) -> Outcome {
    match world.cursors.get_mut(name) {
        Some(placed) => {
            change(placed);
            Ok(Answer::ok())
        }
        None => refused("invalid"),
    }
}

/// Binds a cursor, made now if the step is to make one. Bound again to what it is bound to, it stays where it is.
fn bind(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let (txn, handle, name) = (step.name("t"), step.name("d"), step.name("c"));
    stage.table(txn, handle)?;
    let new = Placed {
        txn: Some(stage.number_of(txn)?),
        table: Some(stage.world.table(handle)?),
        position: Position::default(),
    };
    let is_made = step.op() == "cursor";
    match stage.world.cursors.get(name) {
        None if !is_made => return refused("invalid"),
        Some(old) if !is_made && (old.txn, old.table) == (new.txn, new.table) => {}
        _ => {
            stage.world.cursors.insert(name.to_owned(), new);
        }
    }
    Ok(Answer::ok())
}

/// Binds a cursor to the same table in another transaction.
fn renew(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let txn = stage.number_of(step.name("t"))?;
    change(stage.world, step.name("c"), |placed| {
        placed.txn = Some(txn);
        placed.position = Position::default();
    })
}

/// Does something at a cursor, which then stands where that left it.
pub(crate) fn at<T>(
    stage: &mut Stage<'_, '_>,
    name: &str,
    act: impl for<'t> FnOnce(&TableRef<'t>, &mut Cursor<'t>) -> Outcome<T>,
) -> Outcome<T> {
    let (outcome, position) = {
        let placed = placed(stage.world, name)?;
        let table = stage.table_of(placed)?;
        let mut cursor = table.cursor();
        cursor.resume(&placed.position)?;
        (act(&table, &mut cursor), cursor.save()?)
    };
    change(stage.world, name, |placed| placed.position = position)?;
    outcome
}

/// Performs one move.
fn go(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    at(stage, step.name("c"), |table, cursor| {
        let nothing = quirks::nothing_there(step, table, &cursor.save()?);
        let Some((key, value)) = moved(table, cursor, step)? else {
            return Ok(whereabouts(step, cursor, Answer::of(nothing)));
        };
        let answer = Answer::done(is_exact(step, table, key, value))
            .with("rk", shown(key))
            .with("rv", shown(value));
        Ok(whereabouts(step, cursor, answer))
    })
}

/// Returns whether a move found what it looked for itself, if that is to be told.
fn is_exact(step: &Step, table: &TableRef<'_>, key: &[u8], value: &[u8]) -> bool {
    let is_dup = table.flags().contains(TableFlags::DUP_SORT);
    step.name("m") != "lower_bound"
        || (key == step.operand("k") && (!is_dup || value == step.operand("v")))
}

fn moved<'t>(table: &TableRef<'t>, cursor: &mut Cursor<'t>, step: &Step) -> Outcome<Item<'t>> {
    let is_dup = table.flags().contains(TableFlags::DUP_SORT);
    let kind = step.name("m");
    let key = step.bytes("k").unwrap_or_default();
    let value = step.bytes("v").unwrap_or_default();
    let item = match kind {
        "first" => cursor.first(),
        "last" => cursor.last(),
        "next" => cursor.next(),
        "prev" => cursor.prev(),
        "next_key" => cursor.next_key(),
        "prev_key" => cursor.prev_key(),
        "next_dup" => cursor.next_dup(),
        "prev_dup" => cursor.prev_dup(),
        "first_dup" => cursor.first_dup(),
        "last_dup" => cursor.last_dup(),
        "current" => cursor.current(),
        "seek" | "seek_key" => cursor.seek_exact(&key),
        "seek_range" => cursor.seek(&key),
        "seek_pair" | "seek_pair_range" if !is_dup => return refused("incompatible"),
        "seek_pair" => cursor.seek_pair(&key, &value),
        "seek_pair_range" => cursor.seek_value(&key, &value),
        // In plain tables these two do not look at the value.
        "lower_bound" if !is_dup => cursor.seek(&key),
        "upper_bound" if !is_dup => cursor.seek_by(Relation::Greater, &key),
        "lower_bound" => cursor.seek_pair_by(Relation::GreaterOrEqual, &key, &value),
        "upper_bound" => cursor.seek_pair_by(Relation::Greater, &key, &value),
        "multi" | "next_multi" | "prev_multi" | "seek_multi" => {
            return quirks::bulk_move();
        }
        kind => {
            let (family, relation) = family(kind);
            match family {
                "key" => cursor.seek_by(relation, &key),
                "dup" => cursor.seek_value_by(relation, &key, &value),
                _ => cursor.seek_pair_by(relation, &key, &value),
            }
        }
    };
    Ok(item?)
}

/// Takes the name of a move apart: what is compared, and how it is to compare.
fn family(kind: &str) -> (&str, Relation) {
    let (family, relation) = kind.split_once('_').expect("a move");
    let relation = match relation {
        "lt" => Relation::Less,
        "le" => Relation::LessOrEqual,
        "eq" => Relation::Equal,
        "ge" => Relation::GreaterOrEqual,
        "gt" => Relation::Greater,
        _ => panic!("{kind} is no known move"),
    };
    (family, relation)
}

/// Adds to an answer where a cursor stands, as far as that is to be told.
pub(crate) fn whereabouts(step: &Step, cursor: &Cursor<'_>, answer: Answer) -> Answer {
    let mut answer = answer;
    if step.wants("pos") {
        let pos = match cursor.current() {
            Ok(Some((key, value))) => json!([shown(key), shown(value)]),
            Ok(None) => Value::from("no_data"),
            Err(error) => Value::from(error.to_string()),
        };
        answer = answer.with("pos", pos);
    }
    if step.wants("eof") {
        answer = answer.with("eof", quirks::is_at_end(step, cursor));
    }
    answer
}

fn predicates(cursor: &Cursor<'_>) -> Answer {
    Answer::ok()
        .with("eof", cursor.is_at_end())
        .with("on_first", cursor.on_first())
        .with("on_last", cursor.on_last())
        .with("on_first_dup", cursor.on_first_dup())
        .with("on_last_dup", cursor.on_last_dup())
        .with("count", cursor.count())
}

/// Returns a cursor that stands where one of the trace does.
fn resumed<'s>(stage: &'s Stage<'_, '_>, name: &str) -> Outcome<Cursor<'s>> {
    let placed = placed(stage.world, name)?;
    let mut cursor = stage.table_of(placed)?.cursor();
    cursor.resume(&placed.position)?;
    Ok(cursor)
}

fn compare(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let (one, other) = (
        resumed(stage, step.name("a"))?,
        resumed(stage, step.name("b"))?,
    );
    let order = if step.flag("keys_only", false) {
        one.compare_keys(&other)
    } else {
        one.compare(&other)
    };
    match order? {
        Some(order) => Ok(Answer::ok().with("n", order as i8)),
        None => refused("no_data"),
    }
}

/// Answers how many pairs lie between two cursors; an absent one is the first or last pair.
fn distance(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let (from, to) = ends(stage, step)?;
    match from.distance(&to)? {
        Some(distance) => Ok(Answer::ok().with("n", distance)),
        None => refused("no_data"),
    }
}

/// Returns the two cursors of an operation on what lies between them; an absent one is the first or last pair.
fn ends<'s>(stage: &'s Stage<'_, '_>, step: &Step) -> Outcome<(Cursor<'s>, Cursor<'s>)> {
    let given = step.text("from").or(step.text("to")).unwrap_or_default();
    let table = stage.table_of(placed(stage.world, given)?)?;
    let end = |member: &str| {
        if let Some(name) = step.text(member) {
            resumed(stage, name)
        } else {
            let mut cursor = table.cursor();
            if member == "from" {
                cursor.first()?;
            } else {
                cursor.last()?;
            }
            Ok(cursor)
        }
    };
    Ok((end("from")?, end("to")?))
}

fn scroll(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let count = step.signed("n").unwrap_or_default();
    at(stage, step.name("c"), |_, cursor| {
        match cursor.skip(count)? {
            Some(_) => Ok(whereabouts(step, cursor, Answer::ok())),
            None => refused("no_data"),
        }
    })
}

/// Reads a whole table through a cursor.
fn read_all(cursor: &mut Cursor<'_>) -> Outcome {
    cursor.reset();
    let (mut count, mut hash) = (0_u64, Fnv::default());
    while let Some((key, value)) = cursor.next()? {
        hash.add_pair(key, value);
        count += 1;
    }
    Ok(Answer::ok().with("n", count).with("fnv", hash.digits()))
}

/// Reads all the values of a key.
fn read_values(table: &TableRef<'_>, key: &[u8]) -> Outcome {
    let (mut len, mut hash) = (0, Fnv::default());
    if !table.contains(key)? {
        return refused("not_found");
    }
    for value in table.dups(key)? {
        let value = value?;
        hash.add(value);
        len += value.len();
    }
    Ok(Answer::ok().with("n", len).with("fnv", hash.digits()))
}
