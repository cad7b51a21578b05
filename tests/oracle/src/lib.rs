//! Holds the engine against libmdbx.
//!
//! The tests and the benchmark do the work; the library is only the other engine:
//!
//! | module | its job |
//! | --- | --- |
//! | `c` | libmdbx behind an interface that is safe to use |
//!
//! It is there with the feature `c-engine`.

#[cfg(feature = "c-engine")]
pub mod c;
