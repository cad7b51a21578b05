//! Look for several keys at once.
//!
//! A search spends its time waiting: each step compares a key that lies in a cache line of its own, and which one
//! comes next is known only then. So several searches go down the tree side by side, and in each page take their
//! steps in turn. Each asks the memory for what it needs next and leaves the processor to the others meanwhile.
//!
//! All leaves are equally deep, so the searches reach them together.

use std::cmp::Ordering;

use crate::error::{PageFault, Result};
use crate::format::page::Page;
use crate::format::root::TreeRoot;
use crate::ids::Pgno;
use crate::pager::snapshot::Pages;
use crate::tree::order::{Order, Sought};
use crate::tree::search::{Found, check_kind, prefetch_entry};

/// How many searches go side by side: as many as most processors can wait for lines of memory.
pub(crate) const GROUP: usize = 16;

/// One search: in a page, the entries among which the one looked for is.
#[derive(Clone, Copy)]
struct Probe<'p> {
    page: Page<'p>,
    low: usize,
    high: usize,
    exact: bool,
}

impl<'p> Probe<'p> {
    /// Begins in `page`, whose entries before `from` are known not to be greater.
    fn new(page: Page<'p>, from: usize) -> Probe<'p> {
        let probe = Probe {
            page,
            low: from,
            high: page.len(),
            exact: false,
        };
        prefetch_entry(page, probe.middle());
        probe
    }

    fn middle(self) -> usize {
        self.low + (self.high - self.low) / 2
    }

    /// Compares one entry; returns whether the place is found.
    #[inline]
    fn step(&mut self, compare: impl FnOnce(&[u8]) -> Ordering) -> Result<bool, PageFault> {
        if self.low == self.high {
            return Ok(true);
        }
        let middle = self.middle();
        let key = self.page.key_of(self.page.entries()[middle]);
        match compare(key.ok_or(PageFault::BadNode { index: middle })?) {
            Ordering::Less => self.low = middle + 1,
            Ordering::Equal => (self.low, self.high, self.exact) = (middle, middle, true),
            Ordering::Greater => self.high = middle,
        }
        prefetch_entry(self.page, self.middle());
        Ok(self.low == self.high)
    }
}

/// Looks for up to [`GROUP`] keys in a tree whose leaves are not packed, and tells `tell` what was found for each, in
/// their order; nothing if the tree is empty.
///
/// # Errors
///
/// [`Error::Corrupted`](crate::Error::Corrupted) if a page on the way is unsound or stands at the wrong level, and
/// those of `tell`.
pub(crate) fn descend_together<'p, K: AsRef<[u8]>>(
    pages: Pages<'p>,
    root: &TreeRoot,
    order: Order,
    keys: &[K],
    tell: impl FnMut(usize, Found<'p>) -> Result<()>,
) -> Result<()> {
    if !matches!(order, Order::Bytes) {
        let compare = |at: usize, other: &[u8]| order.compare(other, keys[at].as_ref());
        return descend_by(pages, root, keys.len(), compare, tell);
    }
    let mut sought = [Sought::new(b""); GROUP];
    for (sought, key) in sought.iter_mut().zip(keys) {
        *sought = Sought::new(key.as_ref());
    }
    let compare = |at: usize, other: &[u8]| sought[at].compare(other);
    descend_by(pages, root, keys.len(), compare, tell)
}

fn descend_by<'p>(
    pages: Pages<'p>,
    root: &TreeRoot,
    len: usize,
    compare: impl Fn(usize, &[u8]) -> Ordering,
    mut tell: impl FnMut(usize, Found<'p>) -> Result<()>,
) -> Result<()> {
    if root.is_empty() {
        return Ok(());
    }
    let mut at = [root.root; GROUP];
    let at = &mut at[..len];
    for level in 1..=root.height {
        let is_leaf_level = level == root.height;
        let mut probes = [const { None }; GROUP];
        for (probe, &pgno) in probes.iter_mut().zip(&*at) {
            let page = pages.page(pgno)?;
            check_kind(page, root, is_leaf_level).map_err(|fault| fault.at(pgno))?;
            *probe = Some(Probe::new(page, usize::from(!is_leaf_level)));
        }
        take_steps(&mut probes[..len], at, &compare)?;
        for (number, probe) in probes.iter().flatten().enumerate() {
            let Probe {
                page, low, exact, ..
            } = *probe;
            if is_leaf_level {
                let (leaf, index) = (page, low);
                tell(number, Found { leaf, index, exact })?;
            } else {
                let index = if exact { low } else { low - 1 };
                let pgno = page.child(index).map_err(|fault| fault.at(at[number]))?;
                pages.prefetch(pgno);
                at[number] = pgno;
            }
        }
    }
    Ok(())
}

/// Has the searches take their steps in turn until all have found their place in their page.
#[inline]
fn take_steps(
    probes: &mut [Option<Probe<'_>>],
    at: &[Pgno],
    compare: &impl Fn(usize, &[u8]) -> Ordering,
) -> Result<()> {
    let mut are_done = false;
    while !are_done {
        are_done = true;
        for (number, probe) in probes.iter_mut().flatten().enumerate() {
            let done = probe.step(|other| compare(number, other));
            are_done &= done.map_err(|fault| fault.at(at[number]))?;
        }
    }
    Ok(())
}
