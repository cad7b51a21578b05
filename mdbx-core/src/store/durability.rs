//! What a commit promises, and what it does for that.
//!
//! A [`Durability`] is a promise to the application; a [`Strength`] is what one commit does. They differ, because a
//! commit of a weak mode can turn out to be one that has to be durable: when a threshold is passed, when the file is cut
//! behind it, or when there is no older snapshot to fall back to.
//!
//! Source: behaviour document, "Durability"; format document, "Modes".

use std::sync::atomic::{AtomicU8, Ordering};

use crate::format::meta::Sign;

/// What a commit that returned promises.
///
/// | mode | waits for | after the process died | after a power cut, or the death of the system |
/// | --- | --- | --- | --- |
/// | `Durable` | its pages, then its meta page | everything committed | everything committed |
/// | `SingleSync` | both at once | everything committed | everything committed, if this engine opens the file next |
/// | `NoMetaSync` | its pages | everything committed | everything, but the last commit may be missing |
/// | `SafeNoSync` | nothing | everything committed | everything up to the last sync |
/// | `UtterlyNoSync` | nothing | everything committed | everything up to the last sync, or nothing at all |
///
/// In all modes a commit is there as a whole or not at all, and the database is consistent, with one exception: in
/// `UtterlyNoSync` a power cut can destroy it. Then opening it is [`Error::Corrupted`](crate::Error::Corrupted), or reading
/// is.
///
/// A sync is what [`Env::sync`](crate::Env::sync) and [`Env::close`](crate::Env::close) do, a commit in one of the first two
/// modes, and one that passes a threshold: [`EnvOptions::sync_bytes`](crate::EnvOptions::sync_bytes) and
/// [`EnvOptions::sync_period`](crate::EnvOptions::sync_period). A commit that changes the geometry, or cuts the file, is
/// durable in every mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Durability {
    /// A commit is on the disk when it returns: two waits for the disk.
    #[default]
    #[doc(alias = "MDBX_SYNC_DURABLE")]
    Durable,
    /// A commit is on the disk when it returns, after one wait for the disk: its meta page has a checksum of its pages, which
    /// tells after a power cut whether all of them are there.
    ///
    /// libmdbx and earlier versions of this engine do not know that checksum. If one of them is the first to open the file
    /// after a power cut, it goes back to the last commit that waited twice, which is what one commit in 64 does, and a sync. While
    /// another process has the database open, all do. The document `docs/single-sync.md` tells the whole protocol.
    SingleSync,
    /// A commit waits once, for its pages. That it was committed reaches the disk with the next commit or sync.
    #[doc(alias = "MDBX_NOMETASYNC")]
    NoMetaSync,
    /// A commit does not wait for the disk. What the last synced snapshot needs is left alone, so a power cut leads back
    /// to that.
    ///
    /// The file takes more room for it. When a writer would have to make the file much longer, it syncs instead.
    #[doc(alias = "MDBX_SAFE_NOSYNC")]
    SafeNoSync,
    /// A commit does not wait for the disk, and pages of the last synced snapshot are used again when there are no others.
    /// For data that can be made anew.
    #[doc(alias = "MDBX_UTTERLY_NOSYNC")]
    UtterlyNoSync,
}

impl Durability {
    /// Returns what a commit does for this promise if nothing else is to be considered.
    pub(crate) fn strength(self) -> Strength {
        match self {
            Durability::Durable => Strength::Durable,
            Durability::SingleSync => Strength::Sealed,
            Durability::NoMetaSync => Strength::MetaLater,
            Durability::SafeNoSync | Durability::UtterlyNoSync => Strength::Weak,
        }
    }
}

/// What one commit does to reach the disk, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strength {
    /// Its pages are durable before its meta is written, and its meta before it returns.
    Durable,
    /// Its pages and its meta are durable when it returns, and in no order before. Its meta has a seal, by which an opening
    /// finds out whether its pages are there.
    Sealed,
    /// Its pages are durable before its meta is written. The meta is left to the next flush.
    MetaLater,
    /// All of it is left to the next flush, and its meta says so.
    Weak,
}

impl Strength {
    /// Returns whether the pages have to be durable before the meta is written.
    pub(crate) fn flushes_pages(self) -> bool {
        match self {
            Strength::Durable | Strength::MetaLater => true,
            Strength::Sealed | Strength::Weak => false,
        }
    }

    /// Returns what the meta says of the pages.
    pub(crate) fn sign(self) -> Sign {
        match self {
            Strength::Durable | Strength::MetaLater => Sign::Steady,
            Strength::Sealed | Strength::Weak => Sign::Weak,
        }
    }
}

/// The mode of an open environment, which can change between two transactions.
#[derive(Debug)]
pub(crate) struct Mode(AtomicU8);

impl Mode {
    pub(crate) fn new(durability: Durability) -> Mode {
        Mode(AtomicU8::new(durability as u8))
    }

    pub(crate) fn get(&self) -> Durability {
        let number = self.0.load(Ordering::Relaxed);
        let modes = [
            Durability::SingleSync,
            Durability::NoMetaSync,
            Durability::SafeNoSync,
            Durability::UtterlyNoSync,
        ];
        let mode = modes.into_iter().find(|&mode| mode as u8 == number);
        mode.unwrap_or_default()
    }

    pub(crate) fn set(&self, durability: Durability) {
        self.0.store(durability as u8, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_what_it_was_set_to() {
        let modes = [
            Durability::Durable,
            Durability::SingleSync,
            Durability::NoMetaSync,
            Durability::SafeNoSync,
            Durability::UtterlyNoSync,
        ];
        let mode = Mode::new(Durability::Durable);
        for durability in modes {
            mode.set(durability);
            assert_eq!(mode.get(), durability);
        }
        assert!(modes.is_sorted(), "strongest first");
    }
}
