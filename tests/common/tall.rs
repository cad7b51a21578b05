//! A table over many small pages, and what a sorted list says of it.

use std::collections::BTreeSet;

use mdbx_core::{PageSize, Result, Table, TableFlags};

use super::{Items, Rng, TempEnv};

/// A table over many small pages, with keys that have one, few and very many values; and its items.
pub(crate) fn tall_table(flags: TableFlags) -> Result<(TempEnv, Table, Items)> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let mut rng = Rng::new(23);
    let mut model = BTreeSet::new();
    let mut txn = env.write()?;
    let table = txn.create_table("t", flags)?;
    for n in 0..400_u32 {
        let key = format!("{:03}", 2 * n).into_bytes();
        let values = match (flags == TableFlags::DUP_SORT, n % 20) {
            (true, 7) => 60,
            (true, 3 | 9 | 13) => 4,
            _ => 1,
        };
        for _ in 0..values {
            let value = format!("{:05}", rng.below(99_999)).into_bytes();
            txn.put(table, &key, &value)?;
            if flags != TableFlags::DUP_SORT {
                model.retain(|(other, _)| *other != key);
            }
            model.insert((key.clone(), value));
        }
    }
    assert!(txn.table(table)?.stat().height > 2);
    txn.commit()?;
    Ok((env, table, model.into_iter().collect()))
}

/// Returns a key that may be in the tall table, between two of its keys, or beyond them.
pub(crate) fn random_key(rng: &mut Rng) -> Vec<u8> {
    match rng.below(12) {
        0 => Vec::new(),
        1 => b"zzz".to_vec(),
        2 => format!("{:02}", rng.below(90)).into_bytes(),
        _ => format!("{:03}", rng.below(800)).into_bytes(),
    }
}

/// Returns a value that may be in the tall table, but mostly is not.
pub(crate) fn random_value(rng: &mut Rng) -> Vec<u8> {
    match rng.below(12) {
        0 => Vec::new(),
        1 => b"zzzzzz".to_vec(),
        _ => format!("{:05}", rng.below(99_999)).into_bytes(),
    }
}

/// Returns item `at` of the list, as a cursor hands it out.
pub(crate) fn item(model: &Items, at: usize) -> (&[u8], &[u8]) {
    (&model[at].0, &model[at].1)
}
