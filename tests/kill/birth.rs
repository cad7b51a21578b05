//! Kills while the file is created: whatever is there then, it can be opened and holds nothing or something whole.

use std::time::Duration;

use mdbx_core::PageSize;

use crate::chain::content::Content;
use crate::chain::database::{Plan, inspect_all};
use crate::chain::part::Part;
use crate::chain::process::Process;
use crate::common::{Rng, with_patience};
use crate::victim::COMMITTED;

/// Creates databases in so many rounds, and kills those who do. Returns in words what was done.
pub(crate) fn kill_while_created(rng: &mut Rng, rounds: u64) -> String {
    let (mut without_file, mut empty) = (0, 0);
    for _ in 0..rounds {
        let directory = tempfile::tempdir().unwrap();
        let part = Part {
            role: "victim".to_owned(),
            plan: Plan {
                seed: rng.next(),
                window: 10,
                page_size: *rng.pick(&[PageSize::MIN, PageSize::DEFAULT]),
            },
            mode: 0,
            id: 1,
            path: directory.path().join("new.mdbx"),
        };
        let process = Process::start(&part.to_text(), None);
        std::thread::sleep(Duration::from_micros(rng.below(12_000) as u64));
        let messages = process.kill();
        let committed = messages.iter().rev().find(|message| message.0 == COMMITTED);
        let least = committed.map_or(0, |message| message.1);
        match std::fs::metadata(&part.path) {
            Err(_) => without_file += 1,
            Ok(file) if file.len() == 0 => empty += 1,
            Ok(_) => {}
        }
        with_patience("a young database cannot be opened", || {
            let env = part.open().unwrap();
            let mut content = Content::new(part.plan.seed);
            let last = inspect_all(&env, &part.plan, &mut content).unwrap().last;
            assert!(
                last.number == least || last.number == least + 1,
                "{last:?}, and {least} was acknowledged"
            );
        });
    }
    format!(
        "{rounds} kills of processes that create a database: {without_file} left no file, {empty} an empty one"
    )
}
