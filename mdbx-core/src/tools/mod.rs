//! Tools for whole files: built on everything else, needed by none of it.
//!
//! | module | its job |
//! | --- | --- |
//! | [`account`](mod@account) | is every page used exactly once? Only that, and quickly |
//! | [`check`](mod@check) | is every page of a snapshot sound, and used exactly once? |
//! | [`dump`](mod@dump) | write the contents of a snapshot as text |

pub mod account;
pub mod check;
pub mod dump;
