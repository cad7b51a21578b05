//! For tests of what crashes and failing disks do: hear of each effect on a data file before it happens.
//!
//! Only with the feature `sim`, which is for the tests of this project.

pub use crate::sys::process::set_boot_id;
pub use crate::sys::witness::{Disk, Effect, Fate};
