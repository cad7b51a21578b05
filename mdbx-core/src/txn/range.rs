//! Iterators over ranges and duplicates.

use std::cmp::Ordering;
use std::ops::{Bound, RangeBounds};

use crate::error::Result;
use crate::format::root::TreeRoot;
use crate::pager::snapshot::Pages;
use crate::tree::cursor::{Cursor, Item};
use crate::tree::leaf_cursor::End;
use crate::tree::order::Orders;
use crate::tree::seek::Relation;

/// The items of a range of keys, from either end. See [`TableRef::range`](crate::TableRef::range).
#[derive(Debug, Clone)]
pub struct Range<'t> {
    pages: Pages<'t>,
    root: TreeRoot,
    orders: Orders,
    lower: Bound<Vec<u8>>,
    upper: Bound<Vec<u8>>,
    front: Option<Cursor<'t>>,
    /// Apart from the front, since few ranges are read from behind.
    back: Option<Box<Cursor<'t>>>,
    /// The items given out last at either end.
    front_item: Item<'t>,
    back_item: Item<'t>,
    done: bool,
}

impl<'t> Range<'t> {
    pub(crate) fn new<'k>(
        pages: Pages<'t>,
        root: TreeRoot,
        orders: Orders,
        bounds: &impl RangeBounds<&'k [u8]>,
    ) -> Range<'t> {
        Range {
            pages,
            root,
            orders,
            lower: bounds.start_bound().map(|key| key.to_vec()),
            upper: bounds.end_bound().map(|key| key.to_vec()),
            front: None,
            back: None,
            front_item: None,
            back_item: None,
            done: false,
        }
    }

    fn step(&mut self) -> Result<Item<'t>> {
        let item = if let Some(cursor) = &mut self.front {
            cursor.step(End::First)?
        } else {
            let cursor = self
                .front
                .insert(Cursor::new(self.pages, self.root, self.orders));
            go_to_lower(cursor, &self.lower)?
        };
        let in_range = |&(key, value): &(&[u8], &[u8])| {
            let order = self.orders.keys;
            (match &self.upper {
                Bound::Unbounded => true,
                Bound::Included(upper) => order.compare(key, upper).is_le(),
                Bound::Excluded(upper) => order.compare(key, upper).is_lt(),
            }) && self
                .back_item
                .is_none_or(|back| self.compare((key, value), back).is_lt())
        };
        self.front_item = item.filter(in_range);
        Ok(self.front_item)
    }

    fn step_back(&mut self) -> Result<Item<'t>> {
        let item = if let Some(cursor) = &mut self.back {
            cursor.step(End::Last)?
        } else {
            let cursor =
                self.back
                    .insert(Box::new(Cursor::new(self.pages, self.root, self.orders)));
            go_to_upper(cursor, &self.upper)?
        };
        let in_range = |&(key, value): &(&[u8], &[u8])| {
            let order = self.orders.keys;
            (match &self.lower {
                Bound::Unbounded => true,
                Bound::Included(lower) => order.compare(key, lower).is_ge(),
                Bound::Excluded(lower) => order.compare(key, lower).is_gt(),
            }) && self
                .front_item
                .is_none_or(|front| self.compare((key, value), front).is_gt())
        };
        self.back_item = item.filter(in_range);
        Ok(self.back_item)
    }

    fn compare(&self, a: (&[u8], &[u8]), b: (&[u8], &[u8])) -> Ordering {
        let Orders { keys, dups } = self.orders;
        // In a table with one value for each key, equal keys are the same item.
        keys.compare(a.0, b.0).then_with(|| dups.compare(a.1, b.1))
    }

    fn give_out<T>(&mut self, item: Result<Option<T>>) -> Option<Result<T>> {
        self.done = !matches!(item, Ok(Some(_)));
        item.transpose()
    }
}

fn go_to_lower<'t>(cursor: &mut Cursor<'t>, lower: &Bound<Vec<u8>>) -> Result<Item<'t>> {
    match lower {
        Bound::Unbounded => cursor.go_to(End::First),
        Bound::Included(key) => cursor.seek(key),
        Bound::Excluded(key) => cursor.seek_by(Relation::Greater, key),
    }
}

fn go_to_upper<'t>(cursor: &mut Cursor<'t>, upper: &Bound<Vec<u8>>) -> Result<Item<'t>> {
    match upper {
        Bound::Unbounded => cursor.go_to(End::Last),
        Bound::Included(key) => match cursor.seek_by(Relation::LessOrEqual, key)? {
            Some(_) => cursor.go_to_dup(End::Last),
            None => Ok(None),
        },
        Bound::Excluded(key) => cursor.seek_by(Relation::Less, key),
    }
}

impl<'t> Iterator for Range<'t> {
    type Item = Result<(&'t [u8], &'t [u8])>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.step();
        self.give_out(item)
    }
}

impl DoubleEndedIterator for Range<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.step_back();
        self.give_out(item)
    }
}

impl std::iter::FusedIterator for Range<'_> {}

/// The values of one key, from either end. See [`TableRef::dups`](crate::TableRef::dups).
#[derive(Debug, Clone)]
pub struct Dups<'t> {
    front: Cursor<'t>,
    back: Option<Box<Cursor<'t>>>,
    /// The first value, until it is given out.
    first: Item<'t>,
    /// How many values neither end has given out yet.
    left: u64,
}

impl<'t> Dups<'t> {
    pub(crate) fn new(
        pages: Pages<'t>,
        root: TreeRoot,
        orders: Orders,
        key: &[u8],
    ) -> Result<Dups<'t>> {
        let mut front = Cursor::new(pages, root, orders);
        let first = front.seek_exact(key, End::First)?;
        let left = front.count();
        Ok(Dups {
            front,
            back: None,
            first,
            left,
        })
    }

    fn give_out(&mut self, item: Result<Item<'t>>) -> Option<Result<&'t [u8]>> {
        self.left = if matches!(item, Ok(Some(_))) {
            self.left - 1
        } else {
            0
        };
        item.map(|item| item.map(|(_, value)| value)).transpose()
    }
}

impl<'t> Iterator for Dups<'t> {
    type Item = Result<&'t [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let item = match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.front.step_dup(End::First),
        };
        self.give_out(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, usize::try_from(self.left).ok())
    }
}

impl DoubleEndedIterator for Dups<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let item = match &mut self.back {
            Some(back) => back.step_dup(End::Last),
            None => self
                .back
                .insert(Box::new(self.front.clone()))
                .go_to_dup(End::Last),
        };
        self.give_out(item)
    }
}

impl std::iter::FusedIterator for Dups<'_> {}
