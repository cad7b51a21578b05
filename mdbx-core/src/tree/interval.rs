//! The keys between two bounds, and which entries of a page they are.

use std::cmp::Ordering;
use std::ops::{Bound, Range};

use crate::error::PageFault;
use crate::format::page::Page;
use crate::tree::order::Order;
use crate::tree::search::bisect;

/// The keys between two bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval<'k> {
    pub(crate) lower: Bound<&'k [u8]>,
    pub(crate) upper: Bound<&'k [u8]>,
}

/// Which ends of a part of a tree are known to lie in an interval: no key beyond them does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) first: bool,
    pub(crate) last: bool,
}

impl<'k> Interval<'k> {
    /// That key alone.
    pub(crate) fn only(key: &'k [u8]) -> Interval<'k> {
        Interval {
            lower: Bound::Included(key),
            upper: Bound::Included(key),
        }
    }

    /// Returns whether no key can lie here: the bounds are out of order, or leave nothing between them.
    pub(crate) fn is_empty(self, order: Order) -> bool {
        let (Some(lower), Some(upper)) = (key_of(self.lower), key_of(self.upper)) else {
            return false;
        };
        match order.compare(lower, upper) {
            Ordering::Less => false,
            Ordering::Equal => {
                !matches!(self.lower, Bound::Included(_))
                    || !matches!(self.upper, Bound::Included(_))
            }
            Ordering::Greater => true,
        }
    }

    /// Returns whether `key` lies here.
    pub(crate) fn contains(self, order: Order, key: &[u8]) -> bool {
        let is_above = match self.lower {
            Bound::Unbounded => true,
            Bound::Included(lower) => order.compare(lower, key).is_le(),
            Bound::Excluded(lower) => order.compare(lower, key).is_lt(),
        };
        is_above && self.is_above(order, key)
    }

    /// Returns whether the upper bound lies above `key`.
    pub(crate) fn is_above(self, order: Order, key: &[u8]) -> bool {
        match self.upper {
            Bound::Unbounded => true,
            Bound::Included(upper) => order.compare(key, upper).is_le(),
            Bound::Excluded(upper) => order.compare(key, upper).is_lt(),
        }
    }

    /// Returns which ends of a whole tree lie here, whatever its keys.
    pub(crate) fn open_ends(self) -> Ends {
        Ends {
            first: self.lower == Bound::Unbounded,
            last: self.upper == Bound::Unbounded,
        }
    }

    /// Returns the entries of a leaf page or sub-page whose keys lie here.
    pub(crate) fn entries(self, page: Page<'_>, order: Order) -> Result<Range<usize>, PageFault> {
        let start = match self.lower {
            Bound::Unbounded => 0,
            Bound::Included(key) => bisect(page, 0, order, key)?.0,
            Bound::Excluded(key) => end_of(bisect(page, 0, order, key)?),
        };
        let end = match self.upper {
            Bound::Unbounded => page.len(),
            Bound::Included(key) => end_of(bisect(page, 0, order, key)?),
            Bound::Excluded(key) => bisect(page, 0, order, key)?.0,
        };
        Ok(start..end)
    }

    /// Returns the entries of a branch page that can have nothing but keys that lie here below them. `ends` tells
    /// about the page as a whole.
    ///
    /// The range can be out of order. Entries before `start` may have smaller keys, those from `end` on greater ones.
    ///
    /// ```text
    ///   keys of the branch       . . . . d . . . h . . . m . . . p . . .
    ///   entry                    |   0   |   1   |   2   |   3   |  4  |
    ///   interval                           ^f ..................... t$       start 2, end 4
    /// ```
    pub(crate) fn children(
        self,
        page: Page<'_>,
        order: Order,
        ends: Ends,
    ) -> Result<Range<usize>, PageFault> {
        let start = match self.lower {
            Bound::Included(key) if !ends.first => bisect(page, 1, order, key)?.0,
            Bound::Excluded(key) if !ends.first => end_of(bisect(page, 1, order, key)?),
            _ => 0,
        };
        let end = match self.upper {
            Bound::Included(key) | Bound::Excluded(key) if !ends.last => {
                end_of(bisect(page, 1, order, key)?) - 1
            }
            _ => page.len(),
        };
        Ok(start..end)
    }
}

/// Returns the first entry behind the one that was looked for.
fn end_of((index, exact): (usize, bool)) -> usize {
    index + usize::from(exact)
}

fn key_of(bound: Bound<&[u8]>) -> Option<&[u8]> {
    match bound {
        Bound::Included(key) | Bound::Excluded(key) => Some(key),
        Bound::Unbounded => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::node::NewNode;
    use crate::format::page::{BRANCH, LEAF, PageMut};
    use crate::ids::{Pgno, Txnid};
    use Bound::{Excluded, Included, Unbounded};

    fn page(flags: u16, keys: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![0; 256];
        let mut page = PageMut::init(&mut bytes, flags, Pgno(3), Txnid(4));
        for key in keys {
            page.append(if flags == BRANCH {
                NewNode::branch(key, Pgno(5))
            } else {
                NewNode::leaf(key, 0, b"")
            });
        }
        bytes
    }

    fn between<'k>(lower: Bound<&'k [u8]>, upper: Bound<&'k [u8]>) -> Interval<'k> {
        Interval { lower, upper }
    }

    #[test]
    fn entries_of_a_leaf_are_those_that_the_interval_contains() {
        let keys: [&[u8]; 5] = [b"b", b"d", b"h", b"m", b"p"];
        let leaf = page(LEAF, &keys);
        let bounds = |key| [Unbounded, Included(key), Excluded(key)];
        for (lower, upper) in [
            (b"a", b"d"),
            (b"d", b"d"),
            (b"d", b"p"),
            (b"e", b"n"),
            (b"q", b"z"),
        ] {
            for lower in bounds(&lower[..]) {
                for upper in bounds(&upper[..]) {
                    let interval = between(lower, upper);
                    let run = interval
                        .entries(Page::trusted(&leaf), Order::Bytes)
                        .unwrap();
                    for (index, key) in keys.iter().enumerate() {
                        let is_in = interval.contains(Order::Bytes, key);
                        assert_eq!(run.contains(&index), is_in, "{interval:?} {index}");
                    }
                    if interval.is_empty(Order::Bytes) {
                        assert!(run.is_empty());
                    }
                }
            }
        }
    }

    #[test]
    fn children_are_those_with_nothing_but_keys_in_between() {
        let branch = page(BRANCH, &[b"", b"d", b"h", b"m", b"p"]);
        let children = |lower, upper, first, last| {
            let ends = Ends { first, last };
            let interval = between(lower, upper);
            interval
                .children(Page::trusted(&branch), Order::Bytes, ends)
                .unwrap()
        };
        let (d, f, m, t) = (&b"d"[..], &b"f"[..], &b"m"[..], &b"t"[..]);
        assert_eq!(children(Included(f), Excluded(t), false, false), 2..4);
        assert_eq!(children(Included(f), Excluded(t), false, true), 2..5);
        assert_eq!(children(Included(f), Excluded(t), true, false), 0..4);
        assert_eq!(children(Included(d), Excluded(m), false, false), 1..3);
        assert_eq!(children(Excluded(d), Included(m), false, false), 2..3);
        assert_eq!(children(Unbounded, Excluded(d), true, false), 0..1);
        assert_eq!(children(Unbounded, Excluded(b"c"), true, false), 0..0);
        assert_eq!(children(Included(t), Unbounded, false, true), 5..5);
        let inside_one = children(Included(b"i"), Included(b"k"), false, false);
        assert!(inside_one.is_empty() && inside_one.end == 2);
    }
}
