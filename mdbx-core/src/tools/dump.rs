//! Write the contents of a snapshot as text.
//!
//! ```text
//! [main] flags=0x00 seq=0 items=3            one header for each table, the main table first
//! 6b657931 76616c7565                        key and value in hexadecimal digits
//! 6b657932 -                                 "-" is an empty one
//! 74626c31 T                                 the record of a named table, which is an item too
//! [table 74626c31] flags=0x04 seq=0 items=2  then the named tables, in the order of their records
//! 61 31
//! 61 32
//! ```
//!
//! Items come in the order of their table, each of several values of a key on a line of its own. So two databases
//! with equal dumps have equal contents, whatever program wrote them, and `diff` shows where they differ.

use std::fmt::Write as _;
use std::io;

use crate::error::{Error, PageFault, Result};
use crate::format::root::TreeRoot;
use crate::pager::snapshot::Pages;
use crate::tree::cursor::Cursor;
use crate::tree::leaf_cursor::End;
use crate::tree::order::Orders;
use crate::txn::read::ReadTxn;
use crate::txn::table::named_root;

/// Writes all items of all tables to `out`.
///
/// # Errors
///
/// - [`Error::Io`] if `out` does not take them.
/// - [`Error::Corrupted`] if a page on the way is damaged, or a table has more items than its record says.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let env = mdbx_core::Env::open(dir.path().join("db"))?;
/// let mut txn = env.write()?;
/// txn.put(mdbx_core::Table::MAIN, b"key", b"")?;
/// txn.commit()?;
/// let mut text = Vec::new();
/// mdbx_core::tools::dump::dump(&env.read()?, &mut text)?;
/// assert_eq!(text, b"[main] flags=0x00 seq=0 items=1\n6b6579 -\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn dump(txn: &ReadTxn<'_>, out: &mut impl io::Write) -> Result<()> {
    let mut dump = Dump {
        pages: txn.pages(),
        out,
        line: String::new(),
    };
    let mut tables = Vec::new();
    dump.table("main", &txn.meta().main, |name, root| {
        tables.push((name.to_owned(), root));
    })?;
    for (name, root) in tables {
        dump.table(&format!("table {name}"), &root, |_, _| {})?;
    }
    Ok(())
}

/// Where the pages come from and the lines go to.
struct Dump<'p, W> {
    pages: Pages<'p>,
    out: &'p mut W,
    /// The line being put together.
    line: String,
}

impl<W: io::Write> Dump<'_, W> {
    /// Writes the items of one table, and tells `named` each table that they name.
    fn table(
        &mut self,
        title: &str,
        root: &TreeRoot,
        mut named: impl FnMut(&str, TreeRoot),
    ) -> Result<()> {
        let TreeRoot {
            flags,
            sequence,
            items,
            ..
        } = *root;
        self.line(format_args!(
            "[{title}] flags={flags:#04x} seq={sequence} items={items}"
        ))?;
        let mut cursor = Cursor::new(self.pages, *root, Orders::of_flags(root.flags));
        let mut left = items.min(self.pages.most_items());
        while let Some((key, value)) = cursor.step(End::First)? {
            // Pages that lead to one another would never end.
            left = left
                .checked_sub(1)
                .ok_or_else(|| PageFault::BadTreeRecord.at(root.root))?;
            let key = hex(key);
            if cursor.is_on_table()? {
                self.line(format_args!("{key} T"))?;
                named(
                    &key,
                    named_root(self.pages, value).map_err(|fault| fault.at(root.root))?,
                );
            } else {
                self.line(format_args!("{key} {}", hex(value)))?;
            }
        }
        Ok(())
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) -> Result<()> {
        self.line.clear();
        // Writing to a string cannot fail.
        let _ = writeln!(self.line, "{line}");
        self.out
            .write_all(self.line.as_bytes())
            .map_err(|source| Error::Io {
                action: "write the dump",
                source,
            })
    }
}

/// Returns the bytes as hexadecimal digits, or "-" if there are none.
fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".to_owned();
    }
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}
