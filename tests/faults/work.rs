//! What is done while the disk fails, and what must be there afterwards.
//!
//! The work is a list of steps, the same each time, so that its contents after each of them are known.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use mdbx_core::sim::set_boot_id;
use mdbx_core::tools::check::check;
use mdbx_core::{Durability, Env, EnvOptions, Error, Geometry, PageSize, ReadTxn, Result, Table};

use crate::disk::FaultyDisk;

/// How many steps there are. The first one creates the database, the last one closes it.
pub(crate) const STEPS: usize = 12;
/// How many there are for those who have the time. From the first one beyond the others on it is open again.
pub(crate) const MORE_STEPS: usize = 36;

type Contents = BTreeMap<Vec<u8>, Vec<u8>>;
/// A key, and its new value, or none.
type Change = (Vec<u8>, Option<Vec<u8>>);

/// The key that shows whether writes are taken.
const AGAIN: &[u8] = b"again";
/// The steps that end with everything on the disk, in any mode.
const SYNCED: [usize; 5] = [0, 5, 7, 9, 11];
/// The step with a checkpoint, and how many changes come before that.
const CHECKPOINT: usize = 6;
const BEFORE_CHECKPOINT: usize = 4;

/// Returns two boots: the one in which the work is done, and another one.
pub(crate) fn boots() -> [u8; 2] {
    [1, 2]
}

/// Returns what step number `step` stores; with no value it deletes.
fn changes(step: usize) -> Vec<Change> {
    let key = |number: usize| format!("{number:05}").into_bytes();
    let value = |number: usize| Some(vec![step.to_le_bytes()[0]; 20 + number % 90]);
    match step {
        1 => (0..3).map(|number| (key(number), value(number))).collect(),
        2 => (0..250)
            .map(|number| (key(number * 7), value(number)))
            .collect(), // it spills
        3 => (0..20)
            .map(|number| (key(number * 70), value(number)))
            .collect(),
        4 => (5..250).map(|number| (key(number * 7), None)).collect(), // it shrinks
        6 => (0..30).map(|number| (key(number), value(number))).collect(),
        8 => (0..60)
            .map(|number| (key(1000 + number), value(number)))
            .collect(),
        9 => vec![(b"large".to_vec(), Some(vec![9; 20_000]))],
        10 => vec![(b"large".to_vec(), None), (key(1), value(1))],
        13.. => (0..4)
            .map(|number| (key(step * (number + 1) % 97), value(number)))
            .collect(),
        _ => Vec::new(),
    }
}

/// Returns what is stored after that many steps.
fn contents_after(steps: usize) -> &'static Contents {
    static ALL: OnceLock<Vec<Contents>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let mut all = vec![Contents::new()];
        for step in 0..MORE_STEPS {
            let mut contents = all[step].clone();
            change(&mut contents, changes(step));
            all.push(contents);
        }
        all
    });
    &all[steps]
}

fn change(contents: &mut Contents, changes: impl IntoIterator<Item = Change>) {
    for (key, value) in changes {
        match value {
            Some(value) => contents.insert(key, value),
            None => contents.remove(&key),
        };
    }
}

/// A database that is worked on.
pub(crate) struct Work {
    path: PathBuf,
    disk: Arc<FaultyDisk>,
    durability: Durability,
    env: Option<Env>,
    /// A reader of the state before the present step, and what it read when it began.
    reader: Option<(ReadTxn<'static>, Contents)>,
    /// How many steps were done.
    done: usize,
    /// How many of them are on the disk.
    synced: usize,
    /// Whether what was not synced is as good as ever: no sync has failed.
    trusts_memory: bool,
    /// Whether the present step is begun, so that its contents may be there.
    is_begun: bool,
}

impl Work {
    pub(crate) fn new(path: &Path, disk: Arc<FaultyDisk>, durability: Durability) -> Work {
        set_boot_id(Some([boots()[0]; 16]));
        Work {
            path: path.to_owned(),
            disk,
            durability,
            env: None,
            reader: None,
            done: 0,
            synced: 0,
            is_begun: false,
            trusts_memory: true,
        }
    }

    fn options(&self) -> EnvOptions {
        let geometry = Geometry::default()
            .page_size(PageSize::MIN)
            .lower(16 << 10)
            .upper(1 << 20)
            .growth_step(if self.done < 7 { 4096 } else { 8192 })
            .shrink_threshold(8192);
        Env::options()
            .geometry(geometry)
            .dirty_limit(8192)
            .durability(self.durability)
            .simulate(self.disk.clone())
    }

    pub(crate) fn is_open(&self) -> bool {
        self.env.is_some()
    }

    pub(crate) fn close(&mut self) {
        (self.reader, self.env) = (None, None);
    }

    /// Opens the database, if there is one yet, and does again what was lost, up to step number `step`.
    pub(crate) fn go_on(&mut self, step: usize) -> Result<()> {
        if self.done > 0 {
            self.env = Some(self.options().open(&self.path)?);
        }
        (self.synced.min(step)..=step).try_for_each(|step| self.step(step))
    }

    /// Does a step, or does it again: each leads to the same state however often it is done.
    pub(crate) fn step(&mut self, step: usize) -> Result<()> {
        self.done = step;
        self.is_begun = true;
        self.do_step(step)?;
        self.trusts_memory = true;
        self.done = step + 1;
        if self.durability == Durability::Durable || SYNCED.contains(&step) {
            self.synced = self.done;
        }
        self.is_begun = false;
        Ok(())
    }

    fn do_step(&mut self, step: usize) -> Result<()> {
        if [0, 7, STEPS].contains(&step) {
            self.reader = None;
            self.env.take().map_or(Ok(()), Env::close)?;
            self.env = Some(self.options().open(&self.path)?); // step 7 changes the geometry
            return Ok(());
        }
        let env = self.env.as_ref().unwrap();
        let reader = env.read_owned()?;
        let contents = read(&reader);
        self.reader = Some((reader, contents));
        match step {
            5 => return env.resize(Geometry::default().lower(64 << 10)),
            11 => {
                self.reader = None;
                return self.env.take().unwrap().close();
            }
            _ => {}
        }
        let mut txn = env.write()?;
        for (number, (key, value)) in changes(step).into_iter().enumerate() {
            match value {
                Some(value) => txn.put(Table::MAIN, &key, &value)?,
                None => txn.delete(Table::MAIN, &key).map(drop)?,
            }
            if step == CHECKPOINT && number + 1 == BEFORE_CHECKPOINT {
                txn.checkpoint()?;
            }
        }
        txn.commit()?;
        if step == 9 {
            env.sync()?;
        }
        Ok(())
    }

    /// Asserts that the newest snapshot, and the one of the reader from before, are what they must be.
    pub(crate) fn assert_readable(&self) {
        let Some(env) = &self.env else {
            return;
        };
        let txn = env.read().unwrap();
        if self.trusts_memory {
            assert_sound(&txn);
        }
        let is_known = self.is_possible(&read(&txn));
        assert!(is_known, "step {} left something else", self.done);
        if let Some((reader, before)) = &self.reader {
            assert_eq!(read(reader), *before, "an old snapshot changed");
        }
    }

    /// Returns whether these contents may be there now.
    fn is_possible(&self, contents: &Contents) -> bool {
        let most = if self.is_begun {
            self.done + 1
        } else {
            self.done
        };
        is_possible(contents, self.done, most)
    }

    /// Notes that a sync has failed: what was not on the disk before may never get there.
    pub(crate) fn distrust_memory(&mut self) {
        self.trusts_memory = false;
    }

    pub(crate) fn assert_takes_no_writes(&self) {
        let error = self.env.as_ref().unwrap().write().unwrap_err();
        assert!(matches!(error, Error::EnvFailed), "{error:?}");
        let text = "an earlier write to the disk failed: reopen the environment to write again";
        assert_eq!(error.to_string(), text);
    }

    pub(crate) fn assert_takes_writes(&self) {
        let env = self.env.as_ref().unwrap();
        let mut txn = env.write().unwrap();
        let before = read(&env.read().unwrap());
        txn.put(Table::MAIN, AGAIN, b"").unwrap();
        txn.commit().unwrap();
        let mut txn = env.write().unwrap();
        txn.delete(Table::MAIN, AGAIN).unwrap();
        txn.commit().unwrap();
        assert_eq!(read(&env.read().unwrap()), before);
    }

    /// Asserts that a copy of the file, opened in the boot of that number, holds what it must.
    pub(crate) fn assert_survives_in_a_copy(&self, boot: u8) -> Result<()> {
        if self.done > 0 {
            let copy = self.path.with_extension("copy");
            std::fs::copy(&self.path, &copy).unwrap();
            let contents = open_in(boot, &copy)?;
            // What was not synced is lost in another boot, and in this one if it could not be synced.
            let least = if self.trusts_memory && boot == boots()[0] {
                self.done
            } else {
                self.synced
            };
            assert!(
                (least..=self.done).any(|done| is_possible(&contents, done, done + 1)),
                "step {} left something else",
                self.done
            );
        }
        Ok(())
    }

    /// Asserts that `path`, opened in the boot of that number, holds what a process left that had done so many steps and
    /// maybe a part of the next one.
    pub(crate) fn assert_left_after(path: &Path, steps: usize, boot: u8) -> Result<()> {
        let copy = path.with_extension("copy");
        if !path.exists() && steps == 0 {
            return Ok(());
        }
        std::fs::copy(path, &copy).unwrap();
        let contents = open_in(boot, &copy)?;
        assert!(
            is_possible(&contents, steps, steps + 1),
            "after {steps} steps"
        );
        Ok(())
    }
}

/// Returns whether these contents are those after so many steps, at least and at most, or after a part of the last one.
fn is_possible(contents: &Contents, least: usize, most: usize) -> bool {
    if [least, most].map(contents_after).contains(&contents) {
        return true;
    }
    let mut halfway = contents_after(least).clone();
    change(
        &mut halfway,
        changes(least).into_iter().take(BEFORE_CHECKPOINT),
    );
    least == CHECKPOINT && most > least && halfway == *contents
}

/// Opens a file in the boot of that number, checks it, writes to it, and returns what was in it.
fn open_in(boot: u8, path: &Path) -> Result<Contents> {
    set_boot_id(Some([boot; 16]));
    let env = Env::open(path)?;
    let mut contents = read(&env.read()?);
    contents.remove(AGAIN); // between two commits of no step
    assert_sound(&env.read()?);
    let mut txn = env.write()?;
    txn.put(Table::MAIN, b"later", &[1; 500])?;
    txn.commit()?;
    assert_sound(&env.read()?);
    set_boot_id(Some([boots()[0]; 16]));
    Ok(contents)
}

fn assert_sound(txn: &ReadTxn<'_>) {
    let report = check(txn);
    assert!(report.is_sound(), "{report}");
}

fn read(txn: &ReadTxn<'_>) -> Contents {
    let items = txn.table(Table::MAIN).unwrap();
    let owned =
        |item: Result<(&[u8], &[u8])>| item.map(|(key, value)| (key.to_vec(), value.to_vec()));
    items.iter().map(owned).collect::<Result<_>>().unwrap()
}
