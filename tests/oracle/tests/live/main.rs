//! Processes of both engines that have one database open at the same time.
//!
//! The processes are workers, which do what a test tells them; all that they write is one chain of commits, and all that
//! they read must show it whole. `MDBX_LIVE_ROUNDS` says how much is done, in percent of what is usual; `MDBX_SEED` what
//! it is made from.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `part`, `chain` | the tables, and the chain of commits in them |
//! | `engine`, `ours`, `theirs`, `opening` | both engines behind one interface |
//! | `command`, `answer`, `worker` | the process that works, and what is said to it and by it |
//! | `process`, `database` | workers and the database, as the tests have them |
//! | all others | the tests |

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

#[path = "../../../common/mod.rs"]
mod common;

mod answer;
mod chain;
mod command;
mod copied;
mod database;
mod engine;
mod exclusive;
mod faults;
mod first;
mod killed;
mod lock_file;
mod modes;
mod opening;
mod ours;
mod parked;
mod part;
mod pinned;
mod process;
mod resized;
mod slots;
mod slow;
mod storm;
mod swept;
mod theirs;
mod together;
mod version;
mod waiting;
mod worker;
