//! The workloads.

use mdbx_simulator::{Habit, Lies, Plan};

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

/// Returns the workloads: each habit with small pages and common ones, and one with large pages.
pub(crate) fn plans(seed: u64) -> Vec<Plan> {
    let mut plans = Vec::new();
    for (name, habit) in HABITS {
        for page_size in [256, 4096] {
            plans.push(plan(name, habit, page_size, seed, 40));
        }
    }
    plans.push(plan("mixed", Habit::Mixed, 65536, seed, 8));
    plans
}

fn plan(name: &str, habit: Habit, page_size: u32, seed: u64, transactions: usize) -> Plan {
    Plan {
        name: format!("{name}-{page_size}-{seed}"),
        page_size,
        habit,
        seed,
        transactions,
        lies: Lies::None,
    }
}
