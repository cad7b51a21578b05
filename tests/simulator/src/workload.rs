//! What is done to a database while its disk is recorded.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use mdbx_core::sim::set_boot_id;
use mdbx_core::{Durability, Env, EnvOptions, Geometry, PageSize, Result, WriteTxn};

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

/// What the commits of a workload promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modes {
    /// The same all the time.
    Only(Durability),
    /// Now this, now that.
    Mixed,
}

impl Modes {
    /// Returns the weakest of them.
    #[must_use]
    pub fn weakest(self) -> Durability {
        match self {
            Modes::Only(durability) => durability,
            Modes::Mixed => Durability::SafeNoSync,
        }
    }
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
    /// What its commits promise.
    pub modes: Modes,
    /// Whether pages are written through a mapping.
    pub write_map: bool,
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
        let mut options = Env::options().geometry(geometry).write_map(self.write_map);
        if let Modes::Only(durability) = self.modes {
            options = options.durability(durability);
        }
        if self.seed.is_multiple_of(3) {
            options = options.sync_bytes(40 * u64::from(self.page_size));
        }
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
            floor: Some(3),
            steady: None,
            history: (0..=3).map(|txnid| (txnid, Arc::default())).collect(),
        };
        let mut env = work.open()?;
        for number in 0..self.transactions {
            if self.habit == Habit::Reopen && work.rng.once_in(3) {
                work.close(env)?;
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
    /// The oldest state to which a power cut may lead back.
    floor: Option<u64>,
    /// The newest commit whose meta says steady, though it may not be on the disk, if it is newer than that.
    steady: Option<u64>,
}

impl Work<'_> {
    fn open(&mut self) -> Result<Env> {
        self.recorder.note(Step::Begin);
        let options = self.plan.options().simulate(self.recorder.clone());
        let env = options.open(self.path)?;
        let newest = env.info()?.last_txnid.0;
        self.committed(newest, Durability::Durable); // if it had to, because the geometry is another one
        Ok(env)
    }

    /// Closes the database, in one of the ways to do that.
    fn close(&mut self, env: Env) -> Result<()> {
        let newest = env.info()?.last_txnid.0;
        match self.rng.below(3) {
            0 => {
                env.close_without_sync();
                return Ok(());
            }
            1 => drop(env),
            _ => env.close()?,
        }
        self.done(newest, Durability::Durable);
        Ok(())
    }

    fn resize(&mut self, env: &Env) -> Result<()> {
        self.recorder.note(Step::Begin);
        env.resize(geometry_change(&mut self.rng, self.plan.page_size))?;
        let newest = env.info()?.last_txnid.0;
        self.committed(newest, Durability::Durable);
        Ok(())
    }

    /// Changes the mode, or syncs, now and then.
    fn govern(&mut self, env: &Env) -> Result<()> {
        if self.plan.modes == Modes::Mixed && self.rng.once_in(3) {
            env.set_durability(match self.rng.below(10) {
                0..2 => Durability::Durable,
                2..4 => Durability::SingleSync,
                4..6 => Durability::NoMetaSync,
                6..9 => Durability::SafeNoSync,
                _ => Durability::UtterlyNoSync,
            })?;
        }
        if self.plan.modes.weakest() != Durability::Durable && self.rng.once_in(6) {
            env.sync()?;
            let newest = env.info()?.last_txnid.0;
            self.done(newest, Durability::Durable);
        }
        Ok(())
    }

    /// Makes a transaction, or several in one go, or one that is undone.
    fn transact(&mut self, env: &Env, number: usize) -> Result<()> {
        self.govern(env)?;
        let durability = env.durability();
        if durability == Durability::UtterlyNoSync {
            self.floor = None;
            self.recorder.note(Step::Risk);
        }
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
                    self.committed(newest.map_or(txn.id().0 - 1, |newest| newest.0), durability);
                }
                _ => {
                    let mut durability = durability;
                    if self.plan.modes == Modes::Mixed && self.rng.once_in(5) {
                        txn.weaken(Durability::SafeNoSync);
                        durability = durability.max(Durability::SafeNoSync);
                    }
                    self.recorder.note(Step::Begin);
                    let newest = txn.commit()?.0;
                    self.model = model;
                    self.committed(newest, durability);
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

    /// Notes that a commit has returned. If nothing was changed, the newest one is an older one.
    fn committed(&mut self, newest: u64, durability: Durability) {
        if self.history.contains_key(&newest) {
            self.note(newest); // it is no more durable for that
        } else {
            self.history.insert(newest, Arc::new(self.model.clone()));
            self.done(newest, durability);
        }
    }

    /// Notes that everything up to `newest` is as durable as that.
    fn done(&mut self, newest: u64, durability: Durability) {
        match durability {
            Durability::Durable | Durability::SingleSync => {
                (self.floor, self.steady) = (Some(newest), None);
            }
            // It flushes what is before it, and its own meta comes later.
            Durability::NoMetaSync => {
                self.floor = self.steady.or(self.floor);
                self.steady = Some(newest);
            }
            // It relies on the newest that says steady.
            Durability::SafeNoSync => self.floor = self.steady.take().or(self.floor),
            _ => (self.floor, self.steady) = (None, None),
        }
        self.note(newest);
    }

    /// Notes what is promised now.
    fn note(&self, newest: u64) {
        self.recorder.note(Step::Done(Promise {
            newest,
            after_power_cut: self.floor,
        }));
    }
}
