//! What can be asked of tables: ranges, pages, two indexes at once, and rows of two tables together.

use mdbx_typed::Result;
use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize, Debug)]
#[index(by_genre_year, on(genre, year))]
struct Film {
    #[key]
    id: u32,
    #[index]
    title: String,
    genre: String,
    year: u16,
    #[index]
    director: u32,
}

#[derive(Table, Serialize, Deserialize, Debug)]
struct Director {
    #[key]
    id: u32,
    name: String,
}

const FILMS: &[(&str, &str, u16, u32)] = &[
    ("Metropolis", "scifi", 1927, 1),
    ("M", "crime", 1931, 1),
    ("Vertigo", "crime", 1958, 2),
    ("Psycho", "horror", 1960, 2),
    ("Solaris", "scifi", 1972, 3),
    ("Stalker", "scifi", 1979, 3),
    ("Alien", "scifi", 1979, 4),
    ("Blade Runner", "scifi", 1982, 4),
    ("The Birds", "horror", 1963, 2),
];

fn main() -> Result<()> {
    let db = Database::in_memory(schema![Film, Director])?;
    db.write(|tx| {
        for (id, &(title, genre, year, director)) in (1..).zip(FILMS) {
            let (title, genre) = (title.into(), genre.into());
            tx.insert(&Film {
                id,
                title,
                genre,
                year,
                director,
            })?;
        }
        for (id, name) in (1..).zip(["Lang", "Hitchcock", "Tarkovsky", "Scott"]) {
            tx.insert(&Director {
                id,
                name: name.into(),
            })?;
        }
        Ok(())
    })?;
    let tx = db.read()?;

    println!("Science fiction of the seventies, newest first:");
    let seventies = tx
        .by(film::by_genre_year)
        .range(("scifi", 1970)..("scifi", 1980));
    for film in seventies.rev().rows() {
        let film = film?;
        println!("  {} {}", film.year, film.title);
    }

    println!("Titles with S, from the index alone:");
    for entry in tx.by(film::by_title).starts_with("S").entries() {
        let (title, id) = entry?;
        println!("  {title} is film {id}");
    }

    println!("Four at a time:");
    let mut token = None;
    loop {
        let page = tx.by(film::by_title).page(4, token)?;
        let titles: Vec<_> = page.items.iter().map(|film| film.title.as_str()).collect();
        println!("  {}", titles.join(", "));
        token = page.next; // prints as text, to be sent to a client and back
        if token.is_none() {
            break;
        }
    }

    println!("Genres, and how many films each has, without reading one:");
    for genre in ["crime", "horror", "scifi"] {
        println!(
            "  {genre}: {}",
            tx.by(film::by_genre_year).prefix((genre,)).count()?
        );
    }

    println!("Science fiction by Scott, merged from two indexes:");
    let scifi = tx.by(film::by_genre_year).prefix(("scifi",));
    for film in scifi.and(tx.by(film::by_director).eq(4)).rows() {
        println!("  {}", film?.title);
    }

    println!("Crime, with who made it:");
    let crime = tx.by(film::by_genre_year).prefix(("crime",));
    for pair in crime.join(director::primary, |film| film.director) {
        let (film, director) = pair?;
        println!("  {} by {}", film.title, director.name);
    }
    Ok(())
}
