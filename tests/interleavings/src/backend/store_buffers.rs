//! All interleavings of threads on processors of the x86 kind, exactly: each has a queue of its own stores, which reach
//! the memory later, in their order; its loads look into that queue first. Exchanges and full fences wait until it is
//! empty.
//!
//! A program is run again and again, each time with another choice of who goes next: a thread, with its next access to
//! the memory, or a queue, with its oldest store. Two runs that differ only in the order of neighbouring steps that do
//! not concern each other (of different threads, and not at one place or both loads) come to the same, so one of them is
//! left out: another choice is made only where two steps that do concern each other could have come in the other order,
//! and steps sleep that an earlier choice has dealt with, until one that concerns them was done. Nothing else is left
//! out: the threads of these programs end whatever they find, so each has finitely many runs.
//!
//! Source: Sewell and others, "x86-TSO"; Flanagan and Godefroid, "Dynamic Partial-Order Reduction".

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use generator::{Generator, Gn};

use crate::backend::{Explored, Program, Violation, Weakness};

pub(crate) use std::sync::atomic::Ordering;

/// The stack of a thread, in words.
const STACK: usize = 0x4000;

/// What a thread does.
pub(crate) type Body = Box<dyn FnOnce() + Send>;

/// What it may hold.
pub(crate) trait Held: Send {}
impl<T: Send> Held for T {}

/// What a thread asks of the memory.
#[derive(Debug, Clone, Copy)]
enum Ask {
    Load(usize),
    Store(usize, u64),
    Exchange(usize, Change),
    Fence,
}

/// What an exchange makes of a value.
#[derive(Debug, Clone, Copy)]
enum Change {
    To(u64),
    ToIf(u64, u64),
    AtLeast(u64),
}

/// Who takes a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Actor {
    Thread(usize),
    /// The oldest store of a thread reaches the memory.
    Queue(usize),
}

/// A step that others can notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    actor: Actor,
    place: usize,
    writes: bool,
}

impl Step {
    /// Returns whether it makes no difference which of two steps is first.
    fn commutes_with(self, other: Step) -> bool {
        self.actor != other.actor && (self.place != other.place || !(self.writes || other.writes))
    }
}

/// A choice that was made.
#[derive(Debug)]
struct Choice {
    possible: Vec<Step>,
    /// Whose turn has to be tried here.
    wanted: Vec<Actor>,
    /// What need not be chosen here, because a run that did so comes to the same as an earlier one.
    asleep: Vec<Step>,
    chosen: Step,
}

/// The memory of one run.
#[derive(Debug, Default)]
struct Memory {
    values: Vec<u64>,
    queues: Vec<VecDeque<(usize, u64)>>,
    weakness: Option<Weakness>,
    violation: Option<String>,
    /// Whether threads run, which wait for their turn.
    is_running: bool,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

impl Memory {
    fn new(weakness: Option<Weakness>) -> Memory {
        Memory {
            weakness,
            ..Memory::default()
        }
    }

    fn load(&self, thread: usize, place: usize) -> u64 {
        let own = self.queues.get(thread);
        let own = own.and_then(|queue| queue.iter().rev().find(|store| store.0 == place));
        own.map_or(self.values[place], |store| store.1)
    }

    fn exchange(&mut self, place: usize, change: Change) -> u64 {
        let old = self.values[place];
        self.values[place] = match change {
            Change::To(new) => new,
            Change::ToIf(expected, new) if old == expected => new,
            Change::ToIf(..) => old,
            Change::AtLeast(least) => old.max(least),
        };
        old
    }

    /// Does what is asked, at once.
    fn perform(&mut self, thread: usize, ask: Ask) -> u64 {
        match ask {
            Ask::Load(place) => self.load(thread, place),
            Ask::Store(place, value) => self.exchange(place, Change::To(value)),
            Ask::Exchange(place, change) => self.exchange(place, change),
            Ask::Fence => 0,
        }
    }
}

/// Asks the memory, when it is this thread's turn.
#[expect(deprecated, reason = "what asks has no scope of its own")]
fn ask(ask: Ask) -> u64 {
    let done = MEMORY.with_borrow_mut(|memory| {
        let waits = memory.is_running && !std::thread::panicking();
        (!waits).then(|| memory.perform(usize::MAX, ask))
    });
    done.unwrap_or_else(|| generator::yield_::<u64, Ask>(ask).unwrap_or_default())
}

type Thread = Generator<'static, u64, Ask>;

/// How many steps of each actor, threads first, were done before something: the number of the last one and one more.
type Clock = Vec<usize>;

fn join(clock: &mut Clock, other: &[usize]) {
    for (own, other) in clock.iter_mut().zip(other) {
        *own = (*own).max(*other);
    }
}

/// One run.
struct Run {
    threads: Vec<Thread>,
    /// What each actor knows of, threads first.
    clocks: Vec<Clock>,
    /// What each step that was taken knew of, and itself.
    clocks_of: Vec<Clock>,
    /// What threads knew of when they made the stores that wait in their queues.
    queued: Vec<VecDeque<Clock>>,
    /// For each place what all loads, and what all writes, knew of.
    places: BTreeMap<usize, (Clock, Clock)>,
    /// What each thread waits for; `None` once it has ended.
    asked: Vec<Option<Ask>>,
}

impl Run {
    fn new(program: Program) -> (Run, Box<dyn FnOnce()>) {
        let Program { threads, end } = program;
        MEMORY.with_borrow_mut(|memory| {
            memory.is_running = true;
            memory.queues = threads.iter().map(|_| VecDeque::new()).collect();
        });
        let threads: Vec<Thread> = threads.into_iter().map(spawn).collect();
        let actors = 2 * threads.len();
        let mut run = Run {
            asked: vec![None; threads.len()],
            clocks: vec![vec![0; actors]; actors],
            clocks_of: Vec::new(),
            queued: vec![VecDeque::new(); threads.len()],
            places: BTreeMap::new(),
            threads,
        };
        for thread in 0..run.threads.len() {
            run.asked[thread] = run.threads[thread].resume().filter(|ask| !is_end(ask));
        }
        (run, end)
    }

    fn answer(&mut self, thread: usize, value: u64) {
        let next = self.threads[thread].raw_send(Some(value));
        self.asked[thread] = next.filter(|ask| !is_end(ask));
    }

    /// Does all that nobody else notices, and returns the steps that can come next.
    fn settle(&mut self) -> Vec<Step> {
        let mut possible = Vec::new();
        for thread in 0..self.threads.len() {
            while let Some(ask) = self.asked[thread] {
                let is_done = MEMORY.with_borrow_mut(|memory| match ask {
                    Ask::Store(place, value) => {
                        memory.queues[thread].push_back((place, value));
                        true
                    }
                    Ask::Fence => memory.queues[thread].is_empty(),
                    Ask::Load(_) | Ask::Exchange(..) => false,
                });
                if !is_done {
                    break;
                }
                if let Ask::Store(..) = ask {
                    self.queued[thread].push_back(self.clocks[thread].clone());
                } else {
                    self.knows_own_stores(thread);
                }
                self.answer(thread, 0);
            }
            MEMORY.with_borrow(|memory| {
                let oldest = memory.queues[thread].front();
                possible.extend(oldest.map(|&(place, _)| Step {
                    actor: Actor::Queue(thread),
                    place,
                    writes: true,
                }));
                let (place, writes) = match self.asked[thread] {
                    Some(Ask::Load(place)) => (place, false),
                    Some(Ask::Exchange(place, _)) if oldest.is_none() => (place, true),
                    _ => return,
                };
                possible.push(Step {
                    actor: Actor::Thread(thread),
                    place,
                    writes,
                });
            });
        }
        possible
    }

    /// Notes that the stores of a thread have reached the memory before it goes on.
    fn knows_own_stores(&mut self, thread: usize) {
        let queue = self.clocks[self.threads.len() + thread].clone();
        join(&mut self.clocks[thread], &queue);
    }

    fn number(&self, actor: Actor) -> usize {
        match actor {
            Actor::Thread(thread) => thread,
            Actor::Queue(thread) => self.threads.len() + thread,
        }
    }

    /// Returns what is known to come before a step, whatever order is chosen for those that concern each other.
    fn before(&mut self, step: Step) -> Clock {
        match step.actor {
            Actor::Thread(thread) if step.writes => self.knows_own_stores(thread),
            Actor::Thread(_) => {}
            Actor::Queue(thread) => {
                if let Some(stored) = self.queued[thread].front() {
                    join(&mut self.clocks[self.threads.len() + thread], stored);
                }
            }
        }
        self.clocks[self.number(step.actor)].clone()
    }

    /// Returns what comes before a step in this run, and the step itself, which is the one with that number.
    fn clock(&mut self, step: Step, number: usize) -> Clock {
        let mut clock = self.before(step);
        if let Some((loads, writes)) = self.places.get(&step.place) {
            join(&mut clock, writes);
            if step.writes {
                join(&mut clock, loads);
            }
        }
        clock[self.number(step.actor)] = number + 1;
        clock
    }

    /// Has the other order tried of each earlier step that concerns `step`, and need not come before it.
    fn find_races(&mut self, step: Step, path: &mut [Choice]) {
        let before = self.before(step);
        let clock = self.clock(step, path.len());
        for at in 0..path.len() {
            let earlier = path[at].chosen;
            let number = self.number(earlier.actor);
            let is_race =
                earlier.actor != step.actor && !earlier.commutes_with(step) && before[number] <= at;
            if !is_race {
                continue;
            }
            // What can come before the earlier step, and then `step`. Of it, what nothing else has to precede.
            let later = (at + 1..path.len())
                .map(|later| (later, path[later].chosen, &self.clocks_of[later]));
            let later = later.chain([(path.len(), step, &clock)]);
            let free =
                later.filter(|(other, _, clock)| *other == path.len() || clock[number] <= at);
            let mut all: Vec<(usize, Step)> = Vec::new();
            let mut first: Vec<Actor> = Vec::new();
            for (other, step, clock) in free {
                let follows =
                    |&(at, earlier): &(usize, Step)| clock[self.number(earlier.actor)] > at;
                if !all.iter().any(follows) {
                    first.push(step.actor);
                }
                all.push((other, step));
            }
            let wanted = &mut path[at].wanted;
            if !first.iter().any(|actor| wanted.contains(actor)) {
                wanted.extend(first.first());
            }
        }
    }

    /// Takes a step, which is the one with that number.
    fn take(&mut self, step: Step, number: usize) {
        let clock = self.clock(step, number);
        let none = || (vec![0; clock.len()], vec![0; clock.len()]);
        let (loads, writes) = self.places.entry(step.place).or_insert_with(none);
        join(if step.writes { writes } else { loads }, &clock);
        let actor = self.number(step.actor);
        self.clocks[actor].clone_from(&clock);
        self.clocks_of.push(clock);
        match step.actor {
            Actor::Thread(thread) => {
                let Some(ask) = self.asked[thread] else {
                    return;
                };
                let value = MEMORY.with_borrow_mut(|memory| memory.perform(thread, ask));
                self.answer(thread, value);
            }
            Actor::Queue(thread) => {
                self.queued[thread].pop_front();
                MEMORY.with_borrow_mut(|memory| {
                    if let Some((place, value)) = memory.queues[thread].pop_front() {
                        memory.values[place] = value;
                    }
                });
            }
        }
    }
}

/// What a thread yields at its end.
const END: Ask = Ask::Load(usize::MAX);

fn is_end(ask: &Ask) -> bool {
    matches!(ask, Ask::Load(usize::MAX))
}

fn spawn(body: Body) -> Thread {
    Gn::new_opt(STACK, move || {
        body();
        END
    })
}

/// Runs `program` in every order, and returns how many were tried, or the first in which something was
/// [violated](check).
///
/// # Errors
///
/// What was violated, and after how many runs.
pub fn explore(
    weakness: Option<Weakness>,
    program: impl Fn() -> Program + Send + Sync + 'static,
) -> Result<Explored, Violation> {
    let mut path: Vec<Choice> = Vec::new();
    let mut explored = Explored::default();
    loop {
        MEMORY.set(Memory::new(weakness));
        let (mut run, end) = Run::new(program());
        let is_new = follow(&mut run, &mut path);
        MEMORY.with_borrow_mut(|memory| memory.is_running = false);
        end();
        explored.executions += usize::from(is_new);
        explored.cut_short += usize::from(!is_new);
        if let Some(what) = MEMORY.with_borrow_mut(|memory| memory.violation.take()) {
            return Err(Violation { what, explored });
        }
        if !turn_back(&mut path) {
            return Ok(explored);
        }
    }
}

/// Goes the way that `path` prescribes, and on from its end; returns whether this run is another than all before.
fn follow(run: &mut Run, path: &mut Vec<Choice>) -> bool {
    let replayed = path.len().saturating_sub(1); // the last choice is a new one
    let mut depth = 0;
    let mut is_new = true;
    loop {
        let possible = run.settle();
        let Some(&first) = possible.first() else {
            return is_new;
        };
        if !is_new {
            run.take(first, depth); // only to let the threads end
            depth += 1;
            continue;
        }
        if depth == path.len() {
            let asleep = path.last().map_or_else(Vec::new, |last| {
                let asleep = last.asleep.iter().copied();
                asleep
                    .filter(|step| step.commutes_with(last.chosen))
                    .collect()
            });
            let Some(&chosen) = possible.iter().find(|&step| !asleep.contains(step)) else {
                for step in possible {
                    run.find_races(step, path);
                }
                is_new = false;
                continue;
            };
            path.push(Choice {
                possible,
                wanted: vec![chosen.actor],
                asleep,
                chosen,
            });
        }
        let chosen = path[depth].chosen;
        if depth >= replayed {
            run.find_races(chosen, &mut path[..depth]);
        }
        run.take(chosen, depth);
        depth += 1;
    }
}

/// Makes another choice where that was possible last, and has to be tried; returns whether there was one.
fn turn_back(path: &mut Vec<Choice>) -> bool {
    while let Some(choice) = path.last_mut() {
        choice.asleep.push(choice.chosen);
        let (asleep, wanted) = (&choice.asleep, &choice.wanted);
        let mut possible = choice.possible.iter();
        let other = possible.find(|&step| wanted.contains(&step.actor) && !asleep.contains(step));
        if let Some(&other) = other {
            choice.chosen = other;
            return true;
        }
        path.pop();
    }
    false
}

/// Notes that this order breaks what is promised, unless `holds`.
pub fn check(holds: bool, what: &str) {
    if !holds {
        MEMORY.with_borrow_mut(|memory| {
            memory.violation.get_or_insert_with(|| what.to_owned());
        });
    }
}

fn is_weak(weakness: Weakness) -> bool {
    MEMORY.with_borrow(|memory| memory.weakness == Some(weakness))
}

/// The full fence; weaker ones do nothing here.
pub(crate) fn fence(ordering: Ordering) {
    if ordering == Ordering::SeqCst && !is_weak(Weakness::NoFence) {
        ask(Ask::Fence);
    }
}

/// The exchange before it was a barrier already.
pub(crate) fn full_barrier_after_swap() {}

/// A place of the memory.
struct Place(usize);

impl Place {
    fn new(value: u64) -> Place {
        MEMORY.with_borrow_mut(|memory| {
            memory.values.push(value);
            Place(memory.values.len() - 1)
        })
    }

    fn swap(&self, value: u64) -> u64 {
        if is_weak(Weakness::NoFence) {
            let old = ask(Ask::Load(self.0));
            ask(Ask::Store(self.0, value));
            return old;
        }
        ask(Ask::Exchange(self.0, Change::To(value)))
    }
}

macro_rules! atomics {
    ($($name:ident $type:ty, $to:expr, $from:expr;)*) => {$(
        /// An atomic whose accesses are explored.
        pub(crate) struct $name(Place);

        #[allow(dead_code, reason = "not all are used of each type")]
        impl $name {
            pub(crate) fn new(value: $type) -> $name {
                $name(Place::new($to(value)))
            }

            pub(crate) fn load(&self, _: Ordering) -> $type {
                $from(ask(Ask::Load(self.0.0)))
            }

            pub(crate) fn store(&self, value: $type, _: Ordering) {
                ask(Ask::Store(self.0.0, $to(value)));
            }

            pub(crate) fn swap(&self, value: $type, _: Ordering) -> $type {
                $from(self.0.swap($to(value)))
            }

            pub(crate) fn fetch_max(&self, value: $type, _: Ordering) -> $type {
                $from(ask(Ask::Exchange(self.0.0, Change::AtLeast($to(value)))))
            }

            pub(crate) fn compare_exchange(
                &self,
                expected: $type,
                new: $type,
                _: Ordering,
                _: Ordering,
            ) -> Result<$type, $type> {
                let change = Change::ToIf($to(expected), $to(new));
                let old = $from(ask(Ask::Exchange(self.0.0, change)));
                if old == expected { Ok(old) } else { Err(old) }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

atomics! {
    AtomicBool bool, u64::from, |value| value != 0;
    AtomicU32 u32, u64::from, |value| u32::try_from(value).unwrap_or(u32::MAX);
    AtomicU64 u64, |value| value, |value| value;
    AtomicUsize usize, |value| value as u64, |value| usize::try_from(value).unwrap_or(usize::MAX);
}

/// A page of the data file.
#[derive(Debug)]
pub(crate) struct Page(AtomicU32);

impl Page {
    pub(crate) fn new() -> Page {
        Page(AtomicU32::new(0))
    }

    /// Reads the page as it was when its snapshot was made.
    pub(crate) fn read(&self) {
        let is_same = self.0.load(Ordering::Relaxed) == 0;
        check(is_same, "a page that a reader has pinned was used again");
    }

    /// Uses the page for something else.
    pub(crate) fn overwrite(&self) {
        self.0.store(1, Ordering::Relaxed);
    }
}
