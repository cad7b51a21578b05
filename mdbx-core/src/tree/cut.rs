//! Delete all keys between two bounds, or all values of a key between two bounds.
//!
//! What lies between them is not deleted item by item. Each step finds a page on the way to one of the bounds with a
//! run of entries that lie between them as a whole, removes that run at once with all pages below it, and mends the
//! tree from there up, as the deletion of an item does:
//!
//! ```text
//!                  | a  b [c  d  e] f  g |               first step: three subtrees
//!                      /             \
//!       | .. b3 [b4 b5] |         | [f1 f2] f3 .. |      then, on the ways to the bounds: one run in each page
//!             /                            \
//!      | .. [x y z] |                  | [p q] .. |      at last the items in the leaves at the ends
//! ```
//!
//! So every step leaves a sound tree. There are some two for each level, however much lies between the bounds.

use std::ops::Range;

use crate::error::{PageFault, Result};
use crate::format::node::Value;
use crate::format::page::Page;
use crate::format::root::{DUP_SORT, TreeRoot};
use crate::ids::Pgno;
use crate::pager::snapshot::Pages;
use crate::tree::edit::{TreeMut, most_pages_for_delete};
use crate::tree::interval::{Ends, Interval};
use crate::tree::leaf_cursor::End;
use crate::tree::order::Order;
use crate::tree::search::check_kind;
use crate::tree::stack::Path;
use crate::tree::walk::{Leaves, Visit, walk_below, walk_entry};

/// Which items of a tree are to be deleted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'k> {
    /// All values of the keys in an interval.
    Keys(Interval<'k>),
    /// The values of one key that lie in an interval, in a table whose keys can have several.
    Values(&'k [u8], Interval<'k>),
}

/// What one step removes: some entries, or all, of the page that the path ends with.
struct Run {
    path: Path,
    entries: Range<usize>,
}

/// How many of the items that are to be deleted the next step removes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reach {
    /// Some of them, or perhaps all.
    Some,
    All,
}

impl TreeMut<'_, '_> {
    /// Returns how many of the items of `part` the next step removes; `None` if there are none.
    pub(crate) fn reach(&self, part: Part<'_>) -> Result<Option<Reach>> {
        let pages = self.pager.pages();
        let (key, values) = match part {
            Part::Keys(keys) => return reach(pages, self.root, self.order, keys),
            Part::Values(key, values) => (key, values),
        };
        let place = self.find(key)?;
        if !place.exact {
            return Ok(None);
        }
        let (at, dups) = (place.path.leaf().pgno, self.dups);
        let has_some = match self.value_at(&place)? {
            Value::Nested(nested) => {
                nested.check(pages.end).map_err(|fault| fault.at(at))?;
                return reach(pages, &nested, dups, values);
            }
            Value::SubPage(page) => {
                let run = values.entries(page, dups).map_err(|fault| fault.at(at))?;
                !run.is_empty()
            }
            Value::Inline(only) => values.contains(dups, only),
            Value::Large { .. } | Value::Table(_) => return Err(PageFault::BadTreeRecord.at(at)),
        };
        Ok(has_some.then_some(Reach::All))
    }

    /// Returns the most pages that one step of deleting `part` takes.
    pub(crate) fn most_pages_for_cut(&self, part: Part<'_>) -> Result<usize> {
        match part {
            Part::Keys(_) => Ok(most_pages_for_delete(self.root.height)),
            Part::Values(key, _) => self.most_pages_for_dup(&self.find(key)?),
        }
    }

    /// Deletes items of `part`, as many as go in one step; returns how many. The caller repeats it until none is left.
    pub(crate) fn cut(&mut self, part: Part<'_>) -> Result<u64> {
        match part {
            Part::Keys(keys) => self.cut_keys(keys),
            Part::Values(key, values) => self.cut_values(key, values),
        }
    }

    fn cut_keys(&mut self, keys: Interval<'_>) -> Result<u64> {
        let run = find_run(self.pager.pages(), self.root, self.order, keys)?;
        let Some(Run { mut path, entries }) = run else {
            return Ok(0);
        };
        let debris = self.debris(&path, &entries)?;
        self.touch(&mut path)?;
        let page = path.leaf().pgno;
        debris.discount(self.root).map_err(|fault| fault.at(page))?;
        for (first, count) in debris.pages {
            self.pager.free(first, count);
        }
        self.pager.page_mut(page).remove_run(&entries);
        self.rebalance(&path)?;
        Ok(debris.items)
    }

    /// Returns what a run of entries of the page that `path` ends with leads to.
    fn debris(&self, path: &Path, run: &Range<usize>) -> Result<Debris> {
        let (pages, leaves) = (self.pager.pages(), Leaves::of(self.root));
        let (pgno, below) = (path.leaf().pgno, usize::from(self.root.height) - path.len());
        let page = pages.page(pgno)?;
        let mut debris = Debris::of(self.root);
        if page.is_branch() {
            let height = u16::try_from(below).unwrap_or(u16::MAX);
            for index in run.clone() {
                let child = page.child(index).map_err(|fault| fault.at(pgno))?;
                walk_below(pages, child, height, leaves, &mut |met| debris.add(met))?;
            }
            return Ok(debris);
        }
        debris.add_items(page, run)?;
        if leaves == Leaves::Leading {
            for index in run.clone() {
                walk_entry(pages, page, index, leaves, &mut |met| debris.add(met))?;
            }
        }
        Ok(debris)
    }

    fn cut_values(&mut self, key: &[u8], values: Interval<'_>) -> Result<u64> {
        let mut place = self.find(key)?;
        if !place.exact {
            return Ok(0);
        }
        let at = place.path.leaf().pgno;
        let mut count = 0;
        match self.value_at(&place)? {
            Value::Nested(nested) => {
                self.edit_nested(&mut place, nested, |tree| {
                    count = tree.cut_keys(values)?;
                    Ok(count > 0)
                })?;
                if count > 0 {
                    self.unnest(&mut place, key)?;
                }
            }
            _ => count = self.remove_held(&mut place, key, values)?,
        }
        self.root.items = less(self.root.items, count).map_err(|fault| fault.at(at))?;
        Ok(count)
    }
}

/// Returns how many of the keys in an interval the next step removes; `None` if there are none.
fn reach(
    pages: Pages<'_>,
    root: &TreeRoot,
    order: Order,
    keys: Interval<'_>,
) -> Result<Option<Reach>> {
    let Some(run) = find_run(pages, root, order, keys)? else {
        return Ok(None);
    };
    let at_end = find_run_towards(End::Last, pages, root, order, keys)?;
    // Both ends of the interval lie in one leaf, and so does everything between them.
    let is_all = run.path.len() == usize::from(root.height)
        && at_end.is_some_and(|other| other.path.leaf() == run.path.leaf());
    Ok(Some(if is_all { Reach::All } else { Reach::Some }))
}

/// Returns what the next step removes of the keys in an interval; `None` if there are none.
fn find_run(
    pages: Pages<'_>,
    root: &TreeRoot,
    order: Order,
    keys: Interval<'_>,
) -> Result<Option<Run>> {
    if root.is_empty() || keys.is_empty(order) {
        return Ok(None);
    }
    for end in [End::First, End::Last] {
        if let Some(run) = find_run_towards(end, pages, root, order, keys)? {
            return Ok(Some(run));
        }
    }
    Ok(None)
}

/// Descends to an end of an interval until a page has entries that lie in it as a whole.
fn find_run_towards(
    end: End,
    pages: Pages<'_>,
    root: &TreeRoot,
    order: Order,
    keys: Interval<'_>,
) -> Result<Option<Run>> {
    let (mut path, mut pgno, mut ends) = (Path::new(), root.root, keys.open_ends());
    for level in 1..=root.height {
        let page = pages.page(pgno)?;
        check_kind(page, root, level == root.height).map_err(|fault| fault.at(pgno))?;
        let run = if page.is_branch() {
            keys.children(page, order, ends)
        } else {
            keys.entries(page, order)
        };
        let run = run.map_err(|fault| fault.at(pgno))?;
        if !run.is_empty() {
            path.push(pgno, run.start);
            return Ok(Some(Run { path, entries: run }));
        }
        if !page.is_branch() {
            return Ok(None);
        }
        let index = match end {
            End::First => run.start.saturating_sub(1),
            End::Last => run.end.min(page.len() - 1),
        };
        ends = Ends {
            first: index >= run.start,
            last: index < run.end,
        };
        path.push(pgno, index);
        pgno = page.child(index).map_err(|fault| fault.at(pgno))?;
    }
    Err(PageFault::WrongLevel.at(pgno))
}

/// What is below a run of entries: pages to be given up, and what they take from the counters of the tree.
#[derive(Debug)]
struct Debris {
    /// The first and how many, for large values; else one.
    pages: Vec<(Pgno, u32)>,
    items: u64,
    branch_pages: u32,
    leaf_pages: u32,
    large_pages: u32,
    /// Whether an entry can hold several items.
    has_dups: bool,
    /// How many pages the tree can have at most, by its record. It keeps a walk in a damaged tree from being endless.
    most_pages: u64,
}

impl Debris {
    /// Nothing yet of the tree `root`.
    fn of(root: &TreeRoot) -> Debris {
        let counts = [root.branch_pages, root.leaf_pages, root.large_pages];
        Debris {
            pages: Vec::new(),
            items: 0,
            branch_pages: 0,
            leaf_pages: 0,
            large_pages: 0,
            has_dups: root.flags & DUP_SORT != 0,
            most_pages: counts.into_iter().map(u64::from).sum(),
        }
    }

    fn add(&mut self, met: Visit<'_>) -> Result<()> {
        let (first, count) = match met {
            Visit::Page(page) => (page.pgno(), 1),
            Visit::Large { first, pages } => (first, pages),
        };
        if self.pages.len() as u64 >= self.most_pages {
            return Err(PageFault::BadTreeRecord.at(first));
        }
        self.pages.push((first, count));
        match met {
            Visit::Large { pages, .. } => {
                self.large_pages = self.large_pages.saturating_add(pages);
            }
            Visit::Page(page) if page.is_branch() => self.branch_pages += 1,
            Visit::Page(page) => {
                self.leaf_pages += 1;
                self.add_items(page, &(0..page.len()))?;
            }
        }
        Ok(())
    }

    /// Counts the items that a run of entries of a leaf holds. The leaves of nested trees count for themselves.
    fn add_items(&mut self, leaf: Page<'_>, run: &Range<usize>) -> Result<()> {
        if leaf.is_packed() || !self.has_dups {
            self.items += run.len() as u64;
            return Ok(());
        }
        for index in run.clone() {
            let value = leaf.value(index).map_err(|fault| fault.at(leaf.pgno()))?;
            self.items += match value {
                Value::Inline(_) | Value::Large { .. } | Value::Table(_) => 1,
                Value::SubPage(page) => page.len() as u64,
                Value::Nested(_) => 0,
            };
        }
        Ok(())
    }

    /// Takes all this from the counters in the record of the tree.
    fn discount(&self, root: &mut TreeRoot) -> Result<(), PageFault> {
        root.items = less(root.items, self.items)?;
        root.branch_pages = less(root.branch_pages, self.branch_pages)?;
        root.leaf_pages = less(root.leaf_pages, self.leaf_pages)?;
        root.large_pages = less(root.large_pages, self.large_pages)?;
        Ok(())
    }
}

/// Returns a counter of a tree's record less what is taken from it.
fn less<T: Into<u64> + TryFrom<u64>>(count: T, taken: T) -> Result<T, PageFault> {
    let rest = count.into().checked_sub(taken.into());
    rest.and_then(|rest| T::try_from(rest).ok())
        .ok_or(PageFault::BadTreeRecord)
}
