//! Copies of data files as a crash leaves them: what another process, or the machine after a restart, would find.

use std::path::Path;

use crate::answers::Answer;
use crate::trace::Step;
use crate::world::World;

/// The data file's name in directory mode.
const DATA_NAME: &str = "mdbx.dat";
/// Where the first page tells the size of all pages.
const PAGE_SIZE_AT: usize = 64;
/// Where each of the three first pages tells the boot of the machine in which it was written.
const BOOT_ID_AT: usize = 212;
/// No boot has this for an id.
const OTHER_BOOT: [u8; 16] = *b"some other boot!";

/// Copies the data file, but not the lock file, of a database that may be open.
pub(crate) fn take(world: &World, step: &Step) -> Answer {
    let source = world.path(step.text("path").unwrap_or("db"));
    let target = world.path(step.name("to"));
    let mut bytes = std::fs::read(source.join(DATA_NAME)).unwrap();
    if step.flag("reboot", false) {
        restart_machine(&mut bytes);
    }
    write(&target, &bytes);
    Answer::ok()
}

/// Makes the file look as if the machine had been restarted since it was written.
fn restart_machine(bytes: &mut [u8]) {
    let size = bytes[PAGE_SIZE_AT..PAGE_SIZE_AT + 4].try_into().unwrap();
    let size = u32::from_le_bytes(size) as usize;
    for meta in bytes.chunks_mut(size).take(3) {
        meta[BOOT_ID_AT..BOOT_ID_AT + OTHER_BOOT.len()].copy_from_slice(&OTHER_BOOT);
    }
}

/// Puts a database in a directory of its own in the place of whatever is there.
fn write(directory: &Path, bytes: &[u8]) {
    let _ = std::fs::remove_dir_all(directory);
    std::fs::create_dir(directory).unwrap();
    std::fs::write(directory.join(DATA_NAME), bytes).unwrap();
}
