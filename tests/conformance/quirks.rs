//! Where a recorded answer shows the reference's interface rather than what it does, and this engine answers
//! otherwise on purpose. Each is translated here, with the reason, and nowhere else.

use mdbx_core::{Error, Item, Position, ReadTxn, Table, TableRef};

use crate::answers::{Answer, Outcome, Stop, refused};
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
pub(crate) fn open_in_reader(world: &World, reader: &ReadTxn<'_>, name: &str) -> Outcome<Table> {
    match (reader.open_table(name), world.named.get(name)) {
        (Err(Error::NoSuchTable { .. }), Some(table)) => Ok(*table),
        (opened, _) => Ok(opened?),
    }
}

/// There, a full database fails the transaction: everything after it is refused, and a commit aborts. Here the
/// failed call changed nothing and the transaction goes on. The runner takes it for failed, as the trace does.
pub(crate) fn after_error(stage: &mut Stage<'_, '_>, error: Error) -> Stop {
    if let (Error::MapFull { .. }, Some(writer)) = (&error, &mut stage.writer) {
        *writer.failed = true;
    }
    crate::world::no_longer(error)
}

/// There, a transaction can be marked as failed. Here whoever holds it drops it.
pub(crate) fn break_off(stage: &mut Stage<'_, '_>, name: &str) -> Outcome {
    match &mut stage.writer {
        Some(writer) if writer.name == name => *writer.failed = true,
        _ => {
            stage.world.readers.remove(name);
        }
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

/// There, one move gives many values of a fixed size as one piece of memory. Here iterators give them one by one, as
/// fast. Traces make these moves only where they are refused.
pub(crate) fn bulk_move<'t>(_table: &TableRef<'t>) -> Outcome<Item<'t>> {
    refused("incompatible")
}
