//! Writing through cursors: at the place of a cursor, which then stands where that left it.

use mdbx_core::{Cursor, CursorMut, Error, Position, PutFlags, TableFlags, TableMut};

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
        _ => Err(Stop::Waiting("deleting ranges")),
    }
}

/// Returns the table that a cursor is bound to, to be changed, and where the cursor stands.
fn bound_table<'s>(stage: &'s mut Stage<'_, '_>, step: &Step) -> Outcome<(TableMut<'s>, Position)> {
    let placed = placed(stage.world, step.name("c"))?.clone();
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
    let (mut table, position) = bound_table(stage, step)?;
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
    let (table, _) = bound_table(stage, step)?;
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
