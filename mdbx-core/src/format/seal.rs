//! The seal of a commit: what its meta says about its pages, so that they need not be durable before it.
//!
//! It lies right behind the body of a meta, in the room that even the smallest page has left, and in the same disk
//! sector. So body and seal are one write, and old or new together. Engines that do not know it ignore it.
//!
//! ```text
//! page   20          244      252     256
//!        | meta body | digest | pages | rest of larger pages
//! seal               0        8       12
//! ```
//!
//! The digest sums up hashes of all pages of the commit and of the body, so it does not depend on the order in which
//! they are met. Each hash is keyed by database, transaction and page number: a page that another commit left at the
//! same place does not count as one of this.
//!
//! It is a checksum and no signature. That it holds by chance has a probability of 2^-64.
//!
//! Source: `docs/single-sync.md`.

use std::ops::Range;

use twox_hash::XxHash3_64;

use crate::format::bytes::{put_u32, put_u64, u32_at, u64_at};
use crate::format::meta::{META_BODY, MetaBody};
use crate::ids::{PageSize, Pgno, Txnid};

/// Where the seal lies in a meta page, in bytes.
pub(crate) const SEAL: Range<usize> = META_BODY.end..META_BODY.end + LEN;

const LEN: usize = 12;
const DIGEST: usize = 0;
const PAGES: usize = 8;

/// A meta body with its seal, as their bytes.
pub(crate) type SealedBody = [u8; SEAL.end - META_BODY.start];

/// What a meta says about the pages of its commit. All zero where there is no seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    digest: u64,
    /// How many pages the commit wrote, those of large values included.
    pages: u32,
}

impl Seal {
    /// Returns the seal that the bytes spell.
    pub(crate) fn read(bytes: &[u8; LEN]) -> Seal {
        Seal {
            digest: u64_at(bytes, DIGEST),
            pages: u32_at(bytes, PAGES),
        }
    }

    /// Returns how many pages the commit wrote, those of large values included.
    pub(crate) fn pages(self) -> u32 {
        self.pages
    }

    /// Returns `body` with this seal behind it.
    pub(crate) fn behind(self, body: &MetaBody) -> SealedBody {
        let mut sealed = without_seal(body);
        let seal = &mut sealed[body.len()..];
        put_u64(seal, DIGEST, self.digest);
        put_u32(seal, PAGES, self.pages);
        sealed
    }
}

/// Returns `body` with zeros behind it, so that no seal of an earlier meta stays there.
pub(crate) fn without_seal(body: &MetaBody) -> SealedBody {
    let mut bytes = [0; SEAL.end - META_BODY.start];
    bytes[..body.len()].copy_from_slice(body);
    bytes
}

/// Sums up the pages of one commit, in any order.
#[derive(Clone, Debug)]
pub(crate) struct Sealer {
    key: u64,
    sum: u64,
    pages: u32,
}

impl Sealer {
    /// A sum of no pages yet, for the commit of `txnid` in the database `dxbid`.
    pub(crate) fn new(dxbid: [u8; 16], txnid: Txnid) -> Sealer {
        Sealer {
            key: XxHash3_64::oneshot_with_seed(txnid.0, &dxbid),
            sum: 0,
            pages: 0,
        }
    }

    /// Adds the page or the whole pages of a large value that start with `pgno`.
    pub(crate) fn add(&mut self, pgno: Pgno, bytes: &[u8], page_size: PageSize) {
        let pages = bytes.len() / page_size.bytes();
        // A commit has fewer pages than there are numbers; the sum is as good without the rest of a higher count.
        self.pages =
            u32::try_from(pages).map_or(u32::MAX, |pages| self.pages.saturating_add(pages));
        self.sum = self.sum.wrapping_add(self.hash(pgno, bytes));
    }

    /// Returns how many pages were added.
    pub(crate) fn pages(&self) -> u32 {
        self.pages
    }

    /// Returns the seal of these pages and of the body of meta `number` that leads to them.
    pub(crate) fn seal(&self, number: Pgno, body: &MetaBody) -> Seal {
        Seal {
            digest: self.sum.wrapping_add(self.hash(number, body)),
            pages: self.pages,
        }
    }

    fn hash(&self, pgno: Pgno, bytes: &[u8]) -> u64 {
        XxHash3_64::oneshot_with_seed(self.key ^ u64::from(pgno.0), bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DXBID: [u8; 16] = *b"a database's id.";

    fn page(byte: u8) -> Vec<u8> {
        (0..=255).map(|i: u8| i.wrapping_mul(byte)).collect()
    }

    /// Returns the seal of these pages, each given by its number and the byte it is made of.
    fn seal_of(pages: &[(u32, u8)]) -> Seal {
        let mut sealer = Sealer::new(DXBID, Txnid(7));
        for &(pgno, byte) in pages {
            sealer.add(Pgno(pgno), &page(byte), PageSize::MIN);
        }
        sealer.seal(Pgno(1), &[5; 224])
    }

    #[test]
    fn a_seal_ends_with_the_smallest_page_and_lies_in_the_sector_of_its_body() {
        assert_eq!(SEAL, 244..256);
        for page_size in (8..=16).map(|power| 1_usize << power) {
            for number in 0..3 {
                let (first, last) = (
                    number * page_size + META_BODY.start,
                    number * page_size + SEAL.end - 1,
                );
                assert_eq!(first / 512, last / 512, "meta {number} of {page_size}");
            }
        }
    }

    #[test]
    fn what_was_written_behind_a_body_is_read() {
        let seal = Seal {
            digest: 0x0102_0304_0506_0708,
            pages: 0x090A_0B0C,
        };
        let sealed = seal.behind(&[0xEE; 224]);
        assert_eq!(sealed[..224], [0xEE; 224]);
        assert_eq!(sealed[224..], [8, 7, 6, 5, 4, 3, 2, 1, 12, 11, 10, 9]);
        let mut bytes = [0; LEN];
        bytes.copy_from_slice(&sealed[224..]);
        assert_eq!(Seal::read(&bytes), seal);
        assert_eq!(without_seal(&[0xEE; 224])[224..], [0; 12]);
    }

    #[test]
    fn the_order_of_pages_does_not_matter_and_everything_else_does() {
        let seal = seal_of(&[(3, 1), (9, 2), (4, 3)]);
        assert_eq!(seal, seal_of(&[(4, 3), (3, 1), (9, 2)]));
        assert_eq!(seal.pages(), 3);
        let others = [
            seal_of(&[(3, 1), (9, 2)]),
            seal_of(&[(3, 1), (9, 2), (4, 3), (4, 3)]),
            seal_of(&[(3, 2), (9, 1), (4, 3)]), // two pages have changed places
            seal_of(&[(3, 1), (9, 2), (5, 3)]),
            seal_of(&[(3, 1), (9, 2), (4, 4)]),
        ];
        for other in others {
            assert_ne!(seal, other);
        }
        let mut sealer = Sealer::new(DXBID, Txnid(7));
        for (pgno, byte) in [(3, 1), (9, 2), (4, 3)] {
            sealer.add(Pgno(pgno), &page(byte), PageSize::MIN);
        }
        let mut body = [5; 224];
        assert_eq!(seal, sealer.seal(Pgno(1), &body));
        assert_ne!(seal, sealer.seal(Pgno(2), &body));
        body[100] ^= 1;
        assert_ne!(seal, sealer.seal(Pgno(1), &body));
    }

    #[test]
    fn databases_and_transactions_have_keys_of_their_own() {
        let seal = |dxbid, txnid| {
            let mut sealer = Sealer::new(dxbid, txnid);
            sealer.add(Pgno(3), &page(1), PageSize::MIN);
            sealer.seal(Pgno(0), &[0; 224])
        };
        assert_ne!(seal(DXBID, Txnid(7)), seal(DXBID, Txnid(8)));
        assert_ne!(seal(DXBID, Txnid(7)), seal([0; 16], Txnid(7)));
    }

    #[test]
    fn all_pages_of_a_large_value_count() {
        let mut sealer = Sealer::new(DXBID, Txnid(7));
        sealer.add(Pgno(3), &[1; 768], PageSize::MIN);
        assert_eq!(sealer.pages(), 3);
    }

    /// The hash is a part of the format. The number was computed with another implementation of it.
    #[test]
    fn the_digest_is_that_of_the_document() {
        let mut sealer = Sealer::new([0; 16], Txnid(1));
        sealer.add(Pgno(3), &[0; 256], PageSize::MIN);
        let seal = sealer.seal(Pgno(0), &[0; 224]);
        assert_eq!(seal.digest, 0xD2F7_AC23_140B_0938);
    }
}
