//! libmdbx as one of the two engines.

use std::path::Path;

use mdbx_core::TableFlags;
use mdbx_oracle::c;

use crate::engine::{Database, Each, Outcome, Parked, Reading, Snapshot, Writing};
use crate::opening::{GROWTH_STEP, LOWER, Mode, Opening, SHRINK_THRESHOLD, SPILL_LIMIT, UPPER};
use crate::part::Part;

/// Opens the database with libmdbx.
pub(crate) fn open(path: &Path, opening: &Opening) -> Outcome<Box<dyn Database>> {
    let mut flags = c::UNBOUND
        | match opening.mode {
            Mode::Durable | Mode::SingleSync => c::DURABLE,
            Mode::NoMetaSync => c::NO_META_SYNC,
            Mode::SafeNoSync => c::SAFE_NO_SYNC,
            Mode::UtterlyNoSync => c::UTTERLY_NO_SYNC,
        };
    let asked = [
        (opening.write_map, c::WRITE_MAP),
        (opening.read_only, c::READ_ONLY),
        (opening.exclusive, c::EXCLUSIVE),
    ];
    for (_, flag) in asked.iter().filter(|(asked, _)| *asked) {
        flags |= flag;
    }
    let geometry = opening.page_size.map(|page_size| c::Geometry {
        page_size: Some(page_size as usize),
        lower: Some(LOWER),
        upper: Some(UPPER),
        growth_step: Some(GROWTH_STEP),
        shrink_threshold: Some(SHRINK_THRESHOLD),
    });
    let env = c::Env::open(path, flags, geometry.as_ref())?;
    if opening.spill {
        env.set_dirty_limit(SPILL_LIMIT / env.page_size()?)?;
    }
    Ok(Box::new(env))
}

/// Returns what libmdbx calls the kind of a table.
fn flags(part: Part) -> u32 {
    let flags = [
        (TableFlags::DUP_SORT, c::DUP_SORT),
        (TableFlags::INTEGER_KEY, c::INTEGER_KEY),
        (TableFlags::DUP_FIXED, c::DUP_FIXED),
        (TableFlags::INTEGER_DUP, c::INTEGER_DUP),
    ];
    let has = |flag: &&(TableFlags, u32)| part.flags().contains(flag.0);
    flags.iter().filter(has).map(|(_, flag)| flag).sum()
}

/// A transaction of libmdbx.
struct Txn<'env> {
    txn: c::Txn<'env>,
    /// The handles of the tables that there are, in the order of [`Part::ALL`].
    tables: Vec<Option<c::Dbi>>,
}

impl<'env> Txn<'env> {
    fn table(&self, part: Part) -> Option<c::Dbi> {
        self.tables[part as usize]
    }

    /// A transaction that creates the tables if there are none yet.
    fn writing(mut txn: c::Txn<'env>) -> Outcome<Txn<'env>> {
        let mut tables = Vec::new();
        for part in Part::ALL {
            tables.push(Some(txn.create_table(Some(part.name()), flags(part))?));
        }
        Ok(Txn { txn, tables })
    }

    fn reading(txn: c::Txn<'env>) -> Outcome<Txn<'env>> {
        let mut tables = Vec::new();
        for part in Part::ALL {
            tables.push(txn.open_table(Some(part.name()))?);
        }
        Ok(Txn { txn, tables })
    }

    fn existing(&self, part: Part) -> Outcome<c::Dbi> {
        Ok(self.table(part).ok_or("there is no such table")?)
    }
}

impl Database for c::Env {
    fn read(&self) -> Outcome<Box<dyn Reading<'_> + '_>> {
        Ok(Box::new(Txn::reading(c::Env::read(self)?)?))
    }

    fn write(&self) -> Outcome<Box<dyn Writing + '_>> {
        Ok(Box::new(Txn::writing(c::Env::write(self)?)?))
    }

    fn try_write(&self) -> Outcome<()> {
        c::Env::try_write(self)?;
        Ok(())
    }

    fn resize(&self, upper: u64) -> Outcome<()> {
        Ok(self.set_geometry(&c::Geometry {
            upper: Some(usize::try_from(upper)?),
            ..c::Geometry::default()
        })?)
    }

    fn copy(&self, path: &Path, compact: bool) -> Outcome<()> {
        if path.exists() {
            std::fs::remove_file(path)?;
        }
        Ok(c::Env::copy(self, path, compact)?)
    }

    fn sync(&self) -> Outcome<()> {
        c::Env::sync(self)?;
        Ok(())
    }

    fn set_sync_bytes(&self, bytes: u64) -> Outcome<()> {
        Ok(c::Env::set_sync_bytes(self, bytes)?)
    }

    fn check(&self) -> Outcome<Vec<String>> {
        let report = c::Env::check(self)?;
        let mut findings = report.findings;
        if report.problems > findings.len() {
            findings.push(format!("{} problems", report.problems));
        }
        Ok(findings)
    }

    fn allocated_pages(&self) -> Outcome<u64> {
        Ok(self.info()?.allocated_pages)
    }

    fn clear_dead_readers(&self) -> Outcome<u64> {
        Ok(c::Env::clear_dead_readers(self)? as u64)
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        match c::Env::close(*self) {
            // It is closed all the same: the last sync met the lock of a writer that had died.
            Err(c::Error(c::BAD_SIGNATURE)) => Ok(()),
            closed => Ok(closed?),
        }
    }
}

impl Snapshot for Txn<'_> {
    fn id(&self) -> u64 {
        self.txn.id()
    }

    fn get(&self, part: Part, key: &[u8]) -> Outcome<Option<Vec<u8>>> {
        let Some(table) = self.table(part) else {
            return Ok(None);
        };
        Ok(self.txn.get(table, key)?.map(<[u8]>::to_vec))
    }

    fn each(&self, part: Part, each: &mut Each<'_>) -> Outcome<()> {
        let Some(table) = self.table(part) else {
            return Ok(());
        };
        let mut cursor = self.txn.cursor(table)?;
        while let Some((key, value)) = cursor.next()? {
            each(key, value)?;
        }
        Ok(())
    }

    fn marks(&self) -> Outcome<[u64; 3]> {
        let [x, y, z, _] = self.txn.canary()?;
        Ok([x, y, z])
    }

    fn sequence(&self, part: Part) -> Outcome<u64> {
        let sequence = |table| self.txn.sequence(table);
        Ok(self.table(part).map_or(Ok(0), sequence)?)
    }
}

impl<'env> Reading<'env> for Txn<'env> {
    fn renew(mut self: Box<Self>) -> Outcome<Box<dyn Reading<'env> + 'env>> {
        self.txn.renew()?;
        Ok(Box::new(Txn::reading(self.txn)?))
    }

    fn park(mut self: Box<Self>) -> Outcome<Box<dyn Parked<'env> + 'env>> {
        self.txn.park()?;
        Ok(self)
    }
}

impl<'env> Parked<'env> for Txn<'env> {
    fn unpark(mut self: Box<Self>) -> Outcome<Box<dyn Reading<'env> + 'env>> {
        self.txn.unpark()?;
        Ok(self)
    }
}

impl Writing for Txn<'_> {
    fn put(&mut self, part: Part, key: &[u8], value: &[u8]) -> Outcome<()> {
        let table = self.existing(part)?;
        Ok(self.txn.put(table, key, value)?)
    }

    fn delete(&mut self, part: Part, key: &[u8]) -> Outcome<bool> {
        let table = self.existing(part)?;
        Ok(self.txn.delete(table, key)?)
    }

    fn delete_dup(&mut self, part: Part, key: &[u8], value: &[u8]) -> Outcome<bool> {
        let table = self.existing(part)?;
        Ok(self.txn.delete_dup(table, key, value)?)
    }

    fn clear(&mut self, part: Part) -> Outcome<()> {
        let table = self.existing(part)?;
        Ok(self.txn.clear(table)?)
    }

    fn set_marks(&mut self, marks: [u64; 3]) -> Outcome<()> {
        Ok(self.txn.set_canary(marks)?)
    }

    fn count_up(&mut self, part: Part) -> Outcome<()> {
        let table = self.existing(part)?;
        self.txn.add_to_sequence(table, 1)?;
        Ok(())
    }

    fn commit(self: Box<Self>) -> Outcome<()> {
        Ok(self.txn.commit()?)
    }
}
