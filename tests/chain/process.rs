//! Other processes: starting them, hearing from them, killing them.
//!
//! Such a process is the test program itself, which finds in its environment what part it has to play. It reports
//! through its standard output, a message of two numbers at a time, and it ends when its standard input does, so that
//! it never outlives the process that started it. Whoever waits for a message waits for so long and no longer.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// Tells a process its part.
const PART: &str = "MDBX_TEST_PART";

/// The longest that anything takes on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a process tells: what it is about, and a number.
pub(crate) type Message = (u64, u64);

/// A process that was started and is killed, unless it has ended, when this goes.
pub(crate) struct Process {
    name: String,
    child: Child,
    messages: Receiver<Message>,
}

impl Process {
    /// Starts a process to play `part`.
    pub(crate) fn start(part: &str) -> Process {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(PART, part)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = child.stdout.take().unwrap();
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 16];
            while output.read_exact(&mut bytes).is_ok() {
                let [about, number] = [0, 1].map(|n: usize| bytes.as_chunks::<8>().0[n]);
                let message = (u64::from_le_bytes(about), u64::from_le_bytes(number));
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Process {
            name: part.to_owned(),
            child,
            messages,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the next message. `None`: the process has ended.
    pub(crate) fn next(&mut self) -> Option<Message> {
        match self.messages.recv_timeout(PATIENCE) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("nothing was heard for long of {}", self.name),
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

    /// Asks the process to end, and waits until it has. Returns the messages it had sent.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub(crate) fn end(mut self) -> Vec<Message> {
        drop(self.child.stdin.take());
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

/// Returns the part that this process has to play, if another one started it for that.
pub(crate) fn part() -> Option<String> {
    std::env::var(PART).ok()
}

/// Whether [`is_to_end`] says so.
static IS_TO_END: AtomicBool = AtomicBool::new(false);

/// Has this process told when to end, and ended if it then does not.
pub(crate) fn listen_for_the_end() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        IS_TO_END.store(true, Ordering::Relaxed);
        std::thread::sleep(PATIENCE / 2);
        eprintln!("asked to end, it does not: {}", part().unwrap_or_default());
        std::process::exit(1);
    });
}

/// Whether this process was asked to end, or the one that started it is gone.
pub(crate) fn is_to_end() -> bool {
    IS_TO_END.load(Ordering::Relaxed)
}

/// Tells something to the process that started this one. If that is gone, this one ends.
pub(crate) fn tell((about, number): Message) {
    let bytes = [about.to_le_bytes(), number.to_le_bytes()].concat();
    let mut output = std::io::stdout().lock();
    if output
        .write_all(&bytes)
        .and_then(|()| output.flush())
        .is_err()
    {
        std::process::exit(0);
    }
}
