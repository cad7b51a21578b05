//! Is every page of a snapshot sound, and used exactly once?
//!
//! First come the metas and the length of the file, whatever snapshot is checked. Then every tree of the snapshot is
//! walked page by page and each held against the format: the page by itself, its keys against their order and the
//! separators above them, its transaction against that of the page above, and at the end the counters of the tree's
//! record against what was met. Every page is entered once, and every page of the snapshot must have been: in one
//! tree, in one large value, or in one record of free pages.
//!
//! Damage does not end the check. What a damaged page would have led to is not known then, so counters and lost
//! pages are told apart from that.
//!
//! | file | its job |
//! | --- | --- |
//! | `metas` | the metas and the length of the file |
//! | `tree` | one tree: its pages, from the root down |
//! | `values` | what the leaves of a tree hold |
//! | `uses` | what each page is used for |
//! | `report` | what the check found out |
//!
//! Source: format document, "What `mdbx_chk` verifies".

mod metas;
mod report;
mod tree;
mod uses;
mod values;

pub use report::{Finding, Report};

use crate::format::meta::Meta;
use crate::format::root::TreeRoot;
use crate::ids::{Pgno, Txnid};
use crate::pager::snapshot::Pages;
use crate::store::orders::GivenOrders;
use crate::tree::order::Orders;
use crate::txn::read::ReadTxn;
use tree::{Role, TreeCheck};
use uses::{Use, Uses};

/// Checks the snapshot of `txn` as a whole, as [`Check`] does without any options. It takes one byte of memory for each page, and no write transaction is
/// kept waiting.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let env = mdbx_core::Env::open(dir.path().join("db"))?;
/// let report = mdbx_core::tools::check::check(&env.read()?);
/// assert!(report.is_sound(), "{report}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
#[doc(alias = "mdbx_chk")]
pub fn check(txn: &ReadTxn<'_>) -> Report {
    Check::new().run(txn)
}

/// What a check looks at.
///
/// ```
/// use mdbx_core::tools::check::Check;
///
/// # let dir = tempfile::tempdir()?;
/// # let env = mdbx_core::Env::open(dir.path().join("db"))?;
/// // The orders that the application gives for its tables are not known here.
/// let report = Check::new().ignore_order(true).run(&env.read()?);
/// assert!(report.is_sound(), "{report}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Check {
    ignores_order: bool,
}

impl Check {
    /// A check of everything.
    #[must_use]
    pub fn new() -> Check {
        Check::default()
    }

    /// Sets whether keys and values may come in any order. By default they must come in the order of their table: the
    /// one that was [given](crate::EnvOptions::table_order) for it, or else that of its flags.
    #[must_use]
    #[doc(alias = "MDBX_CHK_IGNORE_ORDER")]
    pub fn ignore_order(self, ignore: bool) -> Check {
        Check {
            ignores_order: ignore,
        }
    }

    /// Checks the snapshot of `txn`. It takes one byte of memory for each page, and no write transaction is kept
    /// waiting.
    #[must_use]
    pub fn run(self, txn: &ReadTxn<'_>) -> Report {
        let pages = txn.pages();
        let mut checker = Checker {
            pages,
            orders: &txn.store().orders,
            ignores_order: self.ignores_order,
            report: Report::new(txn.id(), pages.page_size, pages.end),
            uses: Uses::new(pages.end),
            is_complete: true,
        };
        if checker.check_metas(txn.store()) {
            checker.check_trees(txn.meta());
            checker.account();
        }
        checker.report
    }
}

/// The state of a check.
struct Checker<'p> {
    pages: Pages<'p>,
    /// The orders that the application gives.
    orders: &'p GivenOrders,
    ignores_order: bool,
    report: Report,
    uses: Uses,
    /// Whether damage has kept no page from being looked at.
    is_complete: bool,
}

/// A named table, as the main table describes it.
struct NamedTable {
    name: String,
    root: TreeRoot,
    orders: Orders,
    /// The leaf of the main table that holds the record, and the transaction that wrote it.
    leaf: Pgno,
    written: Txnid,
}

impl Checker<'_> {
    /// Checks the table of free pages, the main table and all named ones.
    fn check_trees(&mut self, meta: &Meta) {
        let orders = Orders::of_flags(meta.gc.flags);
        TreeCheck::new(self, "free pages", Role::FreePages, meta.gc, orders).run(meta.txnid);
        let orders = Orders::new(meta.main.flags, self.orders.main);
        let named = TreeCheck::new(self, "main", Role::Main, meta.main, orders).run(meta.txnid);
        self.report.items = meta.main.items;
        for table in named {
            self.report.tables += 1;
            self.report.items = self.report.items.saturating_add(table.root.items);
            if table.root.mod_txnid > table.written {
                let expected = format!(
                    "the table must be as old as its record of {}, but is of {}",
                    table.written, table.root.mod_txnid
                );
                self.report
                    .add(Some(table.leaf), Some(&table.name), expected);
            }
            TreeCheck::new(self, &table.name, Role::Named, table.root, table.orders)
                .run(table.root.mod_txnid);
        }
    }

    /// Notes that `pgno` is used so; tells whether it can be looked at for the first time.
    fn claim(&mut self, table: &str, pgno: Pgno, now: Use) -> bool {
        let before = self.uses.replace(pgno, now);
        let expected = match before {
            Some(Use::Unseen) => return true,
            Some(before) => format!(
                "it must be used once, but is {} and also {}",
                before.name(),
                now.name()
            ),
            None => format!(
                "it must be below {}, where the snapshot ends",
                self.pages.end
            ),
        };
        self.report.add(Some(pgno), Some(table), expected);
        before == Some(Use::Free) && now != Use::Free
    }

    /// Tells the pages that nothing uses.
    fn account(&mut self) {
        let unseen = self.uses.unseen();
        let count: u64 = unseen
            .iter()
            .map(|(first, last)| u64::from(last.0 - first.0 + 1))
            .sum();
        if !self.is_complete {
            if count > 0 {
                let expected = format!(
                    "because of the damage it is not known what {count} pages are used for"
                );
                self.report.add(None, None, expected);
            }
            return;
        }
        self.report.lost_pages = count;
        for (first, last) in unseen {
            let expected = match last.0 - first.0 {
                0 => "it must be used or listed as free".to_owned(),
                more => format!("it and the {more} pages after it must be used or listed as free"),
            };
            self.report.add(Some(first), None, expected);
        }
    }
}
