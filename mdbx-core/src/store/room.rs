//! Room from readers that keep a writer from using pages again.
//!
//! A writer that would have to make the file longer, or fail, first takes the snapshots of readers that are parked or
//! whose process is dead, and then asks the application about the others. Nobody can safely take the snapshot from a
//! reader that is reading: what it has borrowed would change under it. So all that the application can do is to have it
//! end, by telling or ending its process, or to wait.
//!
//! Source: behaviour document, "Long readers" and "Parked readers".

use std::sync::PoisonError;

use crate::ids::Txnid;
use crate::store::open::Store;
use crate::store::slots::Entry;
use crate::store::slow::{ReaderInfo, SlowReader, SlowReaderAction, SlowReaderHandler};
use crate::store::troika::Head;

impl Store {
    /// Returns the readers that have a snapshot, as seen from the newest one.
    pub(crate) fn reader_infos(&self, newest: &Head) -> Vec<ReaderInfo> {
        let entries = self.attached.entries();
        entries
            .map(|entry| ReaderInfo::new(&entry, newest, self.page_size))
            .collect()
    }

    /// Tries to have older snapshots than `oldest` given up, for a writer that builds on `base` and finds no free page
    /// in the records that `oldest` allows it to take. Snapshots from `limit` on are kept in any case. Returns the oldest snapshot in use if it is a newer one now:
    /// records up to its id may be taken from then on.
    ///
    /// The caller holds the writer's turn. It calls this where it would otherwise make the file longer, or fail; not for
    /// every page, since all slots are looked at. It may take as long as the application's handler does.
    pub(crate) fn make_room(&self, base: &Head, limit: Txnid, oldest: Txnid) -> Option<Txnid> {
        let mut asked = None;
        loop {
            let entry = match self.attached.oldest_reader(limit) {
                Some(entry) if entry.snapshot.txnid <= oldest => entry,
                _ => break,
            };
            if self.attached.oust(&entry) || self.sweep_if_dead(&entry) {
                continue;
            }
            let retries = asked.map_or(0, |asked: SlowReader| asked.retries + 1);
            let slow = self.slow_reader(&entry, base, limit, retries);
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
        let now = self.attached.oldest(base.meta.pages_retired, limit);
        (now > oldest).then_some(now)
    }

    /// Removes the reader `entry` if its process is dead; returns whether it did.
    fn sweep_if_dead(&self, entry: &Entry) -> bool {
        let attached = &self.attached;
        entry.process != attached.pid
            && matches!(attached.is_alive(entry.process), Ok(false))
            && matches!(attached.sweep(), Ok(1..))
    }

    /// Describes the reader of the oldest snapshot.
    fn slow_reader(&self, entry: &Entry, base: &Head, limit: Txnid, retries: u32) -> SlowReader {
        let others = self.attached.entries();
        let others = others.filter(|other| other.slot != entry.slot);
        let next = others.map(|other| other.snapshot.txnid).min();
        let next = next.unwrap_or(limit).min(limit);
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
