//! Three ways to read a row without copying more than is needed, and one to take it along.

use mdbx_typed::prelude::*;
use mdbx_typed::{Held, Result};
use serde::{Deserialize, Serialize};

/// Owns its fields. `view` adds `ArticleRef<'t>`, which borrows them.
#[derive(Table, Serialize, Deserialize, Debug)]
#[table(view)]
struct Article {
    #[key]
    id: u64,
    title: String,
    body: String,
}

/// The leading fields of an article; the rest of the row is not looked at.
#[derive(View)]
#[view(of = Article)]
struct Headline<'t> {
    id: u64,
    title: &'t str,
}

/// Borrows from the page it is stored on.
#[derive(Table, Serialize, Deserialize, Debug)]
struct Event<'a> {
    #[key]
    seq: u64,
    kind: &'a str,
    payload: &'a [u8],
}

/// Is the bytes on the page.
#[derive(Table, Plain, Clone, Copy)]
#[table(raw)]
#[repr(C)]
struct Tick {
    #[key]
    symbol: [u8; 4],
    #[key]
    at: le::U64,
    price: le::I64,
}

fn main() -> Result<()> {
    let db = Database::in_memory(schema![Article, Event, Tick])?;
    let text = "It was a dark and stormy night. ".repeat(30);
    db.write(|tx| {
        tx.insert(&Article {
            id: 1,
            title: "Paul Clifford".into(),
            body: text.clone(),
        })?;
        tx.insert(&Event {
            seq: 7,
            kind: "opened",
            payload: &[1, 2, 3],
        })?;
        tx.insert(&Tick {
            symbol: *b"MDBX",
            at: 1_700_000_000.into(),
            price: 4_200.into(),
        })
    })?;
    let tx = db.read()?;

    let article = tx.get::<Article>(1)?.expect("just inserted");
    println!("owned:    {} bytes copied to the heap", article.body.len());

    let view = tx.get_view::<Article, ArticleRef<'_>>(1)?;
    let view = view.expect("just inserted");
    println!("view:     {:?}.. is text in the file", &view.body[..14]);

    let headline = tx.get_view::<Article, Headline<'_>>(1)?;
    let headline = headline.expect("just inserted");
    println!(
        "leading:  {} \"{}\", and no more was looked at",
        headline.id, headline.title
    );

    let event = tx.get::<Event>(7)?.expect("just inserted");
    println!("borrowed: {event:?}");

    // No decoding at all: a check of the length, and a pointer.
    let tick: &Tick = tx
        .get::<Tick>((b"MDBX", 1_700_000_000))?
        .expect("just inserted");
    println!("plain:    a price of {} cents", tick.price);

    // All of these end with `tx`; the compiler sees to it. What has to leave takes its snapshot along.
    drop(tx);
    let held: Held<Event<'static>> = db.hold::<Event>(7)?.expect("just inserted");
    let elsewhere = std::thread::spawn(move || held.row().map(|event| event.kind.len()));
    let length = elsewhere.join().expect("it does not panic")?;
    println!("held:     a kind of {length} letters, read in another thread");
    Ok(())
}
