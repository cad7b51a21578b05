//! The rounds on one file.

use std::path::PathBuf;
use std::time::Duration;

use mdbx_core::PageSize;
use tempfile::TempDir;

use crate::chain::content::Content;
use crate::chain::database::{Plan, Tables, commit_next, inspect_all};
use crate::chain::modes::MODES;
use crate::chain::part::Part;
use crate::chain::process::{Message, Process};
use crate::common::{Rng, inspect, with_patience};
use crate::victim::{COMMITTED, OPENED};

/// No file gets as long: what is in it takes a small part of that.
const LONGEST: u64 = 8 << 20;

/// One file, and what is known of it.
pub(crate) struct Series {
    directory: TempDir,
    plan: Plan,
    /// The mode of all processes; if there is none, each has its own.
    mode: Option<usize>,
    /// The last commit that is known to have returned, or to be in the file.
    last: u64,
    content: Content,
    /// How many commits this process has made.
    own: u64,
    tally: Tally,
}

/// What was done.
#[derive(Default)]
struct Tally {
    kills: u64,
    before_opened: u64,
    acknowledged: u64,
    unreported: u64,
    inspections: u64,
}

impl Series {
    pub(crate) fn new(seed: u64, page_size: PageSize, mode: Option<usize>) -> Series {
        Series {
            directory: tempfile::tempdir().unwrap(),
            plan: Plan {
                seed,
                window: 100,
                page_size,
            },
            mode,
            last: 0,
            content: Content::new(seed),
            own: 0,
            tally: Tally::default(),
        }
    }

    /// Kills a process that commits, and looks at the file every second time.
    pub(crate) fn round(&mut self, rng: &mut Rng) {
        self.tally.kills += 1;
        let part = self.part(self.tally.kills, rng);
        let process = Process::start(&part.to_text(), None);
        let messages = if rng.once_in(8) {
            pause(rng, 30_000);
            process.kill()
        } else {
            kill_after_some_commits(process, rng)
        };
        self.hear(&messages);
        if rng.once_in(2) {
            with_patience("an inspection hangs", || self.inspect(rng));
        }
    }

    fn part(&self, id: u64, rng: &mut Rng) -> Part {
        Part {
            role: "victim".to_owned(),
            plan: self.plan,
            mode: self.mode.unwrap_or_else(|| rng.below(MODES.len())),
            id,
            path: self.path(),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("killed.mdbx")
    }

    /// Takes note of what a process has reported.
    fn hear(&mut self, messages: &[Message]) {
        if messages.is_empty() {
            self.tally.before_opened += 1;
        }
        for &message in messages {
            match message {
                (OPENED, number) => self.find(number),
                (COMMITTED, number) => {
                    assert_eq!(number, self.last + 1, "commits follow each other");
                    self.last = number;
                    self.tally.acknowledged += 1;
                }
                other => panic!("{other:?} means nothing"),
            }
        }
    }

    /// Takes note of the last commit in the file.
    fn find(&mut self, number: u64) {
        let (last, may_be) = (self.last, self.last + 1);
        assert!(
            number == last || number == may_be,
            "the file ends with commit {number}, and {last} was acknowledged"
        );
        self.tally.unreported += number - last;
        self.last = number;
    }

    /// Checks the whole file, and commits to it.
    fn inspect(&mut self, rng: &mut Rng) {
        self.tally.inspections += 1;
        let env = self.part(0, rng).open().unwrap();
        let proof = inspect_all(&env, &self.plan, &mut self.content).unwrap();
        self.find(proof.last.number);
        let info = env.info().unwrap();
        assert!(info.file_len < LONGEST, "{info:?}");
        self.own += 1;
        let tables = Tables::create(&env).unwrap();
        let (link, _) = commit_next(&env, &tables, &self.plan, (0, self.own)).unwrap();
        assert_eq!(link.number, self.last + 1);
        self.last = link.number;
        self.content.advance(link.number);
        assert_eq!(link.sum, self.content.sum);
    }

    /// Looks at the file for the last time. Returns in words what was done.
    pub(crate) fn end(mut self, rng: &mut Rng) -> String {
        with_patience("an inspection hangs", || self.inspect(rng));
        inspect(&self.path());
        let Tally {
            kills,
            before_opened,
            acknowledged,
            unreported,
            inspections,
        } = self.tally;
        let mode = self.mode.map_or("all modes in turn", |mode| MODES[mode].0);
        let page_size = self.plan.page_size.bytes();
        format!(
            "{mode}, pages of {page_size}: {kills} kills ({before_opened} before the file was open), {acknowledged} \
             commits acknowledged, {unreported} there and not acknowledged, {inspections} whole inspections"
        )
    }
}

/// Kills a process once it has made some commits.
fn kill_after_some_commits(mut process: Process, rng: &mut Rng) -> Vec<Message> {
    let mut messages = Vec::new();
    let most = if rng.once_in(5) { 150 } else { 20 };
    for _ in 0..=rng.below(most) {
        let message = process.next();
        messages.push(message.expect("it commits until it is killed"));
    }
    pause(rng, 4000);
    messages.extend(process.kill());
    messages
}

/// Waits for up to so many microseconds.
fn pause(rng: &mut Rng, most: usize) {
    std::thread::sleep(Duration::from_micros(rng.below(most) as u64));
}
