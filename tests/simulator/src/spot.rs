//! The moments of a recording to stop at, and the ways to stop there.

use std::fmt;
use std::str::FromStr;

use crate::disk::{Choice, Disk};
use crate::judge::{Bounds, Crash, Oldest};
use crate::log::Step;
use crate::rng::Rng;

/// A crash. With the numbers of one it can be had again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// When: each step has three moments, see [`walk`].
    pub moment: usize,
    /// What happens then.
    pub crash: Crash,
    /// Which of the ways to stop there.
    pub number: u64,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.crash {
            Crash::Power => "power",
            Crash::Process => "process",
        };
        write!(f, "{}:{kind}:{}", self.moment, self.number)
    }
}

impl FromStr for Spot {
    type Err = String;

    fn from_str(text: &str) -> Result<Spot, String> {
        let bad = || format!("`{text}` is not like 17:power:3");
        let mut parts = text.trim().split(':');
        let mut part = || parts.next().ok_or_else(bad);
        Ok(Spot {
            moment: part()?.parse().map_err(|_| bad())?,
            crash: match part()? {
                "power" => Crash::Power,
                "process" => Crash::Process,
                _ => return Err(bad()),
            },
            number: part()?.parse().map_err(|_| bad())?,
        })
    }
}

/// A moment to stop at.
#[derive(Debug)]
pub struct Moment<'m> {
    /// Its number.
    pub number: usize,
    /// The disk.
    pub disk: &'m Disk,
    /// Which third of the step it is.
    third: Third,
    step: &'m Step,
    after_power_cut: Bounds,
    after_process: Bounds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Third {
    /// A write is being done: a process that ends now leaves a part of it.
    Before,
    /// A durable write is being done: the disk has any part of it.
    During,
    /// The step was done.
    After,
}

/// What holds before the first step.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// What may be found after a power cut.
    pub after_power_cut: Bounds,
    /// What may be found after the end of a process.
    pub after_process: Bounds,
    /// Whether what an opening finds is durable when that returns.
    pub opening_settles: bool,
}

impl Start {
    /// A disk on which there is no database yet, and that is just being created.
    #[must_use]
    pub fn creation() -> Start {
        let creation = Bounds {
            oldest: Oldest::Commit(3), // that of an empty database
            newest: 3,
        };
        Start {
            after_power_cut: creation,
            after_process: creation,
            opening_settles: true,
        }
    }
}

/// Calls `stop` at every moment, until it fails. Each step has three:
///
/// | number | moment | of which steps |
/// | --- | --- | --- |
/// | 3 n | the process ends during step n | writes |
/// | 3 n + 1 | the power is cut during step n | durable writes |
/// | 3 n + 2 | either, after step n | all |
///
/// # Errors
///
/// Those of `stop`.
pub fn walk(
    steps: &[Step],
    mut disk: Disk,
    start: Start,
    stop: &mut dyn FnMut(&Moment<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let Start {
        mut after_power_cut,
        mut after_process,
        opening_settles,
    } = start;
    for (number, step) in steps.iter().enumerate() {
        match step {
            // What is begun may be there, though nobody was told so.
            Step::Begin => {
                let next = next_commit(&steps[number..]).unwrap_or(0);
                after_power_cut.newest = after_power_cut.newest.max(next);
            }
            Step::Done(promise) => {
                after_power_cut = Bounds {
                    oldest: promise
                        .after_power_cut
                        .map_or(Oldest::Chaos, Oldest::Commit),
                    newest: promise.newest,
                };
                after_process.oldest = Oldest::Commit(promise.newest);
            }
            Step::DoneWeakly(newest) => {
                after_power_cut.newest = *newest;
                after_process.oldest = Oldest::Commit(*newest);
            }
            Step::Risk => after_power_cut.oldest = Oldest::Chaos,
            Step::Opened(newest) => {
                after_power_cut.newest = *newest;
                after_process.oldest = Oldest::Commit(*newest);
                if opening_settles {
                    after_power_cut.oldest = Oldest::Commit(*newest);
                }
            }
            _ => {}
        }
        after_process.newest = after_power_cut.newest;
        let moment = |third, disk: &Disk, stop: &mut dyn FnMut(&Moment<'_>) -> _| {
            stop(&Moment {
                number: 3 * number + third as usize,
                disk,
                third,
                step,
                after_power_cut,
                after_process,
            })
        };
        if matches!(step, Step::Write { .. }) {
            moment(Third::Before, &disk, stop)?;
        }
        disk.begin(step);
        if matches!(step, Step::Write { durable: true, .. }) {
            moment(Third::During, &disk, stop)?;
        }
        disk.end(step);
        moment(Third::After, &disk, stop)?;
    }
    Ok(())
}

/// Returns the id of the first commit that one of the steps tells of.
fn next_commit(steps: &[Step]) -> Option<u64> {
    steps.iter().find_map(|step| match step {
        Step::Done(promise) => Some(promise.newest),
        Step::DoneWeakly(newest) | Step::Opened(newest) => Some(*newest),
        _ => None,
    })
}

impl Moment<'_> {
    /// Returns what can happen at this moment.
    pub fn crashes(&self) -> impl Iterator<Item = Crash> + use<> {
        let third = self.third;
        [Crash::Power, Crash::Process]
            .into_iter()
            .filter(move |crash| match third {
                Third::Before => *crash == Crash::Process,
                Third::During => *crash == Crash::Power,
                Third::After => true,
            })
    }

    /// Returns which states may be found after that.
    #[must_use]
    pub fn bounds(&self, crash: Crash) -> Bounds {
        match crash {
            Crash::Power => self.after_power_cut,
            Crash::Process => self.after_process,
        }
    }

    /// Returns whether there is more than one way in which that can happen.
    #[must_use]
    pub fn has_ways(&self, crash: Crash) -> bool {
        match crash {
            Crash::Power => !self.disk.is_settled(),
            Crash::Process => self.third == Third::Before,
        }
    }

    /// Returns the disk after the process has ended and left `image`: what is durable is no more than before.
    #[must_use]
    pub fn disk_after_process(&self, image: &[u8]) -> Disk {
        let mut disk = self.disk.clone();
        if let (Third::Before, Step::Write { offset, bytes, .. }) = (self.third, self.step) {
            let start = usize::try_from(*offset).unwrap_or(usize::MAX);
            let end = image.len().min(start + bytes.len());
            disk.begin(&Step::Write {
                offset: *offset,
                bytes: image.get(start..end).unwrap_or_default().to_vec(),
                durable: false,
            });
        }
        disk
    }
}

/// Puts into `image` what the crash of that number leaves; returns in words what it is. The same seed gives the same.
pub fn leave(seed: u64, moment: &Moment<'_>, spot: Spot, image: &mut Vec<u8>) -> String {
    let at_moment = seed.wrapping_add(moment.number as u64);
    let mut rng = Rng::new(at_moment ^ (spot.number + 1).wrapping_mul(0xA076_1D64_78BD_642F));
    match spot.crash {
        Crash::Process => leave_part(moment, &mut rng, image),
        Crash::Power => {
            let mut choices = moment.disk.choices();
            Rng::new(at_moment).shuffle(&mut choices[2..]);
            // Every third one is random, whatever choices there are.
            let index =
                usize::try_from(spot.number / 3 * 2 + spot.number % 3).unwrap_or(usize::MAX);
            let chosen = choices.get(index).filter(|_| spot.number % 3 != 2);
            let choice = chosen
                .copied()
                .unwrap_or_else(|| Choice::Random(rng.number()));
            let len = rng.below(moment.disk.lens().max(1));
            moment.disk.leave(choice, len, image);
            let (lens, bytes) = (moment.disk.lens(), image.len());
            format!("{choice:?}, the length number {len} of {lens}, {bytes} bytes")
        }
    }
}

/// Puts into `image` what a process leaves that ends now: all of what it did, and maybe the start of a write.
fn leave_part(moment: &Moment<'_>, rng: &mut Rng, image: &mut Vec<u8>) -> String {
    image.clear();
    image.extend_from_slice(moment.disk.now());
    let (Third::Before, Step::Write { offset, bytes, .. }) = (moment.third, moment.step) else {
        return "everything done".to_owned();
    };
    // A signal ends a write between two pages of the system.
    let start = usize::try_from(*offset).unwrap_or(usize::MAX);
    let part = (start + 1 + rng.below(bytes.len())).next_multiple_of(4096) - start;
    let part = &bytes[..part.min(bytes.len())];
    let end = start + part.len();
    if image.len() < end {
        image.resize(end, 0);
    }
    image[start..end].copy_from_slice(part);
    format!("{} of {} bytes written", part.len(), bytes.len())
}
