//! A worker as the tests have it: a child process that is told what to do, waited for, and killed.
//!
//! Nothing waits for ever: a worker that says nothing for long is a failure of the test, which tells what it was doing.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::answer::{Class, Commit, Refusal, Said};
use crate::command::Command;
use crate::engine::Engine;
use crate::opening::Opening;
use crate::worker::command_line;

/// How long a worker may say nothing.
const PATIENCE: Duration = Duration::from_mins(1);

/// A child process that is a worker. It is killed when it goes.
pub(crate) struct Worker {
    name: String,
    child: Child,
    orders: Option<ChildStdin>,
    said: Receiver<Said>,
    /// What it was told last.
    told: String,
    /// The commits it has told of.
    pub(crate) commits: Vec<Commit>,
}

impl Worker {
    /// Starts a worker for that database, which it does not open yet.
    pub(crate) fn start(name: &str, database: &Path) -> Worker {
        let mut child = command_line(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, said) = channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        std::thread::spawn(move || {
            for said in lines
                .map_while(Result::ok)
                .filter_map(|line| Said::parse(&line))
            {
                if sender.send(said).is_err() {
                    break;
                }
            }
        });
        Worker {
            name: format!("{name} ({})", child.id()),
            orders: child.stdin.take(),
            child,
            said,
            told: "nothing".to_owned(),
            commits: Vec::new(),
        }
    }

    /// Starts a worker, and has it open the database.
    pub(crate) fn opened(engine: Engine, database: &Path, opening: Opening) -> Worker {
        let mut worker = Worker::start(&format!("{engine:?}"), database);
        worker.ask(Command::Open(engine, opening));
        worker
    }

    /// Has it do something, and does not wait for that.
    pub(crate) fn tell(&mut self, command: Command) {
        let orders = self.orders.as_mut().unwrap();
        let told = writeln!(orders, "{command}").and_then(|()| orders.flush());
        assert!(told.is_ok(), "{} is gone, and was to {command}", self.name);
        if command != Command::Stop {
            self.told = command.to_string();
        }
    }

    /// Waits until it has done what it was told.
    pub(crate) fn answer(&mut self) -> Result<Vec<u64>, Refusal> {
        loop {
            match self.next(PATIENCE) {
                Some(Said::Commit(commit)) => self.commits.push(commit),
                Some(Said::Done(numbers)) => return Ok(numbers),
                Some(Said::Refused(refusal)) => return Err(refusal),
                None => panic!(
                    "{} says nothing, and was to {}: {}",
                    self.name,
                    self.told,
                    self.circumstances()
                ),
            }
        }
    }

    /// Returns the next thing it says, if that is soon.
    fn next(&mut self, patience: Duration) -> Option<Said> {
        match self.said.recv_timeout(patience) {
            Ok(said) => Some(said),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait();
                panic!(
                    "{} has ended, {status:?}, and was to {}",
                    self.name, self.told
                );
            }
        }
    }

    /// Has it do something that may be refused.
    pub(crate) fn try_ask(&mut self, command: Command) -> Result<Vec<u64>, Refusal> {
        self.tell(command);
        self.answer()
    }

    /// Has it do something, which must succeed.
    pub(crate) fn ask(&mut self, command: Command) -> Vec<u64> {
        let answer = self.try_ask(command);
        answer.unwrap_or_else(|refusal| panic!("{} was to {command}: {refusal}", self.name))
    }

    /// Waits until it has done what it was told, which must have succeeded.
    pub(crate) fn finish(&mut self) -> Vec<u64> {
        let answer = self.answer();
        answer.unwrap_or_else(|refusal| panic!("{} was to {}: {refusal}", self.name, self.told))
    }

    /// Has it stop what it does, and returns how that went.
    pub(crate) fn stop(&mut self) -> Vec<u64> {
        self.tell(Command::Stop);
        self.finish()
    }

    /// Has it do something that must be refused.
    pub(crate) fn refused(&mut self, command: Command) -> Refusal {
        match self.try_ask(command) {
            Ok(_) => panic!("{} could {command}", self.name),
            Err(refusal) => refusal,
        }
    }

    /// Has it open the database, which must be refused for that reason.
    pub(crate) fn refused_opening(&mut self, engine: Engine, opening: Opening, class: Class) {
        let refusal = self.refused(Command::Open(engine, opening));
        assert_eq!(refusal.class, class, "{}: {refusal}", self.name);
    }

    /// Waits until it tells of another commit.
    pub(crate) fn wait_for_commit(&mut self) -> Commit {
        match self.next(PATIENCE) {
            Some(Said::Commit(commit)) => {
                self.commits.push(commit);
                commit
            }
            other => panic!(
                "{} should commit, and says {other:?}: {}",
                self.name,
                self.circumstances()
            ),
        }
    }

    /// Takes down what it has said meanwhile.
    pub(crate) fn listen(&mut self) {
        while let Ok(said) = self.said.try_recv() {
            match said {
                Said::Commit(commit) => self.commits.push(commit),
                other => panic!("{} ended to {}: {other:?}", self.name, self.told),
            }
        }
    }

    /// Has it close the database and end.
    pub(crate) fn close(mut self) -> Vec<Commit> {
        self.ask(Command::Close);
        std::mem::take(&mut self.commits)
    }

    /// Kills it wherever it is, and returns the commits it has told of.
    pub(crate) fn kill(mut self) -> Vec<Commit> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // The thread that listens ends with the pipe.
        while let Ok(said) = self.said.recv() {
            match said {
                Said::Commit(commit) => self.commits.push(commit),
                Said::Done(_) => {}
                Said::Refused(refusal) => panic!("{} was to {}: {refusal}", self.name, self.told),
            }
        }
        std::mem::take(&mut self.commits)
    }

    /// Whether the process is no more.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends it a signal, like `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        send_signal(self.child.id(), name);
    }

    /// Says what the operating system knows of it.
    fn circumstances(&self) -> String {
        let about = |file: &str| {
            let path = format!("/proc/{}/{file}", self.child.id());
            let text = std::fs::read_to_string(path).unwrap_or_default();
            text.lines().take(3).collect::<Vec<_>>().join(", ")
        };
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let waits: Vec<String> = tasks
            .into_iter()
            .flatten()
            .flatten()
            .map(|task| {
                let path = task.path().join("wchan");
                std::fs::read_to_string(path).unwrap_or_default()
            })
            .collect();
        format!("{}; its threads wait in {waits:?}", about("status"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process.
pub(crate) fn send_signal(process: u32, name: &str) {
    let status = std::process::Command::new("kill")
        .args([&format!("-{name}"), &process.to_string()])
        .status();
    assert!(status.unwrap().success(), "{process} gets no signal");
}

/// Repeats something until it is true, which must be soon.
pub(crate) fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_true() {
        assert!(begin.elapsed() < PATIENCE, "it never happens: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
