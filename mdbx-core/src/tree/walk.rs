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
    walk_page(pages, root.root, root.height, false, &mut counted)
}

fn walk_page<'p>(
    pages: Pages<'p>,
    pgno: Pgno,
    height: u16,
    nested: bool,
    visit: &mut dyn FnMut(Visit<'p>) -> Result<()>,
) -> Result<()> {
    let page = pages.page(pgno)?;
    if page.is_branch() == (height == 1) {
        return Err(PageFault::WrongLevel.at(pgno));
    }
    visit(Visit::Page(page))?;
    if page.is_packed() {
        return Ok(()); // its items lead nowhere
    }
    for index in 0..page.len() {
        if page.is_branch() {
            let child = page.child(index).map_err(|fault| fault.at(pgno))?;
            walk_page(pages, child, height - 1, nested, visit)?;
        } else {
            match page.value(index).map_err(|fault| fault.at(pgno))? {
                Value::Inline(_) | Value::SubPage(_) | Value::Table(_) => {}
                Value::Large { pgno: first, .. } => {
                    let run = pages.large_run(first)?.len() / pages.page_size.bytes();
                    visit(Visit::Large {
                        first,
                        pages: u32::try_from(run).unwrap_or(u32::MAX),
                    })?;
                }
                Value::Nested(root) if nested || root.is_empty() => {
                    return Err(PageFault::BadNode { index }.at(pgno));
                }
                Value::Nested(root) => {
                    root.check(pages.end).map_err(|fault| fault.at(pgno))?;
                    walk_page(pages, root.root, root.height, true, visit)?;
                }
            }
        }
    }
    Ok(())
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
    if root.large_pages > 0 || root.flags & DUP_SORT != 0 {
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
