//! Writers and readers, some of which are killed: the others go on, and nothing is lost.

use std::collections::HashSet;
use std::time::Duration;

use mdbx_core::{Env, PageSize};
use tempfile::TempDir;

use crate::chain::database::{Plan, Tables, commit_next};
use crate::chain::modes::MODES;
use crate::chain::part::Part;
use crate::chain::process::{Process, Silence};
use crate::common::{Rng, inspect};
use crate::record::{Record, Reporter};
use crate::roles::ENTRY;

/// Who takes part, besides this process.
const CAST: [&str; 4] = ["writer", "writer", "reader", "reader"];

/// No file gets as long: what is in it takes a small part of that.
const LONGEST: u64 = 24 << 20;

/// A process that takes part.
struct Actor {
    role: &'static str,
    process: Process,
    reporter: Reporter,
}

/// A database, those who use it, and what is known of it.
pub(crate) struct Bustle {
    directory: TempDir,
    plan: Plan,
    /// The modes that the processes have, one after the other.
    modes: &'static [usize],
    env: Option<Env>,
    actors: Vec<Actor>,
    record: Record,
    /// How many processes were started.
    started: usize,
    /// How many commits this process has made.
    own: u64,
    kills: [u64; 2],
    swept: u64,
}

impl Bustle {
    pub(crate) fn new(seed: u64, page_size: PageSize, modes: &'static [usize]) -> Bustle {
        let plan = Plan {
            seed,
            window: 5000,
            page_size,
        };
        let mut bustle = Bustle {
            directory: tempfile::tempdir().unwrap(),
            plan,
            modes,
            env: None,
            actors: Vec::new(),
            record: Record::new(plan),
            started: 0,
            own: 0,
            kills: [0; 2],
            swept: 0,
        };
        bustle.attach();
        for role in CAST {
            bustle.start(role);
        }
        bustle
    }

    fn part(&self, role: &str, id: usize) -> Part {
        Part {
            role: role.to_owned(),
            plan: self.plan,
            mode: self.modes[id % self.modes.len()],
            id: id as u64,
            path: self.directory.path().join("bustle.mdbx"),
        }
    }

    fn attach(&mut self) {
        self.env = Some(self.part("", 0).open().unwrap());
    }

    fn start(&mut self, role: &'static str) {
        self.started += 1;
        let text = self.part(role, self.started).to_text();
        self.actors.push(Actor {
            role,
            reporter: self.record.reporter(self.started as u64),
            process: Process::start(&text, Some(ENTRY)),
        });
    }

    /// Kills someone, or several, and sees that the others go on.
    pub(crate) fn round(&mut self, rng: &mut Rng) {
        let victims = match rng.below(12) {
            0 => self.actors.len(),
            1 | 2 => 2,
            _ => 1,
        };
        if victims == self.actors.len() && rng.once_in(2) {
            self.env = None;
        }
        if !rng.once_in(6) {
            let first = rng.below(self.actors.len());
            let most = if rng.once_in(4) { 60 } else { 10 };
            for _ in 0..rng.below(most) {
                self.wait_for(first);
            }
        }
        std::thread::sleep(Duration::from_micros(rng.below(4000) as u64));
        let roles: Vec<_> = (0..victims).map(|_| self.kill(rng)).collect();
        if self.env.is_none() {
            self.attach();
        }
        self.listen();
        for survivor in 0..self.actors.len() {
            self.wait_for(survivor);
        }
        if rng.once_in(2) {
            self.look(rng);
        }
        for role in roles {
            self.start(role);
        }
        if rng.once_in(10) {
            self.env = None;
            std::thread::sleep(Duration::from_micros(rng.below(3000) as u64));
            self.attach();
        }
    }

    /// Kills one of the actors. Returns its role.
    fn kill(&mut self, rng: &mut Rng) -> &'static str {
        let mut actor = self.actors.swap_remove(rng.below(self.actors.len()));
        for message in actor.process.kill() {
            self.record.hear(&mut actor.reporter, message);
        }
        self.kills[usize::from(actor.role == "reader")] += 1;
        actor.role
    }

    /// Hears what has arrived.
    fn listen(&mut self) {
        for actor in &mut self.actors {
            for message in actor.process.arrived() {
                self.record.hear(&mut actor.reporter, message);
            }
        }
    }

    /// Waits until an actor has got on.
    fn wait_for(&mut self, actor: usize) {
        let Actor {
            role,
            process,
            reporter,
        } = &mut self.actors[actor];
        match process.next_or_silence() {
            Ok(Some(message)) => self.record.hear(reporter, message),
            Ok(None) => panic!("a {role} has ended by itself"),
            Err(Silence) => {
                let (name, id) = (*role, process.id());
                panic!("{name} {id} is stuck: {}", self.describe());
            }
        }
    }

    /// Says in words who holds what.
    fn describe(&self) -> String {
        let actors = self.actors.iter();
        let living: Vec<_> = actors
            .map(|actor| (actor.role, actor.process.id()))
            .collect();
        let Some(env) = &self.env else {
            return format!("living: {living:?}");
        };
        let (info, readers) = (env.info(), env.readers());
        let turn = env.try_write().map(drop);
        format!("living: {living:?}\n{info:#?}\n{readers:#?}\ntry_write: {turn:?}")
    }

    /// Looks at the file in the midst of it all, and takes part.
    fn look(&mut self, rng: &mut Rng) {
        self.listen();
        let env = self.env.clone().expect("this process is attached");
        self.record.inspect(&env).unwrap();
        if rng.once_in(2) {
            let tables = Tables::create(&env).unwrap();
            self.own += 1;
            let (link, _) = commit_next(&env, &tables, &self.plan, (0, self.own)).unwrap();
            self.record.acknowledge(link.number, 0);
        }
        if rng.once_in(2) {
            self.sweep(&env);
        }
        let info = env.info().unwrap();
        assert!(info.file_len < LONGEST, "{}", self.describe());
    }

    /// Removes dead readers, and sees that there are none.
    fn sweep(&mut self, env: &Env) {
        self.swept += env.clear_dead_readers().unwrap() as u64;
        let living: HashSet<u32> = self
            .actors
            .iter()
            .map(|actor| actor.process.id())
            .chain([std::process::id()])
            .collect();
        for reader in env.readers().unwrap() {
            assert!(living.contains(&reader.process), "{reader:?} is dead");
        }
    }

    /// Has all end in peace, and looks for the last time. Returns in words what was done.
    pub(crate) fn end(mut self) -> String {
        for mut actor in std::mem::take(&mut self.actors) {
            for message in actor.process.end() {
                self.record.hear(&mut actor.reporter, message);
            }
        }
        let env = self.env.take().unwrap();
        self.record.inspect(&env).unwrap();
        self.sweep(&env);
        assert_eq!(env.readers().unwrap(), []);
        drop(env);
        let path = self.part("", 0).path;
        let lock_file = path.with_file_name("bustle.mdbx-lck");
        assert_eq!(std::fs::metadata(lock_file).unwrap().len(), 0);
        inspect(&path);
        let tally = &self.record.tally;
        format!(
            "{}, pages of {}: killed {} writers and {} readers; {} commits acknowledged and {} found, {} snapshots proved \
             by readers, {} openings, {} whole inspections, {} dead readers removed on request",
            self.modes
                .iter()
                .map(|&mode| MODES[mode].0)
                .collect::<Vec<_>>()
                .join(" beside "),
            self.plan.page_size.bytes(),
            self.kills[0],
            self.kills[1],
            tally.commits,
            self.record.found(),
            tally.snapshots,
            tally.openings,
            tally.inspections,
            self.swept,
        )
    }
}
