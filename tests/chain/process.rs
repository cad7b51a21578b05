//! Other processes: starting them, talking to them, killing them.
//!
//! Such a process is the test program itself, which finds in its environment what part it has to play. It hears lines
//! of text on its standard input and answers on its standard output, two numbers at a time. It ends when
//! its input does, so that it never outlives the process that started it. Whoever waits for a message waits for so
//! long and no longer.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// Tells a process its part.
const PART: &str = "MDBX_TEST_PART";

/// Begins a line that is a message: a test program may have other things to say.
const MARK: char = '@';

/// The longest that anything takes on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a process tells: what it is about, and a number.
pub(crate) type Message = (u64, u64);

/// A process that was started and is killed, unless it has ended, when this goes.
pub(crate) struct Process {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Message>,
}

/// Nothing was heard of a process for longer than anything takes.
#[derive(Debug)]
pub(crate) struct Silence;

impl Process {
    /// Starts a process to play `part`. The test harness, where there is one, runs the test that `entry` names.
    pub(crate) fn start(part: &str, entry: Option<&str>) -> Process {
        let program = std::env::current_exe().unwrap();
        Process::start_with(Command::new(program), part, entry)
    }

    /// Starts a process with a command that runs this program.
    pub(crate) fn start_with(mut command: Command, part: &str, entry: Option<&str>) -> Process {
        if let Some(entry) = entry {
            command.args(["--exact", entry, "--nocapture"]);
        }
        let mut child = command
            .env(PART, part)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let lines = output.lines().map_while(Result::ok);
            for message in lines.filter_map(|line| message(&line)) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Process {
            name: part.to_owned(),
            input: child.stdin.take(),
            child,
            messages,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Says a line to the process.
    pub(crate) fn say(&mut self, line: &str) {
        let input = self.input.as_mut().expect("it was not asked to end");
        writeln!(input, "{line}").unwrap();
    }

    /// Waits for the next message. `None`: the process has ended.
    ///
    /// # Panics
    ///
    /// If there is none for too long.
    pub(crate) fn next(&mut self) -> Option<Message> {
        let next = self.next_or_silence();
        next.unwrap_or_else(|Silence| panic!("nothing was heard for long of {}", self.name))
    }

    /// Waits for the next message. `None`: the process has ended.
    pub(crate) fn next_or_silence(&mut self) -> Result<Option<Message>, Silence> {
        match self.messages.recv_timeout(PATIENCE) {
            Ok(message) => Ok(Some(message)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(Silence),
        }
    }

    /// Returns the messages that have arrived.
    pub(crate) fn arrived(&mut self) -> Vec<Message> {
        self.messages.try_iter().collect()
    }

    /// Kills the process, in the midst of whatever it does. Returns the messages it had sent.
    ///
    /// # Panics
    ///
    /// If it has ended by itself.
    pub(crate) fn kill(mut self) -> Vec<Message> {
        let ended = self.child.try_wait().unwrap();
        assert_eq!(ended, None, "{} ended by itself", self.name);
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.rest()
    }

    /// Kills the process, unless it has ended by itself. Returns the messages it had sent.
    ///
    /// # Panics
    ///
    /// If it has failed.
    pub(crate) fn kill_or_finish(mut self) -> Vec<Message> {
        if self.child.try_wait().unwrap().is_some() {
            return self.finish();
        }
        self.child.kill().unwrap();
        self.rest()
    }

    /// Asks the process to end, and waits until it has. Returns the messages it had sent.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub(crate) fn end(mut self) -> Vec<Message> {
        self.input = None;
        self.finish()
    }

    /// Waits until the process has ended. Returns the messages it had sent.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub(crate) fn finish(mut self) -> Vec<Message> {
        let messages = self.rest();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{}: {status}", self.name);
        messages
    }

    fn rest(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.next()).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the message in a line, if it is one.
fn message(line: &str) -> Option<Message> {
    let (about, number) = line.strip_prefix(MARK)?.split_once(' ')?;
    Some((about.parse().ok()?, number.parse().ok()?))
}

/// Whether [`is_to_end`] says so.
static IS_TO_END: AtomicBool = AtomicBool::new(false);

/// Plays the part that this process was started for, if it was, and ends the process.
pub(crate) fn play(parts: impl FnOnce(&str, &Receiver<String>)) {
    let Ok(part) = std::env::var(PART) else {
        return;
    };
    println!();
    let (sender, heard) = channel();
    std::thread::spawn(move || {
        let lines = std::io::stdin().lines().map_while(Result::ok);
        lines.for_each(|line| drop(sender.send(line)));
        drop(sender);
        IS_TO_END.store(true, Ordering::Relaxed);
        std::thread::sleep(PATIENCE / 2);
        eprintln!("asked to end, it does not");
        std::process::exit(1);
    });
    parts(&part, &heard);
    std::process::exit(0);
}

/// Whether this process was asked to end, or the one that started it is gone.
pub(crate) fn is_to_end() -> bool {
    IS_TO_END.load(Ordering::Relaxed)
}

/// Tells something to the process that started this one. If that is gone, this one ends.
pub(crate) fn tell((about, number): Message) {
    let line = format!("{MARK}{about} {number}\n"); // written at once, so that a kill leaves all or nothing of it
    if std::io::stdout().write_all(line.as_bytes()).is_err() {
        std::process::exit(0);
    }
}
