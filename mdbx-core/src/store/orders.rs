//! The orders that an application gives for its tables.
//!
//! A file does not tell how an application orders a table. So whoever opens it must say, and says it before the first
//! transaction: no table is ever met in two orders while the environment is open.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A comparison of two keys, or of two values of one key.
///
/// It must be a total order that never changes: the same for the same two byte strings, now and whenever the file is
/// opened. Byte strings that compare equal are one and the same key or value; which of them is stored is not
/// specified.
pub type Compare = fn(&[u8], &[u8]) -> Ordering;

/// The order of a table, as the application gives it: of its keys, of the values of a key, or of both. What is not
/// given follows from the flags of the table.
///
/// It is not stored in the file. Every program that uses the table must give the same one each time it opens the
/// environment: see [`EnvOptions::table_order`](crate::EnvOptions::table_order).
///
/// ```
/// use mdbx_core::{Env, TableFlags, TableOrder};
///
/// # let dir = tempfile::tempdir()?;
/// let newest_first = TableOrder::new().keys(|a, b| b.cmp(a));
/// let env = Env::options()
///     .table_order("events", newest_first)
///     .open(dir.path().join("db"))?;
///
/// let mut txn = env.write()?;
/// let events = txn.create_table("events", TableFlags::empty())?;
/// txn.put(events, b"2024-05-01", b"opened")?;
/// txn.put(events, b"2024-05-02", b"closed")?;
/// let first = txn.table(events)?.first()?;
/// assert_eq!(first, Some((&b"2024-05-02"[..], &b"closed"[..])));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # A comparison that is no order
///
/// One that contradicts itself, or differs from the one that the table was filled with, makes items hard to find:
/// they come out of order, are missed, or are there twice. It does no other harm: nothing outside the table is
/// touched, and every call ends, be it with an error. If it panics in the middle of a change, the transaction can only
/// be aborted.
#[derive(Clone, Copy, Debug, Default)]
#[doc(alias = "MDBX_cmp_func")]
pub struct TableOrder {
    pub(crate) keys: Option<Compare>,
    pub(crate) values: Option<Compare>,
}

impl TableOrder {
    /// The order that the flags of a table say.
    #[must_use]
    pub fn new() -> TableOrder {
        TableOrder::default()
    }

    /// Gives the order of the keys.
    #[must_use]
    pub fn keys(self, compare: Compare) -> TableOrder {
        TableOrder {
            keys: Some(compare),
            ..self
        }
    }

    /// Gives the order of the values of a key. It means something in [`DUP_SORT`](crate::TableFlags::DUP_SORT) tables
    /// only.
    #[must_use]
    pub fn values(self, compare: Compare) -> TableOrder {
        TableOrder {
            values: Some(compare),
            ..self
        }
    }

    /// Returns whether no order is given.
    pub(crate) fn is_empty(self) -> bool {
        self.keys.is_none() && self.values.is_none()
    }

    /// Returns whether the two are known to order alike: by the same functions, or by none.
    pub(crate) fn is_same(self, other: TableOrder) -> bool {
        let same = |a: Option<Compare>, b: Option<Compare>| match (a, b) {
            (None, None) => true,
            (Some(a), Some(b)) => std::ptr::fn_addr_eq(a, b),
            _ => false,
        };
        same(self.keys, other.keys) && same(self.values, other.values)
    }
}

/// The orders given for the tables of one environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct GivenOrders {
    pub(crate) main: TableOrder,
    named: BTreeMap<Vec<u8>, TableOrder>,
}

impl GivenOrders {
    /// Notes the order of the table `name`.
    pub(crate) fn insert(&mut self, name: &[u8], order: TableOrder) {
        self.named.insert(name.to_vec(), order);
    }

    /// Returns the order given for the table `name`.
    #[inline]
    pub(crate) fn of(&self, name: &[u8]) -> TableOrder {
        if self.named.is_empty() {
            return TableOrder::default();
        }
        self.named.get(name).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descending(a: &[u8], b: &[u8]) -> Ordering {
        b.cmp(a)
    }

    #[test]
    fn orders_are_the_same_if_their_functions_are() {
        let (none, keys) = (TableOrder::new(), TableOrder::new().keys(descending));
        assert!(none.is_same(none) && keys.is_same(keys));
        assert!(!none.is_same(keys) && !keys.is_same(keys.values(descending)));
    }

    #[test]
    fn a_table_without_a_given_order_has_that_of_its_flags() {
        let mut given = GivenOrders::default();
        given.insert(b"a", TableOrder::new().keys(descending));
        assert!(given.of(b"a").keys.is_some() && given.of(b"b").keys.is_none());
    }
}
