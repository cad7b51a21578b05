//! The table in `redb`: rows with bincode, a table for the e-mail addresses, a multimap for the ages.

use std::path::Path;

use bincode::config::standard;
use redb::{Database, MultimapTableDefinition, ReadableDatabase, ReadableTable, TableDefinition};

use crate::{Peer, Result, SPAN, User};

const ROWS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("users");
const EMAILS: TableDefinition<'_, &str, u64> = TableDefinition::new("users.by_email");
const AGES: MultimapTableDefinition<'_, u32, u64> = MultimapTableDefinition::new("users.by_age");

struct Redb {
    database: Database,
    /// The bytes of a row, kept from one to the next.
    buffer: Vec<u8>,
}

pub(crate) fn open(path: &Path) -> Result<Box<dyn Peer>> {
    let database = Database::create(path)?;
    let txn = database.begin_write()?;
    txn.open_table(ROWS)?;
    txn.open_table(EMAILS)?;
    txn.open_multimap_table(AGES)?;
    txn.commit()?;
    let buffer = Vec::new();
    Ok(Box::new(Redb { database, buffer }))
}

fn decode(bytes: &[u8]) -> Result<User> {
    Ok(bincode::serde::borrow_decode_from_slice(bytes, standard())?.0)
}

fn encode(row: &User, buffer: &mut Vec<u8>) -> Result<()> {
    buffer.clear();
    bincode::serde::encode_into_std_write(row, buffer, standard())?;
    Ok(())
}

impl Peer for Redb {
    fn insert(&mut self, rows: &[User]) -> Result<()> {
        let txn = self.database.begin_write()?;
        {
            let mut by_id = txn.open_table(ROWS)?;
            let mut by_email = txn.open_table(EMAILS)?;
            let mut by_age = txn.open_multimap_table(AGES)?;
            for row in rows {
                encode(row, &mut self.buffer)?;
                if by_id.insert(row.id, self.buffer.as_slice())?.is_some() {
                    return Err("the key is taken".into());
                }
                if by_email.insert(row.email.as_str(), row.id)?.is_some() {
                    return Err("the address is taken".into());
                }
                by_age.insert(row.age, row.id)?;
            }
        }
        Ok(txn.commit()?)
    }

    fn get(&mut self, ids: &[u64]) -> Result<u64> {
        let txn = self.database.begin_read()?;
        let by_id = txn.open_table(ROWS)?;
        let mut sum = 0u64;
        for &id in ids {
            let row = by_id.get(id)?.ok_or("no such row")?;
            sum = sum.wrapping_add(decode(row.value())?.sum());
        }
        Ok(sum)
    }

    fn get_by_email(&mut self, emails: &[String]) -> Result<u64> {
        let txn = self.database.begin_read()?;
        let (by_id, by_email) = (txn.open_table(ROWS)?, txn.open_table(EMAILS)?);
        let mut sum = 0u64;
        for email in emails {
            let id = by_email.get(email.as_str())?.ok_or("no such address")?;
            let row = by_id.get(id.value())?.ok_or("no such row")?;
            sum = sum.wrapping_add(decode(row.value())?.sum());
        }
        Ok(sum)
    }

    fn range_by_age(&mut self, starts: &[u32]) -> Result<u64> {
        let txn = self.database.begin_read()?;
        let (by_id, by_age) = (txn.open_table(ROWS)?, txn.open_multimap_table(AGES)?);
        let mut sum = 0u64;
        for &start in starts {
            for entry in by_age.range(start..start + SPAN)? {
                for id in entry?.1 {
                    let row = by_id.get(id?.value())?.ok_or("no such row")?;
                    sum = sum.wrapping_add(decode(row.value())?.sum());
                }
            }
        }
        Ok(sum)
    }

    fn update_age(&mut self, changes: &[(u64, u32)]) -> Result<()> {
        let txn = self.database.begin_write()?;
        {
            let mut by_id = txn.open_table(ROWS)?;
            let mut by_age = txn.open_multimap_table(AGES)?;
            for &(id, age) in changes {
                let mut row = decode(by_id.get(id)?.ok_or("no such row")?.value())?;
                if row.age != age {
                    by_age.remove(row.age, id)?;
                    by_age.insert(age, id)?;
                }
                row.age = age;
                encode(&row, &mut self.buffer)?;
                by_id.insert(id, self.buffer.as_slice())?;
            }
        }
        Ok(txn.commit()?)
    }

    fn delete(&mut self, ids: &[u64]) -> Result<()> {
        let txn = self.database.begin_write()?;
        {
            let mut by_id = txn.open_table(ROWS)?;
            let mut by_email = txn.open_table(EMAILS)?;
            let mut by_age = txn.open_multimap_table(AGES)?;
            for &id in ids {
                let row = decode(by_id.remove(id)?.ok_or("no such row")?.value())?;
                by_email.remove(row.email.as_str())?;
                by_age.remove(row.age, id)?;
            }
        }
        Ok(txn.commit()?)
    }
}
