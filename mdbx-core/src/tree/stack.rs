//! The way from the root down to a leaf entry.
//!
//! Two forms of it: a [`Stack`] holds the pages themselves, so a cursor steps without looking pages up; a [`Path`]
//! holds page numbers, so the pages may change under it.

use crate::format::page::Page;
use crate::ids::Pgno;

/// The pages from the root to a leaf, and the entry taken in each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stack<'p> {
    /// The root first, the leaf last.
    pub(crate) levels: Vec<Level<'p>>,
}

/// One page of a [`Stack`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level<'p> {
    pub(crate) page: Page<'p>,
    pub(crate) index: usize,
}

impl<'p> Stack<'p> {
    /// Returns the leaf level; `None` if the stack leads nowhere.
    #[inline]
    pub(crate) fn leaf(&self) -> Option<Level<'p>> {
        self.levels.last().copied()
    }
}

/// Levels of a [`Path`] that need no memory of their own. Hardly any tree of pages of a usual size is higher.
const NEAR: usize = 4;

/// The page numbers from the root to a leaf, and the entry taken in each.
///
/// It is small, since every change of a table hands one on, from the search to the change.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    near: [Step; NEAR],
    /// The steps that `near` has no room for.
    far: Vec<Step>,
    len: usize,
}

/// One page of a [`Path`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) pgno: Pgno,
    pub(crate) index: usize,
}

impl Path {
    pub(crate) fn new() -> Path {
        let none = Step {
            pgno: Pgno::NONE,
            index: 0,
        };
        Path {
            near: [none; NEAR],
            far: Vec::new(),
            len: 0,
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds a page below the last one.
    #[inline]
    pub(crate) fn push(&mut self, pgno: Pgno, index: usize) {
        let step = Step { pgno, index };
        match self.near.get_mut(self.len) {
            Some(near) => *near = step,
            None => self.far.push(step),
        }
        self.len += 1;
    }

    /// Returns step `level`, which must have been taken; 0 is the root.
    #[inline]
    pub(crate) fn step(&self, level: usize) -> Step {
        assert!(level < self.len, "only steps that were taken are asked for");
        match self.near.get(level) {
            Some(near) => *near,
            None => self.far[level - NEAR],
        }
    }

    #[inline]
    pub(crate) fn step_mut(&mut self, level: usize) -> &mut Step {
        assert!(level < self.len, "only steps that were taken are asked for");
        match self.near.get_mut(level) {
            Some(near) => near,
            None => &mut self.far[level - NEAR],
        }
    }

    /// Returns the leaf step.
    ///
    /// # Panics
    ///
    /// If the path is empty: only trees that have a leaf are descended.
    #[inline]
    pub(crate) fn leaf(&self) -> Step {
        self.step(self.len - 1)
    }
}
