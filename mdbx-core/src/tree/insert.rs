//! Put: replace in place, or insert.

use crate::error::Result;
use crate::format::node::{NewNode, Value};
use crate::tree::edit::{Place, TreeMut};
use crate::tree::large::{free_large, is_large, store_large};

impl TreeMut<'_, '_> {
    /// Makes `value` the one value of `key`, whose place is `place`.
    pub(crate) fn put(&mut self, mut place: Place, key: &[u8], value: &[u8]) -> Result<()> {
        if is_large(key.len(), value.len(), self.pager.page_size()) {
            return self.put_large(place, key, value.len(), |room| room.copy_from_slice(value));
        }
        self.make_way(&place)?;
        self.set(&mut place, NewNode::leaf(key, 0, value))
    }

    /// Makes a large value of `len` bytes, which `fill` writes, the one value of `key`, whose place is `place`.
    pub(crate) fn put_large(
        &mut self,
        mut place: Place,
        key: &[u8],
        len: usize,
        fill: impl FnOnce(&mut [u8]),
    ) -> Result<()> {
        let run = store_large(self.pager, len, fill)?;
        self.make_way(&place)?;
        self.root.count_large_pages(run.pages);
        let first = run.first.0.to_le_bytes();
        self.set(&mut place, NewNode::large(key, &first, run.value_len))
    }

    /// Gives up the pages of the value that is replaced, or counts the new item.
    fn make_way(&mut self, place: &Place) -> Result<()> {
        if !place.exact {
            self.root.count_item(true);
        } else if let Value::Large { pgno, .. } = self.value_at(place)? {
            free_large(self.pager, self.root, pgno)?;
        }
        Ok(())
    }

    /// Makes `node` the entry at `place`: instead of the one there if the place is exact, else before it.
    pub(crate) fn set(&mut self, place: &mut Place, node: NewNode<'_>) -> Result<()> {
        if place.path.len() == 0 {
            return self.plant(node);
        }
        self.touch(&mut place.path)?;
        let step = place.path.leaf();
        let mut page = self.pager.page_mut(step.pgno);
        if place.exact {
            if page.contents(step.index).has_shape_of(node) {
                page.payload_mut(step.index).copy_from_slice(node.payload());
                return Ok(());
            }
            page.remove(step.index);
        }
        if page.page().has_room_for(node) {
            page.insert(step.index, node);
            return Ok(());
        }
        self.split(&place.path, place.path.len() - 1, step.index, node)
    }

    /// Makes the empty tree one leaf with `node` in it.
    fn plant(&mut self, node: NewNode<'_>) -> Result<()> {
        let leaf = self.pager.allocate_leaf()?;
        self.pager.page_mut(leaf).append(node);
        self.root.root = leaf;
        self.root.height = 1;
        self.root.count_leaf_page();
        Ok(())
    }
}
