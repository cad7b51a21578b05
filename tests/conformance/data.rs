//! Reading and writing by key, and the operations that read or write a whole table.

use std::ops::Bound;

use mdbx_core::{Error, PutFlags, TableFlags, TableMut, TableRef};

use crate::answers::{Answer, Outcome, refused};
use crate::batches;
use crate::bytes::{Fnv, answer as shown, generate};
use crate::quirks;
use crate::trace::Step;
use crate::world::{Stage, no_longer};

pub(crate) fn perform(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    match step.op() {
        "get" => get(stage, step),
        "get_count" => get_count(stage, step),
        "get_ge" => get_at_or_after(stage, step),
        "put" => put(stage, step),
        "del" => delete(stage, step),
        "digest" => digest(stage, step),
        "fill_until" => fill_until(stage, step),
        "churn" => churn(stage, step),
        "replace" => change(stage, step, |table| quirks::replace(table, step)),
        "put_multi" => change(stage, step, |mut table| batches::put(&mut table, step)),
        "is_dirty" => is_dirty(stage, step),
        "cmp" => compare(stage, step),
        "estimate_exact" => estimate(stage, step),
        op => panic!("{op} is no operation on data"),
    }
}

fn table<'s>(stage: &'s Stage<'_, '_>, step: &Step) -> Outcome<TableRef<'s>> {
    stage.table(step.name("t"), step.name("d"))
}

fn get(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    match table(stage, step)?.get(&step.operand("k"))? {
        Some(value) => Ok(Answer::ok().with("rv", shown(value))),
        None => refused("not_found"),
    }
}

fn get_count(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let key = step.operand("k");
    match table(stage, step)?.get_with_count(&key)? {
        Some((value, count)) => Ok(Answer::ok()
            .with("rk", shown(&key))
            .with("rv", shown(value))
            .with("n", count)),
        None => Ok(Answer::found(false).with("n", 0)),
    }
}

fn get_at_or_after(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let (key, value) = (step.operand("k"), step.bytes("v"));
    let table = table(stage, step)?;
    let is_dup = table.flags().contains(TableFlags::DUP_SORT);
    let found = if is_dup {
        // No value means before all values.
        table.get_pair_at_or_after(&key, value.as_deref().unwrap_or_default())?
    } else {
        table.get_at_or_after(&key)?
    };
    let Some((found_key, found_value)) = found else {
        return refused("not_found");
    };
    let is_exact = found_key == key && (!is_dup || value.as_deref() == Some(found_value));
    Ok(Answer::done(is_exact)
        .with("rk", shown(found_key))
        .with("rv", shown(found_value)))
}

fn is_dirty(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let key = step.operand("k");
    let table = table(stage, step)?;
    if !table.contains(&key)? {
        return refused("not_found");
    }
    Ok(Answer::ok().with("ok", table.is_dirty(&key)?))
}

fn compare(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let (one, other) = (step.operand("a"), step.operand("b"));
    let table = table(stage, step)?;
    let order = if step.name("what") == "key" {
        table.compare_keys(&one, &other)
    } else {
        table.compare_values(&one, &other)
    };
    Ok(Answer::ok().with("n", order as i8))
}

/// Estimates a range; `eps` stands for a bound as close to the other one as can be, with its key still inside.
fn estimate(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let is_eps = |member: &str| step.text(member) == Some("eps");
    let given = |member: &str| (!is_eps(member)).then(|| step.bytes(member)).flatten();
    let (mut from, mut to) = (given("from"), given("to"));
    let table = table(stage, step)?;
    if is_eps("to") {
        let first = table.first()?.map(|(key, _)| key.to_vec());
        from = from.or(first);
        to.clone_from(&from);
    } else if is_eps("from") {
        let last = table.last()?.map(|(key, _)| key.to_vec());
        to = to.or(last);
        from.clone_from(&to);
    }
    let lower = from.as_deref().map_or(Bound::Unbounded, Bound::Included);
    let upper = to.as_deref().map_or(Bound::Unbounded, Bound::Included);
    let estimate = table.estimate_range((lower, upper))?;
    Ok(Answer::ok().with("n", estimate))
}

/// Conditions of a put, by the names they have in traces.
const CONDITIONS: [(&str, PutFlags); 6] = [
    ("no_overwrite", PutFlags::NO_OVERWRITE),
    ("no_dup_data", PutFlags::NO_DUP_DATA),
    ("current", PutFlags::CURRENT),
    ("all_dups", PutFlags::ALL_DUPS),
    ("append", PutFlags::APPEND),
    ("append_dup", PutFlags::APPEND_DUP),
];

pub(crate) fn conditions(step: &Step) -> PutFlags {
    let words = step.words("f");
    let named = CONDITIONS
        .iter()
        .filter(|(name, _)| words.iter().any(|word| word == name));
    named.fold(PutFlags::empty(), |flags, (_, flag)| flags | *flag)
}

/// Changes a table; the error, if any, may fail the transaction.
fn change(
    stage: &mut Stage<'_, '_>,
    step: &Step,
    change: impl FnOnce(TableMut<'_>) -> Outcome,
) -> Outcome {
    let table = stage.world.table(step.name("d"));
    let txn = stage.writer_mut(step.name("t"))?;
    let table = txn.table_mut(table?).map_err(no_longer)?;
    let outcome = change(table);
    quirks::after(stage, outcome)
}

fn put(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    change(stage, step, |mut table| {
        if step.words("f").iter().any(|flag| flag == "reserve") {
            return quirks::reserve(table, step);
        }
        let (key, value) = (step.operand("k"), step.operand("v"));
        let flags = conditions(step);
        match table.put_with(&key, &value, flags) {
            Err(Error::KeyExists) if flags.contains(PutFlags::NO_OVERWRITE) => {
                let present = quirks::present_value(&table.as_ref(), &key, flags)?;
                Ok(Answer::of("key_exists").with("rv", present.map(shown)))
            }
            put => Ok(put.map(|()| Answer::ok())?),
        }
    })
}

fn delete(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    change(stage, step, |mut table| {
        let key = step.operand("k");
        let was_there = match step.bytes("v") {
            Some(value) => table.delete_dup(&key, &value),
            None => table.delete(&key),
        };
        Ok(Answer::found(was_there?))
    })
}

fn digest(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let table = table(stage, step)?;
    let (mut count, mut hash) = (0_u64, Fnv::default());
    for item in &table {
        let (key, value) = item?;
        hash.add_pair(key, value);
        count += 1;
    }
    let stated = table.stat().items;
    if stated != count {
        return refused(&format!("a table of {count} pairs that claims {stated}"));
    }
    Ok(Answer::ok().with("n", count).with("fnv", hash.digits()))
}

fn fill_until(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let table = stage.world.table(step.name("d"))?;
    let (value_len, seed) = (len(step, "vlen"), step.number("seed").unwrap_or_default());
    for i in 0..step.number("max").unwrap_or_default() {
        let txn = stage.writer_mut(step.name("t"))?;
        let value = generate(value_len, seed + i);
        if let Err(error) = txn.put(table, &i.to_be_bytes(), &value) {
            return quirks::after(stage, Err(error.into()));
        }
    }
    Ok(Answer::ok())
}

fn churn(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let env = stage.world.env()?.clone();
    let table = stage.world.table(step.name("d"))?;
    let (value_len, seed) = (len(step, "vlen"), step.number("seed").unwrap_or_default());
    for round in 0..step.number("rounds").unwrap_or_default() {
        let mut txn = env.write()?;
        for i in 0..step.number("keys").unwrap_or_default() {
            let value = generate(value_len, seed + round * 1000 + i);
            txn.put(table, &i.to_be_bytes(), &value)
                .map_err(no_longer)?;
        }
        txn.commit()?;
    }
    Ok(Answer::ok())
}

fn len(step: &Step, member: &str) -> usize {
    usize::try_from(step.number(member).unwrap_or_default()).unwrap()
}
