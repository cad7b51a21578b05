//! Delete an item, or a whole tree.

use crate::error::{PageFault, Result};
use crate::format::node::Value;
use crate::format::root::TreeRoot;
use crate::pager::writer::Writer;
use crate::tree::edit::{Place, TreeMut};
use crate::tree::large::free_large;
use crate::tree::walk::{Visit, walk};

impl TreeMut<'_, '_> {
    /// Deletes the entry at `place`, with all its values and their pages.
    ///
    /// # Panics
    ///
    /// If `place` is not exact: then there is no entry.
    pub(crate) fn delete(&mut self, mut place: Place) -> Result<()> {
        let at = place.path.leaf().pgno;
        let items = match self.value_at(&place)? {
            Value::Inline(_) | Value::Table(_) => 1,
            Value::Large { pgno, .. } => {
                free_large(self.pager, self.root, pgno)?;
                1
            }
            Value::SubPage(page) => page.len() as u64,
            Value::Nested(nested) => {
                nested
                    .check(self.pager.pages().end)
                    .map_err(|fault| fault.at(at))?;
                free_tree(self.pager, &nested)?;
                self.count_nested(&nested, &TreeRoot::empty(nested.flags))
                    .map_err(|fault| fault.at(at))?;
                nested.items
            }
        };
        self.root.items = self
            .root
            .items
            .checked_sub(items)
            .ok_or_else(|| PageFault::BadTreeRecord.at(at))?;
        self.remove_entry(&mut place)
    }

    /// Removes the entry at `place` and mends the tree. What the entry led to is the caller's business.
    pub(crate) fn remove_entry(&mut self, place: &mut Place) -> Result<()> {
        self.touch(&mut place.path)?;
        let step = place.path.leaf();
        self.pager.page_mut(step.pgno).remove(step.index);
        self.rebalance(&place.path)
    }

    /// Counts the pages of a nested tree that changed from `before` to `after` in the record of this tree, which
    /// includes them.
    pub(crate) fn count_nested(
        &mut self,
        before: &TreeRoot,
        after: &TreeRoot,
    ) -> Result<(), PageFault> {
        let recount = |count: u32, before: u32, after: u32| {
            count
                .checked_sub(before)
                .and_then(|rest| rest.checked_add(after))
                .ok_or(PageFault::BadTreeRecord)
        };
        let branch_pages = recount(
            self.root.branch_pages,
            before.branch_pages,
            after.branch_pages,
        )?;
        let leaf_pages = recount(self.root.leaf_pages, before.leaf_pages, after.leaf_pages)?;
        (self.root.branch_pages, self.root.leaf_pages) = (branch_pages, leaf_pages);
        Ok(())
    }
}

/// Gives up every page of the tree `root`.
pub(crate) fn free_tree(pager: &mut Writer<'_>, root: &TreeRoot) -> Result<()> {
    let mut pages = Vec::new();
    walk(pager.pages(), root, &mut |visit| {
        pages.push(match visit {
            Visit::Page(page) => (page.pgno(), 1),
            Visit::Large { first, pages } => (first, pages),
        });
        Ok(())
    })?;
    for (first, count) in pages {
        pager.free(first, count);
    }
    Ok(())
}
