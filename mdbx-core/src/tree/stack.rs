//! The way from the root down to a leaf entry.
//!
//! Two forms of it: a [`Stack`] holds the pages themselves, so a cursor steps without looking pages up; a [`Path`]
//! holds page numbers, so the pages may change under it.

use crate::format::page::Page;
use crate::format::root::MAX_HEIGHT;
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

/// The page numbers from the root to a leaf, and the entry taken in each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    steps: [Step; MAX_HEIGHT],
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
        Path {
            steps: [Step {
                pgno: Pgno::NONE,
                index: 0,
            }; MAX_HEIGHT],
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds a page below the last one.
    ///
    /// # Panics
    ///
    /// If there are [`MAX_HEIGHT`] already: the height of a tree is checked before anyone descends.
    pub(crate) fn push(&mut self, pgno: Pgno, index: usize) {
        self.steps[self.len] = Step { pgno, index };
        self.len += 1;
    }

    /// Returns step `level`; 0 is the root.
    pub(crate) fn step(&self, level: usize) -> Step {
        self.steps[..self.len][level]
    }

    pub(crate) fn step_mut(&mut self, level: usize) -> &mut Step {
        &mut self.steps[..self.len][level]
    }

    /// Returns the leaf step.
    ///
    /// # Panics
    ///
    /// If the path is empty: only trees that have a leaf are descended.
    pub(crate) fn leaf(&self) -> Step {
        self.step(self.len - 1)
    }
}
