//! Where a recorded answer shows the reference's interface rather than what it does, and this engine answers
//! otherwise on purpose. Each is translated here, with the reason, and nowhere else.

use mdbx_core::{Error, ReadTxn, Table};

use crate::answers::{Answer, Outcome, Stop};
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
