//! Cursors.

use crate::answers::{Outcome, Stop};
use crate::trace::Step;
use crate::world::Stage;

pub(crate) fn perform(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let _ = (stage, step);
    Err(Stop::Waiting("cursors"))
}
