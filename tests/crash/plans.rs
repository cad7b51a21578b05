//! The workloads.

use mdbx_core::Durability;
use mdbx_simulator::{Habit, Lies, Modes, Plan};

/// What workloads do most.
const HABITS: [(&str, Habit); 9] = [
    ("mixed", Habit::Mixed),
    ("tides", Habit::Tides),
    ("churn", Habit::Churn),
    ("nested", Habit::Nested),
    ("large", Habit::Large),
    ("spill", Habit::Spill),
    ("tables", Habit::Tables),
    ("geometry", Habit::Geometry),
    ("reopen", Habit::Reopen),
];

/// What their commits promise.
const MODES: [(&str, Modes); 6] = [
    ("durable", Modes::Only(Durability::Durable)),
    ("single", Modes::Only(Durability::SingleSync)),
    ("nometa", Modes::Only(Durability::NoMetaSync)),
    ("safe", Modes::Only(Durability::SafeNoSync)),
    ("utterly", Modes::Only(Durability::UtterlyNoSync)),
    ("changing", Modes::Mixed),
];

/// How the workloads reach the disk: each mode with pages that are written, and with pages stored through a mapping.
pub(crate) fn ways() -> Vec<(String, Modes, bool)> {
    let written = MODES.map(|(name, modes)| (name.to_owned(), modes, false));
    let stored = MODES.map(|(name, modes)| (format!("{name}map"), modes, true));
    written.into_iter().chain(stored).collect()
}

/// Returns what the workloads are called that are done in each mode.
pub(crate) fn names() -> Vec<(String, Habit, u32)> {
    let mut names = Vec::new();
    for (name, habit) in HABITS {
        for page_size in [256, 4096] {
            names.push((format!("{name}-{page_size}"), habit, page_size));
        }
    }
    names.push(("mixed-65536".to_owned(), Habit::Mixed, 65536));
    names
}

/// Returns the workloads: each in each way.
pub(crate) fn plans(seed: u64) -> Vec<Plan> {
    let mut plans = Vec::new();
    for (number, (name, habit, page_size)) in (0..).zip(names()) {
        for (way, modes, write_map) in ways() {
            plans.push(Plan {
                name: format!("{name}-{way}-{seed}"),
                page_size,
                habit,
                modes,
                write_map,
                seed: seed + number, // some sync by themselves, depending on that
                transactions: if page_size > 4096 { 8 } else { 40 },
                lies: Lies::None,
            });
        }
    }
    plans
}
