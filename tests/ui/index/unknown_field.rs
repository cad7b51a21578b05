use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[index(by_country_age, on(contry, age))]
struct User {
    #[key]
    id: u64,
    country: String,
    age: u32,
}

fn main() {
    let _ = user::by_country_age;
}
