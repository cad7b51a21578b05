//! Are all pages of the newest commit in the file? Its seal tells, after a power cut.
//!
//! The pages of a transaction hang together: each was written to a new place, so what leads to it was changed as well,
//! and is one of them, or the meta. So they are found from the roots in the meta, by entering pages of that transaction
//! only. Those it did not write were durable before it began, and nobody has to look at them.
//!
//! What a stopped machine left is anything at all. Every page is checked before it is used, and no more pages are
//! entered than the seal counts. So the search ends, whatever leads where.
//!
//! Source: `docs/single-sync.md`.

use std::io;

use crate::error::PageFault;
use crate::format::limits::PAGE_HEADER;
use crate::format::meta::{Meta, MetaBody};
use crate::format::node::Value;
use crate::format::page::{Page, large_run};
use crate::format::root::TreeRoot;
use crate::format::seal::{SEAL, Seal, Sealer};
use crate::ids::{PageSize, Pgno, Txnid};
use crate::sys::file::DataFile;

/// Commits that wrote more bytes of pages get no seal: writing them takes longer than a flush, and the next opening
/// would have to find them all.
pub(crate) const MOST_SEALED_BYTES: usize = 4 << 20;

/// Returns whether the pages that `meta`, which the `body` of meta `number` spells, has added to those of its base are
/// all in the file, as the seal behind that body describes them.
///
/// # Errors
///
/// What the operating system says when a page cannot be read. Then nothing is known.
pub(crate) fn holds(
    number: Pgno,
    body: &MetaBody,
    meta: &Meta,
    file: &dyn DataFile,
) -> io::Result<bool> {
    let mut bytes = [0; SEAL.end - SEAL.start];
    let at = number.offset(meta.page_size) + SEAL.start as u64;
    file.read_exact_at(&mut bytes, at)?;
    let seal = Seal::read(&bytes);
    let most = MOST_SEALED_BYTES / meta.page_size.bytes();
    if seal.pages() as usize > most {
        return Ok(false); // no seal of ours
    }
    let mut search = Search::new(meta, seal.pages(), file);
    match search.find_all() {
        Ok(()) => Ok(search.found.seal(number, body) == seal),
        Err(Miss::NotWhole) => Ok(false),
        Err(Miss::Io(error)) => Err(error),
    }
}

/// The search for the pages of one transaction.
struct Search<'f> {
    file: &'f dyn DataFile,
    page_size: PageSize,
    txnid: Txnid,
    /// The pages from here on do not belong to the snapshot.
    end: Pgno,
    /// How many pages there are to be found.
    wanted: u32,
    found: Sealer,
    leads: Vec<Lead>,
}

/// Where a page of the transaction may be.
#[derive(Clone, Copy, Debug)]
enum Lead {
    /// A branch or leaf page.
    Tree(Pgno),
    /// The first page of a large value.
    Large(Pgno),
}

/// Why the search ends early.
#[derive(Debug)]
enum Miss {
    /// A page of the transaction is not there, or not as it was written.
    NotWhole,
    /// A page cannot be read.
    Io(io::Error),
}

impl From<PageFault> for Miss {
    fn from(_: PageFault) -> Miss {
        Miss::NotWhole
    }
}

impl From<io::Error> for Miss {
    fn from(error: io::Error) -> Miss {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Miss::NotWhole,
            _ => Miss::Io(error),
        }
    }
}

impl<'f> Search<'f> {
    fn new(meta: &Meta, wanted: u32, file: &'f dyn DataFile) -> Search<'f> {
        let mut search = Search {
            file,
            page_size: meta.page_size,
            txnid: meta.txnid,
            end: meta.geometry.first_unallocated,
            wanted,
            found: Sealer::new(meta.dxbid, meta.txnid),
            leads: Vec::new(),
        };
        search.follow_changed(&meta.gc);
        search.follow_changed(&meta.main);
        search
    }

    /// Finds as many pages of the transaction as are wanted, or more.
    fn find_all(&mut self) -> Result<(), Miss> {
        while self.found.pages() < self.wanted {
            let lead = self.leads.pop().ok_or(Miss::NotWhole)?;
            let (Lead::Tree(pgno) | Lead::Large(pgno)) = lead;
            if pgno < Pgno::FIRST_DATA || pgno >= self.end {
                return Err(PageFault::OutOfRange.into());
            }
            let header = self.read(pgno, PAGE_HEADER)?;
            if Page::trusted(&header).txnid() != self.txnid {
                continue; // it is older, and so is all that it leads to
            }
            match lead {
                Lead::Tree(pgno) => self.enter(pgno)?,
                Lead::Large(pgno) => self.add_large(pgno, &header)?,
            }
        }
        Ok(())
    }

    /// Adds a branch or leaf page, and follows what it leads to.
    fn enter(&mut self, pgno: Pgno) -> Result<(), Miss> {
        let bytes = self.read(pgno, self.page_size.bytes())?;
        let page = Page::of_tree(&bytes, pgno, self.txnid)?;
        self.found.add(pgno, &bytes, self.page_size);
        if page.is_packed() {
            return Ok(());
        }
        for index in 0..page.len() {
            if page.is_branch() {
                self.leads.push(Lead::Tree(page.child(index)?));
            } else {
                self.follow_value(page.value(index)?)?;
            }
        }
        Ok(())
    }

    fn follow_value(&mut self, value: Value<'_>) -> Result<(), Miss> {
        match value {
            Value::Inline(_) | Value::SubPage(_) => {}
            Value::Large { pgno, .. } => self.leads.push(Lead::Large(pgno)),
            Value::Table(record) => {
                let root = TreeRoot::read(record).ok_or(PageFault::BadTreeRecord)?;
                root.check(self.end)?;
                self.follow_changed(&root);
            }
            // Its record tells nothing sure of when it was changed; its root does.
            Value::Nested(root) => {
                root.check(self.end)?;
                self.leads.push(Lead::Tree(root.root));
            }
        }
        Ok(())
    }

    /// Follows the root of a tree if the transaction has changed it.
    fn follow_changed(&mut self, root: &TreeRoot) {
        if !root.is_empty() && root.mod_txnid == self.txnid {
            self.leads.push(Lead::Tree(root.root));
        }
    }

    /// Adds the pages of a large value whose first page has that header.
    fn add_large(&mut self, first: Pgno, header: &[u8]) -> Result<(), Miss> {
        let pages = large_run(header, first, self.txnid)?;
        let left = self.wanted - self.found.pages();
        if pages == 0 || pages > left {
            return Err(PageFault::OutOfRange.into());
        }
        let bytes = self.read(first, pages as usize * self.page_size.bytes())?;
        self.found.add(first, &bytes, self.page_size);
        Ok(())
    }

    fn read(&self, pgno: Pgno, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.file
            .read_exact_at(&mut bytes, pgno.offset(self.page_size))?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::IoSlice;
    use std::path::Path;

    use super::*;
    use crate::env::handle::Env;
    use crate::format::meta::META_BODY;
    use crate::store::geometry::Geometry;
    use crate::txn::table::{Table, TableFlags};
    use crate::txn::write::WriteTxn;

    /// A file in memory, which is only read.
    #[derive(Debug)]
    struct Bytes(Vec<u8>);

    impl DataFile for Bytes {
        fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
            let offset = usize::try_from(offset).unwrap();
            let found = self.0.get(offset..offset + buf.len());
            buf.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        }

        fn write_at(&self, _: &[IoSlice<'_>], _: u64) -> io::Result<()> {
            unreachable!("a search writes nothing")
        }

        fn write_durable_at(&self, _: &[u8], _: u64) -> io::Result<()> {
            unreachable!("a search writes nothing")
        }

        fn len(&self) -> io::Result<u64> {
            Ok(self.0.len() as u64)
        }

        fn set_len(&self, _: u64) -> io::Result<()> {
            unreachable!("a search writes nothing")
        }

        fn sync_data(&self) -> io::Result<()> {
            unreachable!("a search writes nothing")
        }

        fn sync_all(&self) -> io::Result<()> {
            unreachable!("a search writes nothing")
        }
    }

    /// The newest commit of a file.
    struct Newest {
        file: Bytes,
        number: Pgno,
        body: MetaBody,
        meta: Meta,
        seal: Seal,
    }

    impl Newest {
        /// Reads the newest commit, and seals what the search finds of it.
        fn read(path: &Path, page_size: PageSize) -> Newest {
            let mut file = Bytes(std::fs::read(path).unwrap());
            let metas = (0..3).map(|number| {
                let at = usize::try_from(Pgno(number).offset(page_size)).unwrap();
                let body: MetaBody = file.0[at..][META_BODY].try_into().unwrap();
                let meta = Meta::parse_body(&body, u64::MAX).unwrap();
                (Pgno(number), body, meta)
            });
            let (number, body, meta) = metas.max_by_key(|(_, _, meta)| meta.txnid).unwrap();
            let mut search = Search::new(&meta, u32::MAX, &file);
            assert!(matches!(search.find_all(), Err(Miss::NotWhole)));
            let seal = search.found.seal(number, &body);
            let at = usize::try_from(number.offset(page_size)).unwrap();
            file.0[at..][META_BODY.start..SEAL.end].copy_from_slice(&seal.behind(&body));
            Newest {
                file,
                number,
                body,
                meta,
                seal,
            }
        }

        fn holds(&self) -> bool {
            holds(self.number, &self.body, &self.meta, &self.file).unwrap()
        }

        /// Returns the pages that carry the id of the commit, each with how many it stands for. Free pages cannot,
        /// since no transaction before had the id.
        fn pages(&self) -> BTreeMap<u32, u32> {
            let page_size = self.meta.page_size;
            let mut pages = BTreeMap::new();
            let mut pgno = Pgno::FIRST_DATA;
            while pgno < self.meta.geometry.first_unallocated {
                let at = usize::try_from(pgno.offset(page_size)).unwrap();
                let header = Page::trusted(&self.file.0[at..][..page_size.bytes()]);
                let mut count = 1;
                if header.txnid() == self.meta.txnid {
                    count = large_run(header.bytes(), pgno, self.meta.txnid).unwrap_or(1);
                    pages.insert(pgno.0, count);
                }
                pgno = Pgno(pgno.0 + count);
            }
            pages
        }
    }

    /// Fills tables of every kind, with keys from `from` on.
    fn fill(txn: &mut WriteTxn<'_>, from: u32) {
        let kinds = [
            ("plain", TableFlags::empty()),
            ("dups", TableFlags::DUP_SORT),
            ("fixed", TableFlags::DUP_SORT | TableFlags::DUP_FIXED),
        ];
        let [plain, dups, fixed] =
            kinds.map(|(name, flags)| txn.create_table(name, flags).unwrap());
        let keys = from..from + 3;
        for key in keys.clone().map(u32::to_be_bytes) {
            txn.put(plain, &key, &key).unwrap();
            txn.put(Table::MAIN, &key, &[7; 700]).unwrap(); // on pages of its own
            for value in [b"one", b"two"] {
                txn.put(dups, &key, value).unwrap(); // in a sub-page
            }
        }
        for value in 0..40_u64 {
            txn.put(dups, b"tree", &(value + 40 * u64::from(from)).to_be_bytes())
                .unwrap();
            txn.put(
                fixed,
                b"tree",
                &(value + 40 * u64::from(from)).to_be_bytes(),
            )
            .unwrap();
        }
    }

    /// A file whose newest commit has changed tables of every kind that were there before.
    fn every_kind() -> (tempfile::TempDir, Newest) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let geometry = Geometry::default().page_size(PageSize::MIN);
        let env = Env::options().geometry(geometry).open(&path).unwrap();
        for from in [100, 200, 10] {
            let mut txn = env.write().unwrap();
            fill(&mut txn, from);
            txn.commit().unwrap();
        }
        drop(env);
        let newest = Newest::read(&path, PageSize::MIN);
        (directory, newest)
    }

    #[test]
    fn the_pages_of_a_commit_are_those_with_its_id_whatever_they_belong_to() {
        let (_directory, newest) = every_kind();
        let pages = newest.pages();
        let count: u32 = pages.values().sum();
        assert!(count > 20 && newest.meta.geometry.first_unallocated.0 > 2 * count);
        assert_eq!(newest.seal.pages(), count);
        assert!(newest.holds());
    }

    #[test]
    fn no_bit_of_its_pages_and_its_meta_can_be_another() {
        let (_directory, mut newest) = every_kind();
        for (pgno, count) in newest.pages() {
            let start = usize::try_from(Pgno(pgno).offset(PageSize::MIN)).unwrap();
            for bit in 0..8 * 256 * count as usize {
                let (at, mask) = (start + bit / 8, 1 << (bit % 8));
                newest.file.0[at] ^= mask;
                assert!(!newest.holds(), "page {pgno}, bit {bit}");
                newest.file.0[at] ^= mask;
            }
        }
        for bit in 0..8 * newest.body.len() {
            newest.body[bit / 8] ^= 1 << (bit % 8);
            assert!(!newest.holds(), "body, bit {bit}");
            newest.body[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(newest.holds());
    }

    #[test]
    fn a_page_that_shows_zeros_or_what_was_there_before_or_is_behind_the_end_is_missed() {
        let (_directory, mut newest) = every_kind();
        let pages = newest.pages();
        let id = newest.meta.txnid.0;
        for (pgno, count) in pages {
            let start = usize::try_from(Pgno(pgno).offset(PageSize::MIN)).unwrap();
            let bytes = start..start + 256 * count as usize;
            let whole = newest.file.0[bytes.clone()].to_vec();
            newest.file.0[bytes.clone()].fill(0);
            assert!(!newest.holds(), "page {pgno} is zeros");
            newest.file.0[bytes.clone()].copy_from_slice(&whole);
            newest.file.0[start..start + 8].copy_from_slice(&(id - 1).to_le_bytes());
            assert!(!newest.holds(), "page {pgno} is older");
            newest.file.0[bytes].copy_from_slice(&whole);
            let rest = newest.file.0.split_off(start);
            assert!(!newest.holds(), "the file ends before page {pgno}");
            newest.file.0.extend(rest);
        }
        assert!(newest.holds());
    }

    #[test]
    fn pages_that_the_commit_did_not_write_are_not_looked_at() {
        let (_directory, mut newest) = every_kind();
        let mine = newest.pages();
        let mut mine = mine
            .iter()
            .flat_map(|(&first, &count)| first..first + count)
            .peekable();
        for pgno in 3..newest.meta.geometry.first_unallocated.0 {
            if mine.next_if_eq(&pgno).is_none() {
                let start = usize::try_from(Pgno(pgno).offset(PageSize::MIN)).unwrap();
                newest.file.0[start + 8..start + 256].fill(0xA5); // its id stays
            }
        }
        assert!(newest.holds());
    }

    #[test]
    fn pages_that_lead_back_end_the_search() {
        let (_directory, newest) = every_kind();
        let root = newest.meta.main.root;
        let at = usize::try_from(root.offset(PageSize::MIN)).unwrap();
        let page = Page::of_tree(&newest.file.0[at..][..256], root, newest.meta.txnid).unwrap();
        assert!(page.is_branch());
        let mut file = newest.file.0.clone();
        for index in 0..page.len() {
            let child = at + page.node_offset(index);
            file[child..child + 4].copy_from_slice(&root.0.to_le_bytes());
        }
        let newest = Newest {
            file: Bytes(file),
            ..newest
        };
        assert!(!newest.holds());
    }

    #[test]
    fn no_bit_of_the_seal_can_be_another_and_without_one_nothing_holds() {
        let (_directory, mut newest) = every_kind();
        let at = usize::try_from(newest.number.offset(PageSize::MIN)).unwrap();
        for bit in 0..8 * (SEAL.end - SEAL.start) {
            let (at, mask) = (at + SEAL.start + bit / 8, 1 << (bit % 8));
            newest.file.0[at] ^= mask;
            assert!(!newest.holds(), "bit {bit}");
            newest.file.0[at] ^= mask;
        }
        assert!(newest.holds());
        newest.file.0[at..][SEAL].fill(0);
        assert!(!newest.holds());
    }
}
