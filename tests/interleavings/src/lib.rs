//! Readers and writers in all orders: the files of the engine in which they meet, as they are, over atomics and a data
//! file that try every order.
//!
//! | what | from where |
//! | --- | --- |
//! | slots, readers, the choice of the newest meta, ranking | the files of the engine, included below |
//! | atomics, memory, the data file, the lock file, the store | `backend` and `shims`, in their places |
//! | what threads do, and what has to hold | [`programs`] |
//!
//! What is in place of something here does as little as possible: no lock is taken while threads run, slots are bound
//! before, and a page is one place of the memory.

#![allow(
    clippy::must_use_candidate,
    clippy::unused_self,
    clippy::let_unit_value,
    clippy::explicit_auto_deref,
    clippy::arc_with_non_send_sync,
    reason = "what is in the place of the engine's types looks as they do, and loom has one thread at a time"
)]

pub mod backend;
pub mod programs;
mod shims;

#[allow(
    dead_code,
    unreachable_pub,
    reason = "a part of the engine's file is used here"
)]
#[path = "../../../mdbx-core/src/error.rs"]
mod error;
#[allow(
    dead_code,
    unreachable_pub,
    reason = "a part of the engine's file is used here"
)]
#[path = "../../../mdbx-core/src/ids.rs"]
mod ids;

/// The engine's files about bytes.
#[allow(
    dead_code,
    unreachable_pub,
    reason = "a part of the engine's files is used here"
)]
#[path = "../../../mdbx-core/src/format"]
mod format {
    pub(crate) mod bytes;
    pub(crate) mod geometry;
    pub(crate) mod lck;
    pub(crate) mod limits;
    pub(crate) mod meta;
    pub(crate) mod root;
    pub(crate) mod seal;
}

/// The engine's files about readers, and what is in the place of those below them.
#[allow(dead_code, reason = "a part of the engine's files is used here")]
#[path = "../../../mdbx-core/src/store"]
mod store {
    pub(crate) use crate::shims::{attach, open, sweep};

    pub(crate) mod newest;
    pub(crate) mod reader;
    pub(crate) mod readers;
    pub(crate) mod slots;
    pub(crate) mod troika;
}

/// What is in the place of the operating system.
mod sys {
    pub(crate) use crate::backend as atomic;
    pub(crate) use crate::shims::{map, map as shared, process, region};
}
