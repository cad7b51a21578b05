//! The meta pages: three descriptions of the database, the best of which counts.
//!
//! A commit becomes real when it overwrites one meta, the [tail](Ranking::tail) of the [`Ranking`]. The body of a meta
//! lies within one disk sector, and carries the transaction's id twice, around what describes the database: where
//! the two differ, it was being written when the machine stopped (it is torn), and then another meta counts.
//!
//! ```text
//! page   0        20      28        36   40         60   108
//!        | header | magic | txnid_a | 0  | geometry | gc | main |
//! body            0       8         16   20         40   88
//!
//! page   156      188    196       204       212       228     244
//!        | canary | sign | txnid_b | retired | boot_id | dxbid | 0  ...
//! body   136      168    176       184       192       208     224
//! ```
//!
//! Offsets below are those in the body.
//!
//! Source: format document, "Meta pages" and "Choosing a snapshot".

use std::ops::Range;
use std::path::Path;

use crate::error::{Error, PageFault};
use crate::format::bytes::{
    array_at, put_array, put_u16, put_u32, put_u64, u16_at, u32_at, u64_at,
};
use crate::format::geometry::PageCounts;
use crate::format::limits::PAGE_HEADER;
use crate::format::root::{self, INTEGER_KEY, TreeRoot};
use crate::ids::{PageSize, Pgno, Txnid};

/// Where the body lies in a meta page, in bytes.
pub(crate) const META_BODY: Range<usize> = PAGE_HEADER..PAGE_HEADER + BODY_LEN;

/// The length of a body in bytes.
const BODY_LEN: usize = 224;

/// The body of a meta page, as its bytes.
pub(crate) type MetaBody = [u8; BODY_LEN];

/// The upper 56 bits of the first field, which no other file begins with.
const MAGIC: u64 = 0x0059_659D_BDEF_4C11;
/// The version of the format, the lower 8 bits of the first field.
const VERSION: u8 = 3;
/// The sign of a commit that was not known durable when its meta was written.
const WEAK_SIGN: u64 = 1;
/// The sign of a commit all of whose pages were durable before its meta was written.
const STEADY_SIGN: u64 = u64::MAX;
/// The flags in the header of a meta page.
const HEADER_FLAGS: u16 = 0x0008;
/// Where the flags are in the header.
const HEADER_FLAGS_AT: usize = 10;
/// Where the page number is in the header.
const HEADER_PGNO_AT: usize = 16;
/// A page count or exclusive end is at most this.
const MAX_PAGES: u32 = Pgno::MAX.0 + 1;
/// No database has fewer pages than its metas.
const MIN_PAGES: u32 = Pgno::FIRST_DATA.0;

const MAGIC_AND_VERSION: usize = 0;
const TXNID_A: usize = 8;
const GROW_PV: usize = 20;
const SHRINK_PV: usize = 22;
const LOWER: usize = 24;
const UPPER: usize = 28;
const NOW: usize = 32;
const FIRST_UNALLOCATED: usize = 36;
const GC: Range<usize> = 40..88;
/// The page size takes the place that would be `dupfix_size` of the table of free pages.
const PAGE_SIZE: usize = 44;
const MAIN: Range<usize> = 88..136;
const CANARY: usize = 136;
const SIGN: usize = 168;
const TXNID_B: usize = 176;
const PAGES_RETIRED: usize = 184;
const BOOT_ID: usize = 192;
const DXBID: usize = 208;

/// Where the transaction id that a meta begins with is in its page.
pub(crate) const TXNID_A_AT: usize = META_BODY.start + TXNID_A;
/// Where the sign is in the page of a meta; the transaction id it ends with follows.
pub(crate) const SIGN_AT: usize = META_BODY.start + SIGN;

/// One complete description of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    /// The transaction that wrote it; [`Txnid::VOID`] makes the meta void.
    pub txnid: Txnid,
    /// The length of the file and its bounds.
    pub geometry: PageCounts,
    /// The size of all pages.
    pub page_size: PageSize,
    /// The table of free pages. Its `dupfix_size` is 0 here; in the file it is the page size.
    pub gc: TreeRoot,
    /// The main table.
    pub main: TreeRoot,
    /// Marks of the user: x, y, z, and v, the transaction that set them last.
    pub canary: [u64; 4],
    /// Whether the commit is known durable.
    pub sign: Sign,
    /// How many pages were ever put into the table of free pages. It never decreases.
    pub pages_retired: u64,
    /// The boot of the machine in which the meta was written; zero when unknown.
    pub boot_id: [u8; 16],
    /// Random bytes that name the database.
    pub dxbid: [u8; 16],
}

/// Whether the commit of a meta is known durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It says nothing; treated as weak.
    None,
    /// Its pages may not have reached the disk.
    Weak,
    /// Its pages reached the disk before it did.
    Steady,
}

impl Sign {
    /// Returns the sign that the field spells; `None` when there is no such sign.
    fn read(field: u64) -> Option<Sign> {
        match field {
            0 => Some(Sign::None),
            WEAK_SIGN => Some(Sign::Weak),
            STEADY_SIGN => Some(Sign::Steady),
            _ => None,
        }
    }

    /// Returns the field that spells the sign.
    fn field(self) -> u64 {
        match self {
            Sign::None => 0,
            Sign::Weak => WEAK_SIGN,
            Sign::Steady => STEADY_SIGN,
        }
    }
}

/// Why bytes are not a usable meta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetaFault {
    /// They do not begin like a meta, or a field that never changes is impossible.
    NotAMeta,
    /// It is a meta of another format version.
    Version {
        /// The version it carries.
        found: u8,
    },
    /// It was being written, or is, while it was read: its two transaction ids differ.
    Torn,
    /// It breaks a rule.
    Corrupt {
        /// Which rule.
        reason: &'static str,
    },
}

impl MetaFault {
    /// Returns the error that says this of meta `number` of the data file at `path`.
    #[cold]
    pub(crate) fn into_error(self, path: &Path, number: u32) -> Error {
        let bad = |reason| PageFault::BadMeta { reason }.at(Pgno(number));
        match self {
            MetaFault::NotAMeta => Error::NotADatabase {
                path: path.to_owned(),
            },
            MetaFault::Version { found } => Error::VersionMismatch {
                path: path.to_owned(),
                found,
            },
            MetaFault::Torn => bad("its two transaction ids differ"),
            MetaFault::Corrupt { reason } => bad(reason),
        }
    }
}

/// Returns `Ok` if `rule` holds, otherwise the fault that names the broken rule.
fn require(rule: bool, reason: &'static str) -> Result<(), MetaFault> {
    if rule {
        Ok(())
    } else {
        Err(MetaFault::Corrupt { reason })
    }
}

impl Meta {
    /// Returns the meta that transaction `txnid` begins a new, empty database with.
    ///
    /// The three metas of a new file have the ids 1, 2 and 3, and are equal otherwise.
    ///
    /// Source: format document, "Creating a file".
    pub(crate) fn fresh(
        page_size: PageSize,
        geometry: PageCounts,
        txnid: Txnid,
        boot_id: [u8; 16],
        dxbid: [u8; 16],
    ) -> Meta {
        Meta {
            txnid,
            geometry: PageCounts {
                first_unallocated: Pgno::FIRST_DATA,
                ..geometry
            },
            page_size,
            gc: TreeRoot::empty(INTEGER_KEY),
            main: TreeRoot::empty(0),
            canary: [0; 4],
            sign: Sign::Steady,
            pages_retired: 0,
            boot_id,
            dxbid,
        }
    }

    /// Checks that `header`, the start of a page, is the header of meta `number`.
    ///
    /// # Errors
    ///
    /// [`MetaFault::NotAMeta`].
    ///
    /// Source: format document, "Validity of one meta", point 2.
    pub(crate) fn check_header(header: &[u8; PAGE_HEADER], number: u32) -> Result<(), MetaFault> {
        let is_meta = u32_at(header, HEADER_PGNO_AT) == number
            && u16_at(header, HEADER_FLAGS_AT) == HEADER_FLAGS;
        if is_meta {
            Ok(())
        } else {
            Err(MetaFault::NotAMeta)
        }
    }

    /// Returns the page size of the database, which tells where the other metas are.
    ///
    /// # Errors
    ///
    /// [`MetaFault::NotAMeta`] and [`MetaFault::Version`].
    ///
    /// Source: format document, "Validity of one meta", points 1 and 3.
    pub(crate) fn page_size(body: &MetaBody) -> Result<PageSize, MetaFault> {
        let first = u64_at(body, MAGIC_AND_VERSION);
        let [found, ..] = first.to_le_bytes();
        if first >> 8 != MAGIC {
            return Err(MetaFault::NotAMeta);
        }
        if found != VERSION {
            return Err(MetaFault::Version { found });
        }
        PageSize::new(u32_at(body, PAGE_SIZE)).ok_or(MetaFault::NotAMeta)
    }

    /// Reads and checks the body of a meta in a file of `file_pages` whole pages.
    ///
    /// In the result `geometry.now` is at least the length of the file: another process may have grown it.
    ///
    /// # Errors
    ///
    /// All of [`MetaFault`]. [`Torn`](MetaFault::Torn) can pass, when the meta is being written.
    ///
    /// Source: format document, "Validity of one meta", points 1 and 3 to 12.
    pub(crate) fn parse_body(body: &MetaBody, file_pages: u64) -> Result<Meta, MetaFault> {
        let page_size = Meta::page_size(body)?;
        let txnid = Txnid(u64_at(body, TXNID_A));
        if txnid.0 != u64_at(body, TXNID_B) {
            return Err(MetaFault::Torn);
        }
        let sign = Sign::read(u64_at(body, SIGN)).ok_or(MetaFault::Corrupt {
            reason: "its sign is unknown",
        })?;
        let gc = TreeRoot {
            dupfix_size: 0,
            ..read_root(body, GC)?
        };
        let main = read_root(body, MAIN)?;
        require(
            gc.flags == INTEGER_KEY,
            "the flags of the table of free pages are wrong",
        )?;
        require(
            root::are_legal(main.flags),
            "the flags of the main table cannot go together",
        )?;
        require(
            txnid != Txnid::VOID && txnid <= Txnid::MAX,
            "its transaction id is impossible",
        )?;
        let geometry = read_geometry(body, file_pages)?;
        for tree in [&gc, &main] {
            check_tree(tree, txnid, geometry.first_unallocated)?;
        }
        Ok(Meta {
            txnid,
            geometry,
            page_size,
            gc,
            main,
            canary: [0, 8, 16, 24].map(|at| u64_at(body, CANARY + at)),
            sign,
            pages_retired: u64_at(body, PAGES_RETIRED),
            boot_id: array_at(body, BOOT_ID),
            dxbid: array_at(body, DXBID),
        })
    }

    /// Returns the body as bytes.
    pub(crate) fn write_body(&self) -> MetaBody {
        let mut body = [0; BODY_LEN];
        let magic_and_version = MAGIC << 8 | u64::from(VERSION);
        put_u64(&mut body, MAGIC_AND_VERSION, magic_and_version);
        put_u64(&mut body, TXNID_A, self.txnid.0);

        let geometry = &self.geometry;
        put_u16(&mut body, GROW_PV, geometry.grow_pv);
        put_u16(&mut body, SHRINK_PV, geometry.shrink_pv);
        put_u32(&mut body, LOWER, geometry.lower);
        put_u32(&mut body, UPPER, geometry.upper);
        put_u32(&mut body, NOW, geometry.now);
        put_u32(&mut body, FIRST_UNALLOCATED, geometry.first_unallocated.0);

        #[expect(clippy::cast_possible_truncation, reason = "at most 65536")]
        let page_size = self.page_size.bytes() as u32;
        self.gc.write(&mut body[GC]);
        put_u32(&mut body, PAGE_SIZE, page_size);
        self.main.write(&mut body[MAIN]);

        for (index, mark) in self.canary.into_iter().enumerate() {
            put_u64(&mut body, CANARY + 8 * index, mark);
        }
        put_u64(&mut body, SIGN, self.sign.field());
        put_u64(&mut body, TXNID_B, self.txnid.0);
        put_u64(&mut body, PAGES_RETIRED, self.pages_retired);
        put_array(&mut body, BOOT_ID, self.boot_id);
        put_array(&mut body, DXBID, self.dxbid);
        body
    }

    /// Makes the meta with this body say that its commit is durable, as found out in the boot `boot_id`.
    pub(crate) fn make_steady(body: &mut MetaBody, boot_id: [u8; 16]) {
        put_u64(body, SIGN, Sign::Steady.field());
        put_array(body, BOOT_ID, boot_id);
    }

    /// Makes the meta with this body say nothing about whether its commit is durable.
    pub(crate) fn remove_sign(body: &mut MetaBody) {
        put_u64(body, SIGN, Sign::None.field());
    }

    /// Makes the meta with this body say that it is not known in which boot it was written.
    pub(crate) fn forget_boot(body: &mut MetaBody) {
        put_array(body, BOOT_ID, [0; 16]);
    }

    /// Makes the meta with this body void: it ranks below all others, but still tells the page size.
    pub(crate) fn make_void(body: &mut MetaBody) {
        put_u64(body, TXNID_A, Txnid::VOID.0);
        put_u64(body, TXNID_B, Txnid::VOID.0);
    }

    /// Fills `page` as meta `number`: header, body, and zeros after it.
    ///
    /// # Panics
    ///
    /// When `page` has not room for header and body.
    pub(crate) fn write_page(&self, number: u32, page: &mut [u8]) {
        page.fill(0);
        put_u16(page, HEADER_FLAGS_AT, HEADER_FLAGS);
        put_u32(page, HEADER_PGNO_AT, number);
        page[META_BODY].copy_from_slice(&self.write_body());
    }
}

/// Reads the tree record at `range` of a body.
fn read_root(body: &MetaBody, range: Range<usize>) -> Result<TreeRoot, MetaFault> {
    TreeRoot::read(&body[range]).ok_or(MetaFault::Corrupt {
        reason: "a tree record has a wrong length",
    })
}

/// Reads the geometry, and corrects `now` where the file shows that it changed since.
///
/// Source: format document, "Validity of one meta", points 8 to 10.
fn read_geometry(body: &MetaBody, file_pages: u64) -> Result<PageCounts, MetaFault> {
    let lower = u32_at(body, LOWER);
    let upper = u32_at(body, UPPER);
    require(
        MIN_PAGES <= lower && lower <= upper && upper <= MAX_PAGES,
        "the bounds of its geometry are impossible",
    )?;

    let first_unallocated = u32_at(body, FIRST_UNALLOCATED);
    let possible = (MIN_PAGES..=MAX_PAGES).contains(&first_unallocated);
    require(possible, "its count of pages in use is impossible")?;
    require(
        u64::from(first_unallocated) <= file_pages,
        "the file is too short for its pages in use",
    )?;

    let in_file = u32::try_from(file_pages).unwrap_or(u32::MAX);
    let now = u32_at(body, NOW).max(in_file).clamp(lower, upper);
    require(
        first_unallocated <= now,
        "its pages in use leave the geometry",
    )?;
    Ok(PageCounts {
        lower,
        upper,
        now,
        grow_pv: u16_at(body, GROW_PV),
        shrink_pv: u16_at(body, SHRINK_PV),
        first_unallocated: Pgno(first_unallocated),
    })
}

/// Checks one of the two trees of a meta.
///
/// Source: format document, "Validity of one meta", points 11 and 12.
fn check_tree(tree: &TreeRoot, txnid: Txnid, end: Pgno) -> Result<(), MetaFault> {
    require(
        tree.check(end).is_ok(),
        "a tree record in it contradicts itself or the geometry",
    )?;
    require(
        tree.mod_txnid <= txnid,
        "a tree in it was changed by a later transaction",
    )?;
    require(
        tree.is_empty() || tree.mod_txnid != Txnid::VOID,
        "a tree in it was changed by no transaction",
    )
}

/// What ranking looks at, and nothing else: not even at whether the meta is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rank {
    /// The transaction; [`Txnid::VOID`] when torn.
    pub txnid: Txnid,
    /// Whether the commit is known durable.
    pub steady: bool,
}

impl Rank {
    /// Reads what ranking looks at from the body of a meta.
    pub(crate) fn read(body: &MetaBody) -> Rank {
        Rank::new(
            u64_at(body, TXNID_A),
            u64_at(body, SIGN),
            u64_at(body, TXNID_B),
        )
    }

    /// The rank of a meta with these three fields.
    pub(crate) fn new(begins: u64, sign: u64, ends: u64) -> Rank {
        let is_whole = begins == ends && begins != Txnid::VOID.0;
        let txnid = if is_whole { Txnid(begins) } else { Txnid::VOID };
        Rank {
            txnid,
            steady: is_whole && sign > WEAK_SIGN,
        }
    }

    /// Returns whether this meta describes a later state, or the same one with more certainty.
    fn is_newer_than(self, other: Rank) -> bool {
        (self.txnid, self.steady) > (other.txnid, other.steady)
    }

    /// Returns whether this meta is the safer one to start from after the machine stopped.
    fn is_steadier_than(self, other: Rank) -> bool {
        (self.steady, self.txnid) > (other.steady, other.txnid)
    }
}

/// The parts that the three metas play, each the number of a meta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ranking {
    /// The latest state.
    pub recent: usize,
    /// The latest state that is known durable; `recent` when none is.
    pub prefer_steady: usize,
    /// The one the next commit overwrites: neither `recent` nor the only steady one.
    pub tail: usize,
}

/// Two metas claim to be the same state, so neither can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clash;

/// Ranks the three metas.
///
/// # Errors
///
/// [`Clash`] when two of them have the same id and are both steady, or both not.
///
/// Source: format document, "Ranking".
pub(crate) fn rank(metas: [Rank; 3]) -> Result<Ranking, Clash> {
    let pairs = [(0, 1), (0, 2), (1, 2)];
    if pairs
        .into_iter()
        .any(|(a, b)| metas[a].txnid != Txnid::VOID && metas[a] == metas[b])
    {
        return Err(Clash);
    }
    let newer = |a: usize, b: usize| {
        if metas[a].is_newer_than(metas[b]) {
            a
        } else {
            b
        }
    };
    let steadier = |a: usize, b: usize| {
        if metas[a].is_steadier_than(metas[b]) {
            a
        } else {
            b
        }
    };
    let recent = newer(newer(0, 1), 2);
    let prefer_steady = steadier(steadier(0, 1), 2);
    let (a, b) = match recent {
        0 => (1, 2),
        1 => (0, 2),
        _ => (0, 1),
    };
    let tail = if steadier(a, b) == a { b } else { a };
    Ok(Ranking {
        recent,
        prefer_steady,
        tail,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::root::{DUP_FIXED, DUP_SORT};

    const GEOMETRY: PageCounts = PageCounts {
        lower: 16,
        upper: 1000,
        now: 64,
        grow_pv: 64,
        shrink_pv: 128,
        first_unallocated: Pgno(20),
    };

    /// Returns a meta in which every field has a value of its own.
    fn meta() -> Meta {
        let tree = TreeRoot {
            height: 1,
            root: Pgno(7),
            leaf_pages: 1,
            items: 2,
            mod_txnid: Txnid(9),
            ..TreeRoot::empty(8)
        };
        Meta {
            geometry: GEOMETRY,
            gc: tree,
            main: TreeRoot {
                flags: DUP_SORT,
                dupfix_size: 5,
                root: Pgno(19),
                mod_txnid: Txnid(8),
                ..tree
            },
            canary: [11, 12, 13, 14],
            sign: Sign::Weak,
            pages_retired: 15,
            ..Meta::fresh(PageSize::MIN, GEOMETRY, Txnid(9), [0xB0; 16], [0xD0; 16])
        }
    }

    /// Returns why the body of [`meta`] is refused once `change` was made to it, in a file of 64 pages.
    fn fault_after(change: impl FnOnce(&mut MetaBody)) -> MetaFault {
        let mut body = meta().write_body();
        change(&mut body);
        Meta::parse_body(&body, 64).unwrap_err()
    }

    #[test]
    fn what_was_written_is_read() {
        for sign in [Sign::None, Sign::Weak, Sign::Steady] {
            let meta = Meta { sign, ..meta() };
            assert_eq!(Meta::parse_body(&meta.write_body(), 64), Ok(meta));
        }
    }

    #[test]
    fn a_fresh_meta_is_laid_out_as_in_the_document() {
        let meta = Meta::fresh(
            PageSize::DEFAULT,
            GEOMETRY,
            Txnid(2),
            [0xB0; 16],
            [0xD0; 16],
        );
        let mut page = [0xFF; 4096];
        meta.write_page(1, &mut page);
        assert_eq!(
            page[..20],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 1, 0, 0, 0]
        );
        assert_eq!(
            page[20..36],
            [
                3, 0x11, 0x4C, 0xEF, 0xBD, 0x9D, 0x65, 0x59, 2, 0, 0, 0, 0, 0, 0, 0
            ]
        );
        assert_eq!(
            page[40..60],
            [
                64, 0, 128, 0, 16, 0, 0, 0, 232, 3, 0, 0, 64, 0, 0, 0, 3, 0, 0, 0
            ]
        );
        assert_eq!(
            page[60..72],
            [8, 0, 0, 0, 0, 16, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]
        );
        assert_eq!(
            page[108..120],
            [0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]
        );
        assert_eq!(
            page[188..204],
            [
                255, 255, 255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 0, 0, 0
            ]
        );
        assert_eq!(page[212..244], *[[0xB0; 16], [0xD0; 16]].as_flattened());
        assert!(page[244..].iter().all(|&byte| byte == 0));
        assert_eq!(Meta::check_header(&array_at(&page, 0), 1), Ok(()));
        assert_eq!(
            Meta::check_header(&array_at(&page, 0), 2),
            Err(MetaFault::NotAMeta)
        );
        assert_eq!(
            Meta::parse_body(&array_at(&page, META_BODY.start), 64),
            Ok(meta)
        );
    }

    #[test]
    fn other_files_and_versions_are_told_apart_from_damage() {
        assert_eq!(fault_after(|body| body[7] = 0), MetaFault::NotAMeta);
        assert_eq!(
            fault_after(|body| body[0] = 2),
            MetaFault::Version { found: 2 }
        );
        assert_eq!(
            fault_after(|body| put_u32(body, PAGE_SIZE, 4097)),
            MetaFault::NotAMeta
        );
        assert_eq!(
            fault_after(|body| put_u64(body, TXNID_A, 8)),
            MetaFault::Torn
        );
        assert_eq!(
            fault_after(|body| put_u64(body, TXNID_B, 8)),
            MetaFault::Torn
        );
    }

    #[test]
    fn every_broken_rule_is_named() {
        fn root_at(body: &mut MetaBody, change: impl FnOnce(&mut TreeRoot)) {
            let mut root = TreeRoot::read(&body[MAIN]).unwrap();
            change(&mut root);
            root.write(&mut body[MAIN]);
        }
        fn put_txnid(body: &mut MetaBody, txnid: u64) {
            put_u64(body, TXNID_A, txnid);
            put_u64(body, TXNID_B, txnid);
        }
        type Change = fn(&mut MetaBody);
        let cases: [(Change, &str); 16] = [
            (|b| put_u64(b, SIGN, 2), "its sign is unknown"),
            (
                |b| put_u16(b, GC.start, 0),
                "the flags of the table of free pages are wrong",
            ),
            (
                |b| put_u16(b, MAIN.start, DUP_FIXED),
                "the flags of the main table cannot go together",
            ),
            (|b| put_txnid(b, 0), "its transaction id is impossible"),
            (
                |b| put_txnid(b, Txnid::MAX.0 + 1),
                "its transaction id is impossible",
            ),
            (
                |b| put_u32(b, LOWER, 2),
                "the bounds of its geometry are impossible",
            ),
            (
                |b| put_u32(b, UPPER, 15),
                "the bounds of its geometry are impossible",
            ),
            (
                |b| put_u32(b, UPPER, MAX_PAGES + 1),
                "the bounds of its geometry are impossible",
            ),
            (
                |b| put_u32(b, FIRST_UNALLOCATED, 2),
                "its count of pages in use is impossible",
            ),
            (
                |b| put_u32(b, FIRST_UNALLOCATED, MAX_PAGES + 1),
                "its count of pages in use is impossible",
            ),
            (
                |b| put_u32(b, FIRST_UNALLOCATED, 65),
                "the file is too short for its pages in use",
            ),
            (
                |b| put_u32(b, UPPER, 19),
                "its pages in use leave the geometry",
            ),
            (
                |b| root_at(b, |r| r.root = Pgno(20)),
                "a tree record in it contradicts itself or the geometry",
            ),
            (
                |b| root_at(b, |r| r.root = Pgno::NONE),
                "a tree record in it contradicts itself or the geometry",
            ),
            (
                |b| root_at(b, |r| r.mod_txnid.0 = 10),
                "a tree in it was changed by a later transaction",
            ),
            (
                |b| root_at(b, |r| r.mod_txnid.0 = 0),
                "a tree in it was changed by no transaction",
            ),
        ];
        for (change, reason) in cases {
            assert_eq!(fault_after(change), MetaFault::Corrupt { reason });
        }
    }

    #[test]
    fn the_present_length_follows_the_file_within_the_bounds() {
        let body = meta().write_body();
        let now = |file_pages| Meta::parse_body(&body, file_pages).unwrap().geometry.now;
        assert_eq!(now(20), 64, "a file cut behind its pages in use");
        assert_eq!(now(70), 70);
        assert_eq!(now(5000), 1000);
        assert_eq!(now(u64::MAX), 1000);
        let low = Meta {
            geometry: PageCounts { now: 0, ..GEOMETRY },
            ..meta()
        };
        assert_eq!(
            Meta::parse_body(&low.write_body(), 20)
                .unwrap()
                .geometry
                .now,
            20
        );
    }

    #[test]
    fn no_single_changed_byte_makes_parsing_panic() {
        let body = meta().write_body();
        for at in 0..BODY_LEN {
            for value in 0..=u8::MAX {
                let mut damaged = body;
                damaged[at] = value;
                let _ = Meta::parse_body(&damaged, 64);
                let _ = Rank::read(&damaged);
            }
        }
    }

    #[test]
    fn faults_become_the_errors_callers_act_on() {
        let path = Path::new("db");
        assert!(matches!(
            MetaFault::NotAMeta.into_error(path, 0),
            Error::NotADatabase { .. }
        ));
        assert!(matches!(
            MetaFault::Version { found: 2 }.into_error(path, 0),
            Error::VersionMismatch { found: 2, .. }
        ));
        assert!(matches!(
            MetaFault::Torn.into_error(path, 1),
            Error::Corrupted { pgno: Pgno(1), .. }
        ));
    }

    /// Returns the rank of a steady meta.
    const fn steady(txnid: u64) -> Rank {
        Rank {
            txnid: Txnid(txnid),
            steady: true,
        }
    }

    /// Returns the rank of a weak meta.
    const fn weak(txnid: u64) -> Rank {
        Rank {
            txnid: Txnid(txnid),
            steady: false,
        }
    }

    /// Returns `recent`, `prefer_steady` and `tail` of these metas.
    fn ranked(metas: [Rank; 3]) -> [usize; 3] {
        let Ranking {
            recent,
            prefer_steady,
            tail,
        } = rank(metas).unwrap();
        [recent, prefer_steady, tail]
    }

    #[test]
    fn durable_commits_overwrite_the_oldest_meta_in_turn() {
        assert_eq!(ranked([steady(1), steady(2), steady(3)]), [2, 2, 0]);
        assert_eq!(ranked([steady(4), steady(2), steady(3)]), [0, 0, 1]);
        assert_eq!(ranked([steady(4), steady(5), steady(3)]), [1, 1, 2]);
        assert_eq!(ranked([steady(4), steady(5), steady(6)]), [2, 2, 0]);
    }

    #[test]
    fn weak_commits_never_overwrite_the_only_steady_meta() {
        assert_eq!(ranked([weak(4), steady(2), steady(3)]), [0, 2, 1]);
        assert_eq!(ranked([weak(4), weak(5), steady(3)]), [1, 2, 0]);
        assert_eq!(ranked([weak(6), weak(5), steady(3)]), [0, 2, 1]);
        assert_eq!(ranked([weak(6), weak(7), steady(3)]), [1, 2, 0]);
    }

    #[test]
    fn without_a_steady_meta_the_recent_one_is_preferred() {
        assert_eq!(ranked([weak(6), weak(5), weak(4)]), [0, 0, 2]);
        assert_eq!(ranked([weak(6), weak(0), weak(0)]), [0, 0, 1]);
    }

    #[test]
    fn of_one_state_the_steady_meta_counts() {
        assert_eq!(ranked([weak(6), steady(6), steady(5)]), [1, 1, 0]);
        assert_eq!(ranked([steady(6), weak(6), steady(5)]), [0, 0, 1]);
    }

    #[test]
    fn two_metas_of_one_state_clash_unless_void() {
        assert_eq!(rank([steady(6), steady(6), steady(5)]), Err(Clash));
        assert_eq!(rank([weak(4), steady(6), weak(4)]), Err(Clash));
        assert_eq!(rank([steady(4), weak(5), weak(5)]), Err(Clash));
        assert_eq!(ranked([weak(0), weak(0), weak(0)]), [2, 2, 0]);
        assert_eq!(ranked([weak(0), steady(9), weak(0)]), [1, 1, 0]);
    }

    #[test]
    fn torn_and_void_metas_rank_last() {
        let mut body = Meta {
            sign: Sign::Steady,
            ..meta()
        }
        .write_body();
        assert_eq!(Rank::read(&body), steady(9));
        put_u64(&mut body, TXNID_B, 8);
        assert_eq!(Rank::read(&body), weak(0));
        put_u64(&mut body, TXNID_A, 0);
        put_u64(&mut body, TXNID_B, 0);
        assert_eq!(Rank::read(&body), weak(0));
    }
}
