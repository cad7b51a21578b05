//! The operating system: the only user of `libc` and `memmap2`, and the home of unsafe code.
//!
//! Bottom-up:
//!
//! - [`process`]: who we are, and since which boot of the machine.
//! - [`clock`]: the time since the machine was started.
//! - [`lock`]: the file names of a database, and the locks that make us its only user.
//! - [`file`](mod@file): positioned reads and writes, length, and the sync flavours, as one small trait.
//! - [`map`]: the read-only mapping of the data file, and the pins that allow to read from it.
//! - [`shared`]: bytes of the mapping that a writer may be changing, read as atomics.
//! - [`prefetch`]: a hint to the CPU.
//! - [`job`]: work that one thread lends to another, with all that it borrows.
//!
//! Upward, this layer promises safe functions; what Rust cannot see is asked for in one place,
//! [`Map::pin`](map::Map::pin).

pub(crate) mod clock;
pub(crate) mod file;
pub(crate) mod job;
pub(crate) mod lock;
pub(crate) mod map;
pub(crate) mod prefetch;
pub(crate) mod process;
pub(crate) mod shared;
