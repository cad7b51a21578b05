//! Reading allocates nothing for what it reads: values are slices of the mapped file.
//!
//! The test is here because an allocator that counts is unsafe code, which no other crate's tests have; it needs no
//! libmdbx.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]
#![expect(
    unsafe_code,
    reason = "what is allocated is known to the global allocator alone"
)]

#[path = "../../common/mod.rs"]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::TempEnv;
use mdbx_core::{PageSize, Result, Table, TableFlags};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts how often the present thread asks it for memory.
struct Counting;

fn count() {
    ALLOCATIONS.with(|count| count.set(count.get() + 1));
}

// SAFETY: every call is handed on as it is to the system's allocator, and counting allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller promises what the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller promises what the system's allocator asks for.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller promises what the system's allocator asks for.
        unsafe { System.realloc(at, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `work`, and returns how often it has asked for memory.
fn allocations_of<T>(work: impl FnOnce() -> Result<T>) -> Result<usize> {
    let before = ALLOCATIONS.get();
    work()?;
    Ok(ALLOCATIONS.get() - before)
}

/// A database over many small pages: `count` keys with one value, as many values of one key, and a large value.
fn filled(count: u32) -> Result<(TempEnv, Table)> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let mut txn = env.write()?;
    let dups = txn.create_table("dups", TableFlags::DUP_SORT)?;
    for n in 0..count {
        txn.put(Table::MAIN, &n.to_be_bytes(), b"some value")?;
        txn.put(dups, b"many", &n.to_be_bytes())?;
        txn.put(dups, &n.to_be_bytes(), b"one")?;
    }
    txn.put(Table::MAIN, b"large", &[7; 3000])?;
    txn.commit()?;
    Ok((env, dups))
}

#[test]
fn a_get_allocates_nothing() -> Result<()> {
    let (env, dups) = filled(1000)?;
    let txn = env.read()?;
    for table in [Table::MAIN, dups] {
        let table = txn.table(table)?;
        let allocations = allocations_of(|| {
            for n in 0..1100_u32 {
                let key = n.to_be_bytes();
                assert_eq!(table.get(&key)?.is_some(), n < 1000);
                assert_eq!(table.contains(&key)?, n < 1000);
                assert_eq!(table.get_with_count(&key)?.is_some(), n < 1000);
            }
            assert!(table.get(b"large")?.is_none_or(|value| value.len() == 3000));
            assert!(table.get(b"many")?.is_none_or(|value| value == [0; 4]));
            Ok(())
        })?;
        assert_eq!(allocations, 0);
    }
    Ok(())
}

#[test]
fn a_cursor_that_stands_somewhere_moves_without_allocating() -> Result<()> {
    let (env, _) = filled(1000)?;
    let table = env.read()?;
    let table = table.table(Table::MAIN)?;
    let mut cursor = table.cursor();
    assert!(cursor.first()?.is_some());
    let allocations = allocations_of(|| {
        while cursor.next()?.is_some() {}
        while cursor.prev()?.is_some() {}
        for n in (0..1000_u32).rev().step_by(7) {
            assert!(cursor.seek_exact(&n.to_be_bytes())?.is_some());
        }
        Ok(())
    })?;
    assert_eq!(allocations, 0);
    Ok(())
}

/// Returns how often a reader asks for memory that begins, finds a table and reads all items, of one key and of many.
fn allocations_of_a_reader(env: &TempEnv, dups: Table) -> Result<usize> {
    allocations_of(|| {
        let txn = env.read()?;
        let count = txn.table(Table::MAIN)?.iter().count() as u64;
        assert_eq!(count, txn.len(Table::MAIN)?);
        assert_eq!(txn.dups(dups, b"many")?.count() as u64, count - 2);
        Ok(())
    })
}

#[test]
fn a_reader_allocates_the_same_however_much_it_reads() -> Result<()> {
    let (few, dups) = filled(200)?;
    let allocations = allocations_of_a_reader(&few, dups)?;
    assert!(allocations < 10, "{allocations}");
    let (many, dups) = filled(4000)?;
    assert_eq!(allocations_of_a_reader(&many, dups)?, allocations);
    Ok(())
}

/// Returns where the file is mapped.
#[cfg(target_os = "linux")]
fn mappings_of(file: &std::path::Path) -> Vec<std::ops::Range<usize>> {
    let file = file.canonicalize().unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let of_file = maps
        .lines()
        .filter(|line| line.ends_with(file.to_str().unwrap()));
    of_file
        .map(|line| {
            let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
            let address = |text| usize::from_str_radix(text, 16).unwrap();
            address(start)..address(end)
        })
        .collect()
}

#[cfg(target_os = "linux")]
#[test]
fn a_get_returns_a_slice_of_the_mapped_file() -> Result<()> {
    let (env, dups) = filled(500)?;
    let txn = env.read()?;
    let mapped = mappings_of(env.path());
    let keys: [(Table, &[u8]); 3] = [
        (Table::MAIN, &[0, 0, 1, 9]),
        (Table::MAIN, b"large"),
        (dups, b"many"),
    ];
    for (table, key) in keys {
        let value = txn.get(table, key)?.unwrap().as_ptr_range();
        let (start, end) = (value.start.addr(), value.end.addr());
        assert!(
            mapped
                .iter()
                .any(|range| range.start <= start && end <= range.end),
            "{key:?} at {start:#x}"
        );
    }
    Ok(())
}
