//! The derive macros of `mdbx-typed`, which re-exports them. Use them from there.
//!
//! They work in three steps, each with types of its own: `parse` reads what the user wrote by the grammar in `attr`,
//! `model` works out what it means and finds the mistakes, `expand` writes the code.
//!
//! # `#[derive(Table)]`
//!
//! Makes a struct with named fields a table. The struct may have one lifetime, that of the transaction its rows
//! borrow from; type parameters are not possible. It also needs serde's `Serialize` and `Deserialize`.
//!
//! | place | attribute | meaning |
//! | --- | --- | --- |
//! | struct | `#[table(name = "users")]` | the stored name; if not given, the struct's in snake case |
//! | struct | `#[table(module = user_ix)]` | the name of the generated module; if not given, the struct's in snake case |
//! | struct | `#[table(codec = Postcard)]` | how rows are stored; if not given, `Bincode` |
//! | struct | `#[table(crate = path)]` | where `mdbx_typed` is, for crates that re-export it |
//! | struct | `#[index(by_a_b, on(a, b))]` | an index of several fields, called `by_a_b` |
//! | struct | `#[index(by_x, with = f, key = T)]` | an index of what `f(&row)` returns, which is a `T` |
//! | field | `#[key]` | the primary key; several fields make a composite key, in the order of the fields |
//! | field | `#[key(auto)]` | an integer that `insert_new` counts up; it is never given out twice |
//! | field | `#[index]` | an index of this field, called `by_` and the field |
//! | field | `#[index(name = other)]` | the same, called `other` |
//! | either index | `unique` | at most one row for each key |
//! | either index | `sparse` | on an `Option`: rows with `None` are not in the index, and the key is what is inside |
//! | either index | `each` | on a collection: one entry for each distinct element |
//! | either index | `when = f` | only rows for which `f(&row)` is true are in the index |
//!
//! Clippy takes two indexes that have a field in common for a duplicated attribute; where it does, say
//! `#[expect(clippy::duplicated_attributes, reason = "..")]`.
//!
//! A field type can be part of a key or an index if it is a `KeyField`: an integer of fixed size, `bool`, `char`,
//! text, bytes, `[u8; N]`, `TotalF64`, or an `Option` or tuple of those; newtypes and enums without fields are with
//! `#[derive(Key)]`.
//!
//! Next to the struct it generates a module, of the same visibility, with a marker for each index:
//!
//! ```text
//! pub mod user {
//!     pub struct primary;
//!     pub struct by_email;
//! }
//! ```
//!
//! Rows are stored by position and without names. So serde attributes that leave fields out of some rows, or turn
//! the struct into something else, are refused: `flatten`, `skip_serializing_if`, `tag`, `from` and the like.
//! `#[serde(skip)]` is fine: such a field is not stored.
//!
//! # `#[derive(Key)]`
//!
//! Lets a type of your own be part of keys: a struct with one field, stored as that field, or an enum without
//! fields, stored as the position of the variant in one byte. Appending variants keeps the stored keys valid, but the
//! catalog notes the change. Callers pass it by reference: `tx.get::<User>(&UserId(7))`.

mod attr;
mod errors;
mod expand;
mod model;
mod parse;
mod view;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct a table. The attributes are listed in the [documentation of this crate](crate).
#[proc_macro_derive(Table, attributes(table, key, index, field))]
pub fn derive_table(input: TokenStream) -> TokenStream {
    expand::table(&parse_macro_input!(input as DeriveInput)).into()
}

/// Makes a struct with one field, or an enum without fields, a part of keys.
#[proc_macro_derive(Key, attributes(key))]
pub fn derive_key(input: TokenStream) -> TokenStream {
    expand::key(&parse_macro_input!(input as DeriveInput)).into()
}

/// Makes a struct a view.
#[proc_macro_derive(View, attributes(view, serde))]
pub fn derive_view(input: TokenStream) -> TokenStream {
    expand::view(&parse_macro_input!(input as DeriveInput)).into()
}

/// Makes a struct plain.
#[proc_macro_derive(Plain, attributes(plain))]
pub fn derive_plain(input: TokenStream) -> TokenStream {
    expand::plain(&parse_macro_input!(input as DeriveInput)).into()
}
