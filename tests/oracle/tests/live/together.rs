//! Writers and readers of both engines at the same time.

use crate::chain::Load;
use crate::command::{Command, Run};
use crate::common::{Rng, number_from_env};
use crate::database::{Live, assert_nothing_lost};
use crate::engine::Engine;
use crate::opening::{Mode, Opening};
use crate::process::Worker;

/// Returns how many rounds a test does that does `usual` of them.
pub(crate) fn rounds(usual: u64) -> u64 {
    (number_from_env("MDBX_LIVE_ROUNDS", 100) * usual / 100).max(1)
}

/// Returns how many commits there are in a round that usually has `usual` of them: fewer if there are few rounds.
fn commits(usual: usize) -> usize {
    usual.min(usize::try_from(rounds(usual as u64)).unwrap().max(20))
}

/// One of each engine, in both orders.
pub(crate) const PAIRS: [(Engine, Engine); 2] = [
    (Engine::Ours, Engine::Theirs),
    (Engine::Theirs, Engine::Ours),
];

pub(crate) const PAGE_SIZES: [u32; 2] = [256, 4096];

/// Who works together, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Company<'c> {
    pub(crate) creator: Engine,
    pub(crate) page_size: u32,
    pub(crate) mode: Mode,
    pub(crate) write_map: bool,
    pub(crate) writers: &'c [Engine],
    pub(crate) readers: &'c [Engine],
    /// Open the database for reading only.
    pub(crate) watchers: &'c [Engine],
    /// Commits of each writer between two pauses, in which all agree on what there is.
    pub(crate) commits: usize,
    pub(crate) pauses: u64,
}

impl Company<'_> {
    /// Has all of them work; prints what they did.
    pub(crate) fn work(&self) {
        let live = Live::nowhere();
        let opening = Opening {
            write_map: self.write_map,
            ..Opening::new().mode(self.mode)
        };
        let mut rng = Rng::new(1);
        let creator = live.opened(self.creator, opening.create(self.page_size));
        let open = |engines: &[Engine], opening| -> Vec<Worker> {
            let open = |engine: &Engine| live.opened(*engine, opening);
            engines.iter().map(open).collect()
        };
        let mut all = open(self.writers, opening);
        all.extend(open(self.readers, opening));
        all.extend(open(self.watchers, opening.read_only()));
        creator.close();
        let mut counts = [0; 5];
        let mut seen = None;
        for _ in 0..self.pauses {
            let (writers, readers) = all.split_at_mut(self.writers.len());
            self.run(writers, readers, &mut rng, &mut counts);
            seen = Some(Live::agree(&mut all));
        }
        let commits = all.into_iter().flat_map(Worker::close).collect();
        assert_nothing_lost(commits, 0, seen.unwrap());
        live.verify_closed();
        let [commits, aborts, snapshots, looks, ousted] = counts;
        println!(
            "{self:?}: {commits} commits and {aborts} aborts, {snapshots} snapshots, \
             {looks} looks at a held one, {ousted} ousted"
        );
    }

    /// Lets the readers read until the writers are done.
    fn run(
        &self,
        writers: &mut [Worker],
        readers: &mut [Worker],
        rng: &mut Rng,
        counts: &mut [u64; 5],
    ) {
        let load = Load {
            changes: 12,
            bulk_every: 30,
        };
        for reader in readers.iter_mut() {
            reader.tell(Command::Read(Run::endless(rng.next()).pause(4)));
        }
        for writer in writers.iter_mut() {
            writer.tell(Command::Write(
                Run::of(commits(self.commits), rng.next()),
                load,
            ));
        }
        for writer in writers {
            for (count, number) in counts.iter_mut().zip(writer.finish()) {
                *count += number;
            }
        }
        for reader in readers {
            let numbers = reader.stop();
            for (count, number) in counts[2..].iter_mut().zip(numbers) {
                *count += number;
            }
        }
    }
}

/// Writers and readers of both, and others that only read.
fn all_of_both(creator: Engine, page_size: u32, commits: usize, pauses: u64) {
    Company {
        creator,
        page_size,
        mode: Mode::Durable,
        write_map: false,
        writers: &[Engine::Ours, Engine::Theirs],
        readers: &[Engine::Ours, Engine::Theirs],
        watchers: &[Engine::Ours, Engine::Theirs],
        commits,
        pauses,
    }
    .work();
}

#[test]
fn processes_of_both_engines_write_and_read_one_database_at_a_time() {
    all_of_both(Engine::Theirs, 4096, 300, rounds(4));
    all_of_both(Engine::Ours, 4096, 300, rounds(4));
}

#[test]
fn so_they_do_with_other_sizes_of_pages() {
    all_of_both(Engine::Theirs, 256, 200, rounds(2));
    all_of_both(Engine::Ours, 256, 200, rounds(2));
    all_of_both(Engine::Ours, 65536, 200, rounds(2));
}

/// What only reads beside a writer of the other engine.
#[test]
fn a_process_that_only_reads_joins_writers_of_the_other_engine() {
    for (reading, writing) in PAIRS {
        Company {
            creator: writing,
            page_size: 4096,
            mode: Mode::Durable,
            write_map: false,
            writers: &[writing, writing],
            readers: &[],
            watchers: &[reading, reading],
            commits: 200,
            pauses: rounds(2),
        }
        .work();
    }
}

/// The same without this library, which shows that the tests ask for nothing that libmdbx does not do.
#[test]
fn processes_of_libmdbx_alone_pass_the_same_tests() {
    Company {
        creator: Engine::Theirs,
        page_size: 4096,
        mode: Mode::Durable,
        write_map: false,
        writers: &[Engine::Theirs, Engine::Theirs],
        readers: &[Engine::Theirs],
        watchers: &[Engine::Theirs],
        commits: 200,
        pauses: rounds(2),
    }
    .work();
}
