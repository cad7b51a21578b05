//! Rows for entries, looked up several at a time.
//!
//! The engine searches for many keys together faster than for one after the other. How many entries are looked up
//! ahead begins with one and doubles, so that a program that stops early has caused at most as many lookups again as
//! it used, and never more than a batch.

use std::collections::VecDeque;

use mdbx_core as core;
use mdbx_core::TableRef;

use crate::error::{Error, Result};

/// How many rows are looked up together at most.
const BATCH: usize = 64;

/// What the rows of a table have under a key; `None` if there is no such row.
pub(super) type Lookup<'t> = core::Result<Option<&'t [u8]>>;

/// Entries of type `E` with primary keys of type `K`, on their way to become rows.
pub(super) struct Fetch<'t, E, K> {
    /// Those that were looked up.
    ready: VecDeque<(E, K, Lookup<'t>)>,
    /// What comes after them, if that is an error.
    error: Option<Error>,
    /// How many to look up next.
    ahead: usize,
}

impl<'t, E, K: AsRef<[u8]>> Fetch<'t, E, K> {
    pub(super) fn new() -> Self {
        Fetch {
            ready: VecDeque::new(),
            error: None,
            ahead: 1,
        }
    }

    /// Returns the next entry of `source` with what `rows` has under its primary key.
    ///
    /// The source is asked again after it failed or ended.
    pub(super) fn next(
        &mut self,
        rows: &TableRef<'t>,
        mut source: impl FnMut() -> Option<Result<(E, K)>>,
    ) -> Option<Result<(E, K, Lookup<'t>)>> {
        if self.ready.is_empty() && self.error.is_none() {
            if self.ahead == 1 {
                self.ahead = 2;
                return source().map(|entry| {
                    let (entry, key) = entry?;
                    let found = rows.get(key.as_ref());
                    Ok((entry, key, found))
                });
            }
            self.fill(rows, &mut source);
        }
        match self.ready.pop_front() {
            Some(found) => Some(Ok(found)),
            None => self.error.take().map(Err),
        }
    }

    /// Looks up the next batch.
    fn fill(&mut self, rows: &TableRef<'t>, source: &mut impl FnMut() -> Option<Result<(E, K)>>) {
        let mut entries = Vec::with_capacity(self.ahead);
        let mut keys = Vec::with_capacity(self.ahead);
        while keys.len() < self.ahead {
            match source() {
                Some(Ok((entry, key))) => {
                    entries.push(entry);
                    keys.push(key);
                }
                Some(Err(error)) => {
                    self.error = Some(error);
                    break;
                }
                None => break,
            }
        }
        self.ahead = (self.ahead * 2).min(BATCH);
        let found: Vec<Lookup<'t>> = match rows.get_many(&keys) {
            Ok(found) => found.into_iter().map(Ok).collect(),
            // One by one, so that the rows that can be reached are.
            Err(_) => keys.iter().map(|key| rows.get(key.as_ref())).collect(),
        };
        let found = entries.into_iter().zip(keys).zip(found);
        self.ready
            .extend(found.map(|((entry, key), found)| (entry, key, found)));
    }
}
