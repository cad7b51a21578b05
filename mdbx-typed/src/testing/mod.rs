//! What tests of an application need: databases that go away, and checks of the parts that the application writes.
//!
//! The library tests itself. What it cannot test is what an application adds: the conversions of its key types, the
//! functions its indexes are computed by, and that its structs still read what its older versions have stored. Each of
//! these has a check here, which fails with a panic that says what to look at.
//!
//! | when | use |
//! | --- | --- |
//! | a test needs a database | [`Database::in_memory`](crate::Database::in_memory): nothing touches the disk |
//! | it opens the file again, with another schema, in another process, or copies it | [`temp_db`] |
//! | a type implements [`Key`](trait@crate::Key), by `#[derive(Key)]` with `as`, or by hand | [`assert_order`] and [`assert_round_trip`] |
//! | a table has indexes with functions: `with`, `when` | [`model_check`] |
//! | a table is in files out there | [`golden!`]: one for each revision that was ever released |
//!
//! ```
//! use mdbx_typed::prelude::*;
//! use mdbx_typed::testing;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
//! #[index(by_domain, with = Self::domain, key = String)]
//! struct User {
//!     #[key]
//!     id: u32,
//!     #[index(unique)]
//!     email: String,
//! }
//!
//! impl User {
//!     fn domain(&self) -> String {
//!         self.email.rsplit('@').next().unwrap_or_default().to_owned()
//!     }
//! }
//!
//! // In tests:
//! testing::model_check(300, |rng| {
//!     let name = *rng.pick(&["ann", "bob", "eve"]);
//!     let host = rng.below(3);
//!     User { id: rng.below(10) as u32, email: format!("{name}@{host}.org") }
//! });
//! testing::golden!(User, rev = 1, hex = "07 07 616e6e40782e79", User { id: 7, email: "ann@x.y".into() });
//! ```

mod golden;
mod model;
mod order;
mod rng;
mod temp;

#[doc(inline)]
pub use crate::golden;
#[doc(hidden)]
pub use golden::assert_golden;
pub use model::model_check;
pub use order::{assert_order, assert_round_trip};
pub use rng::Rng;
pub use temp::{TempDb, temp_db};
