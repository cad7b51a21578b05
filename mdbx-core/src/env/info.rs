//! What an environment tells about itself.

use crate::ids::{PageSize, Txnid};

/// The state of an environment. Sizes are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// The size of all pages.
    pub page_size: PageSize,
    /// The length of the data file.
    pub file_len: u64,
    /// The length it never exceeds.
    pub upper: u64,
    /// The pages that are in use or free for reuse; those behind them were never used.
    pub allocated_pages: u32,
    /// The newest snapshot.
    pub last_txnid: Txnid,
    /// How many read transactions run.
    pub readers: usize,
    /// The oldest snapshot that one of them uses.
    pub oldest_reader: Option<Txnid>,
}
