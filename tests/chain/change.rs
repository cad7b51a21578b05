//! What commit n changes: a function of a seed and n.
//!
//! Keys and values of integer tables are big-endian here, so that their order is that of the bytes.

use mdbx_core::TableFlags;

use crate::common::Rng;

/// A table that takes part.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    flags: &'static [TableFlags],
}

impl Kind {
    pub(crate) fn flags(&self) -> TableFlags {
        let flags = self.flags.iter().copied();
        flags.fold(TableFlags::empty(), |all, flag| all | flag)
    }

    pub(crate) fn has(&self, flag: TableFlags) -> bool {
        self.flags.contains(&flag)
    }

    pub(crate) fn has_dups(&self) -> bool {
        self.has(TableFlags::DUP_SORT)
    }
}

/// The tables that commits change, which are named by their place here.
pub(crate) const KINDS: [Kind; 5] = [
    Kind {
        name: "plain",
        flags: &[],
    },
    Kind {
        name: "dups",
        flags: &[TableFlags::DUP_SORT],
    },
    Kind {
        name: "fixed",
        flags: &[
            TableFlags::DUP_SORT,
            TableFlags::DUP_FIXED,
            TableFlags::INTEGER_DUP,
        ],
    },
    Kind {
        name: "numbers",
        flags: &[TableFlags::INTEGER_KEY],
    },
    Kind {
        name: "large",
        flags: &[],
    },
];

const PLAIN: usize = 0;
const DUPS: usize = 1;
const FIXED_DUPS: usize = 2;
const NUMBERS: usize = 3;
const LARGE: usize = 4;

/// So many commits in a row put more than they delete; as many after them delete more.
const PHASE: u64 = 48;

/// One change of a table.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Put(usize, Vec<u8>, Vec<u8>),
    Delete(usize, Vec<u8>),
    DeletePair(usize, Vec<u8>, Vec<u8>),
    /// From the first key up to, but without, the second.
    DeleteRange(usize, Vec<u8>, Vec<u8>),
    Clear(usize),
}

/// Returns what commit `number` changes. There is always something.
pub(crate) fn changes(seed: u64, number: u64) -> Vec<Change> {
    let mut rng = Rng::with_seed(seed ^ number.wrapping_mul(0xA24B_AED4_963E_E407));
    rng.next();
    let grows = (number / PHASE).is_multiple_of(2);
    let count = if rng.once_in(25) {
        60 + rng.below(100)
    } else {
        1 + rng.below(8)
    };
    let mut changes: Vec<Change> = (0..count).map(|_| change(&mut rng, grows)).collect();
    if rng.once_in(30) {
        let (from, to) = (key(PLAIN, &mut rng), key(PLAIN, &mut rng));
        changes.push(Change::DeleteRange(
            PLAIN,
            from.clone().min(to.clone()),
            from.max(to),
        ));
    }
    if rng.once_in(120) {
        changes.push(Change::Clear(rng.below(KINDS.len())));
    }
    changes
}

fn change(rng: &mut Rng, grows: bool) -> Change {
    let table = *rng.pick(&[
        PLAIN, PLAIN, PLAIN, DUPS, DUPS, DUPS, FIXED_DUPS, FIXED_DUPS, NUMBERS, NUMBERS, LARGE,
    ]);
    let key = key(table, rng);
    if rng.below(100) < if grows { 85 } else { 30 } {
        return Change::Put(table, key, value(table, rng));
    }
    let has_dups = table == DUPS || table == FIXED_DUPS;
    if has_dups && !rng.once_in(12) {
        Change::DeletePair(table, key, value(table, rng))
    } else {
        Change::Delete(table, key)
    }
}

fn key(table: usize, rng: &mut Rng) -> Vec<u8> {
    match table {
        PLAIN => {
            let n = rng.below(300);
            let mut key = format!("{n:03}").into_bytes();
            key.resize(3 + n * 7 % 23, b'-');
            key
        }
        DUPS => format!("of {:02}", rng.below(9)).into_bytes(),
        FIXED_DUPS => format!("{}", rng.below(4)).into_bytes(),
        NUMBERS => (rng.next() % 350 * 1_000_003).to_be_bytes().to_vec(),
        _ => format!("large {}", rng.below(12)).into_bytes(),
    }
}

/// Returns a value; of those in a table with several values a key, there are not many, so that some are deleted.
fn value(table: usize, rng: &mut Rng) -> Vec<u8> {
    match table {
        DUPS => {
            let n = rng.below(70);
            let mut value = format!("{n:02}").into_bytes();
            value.resize(2 + n % 19, b'+');
            value
        }
        FIXED_DUPS => (rng.next() % 250 * 77_777).to_be_bytes().to_vec(),
        LARGE => {
            let most = if rng.once_in(4) { 20_000 } else { 3000 };
            let len = 1 + rng.below(most);
            filled(rng, len)
        }
        _ => {
            let len = rng.below(60);
            filled(rng, len)
        }
    }
}

/// Returns so many random bytes.
fn filled(rng: &mut Rng, len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..len.div_ceil(8))
        .flat_map(|_| rng.next().to_le_bytes())
        .collect();
    bytes.truncate(len);
    bytes
}
