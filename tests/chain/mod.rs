//! A database whose contents tell which commits made them.
//!
//! Commit number n makes changes that depend on a seed and n alone, in tables of every sort, and adds a link: its
//! number, who made it, the sum of all contents after it, and the digest of the link before. So a snapshot proves
//! itself, without knowing anything else: the links follow each other, and the sum is that of what is there. A commit
//! that is lost, torn or mixed with another shows. And whoever plays the same changes to a model has to get the very
//! contents.
//!
//! | file | its job |
//! | --- | --- |
//! | `change` | what commit n changes |
//! | `link` | a link, and the digests |
//! | `content` | the model: what is in the tables after n commits |
//! | `database` | making the next commit, and proving a snapshot |
//! | `modes` | the ways to commit |
//! | `part` | what another process is told to do |
//! | `process` | other processes: starting them, talking to them, killing them |

#![allow(dead_code, reason = "no test needs all of it")]

pub(crate) mod change;
pub(crate) mod content;
pub(crate) mod database;
pub(crate) mod link;
pub(crate) mod modes;
pub(crate) mod part;
pub(crate) mod process;
