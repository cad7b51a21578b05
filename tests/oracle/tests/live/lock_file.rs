//! The fields of a live lock file that tell what is not on the disk yet.
//!
//! Source: document of the lock file, "Layout"; version 7.

use std::path::Path;

/// What the lock file says at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LockFile {
    pub(crate) version: u8,
    pub(crate) envmode: u32,
    pub(crate) meta_sync_txnid: u32,
    pub(crate) eoos_timestamp: u64,
    pub(crate) unsynced_pages: u64,
}

impl LockFile {
    pub(crate) fn read(path: &Path) -> LockFile {
        let bytes = std::fs::read(path).unwrap();
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        LockFile {
            version: bytes[0],
            envmode: u32_at(12),
            meta_sync_txnid: u32_at(20),
            eoos_timestamp: u64_at(376),
            unsynced_pages: u64_at(384),
        }
    }
}
