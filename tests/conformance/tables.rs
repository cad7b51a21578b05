//! Tables: opening, creating and dropping them, what is known about them, and the numbers kept beside the data.

use std::collections::HashMap;

use mdbx_core::{Canary, Error, Table, TableFlags, TableOrder};
use serde_json::{Value, json};

use crate::answers::{Answer, Outcome, refused};
use crate::bytes::{from_hex, hex};
use crate::quirks;
use crate::trace::{Step, Steps};
use crate::world::{Stage, no_longer};

/// The kinds of tables, by the names they have in traces, in alphabetical order.
const KINDS: [(&str, TableFlags); 6] = [
    ("dup_fixed", TableFlags::DUP_FIXED),
    ("dup_sort", TableFlags::DUP_SORT),
    ("integer_dup", TableFlags::INTEGER_DUP),
    ("integer_key", TableFlags::INTEGER_KEY),
    ("reverse_dup", TableFlags::REVERSE_DUP),
    ("reverse_key", TableFlags::REVERSE_KEY),
];

pub(crate) fn perform(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    match step.op() {
        "open_table" => open(stage, step),
        "close_table" => {
            // A handle costs nothing and is not closed; the trace must not use it again, that is all.
            stage.world.tables.remove(step.name("d"));
            Ok(Answer::ok())
        }
        "drop" => drop_or_clear(stage, step),
        "rename" => rename(stage, step),
        "list_tables" => list(stage, step),
        "table_flags" => {
            let table = stage.table(step.name("t"), step.name("d"))?;
            Ok(Answer::ok().with("list", names_of(table.flags())))
        }
        "stat" => {
            let table = stage.table(step.name("t"), step.name("d"))?;
            Ok(Answer::ok().with("n", table.stat().items))
        }
        "sequence" => sequence(stage, step),
        "canary_put" => set_canary(stage, step),
        "canary_get" => {
            let canary = canary(stage, step)?;
            Ok(Answer::ok().with("list", canary.marks.to_vec()))
        }
        "canary_v" => {
            let set_by = canary(stage, step)?.set_by;
            let marks = &mut stage.world.marks;
            let before = marks.insert(step.name("mark").to_owned(), set_by);
            Ok(Answer::ok().with("moved", before != Some(set_by)))
        }
        op => panic!("{op} is no operation on tables"),
    }
}

fn open(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let flags = flags_of(step);
    let table = open_as(stage, step, flags)?;
    let world = &mut *stage.world;
    world.tables.insert(step.name("d").to_owned(), table);
    if let Some(name) = name_operand(step) {
        world.named.insert(name, table);
    }
    Ok(Answer::ok())
}

fn open_as(stage: &mut Stage<'_, '_>, step: &Step, flags: TableFlags) -> Outcome<Table> {
    let Some(name) = name_operand(step) else {
        if step.flag("create", false) {
            stage.writer_mut(step.name("t"))?.set_main_flags(flags)?;
        }
        return Ok(Table::MAIN);
    };
    let txn = step.name("t");
    if step.flag("create", false) {
        return Ok(stage.writer_mut(txn)?.create_table(&name, flags)?);
    }
    // Opening asks for no kind; the table tells its own.
    let (table, found) = if let Some(writer) = stage.writer_named(txn)? {
        let table = writer.open_table(&name)?;
        (table, writer.table(table)?.flags())
    } else {
        let reader = stage.world.reader(txn)?;
        let table = quirks::open_in_reader(stage.world, reader, &name)?;
        (
            table,
            reader.table(table).map_or(flags, |table| table.flags()),
        )
    };
    if found == flags || step.flag("accede", false) {
        return Ok(table);
    }
    refused("incompatible")
}

/// Returns the name of the table; `None` for the main table.
fn name_operand(step: &Step) -> Option<Vec<u8>> {
    step.text("name").map(from_hex)
}

pub(crate) fn flags_of(step: &Step) -> TableFlags {
    let words = step.words("kind");
    let named = KINDS
        .iter()
        .filter(|(name, _)| words.iter().any(|word| word == name));
    named.fold(TableFlags::empty(), |flags, (_, flag)| flags | *flag)
}

fn names_of(flags: TableFlags) -> Value {
    let names = KINDS.iter().filter(|(_, flag)| flags.contains(*flag));
    names.map(|(name, _)| json!(name)).collect()
}

fn drop_or_clear(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let table = stage.world.table(step.name("d"));
    let txn = stage.writer_mut(step.name("t"))?;
    let table = table?;
    if step.flag("delete", false) {
        txn.drop_table(table).map_err(no_longer)?;
    } else {
        txn.clear(table).map_err(no_longer)?;
    }
    Ok(Answer::ok())
}

fn list(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let txn = step.name("t");
    let tables = match stage.writer_named(txn)? {
        Some(writer) => writer.tables(),
        None => stage.world.reader(txn)?.tables(),
    }?;
    let mut list = Vec::new();
    for (name, flags) in tables {
        let items = if let Some(writer) = stage.writer_named(txn)? {
            writer.table(writer.open_table(&name)?)?.len()
        } else {
            let reader = stage.world.reader(txn)?;
            reader.table(reader.open_table(&name)?)?.len()
        };
        list.push(json!([hex(&name), names_of(flags), items]));
    }
    Ok(Answer::ok().with("list", list))
}

fn sequence(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let increment = step.number("n").unwrap_or_default();
    let before = stage.table(step.name("t"), step.name("d"))?.sequence();
    if increment == 0 {
        return Ok(Answer::ok().with("n", before));
    }
    let table = stage.world.table(step.name("d"))?;
    match stage.writer_mut(step.name("t"))?.sequence(table, increment) {
        Ok(before) => Ok(Answer::ok().with("n", before)),
        Err(Error::SequenceUsedUp) => Ok(Answer::done(false).with("n", before)),
        Err(error) => Err(error.into()),
    }
}

fn rename(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let table = stage.world.table(step.name("d"))?;
    let name = name_operand(step).unwrap_or_default();
    let renamed = stage
        .writer_mut(step.name("t"))?
        .rename_table(table, &name)
        .map_err(no_longer)?;
    quirks::follow_rename(stage.world, table, renamed);
    Ok(Answer::ok())
}

fn set_canary(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let txn = stage.writer_mut(step.name("t"))?;
    match step.value("xyz").and_then(Value::as_array) {
        Some(marks) => {
            let mark = |at: usize| marks[at].as_u64().unwrap_or_default();
            txn.set_canary([mark(0), mark(1), mark(2)])?;
        }
        None => txn.touch_canary()?,
    }
    Ok(Answer::ok())
}

fn canary(stage: &Stage<'_, '_>, step: &Step) -> Outcome<Canary> {
    let txn = step.name("t");
    match stage.writer_named(txn)? {
        Some(writer) => Ok(writer.canary()),
        None => Ok(stage.world.reader(txn)?.canary()),
    }
}

/// Returns the orders that a trace gives when it opens tables. Here they are given when the environment is opened,
/// before anything can use a table.
pub(crate) fn orders_in(steps: Steps) -> HashMap<Vec<u8>, TableOrder> {
    let descending = |one: &[u8], other: &[u8]| other.cmp(one);
    let mut orders = HashMap::new();
    for step in steps {
        let mut order = TableOrder::new();
        if step.op() != "open_table" {
            continue;
        }
        if step.text("cmp").is_some() {
            order = order.keys(descending);
        }
        if step.text("dcmp").is_some() {
            order = order.values(descending);
        }
        let is_given = step.text("cmp").or(step.text("dcmp")).is_some();
        if let Some(name) = name_operand(&step).filter(|_| is_given) {
            orders.insert(name, order);
        }
    }
    orders
}
