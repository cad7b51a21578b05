//! Whatever a crash leaves opens to a state that was committed, and no older than promised.
//!
//! Workloads are recorded, and the power cut at every step of them: see the crate `mdbx-simulator` for what a disk may
//! have forgotten then. `MDBX_CRASH_STATES` sets how many different files are opened, `MDBX_SEED` what the workloads
//! do. `MDBX_CRASH_ONLY` repeats one crash, which a failure names.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod plans;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mdbx_simulator::{Campaign, Plan, Spot, Tally, scratch};

/// How many states are tried if nothing else is asked for: a debug build takes its time.
const STATES: u64 = if cfg!(debug_assertions) {
    5_000
} else {
    100_000
};
/// A workload that opens no new state for so long hangs.
const PATIENCE: Duration = Duration::from_mins(2);

fn main() -> ExitCode {
    if let Ok(only) = std::env::var("MDBX_CRASH_ONLY") {
        return repeat(&only);
    }
    let (states, seed) = (number("MDBX_CRASH_STATES", STATES), number("MDBX_SEED", 1));
    println!("seed {seed}: to repeat, MDBX_SEED={seed} MDBX_CRASH_STATES={states}");
    let (plans, begin) = (plans::plans(seed), Instant::now());
    let (tallies, failures) = run(&plans, states.div_ceil(plans.len() as u64));
    show(&tallies);
    println!("it took {} seconds", begin.elapsed().as_secs());
    for failure in &failures {
        let name = failure.lines().next().unwrap_or_default();
        println!("\nFAILED {failure}\n  to repeat: MDBX_CRASH_ONLY={name}");
    }
    ExitCode::from(u8::from(!failures.is_empty()))
}

/// Tries so many states of each plan. Returns what it came to, and the failures in words.
fn run(plans: &[Plan], budget: u64) -> (Vec<Tally>, Vec<String>) {
    let tallies: Vec<Tally> = plans.iter().map(|_| Tally::default()).collect();
    let failures = Mutex::new(Vec::new());
    let (next, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let work = || {
            while let Some(plan) = plans.get(next.fetch_add(1, Ordering::Relaxed)) {
                let tally = &tallies[plans
                    .iter()
                    .position(|other| std::ptr::eq(other, plan))
                    .unwrap()];
                if let Err(failure) = record(plan)
                    .and_then(|recording| Campaign::new(plan, &recording, tally).run(budget))
                {
                    failures.lock().unwrap().push(failure);
                }
            }
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        scope.spawn(|| watch(&tallies, &done, budget * plans.len() as u64));
        for worker in workers {
            worker.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    (tallies, failures.into_inner().unwrap())
}

/// Records what a plan does.
fn record(plan: &Plan) -> Result<mdbx_simulator::Recording, String> {
    let directory = scratch();
    plan.run(&directory.path().join("work.mdbx"))
        .map_err(|error| format!("{}: {error:?}", plan.name))
}

/// Shows how far it is, and ends the process if it does not get any further.
fn watch(tallies: &[Tally], done: &AtomicBool, all: u64) {
    let (mut last, mut since) = (0, Instant::now());
    while !done.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(200));
        let states = tallies.iter().map(Tally::states).sum();
        if states != last {
            (last, since) = (states, Instant::now());
        } else if since.elapsed() > PATIENCE {
            eprintln!("nothing has been opened for {PATIENCE:?}: it hangs");
            std::process::abort();
        }
        if std::io::stdout().is_terminal() {
            print!("\r{states} of {all} states ");
            std::io::stdout().flush().unwrap();
        }
    }
    if std::io::stdout().is_terminal() {
        print!("\r");
    }
}

/// Repeats the crash that a failure names.
fn repeat(only: &str) -> ExitCode {
    let (name, spot) = only
        .split_once('/')
        .expect("it is like mixed-256-safe-1/17:power:3");
    let seed = name
        .rsplit('-')
        .next()
        .unwrap()
        .parse()
        .expect("the name ends with a seed");
    let spot: Spot = spot.parse().unwrap();
    let plans = plans::plans(seed);
    let plan = plans
        .iter()
        .find(|plan| plan.name == name)
        .expect("there is such a workload");
    let recording = record(plan).unwrap();
    let (from, to) = (spot.moment / 3, spot.moment / 3 + 1);
    for (number, step) in recording
        .steps
        .iter()
        .enumerate()
        .take(to + 5)
        .skip(from.saturating_sub(20))
    {
        let mark = if number == from { ">" } else { " " };
        let text: String = format!("{step:?}").chars().take(90).collect();
        println!("{mark} {number:>5} {text}");
    }
    match Campaign::new(plan, &recording, &Tally::default()).run_only(spot) {
        Ok(()) => println!("{only}: as it must be"),
        Err(failure) => println!("FAILED {failure}"),
    }
    ExitCode::SUCCESS
}

/// A number of a tally.
type Count = fn(&Tally) -> u64;

/// Shows how many states there were: of each workload in each way, and of each kind.
fn show(tallies: &[Tally]) {
    let (ways, column) = (plans::ways(), |text: &str| print!("{text:>12}"));
    print!("{:<18}", "states");
    for (way, ..) in &ways {
        column(way);
    }
    println!();
    for ((name, ..), tallies) in plans::names().iter().zip(tallies.chunks(ways.len())) {
        print!("{name:<18}");
        let states = tallies.iter().map(Tally::states);
        for states in states {
            column(&states.to_string());
        }
        println!();
    }
    let kinds: [(&str, Count); 5] = [
        ("after power cuts", |tally| {
            tally.power.load(Ordering::Relaxed)
        }),
        ("after processes", |tally| {
            tally.process.load(Ordering::Relaxed)
        }),
        ("after two crashes", |tally| {
            tally.again.load(Ordering::Relaxed)
        }),
        ("of them destroyed", |tally| {
            tally.ruins.load(Ordering::Relaxed)
        }),
        ("all", Tally::states),
    ];
    for (kind, count) in kinds {
        print!("{kind:<18}");
        for way in 0..ways.len() {
            let of_way = tallies.iter().skip(way).step_by(ways.len());
            column(&of_way.map(count).sum::<u64>().to_string());
        }
        println!();
    }
    let all: u64 = tallies.iter().map(Tally::states).sum();
    println!("{all} files that crashes left were opened");
}

/// Returns the number that the environment variable `name` has, or `default`.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse().expect("the variable is a number")
    })
}
