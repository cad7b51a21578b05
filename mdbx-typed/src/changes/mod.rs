//! What changed: told to subscribers in this process, and found out by polling in others.
//!
//! A write transaction notes the keys it changes, if somebody listens. When it commits, the notes become change sets,
//! which wait until the commit has succeeded and are then put into the queues of the subscribers.
//!
//! - `set`: [`ChangeSet`], and what is queued of it: keys as bytes.
//! - `journal`: the notes of one transaction, and their net effect.
//! - `queue`: what one subscriber has not received yet, bounded.
//! - `hub`: who listens, and the change sets whose commit has not returned yet, in write order.
//! - `receive`: [`Changes`], the subscriber's end.
//! - `since`: [`ChangedTables`], for other processes.
//! - `log`: the changes of a table that keeps them in the file.

mod hub;
mod journal;
pub(crate) mod log;
mod queue;
mod receive;
mod set;
mod since;

pub(crate) use hub::{Hub, Ticket};
pub(crate) use journal::{Attempt, Filter, Journal, Mark, Noting, Watch};
pub use log::LoggedChanges;
pub(crate) use queue::Queue;
pub use receive::{Changes, RecvError};
pub use set::ChangeSet;
pub use since::ChangedTables;
