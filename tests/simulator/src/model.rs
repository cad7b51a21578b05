//! What a database must hold, as maps of the standard library.

use std::collections::{BTreeMap, BTreeSet};

use mdbx_core::{ReadTxn, Result, TableFlags};

/// The table that is written to after a crash. No model knows it.
pub const AFTERMATH: &str = "aftermath";

/// The contents of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    /// The named tables.
    pub tables: BTreeMap<String, TableModel>,
    /// The three marks.
    pub marks: [u64; 3],
}

/// The contents of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableModel {
    /// Whether it has several values of a key.
    pub dup_sort: bool,
    /// The values of each key.
    pub items: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>>,
}

impl TableModel {
    /// Returns the pairs of key and value, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let pairs = self.items.iter();
        pairs.flat_map(|(key, values)| values.iter().map(|value| (&key[..], &value[..])))
    }
}

impl Model {
    /// Holds a snapshot against the model: says what differs, if anything does.
    ///
    /// # Errors
    ///
    /// Those of reading the snapshot.
    pub fn difference(&self, txn: &ReadTxn<'_>) -> Result<Option<String>> {
        let mut expected = self.tables.iter();
        for (name, flags) in txn.tables()? {
            if name == AFTERMATH.as_bytes() {
                continue;
            }
            let shown = String::from_utf8_lossy(&name).into_owned();
            let Some((_, model)) = expected.next().filter(|(name, _)| **name == shown) else {
                return Ok(Some(format!(
                    "there is a table `{shown}` too much or too soon"
                )));
            };
            if flags.contains(TableFlags::DUP_SORT) != model.dup_sort {
                return Ok(Some(format!("the table `{shown}` is of another kind")));
            }
            let table = txn.table(txn.open_table(&name)?)?;
            let mut pairs = model.pairs();
            for item in &table {
                let item = item?;
                let pair = pairs.next();
                if pair != Some(item) {
                    return Ok(Some(format!("`{shown}` has {item:?} instead of {pair:?}")));
                }
            }
            if let Some(pair) = pairs.next() {
                return Ok(Some(format!("`{shown}` lacks {pair:?} and what follows")));
            }
        }
        if let Some((name, _)) = expected.next() {
            return Ok(Some(format!("there is no table `{name}`")));
        }
        let marks = txn.canary().marks;
        Ok((marks != self.marks).then(|| format!("the marks are {marks:?}, not {:?}", self.marks)))
    }
}
