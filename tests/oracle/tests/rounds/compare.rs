//! Reading all of a file with both engines, and comparing it with what must be there.

use std::collections::BTreeMap;
use std::path::Path;

use mdbx_core::ReadTxn;
use mdbx_core::tools::check::check;
use mdbx_oracle::c;

use crate::common::{Items, Rng};
use crate::content::{Model, ModelTable, Spec, flags_in_c};
use crate::engines::{Outcome, Seen, look_here, look_there, open_here, same};
use crate::plan::Plan;

/// How much was compared, summed over rounds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Snapshots of all tables.
    pub(crate) states: usize,
    /// Items of those snapshots, each read in both directions.
    pub(crate) items: usize,
    pub(crate) large_pages: u64,
    /// The height of the highest tree.
    pub(crate) height: u32,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Tally) {
        self.states += other.states;
        self.items += other.items;
        self.large_pages += other.large_pages;
        self.height = self.height.max(other.height);
    }
}

/// What is seen of each table that is there.
pub(crate) type View = BTreeMap<usize, Seen>;

pub(crate) fn see_here(txn: &ReadTxn<'_>, plan: &Plan, probes: &[Vec<Vec<u8>>]) -> Outcome<View> {
    let mut view = View::new();
    for table in 0..plan.specs.len() {
        let probes = probes.get(table).map_or(&[][..], |probes| probes);
        view.extend(look_here(txn, table, probes)?.map(|seen| (table, seen)));
    }
    Ok(view)
}

pub(crate) fn see_there(txn: &c::Txn<'_>, plan: &Plan, probes: &[Vec<Vec<u8>>]) -> Outcome<View> {
    let mut view = View::new();
    for table in 0..plan.specs.len() {
        let probes = probes.get(table).map_or(&[][..], |probes| probes);
        view.extend(look_there(txn, table, probes)?.map(|seen| (table, seen)));
    }
    Ok(view)
}

/// Compares what is seen with what must be there.
pub(crate) fn compare(view: &View, plan: &Plan, model: &Model) -> Outcome<Tally> {
    let mut tally = Tally {
        states: 1,
        ..Tally::default()
    };
    for table in 0..plan.specs.len() {
        let what = |what: &str| format!("{what} of table {table}");
        let Some(seen) = view.get(&table) else {
            same(&what("presence"), &false, &model.contains_key(&table))?;
            continue;
        };
        let empty = ModelTable::new(plan.specs[table]);
        let expected = match model.get(&table) {
            None if table > 0 => return Err(what("unexpected presence").into()),
            expected => expected.unwrap_or(&empty).items(),
        };
        // No key of ours in a main table that holds the records of others begins as their names do.
        let is_record =
            |key: &[u8]| table == 0 && plan.specs.len() > 1 && key.first() == Some(&b't');
        let only_items = |items: &Items| -> Items {
            let items = items.iter().filter(|(key, _)| !is_record(key));
            items.cloned().collect()
        };
        let mut backwards = only_items(&seen.backwards);
        backwards.reverse();
        same(&what("items"), &only_items(&seen.items), &expected)?;
        same(&what("items backwards"), &backwards, &expected)?;
        same(
            &what("number of items"),
            &seen.stat.items,
            &(seen.items.len() as u64),
        )?;
        same(
            &what("flags"),
            &seen.flags,
            &flags_in_c(plan.specs[table].flags),
        )?;
        tally.items += expected.len();
        tally.large_pages += seen.stat.large_pages;
        tally.height = tally.height.max(seen.stat.height);
    }
    Ok(tally)
}

/// Compares what was found for each probe with what must be found.
fn compare_probes(view: &View, probes: &[Vec<Vec<u8>>], model: &Model) -> Outcome<()> {
    for (table, contents) in model.iter().filter(|(table, _)| **table > 0) {
        let what = |what: &str| format!("{what} in table {table}");
        let seen = &view[table];
        for (number, probe) in probes[*table].iter().enumerate() {
            same(
                &what("get"),
                &seen.gets[number],
                &contents.first_value(probe),
            )?;
            same(
                &what("seek"),
                &seen.seeks[number],
                &contents.at_or_after(probe),
            )?;
        }
    }
    Ok(())
}

/// Has both engines check and read the file, and compares what they see.
pub(crate) fn inspect(path: &Path, plan: &Plan, model: &Model) -> Outcome<Tally> {
    let mut rng = Rng::with_seed(plan.seed);
    let mut keys = |spec: &Spec| -> Vec<Vec<u8>> {
        let numbers = (0..40).map(|_| u32::try_from(rng.below(400)).unwrap());
        numbers.map(|number| spec.key(number)).collect()
    };
    let probes: Vec<_> = plan.specs.iter().map(&mut keys).collect();
    let (here, info, canary) = {
        let env = open_here(path, plan, None)?;
        let txn = env.read()?;
        let report = check(&txn);
        if !report.is_sound() {
            return Err(format!("our check: {report}").into());
        }
        let info = env.info()?;
        let info = c::Info {
            allocated_pages: info.allocated_pages.into(),
            last_txnid: info.last_txnid.0,
            lower: info.geometry.lower,
            upper: info.geometry.upper,
            growth_step: info.geometry.growth_step,
            shrink_threshold: info.geometry.shrink_threshold,
        };
        let canary = env.write()?.canary();
        let [x, y, z] = canary.marks;
        let canary = [x, y, z, canary.set_by.0];
        (see_here(&txn, plan, &probes)?, info, canary)
    };
    let tally = compare(&here, plan, model).map_err(|error| format!("here: {error}"))?;
    compare_probes(&here, &probes, model).map_err(|error| format!("here: {error}"))?;
    let env = c::Env::open(path, c::READ_ONLY, None)?;
    let report = env.check()?;
    if report.problems > 0 {
        return Err(format!("libmdbx's check: {:#?}", report.findings).into());
    }
    let txn = env.read()?;
    same("canary", &canary, &txn.canary()?)?;
    let there = see_there(&txn, plan, &probes)?;
    same("info", &info, &env.info()?)?;
    for table in 0..plan.specs.len() {
        same(
            &format!("table {table}, here and there"),
            &here.get(&table),
            &there.get(&table),
        )?;
    }
    Ok(tally)
}
