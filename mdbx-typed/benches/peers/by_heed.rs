//! The table in LMDB through `heed`: rows with bincode, a database for the e-mail addresses, one with duplicates of
//! fixed size for the ages.

use std::path::Path;

use bincode::config::standard;
use heed::byteorder::BigEndian;
use heed::types::{Bytes, Str, U32, U64};
use heed::{Database, DatabaseFlags, Env, EnvOpenOptions, PutFlags};

use crate::{Peer, Result, SPAN, User};

struct Heed {
    env: Env,
    by_id: Database<U64<BigEndian>, Bytes>,
    by_email: Database<Str, U64<BigEndian>>,
    by_age: Database<U32<BigEndian>, U64<BigEndian>>,
    /// The bytes of a row, kept from one to the next.
    buffer: Vec<u8>,
}

pub(crate) fn open(path: &Path) -> Result<Box<dyn Peer>> {
    std::fs::create_dir(path)?;
    let env = map(path)?;
    let mut txn = env.write_txn()?;
    let peer = Heed {
        by_id: env.create_database(&mut txn, Some("users"))?,
        by_email: env.create_database(&mut txn, Some("users.by_email"))?,
        by_age: env
            .database_options()
            .types()
            .flags(DatabaseFlags::DUP_SORT | DatabaseFlags::DUP_FIXED)
            .name("users.by_age")
            .create(&mut txn)?,
        buffer: Vec::new(),
        env: env.clone(),
    };
    txn.commit()?;
    Ok(Box::new(peer))
}

#[expect(unsafe_code, reason = "opening an environment maps its file")]
fn map(path: &Path) -> Result<Env> {
    let mut options = EnvOpenOptions::new();
    options.map_size(4 << 30).max_dbs(3);
    // SAFETY: the file is in a new directory of this program, which opens it once and touches it through LMDB alone.
    Ok(unsafe { options.open(path) }?)
}

fn decode(bytes: &[u8]) -> Result<User> {
    Ok(bincode::serde::borrow_decode_from_slice(bytes, standard())?.0)
}

fn encode(row: &User, buffer: &mut Vec<u8>) -> Result<()> {
    buffer.clear();
    bincode::serde::encode_into_std_write(row, buffer, standard())?;
    Ok(())
}

impl Peer for Heed {
    fn insert(&mut self, rows: &[User]) -> Result<()> {
        let mut txn = self.env.write_txn()?;
        for row in rows {
            encode(row, &mut self.buffer)?;
            let if_free = PutFlags::NO_OVERWRITE;
            self.by_id
                .put_with_flags(&mut txn, if_free, &row.id, &self.buffer)?;
            self.by_email
                .put_with_flags(&mut txn, if_free, &row.email, &row.id)?;
            self.by_age.put(&mut txn, &row.age, &row.id)?;
        }
        Ok(txn.commit()?)
    }

    fn get(&mut self, ids: &[u64]) -> Result<u64> {
        let txn = self.env.read_txn()?;
        let mut sum = 0u64;
        for id in ids {
            let row = self.by_id.get(&txn, id)?.ok_or("no such row")?;
            sum = sum.wrapping_add(decode(row)?.sum());
        }
        Ok(sum)
    }

    fn get_by_email(&mut self, emails: &[String]) -> Result<u64> {
        let txn = self.env.read_txn()?;
        let mut sum = 0u64;
        for email in emails {
            let id = self.by_email.get(&txn, email)?.ok_or("no such address")?;
            let row = self.by_id.get(&txn, &id)?.ok_or("no such row")?;
            sum = sum.wrapping_add(decode(row)?.sum());
        }
        Ok(sum)
    }

    fn range_by_age(&mut self, starts: &[u32]) -> Result<u64> {
        let txn = self.env.read_txn()?;
        let mut sum = 0u64;
        for &start in starts {
            for entry in self.by_age.range(&txn, &(start..start + SPAN))? {
                let row = self.by_id.get(&txn, &entry?.1)?.ok_or("no such row")?;
                sum = sum.wrapping_add(decode(row)?.sum());
            }
        }
        Ok(sum)
    }

    fn update_age(&mut self, changes: &[(u64, u32)]) -> Result<()> {
        let mut txn = self.env.write_txn()?;
        for &(id, age) in changes {
            let mut row = decode(self.by_id.get(&txn, &id)?.ok_or("no such row")?)?;
            if row.age != age {
                self.by_age.delete_one_duplicate(&mut txn, &row.age, &id)?;
                self.by_age.put(&mut txn, &age, &id)?;
            }
            row.age = age;
            encode(&row, &mut self.buffer)?;
            self.by_id.put(&mut txn, &id, &self.buffer)?;
        }
        Ok(txn.commit()?)
    }

    fn delete(&mut self, ids: &[u64]) -> Result<()> {
        let mut txn = self.env.write_txn()?;
        for id in ids {
            let row = decode(self.by_id.get(&txn, id)?.ok_or("no such row")?)?;
            self.by_email.delete(&mut txn, &row.email)?;
            self.by_age.delete_one_duplicate(&mut txn, &row.age, id)?;
            self.by_id.delete(&mut txn, id)?;
        }
        Ok(txn.commit()?)
    }
}
