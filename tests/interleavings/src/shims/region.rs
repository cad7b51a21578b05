//! The lock file: an atomic for each field.

use std::collections::BTreeMap;

use crate::backend::{AtomicU32, AtomicU64};
use crate::format::lck::{CACHED_OLDEST, Layout};

/// The fields of a reader slot, named as in the engine.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) txnid: AtomicU64,
    pub(crate) thread: AtomicU64,
    pub(crate) process: AtomicU32,
    pub(crate) pages_used: AtomicU32,
    pub(crate) pages_retired: AtomicU64,
}

/// The fields that the protocol of readers is about.
#[derive(Debug)]
pub(crate) struct Region {
    short: BTreeMap<usize, AtomicU32>,
    long: BTreeMap<usize, AtomicU64>,
    slots: BTreeMap<usize, Slot>,
}

impl Region {
    pub(crate) fn new(layout: &Layout, slots: usize) -> Region {
        let short = [layout.refresh_flag, layout.readers_len];
        let mut long = vec![CACHED_OLDEST];
        long.extend(layout.cached_oldest_retired);
        let slot = || Slot {
            txnid: AtomicU64::new(0),
            thread: AtomicU64::new(0),
            process: AtomicU32::new(0),
            pages_used: AtomicU32::new(0),
            pages_retired: AtomicU64::new(0),
        };
        let slots = (0..slots).map(|number| (layout.slot(number), slot()));
        Region {
            short: short.map(|at| (at, AtomicU32::new(0))).into(),
            long: long.into_iter().map(|at| (at, AtomicU64::new(0))).collect(),
            slots: slots.collect(),
        }
    }

    pub(crate) fn u32(&self, at: usize) -> &AtomicU32 {
        &self.short[&at]
    }

    pub(crate) fn u64(&self, at: usize) -> &AtomicU64 {
        &self.long[&at]
    }

    pub(crate) fn slot(&self, at: usize) -> &Slot {
        &self.slots[&at]
    }
}
