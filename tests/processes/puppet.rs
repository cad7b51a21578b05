//! A process that does what it is told, step by step, and answers each time.
//!
//! | word | what it does, and its answer |
//! | --- | --- |
//! | `open` | opens the database; 0 |
//! | `commit` | makes the next commit; its number |
//! | `begin`, `try-begin` | begin a write transaction; 0. Until it ends, only these: |
//! | `change` | makes the changes of the next commit; its number |
//! | `finish` | commits them; the number of the commit |
//! | `read` | begins a read transaction, and proves it; the number of its last commit |
//! | `crowd` | begins that many more read transactions as fill half of a lock file; 0 |
//! | `park`, `unpark` | what they say, and the latter proves it again; 0, and the same |

use std::process::Command;
use std::sync::mpsc::Receiver;

use mdbx_core::{Env, Error, ParkedTxn, ReadTxn, Result, WriteTxn};

use crate::chain::database::{Tables, change_next, commit_next, prove};
use crate::chain::part::Part;
use crate::chain::process::{Process, tell};
use crate::roles::ENTRY;

/// It is done; what came of it.
const DONE: u64 = 1;
/// It is not; one of these.
const FAILED: u64 = 2;
/// [`Error::Ousted`].
pub(crate) const OUSTED: u64 = 1;
/// [`Error::WriterBusy`].
pub(crate) const WRITER_BUSY: u64 = 2;

/// [`Error::Busy`].
pub(crate) const BUSY: u64 = 3;

/// How many read transactions a crowd has.
pub(crate) const CROWD: usize = 60;

/// The hand that moves a puppet.
pub(crate) struct Puppet(Process);

impl Puppet {
    pub(crate) fn start(part: &Part) -> Puppet {
        Puppet(Process::start(&part.to_text(), Some(ENTRY)))
    }

    /// Starts one with a command that runs programs in some other way.
    pub(crate) fn start_with(mut command: Command, part: &Part) -> Puppet {
        command.arg(std::env::current_exe().unwrap());
        Puppet(Process::start_with(command, &part.to_text(), Some(ENTRY)))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Has it do something. Returns its answer.
    pub(crate) fn ask(&mut self, word: &str) -> std::result::Result<u64, u64> {
        self.0.say(word);
        match self.0.next() {
            Some((DONE, number)) => Ok(number),
            Some((FAILED, number)) => Err(number),
            other => panic!("{word}: {other:?}"),
        }
    }

    /// Kills it in the midst of what it does.
    pub(crate) fn kill(self) {
        self.0.kill();
    }

    /// Has it close what it has open, and end.
    pub(crate) fn end(self) {
        self.0.end();
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.id(), name);
    }
}

/// Sends a process a signal.
pub(crate) fn signal(process: u32, name: &str) {
    let status = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(process.to_string())
        .status();
    assert!(status.unwrap().success());
}

/// What a puppet has.
#[derive(Default)]
struct Things {
    env: Option<Env>,
    read: Option<ReadTxn<'static>>,
    parked: Option<ParkedTxn<'static>>,
    crowd: Vec<ReadTxn<'static>>,
    /// How many commits it has made.
    count: u64,
}

/// Does what it is told until nobody tells it anything any more.
pub(crate) fn obey(part: &Part, words: &Receiver<String>) {
    let mut things = Things::default();
    for word in words {
        answer(things.act(part, &word, words));
    }
}

fn answer(result: Result<u64>) {
    tell(match result {
        Ok(number) => (DONE, number),
        Err(Error::Ousted { .. }) => (FAILED, OUSTED),
        Err(Error::Busy { .. }) => (FAILED, BUSY),
        Err(Error::WriterBusy) => (FAILED, WRITER_BUSY),
        Err(error) => panic!("{error:?}"),
    });
}

impl Things {
    fn act(&mut self, part: &Part, word: &str, words: &Receiver<String>) -> Result<u64> {
        match word {
            "open" => self.env = Some(part.open()?),
            "commit" => {
                let env = self.env.as_ref().expect("it is open");
                let tables = Tables::create(env)?;
                self.count += 1;
                let (link, _) = commit_next(env, &tables, &part.plan, (part.id, self.count))?;
                return Ok(link.number);
            }
            "begin" | "try-begin" => {
                let env = self.env.clone().expect("it is open");
                let tables = Tables::create(&env)?;
                let txn = if word == "begin" {
                    env.write()?
                } else {
                    env.try_write()?
                };
                answer(Ok(0));
                return self.write(txn, &tables, part, words);
            }
            "read" => {
                let env = self.env.as_ref().expect("it is open");
                self.read = Some(env.read_owned()?);
                return self.prove(part);
            }
            "crowd" => {
                let env = self.env.as_ref().expect("it is open");
                let crowd: Result<_> = (0..CROWD).map(|_| env.read_owned()).collect();
                self.crowd = crowd?;
            }
            "park" => self.parked = self.read.take().map(ReadTxn::park),
            "unpark" => {
                let parked = self.parked.take().expect("it is parked");
                self.read = Some(parked.unpark()?);
                return self.prove(part);
            }
            other => panic!("{other} means nothing"),
        }
        Ok(0)
    }

    fn prove(&self, part: &Part) -> Result<u64> {
        let txn = self.read.as_ref().expect("it reads");
        let tables = Tables::open(txn)?;
        Ok(prove(txn, &tables, &part.plan)?.last.number)
    }

    /// Does what it is told in a write transaction, until that ends.
    fn write(
        &mut self,
        mut txn: WriteTxn<'_>,
        tables: &Tables,
        part: &Part,
        words: &Receiver<String>,
    ) -> Result<u64> {
        let mut number = 0;
        for word in words {
            match word.as_str() {
                "change" => {
                    self.count += 1;
                    let who = (part.id, self.count);
                    number = change_next(&mut txn, tables, &part.plan, who)?.number;
                    answer(Ok(number));
                }
                "finish" => {
                    txn.commit()?;
                    break;
                }
                other => panic!("{other} means nothing in a write transaction"),
            }
        }
        Ok(number)
    }
}
