//! The value of a record of free pages: a list of page numbers.
//!
//! ```text
//!   0       4
//!   | count | pgno ... strictly descending | unused words ...
//! ```
//!
//! Source: format document, "GC (free-page) table", "Records".

use crate::error::PageFault;
use crate::format::bytes::{put_u32, u32_at};
use crate::ids::{PageSize, Pgno};

const WORD: usize = 4;

/// Returns the bytes of a record with room for `pages` page numbers.
pub(crate) const fn record_len(pages: usize) -> usize {
    WORD * (1 + pages)
}

/// Returns how many page numbers a record of `len` bytes has room for.
pub(crate) const fn record_capacity(len: usize) -> usize {
    (len / WORD).saturating_sub(1)
}

/// Writes the descending `pages` into a record; the words behind them become zero.
///
/// # Panics
///
/// If the record has not the room.
pub(crate) fn write_record(record: &mut [u8], pages: &[Pgno]) {
    let count = u32::try_from(pages.len()).expect("page numbers are 32 bits, so their count is");
    put_u32(record, 0, count);
    let (used, unused) = record[WORD..].split_at_mut(WORD * pages.len());
    for (word, pgno) in used.chunks_exact_mut(WORD).zip(pages) {
        put_u32(word, 0, pgno.0);
    }
    unused.fill(0);
}

/// Returns the page numbers of a record, in descending order.
///
/// # Errors
///
/// [`PageFault::BadPageList`] if the record breaks a rule of the format, or lists a page outside `3..end`.
pub(crate) fn read_record(
    record: &[u8],
    end: Pgno,
    page_size: PageSize,
) -> Result<Vec<Pgno>, PageFault> {
    if record.len() < WORD || !record.len().is_multiple_of(WORD) {
        return Err(PageFault::BadPageList);
    }
    let count = u32_at(record, 0) as usize;
    let room = record_capacity(record.len());
    if count > room || (room - count) * WORD >= 2 * page_size.bytes() {
        return Err(PageFault::BadPageList);
    }
    let list = record[WORD..].chunks_exact(WORD).take(count);
    let pages: Vec<Pgno> = list.map(|word| Pgno(u32_at(word, 0))).collect();
    let descending = pages.is_sorted_by(|a, b| a > b);
    let in_range = pages
        .iter()
        .all(|&pgno| Pgno::FIRST_DATA <= pgno && pgno < end);
    if descending && in_range {
        Ok(pages)
    } else {
        Err(PageFault::BadPageList)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_round_trips_with_spare_words_at_its_end() {
        let pages = [Pgno(9), Pgno(8), Pgno(3)];
        let mut record = vec![0xFF; record_len(5)];
        write_record(&mut record, &pages);
        assert_eq!(record_capacity(record.len()), 5);
        assert_eq!(
            read_record(&record, Pgno(10), PageSize::MIN),
            Ok(pages.to_vec())
        );
    }

    #[test]
    fn each_broken_rule_is_a_fault() {
        let read = |words: &[u32]| {
            let record: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
            read_record(&record, Pgno(10), PageSize::MIN)
        };
        assert_eq!(read(&[0]), Ok(vec![]));
        assert!(read(&[]).is_err());
        assert!(read(&[3, 9, 8]).is_err(), "shorter than its count");
        assert!(read(&[2, 8, 9]).is_err(), "ascending");
        assert!(read(&[2, 8, 8]).is_err(), "twice the same");
        assert!(read(&[1, 10]).is_err(), "not allocated");
        assert!(read(&[1, 2]).is_err(), "a meta page");
        assert!(read(&[0; 130]).is_err(), "a tail of two pages");
        assert!(
            read_record(&[0; 5], Pgno(10), PageSize::MIN).is_err(),
            "not whole words"
        );
    }
}
