//! Durability modes, thresholds and syncs.
//!
//! The traces have flags, of which several can be set; the weakest counts then.

use std::time::Duration;

use mdbx_core::Durability;

use crate::answers::{Answer, Outcome, refused};
use crate::trace::Step;
use crate::world::World;

/// How many parts a second has, in which periods are given.
const PARTS: u64 = 65536;

/// The flags about durability that are set.
#[derive(Clone, Copy, Default)]
pub(crate) struct Modes {
    no_meta_sync: bool,
    safe_no_sync: bool,
    utterly_no_sync: bool,
}

impl Modes {
    /// Sets or clears a flag; tells whether it is one about durability.
    pub(crate) fn set(&mut self, flag: &str, on: bool) -> bool {
        let place = match flag {
            "no_meta_sync" => &mut self.no_meta_sync,
            "safe_no_sync" => &mut self.safe_no_sync,
            "utterly_no_sync" => &mut self.utterly_no_sync,
            _ => return false,
        };
        *place = on;
        true
    }

    /// Returns what they come to.
    pub(crate) fn durability(self) -> Durability {
        if self.utterly_no_sync {
            Durability::UtterlyNoSync
        } else if self.safe_no_sync {
            Durability::SafeNoSync
        } else if self.no_meta_sync {
            Durability::NoMetaSync
        } else {
            Durability::Durable
        }
    }
}

/// Returns what a transaction that begins with this flag promises at most.
pub(crate) fn weaker(flag: &str) -> Option<Durability> {
    match flag {
        "no_sync" => Some(Durability::SafeNoSync),
        "no_meta_sync" => Some(Durability::NoMetaSync),
        _ => None,
    }
}

pub(crate) fn sync(world: &World, step: &Step) -> Outcome {
    let env = world.env()?;
    let done = match (step.flag("force", true), step.flag("nonblock", false)) {
        (true, false) => env.sync()?,
        (true, true) => env.try_sync()?,
        (false, _) => env.sync_if_due()?,
    };
    Ok(Answer::done(done))
}

pub(crate) fn set_flags(world: &mut World, step: &Step) -> Outcome {
    let mut modes = world.modes;
    for flag in step.words("f") {
        if !modes.set(&flag, step.flag("on", true)) {
            return refused("not_permitted"); // there is no such method
        }
    }
    world.env()?.set_durability(modes.durability())?;
    world.modes = modes;
    Ok(Answer::ok())
}

pub(crate) fn set_option(world: &World, step: &Step) -> Outcome {
    let (env, n) = (world.env()?, step.number("n").unwrap_or_default());
    match step.name("name") {
        "sync_bytes" => env.set_sync_bytes(n)?,
        "sync_period" => env.set_sync_period(Duration::from_nanos(n * 1_000_000_000 / PARTS))?,
        name => panic!("{name} is no option of an open environment"),
    }
    Ok(Answer::ok())
}

pub(crate) fn get_option(world: &World, step: &Step) -> Outcome {
    let info = world.env()?.info()?;
    let n = match step.name("name") {
        "sync_bytes" => info.sync_bytes,
        "sync_period" => {
            u64::try_from(info.sync_period.as_nanos()).unwrap() * PARTS / 1_000_000_000
        }
        name => panic!("{name} is no option of an open environment"),
    };
    Ok(Answer::ok().with("n", n))
}
