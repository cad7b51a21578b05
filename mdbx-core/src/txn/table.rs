//! Table handles and flags, and the records of tables as one transaction sees them.

use std::cell::OnceCell;
use std::fmt;
use std::ops::BitOr;

use crate::error::{Error, PageFault, Result};
use crate::format::limits::{max_key_len, max_key_len_dup_sort, max_table_name_len};
use crate::format::node::Value;
use crate::format::root;
use crate::format::root::TreeRoot;
use crate::ids::PageSize;
use crate::pager::snapshot::Pages;
use crate::store::open::Store;
use crate::tree::order::Order;
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
const FEW: usize = 8;

/// A table of a transaction: its record, and whether this transaction changed it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenTable {
    pub(crate) root: TreeRoot,
    pub(crate) changed: bool,
}

/// The records of tables as one transaction sees them, each read once.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) main: OpenTable,
    few: [OnceCell<OpenTable>; FEW],
    more: OnceCell<Box<[OnceCell<OpenTable>]>>,
}

impl Tables {
    /// The tables of a snapshot whose main table is `main`.
    pub(crate) fn new(main: TreeRoot) -> Tables {
        let main = OpenTable {
            root: main,
            changed: false,
        };
        Tables {
            main,
            few: [const { OnceCell::new() }; FEW],
            more: OnceCell::new(),
        }
    }

    /// Returns the table as the transaction sees it.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchTable`], [`Error::ForeignTable`], [`Error::Incompatible`] if the name is that of a plain entry.
    #[inline]
    pub(crate) fn get(&self, store: &Store, pages: Pages<'_>, table: Table) -> Result<&OpenTable> {
        if table == Table::MAIN {
            return Ok(&self.main);
        }
        let cell = self.cell(store, table)?;
        if let Some(open) = cell.get() {
            return Ok(open);
        }
        let root = self.load(store, pages, table)?;
        Ok(cell.get_or_init(|| OpenTable {
            root,
            changed: false,
        }))
    }

    /// Returns the table to be changed, which was got before.
    ///
    /// # Errors
    ///
    /// As [`get`](Tables::get).
    pub(crate) fn get_mut(&mut self, store: &Store, table: Table) -> Result<&mut OpenTable> {
        if table == Table::MAIN {
            return Ok(&mut self.main);
        }
        let missing = || no_such_table(store, table);
        self.cell_mut(store, table)?.get_mut().ok_or_else(missing)
    }

    /// Makes `root` the record of a table that is new in this transaction.
    pub(crate) fn set(&mut self, store: &Store, table: Table, root: TreeRoot) -> Result<()> {
        *self.cell_mut(store, table)? = OnceCell::from(OpenTable {
            root,
            changed: true,
        });
        Ok(())
    }

    /// Forgets the record of a table that is gone.
    pub(crate) fn forget(&mut self, store: &Store, table: Table) -> Result<()> {
        self.cell_mut(store, table)?.take();
        Ok(())
    }

    /// Returns the numbers and records of the named tables that were changed, and takes them for unchanged.
    pub(crate) fn take_changed(&mut self) -> Vec<(usize, TreeRoot)> {
        let more = self
            .more
            .get_mut()
            .into_iter()
            .flat_map(|more| more.iter_mut());
        let open = self.few.iter_mut().chain(more).enumerate();
        let changed = open.filter_map(|(number, cell)| Some((number, cell.get_mut()?)));
        changed
            .filter_map(|(number, open)| {
                std::mem::take(&mut open.changed).then_some((number, open.root))
            })
            .collect()
    }

    fn cell(&self, store: &Store, table: Table) -> Result<&OnceCell<OpenTable>> {
        let number = number_of(store, table)?;
        let rest = || {
            (FEW..store.names.capacity())
                .map(|_| OnceCell::new())
                .collect()
        };
        match number.checked_sub(FEW) {
            None => Ok(&self.few[number]),
            Some(beyond) => self
                .more
                .get_or_init(rest)
                .get(beyond)
                .ok_or(Error::ForeignTable),
        }
    }

    fn cell_mut(&mut self, store: &Store, table: Table) -> Result<&mut OnceCell<OpenTable>> {
        self.cell(store, table)?;
        let number = number_of(store, table)?;
        match (number.checked_sub(FEW), self.more.get_mut()) {
            (Some(beyond), Some(more)) => more.get_mut(beyond).ok_or(Error::ForeignTable),
            _ => Ok(&mut self.few[number]),
        }
    }

    fn load(&self, store: &Store, pages: Pages<'_>, table: Table) -> Result<TreeRoot> {
        let name = name_of(store, table)?;
        find_named(pages, &self.main.root, name)?.ok_or_else(|| no_such_table(store, table))
    }
}

/// Returns the record of the table `name`, if there is one.
///
/// # Errors
///
/// [`Error::Incompatible`] if the name belongs to an entry that is not a table.
pub(crate) fn find_named(
    pages: Pages<'_>,
    main: &TreeRoot,
    name: &str,
) -> Result<Option<TreeRoot>> {
    if main.flags & root::DUP_SORT != 0 {
        return Ok(None); // the values of its keys are no records
    }
    let order = Order::of_keys(main.flags);
    let found = descend(
        pages,
        main,
        order,
        Target::Key(name.as_bytes()),
        |_, _, _| {},
    )?;
    let Some(found) = found.filter(|found| found.exact) else {
        return Ok(None);
    };
    let pgno = found.leaf.pgno();
    match found
        .leaf
        .value(found.index)
        .map_err(|fault| fault.at(pgno))?
    {
        Value::Table(record) => named_root(pages, record)
            .map(Some)
            .map_err(|fault| fault.at(pgno)),
        _ => Err(Error::Incompatible {
            name: name.to_owned(),
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
pub(crate) fn handle(store: &Store, name: &str) -> Result<Table> {
    let max = max_table_name_len(store.page_size);
    if name.is_empty() || name.len() > max {
        return Err(Error::TableName {
            len: name.len(),
            max,
        });
    }
    let number = u32::try_from(store.names.number(name)?).map_err(|_| Error::ForeignTable)?;
    Ok(Table {
        env: store.number,
        number,
    })
}

/// Returns the name behind a handle.
pub(crate) fn name_of(store: &Store, table: Table) -> Result<&str> {
    store
        .names
        .get(number_of(store, table)?)
        .ok_or(Error::ForeignTable)
}

fn number_of(store: &Store, table: Table) -> Result<usize> {
    if table.env == store.number {
        Ok(table.number as usize)
    } else {
        Err(Error::ForeignTable)
    }
}

#[cold]
fn no_such_table(store: &Store, table: Table) -> Error {
    let name = name_of(store, table).unwrap_or("main").to_owned();
    Error::NoSuchTable { name }
}
