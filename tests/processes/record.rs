//! What processes have reported, held against what is in the file.

use std::collections::HashMap;

use mdbx_core::{Env, Result};

use crate::chain::content::Content;
use crate::chain::database::{Plan, inspect_all};
use crate::chain::process::Message;
use crate::roles::{COMMITTED, OPENED, SAW};

/// What is known of one database.
pub(crate) struct Record {
    plan: Plan,
    content: Content,
    /// The writers of the commits that were reported.
    acknowledged: HashMap<u64, u64>,
    /// The last of these.
    last_acknowledged: u64,
    /// The writers of the commits that were found, up to the last one.
    found: HashMap<u64, u64>,
    last_found: u64,
    pub(crate) tally: Tally,
}

/// How much was reported and found.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) commits: u64,
    pub(crate) snapshots: u64,
    pub(crate) openings: u64,
    pub(crate) inspections: u64,
}

/// A process that reports, as far as it has come.
#[derive(Clone, Copy)]
pub(crate) struct Reporter {
    pub(crate) id: u64,
    /// The last commit that it must have seen.
    seen: u64,
}

impl Record {
    pub(crate) fn new(plan: Plan) -> Record {
        Record {
            plan,
            content: Content::new(plan.seed),
            acknowledged: HashMap::new(),
            last_acknowledged: 0,
            found: HashMap::new(),
            last_found: 0,
            tally: Tally::default(),
        }
    }

    /// Registers a process that is about to start: it sees all that was acknowledged until now.
    pub(crate) fn reporter(&self, id: u64) -> Reporter {
        let seen = self.last_acknowledged;
        Reporter { id, seen }
    }

    /// Takes note of what a process has reported.
    pub(crate) fn hear(&mut self, reporter: &mut Reporter, (about, number): Message) {
        let Reporter { id, seen } = *reporter;
        match about {
            OPENED | SAW => {
                assert!(number >= seen, "{id} sees {number} after {seen}");
                let tally = &mut self.tally;
                if about == OPENED {
                    tally.openings += 1;
                } else {
                    tally.snapshots += 1;
                }
            }
            COMMITTED => {
                assert!(number > seen, "{id} commits {number} after {seen}");
                self.acknowledge(number, id);
            }
            other => panic!("{other} means nothing"),
        }
        reporter.seen = number;
    }

    /// Takes note that a commit has returned.
    pub(crate) fn acknowledge(&mut self, number: u64, writer: u64) {
        let other = self.acknowledged.insert(number, writer);
        assert_eq!(other, None, "{writer} has made commit {number} too");
        if let Some(&found) = self.found.get(&number) {
            assert_eq!(found, writer, "{writer} says that commit {number} is its");
        }
        self.last_acknowledged = self.last_acknowledged.max(number);
        self.tally.commits += 1;
    }

    /// Checks the whole file, and that everything is in it that was acknowledged before.
    pub(crate) fn inspect(&mut self, env: &Env) -> Result<()> {
        self.tally.inspections += 1;
        let proof = inspect_all(env, &self.plan, &mut self.content)?;
        let (last, acknowledged) = (proof.last.number, self.last_acknowledged);
        assert!(
            last >= acknowledged,
            "{acknowledged} was acknowledged, and the last commit is {last}"
        );
        let first = proof.links.first().map_or(1, |link| link.number);
        assert!(first <= self.last_found + 1, "too few links are kept");
        for link in proof.links {
            let known = self.found.insert(link.number, link.writer);
            assert!(known.is_none_or(|writer| writer == link.writer), "{link:?}");
            if let Some(&writer) = self.acknowledged.get(&link.number) {
                assert_eq!(writer, link.writer, "{link:?} is another's");
            }
        }
        self.last_found = last;
        Ok(())
    }

    /// Returns how many commits were found.
    pub(crate) fn found(&self) -> u64 {
        self.last_found
    }
}
