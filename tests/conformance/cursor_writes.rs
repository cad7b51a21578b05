//! Writing through cursors: at the place of a cursor, which then stands where that left it.

use mdbx_core::{Anchor, Error, Position, PutFlags, TableFlags, TableMut};

use crate::answers::{Answer, Outcome, Stop, refused};
use crate::bytes::answer as shown;
use crate::cursors::{at, placed, whereabouts};
use crate::data::conditions;
use crate::quirks;
use crate::trace::Step;
use crate::world::{Stage, no_longer};

/// The item a cursor stands on, or that took its place.
type Current = Option<(Vec<u8>, Vec<u8>)>;

pub(crate) fn perform(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    match step.op() {
        "cput" => put(stage, step),
        "cdel" => delete(stage, step),
        "cput_multi" => Err(Stop::Waiting("put_many")),
        _ => Err(Stop::Waiting("deleting ranges")),
    }
}

/// Changes the table that a cursor is bound to, given what the cursor stands on.
fn change(
    stage: &mut Stage<'_, '_>,
    step: &Step,
    change: impl FnOnce(TableMut<'_>, Current) -> Outcome,
) -> Outcome {
    let name = step.name("c");
    let current = at(stage, name, |_, cursor| {
        Ok(cursor
            .current()?
            .map(|(key, value)| (key.to_vec(), value.to_vec())))
    })?;
    let placed = placed(stage.world, name)?;
    let (txn, table) = (placed.txn, placed.table);
    let Some(writer) = &mut stage.writer else {
        return refused("access");
    };
    if Some(writer.number) != txn || writer.is_read_only {
        return refused("access");
    }
    let Some(table) = table else {
        return refused("invalid");
    };
    let table = writer.txn.table_mut(table).map_err(no_longer)?;
    let outcome = change(table, current);
    quirks::after(stage, outcome)
}

fn delete(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let all = step.words("f").iter().any(|flag| flag == "all_dups");
    let answer = change(stage, step, |mut table, current| {
        let Some((key, value)) = current else {
            return refused("no_data");
        };
        let was_there = if all {
            table.delete(&key)?
        } else {
            table.delete_dup(&key, &value)?
        };
        Ok(Answer::found(was_there))
    })?;
    // Where an item was that is gone, the cursor stands in the gap.
    at(stage, step.name("c"), |_, cursor| {
        Ok(whereabouts(step, cursor, answer))
    })
}

fn put(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let flags = conditions(step);
    let (key, value) = (step.operand("k"), step.operand("v"));
    let before = placed(stage.world, step.name("c"))?.position.clone();
    let answer = change(stage, step, |mut table, current| {
        if flags.contains(PutFlags::CURRENT) {
            return put_current(table, step, current);
        }
        if step.words("f").iter().any(|flag| flag == "reserve") {
            return quirks::reserve(table, step);
        }
        match table.put_with(&key, &value, flags) {
            Err(Error::KeyExists) if flags.contains(PutFlags::NO_OVERWRITE) => {
                let present = quirks::present_value(&table.as_ref(), &key, flags)?;
                Ok(Answer::of("key_exists").with("rv", present.map(shown)))
            }
            put => Ok(put.map(|()| Answer::ok())?),
        }
    });
    let result = match &answer {
        Ok(answer) => answer.result(),
        Err(Stop::Refused(result)) => result,
        Err(Stop::Waiting(_)) => return answer,
    };
    let is_placed = matches!(result, "ok" | "key_exists");
    let is_append_dup = flags == PutFlags::APPEND_DUP && result == "key_mismatch";
    let is_on_first = result == "key_exists" && flags.contains(PutFlags::NO_OVERWRITE);
    let answer = match answer {
        Err(Stop::Refused(result)) => Answer::of(&result),
        answer => answer?,
    };
    at(stage, step.name("c"), |table, cursor| {
        let is_dup = table.flags().contains(TableFlags::DUP_SORT);
        if is_placed && flags.contains(PutFlags::CURRENT) {
            let anchor = Anchor {
                key: key.clone(),
                value: is_dup.then(|| value.clone()),
            };
            cursor.resume(&match before {
                Position::AtEnd(_) => Position::AtEnd(anchor),
                _ => Position::On(anchor),
            })?;
        } else if is_append_dup {
            quirks::stand_where_append_failed(step, cursor)?;
        } else if is_placed && is_dup && !is_on_first {
            cursor.seek_pair(&key, &value)?;
        } else if is_placed {
            cursor.seek_exact(&key)?;
        }
        Ok(whereabouts(step, cursor, answer))
    })
}

/// Puts a value in the place of the one that the cursor stands on.
fn put_current(mut table: TableMut<'_>, step: &Step, current: Current) -> Outcome {
    let flags = conditions(step);
    let (key, value) = (step.operand("k"), step.operand("v"));
    let is_dup = table.as_ref().flags().contains(TableFlags::DUP_SORT);
    let is_reserve = step.words("f").iter().any(|flag| flag == "reserve");
    if flags.contains(PutFlags::NO_OVERWRITE) || flags.contains(PutFlags::APPEND) {
        return refused("invalid");
    }
    if is_reserve && is_dup {
        return refused("incompatible");
    }
    let Some((current_key, current_value)) = current else {
        return refused("no_data");
    };
    if current_key != key {
        return refused("key_mismatch");
    }
    if is_reserve {
        return quirks::reserve(table, step);
    }
    if is_dup && !flags.contains(PutFlags::ALL_DUPS) {
        table.replace_dup(&key, &current_value, &value)?;
    } else {
        table.put_with(&key, &value, flags)?;
    }
    Ok(Answer::ok())
}
