//! Where a recorded answer shows the reference's interface rather than what it does, and this engine answers
//! otherwise on purpose. Each is translated here, with the reason, and nowhere else.
//!
//! "There" is the reference, "here" this engine.

use std::path::Path;

use mdbx_core::{
    Anchor, Around, Cursor, CursorMut, Error, Item, Position, PutFlags, ReadTxn, Result, Table,
    TableFlags, TableMut, TableRef, Txnid, WriteTxn,
};

use crate::answers::{Answer, Outcome, Stop, refused};
use crate::bytes::answer as shown;
use crate::readers::State;
use crate::trace::Step;
use crate::world::{Stage, World};

/// There, the limit is on the handles open at a time, and dropping a table frees one. Here a handle is the number of
/// a name and is never freed, and the limit is on the names used. Traces that go on dropping and renaming use more
/// names than they have handles; those with none at all are taken by their word.
pub(crate) fn max_tables(handles: usize) -> usize {
    if handles == 0 { 0 } else { handles + 256 }
}

/// There, opening a table whose handle is open already gives that handle, even in a reader whose snapshot is older
/// than the table. Here a reader says that it sees no such table.
pub(crate) fn open_in_reader(world: &World, reader: &ReadTxn<'_>, name: &[u8]) -> Outcome<Table> {
    match (reader.open_table(name), world.named.get(name)) {
        (Err(Error::NoSuchTable { .. }), Some(table)) => Ok(*table),
        (opened, _) => Ok(opened?),
    }
}

/// There, a full database fails the transaction: everything after it is refused, and a commit aborts. Here the
/// failed call changed nothing and the transaction goes on. The runner takes it for failed, as the trace does.
pub(crate) fn after(stage: &mut Stage<'_, '_>, outcome: Outcome) -> Outcome {
    let result = match &outcome {
        Ok(answer) => answer.result(),
        Err(Stop::Refused(result)) => result,
        Err(Stop::Waiting(_)) => "",
    };
    if let (Some(writer), "map_full") = (&mut stage.writer, result) {
        *writer.failed = true;
    }
    outcome
}

/// There, a transaction can be marked as failed. Here whoever holds it drops it, and a reader has no changes to lose.
pub(crate) fn break_off(stage: &mut Stage<'_, '_>, name: &str) -> Outcome {
    match &mut stage.writer {
        Some(writer) if writer.name == name => *writer.failed = true,
        _ if stage.world.readers.contains_key(name) => {
            stage.world.put_reader(name, State::OutOfUse);
        }
        _ => return refused("bad_txn"),
    }
    Ok(Answer::ok())
}

/// There, a move that leads nowhere tells two cases apart: `no_data`, the cursor stands on nothing that the move
/// could start from, and `not_found`, there is nothing in that direction. Here both are `None`, and whoever must know
/// looks at the position, as this does. In an empty table the answer there to a search for what comes before depends
/// on what the cursor did before, so either is taken.
pub(crate) fn nothing_there(step: &Step, table: &TableRef<'_>, before: &Position) -> &'static str {
    let no_data = match step.name("m") {
        "current" | "first_dup" | "last_dup" => true,
        "next" | "prev" | "next_key" | "prev_key" | "next_dup" | "prev_dup" => {
            *before == Position::Missed
        }
        "key_lt" | "key_le" | "pair_lt" | "pair_le" => {
            let recorded = step.expected().and_then(|expected| expected.get("r"));
            table.is_empty() && recorded.is_some_and(|result| result == "no_data")
        }
        _ => false,
    };
    if no_data { "no_data" } else { "not_found" }
}

/// There, a value that could not be appended to those of its key leaves a cursor on the same value, or else on the
/// last one. Here a put that fails moves no cursor.
pub(crate) fn stand_where_append_failed(step: &Step, cursor: &mut Cursor<'_>) -> Result<()> {
    let (key, value) = (step.operand("k"), step.operand("v"));
    if cursor.seek_pair(&key, &value)?.is_none() {
        cursor.seek_exact(&key)?;
        cursor.last_dup()?;
    }
    Ok(())
}

/// There, `last` says that the cursor is at the end only if the last key has one value, and a key that had several and
/// has one left counts as one with several for a while. Here it counts as what it is, so either is taken.
pub(crate) fn is_at_end(step: &Step, cursor: &Cursor<'_>) -> bool {
    let recorded = step.expected().and_then(|expected| expected.get("eof"));
    let is_open = matches!(
        cursor.save(),
        Ok(Position::AtEnd(Anchor { value: Some(_), .. }))
    );
    cursor.is_at_end() && !(is_open && cursor.count() == 1 && recorded == Some(&false.into()))
}

/// There, a cursor that knows itself at the end still does after it has replaced the only value of its key. Here a put
/// stands on what it has put, like any other.
pub(crate) fn stay_at_end(before: &Position, cursor: &mut Cursor<'_>) -> Result<()> {
    if matches!(before, Position::AtEnd(_)) && cursor.count() == 1 {
        cursor.last()?;
        cursor.next()?;
    }
    Ok(())
}

/// There, what comes after a cursor that was not placed yet begins with the first item, as `next` would find it. Here
/// such a cursor has nothing around it.
pub(crate) fn after_nothing(cursor: &mut CursorMut<'_>, around: Around) -> Result<Around> {
    let from = match around {
        Around::After => Around::From,
        Around::DupsAfter => Around::DupsFrom,
        around => return Ok(around),
    };
    if cursor.save()? != Position::Unset {
        return Ok(around);
    }
    cursor.go(Cursor::first)?;
    Ok(from)
}

/// There, a call deletes a database. Here a database is its files, and whoever may delete them does.
pub(crate) fn delete(path: &Path) -> Answer {
    Answer::done(std::fs::remove_dir_all(path).is_ok())
}

/// There, one move gives many values of a fixed size as one piece of memory. Here iterators give them one by one, as
/// fast. Traces make these moves only where they are refused.
pub(crate) fn bulk_move<'t>() -> Outcome<Item<'t>> {
    refused("incompatible")
}

/// There, `replace` takes the flags of `put`, and what they mean for it is a table of its own. Here there is a method
/// for each idea: `replace`, `replace_dup`, `insert`, `append`, `take` and `delete_dup`. This says which of them a set
/// of flags stands for; without a new value, `replace` deletes.
pub(crate) fn replace(mut table: TableMut<'_>, step: &Step) -> Outcome {
    let (key, value, flags) = (step.operand("k"), step.bytes("v"), step.words("f"));
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let handed_out = |before: Option<&[u8]>| Answer::ok().with("rv", before.map(shown));
    match (&flags[..], value) {
        (["current", "no_overwrite"], value) => replace_chosen(table, step, value.as_deref()),
        (["current", ..], None) => match table.take(&key)? {
            Some(before) => Ok(handed_out(Some(&before))),
            None => refused("not_found"),
        },
        (_, None) => refused("invalid"), // nothing here deletes unless it is asked to
        (["current", ..], Some(value)) => match table.as_ref().get_with_count(&key)? {
            None => refused("not_found"),
            Some((_, 1)) => Ok(handed_out(table.replace(&key, &value)?.as_deref())),
            Some(_) => refused("multi_val"),
        },
        (["no_overwrite"], Some(value)) => match table.insert(&key, &value) {
            Err(Error::KeyExists) => {
                Ok(Answer::of("key_exists").with("rv", table.get(&key)?.map(shown)))
            }
            inserted => Ok(inserted.map(|()| handed_out(None))?),
        },
        (["append"], Some(value)) if table.get(&key)?.is_some() => {
            // There, putting the same value again passes if the page was changed before.
            let is_same = table.as_ref().get_with_count(&key)? == Some((&value, 1));
            if is_same && step.wants("rv") {
                return Ok(handed_out(Some(&value)));
            }
            refused("invalid")
        }
        (["append"], Some(value)) => {
            table.append(&key, &value)?;
            Ok(handed_out(None))
        }
        (["all_dups"], Some(value)) => {
            let before = table.get(&key)?.map(<[u8]>::to_vec);
            table.put_with(&key, &value, PutFlags::ALL_DUPS)?;
            Ok(handed_out(before.as_deref()))
        }
        (_, Some(value)) => Ok(handed_out(table.replace(&key, &value)?.as_deref())),
    }
}

/// Replaces or deletes the value `old` of a key.
fn replace_chosen(mut table: TableMut<'_>, step: &Step, value: Option<&[u8]>) -> Outcome {
    if !table.as_ref().flags().contains(TableFlags::DUP_SORT) {
        return refused("invalid"); // there, a plain table knows no values to choose from
    }
    let (key, old) = (step.operand("k"), step.operand("old"));
    let was_there = match value {
        Some(value) => table.replace_dup(&key, &old, value)?,
        None => table.delete_dup(&key, &old)?,
    };
    Ok(Answer::found(was_there))
}

/// There, a put that must not overwrite hands out the value that is there: the first one, or, where it was to be
/// appended, the last. Here whoever wants it asks for it.
pub(crate) fn present_value<'t>(
    table: &TableRef<'t>,
    key: &[u8],
    flags: PutFlags,
) -> Outcome<Option<&'t [u8]>> {
    if flags.contains(PutFlags::APPEND) {
        return Ok(table.dups(key)?.next_back().transpose()?);
    }
    Ok(table.get(key)?)
}

/// There, `reserve` is a flag that goes with others. Here it is a method, and whoever wants a condition looks first.
pub(crate) fn reserve(mut table: TableMut<'_>, step: &Step) -> Outcome {
    let (key, value, flags) = (step.operand("k"), step.operand("v"), step.words("f"));
    let has = |wanted: &str| flags.iter().any(|flag| flag == wanted);
    let is_plain = !table.as_ref().flags().contains(TableFlags::DUP_SORT);
    let present = table.get(&key)?.map(shown);
    match present {
        Some(present) if is_plain && has("no_overwrite") => {
            return Ok(Answer::of("key_exists").with("rv", present));
        }
        None if is_plain && has("current") => return refused("not_found"),
        _ => {}
    }
    table.reserve(&key, value.len(), |room| room.copy_from_slice(&value))?;
    Ok(Answer::ok())
}

/// There, a reader turns into a writer if its snapshot is the newest. Here one begins a writer, which keeps others
/// out, and looks whether it builds on that snapshot.
pub(crate) fn builds_on(writer: &WriteTxn<'_>, snapshot: Txnid) -> bool {
    writer.id().0 == snapshot.0 + 1
}

/// There, a handle goes on meaning its table when that gets another name. Here it is the number of a name, and
/// renaming gives the new one.
pub(crate) fn follow_rename(world: &mut World, table: Table, renamed: Table) {
    let of_cursors = world.cursors.values_mut();
    let of_cursors = of_cursors.filter_map(|placed| placed.table.as_mut());
    for handle in world.tables.values_mut().chain(of_cursors) {
        if *handle == table {
            *handle = renamed;
        }
    }
}
