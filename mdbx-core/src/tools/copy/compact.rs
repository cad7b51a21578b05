//! The pages in use, with new numbers.
//!
//! A page is written after all pages it leads to, so their numbers are known when it is, and the trees stand in the
//! order of their keys: the large values and nested trees of a leaf before it, a named table before the leaf of the
//! main table that describes it. Nothing but numbers changes, so records, counters and the transaction of each page
//! stay true. The table of free pages is left out; in the copy it is empty.

use std::io;

use crate::error::{PageFault, Result};
use crate::format::bytes::put_u32;
use crate::format::meta::Meta;
use crate::format::node::Value;
use crate::format::page::{Page, PageMut, init_large};
use crate::format::root::{INTEGER_KEY, TreeRoot};
use crate::format::verify::verify_tree_page;
use crate::ids::Pgno;
use crate::pager::snapshot::Pages;
use crate::tools::copy::output::Output;
use crate::tree::order::Orders;
use crate::tree::search::check_kind;
use crate::txn::view::TableRef;

/// Changes `meta`, which describes the snapshot, so that it describes the compact copy.
///
/// # Errors
///
/// [`Error::Corrupted`](crate::Error::Corrupted) if the named tables cannot be had, or the tables claim more pages
/// than the snapshot has.
pub(super) fn plan(pages: Pages<'_>, meta: &mut Meta) -> Result<()> {
    let named =
        TableRef::new(pages, meta.main, Orders::of_flags(meta.main.flags)).named_tables()?;
    let trees = named.iter().map(|(_, root)| root).chain([&meta.main]);
    let used: u64 = trees
        .flat_map(|tree| [tree.branch_pages, tree.leaf_pages, tree.large_pages])
        .map(u64::from)
        .sum();
    let end = u32::try_from(u64::from(Pgno::FIRST_DATA.0) + used)
        .ok()
        .map(Pgno)
        .filter(|&end| end <= pages.end)
        .ok_or_else(|| PageFault::BadTreeRecord.at(meta.main.root))?;
    if !meta.main.is_empty() {
        meta.main.root = Pgno(end.0 - 1);
    }
    meta.gc = TreeRoot {
        mod_txnid: meta.gc.mod_txnid,
        ..TreeRoot::empty(INTEGER_KEY)
    };
    meta.geometry.first_unallocated = end;
    Ok(())
}

/// What a tree is for, and so what its leaves may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Main,
    Named,
    /// The values of one key.
    Nested,
}

/// A compact copy being written.
pub(super) struct Compact<'p, 'o, 'c, W: io::Write> {
    pages: Pages<'p>,
    output: &'o mut Output<'c, W>,
    /// The number of the next page.
    next: Pgno,
    /// Where the pages of the copy end, as the tables say.
    end: Pgno,
}

impl<'p, 'o, 'c, W: io::Write> Compact<'p, 'o, 'c, W> {
    /// The copy of what `pages` holds, to end with the page before `end`.
    pub(super) fn new(
        pages: Pages<'p>,
        output: &'o mut Output<'c, W>,
        end: Pgno,
    ) -> Compact<'p, 'o, 'c, W> {
        Compact {
            pages,
            output,
            next: Pgno::FIRST_DATA,
            end,
        }
    }

    /// Writes the main table and all that it leads to.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) at the first damaged page, or if there are not as many pages as
    /// the tables say; and the errors of [`Output::write`].
    pub(super) fn write(mut self, main: &TreeRoot) -> Result<()> {
        self.tree(main, Role::Main)?;
        if self.next != self.end {
            return Err(PageFault::BadTreeRecord.at(main.root));
        }
        Ok(())
    }

    /// Writes the tree and returns its record in the copy.
    fn tree(&mut self, tree: &TreeRoot, role: Role) -> Result<TreeRoot> {
        tree.check(self.pages.end)
            .map_err(|fault| fault.at(tree.root))?;
        if tree.is_empty() {
            return Ok(*tree);
        }
        let root = self.page(tree, tree.root, tree.height, role)?;
        Ok(TreeRoot { root, ..*tree })
    }

    /// Writes the page `pgno` of `tree`, `height` levels above the lowest leaf's lower edge, and all below it. Returns
    /// its number in the copy.
    ///
    /// Each way down ends at a leaf, which takes a number, so pages that lead to one another use up the numbers.
    fn page(&mut self, tree: &TreeRoot, pgno: Pgno, height: u16, role: Role) -> Result<Pgno> {
        let page = self.pages.page(pgno)?;
        let at = |fault: PageFault| fault.at(pgno);
        check_kind(page, tree, height == 1).map_err(at)?;
        verify_tree_page(page.bytes(), self.pages.page_size).map_err(at)?;
        let mut bytes = page.bytes().to_vec();
        let mut copy = PageMut::new(&mut bytes);
        if page.is_branch() {
            for index in 0..page.len() {
                let child = page.child(index).map_err(at)?;
                copy.set_child(index, self.page(tree, child, height - 1, role)?);
            }
        } else if !page.is_packed() {
            for index in 0..page.len() {
                self.value(page, index, role, &mut copy)?;
            }
        }
        let number = self.take(1)?;
        copy.set_owner(number, page.txnid());
        self.output.write(&bytes)?;
        Ok(number)
    }

    /// Writes the pages that entry `index` of `leaf` leads to, if any, and makes the entry of `copy` lead to the copies.
    fn value(
        &mut self,
        leaf: Page<'p>,
        index: usize,
        role: Role,
        copy: &mut PageMut<'_>,
    ) -> Result<()> {
        let at = |fault: PageFault| fault.at(leaf.pgno());
        match leaf.value(index).map_err(at)? {
            Value::Inline(value) if role != Role::Nested || value.is_empty() => {}
            Value::SubPage(_) if role != Role::Nested => {}
            Value::Large { pgno, .. } if role != Role::Nested => {
                let first = self.large(pgno)?;
                put_u32(copy.payload_mut(index), 0, first.0);
            }
            Value::Table(record) if role == Role::Main => {
                let table = TreeRoot::read(record).ok_or(at(PageFault::BadNode { index }))?;
                let table = self.tree(&table, Role::Named)?;
                table.write(copy.payload_mut(index));
            }
            Value::Nested(nested) if role != Role::Nested && !nested.is_empty() => {
                let nested = self.tree(&nested, Role::Nested)?;
                nested.write(copy.payload_mut(index));
            }
            Value::Inline(_)
            | Value::SubPage(_)
            | Value::Large { .. }
            | Value::Table(_)
            | Value::Nested(_) => return Err(at(PageFault::BadNode { index })),
        }
        Ok(())
    }

    /// Writes the pages of a large value and returns the number of the first.
    fn large(&mut self, pgno: Pgno) -> Result<Pgno> {
        let run = self.pages.large_run(pgno)?;
        let (head, rest) = run.split_at(self.pages.page_size.bytes());
        let count = u32::try_from(run.len() / head.len()).unwrap_or(u32::MAX);
        let number = self.take(count)?;
        let txnid = Page::trusted(head).txnid();
        let mut head = head.to_vec();
        init_large(&mut head, number, count, txnid);
        self.output.write(&head)?;
        self.output.write(rest)?;
        Ok(number)
    }

    /// Takes the next `count` numbers and returns the first.
    fn take(&mut self, count: u32) -> Result<Pgno> {
        let first = self.next;
        self.next = first
            .checked_add(count)
            .filter(|&next| next <= self.end)
            .ok_or_else(|| PageFault::BadTreeRecord.at(first))?;
        Ok(first)
    }
}
