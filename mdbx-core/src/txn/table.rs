//! Table handles and flags, and the records of tables as one transaction sees them.

use std::fmt;
use std::ops::BitOr;
use std::sync::OnceLock;

use crate::error::{Error, PageFault, Result};
use crate::format::limits::{max_key_len, max_key_len_dup_sort, max_table_name_len};
use crate::format::node::Value;
use crate::format::root;
use crate::format::root::TreeRoot;
use crate::ids::PageSize;
use crate::pager::dirty::DirtyList;
use crate::pager::memory::Memory;
use crate::pager::snapshot::Pages;
use crate::store::open::Store;
use crate::store::orders::TableOrder;
use crate::tree::edit::Place;
use crate::tree::order::Orders;
use crate::tree::search::{Target, descend};

/// The kind of a table: how its keys are ordered, and whether a key may have several values.
///
/// | flags for keys, one of | keys are |
/// | --- | --- |
/// | none | byte strings, compared from the front |
/// | [`REVERSE_KEY`](TableFlags::REVERSE_KEY) | byte strings, compared from the back |
/// | [`INTEGER_KEY`](TableFlags::INTEGER_KEY) | integers |
///
/// | and flags for values, one of | a key has |
/// | --- | --- |
/// | none | one value of any length |
/// | [`DUP_SORT`](TableFlags::DUP_SORT) | a sorted set of values |
/// | `DUP_SORT \| `[`REVERSE_DUP`](TableFlags::REVERSE_DUP) | such a set, compared from the back |
/// | `DUP_SORT \| `[`DUP_FIXED`](TableFlags::DUP_FIXED), with or without `REVERSE_DUP` | such a set of values of one length |
/// | `DUP_SORT \| DUP_FIXED \| `[`INTEGER_DUP`](TableFlags::INTEGER_DUP) | a sorted set of integers |
///
/// ```
/// use mdbx_core::TableFlags;
///
/// assert!(TableFlags::DUP_SORT.contains(TableFlags::empty()));
/// assert_eq!(TableFlags::empty() | TableFlags::DUP_SORT, TableFlags::DUP_SORT);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TableFlags(u16);

impl TableFlags {
    /// Keys are compared from the last byte backwards. Not with [`INTEGER_KEY`](TableFlags::INTEGER_KEY).
    #[doc(alias = "MDBX_REVERSEKEY")]
    pub const REVERSE_KEY: TableFlags = TableFlags(root::REVERSE_KEY);
    /// A key has a sorted set of values.
    #[doc(alias = "MDBX_DUPSORT")]
    pub const DUP_SORT: TableFlags = TableFlags(root::DUP_SORT);
    /// Keys are unsigned little-endian integers of 4 or 8 bytes. The first one decides which.
    #[doc(alias = "MDBX_INTEGERKEY")]
    pub const INTEGER_KEY: TableFlags = TableFlags(root::INTEGER_KEY);
    /// All values have the length of the first one, 2 bytes at least, and are stored without headers. Needs
    /// [`DUP_SORT`](TableFlags::DUP_SORT).
    #[doc(alias = "MDBX_DUPFIXED")]
    pub const DUP_FIXED: TableFlags = TableFlags(root::DUP_FIXED);
    /// Values are unsigned little-endian integers of 4 or 8 bytes. Needs [`DUP_FIXED`](TableFlags::DUP_FIXED).
    #[doc(alias = "MDBX_INTEGERDUP")]
    pub const INTEGER_DUP: TableFlags = TableFlags(root::INTEGER_DUP);
    /// Values are compared from the last byte backwards, unless they are integers. Needs
    /// [`DUP_SORT`](TableFlags::DUP_SORT).
    #[doc(alias = "MDBX_REVERSEDUP")]
    pub const REVERSE_DUP: TableFlags = TableFlags(root::REVERSE_DUP);

    /// One value for each key, keys ordered as byte strings.
    #[must_use]
    pub const fn empty() -> TableFlags {
        TableFlags(0)
    }

    /// Returns whether all of `others` are among these.
    #[must_use]
    pub const fn contains(self, others: TableFlags) -> bool {
        self.0 & others.0 == others.0
    }

    /// Returns the longest key, in bytes, of a table of this kind.
    #[must_use]
    pub const fn max_key_len(self, page_size: PageSize) -> usize {
        if self.contains(TableFlags::DUP_SORT) {
            max_key_len_dup_sort(page_size)
        } else {
            max_key_len(page_size)
        }
    }

    /// Checks that a table can be of this kind.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidFlags`].
    pub(crate) fn check(self) -> Result<()> {
        let has = |flag| self.contains(flag);
        let reason = if root::are_legal(self.0) {
            return Ok(());
        } else if has(TableFlags::INTEGER_KEY | TableFlags::REVERSE_KEY) {
            "keys are either integers or compared from the back"
        } else if !has(TableFlags::DUP_SORT) {
            "only the values of DUP_SORT tables have an order or a fixed size"
        } else {
            "INTEGER_DUP needs DUP_FIXED"
        };
        Err(Error::InvalidFlags { reason })
    }

    pub(crate) const fn from_bits(bits: u16) -> TableFlags {
        TableFlags(bits)
    }

    pub(crate) const fn bits(self) -> u16 {
        self.0
    }
}

impl BitOr for TableFlags {
    type Output = TableFlags;

    fn bitor(self, other: TableFlags) -> TableFlags {
        TableFlags(self.0 | other.0)
    }
}

impl fmt::Debug for TableFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (TableFlags::REVERSE_KEY, "REVERSE_KEY"),
            (TableFlags::DUP_SORT, "DUP_SORT"),
            (TableFlags::INTEGER_KEY, "INTEGER_KEY"),
            (TableFlags::DUP_FIXED, "DUP_FIXED"),
            (TableFlags::INTEGER_DUP, "INTEGER_DUP"),
            (TableFlags::REVERSE_DUP, "REVERSE_DUP"),
        ];
        let set: Vec<&str> = names
            .iter()
            .filter(|(flag, _)| self.contains(*flag))
            .map(|(_, name)| *name)
            .collect();
        f.write_str(if set.is_empty() { "empty" } else { "" })?;
        f.write_str(&set.join(" | "))
    }
}

/// A handle of a table: the number of its name. Small, `Copy`, and valid in every later transaction of its
/// environment; in one that does not see the table, using it is [`Error::NoSuchTable`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Table {
    /// The environment it belongs to; 0 for the main table, which every one has.
    env: u32,
    number: u32,
}

impl Table {
    /// The unnamed table that every database has, and that holds the records of the named ones.
    #[doc(alias = "MAIN_DBI")]
    pub const MAIN: Table = Table {
        env: 0,
        number: u32::MAX,
    };
}

/// The records of tables kept without allocation.
const FEW: usize = 4;
/// How many more get their places at a time.
const BLOCK: usize = 16;

/// A table as one transaction sees it.
#[derive(Debug)]
pub(crate) struct OpenTable {
    pub(crate) root: TreeRoot,
    /// The order that the application gives for it; few tables have one, so it is kept aside.
    given: Option<Box<TableOrder>>,
    /// Whether this transaction changed the table.
    pub(crate) changed: bool,
    /// Whether this transaction deleted the table.
    pub(crate) is_gone: bool,
    /// The pages that this transaction has written, if it has written any.
    pub(crate) dirty: Option<Box<DirtyList>>,
    /// The key looked up last to be changed.
    noted: Option<Box<Noted>>,
}

/// A key that was looked up to be changed, and its place, as long as the table is as it was then.
#[derive(Debug)]
struct Noted {
    key: Vec<u8>,
    place: Option<Place>,
}

impl OpenTable {
    #[inline]
    fn new(root: TreeRoot, order: TableOrder) -> OpenTable {
        OpenTable {
            root,
            given: (!order.is_empty()).then(|| Box::new(order)),
            changed: false,
            is_gone: false,
            dirty: None,
            noted: None,
        }
    }

    /// Notes where `key` is, for a change of it that may follow.
    pub(crate) fn note_place(&mut self, key: &[u8], place: Place) {
        let noted = self.noted.get_or_insert_with(|| {
            Box::new(Noted {
                key: Vec::new(),
                place: None,
            })
        });
        noted.key.clear();
        noted.key.extend_from_slice(key);
        noted.place = Some(place);
    }

    /// Returns the place of `key` if it was noted, and the table has not changed since then.
    #[inline]
    pub(crate) fn take_noted_place(&mut self, key: &[u8]) -> Option<Place> {
        let noted = self.noted.as_mut().filter(|noted| noted.key == key)?;
        noted.place.take()
    }

    /// Forgets the place noted: to be called before any change of the tree.
    #[inline]
    pub(crate) fn forget_place(&mut self) {
        if let Some(noted) = &mut self.noted {
            noted.place = None;
        }
    }

    /// Returns the orders of its keys and of the values of a key.
    #[inline]
    pub(crate) fn orders(&self) -> Orders {
        match &self.given {
            None => Orders::of_flags(self.root.flags),
            Some(given) => Orders::new(self.root.flags, **given),
        }
    }
}

/// The records of all tables that were looked at before a nested transaction, in the order of their numbers; `None`
/// for those that were not.
#[derive(Debug)]
pub(crate) struct TablesMark(Vec<Option<RecordMark>>);

/// What of an [`OpenTable`] a nested transaction may have to undo, but for its pages.
#[derive(Clone, Copy, Debug)]
struct RecordMark {
    root: TreeRoot,
    changed: bool,
    is_gone: bool,
}

type Block = Box<[OnceLock<OpenTable>; BLOCK]>;

/// The records of tables as one transaction sees them, each read once.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) main: OpenTable,
    few: [OnceLock<OpenTable>; FEW],
    more: OnceLock<Box<[OnceLock<Block>]>>,
}

impl Tables {
    /// The tables of a snapshot whose main table is `main`, for which the application gives `order`.
    pub(crate) fn new(main: TreeRoot, order: TableOrder) -> Tables {
        Tables {
            main: OpenTable::new(main, order),
            few: [const { OnceLock::new() }; FEW],
            more: OnceLock::new(),
        }
    }

    /// Returns the table as the transaction sees it. `main` reads the pages of the main table.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchTable`], [`Error::ForeignTable`], [`Error::Incompatible`] if the name is that of a plain entry.
    #[inline]
    pub(crate) fn get<'p>(
        &self,
        store: &Store,
        main: impl FnOnce() -> Pages<'p>,
        table: Table,
    ) -> Result<&OpenTable> {
        if table == Table::MAIN {
            return Ok(&self.main);
        }
        let cell = self.cell(store, table)?;
        let open = if let Some(open) = cell.get() {
            open
        } else {
            let (root, order) = self.load(store, main(), table)?;
            cell.get_or_init(|| OpenTable::new(root, order))
        };
        if open.is_gone {
            return Err(no_such_table(store, table));
        }
        Ok(open)
    }

    /// Returns the table to be changed, which was got before.
    ///
    /// # Errors
    ///
    /// As [`get`](Tables::get).
    #[inline]
    pub(crate) fn get_mut(&mut self, store: &Store, table: Table) -> Result<&mut OpenTable> {
        if table == Table::MAIN {
            return Ok(&mut self.main);
        }
        let open = self.cell_mut(store, table)?.get_mut();
        open.filter(|open| !open.is_gone)
            .ok_or_else(|| no_such_table(store, table))
    }

    /// Returns several tables to be changed, which were got before.
    ///
    /// # Errors
    ///
    /// [`Error::TableInUse`] if one of them is there twice, and as [`get`](Tables::get).
    pub(crate) fn get_disjoint_mut<const N: usize>(
        &mut self,
        store: &Store,
        tables: [Table; N],
    ) -> Result<[&mut OpenTable; N]> {
        let is_twice = |(at, table)| tables[..at].contains(table);
        if tables.iter().enumerate().any(is_twice) {
            return Err(Error::TableInUse);
        }
        let mut found = [const { None }; N];
        for (number, open) in self.loaded_mut() {
            let table = number.map_or(Ok(Table::MAIN), |number| table_of(store, number))?;
            if let Some(at) = tables.iter().position(|&wanted| wanted == table) {
                found[at] = Some(open);
            }
        }
        if let Some(at) = found.iter().position(Option::is_none) {
            return Err(no_such_table(store, tables[at]));
        }
        Ok(found.map(|open| open.expect("none of them is missing")))
    }

    /// Makes `root` the record of a table that is new in this transaction.
    pub(crate) fn set(&mut self, store: &Store, table: Table, root: TreeRoot) -> Result<()> {
        let order = store.orders.of(name_of(store, table)?);
        let cell = self.cell_mut(store, table)?;
        let dirty = cell.take().and_then(|before| before.dirty); // of one that it was dropped from before
        *cell = OnceLock::from(OpenTable {
            changed: true,
            dirty,
            ..OpenTable::new(root, order)
        });
        Ok(())
    }

    /// Moves a table, which was got before, from one name to another.
    pub(crate) fn rename(&mut self, store: &Store, from: Table, to: Table) -> Result<()> {
        let open = self.get_mut(store, from)?;
        open.is_gone = true;
        let (root, dirty) = (open.root, open.dirty.take());
        self.set(store, to, root)?;
        self.get_mut(store, to)?.dirty = dirty;
        Ok(())
    }

    /// Returns the numbers and records of the named tables that were changed, and takes them for unchanged.
    pub(crate) fn take_changed(&mut self) -> Vec<(usize, TreeRoot)> {
        let named = self
            .loaded_mut()
            .filter_map(|(number, open)| Some((number?, open)));
        let changed = named.filter_map(|(number, open)| {
            (std::mem::take(&mut open.changed) && !open.is_gone).then_some((number, open.root))
        });
        changed.collect()
    }

    /// Returns whether any table was changed.
    pub(crate) fn are_changed(&self) -> bool {
        self.loaded().any(|open| open.changed)
    }

    /// Returns the pages that the transaction has written, table by table.
    pub(crate) fn dirty(&self) -> impl Iterator<Item = &DirtyList> {
        self.loaded().filter_map(|open| open.dirty.as_deref())
    }

    /// Returns the pages that the transaction has written, table by table, to be changed.
    pub(crate) fn dirty_mut(&mut self) -> impl Iterator<Item = &mut Box<DirtyList>> {
        self.loaded_mut()
            .filter_map(|(_, open)| open.dirty.as_mut())
    }

    /// Gives all pages and their memory back.
    pub(crate) fn give_back(&mut self, memory: &mut Memory) {
        for (_, open) in self.loaded_mut() {
            if let Some(dirty) = open.dirty.take() {
                memory.take_list_back(dirty);
            }
        }
    }

    /// Notes the present state of all tables, but for their pages.
    pub(crate) fn mark(&mut self) -> TablesMark {
        let mut marks = Vec::new();
        for (number, open) in self.loaded_mut() {
            let at = number.map_or(0, |number| number + 1);
            marks.resize(at + 1, None);
            let &mut OpenTable {
                root,
                changed,
                is_gone,
                ..
            } = open;
            marks[at] = Some(RecordMark {
                root,
                changed,
                is_gone,
            });
        }
        TablesMark(marks)
    }

    /// Goes back to the state of `mark`, but for the pages. What was not looked at then is looked at anew.
    pub(crate) fn undo_to(&mut self, mark: &TablesMark, memory: &mut Memory) {
        let before = |at: usize| mark.0.get(at).copied().flatten();
        for (number, cell) in named_cells(&mut self.few, &mut self.more) {
            match (before(number + 1), cell.get_mut()) {
                (Some(before), Some(open)) => before.restore(open),
                _ => {
                    if let Some(dirty) = cell.take().and_then(|open| open.dirty) {
                        memory.take_list_back(dirty);
                    }
                }
            }
        }
        if let Some(before) = before(0) {
            before.restore(&mut self.main);
        }
    }

    /// Returns the tables that were looked at.
    fn loaded(&self) -> impl Iterator<Item = &OpenTable> {
        let blocks = self.more.get().into_iter().flatten();
        let more = blocks
            .filter_map(OnceLock::get)
            .flat_map(|block| block.iter());
        let named = self.few.iter().chain(more).filter_map(OnceLock::get);
        std::iter::once(&self.main).chain(named)
    }

    /// Returns the tables that were looked at, with their numbers; the main table, which has none, first.
    fn loaded_mut(&mut self) -> impl Iterator<Item = (Option<usize>, &mut OpenTable)> {
        let named = named_cells(&mut self.few, &mut self.more);
        let named = named.filter_map(|(number, cell)| Some((Some(number), cell.get_mut()?)));
        std::iter::once((None, &mut self.main)).chain(named)
    }

    #[inline]
    fn cell(&self, store: &Store, table: Table) -> Result<&OnceLock<OpenTable>> {
        let number = number_of(store, table)?;
        match number.checked_sub(FEW) {
            None => Ok(&self.few[number]),
            Some(beyond) => self.cell_beyond(store, beyond),
        }
    }

    /// Returns the place of the named table with number `FEW + beyond`.
    fn cell_beyond(&self, store: &Store, beyond: usize) -> Result<&OnceLock<OpenTable>> {
        let blocks = || {
            let count = store.names.capacity().div_ceil(BLOCK);
            (0..count).map(|_| OnceLock::new()).collect()
        };
        let block = self.more.get_or_init(blocks).get(beyond / BLOCK);
        let block = block.ok_or(Error::ForeignTable)?;
        let cells = block.get_or_init(|| Box::new([const { OnceLock::new() }; BLOCK]));
        Ok(&cells[beyond % BLOCK])
    }

    #[inline]
    fn cell_mut(&mut self, store: &Store, table: Table) -> Result<&mut OnceLock<OpenTable>> {
        let number = number_of(store, table)?;
        let Some(beyond) = number.checked_sub(FEW) else {
            return Ok(&mut self.few[number]);
        };
        self.cell_beyond(store, beyond)?; // it has its place
        let blocks = self.more.get_mut().ok_or(Error::ForeignTable)?;
        let block = blocks[beyond / BLOCK].get_mut();
        Ok(&mut block.ok_or(Error::ForeignTable)?[beyond % BLOCK])
    }

    fn load(
        &self,
        store: &Store,
        pages: Pages<'_>,
        table: Table,
    ) -> Result<(TreeRoot, TableOrder)> {
        let name = name_of(store, table)?;
        let root = find_named(pages, &self.main, name)?;
        let root = root.ok_or_else(|| no_such_table(store, table))?;
        Ok((root, store.orders.of(name)))
    }
}

/// Returns the places of named tables that there are so far, with their numbers.
fn named_cells<'c>(
    few: &'c mut [OnceLock<OpenTable>; FEW],
    more: &'c mut OnceLock<Box<[OnceLock<Block>]>>,
) -> impl Iterator<Item = (usize, &'c mut OnceLock<OpenTable>)> {
    let blocks = more.get_mut().into_iter().flatten().enumerate();
    let blocks = blocks.filter_map(|(number, block)| Some((number, block.get_mut()?)));
    let more = blocks.flat_map(|(number, block)| {
        let first = FEW + number * BLOCK;
        (first..).zip(block.iter_mut())
    });
    few.iter_mut().enumerate().chain(more)
}

impl RecordMark {
    fn restore(self, open: &mut OpenTable) {
        open.root = self.root;
        open.changed = self.changed;
        open.is_gone = self.is_gone;
        open.forget_place();
    }
}

/// Returns the record of the table `name`, if there is one.
///
/// # Errors
///
/// [`Error::Incompatible`] if the name belongs to an entry that is not a table.
pub(crate) fn find_named(
    pages: Pages<'_>,
    main: &OpenTable,
    name: &[u8],
) -> Result<Option<TreeRoot>> {
    let (root, order) = (&main.root, main.orders().keys);
    if root.flags & root::DUP_SORT != 0 {
        return Ok(None); // the values of its keys are no records
    }
    let found = descend(pages, root, order, Target::Key(name), |_, _, _| {})?;
    let Some(found) = found.filter(|found| found.exact) else {
        return Ok(None);
    };
    let pgno = found.leaf.pgno();
    // A given order may take another name for the same, but then two handles would lead to one table.
    if order.is_given() {
        let key = found.leaf.key(found.index);
        if key.map_err(|fault| fault.at(pgno))? != name {
            return Ok(None);
        }
    }
    match found
        .leaf
        .value(found.index)
        .map_err(|fault| fault.at(pgno))?
    {
        Value::Table(record) => named_root(pages, record)
            .map(Some)
            .map_err(|fault| fault.at(pgno)),
        _ => Err(Error::Incompatible {
            name: show(name),
            reason: "it is an entry of the main table",
        }),
    }
}

/// Reads the record of a named table.
pub(crate) fn named_root(pages: Pages<'_>, record: &[u8]) -> Result<TreeRoot, PageFault> {
    let root = TreeRoot::read(record).ok_or(PageFault::BadTreeRecord)?;
    root.check(pages.end)?;
    if root::are_legal(root.flags) {
        Ok(root)
    } else {
        Err(PageFault::BadTreeRecord)
    }
}

/// Returns the handle of the table `name`, whether or not there is such a table.
///
/// # Errors
///
/// [`Error::TableName`] and [`Error::TablesFull`].
pub(crate) fn handle(store: &Store, name: &[u8]) -> Result<Table> {
    let max = max_table_name_len(store.page_size);
    if name.len() > max {
        return Err(Error::TableName {
            len: name.len(),
            max,
        });
    }
    table_of(store, store.names.number(name)?)
}

fn table_of(store: &Store, number: usize) -> Result<Table> {
    let number = u32::try_from(number).map_err(|_| Error::ForeignTable)?;
    Ok(Table {
        env: store.number,
        number,
    })
}

/// Returns the name behind a handle.
pub(crate) fn name_of(store: &Store, table: Table) -> Result<&[u8]> {
    store
        .names
        .get(number_of(store, table)?)
        .ok_or(Error::ForeignTable)
}

#[inline]
fn number_of(store: &Store, table: Table) -> Result<usize> {
    if table.env == store.number {
        Ok(table.number as usize)
    } else {
        Err(Error::ForeignTable)
    }
}

#[cold]
fn no_such_table(store: &Store, table: Table) -> Error {
    let name = name_of(store, table).map_or("main".to_owned(), show);
    Error::NoSuchTable { name }
}

/// Returns the name of a table for messages.
pub(crate) fn show(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
