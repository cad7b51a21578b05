//! The derive macros of `mdbx-typed`, which re-exports them. Use them from there.
//!
//! | macro | for | makes it |
//! | --- | --- | --- |
//! | [`Table`](derive_table) | a struct with named fields | rows of a table |
//! | [`Key`](derive_key) | a newtype, an enum without fields, or what converts to a key | a part of keys |
//! | [`Plain`](derive_plain) | a struct with `#[repr(C)]` | a row that is its bytes |
//! | [`Shaped`](derive_shaped) | a struct or an enum | known to the catalog as a part of rows |
//! | [`View`](derive_view) | a struct with the leading fields of a table | a part of its rows, borrowed from the page |
//!
//! They work in three steps, each with types of its own: `parse` reads what the user wrote by the grammar in `attr`,
//! `model` and `view` work out what it means and find the mistakes, `expand` writes the code. `types` tells of a type
//! what its spelling tells.

mod attr;
mod errors;
mod expand;
mod model;
mod parse;
mod types;
mod view;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct the rows of a table.
///
/// The struct has named fields and at most one lifetime, that of the transaction its rows borrow from; type
/// parameters are not possible. It also needs serde's `Serialize` and `Deserialize`, unless it is [raw](#raw-tables).
///
/// ```
/// use mdbx_typed::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Table, Serialize, Deserialize)]
/// #[table(name = "users")]
/// #[index(by_country_age, on(country, age))]
/// struct User {
///     #[key(auto)]
///     id: u64,
///     #[index(unique)]
///     email: String,
///     country: String,
///     age: u32,
/// }
/// ```
///
/// Next to the struct it generates a module, of the same visibility, with a marker for each index. They are what
/// queries name: `tx.by(user::by_email)`.
///
/// ```text
/// mod user {
///     pub struct primary;
///     pub struct by_country_age;
///     pub struct by_email;
/// }
/// ```
///
/// # All attributes
///
/// | place | attribute | meaning |
/// | --- | --- | --- |
/// | struct | [`#[table(name = "users")]`](#names) | the stored name; if not given, the struct's in snake case |
/// | struct | [`#[table(module = user_ix)]`](#names) | the name of the generated module; if not given, the struct's in snake case |
/// | struct | [`#[table(crate = path)]`](#names) | where `mdbx_typed` is, for crates that re-export it |
/// | struct | [`#[table(was = "people")]`](#renames) | the stored name it had before |
/// | field | [`#[field(was = "years")]`](#renames) | the name the field had before |
/// | struct | [`#[table(codec = MyCodec)]`](#how-rows-are-stored) | how rows are stored; if not given, `Bincode` |
/// | struct | [`#[table(raw)]`](#raw-tables) | rows are their bytes; needs `#[derive(Plain)]` |
/// | struct | [`#[table(view)]`](#views) | also generates `UserRef<'t>`, which borrows text and bytes |
/// | struct | [`#[table(upgrade_from = UserV1)]`](#older-rows) | the struct that older rows were written by |
/// | struct | [`#[table(log)]`](#logs) | the table keeps a log of its changes |
/// | field | [`#[key]`](#primary-keys) | the primary key; several fields make a composite key, in their order |
/// | field | [`#[key(auto)]`](#primary-keys) | an integer that `insert_new` counts up; it is never given out twice |
/// | field | [`#[index]`](#indexes) | an index of this field, called `by_` and the field |
/// | field | [`#[index(name = other)]`](#indexes) | the same, called `other` |
/// | struct | [`#[index(by_a_b, on(a, b))]`](#several-fields) | an index of several fields |
/// | struct | [`#[index(by_a_b, on(a, b), desc(b))]`](#several-fields) | the same, with `b` from the largest to the smallest |
/// | struct | [`#[index(by_x, with = f, key = T)]`](#computed-indexes) | an index of what `f(&row)` returns, which is a `T` |
/// | any index | [`version = 2`](#computed-indexes) | the version of `with` and `when`; a new one makes it another index |
/// | any index | [`unique`](#unique-indexes) | at most one row for each key |
/// | any index | [`sparse`](#options) | on an `Option`: rows with `None` are not in the index, and the key is what is inside |
/// | any index | [`each`](#collections) | on a collection: one entry for each distinct element |
/// | any index | [`when = f`](#partial-indexes) | only rows for which `f(&row)` is true are in the index |
/// | any index | [`fold = ascii`](#text-without-regard-to-case) | text without regard to ASCII case |
/// | any index | [`hash`](#long-values) | stores a hash of 8 bytes in place of a long value; finds equal values only |
///
/// Clippy takes two indexes that have a field in common for a duplicated attribute; where it does, say
/// `#[expect(clippy::duplicated_attributes, reason = "..")]`.
///
/// # Names
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// mod facade {
///     pub use mdbx_typed as store;
/// }
///
/// #[derive(Table, Serialize, Deserialize)]
/// #[table(name = "users", module = user_ix, crate = facade::store)]
/// struct User {
///     #[key]
///     id: u64,
/// }
///
/// assert_eq!(User::SCHEMA.name, "users");
/// let _ = user_ix::primary;
/// ```
///
/// # Renames
///
/// Neither rows nor keys hold names, so a table or a field that was renamed keeps its bytes: say what it was called,
/// and the file is found again and written with the new name. An index that is named after the field goes with it.
/// `was` can be given more than once, the newest first, so that a file of any age opens.
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Table, Serialize, Deserialize)]
/// #[table(name = "users", was = "people", was = "persons")]
/// struct User {
///     #[key]
///     id: u64,
///     #[index]
///     #[field(was = "years")]
///     age: u32,
/// }
/// ```
///
/// # How rows are stored
///
/// Rows are stored by position and without names, by a `Codec` of serde values. So serde attributes that leave
/// fields out of some rows, or turn the struct into something else, are refused: `flatten`, `skip_serializing_if`,
/// `tag`, `from` and the like. `#[serde(skip)]` is fine: such a field is not stored.
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// use mdbx_typed::{Bincode, Codec, CodecError};
///
/// /// As `Bincode`, under a number and a name of its own.
/// struct Mine;
///
/// impl Codec for Mine {
///     const ID: u8 = 200;
///     const NAME: &'static str = "mine-1";
///
///     fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
///         Bincode::encode(value, out)
///     }
///
///     fn decode<'t, T: Deserialize<'t>>(bytes: &'t [u8]) -> Result<T, CodecError> {
///         Bincode::decode(bytes)
///     }
/// }
///
/// #[derive(Table, Serialize, Deserialize)]
/// #[table(codec = Mine)]
/// struct Note {
///     #[key]
///     id: u64,
///     text: String,
///     #[serde(skip)]
///     words: Option<usize>,
/// }
/// ```
///
/// ## Rows that borrow
///
/// A struct with a lifetime borrows from the page. serde borrows `&str` and `&[u8]` by itself, and `Cow` and what
/// has a lifetime inside when it is told to.
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// use std::borrow::Cow;
///
/// #[derive(Table, Serialize, Deserialize)]
/// struct Event<'a> {
///     #[key]
///     seq: u64,
///     #[index]
///     kind: &'a str,
///     body: &'a [u8],
///     #[serde(borrow)]
///     note: Cow<'a, str>,
///     #[serde(borrow)]
///     tags: Vec<&'a str>,
/// }
/// ```
///
/// ## Raw tables
///
/// A raw row is the bytes of the struct, and `get` returns a `&'t Tick` into the page: nothing is decoded. Its fields
/// have to be plain, such as the numbers of `le`; see [`Plain`](derive_plain).
///
/// A stored row has exactly as many bytes as the struct; one of another length is an error. A struct that grew is
/// another layout, so opening the file with it is refused as long as the table has rows.
///
/// ```
/// # use mdbx_typed::prelude::*;
/// #[derive(Table, Plain, Clone, Copy)]
/// #[table(raw)]
/// #[repr(C)]
/// struct Tick {
///     #[key]
///     symbol: [u8; 4],
///     #[key]
///     at: le::U64,
///     #[index]
///     price: le::I64,
/// }
///
/// fn price(tx: &ReadTxn<'_>, at: u64) -> mdbx_typed::Result<Option<i64>> {
///     let tick: Option<&Tick> = tx.get::<Tick>((b"ABCD", at))?;
///     Ok(tick.map(|tick| tick.price.get()))
/// }
/// ```
///
/// ## Views
///
/// `#[table(view)]` generates `UserRef<'t>` from an owned struct: `String` becomes `&'t str`, `Vec<u8>` becomes
/// `&'t [u8]`, also inside `Option` and `Vec`; the rest stays. It reads the same rows without allocating for text.
/// `view(Debug, ..)` derives traits for it. For fewer fields see [`View`](derive_view).
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Table, Serialize, Deserialize)]
/// #[table(view(Debug, PartialEq))]
/// struct User {
///     #[key]
///     id: u64,
///     email: String,
///     nick: Option<String>,
/// }
///
/// fn email<'t>(tx: &'t ReadTxn<'_>, id: u64) -> mdbx_typed::Result<Option<&'t str>> {
///     let user: Option<UserRef<'t>> = tx.get_view::<User, _>(id)?;
///     Ok(user.map(|user| user.email))
/// }
/// ```
///
/// ## Older rows
///
/// `upgrade_from` names the struct of the revision before, which is kept in the program for that and converts into
/// this one. It may have a revision before it, and so on. A raw table has none.
///
/// A field that is only appended needs no struct before it: with `#[serde(default)]`, older rows have the default.
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Table, Serialize, Deserialize)]
/// #[table(name = "users", module = user_v1)]
/// struct UserV1 {
///     #[key]
///     id: u64,
///     name: String,
/// }
///
/// #[derive(Table, Serialize, Deserialize)]
/// #[table(name = "users", upgrade_from = UserV1)]
/// struct User {
///     #[key]
///     id: u64,
///     first: String,
///     last: String,
/// }
///
/// impl From<UserV1> for User {
///     fn from(old: UserV1) -> User {
///         let (first, last) = old.name.split_once(' ').unwrap_or((&old.name, ""));
///         User { id: old.id, first: first.into(), last: last.into() }
///     }
/// }
/// ```
///
/// ## Logs
///
/// With `log` every transaction that changes the table also writes what it changed, as primary keys, into a log in the file.
/// `changes_since` reads it, in any process and after a restart, and `trim_log` cuts it.
///
/// The option can be added to a table that has rows, and taken away again. Changes that a program without it makes are
/// not in the log; who asks for them gets an error that says so.
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Table, Serialize, Deserialize)]
/// #[table(log)]
/// struct Order {
///     #[key]
///     id: u64,
///     total: u64,
/// }
///
/// fn changed(tx: &ReadTxn<'_>, since: mdbx_typed::Txnid) -> mdbx_typed::Result<Vec<u64>> {
///     let mut ids = Vec::new();
///     for set in tx.changes_since::<Order>(since)? {
///         ids.extend(set?.changed());
///     }
///     Ok(ids)
/// }
/// ```
///
/// # Primary keys
///
/// A field type can be part of a key or an index if it is a `KeyField`: an integer of fixed size, `bool`, `char`,
/// text, bytes, `[u8; N]`, `TotalF64`, a number of `le`, or an `Option` or tuple of those; types of your own are with
/// [`Key`](derive_key). A primary key field is no `Option`.
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Table, Serialize, Deserialize)]
/// struct City {
///     #[key]
///     country: String,
///     #[key]
///     number: u32,
///     name: String,
/// }
///
/// #[derive(Table, Serialize, Deserialize)]
/// struct Order {
///     #[key(auto)]
///     id: u64,
///     item: String,
/// }
///
/// fn order_in_ulm(tx: &mut WriteTxn<'_>) -> mdbx_typed::Result<Option<Order>> {
///     if tx.get::<City>(("DE", 7))?.is_none() {
///         return Ok(None);
///     }
///     tx.insert_new(|id| Order { id, item: "bread".into() }).map(Some)
/// }
/// ```
///
/// # Indexes
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Table, Serialize, Deserialize)]
/// struct User {
///     #[key]
///     id: u64,
///     #[index]
///     age: u32,
///     #[index(name = by_town)]
///     city: String,
/// }
///
/// fn count(tx: &ReadTxn<'_>) -> mdbx_typed::Result<u64> {
///     Ok(tx.by(user::by_age).range(18..).count()? + tx.by(user::by_town).eq("Ulm").count()?)
/// }
/// ```
///
/// ## Several fields
///
/// Up to six. `desc` turns some of them around; as the last of them a number in descending order gives the newest
/// first of each group. In a range of such an index the larger value comes first.
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Table, Serialize, Deserialize)]
/// #[index(by_author_at, on(author, at), desc(at))]
/// struct Post {
///     #[key]
///     id: u64,
///     author: String,
///     at: i64,
/// }
///
/// fn newest(tx: &ReadTxn<'_>, author: &str) -> mdbx_typed::Result<Option<Post>> {
///     tx.by(post::by_author_at).prefix((author,)).first()
/// }
/// ```
///
/// ## Computed indexes
///
/// The key is what a function of the row returns. Should the function change, count its `version` up: the entries in
/// the file are those of the old one, and nothing else can tell.
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Table, Serialize, Deserialize)]
/// #[index(by_domain, with = Self::domain, key = String, version = 2)]
/// struct User {
///     #[key]
///     id: u64,
///     email: String,
/// }
///
/// impl User {
///     fn domain(&self) -> String {
///         self.email.rsplit('@').next().unwrap_or("").to_ascii_lowercase()
///     }
/// }
/// ```
///
/// ## Unique indexes
///
/// A write that would give two rows the same key fails and names the other row. Only a unique index can be asked with
/// `get_by`.
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Table, Serialize, Deserialize)]
/// #[index(by_place, on(row, seat), unique)]
/// struct Ticket {
///     #[key]
///     id: u64,
///     row: u8,
///     seat: u8,
/// }
///
/// fn is_taken(tx: &ReadTxn<'_>, row: u8, seat: u8) -> mdbx_typed::Result<bool> {
///     Ok(tx.get_by(ticket::by_place, (row, seat))?.is_some())
/// }
/// ```
///
/// ## Options
///
/// A plain index of an `Option` has the rows with `None` too, first. A `sparse` one leaves them out, so that a unique
/// one allows any number of them.
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Table, Serialize, Deserialize)]
/// struct User {
///     #[key]
///     id: u64,
///     #[index]
///     nick: Option<String>,
///     #[index(unique, sparse)]
///     phone: Option<String>,
/// }
///
/// fn find(tx: &ReadTxn<'_>) -> mdbx_typed::Result<bool> {
///     let nameless = tx.by(user::by_nick).eq(None).exists()?;
///     Ok(nameless || tx.get_by(user::by_phone, "+45")?.is_some())
/// }
/// ```
///
/// ## Collections
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Table, Serialize, Deserialize)]
/// struct Photo {
///     #[key]
///     id: u64,
///     #[index(each)]
///     tags: Vec<String>,
/// }
///
/// fn red(tx: &ReadTxn<'_>) -> mdbx_typed::Result<Vec<Photo>> {
///     tx.by(photo::by_tags).eq("red").rows().collect()
/// }
/// ```
///
/// ## Partial indexes
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Table, Serialize, Deserialize)]
/// #[index(open_by_due, on(due), when = Self::is_open)]
/// struct Task {
///     #[key]
///     id: u64,
///     due: i64,
///     is_done: bool,
/// }
///
/// impl Task {
///     fn is_open(&self) -> bool {
///         !self.is_done
///     }
/// }
/// ```
///
/// ## Text without regard to case
///
/// Only `A` to `Z` equal `a` to `z`. What else is one letter changes with the version of Unicode; compute such a key,
/// and count its `version` up with the tables.
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Table, Serialize, Deserialize)]
/// struct User {
///     #[key]
///     id: u64,
///     #[index(unique, fold = ascii)]
///     email: String,
/// }
///
/// fn find(tx: &ReadTxn<'_>) -> mdbx_typed::Result<Option<User>> {
///     tx.get_by(user::by_email, "Ann@X.org") // also finds `ann@x.org`
/// }
/// ```
///
/// ## Long values
///
/// A key is at most a little under half a page long. `hash` stores 8 bytes of XXH64 in place of the value, which may
/// then be of any length. Such an index answers `eq` and `get_by`; what shares a hash is compared with the row, so
/// the answer is exact, and counting reads rows. There are no ranges.
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Table, Serialize, Deserialize)]
/// struct Page {
///     #[key]
///     id: u64,
///     #[index(unique, hash)]
///     url: String,
/// }
///
/// fn find(tx: &ReadTxn<'_>, url: &str) -> mdbx_typed::Result<Option<Page>> {
///     tx.get_by(page::by_url, url)
/// }
/// ```
#[proc_macro_derive(Table, attributes(table, key, index, field))]
pub fn derive_table(input: TokenStream) -> TokenStream {
    expand::table(&parse_macro_input!(input as DeriveInput)).into()
}

/// Lets a type of your own be a part of keys.
///
/// Callers pass it by reference, `tx.get::<User>(&UserId(7))`, and scans yield it.
///
/// | type | stored as |
/// | --- | --- |
/// | a struct with one field | that field |
/// | an enum without fields | the discriminant of the variant: one byte, or two if one of them is above 255 |
/// | any type with `#[key(as = T)]` | the `T` that it converts to |
///
/// `#[key(crate = path)]` says where `mdbx_typed` is, for crates that re-export it.
///
/// # Enums
///
/// Variants sort by their discriminants, which is how Rust orders them too. Discriminants are counted as Rust does,
/// and the catalog keeps them with the names: a program whose enum has other ones is refused when it opens the file.
/// Variants can be added behind those that are there, as long as the largest discriminant stays on its side of 255.
///
/// ```
/// use mdbx_typed::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Key, Serialize, Deserialize, Clone, Copy)]
/// struct UserId(u64);
///
/// #[derive(Key, Serialize, Deserialize, Clone, Copy)]
/// enum Status {
///     New,
///     Active = 10,
///     Gone = 20,
/// }
///
/// #[derive(Table, Serialize, Deserialize)]
/// struct User {
///     #[key]
///     id: UserId,
///     #[index]
///     status: Status,
/// }
///
/// fn active(tx: &ReadTxn<'_>) -> mdbx_typed::Result<u64> {
///     tx.by(user::by_status).eq(&Status::Active).count()
/// }
/// ```
///
/// # Conversions
///
/// `#[key(as = T)]` needs `T: From<&Self>` and `Self: TryFrom<T>`, or `From<T>`. The order of the keys is that of `T`,
/// and different values have to convert to different ones. A row still holds the type as serde writes it.
///
/// ```
/// use mdbx_typed::prelude::*;
/// use serde::{Deserialize, Serialize};
/// use std::time::{Duration, SystemTime, UNIX_EPOCH};
///
/// /// A time since 1970, to the second.
/// #[derive(Key, Serialize, Deserialize, Clone, Copy)]
/// #[key(as = u64)]
/// struct Moment(SystemTime);
///
/// impl From<&Moment> for u64 {
///     fn from(moment: &Moment) -> u64 {
///         moment.0.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
///     }
/// }
///
/// impl From<u64> for Moment {
///     fn from(seconds: u64) -> Moment {
///         Moment(UNIX_EPOCH + Duration::from_secs(seconds))
///     }
/// }
///
/// #[derive(Table, Serialize, Deserialize)]
/// struct Visit {
///     #[key]
///     id: u64,
///     #[index]
///     at: Moment,
/// }
/// ```
#[proc_macro_derive(Key, attributes(key))]
pub fn derive_key(input: TokenStream) -> TokenStream {
    expand::key(&parse_macro_input!(input as DeriveInput)).into()
}

/// Tells the catalog what a struct or an enum within a row looks like.
///
/// Without it the catalog knows the type of a field by its name alone. With it a change inside the type is found when a
/// file is opened, by the names of its fields, and values can be shown by programs that do not have it. Fields of the
/// type that have no shape themselves are known by their names.
///
/// Structs are stored as their fields, so any change of them is a change of the row, and `upgrade_from` is what converts
/// the old one. Variants can be added to an enum, behind those that are there.
///
/// ```
/// use mdbx_typed::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Shaped, Serialize, Deserialize)]
/// struct Address {
///     street: String,
///     number: u32,
/// }
///
/// #[derive(Shaped, Serialize, Deserialize)]
/// enum Payment {
///     OnAccount,
///     Card(String),
///     Transfer { iban: String },
/// }
///
/// #[derive(Table, Serialize, Deserialize)]
/// struct Order {
///     #[key]
///     id: u64,
///     to: Address,
///     payment: Payment,
/// }
///
/// let shapes: Vec<String> = Order::SCHEMA.fields.iter().map(|field| field.shape.to_string()).collect();
/// assert_eq!(shapes[1], "struct<street: str, number: u32>");
/// assert_eq!(shapes[2], "oneof<OnAccount, Card: str, Transfer: struct<iban: str>>");
/// ```
///
/// A type parameter needs a shape, too. A type that contains itself has none. Enums with `#[derive(Key)]` and structs with
/// it have one already. `#[shape(crate = path)]` says where `mdbx_typed` is, for crates that re-export it.
#[proc_macro_derive(Shaped, attributes(shape, serde))]
pub fn derive_shaped(input: TokenStream) -> TokenStream {
    expand::shaped(&parse_macro_input!(input as DeriveInput)).into()
}

/// Makes a struct a view: the leading fields of a table, borrowed from the page.
///
/// A row is decoded from its first field on, so a view reads no more than it has: put short fields that are asked for
/// often first. Its fields have the names and types of the table's, in their order, where text may be `String`,
/// `&'t str` or `Cow<'t, str>`, and the like for bytes. That is checked when the program is compiled.
///
/// | place | attribute | meaning |
/// | --- | --- | --- |
/// | struct | `#[view(of = User)]` | the table; one that borrows is written `Event<'static>` |
/// | struct | `#[view(crate = path)]` | where `mdbx_typed` is, for crates that re-export it |
/// | field | `#[serde(with = "..")]` | as in the table |
///
/// ```
/// use mdbx_typed::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Table, Serialize, Deserialize)]
/// struct User {
///     #[key]
///     id: u64,
///     #[index(unique)]
///     email: String,
///     tags: Vec<String>,
/// }
///
/// #[derive(View)]
/// #[view(of = User)]
/// struct Head<'t> {
///     id: u64,
///     email: &'t str,
/// }
///
/// fn first<'t>(tx: &'t ReadTxn<'_>) -> mdbx_typed::Result<Option<Head<'t>>> {
///     tx.by(user::by_email).views().next().transpose()
/// }
/// ```
#[proc_macro_derive(View, attributes(view, serde))]
pub fn derive_view(input: TokenStream) -> TokenStream {
    expand::view(&parse_macro_input!(input as DeriveInput)).into()
}

/// Makes a struct plain: it is nothing but its bytes, so that rows can be read where they lie.
///
/// The struct is `Copy` and has `#[repr(C)]` or `#[repr(transparent)]`, and each of its fields is plain: `u8`, `i8`,
/// a number of `le`, an array of plain items, or a struct with this derive. There is no padding then, every alignment
/// is 1, and every bit pattern is a value; all of it is checked when the program is compiled. `#[plain(crate = path)]`
/// says where `mdbx_typed` is, for crates that re-export it.
///
/// ```
/// use mdbx_typed::prelude::*;
///
/// #[derive(Plain, Clone, Copy)]
/// #[repr(C)]
/// struct Point {
///     x: le::I32,
///     y: le::I32,
/// }
///
/// #[derive(Table, Plain, Clone, Copy)]
/// #[table(raw)]
/// #[repr(C)]
/// struct Triangle {
///     #[key]
///     id: le::U32,
///     corners: [Point; 3],
///     label: [u8; 4],
/// }
/// ```
#[proc_macro_derive(Plain, attributes(plain))]
pub fn derive_plain(input: TokenStream) -> TokenStream {
    expand::plain(&parse_macro_input!(input as DeriveInput)).into()
}
