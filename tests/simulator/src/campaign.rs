//! All the crashes of a recording, as far as there is time.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::disk::Disk;
use crate::judge::{Bounds, Crash, Found, Judge, Looked, Manner};
use crate::log::{Recorder, Step};
use crate::model::Model;
use crate::spot::{Moment, Spot, Start, leave, walk};
use crate::workload::{BOOT, Plan, Recording};

/// How many ways to stop at one moment are tried in a row.
const CHUNK: u64 = 4;
/// One in so many states is left by a crash after a crash.
const DEEP: u64 = 4;
/// A budget is spent in at least so many rounds over the moments.
const ROUNDS: u64 = 8;
/// How many ways to stop at one moment after a crash are tried.
const AGAIN: u64 = 2;
/// And at about so many moments.
const AGAIN_AT: u64 = 5;
/// After so many rounds without a new state there is none left, or hardly.
const MOST_IDLE: u64 = 3;

/// What was done, and what it came to.
#[derive(Debug, Default)]
pub struct Tally {
    /// The files that were opened after a power cut, no two alike.
    pub power: AtomicU64,
    /// Those that were opened after the end of a process.
    pub process: AtomicU64,
    /// Those that were left by a crash during or after the opening after a crash.
    pub again: AtomicU64,
    /// Those of them that were no sound database, where nothing was promised.
    pub ruins: AtomicU64,
}

impl Tally {
    /// Returns how many files were opened.
    #[must_use]
    pub fn states(&self) -> u64 {
        let counters = [&self.power, &self.process, &self.again];
        counters
            .iter()
            .map(|counter| counter.load(Ordering::Relaxed))
            .sum()
    }
}

/// The crashes of one recording.
#[derive(Debug)]
pub struct Campaign<'c> {
    plan: &'c Plan,
    recording: &'c Recording,
    judge: Judge,
    tally: &'c Tally,
    /// What was found in a file, by its contents and how it was opened.
    seen: HashMap<(u64, Crash), Found>,
    image: Vec<u8>,
}

impl<'c> Campaign<'c> {
    /// The crashes of what `plan` did.
    #[must_use]
    pub fn new(plan: &'c Plan, recording: &'c Recording, tally: &'c Tally) -> Campaign<'c> {
        Campaign {
            plan,
            recording,
            judge: Judge::new(),
            tally,
            seen: HashMap::new(),
            image: Vec::new(),
        }
    }

    /// Tries about `budget` states, no two alike, or all if there are fewer.
    ///
    /// # Errors
    ///
    /// In words: the first state that is not as it must be, and how to have it again.
    pub fn run(&mut self, budget: u64) -> Result<(), String> {
        // Every so many moments at a time, so that a small budget reaches the end of the recording too.
        let stride = 1 + 3 * self.recording.steps.len() as u64 * ROUNDS / budget.max(1);
        let mut idle = 0;
        for pass in 0.. {
            let before = self.tally.states();
            let (class, round) = (pass % stride, pass / stride);
            let numbers = round * CHUNK..(round + 1) * CHUNK;
            self.pass(numbers, budget, &|spot| {
                spot.moment as u64 % stride == class
            })?;
            let states = self.tally.states();
            idle = if states > before { 0 } else { idle + 1 };
            if states >= budget || idle > MOST_IDLE * stride {
                break;
            }
        }
        Ok(())
    }

    /// Tries the state at `spot`, and those that crashes after it leave.
    ///
    /// # Errors
    ///
    /// As [`run`](Campaign::run).
    pub fn run_only(&mut self, spot: Spot) -> Result<(), String> {
        self.pass(spot.number..spot.number + 1, u64::MAX, &|other| {
            other == spot
        })
    }

    /// Stops where `is_wanted` says so in the ways of these numbers, as long as there are fewer than `limit` states.
    fn pass(
        &mut self,
        numbers: Range<u64>,
        limit: u64,
        is_wanted: &dyn Fn(Spot) -> bool,
    ) -> Result<(), String> {
        let (recording, name) = (self.recording, &self.plan.name);
        walk(
            &recording.steps,
            Disk::default(),
            Start::creation(),
            &mut |moment| {
                for crash in moment.crashes() {
                    for number in numbers.clone() {
                        let spot = Spot {
                            moment: moment.number,
                            crash,
                            number,
                        };
                        if self.tally.states() >= limit || !is_wanted(spot) {
                            continue;
                        }
                        self.stop(moment, spot)
                            .map_err(|complaint| format!("{name}/{complaint}"))?;
                        if !moment.has_ways(crash) {
                            break;
                        }
                    }
                }
                Ok(())
            },
        )
    }

    /// Stops once.
    fn stop(&mut self, moment: &Moment<'_>, spot: Spot) -> Result<(), String> {
        let mut image = std::mem::take(&mut self.image);
        let way = leave(self.plan.seed, moment, spot, &mut image);
        let bounds = moment.bounds(spot.crash);
        let key = (hash(&image), spot.crash);
        let result = match self.seen.get(&key) {
            Some(&found) => bounds.objection(found).map_or(Ok(()), Err),
            None => self.look(moment, &image, key),
        };
        self.image = image;
        result.map_err(|complaint| format!("{spot}\n  {way}\n  {bounds:?}\n  {complaint}"))
    }

    /// Opens a file that was not seen before.
    fn look(&mut self, moment: &Moment<'_>, image: &[u8], key: (u64, Crash)) -> Result<(), String> {
        let (hash, crash) = key;
        let (counter, boot) = match crash {
            Crash::Power => (&self.tally.power, BOOT + 1),
            Crash::Process => (&self.tally.process, BOOT),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let history = &self.recording.history;
        let is_deep = self.tally.again.load(Ordering::Relaxed) * DEEP <= self.tally.states();
        let recorder = is_deep.then(Arc::<Recorder>::default);
        // Whoever opens it next may promise less than those before.
        let mut manner = Manner::plain(boot);
        if hash % 3 == 0 {
            manner.durability = self.plan.modes.weakest();
        }
        manner.write_map = self.plan.write_map && hash % 2 == 0;
        let judge = &self.judge;
        let looked = judge.look(image, manner, &[history], recorder.as_ref())?;
        self.seen.insert(key, looked.found);
        if looked.found == Found::Ruin {
            self.tally.ruins.fetch_add(1, Ordering::Relaxed);
        }
        object(moment.bounds(crash), &looked)?;
        let Some(recorder) = recorder.filter(|_| !looked.next.is_empty()) else {
            return Ok(());
        };
        let disk = match crash {
            Crash::Power => Disk::holding(image.to_vec()),
            Crash::Process => moment.disk_after_process(image),
        };
        self.stop_again(&recorder.take(), disk, moment, key, &looked.next)
    }

    /// Stops during what was done after a crash.
    fn stop_again(
        &self,
        steps: &[Step],
        disk: Disk,
        first: &Moment<'_>,
        (hash, first_crash): (u64, Crash),
        next: &BTreeMap<u64, Arc<Model>>,
    ) -> Result<(), String> {
        let histories = [&self.recording.history, next];
        let start = Start {
            after_power_cut: first.bounds(Crash::Power),
            after_process: first.bounds(first_crash),
            opening_settles: first_crash == Crash::Power,
        };
        let (stride, mut image) = (1 + steps.len() as u64 / AGAIN_AT, Vec::new());
        walk(steps, disk, start, &mut |moment| {
            if !(hash + moment.number as u64).is_multiple_of(stride) {
                return Ok(());
            }
            for crash in moment.crashes() {
                let bounds = moment.bounds(crash);
                let boot =
                    BOOT + u8::from(first_crash == Crash::Power) + u8::from(crash == Crash::Power);
                for number in 0..AGAIN {
                    let spot = Spot {
                        moment: moment.number,
                        crash,
                        number,
                    };
                    let way = leave(self.plan.seed, moment, spot, &mut image);
                    self.tally.again.fetch_add(1, Ordering::Relaxed);
                    self.judge
                        .look(&image, Manner::plain(boot), &histories, None)
                        .and_then(|looked| object(bounds, &looked))
                        .map_err(|complaint| {
                            format!("then {spot}\n  {way}\n  {bounds:?}\n  {complaint}")
                        })?;
                    if !moment.has_ways(crash) {
                        break;
                    }
                }
            }
            Ok(())
        })
    }
}

/// Says what is wrong with what was found, if anything is.
fn object(bounds: Bounds, looked: &Looked) -> Result<(), String> {
    match bounds.objection(looked.found) {
        None => Ok(()),
        Some(objection) => {
            let complaint = looked
                .complaint
                .as_deref()
                .unwrap_or("otherwise it is sound");
            Err(format!("{objection}: {complaint}"))
        }
    }
}

/// Returns a number that tells files apart.
fn hash(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let rest = rest.iter().map(|&byte| u64::from(byte));
    words.chain(rest).fold(bytes.len() as u64, |hash, word| {
        (hash ^ word)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(29)
    })
}
