//! The keys that one transaction changed, for those who listen.
//!
//! Notes are only ever appended, after the statement has succeeded, and cut off again where a group of changes is
//! undone. What they come to is reckoned when the transaction commits.
//!
//! A subscription with a filter sees the table through its range: a row is there if one of its keys in the index lies
//! in the range. So a row that an update moves into the range was inserted for it, and one that leaves it was deleted.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use mdbx_core::Txnid;

use super::queue::Queue;
use super::set::RawSet;
use crate::key::KeyRange;
use crate::schema::IndexKeys;

/// What one subscription listens to, and where it hears of it.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The number of the table type.
    pub(crate) slot: usize,
    pub(crate) filter: Option<Filter>,
    pub(crate) queue: Queue,
}

/// Which rows of its table a subscription sees.
#[derive(Debug)]
pub(crate) struct Filter {
    /// The index, by position; `None` for the primary key.
    pub(crate) index: Option<usize>,
    pub(crate) range: KeyRange,
}

impl Watch {
    /// Returns whether the subscription sees a row with this primary key and these index keys.
    fn sees(&self, primary_key: &[u8], keys: &IndexKeys) -> bool {
        match &self.filter {
            None => true,
            Some(Filter { index: None, range }) => range.contains(primary_key),
            Some(Filter {
                index: Some(index),
                range,
            }) => keys.are_within(*index, range),
        }
    }
}

/// The notes of one transaction.
#[derive(Debug)]
pub(crate) struct Journal {
    watches: Arc<[Arc<Watch>]>,
    /// The tables with a log that statements were for.
    logged: Vec<Logged>,
    /// The bytes of all keys, one after the other.
    bytes: Vec<u8>,
    notes: Vec<Note>,
}

/// A table with a log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Logged {
    /// The number of the table type.
    pub(crate) slot: usize,
    /// Which transaction had changed the rows last, before this one did.
    pub(crate) rows_changed: Txnid,
}

/// Who is told of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listener {
    /// A subscription, by its position.
    Watch(usize),
    /// The log of the table type with this number.
    Log(usize),
}

/// One change of one row, as one listener sees it.
#[derive(Debug)]
struct Note {
    listener: Listener,
    key: Range<usize>,
    /// Whether the row was there before the change.
    was: bool,
    /// Whether it is there after it.
    is: bool,
}

/// A place in a journal, to return to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    notes: usize,
    bytes: usize,
}

impl Default for Journal {
    fn default() -> Self {
        Journal::new(Arc::new([]))
    }
}

impl Journal {
    pub(crate) fn new(watches: Arc<[Arc<Watch>]>) -> Self {
        Journal {
            watches,
            logged: Vec::new(),
            bytes: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Has the changes of a table noted for its log. `rows_changed` is asked for once, before the first of them.
    pub(crate) fn keep_log<E>(
        &mut self,
        slot: usize,
        rows_changed: impl FnOnce() -> Result<Txnid, E>,
    ) -> Result<(), E> {
        if self.logged(slot).is_none() {
            let rows_changed = rows_changed()?;
            self.logged.push(Logged { slot, rows_changed });
        }
        Ok(())
    }

    fn logged(&self, slot: usize) -> Option<&Logged> {
        self.logged.iter().find(|logged| logged.slot == slot)
    }

    fn note(
        &mut self,
        slot: usize,
        primary_key: &[u8],
        old: Option<&IndexKeys>,
        new: Option<&IndexKeys>,
    ) {
        let start = self.bytes.len();
        let key = start..start + primary_key.len();
        if self.logged(slot).is_some() {
            self.bytes.extend_from_slice(primary_key);
            self.notes.push(Note {
                listener: Listener::Log(slot),
                key: key.clone(),
                was: old.is_some(),
                is: new.is_some(),
            });
        }
        for (position, watch) in self.watches.iter().enumerate() {
            if watch.slot != slot {
                continue;
            }
            let sees = |keys: Option<&IndexKeys>| keys.is_some_and(|k| watch.sees(primary_key, k));
            let (was, is) = (sees(old), sees(new));
            if !was && !is {
                continue;
            }
            if self.bytes.len() == start {
                self.bytes.extend_from_slice(primary_key);
            }
            self.notes.push(Note {
                listener: Listener::Watch(position),
                key: key.clone(),
                was,
                is,
            });
        }
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            notes: self.notes.len(),
            bytes: self.bytes.len(),
        }
    }

    pub(crate) fn undo_to(&mut self, mark: Mark) {
        self.notes.truncate(mark.notes);
        self.bytes.truncate(mark.bytes);
    }

    /// Returns what the transaction changed for each subscription that sees a difference.
    pub(crate) fn sets(&self, txn: Txnid) -> Vec<(Arc<Watch>, RawSet)> {
        let watches = self.watches.iter().enumerate();
        let sets = watches
            .map(|(position, watch)| (Arc::clone(watch), self.set(Listener::Watch(position), txn)));
        sets.filter(|(_, set)| !set.is_empty()).collect()
    }

    /// Returns what the transaction changed in each table with a log whose rows it wrote; that can come to nothing.
    pub(crate) fn logs(&self, txn: Txnid) -> impl Iterator<Item = (Logged, RawSet)> {
        let is_written = |logged: &&Logged| {
            let mut notes = self.notes.iter();
            notes.any(|note| note.listener == Listener::Log(logged.slot))
        };
        let logs = self.logged.iter().filter(is_written);
        logs.map(move |&logged| (logged, self.set(Listener::Log(logged.slot), txn)))
    }

    fn set(&self, listener: Listener, txn: Txnid) -> RawSet {
        let notes = self.notes.iter();
        let notes = notes.filter(|note| note.listener == listener);
        net_effect(
            txn,
            notes.map(|note| (&self.bytes[note.key.clone()], note.was, note.is)),
        )
    }
}

/// Returns what changes come to: what each row was before its first one and is after its last. A change is a primary key,
/// and whether there was a row and is one.
pub(super) fn net_effect<'k>(
    txn: Txnid,
    changes: impl Iterator<Item = (&'k [u8], bool, bool)>,
) -> RawSet {
    let mut places: HashMap<&[u8], usize> = HashMap::new();
    let mut rows: Vec<(&[u8], bool, bool)> = Vec::new();
    for (key, was, is) in changes {
        let place = *places.entry(key).or_insert(rows.len());
        match rows.get_mut(place) {
            Some((_, _, last)) => *last = is,
            None => rows.push((key, was, is)),
        }
    }
    let mut set = RawSet {
        txn,
        ..RawSet::default()
    };
    for (key, was, is) in rows {
        match (was, is) {
            (false, true) => set.inserted.push(key),
            (true, true) => set.updated.push(key),
            (true, false) => set.deleted.push(key),
            (false, false) => {}
        }
    }
    set
}

/// Where the statements on one table note what they change; nowhere, if nobody listens to it.
#[derive(Debug)]
pub(crate) struct Noting<'j> {
    journal: Option<&'j mut Journal>,
    /// The number of the table type.
    slot: usize,
}

impl<'j> Noting<'j> {
    #[inline]
    pub(crate) fn new(journal: Option<&'j mut Journal>, slot: usize) -> Self {
        let is_watched = |journal: &&mut Journal| {
            let mut watches = journal.watches.iter();
            journal.logged(slot).is_some() || watches.any(|watch| watch.slot == slot)
        };
        Noting {
            journal: journal.filter(is_watched),
            slot,
        }
    }

    /// Returns whether anybody listens. If not, whether a row was there need not be known.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.journal.is_some()
    }

    /// Returns which transaction had changed the rows last, before this one did, if the table has a log.
    pub(crate) fn rows_changed(&self) -> Option<Txnid> {
        let logged = self.journal.as_ref()?.logged(self.slot)?;
        Some(logged.rows_changed)
    }

    /// Returns whether the index keys of rows count, beside their primary keys.
    pub(crate) fn needs_index_keys(&self) -> bool {
        let is_by_index = |watch: &Arc<Watch>| {
            let filter = watch.filter.as_ref();
            watch.slot == self.slot && filter.is_some_and(|filter| filter.index.is_some())
        };
        let journal = self.journal.as_ref();
        journal.is_some_and(|journal| journal.watches.iter().any(is_by_index))
    }

    /// Notes that a row was changed: its keys in the indexes before and after, where there was a row and is one.
    #[inline]
    pub(crate) fn note(
        &mut self,
        primary_key: &[u8],
        old: Option<&IndexKeys>,
        new: Option<&IndexKeys>,
    ) {
        if let Some(journal) = &mut self.journal {
            journal.note(self.slot, primary_key, old, new);
        }
    }

    /// The same for a part of what it is used for.
    pub(crate) fn reborrow(&mut self) -> Noting<'_> {
        Noting {
            journal: self.journal.as_deref_mut(),
            slot: self.slot,
        }
    }

    /// Begins to note changes that happen together or not at all.
    pub(crate) fn attempt(&mut self) -> Attempt<'_> {
        let mark = self.journal.as_ref().map(|journal| journal.mark());
        Attempt {
            noting: self.reborrow(),
            mark,
        }
    }
}

/// Notes of changes that happen together or not at all. Unless they are [kept](Attempt::keep) they are dropped, also by a
/// panic.
#[derive(Debug)]
pub(crate) struct Attempt<'j> {
    noting: Noting<'j>,
    /// Where they begin, until they are kept.
    mark: Option<Mark>,
}

impl Attempt<'_> {
    /// Says that the changes have happened.
    pub(crate) fn keep(mut self) {
        self.mark = None;
    }
}

impl<'j> std::ops::Deref for Attempt<'j> {
    type Target = Noting<'j>;

    fn deref(&self) -> &Noting<'j> {
        &self.noting
    }
}

impl std::ops::DerefMut for Attempt<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.noting
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let (Some(mark), Some(journal)) = (self.mark, &mut self.noting.journal) {
            journal.undo_to(mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: usize = 7;

    fn journal(filters: Vec<Option<Filter>>) -> Journal {
        let watch = |filter| {
            Arc::new(Watch {
                slot: SLOT,
                filter,
                queue: Queue::new(1),
            })
        };
        Journal::new(filters.into_iter().map(watch).collect())
    }

    fn keys(list: &[u32]) -> IndexKeys {
        let mut keys = IndexKeys::default();
        for key in list {
            keys.push::<u32>(0, *key);
        }
        keys.settle();
        keys
    }

    fn lists(journal: &Journal, watch: usize) -> [Vec<&'static str>; 3] {
        let set = journal.set(Listener::Watch(watch), Txnid(1));
        let names = ["a", "b", "c", "d"];
        [&set.inserted, &set.updated, &set.deleted].map(|list| {
            let name = |key: &[u8]| *names.iter().find(|name| name.as_bytes() == key).unwrap();
            list.iter().map(name).collect()
        })
    }

    #[test]
    fn changes_of_one_key_are_folded_to_their_net_effect() {
        let mut journal = journal(vec![None]);
        let mut noting = Noting::new(Some(&mut journal), SLOT);
        let row = keys(&[]);
        let (none, some) = (None, Some(&row));
        noting.note(b"d", none, some);
        for (key, steps) in [
            (b"a", &[(none, some), (some, some), (some, none)][..]),
            (b"b", &[(some, none), (none, some)]),
            (b"c", &[(some, some), (some, none)]),
            (b"d", &[(some, some)]),
        ] {
            for (old, new) in steps {
                noting.note(key, *old, *new);
            }
        }
        assert_eq!(lists(&journal, 0), [vec!["d"], vec!["b"], vec!["c"]]);
    }

    #[test]
    fn a_filter_sees_rows_come_and_go_at_the_ends_of_its_range() {
        let range = KeyRange::between::<u32>(&(10..20));
        let filter = Filter {
            index: Some(0),
            range,
        };
        let mut journal = journal(vec![Some(filter), None]);
        let mut noting = Noting::new(Some(&mut journal), SLOT);
        assert!(noting.needs_index_keys());
        noting.note(b"a", Some(&keys(&[9])), Some(&keys(&[10])));
        noting.note(b"b", Some(&keys(&[9, 19])), Some(&keys(&[12, 20])));
        noting.note(b"c", Some(&keys(&[10])), Some(&keys(&[20])));
        noting.note(b"d", Some(&keys(&[9])), Some(&keys(&[20])));
        assert_eq!(lists(&journal, 0), [vec!["a"], vec!["b"], vec!["c"]]);
        assert_eq!(
            lists(&journal, 1),
            [vec![], vec!["a", "b", "c", "d"], vec![]]
        );
    }

    #[test]
    fn an_attempt_that_is_not_kept_leaves_no_notes() {
        let mut journal = journal(vec![None]);
        let mut noting = Noting::new(Some(&mut journal), SLOT);
        let row = keys(&[]);
        noting.note(b"a", None, Some(&row));
        let mut attempt = noting.attempt();
        attempt.note(b"b", None, Some(&row));
        drop(attempt);
        let mut attempt = noting.attempt();
        attempt.note(b"c", None, Some(&row));
        attempt.keep();
        assert_eq!(lists(&journal, 0), [vec!["a", "c"], vec![], vec![]]);
    }

    #[test]
    fn nothing_is_noted_of_a_table_that_nobody_listens_to() {
        let mut journal = journal(vec![None]);
        let mut noting = Noting::new(Some(&mut journal), SLOT + 1);
        assert!(!noting.is_on());
        noting.note(b"a", None, Some(&keys(&[])));
        assert!(journal.notes.is_empty());
    }
}
