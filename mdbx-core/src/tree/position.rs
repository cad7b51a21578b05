//! The place of a cursor as plain data, which survives any change of the table.

/// Where a cursor stands, as plain data: it borrows nothing, and survives any change of the table.
///
/// [`Cursor::save`](crate::Cursor::save) gives it, and [`Cursor::resume`](crate::Cursor::resume) goes there, in the same
/// transaction or in any later one. If the item was deleted meanwhile, the cursor stands in the gap that it left.
///
/// # The states
///
/// | state | `current` | `next` | `prev` | [`count`](crate::Cursor::count) | [`is_at_end`](crate::Cursor::is_at_end) |
/// | --- | --- | --- | --- | --- | --- |
/// | `Unset` | none | the first item | the last item | 0 | true |
/// | `Missed` | none | none | none | 0 | true |
/// | `On` | the item | the one after it | the one before it | of its key | false |
/// | `AtEnd` | the item | the one after it, if one came | the one before it | of its key | true |
/// | `PastEnd` | none | none | the last item | 0 | true |
/// | `Gap` | the one that followed | the same | the one before it | of the former | false |
/// | `Gap`, and nothing followed | none | none | the last item | 0 | true |
///
/// A move that fails leaves the cursor where it is, but for one: after `next` from a gap that nothing follows, it is
/// `AtEnd` on the item that is the last one now. There is no state "at the beginning": a cursor that `prev` could not
/// move is on the first item like any other.
///
/// ```
/// # use mdbx_core::{Env, Position, TableFlags};
/// # let dir = tempfile::tempdir()?;
/// # let env = Env::open(dir.path().join("db"))?;
/// # let mut txn = env.write()?;
/// let tasks = txn.create_table("tasks", TableFlags::empty())?;
/// for name in ["1 rise", "2 wash", "3 leave"] {
///     txn.put(tasks, name.as_bytes(), b"")?;
/// }
/// let mut cursor = txn.table(tasks)?.cursor();
/// cursor.seek(b"2")?;
/// let position = cursor.save()?; // the cursor borrows the transaction, its position does not
/// txn.delete(tasks, b"2 wash")?;
///
/// let mut cursor = txn.table(tasks)?.cursor();
/// cursor.resume(&position)?;
/// assert!(matches!(cursor.save()?, Position::Gap(_)));
/// assert_eq!(cursor.next()?, Some((&b"3 leave"[..], &b""[..])));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Position {
    /// Not placed yet, or reset.
    #[default]
    Unset,
    /// A search for one item, or for one before a key or item, found nothing.
    Missed,
    /// On an item.
    On(Anchor),
    /// On an item of the last key, after a move onwards found nothing, or after `last` if its key has one value.
    AtEnd(Anchor),
    /// Behind the last item: a search for what is at or after a key or item found nothing.
    PastEnd,
    /// Where an item was that is deleted.
    Gap(Anchor),
}

/// The item that a [`Position`] is tied to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Anchor {
    /// Its key.
    pub key: Vec<u8>,
    /// Its value, in a table whose keys can have several. In other tables the key alone says which item it is.
    pub value: Option<Vec<u8>>,
}
