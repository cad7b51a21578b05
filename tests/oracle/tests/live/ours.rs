//! This library as one of the two engines.

use std::path::Path;
use std::time::Duration;

use mdbx_core::tools::check::check;
use mdbx_core::tools::copy::CopyOptions;
use mdbx_core::{
    Durability, Env, Error, Geometry, PageSize, ParkedTxn, ReadTxn, SlowReader, SlowReaderAction,
    Table, WriteTxn,
};

use crate::engine::{Database, Each, Outcome, Parked, Reading, Snapshot, Writing};
use crate::opening::{GROWTH_STEP, LOWER, Mode, Opening, SHRINK_THRESHOLD, SPILL_LIMIT, UPPER};
use crate::part::Part;
use crate::process::send_signal;

/// Opens the database with this library.
pub(crate) fn open(path: &Path, opening: &Opening) -> Outcome<Box<dyn Database>> {
    let mut options = Env::options()
        .read_only(opening.read_only)
        .exclusive(opening.exclusive);
    if let Some(page_size) = opening.page_size {
        let page_size = PageSize::new(page_size).ok_or("no such page size")?;
        let geometry = Geometry::default()
            .page_size(page_size)
            .lower(LOWER as u64)
            .upper(UPPER as u64)
            .growth_step(GROWTH_STEP as u64)
            .shrink_threshold(SHRINK_THRESHOLD as u64);
        options = options.geometry(geometry);
    }
    if opening.spill {
        options = options.dirty_limit(SPILL_LIMIT);
    }
    if opening.ends_slow_readers {
        options = options.slow_reader_handler(end_slow_reader);
    }
    let options = options
        .write_map(opening.write_map)
        .durability(match opening.mode {
            Mode::Durable => Durability::Durable,
            Mode::SingleSync => Durability::SingleSync,
            Mode::NoMetaSync => Durability::NoMetaSync,
            Mode::SafeNoSync => Durability::SafeNoSync,
            Mode::UtterlyNoSync => Durability::UtterlyNoSync,
        });
    Ok(Box::new(options.open(path)?))
}

/// Ends the process of a reader that keeps a writer from using pages again.
fn end_slow_reader(slow: &SlowReader) -> SlowReaderAction {
    if slow.is_over || slow.retries > 1000 {
        return SlowReaderAction::GiveUp;
    }
    if slow.retries == 0 {
        send_signal(slow.reader.process, "KILL");
    }
    std::thread::sleep(Duration::from_millis(1));
    SlowReaderAction::Retry
}

/// The handles of the tables that there are, in the order of [`Part::ALL`].
type Tables = Vec<Option<Table>>;

/// A read transaction of this library.
struct Read<'env> {
    txn: ReadTxn<'env>,
    tables: Tables,
}

/// A write transaction of this library.
struct Write<'env> {
    txn: WriteTxn<'env>,
    tables: Tables,
}

/// A parked transaction of this library.
struct Waiting<'env> {
    txn: ParkedTxn<'env>,
    tables: Tables,
}

impl Database for Env {
    fn read(&self) -> Outcome<Box<dyn Reading<'_> + '_>> {
        Ok(Box::new(Read::new(Env::read(self)?)?))
    }

    fn write(&self) -> Outcome<Box<dyn Writing + '_>> {
        let mut txn = Env::write(self)?;
        let mut tables = Tables::new();
        for part in Part::ALL {
            tables.push(Some(match txn.open_table(part.name()) {
                Err(Error::NoSuchTable { .. }) => txn.create_table(part.name(), part.flags())?,
                opened => opened?,
            }));
        }
        Ok(Box::new(Write { txn, tables }))
    }

    fn try_write(&self) -> Outcome<()> {
        Env::try_write(self)?;
        Ok(())
    }

    fn resize(&self, upper: u64) -> Outcome<()> {
        Ok(Env::resize(self, Geometry::default().upper(upper))?)
    }

    fn copy(&self, path: &Path, compact: bool) -> Outcome<()> {
        let txn = Env::read(self)?;
        let options = CopyOptions::new().overwrite(true).compact(compact);
        options.to_path(&txn, path)?;
        Ok(())
    }

    fn sync(&self) -> Outcome<()> {
        Env::sync(self)?;
        Ok(())
    }

    fn set_sync_bytes(&self, bytes: u64) -> Outcome<()> {
        Ok(Env::set_sync_bytes(self, bytes)?)
    }

    fn check(&self) -> Outcome<Vec<String>> {
        let report = check(&Env::read(self)?);
        Ok(if report.is_sound() {
            Vec::new()
        } else {
            vec![report.to_string()]
        })
    }

    fn allocated_pages(&self) -> Outcome<u64> {
        Ok(self.info()?.allocated_pages.into())
    }

    fn clear_dead_readers(&self) -> Outcome<u64> {
        Ok(Env::clear_dead_readers(self)? as u64)
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        Ok(Env::close(*self)?)
    }
}

/// What both kinds of transactions look up in the same way.
macro_rules! snapshot {
    ($txn:ident) => {
        impl Snapshot for $txn<'_> {
            fn id(&self) -> u64 {
                self.txn.id().0
            }

            fn get(&self, part: Part, key: &[u8]) -> Outcome<Option<Vec<u8>>> {
                let Some(table) = self.tables[part as usize] else {
                    return Ok(None);
                };
                Ok(self.txn.get(table, key)?.map(<[u8]>::to_vec))
            }

            fn each(&self, part: Part, each: &mut Each<'_>) -> Outcome<()> {
                let Some(table) = self.tables[part as usize] else {
                    return Ok(());
                };
                let mut cursor = self.txn.cursor(table)?;
                while let Some((key, value)) = cursor.next()? {
                    each(key, value)?;
                }
                Ok(())
            }

            fn marks(&self) -> Outcome<[u64; 3]> {
                Ok(self.txn.canary().marks)
            }

            fn sequence(&self, part: Part) -> Outcome<u64> {
                let Some(table) = self.tables[part as usize] else {
                    return Ok(0);
                };
                Ok(self.txn.table(table)?.sequence())
            }
        }
    };
}

snapshot!(Read);
snapshot!(Write);

impl<'env> Read<'env> {
    fn new(txn: ReadTxn<'env>) -> Outcome<Read<'env>> {
        let mut tables = Tables::new();
        for part in Part::ALL {
            tables.push(match txn.open_table(part.name()) {
                Err(Error::NoSuchTable { .. }) => None,
                opened => Some(opened?),
            });
        }
        Ok(Read { txn, tables })
    }
}

impl<'env> Reading<'env> for Read<'env> {
    fn renew(self: Box<Self>) -> Outcome<Box<dyn Reading<'env> + 'env>> {
        Ok(Box::new(Read::new(self.txn.reset().renew()?)?))
    }

    fn park(self: Box<Self>) -> Outcome<Box<dyn Parked<'env> + 'env>> {
        Ok(Box::new(Waiting {
            txn: self.txn.park(),
            tables: self.tables,
        }))
    }
}

impl<'env> Parked<'env> for Waiting<'env> {
    fn unpark(self: Box<Self>) -> Outcome<Box<dyn Reading<'env> + 'env>> {
        Ok(Box::new(Read {
            txn: self.txn.unpark()?,
            tables: self.tables,
        }))
    }
}

impl Write<'_> {
    fn table(&self, part: Part) -> Outcome<Table> {
        Ok(self.tables[part as usize].ok_or("there is no such table")?)
    }
}

impl Writing for Write<'_> {
    fn put(&mut self, part: Part, key: &[u8], value: &[u8]) -> Outcome<()> {
        let table = self.table(part)?;
        Ok(self.txn.put(table, key, value)?)
    }

    fn delete(&mut self, part: Part, key: &[u8]) -> Outcome<bool> {
        let table = self.table(part)?;
        Ok(self.txn.delete(table, key)?)
    }

    fn delete_dup(&mut self, part: Part, key: &[u8], value: &[u8]) -> Outcome<bool> {
        let table = self.table(part)?;
        Ok(self.txn.delete_dup(table, key, value)?)
    }

    fn clear(&mut self, part: Part) -> Outcome<()> {
        let table = self.table(part)?;
        Ok(self.txn.clear(table)?)
    }

    fn set_marks(&mut self, marks: [u64; 3]) -> Outcome<()> {
        Ok(self.txn.set_canary(marks)?)
    }

    fn count_up(&mut self, part: Part) -> Outcome<()> {
        let table = self.table(part)?;
        self.txn.sequence(table, 1)?;
        Ok(())
    }

    fn commit(self: Box<Self>) -> Outcome<()> {
        self.txn.commit()?;
        Ok(())
    }
}
