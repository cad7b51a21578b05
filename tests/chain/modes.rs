//! The ways to commit. A process that dies takes nothing with it in any of them: what it has written is in the hands of
//! the operating system.

use mdbx_core::{Durability, EnvOptions};

/// A name, and how to open a database so.
pub(crate) type Mode = (&'static str, fn(EnvOptions) -> EnvOptions);

/// All that are tried.
pub(crate) const MODES: [Mode; 10] = [
    ("durable", |options| options),
    ("single sync", |options| {
        options.durability(Durability::SingleSync)
    }),
    ("no meta sync", |options| {
        options.durability(Durability::NoMetaSync)
    }),
    ("safe no sync", |options| {
        options.durability(Durability::SafeNoSync)
    }),
    ("safe no sync, but often", |options| {
        let options = options.durability(Durability::SafeNoSync);
        options.sync_bytes(1 << 16)
    }),
    ("utterly no sync", |options| {
        options.durability(Durability::UtterlyNoSync)
    }),
    ("durable in a writable map", |options| {
        options.write_map(true)
    }),
    ("single sync in a writable map", |options| {
        options.durability(Durability::SingleSync).write_map(true)
    }),
    ("no meta sync in a writable map", |options| {
        options.durability(Durability::NoMetaSync).write_map(true)
    }),
    ("safe no sync in a writable map", |options| {
        options.durability(Durability::SafeNoSync).write_map(true)
    }),
];
