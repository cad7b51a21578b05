//! One tree: its pages, from the root down.

use crate::error::Error;
use crate::format::limits::{max_key_len, max_key_len_dup_sort, max_value_len_dup_sort};
use crate::format::page::Page;
use crate::format::root::{DUP_SORT, INTEGER_KEY, TreeRoot, are_legal};
use crate::format::verify::verify_tree_page;
use crate::ids::{Pgno, Txnid};
use crate::tools::check::uses::Use;
use crate::tools::check::{Checker, NamedTable};
use crate::tree::order::{Order, Orders};
use crate::tree::search::check_kind;

/// What a tree is for, and so what its leaves may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    FreePages,
    Main,
    Named,
    /// The values of one key.
    Nested,
}

/// What was met in a tree, to be held against its record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Met {
    pub(super) branch_pages: u64,
    pub(super) leaf_pages: u64,
    pub(super) large_pages: u64,
    pub(super) items: u64,
}

/// The keys that may stand below some branch entry: from `lower` on, and below `upper`.
#[derive(Clone, Copy, Debug, Default)]
struct Span<'p> {
    lower: Option<&'p [u8]>,
    upper: Option<&'p [u8]>,
}

/// The check of one tree.
pub(super) struct TreeCheck<'c, 'p> {
    pub(super) checker: &'c mut Checker<'p>,
    pub(super) table: &'c str,
    pub(super) role: Role,
    pub(super) root: TreeRoot,
    pub(super) dups: Order,
    pub(super) met: Met,
    /// The tables that the leaves name.
    pub(super) named: Vec<NamedTable>,
    /// Whether damage has kept no page of this tree from being looked at.
    is_complete: bool,
    keys: Order,
    key_max: usize,
    /// The length of all keys, where they have one: that of the first key, or what the record says.
    key_len: Option<usize>,
    /// The length of all values, where they have one: what the record says, or that of the first value.
    pub(super) dup_len: Option<usize>,
}

impl<'c, 'p> TreeCheck<'c, 'p> {
    /// The check of the tree `root`, which belongs to `table`.
    pub(super) fn new(
        checker: &'c mut Checker<'p>,
        table: &'c str,
        role: Role,
        root: TreeRoot,
        orders: Orders,
    ) -> TreeCheck<'c, 'p> {
        let page_size = checker.pages.page_size;
        let key_max = match role {
            Role::Nested => max_value_len_dup_sort(page_size),
            _ if root.flags & DUP_SORT != 0 => max_key_len_dup_sort(page_size),
            _ => max_key_len(page_size),
        };
        let fixed_len = match root.dupfix_size {
            0 => None,
            recorded => Some(recorded as usize),
        };
        TreeCheck {
            checker,
            table,
            role,
            root,
            dups: orders.dups,
            met: Met::default(),
            named: Vec::new(),
            is_complete: true,
            keys: orders.keys,
            key_max,
            key_len: fixed_len.filter(|_| root.is_packed()),
            dup_len: fixed_len,
        }
    }

    /// Checks the tree, whose record was written by `above` or later, and returns the tables that it names.
    pub(super) fn run(mut self, above: Txnid) -> Vec<NamedTable> {
        self.walk(above);
        let report = &mut self.checker.report;
        report.branch_pages += self.met.branch_pages;
        report.leaf_pages += self.met.leaf_pages;
        report.large_pages += self.met.large_pages;
        self.named
    }

    /// Checks the tree as [`run`](TreeCheck::run) does, but leaves the sums to the caller. Tells whether all its pages
    /// could be looked at.
    pub(super) fn walk(&mut self, above: Txnid) -> bool {
        let TreeRoot {
            root,
            height,
            flags,
            ..
        } = self.root;
        let legal = self.role == Role::Nested || are_legal(flags);
        if let Err(fault) = self.root.check(self.checker.pages.end) {
            self.miss(
                None,
                format!("its record must describe a tree, but {fault}"),
            );
        } else if !legal {
            self.miss(
                None,
                format!("its record must have the flags of a table, but has {flags:#06x}"),
            );
        } else if root != Pgno::NONE {
            self.visit(root, height, above, Span::default());
            self.check_root_txnid();
        }
        if self.is_complete {
            self.check_counters();
        }
        self.is_complete
    }

    fn check_root_txnid(&mut self) {
        let TreeRoot {
            root, mod_txnid, ..
        } = self.root;
        let Ok(page) = self.checker.pages.page(root) else {
            return;
        };
        let found = page.txnid();
        let sound = match self.role {
            Role::FreePages | Role::Main => found == mod_txnid || found == Txnid::VOID,
            Role::Named => found <= mod_txnid,
            Role::Nested => true, // its record is held against the page it stands on
        };
        if !sound {
            let expected =
                format!("the root must be as old as its record of {mod_txnid}, but is of {found}");
            self.find(Some(root), expected);
        }
    }

    fn check_counters(&mut self) {
        let TreeRoot {
            branch_pages,
            leaf_pages,
            large_pages,
            items,
            ..
        } = self.root;
        let said = Met {
            branch_pages: branch_pages.into(),
            leaf_pages: leaf_pages.into(),
            large_pages: large_pages.into(),
            items,
        };
        if said != self.met {
            let expected = format!("its record must count {:?}, but counts {said:?}", self.met);
            self.find(None, expected);
        }
    }

    /// Checks the page `pgno` and all below it. The page stands `height` levels above the lowest leaf's lower edge,
    /// a page of `above` leads to it, and its keys lie in `span`.
    fn visit(&mut self, pgno: Pgno, height: u16, above: Txnid, span: Span<'p>) {
        let Some(page) = self.enter(pgno, height, above) else {
            self.set_incomplete();
            return;
        };
        let in_order = self.check_order(page, span);
        if page.is_branch() {
            self.met.branch_pages += 1;
            self.check_children(page, height, if in_order { Some(span) } else { None });
        } else {
            self.met.leaf_pages += 1;
            self.check_values(page);
        }
    }

    /// Checks the page by itself. Returns it unless there is no use in looking at what it holds.
    fn enter(&mut self, pgno: Pgno, height: u16, above: Txnid) -> Option<Page<'p>> {
        if !self.checker.claim(self.table, pgno, Use::Tree) {
            return None;
        }
        let page = match self.checker.pages.page(pgno) {
            Ok(page) => page,
            Err(error) => {
                self.find(
                    Some(pgno),
                    format!("its header must be sound, but {}", cause(&error)),
                );
                return None;
            }
        };
        if check_kind(page, &self.root, height == 1).is_err() {
            let kind = match (height, self.root.is_packed()) {
                (1, true) => "packed leaf",
                (1, false) => "leaf",
                _ => "branch page",
            };
            self.find(
                Some(pgno),
                format!(
                    "at its level it must be a {kind}: {height} of {}",
                    self.root.height
                ),
            );
            return None;
        }
        if page.txnid() > above {
            let found = page.txnid();
            self.find(
                Some(pgno),
                format!("what leads to it is of {above}, so it must not be of {found}"),
            );
        }
        if let Err(fault) = verify_tree_page(page.bytes(), self.checker.pages.page_size) {
            self.find(Some(pgno), format!("it must be well-formed, but {fault}"));
        }
        Some(page)
    }

    /// Checks the pages below a branch page. Without `span` its keys are out of order, and bound nothing.
    fn check_children(&mut self, page: Page<'p>, height: u16, span: Option<Span<'p>>) {
        for index in 0..page.len() {
            let Ok(child) = page.child(index) else {
                self.set_incomplete(); // the page was found to be malformed
                continue;
            };
            let below = span.map_or_else(Span::default, |span| Span {
                lower: if index == 0 {
                    span.lower
                } else {
                    page.key(index).ok()
                },
                upper: if index + 1 == page.len() {
                    span.upper
                } else {
                    page.key(index + 1).ok()
                },
            });
            self.visit(child, height - 1, page.txnid(), below);
        }
    }

    /// Checks the lengths of the keys of a page, that they ascend, and that they lie in `span`. Tells whether the
    /// last two are known to be so.
    fn check_order(&mut self, page: Page<'p>, span: Span<'p>) -> bool {
        let pgno = page.pgno();
        let first = usize::from(page.is_branch());
        let mut previous: Option<&[u8]> = None;
        for index in first..page.len() {
            let Ok(key) = page.key(index) else {
                return false; // the page was found to be malformed
            };
            self.check_key_len(pgno, key.len());
            if !self.has_order() {
                continue;
            }
            if previous.is_some_and(|previous| self.keys.compare(previous, key).is_ge()) {
                self.find(
                    Some(pgno),
                    format!("its keys must ascend, but key {index} does not"),
                );
                return false;
            }
            // The page below entry 0 of a branch holds keys between `lower` and the first separator.
            let lowest = span.lower.map(|lower| self.keys.compare(key, lower));
            let too_low =
                lowest.is_some_and(|lowest| lowest.is_lt() || (page.is_branch() && lowest.is_eq()));
            if too_low
                || span
                    .upper
                    .is_some_and(|upper| self.keys.compare(key, upper).is_ge())
            {
                self.find(
                    Some(pgno),
                    format!("its keys must lie between its separators, but key {index} does not"),
                );
                return false;
            }
            previous = Some(key);
        }
        self.has_order()
    }

    /// Returns whether the order of keys and values is checked.
    pub(super) fn has_order(&self) -> bool {
        !self.checker.ignores_order
    }

    fn check_key_len(&mut self, pgno: Pgno, len: usize) {
        let (max, is_integer) = (self.key_max, self.root.flags & INTEGER_KEY != 0);
        let is_sound = match self.role {
            Role::FreePages => len == 8,
            _ if is_integer => len == 4 || len == 8,
            _ => len <= max,
        };
        if !is_sound {
            self.find(
                Some(pgno),
                format!("its keys must be integers or not exceed {max} bytes, but one has {len}"),
            );
        }
        let is_fixed = is_integer || self.root.is_packed();
        if is_fixed && *self.key_len.get_or_insert(len) != len {
            self.find(
                Some(pgno),
                format!("its keys must have one length, but one has {len} bytes"),
            );
        }
    }

    /// Adds a finding.
    pub(super) fn find(&mut self, page: Option<Pgno>, expected: String) {
        self.checker.report.add(page, Some(self.table), expected);
    }

    /// Adds a finding that hides what a part of the tree holds.
    pub(super) fn miss(&mut self, page: Option<Pgno>, expected: String) {
        self.set_incomplete();
        self.find(page, expected);
    }

    /// Notes that what a part of the tree holds cannot be known.
    pub(super) fn set_incomplete(&mut self) {
        self.is_complete = false;
        self.checker.is_complete = false;
    }
}

/// Returns what is wrong with a page.
pub(super) fn cause(error: &Error) -> String {
    match error {
        Error::Corrupted { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}
