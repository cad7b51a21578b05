//! The handle applications hold.
//!
//! | file | its job |
//! | --- | --- |
//! | `options` | how to open an environment: what for, with which geometry and limits |
//! | `handle` | `Env`: begin transactions |
//! | `batch` | changes of many threads in one commit |
//! | `info` | what an environment tells about itself |

pub(crate) mod batch;
pub(crate) mod handle;
pub(crate) mod info;
pub(crate) mod options;
