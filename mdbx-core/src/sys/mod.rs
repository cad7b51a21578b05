//! The operating system: the only user of `libc` and `memmap2`, and the home of unsafe code.
//!
//! Bottom-up:
//!
//! - [`process`]: who we are, and since which boot of the machine.
//! - [`clock`]: the time since the machine was started.
//! - [`paths`]: the names of the files of a database.
//! - [`byte_lock`]: locks on ranges of a file.
//! - [`lock`]: the locks that make us its only user, or one of several.
//! - [`file`](mod@file): positioned reads and writes, length, and the sync flavours, as one small trait.
//! - [`mapped_file`]: a data file whose pages are written through a mapping.
//! - [`witness`]: a data file that tells a test what is about to happen to it.
//! - [`map`]: the read-only mapping of the data file, and the pins that allow to read from it.
//! - [`shared`]: bytes of the mapping that a writer may be changing, read as atomics.
//! - [`atomic`]: the atomics that readers and writers meet at.
//! - [`region`]: the memory that processes share, as atomics.
//! - [`mutex`]: mutexes in it, which tell when their holder died.
//! - [`prefetch`]: a hint to the CPU.
//! - [`job`]: work that one thread lends to another, with all that it borrows.
//!
//! Upward, this layer promises safe functions; what Rust cannot see is asked for in one place,
//! [`Map::pin`](map::Map::pin).

pub(crate) mod atomic;
mod byte_lock;
pub(crate) mod clock;
pub(crate) mod file;
pub(crate) mod job;
pub(crate) mod lock;
pub(crate) mod map;
pub(crate) mod mapped_file;
pub(crate) mod mutex;
pub(crate) mod paths;
pub(crate) mod prefetch;
pub(crate) mod process;
pub(crate) mod region;
pub(crate) mod shared;
pub(crate) mod witness;
