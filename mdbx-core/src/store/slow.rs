//! Readers that keep a writer from reusing pages, and what can be done about them.
//!
//! A writer that would have to make the file longer, or fail, first takes the snapshots of parked readers, and then asks
//! the application about the others. Nobody can safely take the snapshot from a reader that is reading, so all that the
//! application can do is to end it, or to wait.
//!
//! Source: behaviour document, "Long readers".

use std::fmt;
use std::sync::{Arc, PoisonError};

use crate::ids::{PageSize, Txnid};
use crate::store::open::Store;
use crate::store::readers::{Entry, Oldest};
use crate::store::troika::Head;
use crate::sys::process;

/// A read transaction that has a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReaderInfo {
    /// Which of the places for readers it has.
    pub slot: usize,
    /// The process that it belongs to.
    pub process: u32,
    /// The thread that began it, by the number that the operating system gives it. `None` while it is parked.
    pub thread: Option<u64>,
    /// The id of its snapshot.
    pub snapshot: Txnid,
    /// How far the snapshot is behind the newest one: see [`ReadTxn::lag`](crate::ReadTxn::lag).
    pub lag: u64,
    /// How much of the file the snapshot reaches, in bytes.
    pub bytes_used: u64,
    /// How much room was freed since the snapshot and cannot be used again while it lives, in bytes.
    pub bytes_retained: u64,
}

impl ReaderInfo {
    fn new(entry: &Entry, newest: &Head, page_size: PageSize) -> ReaderInfo {
        let snapshot = entry.snapshot;
        let meta = &newest.meta;
        let retained = meta.pages_retired.saturating_sub(snapshot.pages_retired);
        ReaderInfo {
            slot: entry.slot,
            process: process::pid(),
            thread: entry.thread,
            snapshot: snapshot.txnid,
            lag: meta.txnid.0.saturating_sub(snapshot.txnid.0),
            bytes_used: snapshot.pages_used.offset(page_size),
            bytes_retained: retained.saturating_mul(page_size.bytes() as u64),
        }
    }
}

/// What a slow-reader handler is told: see [`EnvOptions::slow_reader_handler`](crate::EnvOptions::slow_reader_handler).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlowReader {
    /// The reader of the oldest snapshot.
    pub reader: ReaderInfo,
    /// How many commits the oldest snapshot in use would move on if this reader ended.
    pub gap: u64,
    /// How often the handler has answered [`SlowReaderAction::Retry`] before, for the same need.
    pub retries: u32,
    /// Whether the need is over, after at least one such answer: this call tells so, and its answer is ignored.
    pub is_over: bool,
}

/// What a writer does that is kept from reusing pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlowReaderAction {
    /// Make the file longer, or fail with [`Error::MapFull`](crate::Error::MapFull) if it cannot.
    GiveUp,
    /// Look at the readers again: the slow one has ended, or the handler has waited for that.
    Retry,
}

/// A handler that can be shared.
#[derive(Clone)]
pub(crate) struct SlowReaderHandler(
    pub(crate) Arc<dyn Fn(&SlowReader) -> SlowReaderAction + Send + Sync>,
);

impl fmt::Debug for SlowReaderHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SlowReaderHandler")
    }
}

impl Store {
    /// Returns the readers that have a snapshot, as seen from the newest one.
    pub(crate) fn reader_infos(&self, newest: &Head) -> Vec<ReaderInfo> {
        let entries = self.readers.entries();
        entries
            .map(|entry| ReaderInfo::new(&entry, newest, self.page_size))
            .collect()
    }

    /// Tries to have older snapshots than `oldest` given up, for a writer that builds on `base` and finds no free page
    /// in the records that `oldest` allows it to take. Returns the oldest snapshot in use if it is a newer one now:
    /// records up to its id may be taken from then on.
    ///
    /// The caller holds the writer's turn. It calls this where it would otherwise make the file longer, or fail; not for
    /// every page, since all slots are looked at. It may take as long as the application's handler does.
    pub(crate) fn make_room(&self, base: &Head, oldest: Txnid) -> Option<Txnid> {
        // Snapshots from the last durable one on are kept in any case.
        let limit = base.steady;
        let mut asked = None;
        loop {
            let entry = match self.readers.oldest_reader(limit) {
                Oldest::Reader(entry) if entry.snapshot.txnid <= oldest => entry,
                _ => break,
            };
            if self.readers.oust(&entry) {
                continue;
            }
            let retries = asked.map_or(0, |asked: SlowReader| asked.retries + 1);
            let slow = self.slow_reader(&entry, base, retries);
            match self.ask(&slow) {
                SlowReaderAction::GiveUp => return None,
                SlowReaderAction::Retry => asked = Some(slow),
            }
        }
        if let Some(last) = asked {
            self.ask(&SlowReader {
                is_over: true,
                ..last
            });
        }
        let now = self.readers.oldest(limit);
        (now > oldest).then_some(now)
    }

    /// Describes the reader of the oldest snapshot.
    fn slow_reader(&self, entry: &Entry, base: &Head, retries: u32) -> SlowReader {
        let others = self
            .readers
            .entries()
            .filter(|other| other.slot != entry.slot);
        let next = others.map(|other| other.snapshot.txnid).min();
        let next = next.unwrap_or(base.steady).min(base.steady);
        SlowReader {
            reader: ReaderInfo::new(entry, base, self.page_size),
            gap: next.0.saturating_sub(entry.snapshot.txnid.0),
            retries,
            is_over: false,
        }
    }

    /// Asks the application what to do.
    fn ask(&self, slow: &SlowReader) -> SlowReaderAction {
        // Cloned, so that the handler can replace itself.
        let handler = self
            .slow_reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        handler.map_or(SlowReaderAction::GiveUp, |SlowReaderHandler(handler)| {
            handler(slow)
        })
    }
}
