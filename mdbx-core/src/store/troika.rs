//! The three metas: recent, last steady, next to overwrite.
//!
//! A commit overwrites the meta that is neither the newest nor the newest durable one, so at any instant two whole
//! metas exist. Readers look at the metas through the mapping while that happens; a copy counts only if the ranking
//! is the same before and after it was taken.
//!
//! Source: format document, "Choosing a snapshot".

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{PageFault, Result};
use crate::format::meta::{
    META_BODY, Meta, MetaBody, MetaFault, Rank, Ranking, SIGN_AT, TXNID_A_AT, rank,
};
use crate::format::seal::SEAL;
use crate::ids::{PageSize, Pgno, Txnid};
use crate::sys::map::Map;
use crate::sys::shared::load_words;

/// What a transaction begins with.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    /// The newest meta.
    pub(crate) meta: Meta,
    /// The newest transaction known durable.
    pub(crate) steady: Txnid,
    /// The number of the meta that the next commit overwrites.
    pub(crate) tail: usize,
}

/// What the metas showed at one look, during which they may have changed.
#[derive(Debug)]
pub(crate) struct Looked {
    ranks: [Rank; 3],
    /// The newest meta, as it was read. It counts, good or bad, only if the metas [stay](Looked::holds) the same.
    pub(crate) head: Result<Head, MetaFault>,
}

impl Looked {
    /// Looks at the metas of a database that others may be committing to. `file_pages` is the length of the file in
    /// pages; a writer raises it before it writes a meta that needs the longer file.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if the file has no room for metas.
    #[inline]
    pub(crate) fn at(map: &Map, page_size: PageSize, file_pages: &AtomicU64) -> Result<Looked> {
        let ranks = load_ranks(map, page_size)?;
        let Ok(Ranking {
            recent,
            prefer_steady,
            tail,
        }) = rank(ranks)
        else {
            let head = Err(MetaFault::Corrupt {
                reason: "two metas claim the same transaction",
            });
            return Ok(Looked { ranks, head });
        };
        let body = load_body(map, page_size, recent)?;
        // Only now: the meta may be newer than a length that was looked at before.
        let parsed = Meta::parse_body(&body, file_pages.load(Ordering::Acquire));
        let head = parsed.map(|meta| Head {
            meta,
            steady: ranks[prefer_steady].txnid,
            tail,
        });
        Ok(Looked { ranks, head })
    }

    /// Returns whether the metas still say what they said. Then what was read is one meta, and was the newest at some
    /// moment since this call.
    ///
    /// # Errors
    ///
    /// As [`at`](Looked::at).
    #[inline]
    pub(crate) fn holds(&self, map: &Map, page_size: PageSize) -> Result<bool> {
        Ok(load_ranks(map, page_size)? == self.ranks)
    }
}

/// Returns the end of the pages that any of the three metas but `except` describes. Only the holder of the writer's
/// turn, which alone writes metas, may ask.
///
/// # Errors
///
/// [`Error::Corrupted`](crate::Error::Corrupted) if the file has no room for metas.
#[cold]
pub(crate) fn end_of_pages(
    map: &Map,
    page_size: PageSize,
    file_pages: &AtomicU64,
    except: Option<usize>,
) -> Result<Pgno> {
    let mut end = Pgno::FIRST_DATA;
    for number in (0..3).filter(|&number| Some(number) != except) {
        let body = load_body(map, page_size, number)?;
        // One that is void, or not whole, describes nothing.
        if let Ok(meta) = Meta::parse_body(&body, file_pages.load(Ordering::Acquire)) {
            end = end.max(meta.geometry.first_unallocated);
        }
    }
    Ok(end)
}

/// Returns where the body of a meta is in the file, in bytes.
pub(crate) fn body_offset(page_size: PageSize, number: usize) -> u64 {
    (number * page_size.bytes() + META_BODY.start) as u64
}

/// Returns what the three metas say about their commits, by number. A writer may be changing one.
///
/// # Errors
///
/// [`Error::Corrupted`](crate::Error::Corrupted) if the file has no room for metas.
pub(crate) fn load_ranks(map: &Map, page_size: PageSize) -> Result<[Rank; 3]> {
    let mut ranks = [Rank {
        txnid: Txnid::VOID,
        steady: false,
    }; 3];
    for (number, rank) in ranks.iter_mut().enumerate() {
        let begins: [u32; 2] = load(map, page_size, number, TXNID_A_AT)?;
        let [sign_low, sign_high, ends_low, ends_high] = load(map, page_size, number, SIGN_AT)?;
        *rank = Rank::new(
            join(begins),
            join([sign_low, sign_high]),
            join([ends_low, ends_high]),
        );
    }
    Ok(ranks)
}

/// Returns the body of a meta. A writer may be changing it.
///
/// # Errors
///
/// [`Error::Corrupted`](crate::Error::Corrupted) if the file has no room for metas.
#[inline]
pub(crate) fn load_body(map: &Map, page_size: PageSize, number: usize) -> Result<MetaBody> {
    let words: [u32; (META_BODY.end - META_BODY.start) / 4] =
        load(map, page_size, number, META_BODY.start)?;
    let mut body = [0; META_BODY.end - META_BODY.start];
    for (bytes, word) in body.chunks_exact_mut(4).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    Ok(body)
}

/// Returns whether there is a seal behind the body of a meta. It may be one of an earlier meta, if another engine wrote
/// this one.
///
/// # Errors
///
/// [`Error::Corrupted`](crate::Error::Corrupted) if the file has no room for metas.
pub(crate) fn has_seal(map: &Map, page_size: PageSize, number: usize) -> Result<bool> {
    let words: [u32; (SEAL.end - SEAL.start) / 4] = load(map, page_size, number, SEAL.start)?;
    Ok(words.iter().any(|&word| word != 0))
}

/// Reads `N` words at byte `at` of meta `number`.
fn load<const N: usize>(
    map: &Map,
    page_size: PageSize,
    number: usize,
    at: usize,
) -> Result<[u32; N]> {
    let mut words = [0; N];
    let loaded = load_words(
        map,
        number * page_size.bytes() + at,
        3 * page_size.bytes(),
        &mut words,
    );
    loaded.ok_or_else(|| PageFault::OutOfRange.at(Pgno(0)))?;
    Ok(words)
}

fn join([low, high]: [u32; 2]) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

/// Returns what is wrong with a meta, as words that follow "but".
pub(crate) fn reason_of(fault: MetaFault) -> &'static str {
    match fault {
        MetaFault::NotAMeta => "it does not start like one",
        MetaFault::Version { .. } => "its format version is another one",
        MetaFault::Torn => "its two transaction ids differ",
        MetaFault::Corrupt { reason } => reason,
    }
}
