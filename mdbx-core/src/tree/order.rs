//! Key orders.
//!
//! Source: format document, "Comparators" and "Table flags".

use std::cmp::Ordering;

use crate::format::root::{INTEGER_DUP, INTEGER_KEY, REVERSE_DUP, REVERSE_KEY};
use crate::store::orders::{Compare, TableOrder};

/// How the keys of one tree are ordered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// Unsigned bytes from the front; a prefix is smaller.
    Bytes,
    /// Unsigned bytes from the back; a suffix is smaller.
    Reversed,
    /// Unsigned little-endian integers, all of one length.
    Integer,
    /// As the application says. It may contradict itself: then items are not found, but nothing breaks.
    Given(Compare),
}

/// How the keys of a table, and the values of each key, are ordered. Determined once for each table of a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Orders {
    pub(crate) keys: Order,
    pub(crate) dups: Order,
}

impl Orders {
    /// Returns the orders of a table with such flags, for which the application gives `given`.
    #[inline]
    pub(crate) fn new(flags: u16, given: TableOrder) -> Orders {
        Orders {
            keys: given.keys.map_or(Order::of_keys(flags), Order::Given),
            dups: given.values.map_or(Order::of_dups(flags), Order::Given),
        }
    }

    /// Returns the orders of a table with such flags, for which the application gives none; or to which order means
    /// nothing, because it is only walked.
    #[inline]
    pub(crate) fn of_flags(flags: u16) -> Orders {
        Orders::new(flags, TableOrder::default())
    }

    /// Returns the orders of a tree with such keys, each with one value.
    pub(crate) fn of_keys(keys: Order) -> Orders {
        Orders {
            keys,
            dups: Order::Bytes,
        }
    }
}

impl Order {
    /// Returns the order of the keys of a table with such flags.
    fn of_keys(flags: u16) -> Order {
        if flags & INTEGER_KEY != 0 {
            Order::Integer
        } else if flags & REVERSE_KEY != 0 {
            Order::Reversed
        } else {
            Order::Bytes
        }
    }

    /// Returns the order of the values of one key in a table with such flags.
    fn of_dups(flags: u16) -> Order {
        if flags & INTEGER_DUP != 0 {
            Order::Integer
        } else if flags & REVERSE_DUP != 0 {
            Order::Reversed
        } else {
            Order::Bytes
        }
    }

    /// Returns whether the application gives it, so that it may contradict itself, or take different keys for the same.
    pub(crate) fn is_given(self) -> bool {
        matches!(self, Order::Given(_))
    }

    /// Compares two keys.
    #[inline]
    pub(crate) fn compare(self, a: &[u8], b: &[u8]) -> Ordering {
        match self {
            Order::Bytes => compare_bytes(a, b),
            Order::Reversed => compare_reversed(a, b),
            Order::Integer => compare_integers(a, b),
            Order::Given(compare) => compare(a, b),
        }
    }
}

/// Compares as slices do, but with one comparison of integers where the first eight bytes decide.
#[inline]
pub(crate) fn compare_bytes(a: &[u8], b: &[u8]) -> Ordering {
    Sought::new(b).compare(a)
}

/// A byte string that many others are compared with: its first eight bytes are read once.
#[derive(Clone, Copy)]
pub(crate) struct Sought<'k> {
    head: u64,
    key: &'k [u8],
}

impl<'k> Sought<'k> {
    #[inline]
    pub(crate) fn new(key: &'k [u8]) -> Sought<'k> {
        Sought {
            head: head(key),
            key,
        }
    }

    /// Compares `other` to the byte string.
    #[inline]
    pub(crate) fn compare(self, other: &[u8]) -> Ordering {
        let heads = head(other).cmp(&self.head);
        if heads.is_ne() {
            return heads;
        }
        match (other.get(8..), self.key.get(8..)) {
            (Some(other), Some(rest)) => other.cmp(rest),
            // The heads are padded with zeros and equal, so the shorter key is the beginning of the other.
            _ => other.len().cmp(&self.key.len()),
        }
    }
}

/// Returns the first eight bytes as a big-endian integer, padded with zeros.
#[inline]
fn head(key: &[u8]) -> u64 {
    if let Some(head) = key.first_chunk() {
        return u64::from_be_bytes(*head);
    }
    if let (Some(front), Some(back)) = (key.first_chunk(), key.last_chunk()) {
        // Four to seven bytes: the last four overlap the first four, with what they share.
        let (front, back) = (u32::from_be_bytes(*front), u32::from_be_bytes(*back));
        return u64::from(front) << 32 | u64::from(back) << (8 * (8 - key.len()));
    }
    let [a, b, c] = match *key {
        [a, b, c] => [a, b, c],
        [a, b] => [a, b, 0],
        [a] => [a, 0, 0],
        _ => [0; 3],
    };
    u64::from_be_bytes([a, b, c, 0, 0, 0, 0, 0])
}

/// Compares from the last byte backwards.
#[inline]
pub(crate) fn compare_reversed(a: &[u8], b: &[u8]) -> Ordering {
    a.iter().rev().cmp(b.iter().rev())
}

/// Compares little-endian integers; a shorter one is smaller, so that damaged tables have an order too.
#[inline]
pub(crate) fn compare_integers(a: &[u8], b: &[u8]) -> Ordering {
    if let (Ok(a), Ok(b)) = (a.try_into(), b.try_into()) {
        return u64::from_le_bytes(a).cmp(&u64::from_le_bytes(b));
    }
    if let (Ok(a), Ok(b)) = (a.try_into(), b.try_into()) {
        return u32::from_le_bytes(a).cmp(&u32::from_le_bytes(b));
    }
    a.len().cmp(&b.len()).then_with(|| compare_reversed(a, b))
}

/// Returns the shortest byte string `s` with `left < s <= right`, as a prefix of `right`: a separator of two pages.
///
/// Any string between the two separates them, and a short one lets a branch page hold more. Where the order is not
/// by bytes, or the two are not in order, that is `right` itself.
///
/// Source: format document, "Branch pages".
pub(crate) fn separator<'r>(order: Order, left: &[u8], right: &'r [u8]) -> &'r [u8] {
    if !matches!(order, Order::Bytes) || left >= right {
        return right;
    }
    let common = left.iter().zip(right).take_while(|(l, r)| l == r).count();
    &right[..=common]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_order_is_slice_order_for_every_pair_of_lengths() {
        let bytes = [0, 1, 0, 255, 0, 0, 7, 0, 0, 1, 0];
        for a in (0..bytes.len()).flat_map(|from| (from..=bytes.len()).map(move |to| from..to)) {
            for b in (0..bytes.len()).flat_map(|from| (from..=bytes.len()).map(move |to| from..to))
            {
                let (a, b) = (&bytes[a.clone()], &bytes[b]);
                assert_eq!(compare_bytes(a, b), a.cmp(b), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn byte_order_is_slice_order() {
        let keys: [&[u8]; 8] = [
            b"",
            b"\0",
            b"a",
            b"aaaaaaa",
            b"aaaaaaaa",
            b"aaaaaaaab",
            b"aaaaaaab",
            b"\xff\xff\xff\xff\xff\xff\xff\xff",
        ];
        for a in keys {
            for b in keys {
                assert_eq!(compare_bytes(a, b), a.cmp(b), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn reversed_order_looks_at_the_end_and_a_suffix_is_smaller() {
        assert_eq!(compare_reversed(b"zb", b"az"), Ordering::Less);
        assert_eq!(compare_reversed(b"b", b"ab"), Ordering::Less);
    }

    #[test]
    fn integers_are_ordered_by_value() {
        let of = |n: u64| n.to_le_bytes();
        assert_eq!(compare_integers(&of(255), &of(256)), Ordering::Less);
        assert_eq!(compare_integers(&of(1 << 40), &of(1)), Ordering::Greater);
        let (one, two) = (1_u32.to_le_bytes(), 256_u32.to_le_bytes());
        assert_eq!(compare_integers(&one, &two), Ordering::Less);
        assert_eq!(compare_integers(&two, &two), Ordering::Equal);
        assert_eq!(
            compare_integers(&two, &of(0)),
            Ordering::Less,
            "of other lengths"
        );
        assert_eq!(compare_integers(&[1, 2], &[2, 1]), Ordering::Greater);
    }

    #[test]
    fn separators_are_as_short_as_the_order_allows() {
        assert_eq!(separator(Order::Bytes, b"apple", b"apricot"), b"apr");
        assert_eq!(separator(Order::Bytes, b"", b"pear"), b"p");
        assert_eq!(separator(Order::Bytes, b"app", b"apple"), b"appl");
        assert_eq!(
            separator(Order::Integer, &[1, 0, 0, 0], &[2, 0, 0, 0]),
            [2, 0, 0, 0]
        );
        let given = Order::Given(|a, b| b.cmp(a));
        assert_eq!(separator(given, b"apple", b"apricot"), b"apricot");
    }

    #[test]
    fn what_is_given_takes_the_place_of_what_the_flags_say() {
        let given = TableOrder::new().values(|a, b| a.len().cmp(&b.len()));
        let orders = Orders::new(REVERSE_KEY | REVERSE_DUP, given);
        assert_eq!(orders.keys.compare(b"zb", b"az"), Ordering::Less);
        assert_eq!(orders.dups.compare(b"zb", b"az"), Ordering::Equal);
    }
}
