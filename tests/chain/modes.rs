//! The ways to commit. A process that dies takes nothing with it in any of them: what it has written is in the hands of
//! the operating system.

use mdbx_core::EnvOptions;

/// A name, and how to open a database so.
pub(crate) type Mode = (&'static str, fn(EnvOptions) -> EnvOptions);

/// All that are tried.
pub(crate) const MODES: [Mode; 1] = [("durable", |options| options)];
