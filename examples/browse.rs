//! What is in a file, without the structs of the program that wrote it: its tables, their fields and indexes, and the
//! first rows of each.
//!
//! `cargo run --example browse -- app.mdbx` shows a file of yours; without a path it makes one.

use std::path::Path;

use mdbx_typed::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(path) = std::env::args_os().nth(1) {
        return browse(Path::new(&path));
    }
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("library.mdbx");
    sample::write(&path)?;
    browse(&path)
}

fn browse(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    const ROWS: usize = 5;
    let db = Database::browse(path)?;
    let tx = db.read()?;
    for info in tx.tables()? {
        println!("{info}\n");
        let table = tx.dynamic(&info.name)?;
        for row in table.by("primary")?.limit(ROWS).rows()? {
            println!("  {}", row?);
        }
        if info.rows > ROWS as u64 {
            println!("  ...");
        }
        // The keys of an index can be listed without reading a row.
        for index in info.indexes.iter().filter(|index| !index.is_stale) {
            println!("\n  {}:", index.name);
            for entry in table.by(&index.name)?.limit(ROWS).entries()? {
                let (key, row) = entry?;
                println!("    {key} -> {row}");
            }
        }
        println!();
    }
    Ok(())
}

/// The program that wrote the file; nothing above knows of it.
mod sample {
    use std::path::Path;

    use mdbx_typed::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "books")]
    #[index(by_author_year, on(author, year), desc(year))]
    struct Book {
        #[key(auto)]
        id: u32,
        title: String,
        author: String,
        year: i16,
        #[index(each)]
        tags: Vec<String>,
        isbn: Option<[u8; 5]>,
    }

    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "loans")]
    struct Loan {
        #[key]
        book: u32,
        #[key]
        reader: String,
        due: Option<u32>,
    }

    pub(super) fn write(path: &Path) -> mdbx_typed::Result<()> {
        let db = Database::open(path, schema![Book, Loan])?;
        db.write(|tx| {
            for (title, author, year, tag) in [
                ("The B-tree", "Bayer", 1972, "trees"),
                ("Shadow pages", "Lorie", 1977, "recovery"),
            ] {
                tx.insert_new(|id| Book {
                    id,
                    title: title.into(),
                    author: author.into(),
                    year,
                    tags: vec![tag.into(), "paper".into()],
                    isbn: (id > 1).then_some([0, 1, 2, 3, 255]),
                })?;
            }
            tx.insert(&Loan {
                book: 1,
                reader: "ann".into(),
                due: Some(40),
            })
        })
    }
}
