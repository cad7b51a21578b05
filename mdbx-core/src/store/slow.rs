//! What the application is told about readers, and asked about slow ones.
//!
//! Source: behaviour document, "Long readers".

use std::fmt;
use std::sync::Arc;

use crate::ids::{PageSize, Txnid};
use crate::store::slots::Entry;
use crate::store::troika::Head;

/// A read transaction, of this or another process, that has a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReaderInfo {
    /// Which of the places for readers it has.
    pub slot: usize,
    /// The process that it belongs to.
    pub process: u32,
    /// The thread that began it, by the number that the operating system gives it; or, in a process that uses libmdbx,
    /// what `pthread_self` returns there. `None` while it is parked, and where libmdbx does not tell.
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
    /// Describes the reader `entry` as seen from the newest snapshot.
    pub(crate) fn new(entry: &Entry, newest: &Head, page_size: PageSize) -> ReaderInfo {
        let snapshot = entry.snapshot;
        let meta = &newest.meta;
        let retained = meta.pages_retired.saturating_sub(snapshot.pages_retired);
        ReaderInfo {
            slot: entry.slot,
            process: entry.process,
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
