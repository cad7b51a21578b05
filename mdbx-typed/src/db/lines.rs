//! Which line of a CSV file a record begins in.
//!
//! The parser counts a line when it reads the end of it, and then a record seems to begin before that: one line too early
//! behind `\r\n`, and more of them behind empty lines. So the lines are counted on their way to it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};

/// A reader that remembers where lines begin, until it is asked about them.
#[derive(Debug)]
pub(super) struct CountedLines<R> {
    reader: R,
    seen: RefCell<Seen>,
}

/// What was read.
#[derive(Debug)]
struct Seen {
    /// Where lines begin that are not empty, with their numbers.
    starts: VecDeque<(u64, u64)>,
    offset: u64,
    line: u64,
    is_empty: bool,
}

impl<R> CountedLines<R> {
    pub(super) fn new(reader: R) -> Self {
        let seen = Seen {
            starts: VecDeque::new(),
            offset: 0,
            line: 1,
            is_empty: true,
        };
        CountedLines {
            reader,
            seen: RefCell::new(seen),
        }
    }

    /// Returns the line of the first record at this offset or behind it, and forgets what is before it.
    pub(super) fn line_at(&self, offset: u64) -> u64 {
        let mut seen = self.seen.borrow_mut();
        while let Some((start, line)) = seen.starts.front() {
            if *start >= offset {
                return *line;
            }
            seen.starts.pop_front();
        }
        seen.line
    }
}

impl<R: Read> Read for CountedLines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.reader.read(buffer)?;
        self.seen.get_mut().note(&buffer[..len]);
        Ok(len)
    }
}

impl Seen {
    fn note(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => {
                    self.line += 1;
                    self.is_empty = true;
                }
                // It ends a record, and no line.
                b'\r' => self.is_empty = true,
                _ if self.is_empty => {
                    self.starts.push_back((self.offset, self.line));
                    self.is_empty = false;
                }
                _ => {}
            }
            self.offset += 1;
        }
    }
}
