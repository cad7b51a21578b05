//! Batches of values of one size for one key.
//!
//! There, a batch can also be put through a cursor. Here a cursor puts one value at a time, and this says what the flags
//! mean for them.

use mdbx_core::{CursorMut, PutFlags, TableMut};

use crate::answers::{Answer, Outcome, refused};
use crate::data::conditions;
use crate::trace::Step;

/// Puts a batch.
pub(crate) fn put(table: &mut TableMut<'_>, step: &Step) -> Outcome {
    let (key, batch) = (step.operand("k"), step.operand("vals"));
    let count = table.put_many(&key, values(step, &batch), conditions(step))?;
    Ok(Answer::ok().with("n", count))
}

/// Puts a batch through a cursor, which then stands on its last value.
pub(crate) fn put_at(cursor: &mut CursorMut<'_>, step: &Step) -> Outcome {
    let (key, batch, flags) = (step.operand("k"), step.operand("vals"), conditions(step));
    let is_present = cursor.go(|cursor| Ok(cursor.clone().seek_exact(&key)?.is_some()))?;
    if flags.contains(PutFlags::NO_OVERWRITE) && is_present {
        return refused("key_exists");
    }
    let is_last = cursor.go(|cursor| Ok(cursor.clone().seek_after(&key)?.is_none()))?;
    if flags.contains(PutFlags::APPEND) && !is_last {
        return refused("key_mismatch");
    }
    if flags.contains(PutFlags::CURRENT) {
        // The batch is put in the place of the value the cursor stands on, or of all values of its key.
        let was_there = if flags.contains(PutFlags::ALL_DUPS) {
            cursor.delete_key()?
        } else {
            cursor.delete()?
        };
        if !was_there {
            return refused("no_data");
        }
    }
    let mut count = 0_u64;
    for value in values(step, &batch) {
        cursor.put_with(&key, value, of_each(flags))?;
        count += 1;
    }
    Ok(Answer::ok().with("n", count))
}

/// Cuts a batch into its values.
fn values<'b>(step: &Step, batch: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
    let size = step
        .number("size")
        .and_then(|size| usize::try_from(size).ok());
    batch.chunks_exact(size.expect("a size"))
}

/// Returns the conditions for each value; the others are about the key, and hold once.
fn of_each(flags: PutFlags) -> PutFlags {
    let each = [PutFlags::APPEND_DUP, PutFlags::NO_DUP_DATA];
    let each = each.into_iter().filter(|flag| flags.contains(*flag));
    each.fold(PutFlags::empty(), |flags, flag| flags | flag)
}
