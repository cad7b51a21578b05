//! Visit every page of a tree exactly once, nested trees and large values included.

use crate::error::{PageFault, Result};
use crate::format::node::Value;
use crate::format::page::Page;
use crate::format::root::{DUP_SORT, TreeRoot};
use crate::ids::Pgno;
use crate::pager::snapshot::Pages;

/// What a walk meets.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Visit<'p> {
    /// A branch or leaf page.
    Page(Page<'p>),
    /// The pages of a large value.
    Large { first: Pgno, pages: u32 },
}

/// What the entries of a leaf may lead to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Leaves {
    /// Nothing: they are not looked at.
    Plain,
    /// Large values and nested trees.
    Leading,
    /// Nothing, for they are values themselves. That they do not is checked.
    Nested,
}

impl Leaves {
    /// Returns what the leaves of the tree `root` are like.
    pub(crate) fn of(root: &TreeRoot) -> Leaves {
        if root.large_pages > 0 || root.flags & DUP_SORT != 0 {
            Leaves::Leading
        } else {
            Leaves::Plain
        }
    }
}

/// Tells `visit` every page of the tree `root`, a page before those below it. Named tables are not entered.
///
/// # Errors
///
/// [`Error::Corrupted`](crate::Error::Corrupted) at the first unsound page, or when more pages were met than there are,
/// and whatever `visit` returns. So pages that lead back to others cannot make the walk endless.
pub(crate) fn walk<'p>(
    pages: Pages<'p>,
    root: &TreeRoot,
    visit: &mut dyn FnMut(Visit<'p>) -> Result<()>,
) -> Result<()> {
    if root.is_empty() {
        return Ok(());
    }
    let mut left = pages.end.0;
    let mut counted = |met: Visit<'p>| {
        let count = match met {
            Visit::Page(_) => 1,
            Visit::Large { pages, .. } => pages,
        };
        left = left
            .checked_sub(count)
            .ok_or_else(|| PageFault::BadTreeRecord.at(root.root))?;
        visit(met)
    };
    let leaves = Leaves::of(root);
    walk_below(pages, root.root, root.height, leaves, &mut counted)
}

/// As [`walk`], for page `pgno` and those below it, `height` levels with its own. That it ends is up to `visit`.
///
/// # Errors
///
/// As [`walk`].
pub(crate) fn walk_below<'p>(
    pages: Pages<'p>,
    pgno: Pgno,
    height: u16,
    leaves: Leaves,
    visit: &mut dyn FnMut(Visit<'p>) -> Result<()>,
) -> Result<()> {
    let page = pages.page(pgno)?;
    if page.is_branch() == (height == 1) {
        return Err(PageFault::WrongLevel.at(pgno));
    }
    visit(Visit::Page(page))?;
    if page.is_branch() {
        for index in 0..page.len() {
            let child = page.child(index).map_err(|fault| fault.at(pgno))?;
            walk_below(pages, child, height - 1, leaves, visit)?;
        }
    } else if leaves != Leaves::Plain && !page.is_packed() {
        for index in 0..page.len() {
            walk_entry(pages, page, index, leaves, visit)?;
        }
    }
    Ok(())
}

/// As [`walk`], for the pages that entry `index` of `leaf` leads to. Its items must not be packed.
///
/// # Errors
///
/// As [`walk`].
pub(crate) fn walk_entry<'p>(
    pages: Pages<'p>,
    leaf: Page<'p>,
    index: usize,
    leaves: Leaves,
    visit: &mut dyn FnMut(Visit<'p>) -> Result<()>,
) -> Result<()> {
    let pgno = leaf.pgno();
    match leaf.value(index).map_err(|fault| fault.at(pgno))? {
        Value::Inline(_) | Value::SubPage(_) | Value::Table(_) => Ok(()),
        Value::Large { pgno: first, .. } => {
            let run = pages.large_run(first)?.len() / pages.page_size.bytes();
            visit(Visit::Large {
                first,
                pages: u32::try_from(run).unwrap_or(u32::MAX),
            })
        }
        Value::Nested(root) if leaves == Leaves::Nested || root.is_empty() => {
            Err(PageFault::BadNode { index }.at(pgno))
        }
        Value::Nested(root) => {
            root.check(pages.end).map_err(|fault| fault.at(pgno))?;
            walk_below(pages, root.root, root.height, Leaves::Nested, visit)
        }
    }
}

/// Tells `visit` the number of every page of the tree `root`, and for large values how many there are from it on.
///
/// Pages that cannot lead anywhere, the leaves of a tree without large values and duplicates, are not read.
///
/// # Errors
///
/// As [`walk`].
pub(crate) fn walk_numbers(
    pages: Pages<'_>,
    root: &TreeRoot,
    visit: &mut dyn FnMut(Pgno, u32) -> Result<()>,
) -> Result<()> {
    if Leaves::of(root) == Leaves::Leading {
        return walk(pages, root, &mut |met| match met {
            Visit::Page(page) => visit(page.pgno(), 1),
            Visit::Large { first, pages } => visit(first, pages),
        });
    }
    if root.is_empty() {
        return Ok(());
    }
    walk_branches(pages, root.root, root.height, visit)
}

fn walk_branches(
    pages: Pages<'_>,
    pgno: Pgno,
    height: u16,
    visit: &mut dyn FnMut(Pgno, u32) -> Result<()>,
) -> Result<()> {
    visit(pgno, 1)?;
    if height == 1 {
        return Ok(());
    }
    let page = pages.page(pgno)?;
    if !page.is_branch() {
        return Err(PageFault::WrongLevel.at(pgno));
    }
    for index in 0..page.len() {
        let child = page.child(index).map_err(|fault| fault.at(pgno))?;
        walk_branches(pages, child, height - 1, visit)?;
    }
    Ok(())
}
