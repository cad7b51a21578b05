//! The data file: three metas, of which the words are atomics that commits change; and a page for each snapshot, that
//! the next commit gives up.

use std::io;
use std::sync::LazyLock;

use crate::backend::{AtomicU32, Ordering, Page, fence};
use crate::format::geometry::PageCounts;
use crate::format::meta::{META_BODY, Meta, MetaBody};
use crate::ids::{PageSize, Pgno, Txnid};

/// The commits that the metas describe at first.
pub(crate) const FIRST: [u32; 3] = [5, 6, 7];

/// How finely a meta that is being written is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// It changes at once. Between the words of one look it may change.
    Whole,
    /// Each word of it that differs between commits changes by itself, in rising order of their places.
    Words,
    /// The same in falling order.
    WordsBackwards,
}

/// The data file.
#[derive(Debug)]
pub(crate) struct Map {
    detail: Detail,
    metas: [Vec<AtomicU32>; 3],
    /// The words of a meta that differ between commits.
    changing: Vec<usize>,
    pages: Vec<Page>,
}

/// The right to read.
#[derive(Debug)]
pub(crate) struct SnapshotPin;

impl Map {
    pub(crate) fn new(detail: Detail) -> Map {
        let (one, other) = (words_of(5), words_of(6));
        let changing = (0..one.len()).filter(|&word| one[word] != other[word]);
        let changing: Vec<usize> = changing.collect();
        let cells = |txnid: u32| {
            if detail == Detail::Whole {
                return vec![AtomicU32::new(txnid)];
            }
            let words = words_of(txnid);
            let changing = changing.iter();
            changing.map(|&word| AtomicU32::new(words[word])).collect()
        };
        Map {
            detail,
            metas: FIRST.map(cells),
            changing,
            pages: (0..16).map(|_| Page::new()).collect(),
        }
    }

    /// Writes the meta of commit `txnid` over meta `number`.
    pub(crate) fn write_meta(&self, number: usize, txnid: u32) {
        let cells = &self.metas[number];
        let words = words_of(txnid);
        let write = |at: usize| {
            let value = words[self.changing[at]];
            cells[at].store(value, Ordering::Release); // in the order of their places
        };
        match self.detail {
            Detail::Whole => cells[0].store(txnid, Ordering::Relaxed),
            Detail::Words => (0..cells.len()).for_each(write),
            Detail::WordsBackwards => (0..cells.len()).rev().for_each(write),
        }
    }

    /// The page that is in the snapshot `txnid` and not in the next one.
    pub(crate) fn page(&self, txnid: Txnid) -> &Page {
        &self.pages[usize::try_from(txnid.0).unwrap_or(usize::MAX)]
    }

    pub(crate) fn len(&self) -> usize {
        1 << 20
    }

    #[expect(
        clippy::unnecessary_wraps,
        clippy::trivially_copy_pass_by_ref,
        reason = "as in the engine"
    )]
    pub(crate) fn measure(&self, _file: &()) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    #[expect(unsafe_code, reason = "as in the engine")]
    pub(crate) unsafe fn pin(&self, _limit: usize) -> SnapshotPin {
        SnapshotPin
    }

    fn word(&self, number: usize, word: usize) -> u32 {
        match self.changing.iter().position(|&changing| changing == word) {
            Some(at) => self.metas[number][at].load(Ordering::Relaxed),
            None => words_of(FIRST[0])[word],
        }
    }
}

/// Reads words of a meta, as the engine's function of this name.
#[expect(clippy::unnecessary_wraps, reason = "as in the engine")]
pub(crate) fn load_words(map: &Map, at: usize, _file_len: usize, words: &mut [u32]) -> Option<()> {
    let page = PageSize::MIN.bytes();
    let (number, first) = (at / page, (at % page - META_BODY.start) / 4);
    if map.detail == Detail::Whole {
        let whole = words_of(map.metas[number][0].load(Ordering::Relaxed));
        words.copy_from_slice(&whole[first..first + words.len()]);
    } else {
        for (at, word) in words.iter_mut().enumerate() {
            *word = map.word(number, first + at);
        }
    }
    fence(Ordering::Acquire);
    Some(())
}

/// What the meta of commit `txnid` says that readers announce.
pub(crate) fn pages_of(txnid: Txnid) -> (Pgno, u64) {
    let txnid = u32::try_from(txnid.0).unwrap_or(u32::MAX);
    (Pgno(100 + txnid), 1000 + u64::from(txnid))
}

/// Returns the words of the meta of commit `txnid`.
fn words_of(txnid: u32) -> &'static [u32] {
    static WORDS: LazyLock<Vec<Vec<u32>>> = LazyLock::new(|| (0..16).map(make_words).collect());
    &WORDS[txnid as usize]
}

fn make_words(txnid: u32) -> Vec<u32> {
    let txnid = Txnid(txnid.into());
    let (first_unallocated, pages_retired) = pages_of(txnid);
    let geometry = PageCounts {
        lower: 16,
        upper: 1000,
        now: 1000,
        grow_pv: 64,
        shrink_pv: 128,
        first_unallocated,
    };
    let mut meta = Meta::fresh(PageSize::MIN, geometry, txnid, [1; 16], [2; 16]);
    meta.geometry = geometry;
    meta.pages_retired = pages_retired;
    let body: MetaBody = meta.write_body();
    let words = body.chunks_exact(4);
    words
        .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
        .collect()
}
