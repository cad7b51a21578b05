//! What was written and may not be on the disk: how much, since when, and which meta.
//!
//! The counters tell a writer what those before it have left behind, so they are raised before anything can be seen
//! that is not on the disk, and cleared after a flush. Only the holder of the writer's turn changes them; everybody may
//! look.
//!
//! They are in the lock file, so they are those of all processes that have the database open.
//!
//! Source: locking document, "The counters C relies on".

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::format::lck::{AUTOSYNC_PERIOD, AUTOSYNC_THRESHOLD, META_SYNC_TXNID};
use crate::ids::{PageSize, Txnid};
use crate::store::attach::Attached;
use crate::sys::clock::{nanoseconds, since_boot};

/// Taken from the id of a transaction, it says that its meta was written by a plain write: whatever flushes the file next
/// makes it durable.
const WRITTEN_NOT_FLUSHED: u32 = 1_968_526_676;

/// What may not be on the disk, and when that has to end.
#[derive(Debug)]
pub(crate) struct Unsynced {
    attached: Arc<Attached>,
    /// Whether the length of the file was changed since it was last made durable, by this process.
    is_len_new: AtomicBool,
    /// The newest snapshot that this process has sealed and flushed; 0 if there is none.
    sealed: AtomicU64,
}

impl Unsynced {
    /// The counters in the lock file.
    pub(crate) fn new(attached: Arc<Attached>) -> Unsynced {
        Unsynced {
            attached,
            is_len_new: AtomicBool::new(true), // another process may have changed it
            sealed: AtomicU64::new(0),
        }
    }

    /// Notes that nothing is known of a file that was just opened. `steady` is the transaction of the newest steady meta.
    pub(crate) fn forget_meta(&self, steady: Txnid) {
        // Which says neither that it is on the disk nor that it is not.
        self.meta().store(!low_half(steady), Ordering::Release);
    }

    /// Pages that were written since the last flush; 0 only if everything is on the disk.
    fn count(&self) -> &AtomicU64 {
        self.attached.unsynced_pages()
    }

    /// When the count left 0, in nanoseconds since the machine was started; 0 if it is 0.
    fn since(&self) -> &AtomicU64 {
        let Attached { region, layout, .. } = &*self.attached;
        region.u64(layout.eoos_timestamp)
    }

    /// So many pages make a commit durable; 0 if none do.
    fn threshold(&self) -> &AtomicU32 {
        self.attached.region.u32(AUTOSYNC_THRESHOLD)
    }

    /// So many nanoseconds make a commit durable; 0 if none do.
    fn period_field(&self) -> &AtomicU64 {
        self.attached.region.u64(AUTOSYNC_PERIOD)
    }

    /// The newest meta that is on the disk, as the low half of its transaction, or less [`WRITTEN_NOT_FLUSHED`] the
    /// newest that is not. Anything else tells nothing.
    fn meta(&self) -> &AtomicU32 {
        self.attached.region.u32(META_SYNC_TXNID)
    }

    /// Notes that `pages` pages or metas are about to be written.
    pub(crate) fn raise(&self, pages: u64) {
        if pages > 0 && self.count().fetch_add(pages, Ordering::Release) == 0 {
            self.since().store(now(), Ordering::Relaxed);
        }
    }

    /// Notes that everything written so far is on the disk.
    pub(crate) fn clear(&self) {
        self.count().store(0, Ordering::Release);
        self.since().store(0, Ordering::Relaxed);
    }

    /// Returns how many pages may not be on the disk.
    pub(crate) fn pages(&self) -> u64 {
        self.count().load(Ordering::Acquire)
    }

    /// Returns how long there have been such pages; `None` if there are none.
    pub(crate) fn age(&self) -> Option<Duration> {
        let since = self.since().load(Ordering::Relaxed);
        (since != 0).then(|| Duration::from_nanos(now().saturating_sub(since)))
    }

    /// Returns whether a threshold will be passed once `more` pages are written.
    pub(crate) fn is_due(&self, more: u64) -> bool {
        let threshold = u64::from(self.threshold().load(Ordering::Relaxed));
        let period = self.period_field().load(Ordering::Relaxed);
        let is_much = threshold != 0 && self.pages().saturating_add(more) >= threshold;
        let is_old = || period != 0 && self.age() >= Some(Duration::from_nanos(period));
        is_much || is_old()
    }

    /// Sets after how many bytes a commit is durable; 0 for never.
    pub(crate) fn set_bytes(&self, bytes: u64, page_size: PageSize) {
        let pages = u32::try_from(page_size.pages_for(bytes)).unwrap_or(u32::MAX);
        self.threshold().store(pages, Ordering::Relaxed);
    }

    /// Returns after how many bytes a commit is durable, whole pages; 0 for never.
    pub(crate) fn bytes(&self, page_size: PageSize) -> u64 {
        u64::from(self.threshold().load(Ordering::Relaxed)) * page_size.bytes() as u64
    }

    /// Sets after what time a commit is durable; zero for never.
    pub(crate) fn set_period(&self, period: Duration) {
        self.period_field()
            .store(nanoseconds(period), Ordering::Relaxed);
    }

    /// Returns after what time a commit is durable; zero for never.
    pub(crate) fn period(&self) -> Duration {
        Duration::from_nanos(self.period_field().load(Ordering::Relaxed))
    }

    /// Notes that the meta of `txnid` is on the disk, and all older ones.
    pub(crate) fn set_meta_durable(&self, txnid: Txnid) {
        self.meta().store(low_half(txnid), Ordering::Release);
    }

    /// Notes that the meta of `txnid` was written and not flushed, and that all older ones are on the disk.
    pub(crate) fn set_meta_written(&self, txnid: Txnid) {
        let told = low_half(txnid).wrapping_sub(WRITTEN_NOT_FLUSHED);
        self.meta().store(told, Ordering::Release);
    }

    /// Returns whether the meta of `txnid`, the newest steady one, is known to be on the disk.
    pub(crate) fn is_meta_durable(&self, txnid: Txnid) -> bool {
        self.meta().load(Ordering::Acquire) == low_half(txnid)
    }

    /// Returns whether all steady metas but that of `txnid`, the newest one, are known to be on the disk.
    pub(crate) fn is_meta_written(&self, txnid: Txnid) -> bool {
        let told = low_half(txnid).wrapping_sub(WRITTEN_NOT_FLUSHED);
        self.meta().load(Ordering::Acquire) == told
    }

    /// Notes that all of the snapshot `txnid` is on the disk, though its meta is weak: this process has sealed it.
    pub(crate) fn set_sealed(&self, txnid: Txnid) {
        self.sealed.store(txnid.0, Ordering::Release);
    }

    /// Returns the newest snapshot that this process has sealed and flushed; [`Txnid::VOID`] if there is none.
    pub(crate) fn sealed(&self) -> Txnid {
        Txnid(self.sealed.load(Ordering::Acquire))
    }

    /// Notes that the length of the file was changed.
    pub(crate) fn set_len_new(&self, is_new: bool) {
        self.is_len_new.store(is_new, Ordering::Relaxed);
    }

    /// Returns whether the length of the file may not be on the disk.
    pub(crate) fn is_len_new(&self) -> bool {
        self.is_len_new.load(Ordering::Relaxed)
    }
}

/// Returns the time since the machine was started, in nanoseconds; never 0.
fn now() -> u64 {
    nanoseconds(since_boot()).max(1)
}

#[expect(clippy::cast_possible_truncation, reason = "the field has half of it")]
fn low_half(txnid: Txnid) -> u32 {
    txnid.0 as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::lck::LockVersion;
    use crate::store::attach::tests::attached;

    fn unsynced() -> Unsynced {
        let unsynced = Unsynced::new(attached(LockVersion::V7));
        unsynced.forget_meta(Txnid(7));
        unsynced
    }

    #[test]
    fn pages_count_from_the_first_one_until_they_are_flushed() {
        let unsynced = unsynced();
        assert_eq!((unsynced.pages(), unsynced.age()), (0, None));
        unsynced.raise(0);
        assert_eq!(unsynced.age(), None);
        unsynced.raise(3);
        unsynced.raise(4);
        assert_eq!(unsynced.pages(), 7);
        assert!(unsynced.age().is_some());
        unsynced.clear();
        assert_eq!((unsynced.pages(), unsynced.age()), (0, None));
    }

    #[test]
    fn thresholds_of_zero_are_never_passed() {
        let unsynced = unsynced();
        unsynced.raise(1);
        assert!(!unsynced.is_due(u64::MAX));
        unsynced.set_bytes(10 * 4096 - 1, PageSize::DEFAULT);
        assert_eq!(unsynced.bytes(PageSize::DEFAULT), 10 * 4096);
        assert!(!unsynced.is_due(8) && unsynced.is_due(9));
        unsynced.set_bytes(0, PageSize::DEFAULT);
        unsynced.set_period(Duration::from_nanos(1));
        while unsynced.age() < Some(Duration::from_nanos(1)) {}
        assert!(unsynced.is_due(0));
        unsynced.clear();
        assert!(!unsynced.is_due(100), "nothing is old");
    }

    #[test]
    fn a_meta_is_durable_written_or_unknown() {
        let unsynced = unsynced();
        assert!(!unsynced.is_meta_durable(Txnid(7)) && !unsynced.is_meta_written(Txnid(7)));
        unsynced.set_meta_durable(Txnid(7));
        assert!(unsynced.is_meta_durable(Txnid(7)) && !unsynced.is_meta_durable(Txnid(8)));
        unsynced.set_meta_written(Txnid(8));
        assert!(unsynced.is_meta_written(Txnid(8)));
        assert!(!unsynced.is_meta_durable(Txnid(8)) && !unsynced.is_meta_written(Txnid(7)));
    }
}
