//! Structs as rows of an embedded database: typed tables over [`mdbx_core`].
//!
//! A `#[derive(Table)]` makes a table of a struct, with a primary key and any number of indexes that the library
//! keeps equal to the rows. Rows are read from a snapshot of a memory-mapped file, and borrow text and bytes from it
//! where the struct does.
//!
//! ```
//! use mdbx_typed::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
//! #[table(name = "users")]
//! #[index(by_country_age, on(country, age))]
//! pub struct User {
//!     #[key(auto)]
//!     pub id: u64,
//!     #[index(unique)]
//!     pub email: String,
//!     #[index(each)]
//!     pub tags: Vec<String>,
//!     pub country: String,
//!     pub age: u32,
//! }
//!
//! /// Its rows borrow from the page they are stored on.
//! #[derive(Table, Serialize, Deserialize, Debug)]
//! #[index(by_kind_at, on(kind, at))]
//! pub struct Event<'a> {
//!     #[key]
//!     pub seq: u64,
//!     pub kind: &'a str,
//!     pub at: i64,
//! }
//!
//! # fn main() -> mdbx_typed::Result<()> {
//! # let directory = tempfile::tempdir().unwrap();
//! # let path = directory.path().join("app.mdbx");
//! let db = Database::open(path, schema![User, Event])?;
//!
//! let ann = db.write(|tx| {
//!     let ann = tx.insert_new(|id| User {
//!         id,
//!         email: "ann@x.org".into(),
//!         tags: vec!["red".into()],
//!         country: "DE".into(),
//!         age: 30,
//!     })?;
//!     tx.update::<User>(ann.id, |user| user.age += 1)?;
//!     tx.insert(&Event { seq: 1, kind: "joined", at: 1_700_000_000 })?;
//!     Ok(ann.id)
//! })?; // committed here, or rolled back if the closure fails
//!
//! let tx = db.read()?; // a snapshot
//! let user = tx.get::<User>(ann)?.expect("just inserted");
//! assert_eq!(tx.get_by(user::by_email, "ann@x.org")?, Some(user));
//! for user in tx.by(user::by_country_age).range(("DE", 18)..("DE", 65)).rev().rows() {
//!     println!("{}", user?.email);
//! }
//! assert_eq!(tx.by(user::by_tags).eq("red").count()?, 1); // no row is read
//! let event = tx.by(event::by_kind_at).prefix(("joined",)).first()?;
//! assert_eq!(event.map(|event| event.kind), Some("joined")); // points into the file
//! # Ok(())
//! # }
//! ```
//!
//! # Guide
//!
//! From the first table to the tenth version of a program. Each part stands alone; the examples of the repository show
//! more of each idea.
//!
//! ## A table
//!
//! A table is a struct with named fields and a primary key. [`schema!`] lists the tables a program has, and
//! [`Database::open`] makes what is not yet there. A [`Database`] is a handle: clone it, share it between threads, keep it
//! in the state of your application.
//!
//! ```
//! use mdbx_typed::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
//! struct Customer {
//!     #[key(auto)] // counted up by `insert_new`, never given out twice
//!     id: u64,
//!     name: String,
//!     country: String,
//! }
//!
//! #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
//! struct Price {
//!     #[key] // two fields make a composite key, in this order
//!     article: String,
//!     #[key]
//!     since: u32,
//!     cents: u64,
//! }
//!
//! # fn main() -> mdbx_typed::Result<()> {
//! # let directory = tempfile::tempdir().unwrap();
//! # let path = directory.path().join("shop.mdbx");
//! let db = Database::open(path, schema![Customer, Price])?;
//! db.write(|tx| {
//!     tx.insert_new(|id| Customer { id, name: "Ann".into(), country: "DE".into() })?;
//!     tx.insert(&Price { article: "tea".into(), since: 2025, cents: 340 })?;
//!     tx.put(&Price { article: "tea".into(), since: 2026, cents: 360 }) // inserts or replaces
//! })?;
//!
//! let tx = db.read()?;
//! assert_eq!(tx.get::<Customer>(1)?.unwrap().name, "Ann");
//! let tea = tx.by(price::primary).prefix(("tea",)).last()?;
//! assert_eq!(tea.unwrap().cents, 360);
//! # Ok(())
//! # }
//! ```
//!
//! Keys are stored so that byte order is value order: integers of fixed size, `bool`, `char`, text, byte strings,
//! `[u8; N]`, `Option`, tuples of up to six, [`TotalF64`], [`TotalF32`], [`Desc`] and the numbers of [`le`]. Types of
//! your own become keys by [`#[derive(Key)]`](macro@Key). The longest key is a little under half a page, 2022 bytes
//! for pages of 4 KiB; for longer values there are hash indexes.
//!
//! ## Indexes
//!
//! An index is an attribute; nothing else keeps it up to date. Each has a marker in a module named after the table, which is
//! what queries name.
//!
//! ```
//! use mdbx_typed::prelude::*;
//! use mdbx_typed::Error;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Table, Serialize, Deserialize, Debug)]
//! #[index(by_country_age, on(country, age))] // several fields
//! #[index(by_domain, with = Self::domain, key = String)] // what a function returns
//! #[index(active_by_age, on(age), when = Self::is_active)] // rows that a function picks
//! struct User {
//!     #[key(auto)]
//!     id: u64,
//!     #[index(unique, fold = ascii)] // one row each, whatever the case
//!     email: String,
//!     #[index(unique, sparse)] // rows with `None` are not in it
//!     phone: Option<String>,
//!     #[index(each)] // an entry for each element
//!     tags: Vec<String>,
//!     country: String,
//!     age: u32,
//!     left: bool,
//! }
//!
//! impl User {
//!     fn domain(&self) -> String {
//!         self.email.rsplit('@').next().unwrap_or_default().to_ascii_lowercase()
//!     }
//!
//!     fn is_active(&self) -> bool {
//!         !self.left
//!     }
//! }
//!
//! # fn main() -> mdbx_typed::Result<()> {
//! let db = Database::in_memory(schema![User])?;
//! let user = |id, email: &str| User {
//!     id,
//!     email: email.into(),
//!     phone: None,
//!     tags: vec!["new".into()],
//!     country: "DE".into(),
//!     age: 30,
//!     left: false,
//! };
//! db.write(|tx| tx.insert_new(|id| user(id, "ann@x.org")))?;
//!
//! let again = db.write(|tx| tx.insert_new(|id| user(id, "ANN@X.ORG")));
//! assert!(matches!(again, Err(Error::UniqueViolation { index: "by_email", .. })));
//!
//! let tx = db.read()?;
//! assert!(tx.get_by(user::by_email, "Ann@x.org")?.is_some());
//! assert_eq!(tx.by(user::by_domain).eq("x.org").count()?, 1);
//! assert_eq!(tx.by(user::active_by_age).range(18..).count()?, 1);
//! # Ok(())
//! # }
//! ```
//!
//! All attributes are listed with examples at [`#[derive(Table)]`](macro@Table).
//!
//! ## Transactions
//!
//! [`write`](Database::write) commits when its closure returns `Ok`, and rolls back on an error or a panic. Within it,
//! a statement that fails changes nothing, and the transaction can go on.
//!
//! ```
//! use mdbx_typed::prelude::*;
//! use mdbx_typed::{Error, Result};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Table, Serialize, Deserialize)]
//! struct Account {
//!     #[key]
//!     owner: String,
//!     cents: u64,
//! }
//!
//! /// Moves money, or says `false` if there is not enough of it.
//! fn transfer(db: &Database, from: &str, to: &str, cents: u64) -> Result<bool> {
//!     db.write(|tx| {
//!         let covered = tx.get::<Account>(from)?.is_some_and(|account| account.cents >= cents);
//!         if !covered {
//!             return Ok(false);
//!         }
//!         tx.update::<Account>(from, |account| account.cents -= cents)?;
//!         tx.upsert::<Account>(to, |account| match account {
//!             Some(account) => Account { cents: account.cents + cents, ..account },
//!             None => Account { owner: to.into(), cents },
//!         })?;
//!         Ok(true)
//!     })
//! }
//!
//! # fn main() -> Result<()> {
//! let db = Database::in_memory(schema![Account])?;
//! db.write(|tx| {
//!     tx.insert(&Account { owner: "ann".into(), cents: 100 })?;
//!     let twice = tx.insert(&Account { owner: "ann".into(), cents: 5 });
//!     assert!(matches!(twice, Err(Error::KeyExists { table: "account" }))); // and nothing else happened
//!     Ok(())
//! })?;
//! assert!(transfer(&db, "ann", "bob", 70)?);
//! assert!(!transfer(&db, "ann", "bob", 70)?);
//! # Ok(())
//! # }
//! ```
//!
//! | statement | what it does |
//! | --- | --- |
//! | [`insert`](WriteTxn::insert), [`insert_new`](WriteTxn::insert_new) | adds a row; the key must be free, or is drawn |
//! | [`put`](WriteTxn::put), [`replace`](WriteTxn::replace) | adds or replaces; the second returns the old row |
//! | [`update`](WriteTxn::update), [`upsert`](WriteTxn::upsert) | reads, changes, writes back |
//! | [`delete`](WriteTxn::delete), [`take`](WriteTxn::take) | removes by key; the second returns the row |
//! | [`delete_range`](WriteTxn::delete_range), [`delete_prefix`](WriteTxn::delete_prefix), [`drain`](WriteTxn::drain), [`retain`](WriteTxn::retain), [`clear`](WriteTxn::clear) | removes many |
//! | [`load`](WriteTxn::load), [`load_sorted`](WriteTxn::load_sorted) | adds many |
//!
//! A part of a transaction that may fail as a whole goes into [`nested`](WriteTxn::nested), where an error undoes that part and
//! no more. One write transaction runs at a time. Threads that each make a small change share the wait for the disk through
//! [`batch`](Database::batch). Where the error is your own type, use [`try_write`](Database::try_write).
//!
//! ## Reading without copying
//!
//! | the struct | what `get` returns | cost |
//! | --- | --- | --- |
//! | owns its fields | the struct | decoding, allocating |
//! | `struct Event<'a>` with `&'a str`, `&'a [u8]`, `Cow` with `#[serde(borrow)]` | `Event<'t>`, borrowed from the transaction | decoding |
//! | [`#[derive(Plain)]`](macro@Plain) with `#[table(raw)]` | `&'t Tick`, a pointer into the page | a check of the length |
//!
//! A row that borrows cannot outlive its transaction, and not a write to it either; the compiler checks both. Where a
//! row has to leave the function that read it, [`Held`] takes the snapshot along.
//!
//! An owned struct can be read borrowed too: `#[table(view)]` generates `UserRef<'t>`, and a struct with
//! [`#[derive(View)]`](macro@View) reads the leading fields alone, so that it pays to have short fields first. Both are
//! read by [`get_view`](ReadTxn::get_view) and [`views`](Query::views).
//!
//! ```
//! use mdbx_typed::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Table, Serialize, Deserialize)]
//! #[table(view)]
//! struct User {
//!     #[key]
//!     id: u64,
//!     email: String,
//!     bio: String,
//! }
//!
//! /// What a list of users shows.
//! #[derive(View)]
//! #[view(of = User)]
//! struct Head<'t> {
//!     id: u64,
//!     email: &'t str,
//! }
//!
//! /// A row that is its bytes.
//! #[derive(Table, Plain, Clone, Copy)]
//! #[table(raw)]
//! #[repr(C)]
//! struct Tick {
//!     #[key]
//!     at: le::U64,
//!     price: le::I64,
//! }
//!
//! fn read(db: &Database) -> mdbx_typed::Result<()> {
//!     let tx = db.read()?;
//!     let user: Option<User> = tx.get::<User>(1)?; // decoded, allocated
//!     let user: Option<UserRef<'_>> = tx.get_view::<User, _>(1)?; // decoded, text in the page
//!     let heads: Vec<Head<'_>> = tx.by(user::primary).views().collect::<mdbx_typed::Result<_>>()?;
//!     let tick: Option<&Tick> = tx.get::<Tick>(1)?; // in the page
//!     Ok(())
//! }
//! ```
//!
//! ## Queries
//!
//! A [`Query`] asks one index, or the primary key, and nothing is read before its results are asked for.
//!
//! | what | calls |
//! | --- | --- |
//! | which keys | [`eq`](Query::eq), [`range`](Query::range), [`prefix`](Query::prefix), [`starts_with`](Query::starts_with); the last one counts |
//! | which of them | [`rev`](Query::rev), [`limit`](Query::limit), [`skip_keys`](Query::skip_keys), [`after`](Query::after) a page |
//! | rows | [`rows`](Query::rows), [`views`](Query::views), [`first`](Query::first), [`last`](Query::last), [`one`](Query::one), [`page`](Query::page) |
//! | without a row being read | [`count`](Query::count), [`exists`](Query::exists), [`ids`](Query::ids), [`keys`](Query::keys), [`entries`](Query::entries) |
//! | two at once | [`and`](Query::and), [`or`](Query::or), [`join`](Query::join) |
//!
//! Rows that an index leads to are looked up many at a time, as many as were asked for before. Removals by range are
//! statements of a write transaction: [`delete_range`](WriteTxn::delete_range), [`drain`](WriteTxn::drain) and
//! [`retain`](WriteTxn::retain).
//!
//! ```
//! use mdbx_typed::prelude::*;
//! use mdbx_typed::{Page, Result, Token};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Table, Serialize, Deserialize)]
//! #[index(by_country_city, on(country, city))]
//! struct Customer {
//!     #[key]
//!     id: u64,
//!     country: String,
//!     city: String,
//!     #[index(each)]
//!     tags: Vec<String>,
//! }
//!
//! #[derive(Table, Serialize, Deserialize)]
//! struct Order {
//!     #[key]
//!     id: u64,
//!     #[index]
//!     customer: u64,
//!     #[index]
//!     day: u32,
//!     total: u64,
//! }
//!
//! /// Fifty customers of a country, and where the next fifty begin.
//! fn list(tx: &ReadTxn<'_>, country: &str, next: Option<Token>) -> Result<Page<Customer>> {
//!     tx.by(customer::by_country_city).prefix((country,)).page(50, next)
//! }
//!
//! /// Those with both tags, merged from two lists of primary keys.
//! fn tagged(tx: &ReadTxn<'_>) -> Result<Vec<Customer>> {
//!     let vip = tx.by(customer::by_tags).eq("vip");
//!     vip.and(tx.by(customer::by_tags).eq("new")).rows().collect()
//! }
//!
//! /// What customers of a day paid, with where they live.
//! fn day(tx: &ReadTxn<'_>, day: u32) -> Result<()> {
//!     let orders = tx.by(order::by_day).eq(day);
//!     for pair in orders.join(customer::primary, |order| order.customer) {
//!         let (order, customer) = pair?;
//!         println!("{}: {}", customer.city, order.total);
//!     }
//!     Ok(())
//! }
//!
//! /// Forgets old orders; the entries of their indexes go with them.
//! fn forget(db: &Database, until: u32) -> Result<u64> {
//!     db.write(|tx| tx.delete_range(order::by_day, ..until))
//! }
//! ```
//!
//! ## Many rows
//!
//! [`load`](WriteTxn::load) and [`load_sorted`](WriteTxn::load_sorted) add many rows as one statement. Index entries are
//! gathered and put in their order, in bounded memory, which is faster the more indexes there are.
//!
//! ```
//! use mdbx_typed::prelude::*;
//! use mdbx_typed::Error;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Table, Serialize, Deserialize)]
//! struct City {
//!     #[key]
//!     id: u32,
//!     #[index]
//!     name: String,
//! }
//!
//! # fn main() -> mdbx_typed::Result<()> {
//! let db = Database::in_memory(schema![City])?;
//! let city = |id: u32| City { id, name: format!("city {}", id % 7) };
//! let loaded = db.write(|tx| tx.load_sorted((0..1000).map(city)))?; // as an iterator has them
//! assert_eq!(loaded, 1000);
//!
//! let twice = [2000, 1500, 7].map(city); // `load` sorts by itself; 7 is there already
//! assert!(matches!(db.write(|tx| tx.load(twice)), Err(Error::KeyExists { .. })));
//! assert_eq!(db.read()?.count::<City>()?, 1000); // all of it, or nothing
//! # Ok(())
//! # }
//! ```
//!
//! ## Changes
//!
//! [`subscribe`](Database::subscribe) tells after each commit which rows were inserted, updated and deleted, in the order of
//! the commits. A reader that is slow makes nobody wait: it is told how much it has missed.
//!
//! ```
//! use mdbx_typed::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Table, Serialize, Deserialize)]
//! struct Sensor {
//!     #[key]
//!     id: u32,
//!     #[index]
//!     celsius: i32,
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let db = Database::in_memory(schema![Sensor])?;
//! let hot = db.subscription::<Sensor>().on(sensor::by_celsius, 80..).start()?;
//! db.write(|tx| tx.insert(&Sensor { id: 1, celsius: 20 }))?;
//! db.write(|tx| tx.update::<Sensor>(1, |sensor| sensor.celsius = 95))?;
//! assert_eq!(hot.recv()?.inserted, [1]); // it came into the range
//! # Ok(())
//! # }
//! ```
//!
//! Other processes ask [`changed_since`](Database::changed_since) which tables are others than in a snapshot they know. A table
//! with `#[table(log)]` keeps its changes in the file, for [`changes_since`](ReadTxn::changes_since) to replay: in another
//! process, after a restart, on another machine.
//!
//! ## The life of a schema
//!
//! Every row begins with the number of the layout it was written in, and the file knows all layouts its rows have. So a
//! struct can change under rows that are there:
//!
//! | change | what to write | what happens to old rows |
//! | --- | --- | --- |
//! | a field is appended | `#[serde(default)]` at it | they are read with the default |
//! | an enum with [`#[derive(Key)]`](macro@Key) or [`#[derive(Shaped)]`](macro@Shaped) gets more variants, behind those it has | nothing | nothing; programs without them read the rows they know |
//! | a field or a table is renamed | `#[field(was = "..")]`, `#[table(was = "..")]` | nothing |
//! | an index is added or changed; its function has a new `version` | nothing else | the index is built when the file is opened |
//! | an index is removed | [`on_extra_index`](Builder::on_extra_index), to say what becomes of the stored one | nothing; until that is said they can only be read |
//! | a table is added | its name in [`schema!`] | |
//! | a table is removed from [`schema!`] | nothing | it is kept, until [`drop_table`](Database::drop_table) |
//! | anything else, the codec included | `#[table(upgrade_from = OldStruct)]` and `impl From<OldStruct>` | they are converted when they are read |
//!
//! A row is rewritten in the new layout when it is next put, or with all others by [`Database::migrate`]; only then the
//! old struct can go. Structs within a row have no layout of their own: to change one is to change the row. A field
//! whose type has silently changed is refused when the file is opened, by name and with both types; for a change inside a
//! type of your own to be found, that needs [`#[derive(Shaped)]`](macro@Shaped).
//!
//! ```
//! use mdbx_typed::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! mod v1 {
//! #    use super::*;
//!     #[derive(Table, Serialize, Deserialize)]
//!     pub struct User {
//!         #[key]
//!         pub id: u64,
//!         pub name: String,
//!     }
//! }
//!
//! #[derive(Table, Serialize, Deserialize)]
//! #[table(upgrade_from = v1::User)]
//! struct User {
//!     #[key]
//!     id: u64,
//!     first: String,
//!     #[index]
//!     last: String,
//! }
//!
//! impl From<v1::User> for User {
//!     fn from(old: v1::User) -> Self {
//!         let (first, last) = old.name.split_once(' ').unwrap_or(("", &old.name));
//!         User { id: old.id, first: first.into(), last: last.into() }
//!     }
//! }
//!
//! # fn main() -> mdbx_typed::Result<()> {
//! # let directory = tempfile::tempdir().unwrap();
//! # let path = directory.path().join("app.mdbx");
//! let db = Database::open(&path, schema![v1::User])?;
//! db.write(|tx| tx.insert(&v1::User { id: 1, name: "Ann Lee".into() }))?;
//! println!("{}", db.schema_diff(schema![User])?); // what the new program will do
//! drop(db);
//!
//! let db = Database::open(&path, schema![User])?;
//! assert_eq!(db.read()?.by(user::by_last).eq("Lee").first()?.map(|user| user.first), Some("Ann".into()));
//! assert_eq!(db.migrate()?, 1);
//! assert!(db.verify()?.is_clean());
//! # Ok(())
//! # }
//! ```
//!
//! A program older than the file opens it, too: it reads the rows that have its layout, an [`Error::NewerRow`] for
//! others, and writes none to such a table. A program that has the file open while another one changes tables gets an
//! [`Error::SchemaChanged`] when it next writes. What opening accepts is set by the policies of the [`Builder`].
//!
//! ## Looking inside, moving out
//!
//! The catalog knows names and types, so any file can be read without the structs that wrote it. Tables go to and from JSON
//! Lines and CSV, and a dump is a whole database in a form that no version, page size or codec has a part in.
//!
//! ```
//! use mdbx_typed::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Table, Serialize, Deserialize)]
//! struct Book {
//!     #[key]
//!     id: u32,
//!     title: String,
//!     #[index(each)]
//!     tags: Vec<String>,
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("books.mdbx");
//! let db = Database::open(&path, schema![Book])?;
//! let tags = vec!["trees".into(), "paper".into()];
//! db.write(|tx| tx.insert(&Book { id: 1, title: "The B-tree".into(), tags }))?;
//! # drop(db);
//!
//! let db = Database::browse(&path)?; // knows no struct, and changes nothing
//! let tx = db.read()?;
//! let trees = tx.dynamic("book")?.by("by_tags")?.eq("trees")?.first()?;
//! let book = r#"{"id": 1, "title": "The B-tree", "tags": ["trees", "paper"]}"#;
//! assert_eq!(trees.unwrap().to_string(), book);
//! # drop(tx);
//! # #[cfg(feature = "export")] {
//!
//! let mut dump = Vec::new(); // or a file
//! db.dump(&mut dump)?;
//! let copy = Database::in_memory(schema![Book])?;
//! copy.restore(&dump[..])?;
//! assert_eq!(copy.read()?.by(book::by_tags).eq("paper").count()?, 1);
//! # }
//! # Ok(())
//! # }
//! ```
//!
//! [`stats`](Database::stats) tells how large tables and indexes are and who holds old pages back,
//! [`copy_to`](Database::copy_to) makes a backup while others write, and [`raw`](Database::raw) leads to the engine beneath.
//!
//! ## Tests and trust
//!
//! [`Database::in_memory`] is the same engine without a file. [`Database::verify`] decodes every row, recomputes all its keys
//! and compares them with the indexes, in both directions. [`testing`] has checks for what your application adds: its key
//! types, its functions of indexes, and the rows that its older versions have stored.
//!
//! ```
//! use mdbx_typed::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
//! struct Word {
//!     #[key]
//!     text: String,
//!     #[index]
//!     length: u32,
//! }
//!
//! # fn main() -> mdbx_typed::Result<()> {
//! let db = Database::in_memory(schema![Word])?;
//! db.write(|tx| tx.insert(&Word { text: "tree".into(), length: 4 }))?;
//! let report = db.verify()?;
//! assert!(report.is_clean(), "{report}");
//!
//! mdbx_typed::testing::assert_order(&["", "a", "a\0", "b"].map(String::from));
//! mdbx_typed::testing::golden!(Word, rev = 1, hex = "04 74726565 04", Word { text: "tree".into(), length: 4 });
//! # Ok(())
//! # }
//! ```
//!
//! ## Threads and async
//!
//! Reads never wait and never make anybody wait, so they can be done where they are needed, in async code too: a `get` takes
//! about as long as a lock. A write waits for the disk; in async code run it where blocking is allowed, such as in
//! `spawn_blocking`, with a clone of the [`Database`]. A read transaction that is to travel between tasks is made by
//! [`read_owned`](Database::read_owned). End it soon: as long as it lasts, the pages freed since are not used again, and the file
//! grows.
//!
//! # What is guaranteed
//!
//! - A statement happens or it does not. One that is refused leaves the transaction as it was. One that finds no room in a full
//!   file does so, too, or the transaction can only be rolled back: taking a statement back may need room itself. In
//!   [`nested`](WriteTxn::nested) it always can.
//! - A transaction happens or it does not, also when the process or the machine stops.
//! - Indexes equal the rows. They change in the same transaction, and only where a key differs.
//! - A file is read as what it was written as. The catalog in the file holds the layout of each table; opening it
//!   with another struct converts the rows where the struct says how, and otherwise is an [`OpenError`] that lists the
//!   differences. Tables the program does not know are kept.
//! - Damaged bytes are an error, not a panic.
//!
//! # Codecs and features
//!
//! Rows are stored by a [`Codec`], which the catalog notes for each table. The bytes of those of this crate are spelled out in
//! the tests and do not change.
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `bincode`, by default | the codec `Bincode`, that of tables which name no other |
//! | `export`, by default | JSON Lines, CSV, dump and restore, with the crates `serde_json` and `csv` |
//! | `postcard` | the codec `Postcard`: `#[table(codec = Postcard)]` |
//!
//! # Reading the source
//!
//! Each module uses only those above it:
//!
//! - `error`, `shape`, `progress`, `count`: the vocabulary.
//! - `key`: values to bytes that sort, and ranges of them.
//! - `plain`: types that are their bytes; the only unsafe code.
//! - `codec`: rows to bytes.
//! - `schema`: the traits of tables, tables as data, and the catalog in the file.
//! - `changes`: what transactions changed, for those who listen.
//! - `index`: the entries that one write changes.
//! - `pairs`, `fill`: the entries of many rows, gathered, sorted and written.
//! - `backfill`: indexes of rows that are there already.
//! - `migrate`: rows of older structs, written anew.
//! - `verify`: whether rows and indexes are equal.
//! - `table`: reading a row, and the statements that change rows.
//! - `query`: many rows, by an index.
//! - `dynamic`: rows without their structs; export, import, dump and restore.
//! - `db`: the database and its transactions.
//! - `testing`: checks for the tests of applications.

#![deny(unsafe_code)]

// The derives name everything from the root of this crate; this lets its own tests and docs use them too.
extern crate self as mdbx_typed;

mod backfill;
mod changes;
mod codec;
mod count;
mod db;
mod dynamic;
mod error;
mod fill;
mod index;
mod key;
mod migrate;
mod pairs;
mod plain;
mod progress;
mod query;
mod schema;
mod shape;
mod table;
pub mod testing;
mod verify;

pub use changes::{ChangeSet, ChangedTables, Changes, LoggedChanges, RecvError};
#[cfg(feature = "bincode")]
pub use codec::Bincode;
pub use codec::Codec;
#[cfg(feature = "postcard")]
pub use codec::Postcard;
pub use db::{
    Builder, Database, Held, IndexStats, OnExtraIndex, OnLayoutChange, OnMissingIndex,
    OnUnknownTable, ReadTxn, Stats, Subscription, TableStats, WriteTxn,
};
#[cfg(feature = "export")]
pub use db::{ImportOptions, Restored, RestoredTable};
#[cfg(feature = "export")]
pub use dynamic::ParseValueError;
pub use dynamic::{
    DynamicEntries, DynamicQuery, DynamicRow, DynamicRows, DynamicTable, FieldInfo, IndexInfo,
    RevisionInfo, TableInfo, Value,
};
pub use error::{
    Change, CodecError, Error, KeyBytes, KeyError, OpenError, ReadOnly, Rebuild, Result,
    SchemaDiff, Step, TableDiff,
};
pub use key::{
    AsciiFold, AutoKey, Desc, Fold, Hashed, Key, KeyBuf, KeyField, Place, PrefixOf, TextTail,
    TotalF32, TotalF64,
};
pub use mdbx_core::{Durability, EnvOptions, Geometry, PageSize, Txnid};
pub use mdbx_derive::{Key, Plain, Shaped, Table, View};
pub use plain::{Plain, le};
pub use progress::Progress;
pub use query::{
    Entries, Ids, Join, Keys, Page, ParseTokenError, Query, Rows, Selection, Token, Views,
};
pub use schema::{
    AutoTable, EncodedTable, FieldSchema, FromRow, Index, IndexKeys, IndexSchema, IndexSource,
    KeyRef, KeySchema, LoggedTable, OrderedIndex, Origin, OwnedTable, Record, RowEntries, Schema,
    Table, TableSchema, UniqueIndex, ViewOf,
};
pub use shape::{Shape, Shaped};
pub use table::Drain;
pub use verify::{Problem, Report, TableReport};

/// What most programs need: `use mdbx_typed::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Database, Desc, Index, Key, Plain, ReadTxn, Record, Shaped, Table, TotalF32, TotalF64,
        View, WriteTxn, le, schema,
    };
}

/// What the derives refer to. Not part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::codec::{decode_row, raw};
    pub use crate::plain::sum;
    pub use crate::schema::Slot;
    pub use crate::schema::too_old;
    pub use crate::schema::view::{decode_head, is_field, schema_of};
    pub use crate::shape::{NoShape, Probe};
    pub use serde;
}
