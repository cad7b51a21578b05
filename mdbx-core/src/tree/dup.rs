//! Duplicates: a key with several values.
//!
//! One value lies in the node itself, a few in a *sub-page*, a small leaf page inside the node, and many in a
//! *nested tree* whose keys they are.
//!
//! ```text
//!   one value  <->  sub-page  <->  nested tree
//! ```
//!
//! A sub-page grows until its node exceeds the limit of a leaf node, and then becomes a nested tree; a nested tree
//! that has shrunk to one page with half of that limit turns back.
//!
//! In a table of fixed-size values the sub-page and the leaves of the nested tree are packed. The caller has checked
//! that a new value has the size of the others.
//!
//! Source: format document, "Multi-values".

use crate::error::{PageFault, Result};
use crate::format::limits::leaf_node_max;
use crate::format::node::{DUP, NewNode, TREE, Value, node_span};
use crate::format::page::Page;
use crate::format::root::{
    DUP_FIXED, INTEGER_DUP, INTEGER_KEY, REVERSE_DUP, REVERSE_KEY, TreeRoot,
};
use crate::ids::{PageSize, Pgno};
use crate::tree::edit::{Place, TreeMut, most_pages_for_delete, most_pages_for_put};
use crate::tree::interval::Interval;
use crate::tree::order::Orders;
use crate::tree::sub_page::{rebuilt, sub_page_of, with_value, without_values};

impl TreeMut<'_, '_> {
    /// Returns the most pages that adding a value to the entry at `place`, or deleting one from it, takes.
    pub(crate) fn most_pages_for_dup(&self, place: &Place) -> Result<usize> {
        let nested = if place.exact {
            match self.value_at(place)? {
                Value::Nested(nested) => nested.height,
                _ => 0,
            }
        } else {
            0
        };
        let outer =
            most_pages_for_put(self.root.height).max(most_pages_for_delete(self.root.height));
        Ok(outer + most_pages_for_put(nested).max(most_pages_for_delete(nested)))
    }

    /// Adds `value` to the values of `key`, whose place is `place`; tells whether it was not there.
    pub(crate) fn put_dup(&mut self, mut place: Place, key: &[u8], value: &[u8]) -> Result<bool> {
        let is_packed = self.root.flags & DUP_FIXED != 0;
        let added = if place.exact {
            let at = place.path.leaf().pgno;
            match self.value_at(&place)? {
                Value::Nested(nested) => {
                    self.edit_nested(&mut place, nested, |tree| tree.put_key(value))?
                }
                held => {
                    match with_value(held, value, self.dups, is_packed)
                        .map_err(|fault| fault.at(at))?
                    {
                        None => false,
                        Some(sub_page) => {
                            self.set_values(&mut place, key, &sub_page)?;
                            true
                        }
                    }
                }
            }
        } else {
            self.set_values(&mut place, key, &sub_page_of(&[value], is_packed))?;
            true
        };
        self.root.count_item(added);
        if added && is_packed {
            self.root.dupfix_size = narrow(value.len());
        }
        Ok(added)
    }

    /// Deletes `value` from the values of `key`, whose place is `place`; tells whether it was there.
    pub(crate) fn delete_dup(
        &mut self,
        mut place: Place,
        key: &[u8],
        value: &[u8],
    ) -> Result<bool> {
        if !place.exact {
            return Ok(false);
        }
        let at = place.path.leaf().pgno;
        let deleted = match self.value_at(&place)? {
            Value::Nested(nested) => {
                let deleted =
                    self.edit_nested(&mut place, nested, |tree| tree.delete_key(value))?;
                if deleted {
                    self.unnest(&mut place, key)?;
                }
                u64::from(deleted)
            }
            // In an order that contradicts itself there may be several.
            _ => self.remove_held(&mut place, key, Interval::only(value))?,
        };
        self.root.items = self
            .root
            .items
            .checked_sub(deleted)
            .ok_or_else(|| PageFault::BadTreeRecord.at(at))?;
        Ok(deleted > 0)
    }

    /// Removes those of `values` that the node of `key`, at `place`, holds itself; returns how many.
    pub(super) fn remove_held(
        &mut self,
        place: &mut Place,
        key: &[u8],
        values: Interval<'_>,
    ) -> Result<u64> {
        let (at, is_packed) = (place.path.leaf().pgno, self.root.flags & DUP_FIXED != 0);
        let rest = without_values(self.value_at(place)?, values, self.dups, is_packed);
        let Some((rest, count)) = rest.map_err(|fault| fault.at(at))? else {
            return Ok(0);
        };
        if Page::trusted(&rest).len() == 0 {
            self.remove_entry(place)?;
        } else {
            self.set_values(place, key, &rest)?;
        }
        Ok(count as u64)
    }

    /// Makes the values on `sub_page` those of `key`, in the tightest form that the format allows.
    fn set_values(&mut self, place: &mut Place, key: &[u8], sub_page: &[u8]) -> Result<()> {
        let node_max = leaf_node_max(self.pager.page_size());
        let values = Page::trusted(sub_page);
        if values.len() == 1 {
            let value = values.key(0).map_err(|fault| fault.at(Pgno::NONE))?;
            if node_span(key.len(), value.len()) <= node_max {
                return self.set(place, NewNode::leaf(key, 0, value));
            }
        } else if node_span(key.len(), sub_page.len()) <= node_max {
            return self.set(place, NewNode::leaf(key, DUP, sub_page));
        }
        let nested = self.nest(values)?;
        self.count_nested(&TreeRoot::empty(0), &nested)
            .map_err(|fault| fault.at(nested.root))?;
        self.set(place, NewNode::leaf(key, DUP | TREE, &record_of(&nested)))
    }

    /// Moves the values of a sub-page to a new tree of one leaf.
    fn nest(&mut self, values: Page<'_>) -> Result<TreeRoot> {
        let item_len = values.is_packed().then(|| values.item_len());
        let leaf = self.new_leaf(item_len)?;
        let mut page = self.pager.page_mut(leaf);
        for index in 0..values.len() {
            page.append(NewNode::leaf(
                values.key(index).map_err(|fault| fault.at(leaf))?,
                0,
                b"",
            ));
        }
        Ok(TreeRoot {
            root: leaf,
            height: 1,
            dupfix_size: item_len.map_or(0, narrow),
            leaf_pages: 1,
            items: values.len() as u64,
            mod_txnid: self.pager.txnid(),
            ..TreeRoot::empty(nested_flags(self.root.flags))
        })
    }

    /// Changes the nested tree in the entry at `place` by `edit`, which tells whether it did.
    pub(super) fn edit_nested(
        &mut self,
        place: &mut Place,
        before: TreeRoot,
        edit: impl FnOnce(&mut TreeMut<'_, '_>) -> Result<bool>,
    ) -> Result<bool> {
        let at = place.path.leaf().pgno;
        before
            .check(self.pager.pages().end)
            .map_err(|fault| fault.at(at))?;
        if before.is_empty() || before.flags != nested_flags(self.root.flags) {
            return Err(PageFault::BadTreeRecord.at(at));
        }
        let mut nested = before;
        let orders = Orders::of_keys(self.dups);
        let changed = edit(&mut TreeMut::new(self.pager, &mut nested, orders))?;
        if changed {
            self.touch(&mut place.path)?; // not before: an edit that changes nothing must leave no trace
            nested.mod_txnid = self.pager.txnid();
            self.count_nested(&before, &nested)
                .map_err(|fault| fault.at(at))?;
            let step = place.path.leaf();
            nested.write(self.pager.page_mut(step.pgno).payload_mut(step.index));
        }
        Ok(changed)
    }

    /// Turns the nested tree in the entry at `place` back into a sub-page, or removes the entry, if it is small enough.
    pub(super) fn unnest(&mut self, place: &mut Place, key: &[u8]) -> Result<()> {
        let Value::Nested(nested) = self.value_at(place)? else {
            return Ok(());
        };
        if nested.height > 1 {
            return Ok(());
        }
        if nested.is_empty() {
            return self.remove_entry(place);
        }
        let page = self.pager.pages().page(nested.root)?;
        let sub_page = rebuilt(page, 0..0, &[]).map_err(|fault| fault.at(nested.root))?;
        if !is_small(key.len(), sub_page.len(), self.pager.page_size()) {
            return Ok(());
        }
        self.pager.free(nested.root, 1);
        let at = place.path.leaf().pgno;
        self.count_nested(&nested, &TreeRoot::empty(0))
            .map_err(|fault| fault.at(at))?;
        self.set_values(place, key, &sub_page)
    }

    /// Adds `key` to a nested tree; tells whether it was not there.
    fn put_key(&mut self, key: &[u8]) -> Result<bool> {
        let mut place = self.find(key)?;
        if place.exact {
            return Ok(false);
        }
        if let Some(leaf) = self.leaf_of(&place)?
            && leaf.is_packed()
            && leaf.item_len() != key.len()
        {
            let len = leaf.item_len();
            return Err(PageFault::BadItemLen { len }.at(leaf.pgno()));
        }
        self.set(&mut place, NewNode::leaf(key, 0, b""))?;
        self.root.count_item(true);
        Ok(true)
    }

    /// Deletes `key` from a nested tree; tells whether it was there.
    fn delete_key(&mut self, key: &[u8]) -> Result<bool> {
        let place = self.find(key)?;
        let is_there = place.exact;
        if is_there {
            self.delete(place)?;
        }
        Ok(is_there)
    }
}

fn narrow(item_len: usize) -> u32 {
    u32::try_from(item_len).expect("an item is shorter than a page")
}

/// Returns whether a sub-page leaves its node enough room to grow, so that it does not turn to and fro.
fn is_small(key_len: usize, sub_page_len: usize, page_size: PageSize) -> bool {
    node_span(key_len, 2 * sub_page_len) <= leaf_node_max(page_size)
}

pub(crate) fn record_of(root: &TreeRoot) -> [u8; TreeRoot::LEN] {
    let mut record = [0; TreeRoot::LEN];
    root.write(&mut record);
    record
}

/// Returns the flags of a nested tree in a table with such flags.
///
/// Source: format document, "Nested tree".
pub(crate) fn nested_flags(table: u16) -> u16 {
    let mut flags = table & DUP_FIXED;
    if table & INTEGER_DUP != 0 {
        flags |= INTEGER_KEY;
    }
    if table & REVERSE_DUP != 0 {
        flags |= REVERSE_KEY;
    }
    flags
}
