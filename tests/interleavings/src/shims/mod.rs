//! What is in the place of the parts of the engine that meet the operating system.

pub(crate) mod attach;
pub(crate) mod map;
pub(crate) mod open;
pub(crate) mod process;
pub(crate) mod region;
pub(crate) mod sweep;
