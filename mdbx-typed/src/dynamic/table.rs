//! A table without its struct, and queries of it.

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use mdbx_core::TableRef;

use super::fault::Fault;
use super::fit::fit;
use super::form::Form;
use super::info::{IndexInfo, TableInfo};
use super::keys;
use super::row::{self, DynamicRow, Layout};
use super::value::Value;
use crate::error::{Error, Result};
use crate::key::{KeyBuf, KeyRange, Place};
use crate::query::scan::{Plan, Scan};
use crate::schema::catalog::index_table;
use crate::schema::handles::{Source, load_catalog};
use crate::table::PRIMARY;

/// A table of the file, read without its struct.
///
/// From [`ReadTxn::dynamic`](crate::ReadTxn::dynamic).
#[derive(Clone)]
pub struct DynamicTable<'t> {
    source: &'t dyn Source,
    rows: TableRef<'t>,
    table: Arc<Known>,
}

/// What is known of a table.
struct Known {
    info: TableInfo,
    key: Form,
    layouts: Vec<Arc<Layout>>,
}

/// Returns a table by its stored name.
pub(crate) fn open<'t>(source: &'t dyn Source, name: &str) -> Result<DynamicTable<'t>> {
    let info = TableInfo::load(source, &load_catalog(source)?, name)?;
    let rows = source.table(source.open_table(name)?)?;
    let table = Known {
        key: Form::parse(&info.key_shape),
        layouts: info
            .revisions
            .iter()
            .map(|own| Arc::new(Layout::new(own)))
            .collect(),
        info,
    };
    Ok(DynamicTable {
        source,
        rows,
        table: Arc::new(table),
    })
}

/// Returns what the file says about all its tables.
pub(crate) fn list(source: &dyn Source) -> Result<Vec<TableInfo>> {
    let catalog = load_catalog(source)?;
    let names = catalog.table_names();
    names
        .iter()
        .map(|name| TableInfo::load(source, &catalog, name))
        .collect()
}

impl<'t> DynamicTable<'t> {
    /// Returns what the catalog says about the table.
    #[must_use]
    pub fn info(&self) -> &TableInfo {
        &self.table.info
    }

    /// Returns the row with this primary key; for a key of several fields pass a tuple: `table.get(("DE", 7))`.
    ///
    /// # Errors
    ///
    /// [`Error::NotAKey`] if the value is no key of the table; [`Error::Unreadable`] for a damaged row;
    /// [`Error::Engine`].
    pub fn get(&self, key: impl Into<Value>) -> Result<Option<DynamicRow>> {
        let key = self.encode(None, &key.into())?;
        match self.rows.get(key.as_slice())? {
            Some(bytes) => self.read(key.as_slice(), bytes).map(Some),
            None => Ok(None),
        }
    }

    /// Returns all rows, in the order of the primary key.
    ///
    /// # Errors
    ///
    /// As [`DynamicQuery::rows`].
    pub fn rows(&self) -> Result<DynamicRows<'t>> {
        self.query(None).rows()
    }

    /// Returns a query of an index by name, or of the primary key by the name `primary`.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchIndex`], also for one that rows were written without.
    pub fn by(&self, index: &str) -> Result<DynamicQuery<'t>> {
        if index == PRIMARY {
            return Ok(self.query(None));
        }
        let unknown = || Error::NoSuchIndex {
            table: self.info().name.clone(),
            index: index.into(),
        };
        let info = self.info().index(index).filter(|index| !index.is_stale);
        Ok(self.query(Some(info.ok_or_else(unknown)?.clone())))
    }

    fn query(&self, index: Option<IndexInfo>) -> DynamicQuery<'t> {
        DynamicQuery {
            table: self.clone(),
            form: index.as_ref().map(|index| Form::parse(&index.shape)),
            index,
            plan: Plan::everything(),
            only: None,
        }
    }

    /// Returns the row that `bytes` are, stored under `key`.
    fn read(&self, key: &[u8], bytes: &[u8]) -> Result<DynamicRow> {
        let own = self.read_key(key, &self.table.key)?;
        row::read(&self.table.layouts, own, bytes).map_err(|reason| self.unreadable(key, reason))
    }

    fn read_key(&self, key: &[u8], form: &Form) -> Result<Value> {
        keys::read(key, form).map_err(|error| self.unreadable(key, error.to_string()))
    }

    #[cold]
    fn unreadable(&self, key: &[u8], reason: String) -> Error {
        Error::Unreadable {
            table: self.info().name.clone(),
            key: key.into(),
            reason,
        }
    }

    /// Returns the bytes of a key of an index, or of the primary key.
    fn encode(&self, index: Option<(&IndexInfo, &Form)>, key: &Value) -> Result<KeyBuf> {
        let form = index.map_or(&self.table.key, |(_, form)| form);
        let mut out = KeyBuf::new();
        let put = fit(key, form).and_then(|key| {
            let put = keys::put(&key, form, Place::Last, &mut out);
            put.map_err(Fault::new)
        });
        match put {
            Ok(()) => Ok(out),
            Err(fault) => Err(self.no_key(index.map(|(index, _)| index), fault.to_string())),
        }
    }

    #[cold]
    fn no_key(&self, index: Option<&IndexInfo>, reason: String) -> Error {
        Error::NotAKey {
            table: self.info().name.clone(),
            index: index.map_or(PRIMARY, |index| &index.name).into(),
            reason,
        }
    }
}

impl fmt::Debug for DynamicTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicTable")
            .field("info", &self.table.info)
            .finish_non_exhaustive()
    }
}

/// A query of one index, or of the primary key, whose keys are given as [`Value`]s.
///
/// Of the calls that say which keys, the last one counts. Nothing is read before results are asked for.
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Table, Serialize, Deserialize)]
/// # #[index(by_country_age, on(country, age))]
/// # struct User { #[key] id: u64, country: String, age: u32 }
/// # let db = Database::in_memory(schema![User])?;
/// # db.write(|tx| tx.insert(&User { id: 1, country: "DE".into(), age: 30 }))?;
/// let tx = db.read()?;
/// let users = tx.dynamic("user")?; // the struct is not needed
/// let adults = users.by("by_country_age")?.range(("DE", 18u8)..("DE", 65u8))?;
/// assert_eq!(adults.count()?, 1);
/// for user in adults.rows()? {
///     assert_eq!(user?.to_string(), r#"{"id": 1, "country": "DE", "age": 30}"#);
/// }
/// # Ok::<_, mdbx_typed::Error>(())
/// ```
#[derive(Clone)]
pub struct DynamicQuery<'t> {
    table: DynamicTable<'t>,
    /// `None` for the primary key.
    index: Option<IndexInfo>,
    /// The form of the index keys; `None` for the primary key.
    form: Option<Form>,
    plan: Plan,
    /// The key of `eq`, which rows found by a hash are compared with.
    only: Option<Value>,
}

impl<'t> DynamicQuery<'t> {
    /// Narrows it to one key.
    ///
    /// # Errors
    ///
    /// [`Error::NotAKey`] if the value is no key of the index.
    pub fn eq(mut self, key: impl Into<Value>) -> Result<Self> {
        let key = key.into();
        let bytes = self.encode(&key)?;
        self.plan.range = KeyRange {
            lower: Bound::Included(bytes.clone()),
            upper: Bound::Included(bytes),
        };
        self.only = Some(key);
        Ok(self)
    }

    /// Narrows it to a range of keys.
    ///
    /// # Errors
    ///
    /// [`Error::NotAKey`] if a bound is no key of the index, or if the index is a hash index, which has no order.
    pub fn range<V: Clone + Into<Value>>(mut self, range: impl RangeBounds<V>) -> Result<Self> {
        self.require_order()?;
        let bound = |bound: Bound<&V>| {
            Ok::<_, Error>(match bound {
                Bound::Included(key) => Bound::Included(self.encode(&key.clone().into())?),
                Bound::Excluded(key) => Bound::Excluded(self.encode(&key.clone().into())?),
                Bound::Unbounded => Bound::Unbounded,
            })
        };
        let (lower, upper) = (bound(range.start_bound())?, bound(range.end_bound())?);
        self.plan.range = KeyRange { lower, upper };
        self.only = None;
        Ok(self)
    }

    /// Narrows it to the keys that begin with these components: `query.prefix(("DE",))`.
    ///
    /// # Errors
    ///
    /// [`Error::NotAKey`] if the key has no such components.
    pub fn prefix(mut self, prefix: impl Into<Value>) -> Result<Self> {
        let prefix = prefix.into();
        let Form::Tuple(forms) = self.form() else {
            return Err(self.no_key("a key of one component has no prefix".into()));
        };
        let items = prefix.items().unwrap_or(std::slice::from_ref(&prefix));
        if items.len() > forms.len() {
            return Err(self.no_key(format!("it has {} components", forms.len())));
        }
        if items.len() == forms.len() {
            // The last component of a key ends otherwise than those before it.
            return self.eq(prefix);
        }
        let mut bytes = KeyBuf::new();
        for (form, value) in forms.iter().zip(items) {
            fit(value, form)
                .and_then(|value| {
                    let put = keys::put(&value, form, Place::Inner, &mut bytes);
                    put.map_err(Fault::new)
                })
                .map_err(|fault| self.no_key(fault.to_string()))?;
        }
        self.plan.range = KeyRange::beginning(bytes);
        self.only = None;
        Ok(self)
    }

    /// Reverses the order.
    #[must_use]
    pub fn rev(mut self) -> Self {
        self.plan.direction = self.plan.direction.turned();
        self
    }

    /// Ends it after so many results.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.plan.limit = limit;
        self
    }

    /// Returns the rows.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`]. A row is [`Error::Unreadable`] if it is damaged, also when an entry leads nowhere.
    pub fn rows(&self) -> Result<DynamicRows<'t>> {
        let mut plan = self.plan.clone();
        if self.is_hash() {
            plan.limit = usize::MAX; // Of rows that share the hash not all count.
        }
        Ok(DynamicRows {
            entries: self.scan(plan)?,
            left: self.plan.limit,
            query: self.clone(),
        })
    }

    /// Returns the first row; `None` if there is none.
    ///
    /// # Errors
    ///
    /// As [`rows`](Self::rows).
    pub fn first(&self) -> Result<Option<DynamicRow>> {
        self.rows()?.next().transpose()
    }

    /// Returns the entries without reading rows: pairs of a key and the primary key of its row.
    ///
    /// The keys of a hash index are hashes, of which several values may have the same.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`]. An entry is [`Error::Unreadable`] if it is damaged.
    pub fn entries(&self) -> Result<DynamicEntries<'t>> {
        Ok(DynamicEntries {
            scan: self.scan(self.plan.clone())?,
            query: self.clone(),
        })
    }

    /// Returns how many entries there are, without reading rows; of a hash index those that share the hash.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`].
    pub fn count(&self) -> Result<u64> {
        self.scan(self.plan.clone())?.count()
    }

    fn scan(&self, plan: Plan) -> Result<Scan<'t>> {
        let Some(index) = &self.index else {
            return Scan::new(self.table.rows, false, plan, None, None);
        };
        let source = self.table.source;
        let name = index_table(&self.table.info().name, &index.name);
        let entries = source.table(source.open_table(&name)?)?;
        let has_duplicates = !index.is_unique || index.is_hashed();
        Scan::new(entries, has_duplicates, plan, None, None)
    }

    fn form(&self) -> &Form {
        self.form.as_ref().unwrap_or(&self.table.table.key)
    }

    fn is_hash(&self) -> bool {
        matches!(self.form(), Form::Hashed(_))
    }

    fn encode(&self, key: &Value) -> Result<KeyBuf> {
        self.table
            .encode(self.index.as_ref().zip(self.form.as_ref()), key)
    }

    fn no_key(&self, reason: String) -> Error {
        self.table.no_key(self.index.as_ref(), reason)
    }

    fn require_order(&self) -> Result<()> {
        if self.is_hash() {
            return Err(self.no_key("a hash index finds equal keys only".into()));
        }
        Ok(())
    }

    /// Returns whether a row that was found by a hash has the value that was asked for. A row whose value cannot be
    /// told, because the keys are computed, counts.
    fn is_meant(&self, row: &DynamicRow) -> bool {
        let (Some(index), Some(only)) = (&self.index, &self.only) else {
            return true;
        };
        let [field] = index.fields.as_slice() else {
            return true;
        };
        let Form::Hashed(inner) = self.form() else {
            return true;
        };
        let Some(own) = row.get(field) else {
            return true;
        };
        let wanted = exact_key(only, inner);
        let is_same = |own: &Value| exact_key(own, inner) == wanted;
        let is_each = index.definition.contains("each ");
        let elements = own.items().filter(|_| is_each);
        elements.map_or_else(|| is_same(own), |items| items.iter().any(is_same))
    }
}

/// Returns the bytes that are hashed of a value; `None` if it has no such key.
fn exact_key(value: &Value, form: &Form) -> Option<Vec<u8>> {
    let mut out = KeyBuf::new();
    let value = fit(value, form).ok()?;
    keys::put(&value, form, Place::Last, &mut out).ok()?;
    Some(out.as_slice().to_vec())
}

impl fmt::Debug for DynamicQuery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicQuery")
            .field("table", &self.table.info().name)
            .field("index", &self.index.as_ref().map(|index| &index.name))
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

/// The rows of a [`DynamicQuery`].
pub struct DynamicRows<'t> {
    query: DynamicQuery<'t>,
    entries: Scan<'t>,
    left: usize,
}

impl DynamicRows<'_> {
    fn find(&mut self) -> Result<Option<DynamicRow>> {
        let table = &self.query.table;
        while self.left > 0 {
            let Some((key, found)) = self.entries.next()? else {
                break;
            };
            let row = if self.query.index.is_none() {
                table.read(key, found)?
            } else {
                let dangling =
                    || table.unreadable(found, "an index leads to it, and it is not there".into());
                let bytes = table.rows.get(found)?.ok_or_else(dangling)?;
                table.read(found, bytes)?
            };
            if !self.query.is_hash() || self.query.is_meant(&row) {
                self.left -= 1;
                return Ok(Some(row));
            }
        }
        Ok(None)
    }
}

impl Iterator for DynamicRows<'_> {
    type Item = Result<DynamicRow>;

    fn next(&mut self) -> Option<Self::Item> {
        self.find().transpose()
    }
}

impl fmt::Debug for DynamicRows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicRows")
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}

/// The entries of a [`DynamicQuery`]: keys, each with a primary key.
pub struct DynamicEntries<'t> {
    query: DynamicQuery<'t>,
    scan: Scan<'t>,
}

impl Iterator for DynamicEntries<'_> {
    type Item = Result<(Value, Value)>;

    fn next(&mut self) -> Option<Self::Item> {
        let table = &self.query.table;
        let pair = self.scan.next().transpose()?;
        Some(pair.and_then(|(key, found)| {
            let primary = if self.query.index.is_some() {
                found
            } else {
                key
            };
            let key = table.read_key(key, self.query.form())?;
            Ok((key, table.read_key(primary, &table.table.key)?))
        }))
    }
}

impl fmt::Debug for DynamicEntries<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicEntries")
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}
