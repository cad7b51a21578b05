//! The lock file: an atomic for each field.

use std::collections::BTreeMap;

use crate::backend::{AtomicU32, AtomicU64};
use crate::format::lck::{
    CACHED_OLDEST, Layout, SLOT_PAGES_RETIRED, SLOT_PAGES_USED, SLOT_PROCESS, SLOT_THREAD,
    SLOT_TXNID,
};

/// The fields that the protocol of readers is about.
#[derive(Debug)]
pub(crate) struct Region {
    short: BTreeMap<usize, AtomicU32>,
    long: BTreeMap<usize, AtomicU64>,
}

impl Region {
    pub(crate) fn new(layout: &Layout, slots: usize) -> Region {
        let mut short = vec![layout.refresh_flag, layout.readers_len];
        let mut long = vec![CACHED_OLDEST];
        long.extend(layout.cached_oldest_retired);
        for at in (0..slots).map(|number| layout.slot(number)) {
            short.extend([at + SLOT_PROCESS, at + SLOT_PAGES_USED]);
            long.extend([at + SLOT_TXNID, at + SLOT_THREAD, at + SLOT_PAGES_RETIRED]);
        }
        Region {
            short: short
                .into_iter()
                .map(|at| (at, AtomicU32::new(0)))
                .collect(),
            long: long.into_iter().map(|at| (at, AtomicU64::new(0))).collect(),
        }
    }

    pub(crate) fn u32(&self, at: usize) -> &AtomicU32 {
        &self.short[&at]
    }

    pub(crate) fn u64(&self, at: usize) -> &AtomicU64 {
        &self.long[&at]
    }
}
