//! What one transaction changed, as subscribers see it and as it waits for them.

use std::fmt;

use mdbx_core::Txnid;

use crate::error::KeyError;
use crate::key::{self, Key};
use crate::schema::Table;

/// The primary keys of the rows that one transaction changed, as far as a subscription asks for them.
///
/// Each key is in one of the lists, once: what counts is the difference that the transaction made. A row that was
/// inserted and deleted again is in none, one that was deleted and inserted again is `updated`. Each list is in the order in
/// which the transaction first wrote the keys.
///
/// A row that was written again with the same content counts as `updated`.
pub struct ChangeSet<T: Table> {
    /// The id of the transaction. Change sets come in the order of their ids; closures that
    /// [`batch`](crate::Database::batch) committed together have the same one.
    pub txn: Txnid,
    /// Rows that are there now and were not before.
    pub inserted: Vec<<T::Key as Key>::Owned>,
    /// Rows that were there before and are there now.
    pub updated: Vec<<T::Key as Key>::Owned>,
    /// Rows that were there before and are not now.
    pub deleted: Vec<<T::Key as Key>::Owned>,
}

impl<T: Table> ChangeSet<T> {
    /// Returns how many keys there are in all three lists.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inserted.len() + self.updated.len() + self.deleted.len()
    }

    /// Returns whether there are no keys. No subscriber receives such a set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the keys of the rows to read anew: those inserted, then those updated.
    pub fn changed(&self) -> impl Iterator<Item = &<T::Key as Key>::Owned> {
        self.inserted.iter().chain(&self.updated)
    }
}

impl<T: Table<Key: Key<Owned: Clone>>> Clone for ChangeSet<T> {
    fn clone(&self) -> Self {
        ChangeSet {
            txn: self.txn,
            inserted: self.inserted.clone(),
            updated: self.updated.clone(),
            deleted: self.deleted.clone(),
        }
    }
}

impl<T: Table<Key: Key<Owned: PartialEq>>> PartialEq for ChangeSet<T> {
    fn eq(&self, other: &Self) -> bool {
        let ChangeSet {
            txn,
            inserted,
            updated,
            deleted,
        } = self;
        *txn == other.txn
            && *inserted == other.inserted
            && *updated == other.updated
            && *deleted == other.deleted
    }
}

impl<T: Table<Key: Key<Owned: Eq>>> Eq for ChangeSet<T> {}

impl<T: Table<Key: Key<Owned: fmt::Debug>>> fmt::Debug for ChangeSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeSet")
            .field("txn", &self.txn)
            .field("inserted", &self.inserted)
            .field("updated", &self.updated)
            .field("deleted", &self.deleted)
            .finish()
    }
}

/// A change set with its keys in bytes.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct RawSet {
    pub(crate) txn: Txnid,
    pub(crate) inserted: KeyList,
    pub(crate) updated: KeyList,
    pub(crate) deleted: KeyList,
}

impl RawSet {
    pub(crate) fn is_empty(&self) -> bool {
        let lists = [&self.inserted, &self.updated, &self.deleted];
        lists.into_iter().all(|list| list.ends.is_empty())
    }

    /// Returns the change set with its keys as values.
    pub(crate) fn decode<T: Table>(&self) -> Result<ChangeSet<T>, KeyError> {
        Ok(ChangeSet {
            txn: self.txn,
            inserted: self.inserted.decode::<T::Key>()?,
            updated: self.updated.decode::<T::Key>()?,
            deleted: self.deleted.decode::<T::Key>()?,
        })
    }
}

/// The bytes of keys, one after the other.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct KeyList {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl KeyList {
    pub(crate) fn push(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| &self.bytes[start..end])
    }

    fn decode<K: Key>(&self) -> Result<Vec<K::Owned>, KeyError> {
        self.iter()
            .map(|key| key::decode::<K>(key).map(K::into_owned))
            .collect()
    }
}
