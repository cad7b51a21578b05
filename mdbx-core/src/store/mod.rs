//! One opened database, shared by its transactions.
//!
//! | file | its job |
//! | --- | --- |
//! | `open` | open or create |
//! | `create` | make a database, so that a crash leaves one or none |
//! | `recover` | choose the meta to start from, and recover |
//! | `seal` | whether all pages of the newest commit are in the file |
//! | `troika` | the three metas: recent, last steady, next to overwrite |
//! | `newest` | the newest of them, found while others commit |
//! | `attach` | the lock file: made, joined, left |
//! | `slots` | the slots of readers of all processes: the oldest snapshot in use |
//! | `sweep` | the slots of dead processes are taken back |
//! | `readers` | the slots of this process: take, pin, give back |
//! | `reader` | a reader: a slot, and the snapshot that it pins |
//! | `slow` | what the application is told about readers, and asked about slow ones |
//! | `room` | room from readers that keep a writer from using pages again |
//! | `compaction` | when to move what is written towards the start of the file |
//! | `names` | the names of the tables that were opened |
//! | `orders` | the orders that an application gives for its tables |
//! | `durability` | what a commit promises, and what it does for that |
//! | `unsynced` | what was written and may not be on the disk |
//! | `flush` | flushes of the file, and writes of metas |
//! | `fallback` | where a power cut leads back to, and what must therefore be left alone |
//! | `sync` | make the newest snapshot durable |
//! | `turn` | the writer's turn: one write transaction at a time |
//! | `geometry` | what geometry was asked for, and what a file gets |
//! | `resize` | grow and shrink the data file, and change its geometry |
//!
//! Any number of processes have a database open. What they tell each other is in the lock file, which `attach` is
//! about; what they find in the data file may be from any of them.

pub(crate) mod attach;
pub(crate) mod compaction;
pub(crate) mod create;
pub(crate) mod durability;
pub(crate) mod fallback;
pub(crate) mod flush;
pub(crate) mod geometry;
pub(crate) mod names;
pub(crate) mod newest;
pub(crate) mod open;
pub(crate) mod orders;
pub(crate) mod reader;
pub(crate) mod readers;
pub(crate) mod recover;
pub(crate) mod resize;
pub(crate) mod room;
pub(crate) mod seal;
pub(crate) mod slots;
pub(crate) mod slow;
pub(crate) mod sweep;
pub(crate) mod sync;
pub(crate) mod troika;
pub(crate) mod turn;
pub(crate) mod unsynced;
