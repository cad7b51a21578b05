//! The metas and the length of the file.
//!
//! A commit may be overwriting a meta while it is looked at. So all are read until two looks see the same; and a meta
//! whose two transaction ids differ, or that has none, is not damage but what a stopped machine or a roll-back left.
//! It plays no part until it is overwritten.
//!
//! Source: format document, "Validity of one meta" and "Geometry and file size".

use std::io;

use crate::format::limits::PAGE_HEADER;
use crate::format::meta::{META_BODY, Meta, MetaBody, Rank, Ranking, Sign, rank};
use crate::ids::{PageSize, Pgno, Txnid};
use crate::store::open::Store;
use crate::store::troika::reason_of;
use crate::sys::process::boot_id;
use crate::tools::check::Checker;

/// How often the metas are read in search of a moment in which no commit writes one.
const MOST_LOOKS: usize = 100;

/// The length of every data file is a multiple of that many bytes.
const SYSTEM_PAGE: u64 = 4096;

/// Header and body of a meta page.
type Start = [u8; META_BODY.end];

impl Checker<'_> {
    /// Checks the metas and the length of the file. Tells whether the file has all pages of the snapshot, so that
    /// they can be looked at.
    pub(super) fn check_metas(&mut self, store: &Store) -> bool {
        let len = match store.file.len() {
            Ok(len) => len,
            Err(error) => {
                self.find(None, format!("the file must tell its length, but {error}"));
                return false;
            }
        };
        if !self.check_len(len) {
            return false;
        }
        match read_metas(store) {
            Ok(starts) => self.check_starts(&starts, len),
            Err(error) => self.find(None, format!("the metas must be readable, but {error}")),
        }
        true
    }

    /// Checks the length of the file, in bytes.
    fn check_len(&mut self, len: u64) -> bool {
        let (end, page_size) = (self.pages.end, self.pages.page_size);
        let needed = end.offset(page_size);
        if len < needed {
            let expected =
                format!("the file must have {needed} bytes for {end} pages, but has {len}");
            self.find(None, expected);
            return false;
        }
        let unit = SYSTEM_PAGE.max(page_size.bytes() as u64);
        if !len.is_multiple_of(unit) {
            let expected =
                format!("the length of the file must be a multiple of {unit}, but is {len}");
            self.find(None, expected);
        }
        true
    }

    /// Checks the starts of the three meta pages, in a file of `len` bytes.
    fn check_starts(&mut self, starts: &[Start; 3], len: u64) {
        let bodies = starts.map(|start| body_of(&start));
        for (number, (start, body)) in (0..).zip(starts.iter().zip(&bodies)) {
            if let Err(expected) = check_start(start, body, number, self.pages.page_size) {
                self.find(Some(number), expected);
                return;
            }
        }
        let Ok(Ranking {
            recent,
            prefer_steady,
            ..
        }) = rank(bodies.map(|body| Rank::read(&body)))
        else {
            self.find(
                None,
                "two metas must not be of the same transaction".to_owned(),
            );
            return;
        };
        let file_pages = len / self.pages.page_size.bytes() as u64;
        for (number, body) in (0..).zip(&bodies) {
            // The file may have become shorter since the last but one commit, whose meta the next one overwrites.
            let counts = [recent, prefer_steady].contains(&(number as usize));
            let parsed = Meta::parse_body(body, if counts { file_pages } else { u64::MAX });
            match parsed {
                Ok(meta) if number as usize == recent => self.check_newest(number, &meta),
                Ok(_) => {}
                Err(_) if !counts && Rank::read(body).txnid == Txnid::VOID => {}
                Err(fault) => {
                    let reason = reason_of(fault);
                    self.find(Some(number), format!("it must be valid, but {reason}"));
                }
            }
        }
    }

    /// Checks what only the newest meta must be.
    fn check_newest(&mut self, number: u32, meta: &Meta) {
        let (newest, snapshot) = (meta.txnid, self.pages.horizon);
        if newest < snapshot {
            let expected =
                format!("the newest meta must not be older than {snapshot}, but is of {newest}");
            self.find(Some(number), expected);
        }
        let is_of_this_boot = meta.boot_id == boot_id() && meta.boot_id != [0; 16];
        if meta.sign != Sign::Steady && !is_of_this_boot {
            let expected =
                "the newest meta must be known durable, or written since the machine was started";
            self.find(Some(number), expected.to_owned());
        }
    }

    fn find(&mut self, number: Option<u32>, expected: String) {
        self.report.add(number.map(Pgno), None, expected);
    }
}

/// Checks what a meta has in common with all others, whatever it describes.
fn check_start(
    start: &Start,
    body: &MetaBody,
    number: u32,
    page_size: PageSize,
) -> Result<(), String> {
    let mut header = [0; PAGE_HEADER];
    header.copy_from_slice(&start[..PAGE_HEADER]);
    Meta::check_header(&header, number)
        .map_err(|_| format!("a meta page must have the number {number} and the flags 0x0008"))?;
    match Meta::page_size(body) {
        Ok(found) if found == page_size => Ok(()),
        Ok(found) => Err(format!("its page size must be {page_size}, but is {found}")),
        Err(fault) => {
            let reason = reason_of(fault);
            Err(format!("it must be a meta of this format, but {reason}"))
        }
    }
}

fn body_of(start: &Start) -> MetaBody {
    let mut body = [0; META_BODY.end - META_BODY.start];
    body.copy_from_slice(&start[META_BODY]);
    body
}

/// Reads the starts of the three meta pages in a moment in which none of them changes.
fn read_metas(store: &Store) -> io::Result<[Start; 3]> {
    let read = || -> io::Result<[Start; 3]> {
        let mut starts = [[0; META_BODY.end]; 3];
        for (number, start) in (0..).zip(&mut starts) {
            let at = Pgno(number).offset(store.page_size);
            store.file.read_exact_at(start, at)?;
        }
        Ok(starts)
    };
    let mut last = read()?;
    for _ in 0..MOST_LOOKS {
        let now = read()?;
        if now == last {
            break;
        }
        last = now;
    }
    Ok(last)
}
