//! A lock file of another version is refused, and left as it is.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::answer::Class;
use crate::command::Command;
use crate::database::Live;
use crate::engine::Engine;
use crate::opening::Opening;
use crate::process::Worker;
use crate::together::PAIRS;

/// What differs in the lock file: at which byte, and how.
const DIFFERENCES: [(&str, u64, u8); 3] = [
    ("an older version", 0, 7 ^ 6),
    ("a newer version", 0, 7 ^ 8),
    ("another build", 8, 1),
];

/// Changes one byte, and back when it is called again.
fn flip(path: &Path, at: u64, bits: u8) {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ bits], at).unwrap();
}

fn refuse(live: &Live, other: &mut Worker, opening: Engine) {
    let before = std::fs::read(live.lock_path()).unwrap();
    for way in [Opening::new(), Opening::new().read_only()] {
        other.refused_opening(opening, way, Class::VersionMismatch);
    }
    let after = std::fs::read(live.lock_path()).unwrap();
    assert!(before == after, "the lock file is not as it was");
}

#[test]
fn a_live_lock_file_of_another_version_is_refused_and_left_alone() {
    for (holding, opening) in PAIRS {
        let live = Live::created_by(holding, 4096);
        let mut holder = live.opened(holding, Opening::new());
        holder.ask(Command::Empty);
        for (difference, at, bits) in DIFFERENCES {
            let mut other = live.worker(difference);
            flip(&live.lock_path(), at, bits);
            refuse(&live, &mut other, opening);
            flip(&live.lock_path(), at, bits);
            other.ask(Command::Open(opening, Opening::new()));
            other.close();
        }
        holder.ask(Command::Empty);
        holder.close();
        assert_eq!(live.verify_closed().number, 2);
    }
}

#[test]
fn a_lock_file_of_another_version_that_nobody_has_open_is_made_anew() {
    for (leaving, opening) in PAIRS {
        let live = Live::created_by(leaving, 4096);
        for (_, at, bits) in DIFFERENCES {
            live.opened(leaving, Opening::new()).kill();
            flip(&live.lock_path(), at, bits);
            let mut opener = live.opened(opening, Opening::new());
            opener.ask(Command::Empty);
            opener.close();
        }
        assert_eq!(live.verify_closed().number, 3);
    }
}
