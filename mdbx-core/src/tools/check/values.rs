//! What the leaves of a tree hold: values, several values of one key, named tables, lists of free pages.

use crate::format::dupfix::MIN_ITEM_LEN;
use crate::format::limits::{MAX_VALUE_LEN, max_table_name_len, max_value_len_dup_sort};
use crate::format::node::Value;
use crate::format::page::Page;
use crate::format::pnl::read_record;
use crate::format::root::{DUP_FIXED, DUP_SORT, INTEGER_DUP, TreeRoot};
use crate::format::verify::verify_sub_page;
use crate::ids::{Pgno, Txnid};
use crate::pager::writer::large_page_count;
use crate::tools::check::NamedTable;
use crate::tools::check::tree::{Role, TreeCheck, cause};
use crate::tools::check::uses::Use;
use crate::tree::dup::nested_flags;
use crate::tree::order::Orders;

impl<'p> TreeCheck<'_, 'p> {
    /// Checks what the entries of a leaf hold.
    pub(super) fn check_values(&mut self, leaf: Page<'p>) {
        for index in 0..leaf.len() {
            let (Ok(key), Ok(value)) = (leaf.key(index), leaf.value(index)) else {
                self.set_incomplete(); // the page was found to be malformed
                continue;
            };
            let has_dups = self.root.flags & DUP_SORT != 0 && self.role != Role::Nested;
            match (self.role, value) {
                (Role::Nested, Value::Inline(b"")) => self.met.items += 1,
                (Role::FreePages, Value::Inline(record)) => {
                    // The mapping starts on a page of the system, so the address tells the place in the file.
                    if !record.as_ptr().addr().is_multiple_of(4) {
                        self.find(
                            Some(leaf.pgno()),
                            format!("record {index} of free pages must be aligned to 4 bytes"),
                        );
                    }
                    self.check_free_record(leaf.pgno(), key, record);
                }
                (Role::FreePages, Value::Large { pgno, len }) => {
                    if let Some(record) = self.check_large(leaf, pgno, len) {
                        self.check_free_record(leaf.pgno(), key, record);
                    }
                }
                (Role::Main, Value::Table(record)) if !has_dups => {
                    self.check_table(leaf, key, record);
                }
                (Role::Main | Role::Named, Value::Large { pgno, len }) if !has_dups => {
                    self.met.items += 1;
                    self.check_large(leaf, pgno, len);
                }
                (Role::Main | Role::Named, Value::Inline(value)) => {
                    self.met.items += 1;
                    if has_dups {
                        self.check_dup_len(leaf.pgno(), value.len());
                    }
                }
                (_, Value::SubPage(values)) if has_dups => self.check_sub_page(leaf.pgno(), values),
                (_, Value::Nested(root)) if has_dups => self.check_nested(leaf, root),
                _ => self.miss(
                    Some(leaf.pgno()),
                    format!("a leaf of this tree must not hold such a value as {index}"),
                ),
            }
        }
    }

    /// Checks the pages of a large value, and returns the value.
    fn check_large(&mut self, leaf: Page<'p>, first: Pgno, len: usize) -> Option<&'p [u8]> {
        let pages = self.checker.pages;
        let run = match pages.large_run(first) {
            Ok(run) => run,
            Err(error) => {
                self.miss(
                    Some(first),
                    format!("a large value must start here, but {}", cause(&error)),
                );
                return None;
            }
        };
        let written = Page::trusted(run).txnid();
        if written > leaf.txnid() {
            let above = leaf.txnid();
            self.find(
                Some(first),
                format!("what leads to it is of {above}, so it must not be of {written}"),
            );
        }
        let count = u32::try_from(run.len() / pages.page_size.bytes()).unwrap_or(u32::MAX);
        self.met.large_pages += u64::from(count);
        for pgno in first.0..first.0 + count {
            if !self.checker.claim(self.table, Pgno(pgno), Use::Large) {
                self.set_incomplete();
            }
        }
        if len > MAX_VALUE_LEN || large_page_count(len, pages.page_size) > count {
            self.miss(
                Some(first),
                format!("its {count} pages must hold the whole value, which has {len} bytes"),
            );
            return None;
        }
        pages.large_value(first, len).ok()
    }

    fn check_free_record(&mut self, leaf: Pgno, key: &[u8], record: &[u8]) {
        self.met.items += 1;
        self.checker.report.free_records += 1;
        let newest = self.checker.pages.horizon;
        let id = key
            .try_into()
            .map_or(Txnid::VOID, |id| Txnid(u64::from_le_bytes(id)));
        if id == Txnid::VOID || id > newest {
            self.find(
                Some(leaf),
                format!("a record of free pages must be of 1 to {newest}, but is of {id}"),
            );
        }
        match read_record(record, self.checker.pages.end, self.checker.pages.page_size) {
            Ok(list) => {
                self.checker.report.free_pages += list.len() as u64;
                for pgno in list {
                    self.checker.claim(self.table, pgno, Use::Free);
                }
            }
            Err(fault) => self.miss(
                Some(leaf),
                format!("record {id} of free pages must be sound, but {fault}"),
            ),
        }
    }

    fn check_table(&mut self, leaf: Page<'p>, name: &[u8], record: &[u8]) {
        self.met.items += 1;
        let max = max_table_name_len(self.checker.pages.page_size);
        if name.len() > max {
            let len = name.len();
            self.find(
                Some(leaf.pgno()),
                format!("a table name must not exceed {max} bytes, but one has {len}"),
            );
        }
        match TreeRoot::read(record) {
            Some(root) => self.named.push(NamedTable {
                name: String::from_utf8_lossy(name).into_owned(),
                root,
                orders: Orders::new(root.flags, self.checker.orders.of(name)),
                leaf: leaf.pgno(),
                written: leaf.txnid(),
            }),
            None => self.set_incomplete(), // the page was found to be malformed
        }
    }

    fn check_sub_page(&mut self, leaf: Pgno, values: Page<'p>) {
        self.met.items += values.len() as u64;
        if values.is_packed() != (self.root.flags & DUP_FIXED != 0) {
            let flags = values.flags();
            self.find(
                Some(leaf),
                format!(
                    "the values of a key must be stored as its table says, not with {flags:#06x}"
                ),
            );
            return;
        }
        if let Err(fault) = verify_sub_page(values) {
            self.find(
                Some(leaf),
                format!("the values of a key must be well-formed, but {fault}"),
            );
            return;
        }
        let mut previous: Option<&[u8]> = None;
        for value in (0..values.len()).filter_map(|index| values.key(index).ok()) {
            self.check_dup_len(leaf, value.len());
            let previous = previous.replace(value).filter(|_| self.has_order());
            if previous.is_some_and(|previous| self.dups.compare(previous, value).is_ge()) {
                self.find(Some(leaf), "the values of a key must ascend".to_owned());
                return;
            }
        }
    }

    fn check_dup_len(&mut self, leaf: Pgno, len: usize) {
        let max = max_value_len_dup_sort(self.checker.pages.page_size);
        let flags = self.root.flags;
        let is_sound = match flags & (DUP_FIXED | INTEGER_DUP) {
            0 => len <= max,
            DUP_FIXED => (MIN_ITEM_LEN..=max).contains(&len),
            _ => len == 4 || len == 8,
        };
        if !is_sound {
            self.find(
                Some(leaf),
                format!("the values of a key must not exceed {max} bytes, or be integers, but one has {len}"),
            );
        }
        if flags & DUP_FIXED != 0 && *self.dup_len.get_or_insert(len) != len {
            self.find(
                Some(leaf),
                format!("the values of the table must have one length, but one has {len} bytes"),
            );
        }
    }

    fn check_nested(&mut self, leaf: Page<'p>, root: TreeRoot) {
        let flags = nested_flags(self.root.flags);
        if root.flags != flags || root.is_empty() || root.large_pages != 0 {
            self.miss(
                Some(leaf.pgno()),
                format!("a nested tree must have pages and the flags {flags:#06x}: {root:?}"),
            );
            return;
        }
        if root.mod_txnid > leaf.txnid() {
            let (inner, outer) = (root.mod_txnid, leaf.txnid());
            let expected =
                format!("a nested tree must be as old as its record of {outer}, but is of {inner}");
            self.find(Some(leaf.pgno()), expected);
        }
        if flags & DUP_FIXED != 0 {
            self.check_dup_len(leaf.pgno(), root.dupfix_size as usize);
        }
        let orders = Orders::of_keys(self.dups);
        let mut nested = TreeCheck::new(self.checker, self.table, Role::Nested, root, orders);
        let is_complete = nested.walk(leaf.txnid());
        let met = nested.met;
        if !is_complete {
            self.set_incomplete();
        }
        self.met.branch_pages += met.branch_pages;
        self.met.leaf_pages += met.leaf_pages;
        self.met.items += met.items;
    }
}
