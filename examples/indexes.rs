//! Every kind of index, on one table, and what it is asked.

use mdbx_typed::Result;
use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize, Debug, Clone)]
#[index(by_city_joined, on(city, joined), desc(joined))] // several fields; the newest of a city first
#[index(by_domain, with = Self::domain, key = String)] // computed
#[index(active_by_joined, on(joined), when = Self::is_active)] // partial: rows it holds of are in it
struct Member {
    #[key(auto)]
    id: u64,
    #[index(unique, fold = ascii)] // nobody registers twice by writing it in capitals
    email: String,
    #[index(unique, sparse)] // any number of members without a phone
    phone: Option<String>,
    #[index(each)] // an entry for each element
    hobbies: Vec<String>,
    #[index(hash)] // of any length; 8 bytes in the index, and only for equality
    motto: String,
    city: String,
    joined: u32,
    left: bool,
}

impl Member {
    fn domain(&self) -> String {
        let domain = self.email.rsplit('@').next().unwrap_or_default();
        domain.to_ascii_lowercase()
    }

    fn is_active(&self) -> bool {
        !self.left
    }
}

fn member(id: u64, email: &str, city: &str, joined: u32, hobbies: &[&str]) -> Member {
    Member {
        id,
        email: email.into(),
        phone: None,
        hobbies: hobbies.iter().map(|&hobby| hobby.into()).collect(),
        motto: format!("{email} says: {}", "never give up. ".repeat(300)),
        city: city.into(),
        joined,
        left: joined < 2010,
    }
}

fn main() -> Result<()> {
    let db = Database::in_memory(schema![Member])?;
    db.write(|tx| {
        tx.insert_new(|id| member(id, "ann@x.org", "Oslo", 2009, &["chess", "tennis"]))?;
        tx.insert_new(|id| member(id, "bob@x.org", "Bonn", 2015, &["chess"]))?;
        tx.insert_new(|id| member(id, "cy@y.net", "Oslo", 2021, &["go", "go"]))?;
        Ok(())
    })?;

    let again = db.write(|tx| tx.insert_new(|id| member(id, "ANN@x.org", "Rome", 2024, &[])));
    let refusal = again.expect_err("the address is taken");
    let first = refusal.existing_as::<Member>();
    println!(
        "refused: {refusal}, that of member {}",
        first.expect("a row is in the way")
    );

    let tx = db.read()?;
    let bob = tx
        .get_by(member::by_email, "Bob@X.org")?
        .expect("written otherwise, and the same");
    println!("unique, folded: {} lives in {}", bob.email, bob.city);
    let phones = tx.by(member::by_phone).count()?;
    println!(
        "sparse: {phones} of {} members have a phone",
        tx.count::<Member>()?
    );
    let players = tx.by(member::by_hobbies).eq("chess").count()?;
    println!("each element: {players} play chess");
    let newest = tx.by(member::by_city_joined).prefix(("Oslo",)).first()?;
    println!(
        "composite: {} was last to come to Oslo",
        newest.expect("two live there").email
    );
    for domain in tx.by(member::by_domain).keys() {
        println!("computed: a domain is {}", domain?);
    }
    let active = tx.by(member::active_by_joined).count()?;
    println!("partial: {active} are active");
    let found = tx.by(member::by_motto).eq(&bob.motto).one()?;
    let found = found.expect("it is Bob's");
    println!(
        "hash: a text of {} letters is that of {}",
        found.motto.len(),
        found.email
    );
    Ok(())
}
