//! The table in `SQLite` through `rusqlite`: a column for each field, and indexes of its own.

use std::path::Path;

use rusqlite::{Connection, Row, params};

use crate::{Peer, Result, SPAN, User};

struct Sqlite(Connection);

const TABLE: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE users (
        id INTEGER PRIMARY KEY,
        email TEXT NOT NULL,
        name TEXT NOT NULL,
        country TEXT NOT NULL,
        age INTEGER NOT NULL,
        score REAL NOT NULL,
        note BLOB NOT NULL,
        serial INTEGER NOT NULL
    );
    CREATE UNIQUE INDEX users_by_email ON users (email);
    CREATE INDEX users_by_age ON users (age);
";

const INSERT: &str = "INSERT INTO users VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const GET: &str = "SELECT * FROM users WHERE id = ?1";
const GET_BY_EMAIL: &str = "SELECT * FROM users WHERE email = ?1";
const RANGE_BY_AGE: &str = "SELECT * FROM users WHERE age >= ?1 AND age < ?2";
const UPDATE_AGE: &str = "UPDATE users SET age = ?2 WHERE id = ?1";
const DELETE: &str = "DELETE FROM users WHERE id = ?1";

pub(crate) fn open(path: &Path) -> Result<Box<dyn Peer>> {
    let connection = Connection::open(path)?;
    connection.execute_batch(TABLE)?;
    Ok(Box::new(Sqlite(connection)))
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        email: row.get(1)?,
        name: row.get(2)?,
        country: row.get(3)?,
        age: row.get(4)?,
        score: row.get(5)?,
        note: row.get(6)?,
        serial: row.get::<_, i64>(7)?.cast_unsigned(),
    })
}

/// Checks that a statement found its row.
fn one(changed: usize) -> Result<()> {
    Ok((changed == 1).then_some(()).ok_or("no such row")?)
}

impl Peer for Sqlite {
    fn insert(&mut self, rows: &[User]) -> Result<()> {
        let txn = self.0.transaction()?;
        {
            let mut insert = txn.prepare_cached(INSERT)?;
            for row in rows {
                insert.execute(params![
                    row.id.cast_signed(),
                    row.email,
                    row.name,
                    row.country,
                    row.age,
                    row.score,
                    row.note,
                    row.serial.cast_signed(),
                ])?;
            }
        }
        Ok(txn.commit()?)
    }

    fn get(&mut self, ids: &[u64]) -> Result<u64> {
        let txn = self.0.transaction()?;
        let mut get = txn.prepare_cached(GET)?;
        let mut sum = 0u64;
        for id in ids {
            sum = sum.wrapping_add(get.query_row([id.cast_signed()], user)?.sum());
        }
        Ok(sum)
    }

    fn get_by_email(&mut self, emails: &[String]) -> Result<u64> {
        let txn = self.0.transaction()?;
        let mut get = txn.prepare_cached(GET_BY_EMAIL)?;
        let mut sum = 0u64;
        for email in emails {
            sum = sum.wrapping_add(get.query_row([email], user)?.sum());
        }
        Ok(sum)
    }

    fn range_by_age(&mut self, starts: &[u32]) -> Result<u64> {
        let txn = self.0.transaction()?;
        let mut range = txn.prepare_cached(RANGE_BY_AGE)?;
        let mut sum = 0u64;
        for &start in starts {
            for row in range.query_map([start, start + SPAN], user)? {
                sum = sum.wrapping_add(row?.sum());
            }
        }
        Ok(sum)
    }

    fn update_age(&mut self, changes: &[(u64, u32)]) -> Result<()> {
        let txn = self.0.transaction()?;
        {
            let mut update = txn.prepare_cached(UPDATE_AGE)?;
            for (id, age) in changes {
                one(update.execute(params![id.cast_signed(), age])?)?;
            }
        }
        Ok(txn.commit()?)
    }

    fn delete(&mut self, ids: &[u64]) -> Result<()> {
        let txn = self.0.transaction()?;
        {
            let mut delete = txn.prepare_cached(DELETE)?;
            for id in ids {
                one(delete.execute([id.cast_signed()])?)?;
            }
        }
        Ok(txn.commit()?)
    }
}
