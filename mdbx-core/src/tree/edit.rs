//! A tree to be changed: the pages it draws from, its record, and the two steps every change begins with.

use crate::error::{PageFault, Result};
use crate::format::node::Value;
use crate::format::page::Page;
use crate::format::root::{MAX_HEIGHT, TreeRoot};
use crate::ids::Pgno;
use crate::pager::writer::Writer;
use crate::tree::order::{Order, Orders};
use crate::tree::search::{Target, descend};
use crate::tree::stack::{Path, Step};

/// Where a key is in a tree, or would be. Valid until the tree changes.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The way to the first entry with the key or a greater one; without steps if the tree is empty.
    pub(crate) path: Path,
    /// Whether that entry has the key itself.
    pub(crate) exact: bool,
}

/// A tree of a write transaction.
///
/// The caller has set aside the pages that a change may need: see [`most_pages_for_put`] and
/// [`most_pages_for_delete`].
pub(crate) struct TreeMut<'w, 'env> {
    pub(crate) pager: &'w mut Writer<'env>,
    pub(crate) root: &'w mut TreeRoot,
    pub(crate) order: Order,
    /// The order of the values of a key.
    pub(crate) dups: Order,
}

impl<'w, 'env> TreeMut<'w, 'env> {
    /// The tree that `root` describes.
    pub(crate) fn new(
        pager: &'w mut Writer<'env>,
        root: &'w mut TreeRoot,
        orders: Orders,
    ) -> TreeMut<'w, 'env> {
        TreeMut {
            pager,
            root,
            order: orders.keys,
            dups: orders.dups,
        }
    }

    /// Returns the place of `key`.
    pub(crate) fn find(&self, key: &[u8]) -> Result<Place> {
        let mut path = Path::new();
        let push = |_, pgno, index| path.push(pgno, index);
        let found = descend(
            self.pager.pages(),
            self.root,
            self.order,
            Target::Key(key),
            push,
        )?;
        Ok(Place {
            path,
            exact: found.is_some_and(|found| found.exact),
        })
    }

    /// Returns the leaf that `place` is on; `None` if the tree is empty.
    pub(crate) fn leaf_of(&self, place: &Place) -> Result<Option<Page<'_>>> {
        if place.path.len() == 0 {
            return Ok(None);
        }
        self.pager.pages().page(place.path.leaf().pgno).map(Some)
    }

    /// Returns the key of the entry at `place`.
    ///
    /// # Panics
    ///
    /// If `place` is not exact: then there is no entry.
    pub(crate) fn key_at(&self, place: &Place) -> Result<&[u8]> {
        assert!(place.exact, "only an entry that was found has a key");
        let Step { pgno, index } = place.path.leaf();
        let page = self.pager.pages().page(pgno)?;
        page.key(index).map_err(|fault| fault.at(pgno))
    }

    /// Returns what the entry at `place` holds.
    ///
    /// # Panics
    ///
    /// If `place` is not exact: then there is no entry.
    pub(crate) fn value_at(&self, place: &Place) -> Result<Value<'_>> {
        assert!(place.exact, "only an entry that was found has a value");
        let Step { pgno, index } = place.path.leaf();
        let page = self.pager.pages().page(pgno)?;
        page.value(index).map_err(|fault| fault.at(pgno))
    }

    /// Returns whether no entry of the tree comes after `place`.
    pub(crate) fn is_last(&self, place: &Place) -> Result<bool> {
        let (pages, path) = (self.pager.pages(), &place.path);
        for level in 0..path.len() {
            let Step { pgno, index } = path.step(level);
            let is_leaf = level + 1 == path.len();
            let len = pages.page(pgno)?.len();
            if index + 1 < len || (is_leaf && !place.exact && index < len) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes every page on the way this transaction's own.
    pub(crate) fn touch(&mut self, path: &mut Path) -> Result<()> {
        for level in 0..path.len() {
            let old = path.step(level).pgno;
            let new = self.pager.touch(old)?;
            if new != old {
                path.step_mut(level).pgno = new;
                self.repoint(path, level, new);
            }
        }
        Ok(())
    }

    /// Makes what leads to step `level` lead to `pgno`.
    pub(crate) fn repoint(&mut self, path: &Path, level: usize, pgno: Pgno) {
        match level.checked_sub(1) {
            None => self.root.root = pgno,
            Some(above) => {
                let parent = path.step(above);
                self.pager
                    .page_mut(parent.pgno)
                    .set_child(parent.index, pgno);
            }
        }
    }

    /// Allocates an empty leaf: a packed one, if items of `item_len` bytes are to lie there.
    pub(crate) fn new_leaf(&mut self, item_len: Option<usize>) -> Result<Pgno> {
        let leaf = self.pager.allocate_leaf()?;
        if let Some(item_len) = item_len {
            self.pager.page_mut(leaf).pack(item_len);
        }
        Ok(leaf)
    }

    /// Checks that the tree may grow by one level more.
    pub(crate) fn check_height(&self) -> Result<()> {
        if usize::from(self.root.height) < MAX_HEIGHT {
            Ok(())
        } else {
            Err(PageFault::WrongLevel.at(self.root.root))
        }
    }
}

/// Returns the most pages that putting one item into a tree of that height takes, a large value not counted.
///
/// Each level is copied once and split once; then the root may grow. A value that turns into duplicates may begin a
/// nested tree, and one that is in a nested tree takes the same again there: see `dup.rs`.
pub(crate) const fn most_pages_for_put(height: u16) -> usize {
    2 * height as usize + 2
}

/// Returns the most pages that deleting one item from a tree of that height takes.
///
/// At each level the page and one neighbour are copied, and a longer separator may split the page above; then the
/// root may grow, or its last child become the root.
pub(crate) const fn most_pages_for_delete(height: u16) -> usize {
    3 * height as usize + 2
}
