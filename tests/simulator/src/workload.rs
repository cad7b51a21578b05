//! What is done to a database while its disk is recorded.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use mdbx_core::sim::set_boot_id;
use mdbx_core::{Env, EnvOptions, Geometry, PageSize, Result, WriteTxn};

use crate::change::{change, geometry_change};
use crate::log::{Lies, Promise, Recorder, Step};
use crate::model::Model;
use crate::rng::Rng;

/// The boot of the machine in which workloads run, by its number.
pub const BOOT: u8 = 1;

/// What a workload does most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// A bit of everything.
    Mixed,
    /// It grows and shrinks in turn.
    Tides,
    /// It replaces the same few items over and over.
    Churn,
    /// It changes values of keys with several, in nested transactions.
    Nested,
    /// It stores values on pages of their own.
    Large,
    /// Its transactions do not fit in memory.
    Spill,
    /// It creates, clears and drops tables.
    Tables,
    /// It changes the geometry.
    Geometry,
    /// It closes the database and opens it again.
    Reopen,
}

/// A workload. The same plan does the same each time.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What it is called.
    pub name: String,
    /// The size of the pages.
    pub page_size: u32,
    /// What it does most.
    pub habit: Habit,
    /// What its random numbers depend on.
    pub seed: u64,
    /// How many transactions it makes.
    pub transactions: usize,
    /// How the disk is worse than it says.
    pub lies: Lies,
}

/// What a workload did, and what must be there at which moment.
#[derive(Debug)]
pub struct Recording {
    /// What it did.
    pub steps: Vec<Step>,
    /// The contents after each commit, by the id of its transaction.
    pub history: BTreeMap<u64, Arc<Model>>,
}

impl Plan {
    /// Returns the options to open the database with.
    fn options(&self) -> EnvOptions {
        let unit = u64::from(self.page_size.max(4096));
        let geometry = Geometry::default()
            .page_size(PageSize::new(self.page_size).unwrap_or_default())
            .lower(4 * unit)
            .upper(1024 * unit)
            .growth_step(2 * unit)
            .shrink_threshold(4 * unit);
        let options = Env::options().geometry(geometry);
        match self.habit {
            Habit::Spill => options.dirty_limit(4 * self.page_size as usize),
            _ => options,
        }
    }

    /// Does the work in a new database at `path`.
    ///
    /// # Errors
    ///
    /// Those of the database.
    ///
    /// # Panics
    ///
    /// If the database does not hold what it should while it is open.
    pub fn run(&self, path: &Path) -> Result<Recording> {
        set_boot_id(Some([BOOT; 16]));
        let mut work = Work {
            plan: self,
            path,
            recorder: Arc::new(Recorder::lying(self.lies)),
            rng: Rng::new(self.seed),
            model: Model::default(),
            history: (0..=3).map(|txnid| (txnid, Arc::default())).collect(),
        };
        let mut env = work.open()?;
        for number in 0..self.transactions {
            if self.habit == Habit::Reopen && work.rng.once_in(3) {
                drop(env);
                env = work.open()?;
            }
            if self.habit == Habit::Geometry && work.rng.once_in(3) {
                work.resize(&env)?;
            }
            work.transact(&env, number)?;
        }
        let txn = env.read()?;
        let difference = work.model.difference(&txn)?;
        assert_eq!(difference, None, "{self:?}");
        drop(txn);
        drop(env);
        Ok(Recording {
            steps: work.recorder.take(),
            history: work.history,
        })
    }
}

/// A workload that runs.
struct Work<'p> {
    plan: &'p Plan,
    path: &'p Path,
    recorder: Arc<Recorder>,
    rng: Rng,
    /// What the database holds now.
    model: Model,
    history: BTreeMap<u64, Arc<Model>>,
}

impl Work<'_> {
    fn open(&mut self) -> Result<Env> {
        self.recorder.note(Step::Begin);
        let env = self
            .plan
            .options()
            .simulate(self.recorder.clone())
            .open(self.path)?;
        let newest = env.info()?.last_txnid.0;
        self.done(newest);
        Ok(env)
    }

    fn resize(&mut self, env: &Env) -> Result<()> {
        self.recorder.note(Step::Begin);
        env.resize(geometry_change(&mut self.rng, self.plan.page_size))?;
        let newest = env.info()?.last_txnid.0;
        self.done(newest);
        Ok(())
    }

    /// Makes a transaction, or several in one go, or one that is undone.
    fn transact(&mut self, env: &Env, number: usize) -> Result<()> {
        let mut txn = env.write()?;
        loop {
            let mut model = self.model.clone();
            self.change(&mut txn, &mut model, number)?;
            match self.rng.below(12) {
                0 => return Ok(()), // the transaction is dropped, and undone
                1 => {
                    self.recorder.note(Step::Begin);
                    let newest = txn.checkpoint()?;
                    self.model = model;
                    self.done(newest.map_or(txn.id().0 - 1, |newest| newest.0));
                }
                _ => {
                    self.recorder.note(Step::Begin);
                    let newest = txn.commit()?.0;
                    self.model = model;
                    self.done(newest);
                    return Ok(());
                }
            }
        }
    }

    /// Makes the changes of one transaction, in parts in nested ones.
    fn change(&mut self, txn: &mut WriteTxn<'_>, model: &mut Model, number: usize) -> Result<()> {
        let (plan, rng) = (self.plan, &mut self.rng);
        let is_nesting = plan.habit == Habit::Nested || rng.once_in(8);
        if is_nesting {
            let (mut nested, mut changed) = (txn.nested()?, model.clone());
            change(&mut nested, &mut changed, plan, number, rng)?;
            if rng.once_in(4) {
                nested.abort();
            } else {
                nested.commit()?;
                *model = changed;
            }
        }
        change(txn, model, plan, number, rng)
    }

    /// Notes that the commit `newest` has returned.
    fn done(&mut self, newest: u64) {
        self.history.insert(newest, Arc::new(self.model.clone()));
        self.recorder.note(Step::Done(Promise {
            newest,
            after_power_cut: Some(newest),
        }));
    }
}
