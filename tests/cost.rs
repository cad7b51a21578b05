//! What things cost, in pages of the file: room for entries, and pages that a change writes.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

#[path = "common/anatomy.rs"]
mod anatomy;
mod common;

use std::collections::BTreeSet;

use anatomy::{Image, record};
use common::TempEnv;
use mdbx_core::{Geometry, PageSize, PutFlags, Result, Stat, Table, TableFlags};

const PLAIN: TableFlags = TableFlags::empty();

/// A file that never shrinks, so that commits write what was changed and nothing else.
fn with_small_pages() -> TempEnv {
    let geometry = Geometry::default()
        .page_size(PageSize::MIN)
        .growth_step(1 << 16)
        .shrink_threshold(0);
    TempEnv::with_geometry(geometry)
}

fn pages(stat: &Stat) -> u64 {
    u64::from(stat.branch_pages) + u64::from(stat.leaf_pages) + u64::from(stat.large_pages)
}

/// Stores numbers below `count` under their own keys in the main table.
fn fill(env: &TempEnv, count: u32) -> Result<()> {
    let mut txn = env.write()?;
    for n in 0..count {
        txn.put(Table::MAIN, &n.to_be_bytes(), &n.to_be_bytes())?;
    }
    txn.commit()?;
    Ok(())
}

/// Returns the pages whose bytes differ.
fn changed(before: &Image, after: &Image) -> BTreeSet<u32> {
    assert_eq!(before.bytes.len(), after.bytes.len());
    let size = before.page_size;
    let pages = before.bytes.chunks(size).zip(after.bytes.chunks(size));
    let changed = pages.enumerate().filter(|(_, (old, new))| old != new);
    changed.map(|(pgno, _)| pgno.try_into().unwrap()).collect()
}

/// Returns the pages of the main table and of the table of free pages.
fn reachable(image: &Image) -> BTreeSet<u32> {
    [image.main(), image.gc()]
        .into_iter()
        .flat_map(|tree| image.pages(tree))
        .collect()
}

#[test]
fn a_million_integer_values_of_one_key_take_less_than_ten_bytes_each() -> Result<()> {
    let count = if cfg!(debug_assertions) {
        30_000 // the pages are full already, and more of them would take long where nothing is optimised
    } else {
        1_000_000_u64
    };
    let env = TempEnv::new();
    let kind = TableFlags::DUP_SORT | TableFlags::DUP_FIXED | TableFlags::INTEGER_DUP;
    let mut txn = env.write()?;
    let table = txn.create_table("t", kind)?;
    let values: Vec<[u8; 8]> = (0..count).map(u64::to_le_bytes).collect();
    txn.table_mut(table)?.put_many(
        b"one key",
        values.iter().map(|value| &value[..]),
        PutFlags::APPEND_DUP,
    )?;
    txn.commit()?;
    let txn = env.read()?;
    let stat = txn.table(table)?.stat();
    assert_eq!(stat.items, count);
    let bytes = pages(&stat) * 4096;
    assert!(bytes < count * 10, "{bytes} bytes for {count} values");
    Ok(())
}

#[test]
fn an_entry_with_an_integer_key_takes_no_more_than_its_node_and_its_place_in_the_page() -> Result<()>
{
    const NODE: u64 = 8;
    const PLACE: u64 = 2;
    const HEADER: u64 = 20;
    let env = TempEnv::new();
    let mut txn = env.write()?;
    let table = txn.create_table("t", TableFlags::INTEGER_KEY)?;
    let entry = NODE + 8 + 6 + PLACE;
    let in_leaf = (4096 - HEADER) / entry;
    for n in 0..in_leaf * 10 {
        txn.table_mut(table)?.append(&n.to_le_bytes(), b"abcdef")?;
    }
    txn.commit()?;
    let stat = env.read()?.table(table)?.stat();
    assert_eq!((stat.leaf_pages, stat.branch_pages), (10, 1));
    Ok(())
}

/// For tables from small to large, returns the height, and the most pages that a commit writes which changes one entry:
/// those of the table, and all.
fn written_by_one_change() -> Result<Vec<(usize, usize, usize)>> {
    let mut most_at_height = Vec::new();
    for count in [10, 100, 1000, 10_000] {
        let env = with_small_pages();
        fill(&env, count)?;
        let mut free = env.write()?; // some free pages, so that the file need not grow
        free.put(Table::MAIN, b"large", &vec![0; 20_000])?;
        free.commit()?;
        let mut free = env.write()?;
        free.delete(Table::MAIN, b"large")?;
        free.commit()?;
        let (mut most_of_tree, mut most) = (0, 0);
        for n in 0..10 {
            let key = (n * 7919 % count).to_be_bytes();
            let before = Image::read(env.path());
            env.put(Table::MAIN, &key, &(n + 1_000_000).to_be_bytes())?;
            let after = Image::read(env.path());
            let written = changed(&before, &after);
            let of_tree: BTreeSet<u32> = after.pages(after.main()).into_iter().collect();
            most_of_tree = most_of_tree.max(written.intersection(&of_tree).count());
            most = most.max(written.len());
        }
        let height = env.read()?.table(Table::MAIN)?.stat().height;
        most_at_height.push((height, most_of_tree, most));
    }
    Ok(most_at_height)
}

#[test]
fn a_change_copies_the_pages_from_the_root_to_its_leaf_and_no_others() -> Result<()> {
    let written = written_by_one_change()?;
    for &(height, of_tree, _) in &written {
        assert_eq!(of_tree, height, "{written:?}");
    }
    assert!(written.iter().map(|row| row.0).eq(1..=4), "{written:?}");
    Ok(())
}

#[test]
fn a_commit_of_one_entry_writes_pages_for_the_height_of_the_tree_and_a_few_more() -> Result<()> {
    // A meta, and the path in the table of free pages from its root to the leaves of what is taken and what is noted.
    const FEW: usize = 5;
    let written = written_by_one_change()?;
    for &(height, _, all) in &written {
        assert!(all <= height + FEW, "{written:?}");
    }
    Ok(())
}

#[test]
fn a_commit_writes_to_no_page_of_the_snapshot_before_it() -> Result<()> {
    let env = with_small_pages();
    fill(&env, 3000)?;
    for round in 0..40_u32 {
        let before = Image::read(env.path());
        let mut txn = env.write()?;
        for n in 0..=round {
            let key = (n * 61 + round * 17) % 3000;
            txn.put(Table::MAIN, &key.to_be_bytes(), &round.to_be_bytes())?;
            txn.delete(Table::MAIN, &(key / 2).to_be_bytes())?;
        }
        txn.commit()?;
        let mut after = Image::read(env.path());
        assert!(after.bytes.len() >= before.bytes.len());
        after.bytes.truncate(before.bytes.len());
        let live = reachable(&before);
        assert!(live.len() > 100 && before.u32(before.main() + record::LARGE_PAGES) == 0);
        let touched: Vec<u32> = changed(&before, &after)
            .intersection(&live)
            .copied()
            .collect();
        assert_eq!(touched, [], "round {round}");
    }
    Ok(())
}

#[test]
fn keys_with_several_values_are_stored_once() -> Result<()> {
    let env = TempEnv::new();
    let key = [b'k'; 400];
    let (mut plain, mut dups) = (0, 0);
    for (flags, used) in [(PLAIN, &mut plain), (TableFlags::DUP_SORT, &mut dups)] {
        let table = env.create_table(&format!("{flags:?}"), flags)?;
        let mut txn = env.write()?;
        for n in 0..2000_u32 {
            let number = n.to_be_bytes();
            if flags == PLAIN {
                txn.put(table, &[&key[..], &number].concat(), b"")?;
            } else {
                txn.put(table, &key, &number)?;
            }
        }
        txn.commit()?;
        *used = pages(&env.read()?.table(table)?.stat());
    }
    assert!(dups * 20 < plain, "{dups} pages instead of {plain}");
    Ok(())
}
