//! Errors of the reader table.

pub(crate) use crate::shims::attach::readers_error;
