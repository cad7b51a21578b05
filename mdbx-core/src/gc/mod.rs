//! The table of freed pages.
//!
//! It is a tree like any other: its keys are transaction ids, and the record under one lists the pages that snapshots
//! before that transaction may still use. A write transaction takes pages from it ([`reclaim`]) and, at commit, puts
//! into it what it has given up or not used ([`settle`]).
//!
//! Source: format document, "GC (free-page) table".

pub(crate) mod reclaim;
pub(crate) mod settle;
