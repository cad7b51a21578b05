//! Replaying one trace: each operation goes to the file that knows its kind, and its answer is compared.

use crate::answers::{Answer, Outcome, Stop, difference};
use crate::trace::{Step, Steps};
use crate::world::{Stage, World};
use crate::{cursor_writes, cursors, data, environment, readers, tables, transactions};

/// Why a trace did not get to its end.
pub(crate) enum Halt {
    /// An answer differs; says where and how.
    Differs(String),
    /// An operation has no counterpart yet.
    Waiting(&'static str),
}

/// Replays all steps, up to the first difference.
pub(crate) fn replay(world: &mut World, steps: &mut Steps) -> Result<(), Halt> {
    while let Some(step) = steps.next() {
        if transactions::begins_writer(&step) {
            transactions::run_writer(world, steps, &step)?;
        } else {
            let mut stage = Stage {
                world,
                writer: None,
            };
            let outcome = perform(&mut stage, &step);
            settle(&step, outcome)?;
        }
    }
    world.close();
    Ok(())
}

/// Compares what came of a step with what was recorded.
pub(crate) fn settle(step: &Step, outcome: Outcome) -> Result<(), Halt> {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(Stop::Refused(result)) => Answer::of(&result),
        Err(Stop::Waiting(feature)) => return Err(Halt::Waiting(feature)),
    };
    match difference(step, &answer) {
        None => Ok(()),
        Some(difference) => Err(Halt::Differs(format!(
            "line {}: {}: {difference}",
            step.line,
            step.shown()
        ))),
    }
}

/// Performs one operation that neither begins nor ends a write transaction.
pub(crate) fn perform(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    if !matches!(step.op(), "park" | "unpark") {
        readers::wake(stage.world, step.name("t"))?;
    }
    match step.op() {
        "note" => Ok(Answer::ok()),
        "begin"
        | "commit"
        | "abort"
        | "reset"
        | "renew"
        | "refresh"
        | "park"
        | "unpark"
        | "amend"
        | "rollback"
        | "break"
        | "checkpoint"
        | "clone"
        | "lag"
        | "exhaust_readers"
        | "release_readers"
        | "list_readers"
        | "set_slow_reader_handler"
        | "slow_reader_calls" => transactions::perform(stage, step),
        "open_table" | "close_table" | "drop" | "rename" | "list_tables" | "table_flags"
        | "stat" | "sequence" | "canary_put" | "canary_get" | "canary_v" => {
            tables::perform(stage, step)
        }
        "get" | "get_count" | "get_ge" | "is_dirty" | "put" | "put_multi" | "del" | "replace"
        | "cmp" | "estimate_exact" | "digest" | "fill_until" | "churn" => {
            data::perform(stage, step)
        }
        "cursor" | "cursor_new" | "cursor_bind" | "cursor_unbind" | "cursor_renew"
        | "cursor_reset" | "cursor_copy" | "cursor_close" | "cursor_compare" | "move" | "where"
        | "eof" | "predicates" | "count" | "distance" | "scroll" | "batch_all" | "multi_all" => {
            cursors::perform(stage, step)
        }
        "cput" | "cput_multi" | "cdel" | "bunch_del" | "range_del" => {
            cursor_writes::perform(stage, step)
        }
        _ => environment::perform(stage, step),
    }
}
