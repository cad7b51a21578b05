//! Cuts the power of a simulated disk at every step, and opens what is left.
//!
//! A workload runs on a real file, and every effect on that is recorded, with a note wherever a commit begins and
//! returns. Then the recording is played on a simulated disk that forgets; at every step the machine stops, in every
//! way that is legal, as far as they can be counted, and otherwise in ways drawn at random. Each file that is left is
//! opened as after a restart, checked, compared with what was committed, and written to.
//!
//! | file | its job |
//! | --- | --- |
//! | `log` | what a workload did to the disk |
//! | `disk` | a disk that forgets, and what it may have forgotten |
//! | `model` | what a database must hold |
//! | `change` | random changes |
//! | `workload` | workloads, and their recordings |
//! | `judge` | opens what is left and holds it against what was promised |
//! | `spot` | moments to stop at, and the ways to stop |
//! | `campaign` | all the crashes of a recording |

#![expect(
    clippy::missing_panics_doc,
    reason = "what is found is told by a panic"
)]

mod campaign;
mod change;
mod disk;
mod judge;
mod log;
mod model;
mod rng;
mod spot;
mod workload;

pub use campaign::{Campaign, Tally};
pub use disk::{Choice, Disk, SECTOR};
pub use judge::{Bounds, Crash, Found, Histories, Judge, Looked, Manner, Oldest, scratch};
pub use log::{Lies, Promise, Recorder, Step};
pub use model::{AFTERMATH, Model, TableModel};
pub use rng::Rng;
pub use spot::{Moment, Spot, Start, leave, walk};
pub use workload::{BOOT, Habit, Modes, Plan, Recording};
