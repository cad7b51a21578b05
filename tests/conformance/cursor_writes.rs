//! Writing through cursors: at the place of a cursor, which then stands where that left it.

use std::ops::Bound;

use mdbx_core::{Around, Cursor, CursorMut, Error, Position, PutFlags, TableFlags, TableMut};

use crate::answers::{Answer, Outcome, Stop, refused};
use crate::batches;
use crate::bytes::answer as shown;
use crate::cursors::{placed, whereabouts};
use crate::data::conditions;
use crate::quirks;
use crate::trace::Step;
use crate::world::{Stage, no_longer};

pub(crate) fn perform(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let reserves = step.words("f").iter().any(|flag| flag == "reserve");
    match step.op() {
        "cput" if reserves => reserve(stage, step),
        "cput" => change(stage, step, put),
        "cdel" => change(stage, step, delete),
        "cput_multi" => change(stage, step, batches::put_at),
        "bunch_del" => change(stage, step, delete_around),
        "range_del" => delete_between(stage, step),
        op => panic!("{op} is no way to write through a cursor"),
    }
}

/// Returns the table that a cursor is bound to, to be changed, and where the cursor stands.
fn bound_table<'s>(stage: &'s mut Stage<'_, '_>, name: &str) -> Outcome<(TableMut<'s>, Position)> {
    let placed = placed(stage.world, name)?.clone();
    let (Some(txn), Some(table)) = (placed.txn, placed.table) else {
        return refused("invalid");
    };
    let Some(writer) = &mut stage.writer else {
        return refused("access");
    };
    if writer.number != txn || writer.is_read_only {
        return refused("access");
    }
    let table = writer.txn.table_mut(table).map_err(no_longer)?;
    Ok((table, placed.position))
}

/// Changes a table at a cursor, which then stands where that left it, also if it failed.
fn change(
    stage: &mut Stage<'_, '_>,
    step: &Step,
    change: impl FnOnce(&mut CursorMut<'_>, &Step) -> Outcome,
) -> Outcome {
    let (mut table, position) = bound_table(stage, step.name("c"))?;
    let mut cursor = table.cursor_mut();
    cursor.resume(&position)?;
    let answer = match change(&mut cursor, step) {
        Err(Stop::Refused(result)) => Answer::of(&result),
        outcome => outcome?,
    };
    let answer = cursor.go(|cursor| Ok(whereabouts(step, cursor, answer)))?;
    let position = cursor.save()?;
    if let Some(placed) = stage.world.cursors.get_mut(step.name("c")) {
        placed.position = position;
    }
    quirks::after(stage, Ok(answer))
}

fn delete(cursor: &mut CursorMut<'_>, step: &Step) -> Outcome {
    let was_there = if step.words("f").iter().any(|flag| flag == "all_dups") {
        cursor.delete_key()?
    } else {
        cursor.delete()?
    };
    Ok(Answer::of(if was_there { "ok" } else { "no_data" }))
}

fn delete_around(cursor: &mut CursorMut<'_>, step: &Step) -> Outcome {
    let around = match step.name("m") {
        "value" => {
            return if cursor.delete()? {
                Ok(Answer::ok().with("n", 1))
            } else {
                refused("no_data")
            };
        }
        "dups_before" => Around::DupsBefore,
        "dups_through" => Around::DupsThrough,
        "dups_from" => Around::DupsFrom,
        "dups_after" => Around::DupsAfter,
        "dups_all" => Around::Dups,
        "before" => Around::Before,
        "through" => Around::Through,
        "from" => Around::From,
        "after" => Around::After,
        "whole" => Around::All,
        around => panic!("{around} is nowhere"),
    };
    let around = quirks::after_nothing(cursor, around)?;
    Ok(Answer::ok().with("n", cursor.delete_around(around)?))
}

/// Deletes what lies between two cursors; an absent one is the first or last pair.
fn delete_between(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let given = step.text("from").or(step.text("to")).unwrap_or_default();
    let (table, _) = bound_table(stage, given)?;
    let last = {
        let mut cursor = table.as_ref().cursor();
        cursor.last()?;
        cursor.save()?
    };
    let position = |name: &str| placed(stage.world, name).map(|placed| placed.position.clone());
    let from = match step.text("from") {
        Some(name) => Bound::Included(position(name)?),
        None => Bound::Unbounded,
    };
    let to = match step.text("to") {
        Some(name) => position(name)?,
        None => last,
    };
    let to = if step.flag("including", false) {
        Bound::Included(to)
    } else {
        Bound::Excluded(to)
    };
    let (mut table, _) = bound_table(stage, given)?;
    let deleted = table.delete_between((from, to));
    let outcome = deleted.map(|deleted| Answer::ok().with("n", deleted));
    quirks::after(stage, outcome.map_err(Stop::from))
}

fn put(cursor: &mut CursorMut<'_>, step: &Step) -> Outcome {
    let before = cursor.save()?;
    let (key, value, flags) = (step.operand("k"), step.operand("v"), conditions(step));
    match cursor.put_with(&key, &value, flags) {
        Err(Error::KeyExists) if flags.contains(PutFlags::NO_OVERWRITE) => {
            if flags.contains(PutFlags::APPEND) {
                cursor.go(Cursor::last_dup)?; // where the reference has looked
            }
            let present = cursor.current()?.map(|(_, value)| shown(value));
            Ok(Answer::of("key_exists").with("rv", present))
        }
        Err(Error::KeyMismatch) if flags == PutFlags::APPEND_DUP => {
            cursor.go(|cursor| quirks::stand_where_append_failed(step, cursor))?;
            refused("key_mismatch")
        }
        Ok(()) if flags.contains(PutFlags::CURRENT) => {
            cursor.go(|cursor| quirks::stay_at_end(&before, cursor))?;
            Ok(Answer::ok())
        }
        put => Ok(put.map(|()| Answer::ok())?),
    }
}

/// Reserves room and fills it. That is done by the table; the cursor is asked whether it may, and stands on the item
/// afterwards.
fn reserve(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let key = step.operand("k");
    let may = change(stage, step, |cursor, _| {
        let is_current = step.words("f").iter().any(|flag| flag == "current");
        Ok(match cursor.current()? {
            None if is_current => Answer::of("no_data"),
            Some((at, _)) if is_current && at != key => Answer::of("key_mismatch"),
            _ => Answer::ok(),
        })
    })?;
    let (table, _) = bound_table(stage, step.name("c"))?;
    let is_dup = table.as_ref().flags().contains(TableFlags::DUP_SORT);
    if may.result() != "ok" && !is_dup {
        return Ok(may);
    }
    let reserved = quirks::reserve(table, step);
    let reserved = quirks::after(stage, reserved);
    change(stage, step, |cursor, _| {
        let reserved = reserved?;
        cursor.go(|cursor| cursor.seek_exact(&key).map(drop))?;
        Ok(reserved)
    })
}
