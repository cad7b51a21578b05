//! What an environment tells about itself.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::error::Result;
use crate::format::geometry::{PageCounts, unpack};
use crate::format::meta::{Meta, Sign};
use crate::ids::{PageSize, Pgno, Txnid};
use crate::store::durability::Durability;
use crate::store::open::Store;
use crate::store::troika::load_ranks;

/// The state of an environment. Sizes are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// The size of all pages.
    pub page_size: PageSize,
    /// How long the data file is and may become.
    pub geometry: FileGeometry,
    /// The length of the data file: `geometry.now`, or more if it could not be cut so short yet.
    pub file_len: u64,
    /// The address space set aside for it, the most that [`Env::resize`](crate::Env::resize) can raise its upper bound
    /// to.
    pub map_len: u64,
    /// The pages that are in use or free for reuse; those behind them were never used.
    pub allocated_pages: u32,
    /// The newest snapshot.
    pub last_txnid: Txnid,
    /// The newest snapshot known to be on the disk; [`Txnid::VOID`] if none is.
    pub durable_txnid: Txnid,
    /// What commits of this environment promise.
    pub durability: Durability,
    /// How much was written that may not be on the disk.
    pub unsynced_bytes: u64,
    /// How long there has been such; `None` if there is none.
    pub unsynced_for: Option<Duration>,
    /// After how much of it a commit is made durable; 0 for never.
    pub sync_bytes: u64,
    /// After what time a commit is made durable; zero for never.
    pub sync_period: Duration,
    /// How many read transactions, of all processes, have a snapshot.
    pub readers: usize,
    /// How many places for readers are taken: by these, and by those that were reset or prepared.
    pub reader_slots: usize,
    /// How many places for readers there are, for all processes together.
    pub max_readers: usize,
    /// The oldest snapshot that a read transaction uses.
    pub oldest_reader: Option<Txnid>,
    /// The three meta pages.
    pub metas: [MetaInfo; 3],
    /// The boot of the machine in which the newest snapshot was written; zero when unknown.
    pub boot_id: [u8; 16],
}

/// How long the data file is and may become, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileGeometry {
    /// The length below which the file never is.
    pub lower: u64,
    /// The length it never exceeds.
    pub upper: u64,
    /// Its present length.
    pub now: u64,
    /// The step by which it grows; 0 if it does not.
    pub growth_step: u64,
    /// How much unused room at its end lets it shrink; 0 if it does not.
    pub shrink_threshold: u64,
}

/// What a meta page says about its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetaInfo {
    /// The commit; [`Txnid::VOID`] if the meta was never completely written.
    pub txnid: Txnid,
    /// Whether the commit is known to be on the disk.
    pub is_durable: bool,
}

/// What a data file tells without being opened. Sizes are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileInfo {
    /// The size of all pages.
    pub page_size: PageSize,
    /// How long the data file is and may become.
    pub geometry: FileGeometry,
    /// The newest snapshot.
    pub last_txnid: Txnid,
    /// Whether that is known to be on the disk. If not, and the machine was restarted since, opening the file returns to
    /// an older one.
    pub is_durable: bool,
    /// The boot of the machine in which the newest snapshot was written; zero when unknown.
    pub boot_id: [u8; 16],
}

impl Info {
    pub(crate) fn of(store: &Store) -> Result<Info> {
        let head = store.newest()?;
        let ranks = load_ranks(&store.map, store.page_size)?;
        let meta = &head.meta;
        let attached = &store.attached;
        let snapshots: Vec<Txnid> = attached
            .entries()
            .map(|entry| entry.snapshot.txnid)
            .collect();
        Ok(Info {
            page_size: store.page_size,
            geometry: FileGeometry::of(&meta.geometry, store.page_size),
            file_len: store.file_pages.load(Ordering::Acquire) * store.page_size.bytes() as u64,
            map_len: store.map.len() as u64,
            allocated_pages: meta.geometry.first_unallocated.0,
            last_txnid: meta.txnid,
            durable_txnid: store.newest_durable()?.unwrap_or(Txnid::VOID),
            durability: store.mode.get(),
            unsynced_bytes: store.unsynced.pages() * store.page_size.bytes() as u64,
            unsynced_for: store.unsynced.age(),
            sync_bytes: store.unsynced.bytes(store.page_size),
            sync_period: store.unsynced.period(),
            readers: snapshots.len(),
            reader_slots: attached.taken(),
            max_readers: attached.slots,
            oldest_reader: snapshots.iter().min().copied(),
            metas: ranks.map(|rank| MetaInfo {
                txnid: rank.txnid,
                is_durable: rank.steady,
            }),
            boot_id: meta.boot_id,
        })
    }
}

impl FileGeometry {
    pub(crate) fn of(counts: &PageCounts, page_size: PageSize) -> FileGeometry {
        let bytes = |pages| Pgno(pages).offset(page_size);
        FileGeometry {
            lower: bytes(counts.lower),
            upper: bytes(counts.upper),
            now: bytes(counts.now),
            growth_step: bytes(unpack(counts.grow_pv)),
            shrink_threshold: bytes(unpack(counts.shrink_pv)),
        }
    }
}

impl FileInfo {
    pub(crate) fn of(meta: &Meta) -> FileInfo {
        FileInfo {
            page_size: meta.page_size,
            geometry: FileGeometry::of(&meta.geometry, meta.page_size),
            last_txnid: meta.txnid,
            is_durable: meta.sign == Sign::Steady,
            boot_id: meta.boot_id,
        }
    }
}
