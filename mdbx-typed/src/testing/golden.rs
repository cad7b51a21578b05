//! Whether rows of files out there are read as what they are.

use std::fmt::{Debug, Write};

use crate::error::CodecError;
use crate::schema::{FromRow, Origin, Record, Table, TableSchema};

/// Asserts that stored bytes are still read as a row, and are what that row is still stored as.
///
/// `golden!(User, rev = 1, hex = "07 03616e6e", User { id: 7, name: "ann".into() })`: these bytes are in files of
/// revision 1, and have to be read as this row. Revisions count from 1, the oldest struct that can be reached by
/// `#[table(upgrade_from = ..)]`; a struct without that is revision 1. If `rev` is the struct itself, it also has to
/// be stored as these bytes today, unless they lack the last fields, because those were appended with a
/// `#[serde(default)]` later.
///
/// The bytes are those of the row as the codec writes it, without the revision number of the file before it; blanks
/// between them do not count. To begin, leave `hex` empty: the message has the bytes to write.
///
/// Keep the ones of older revisions as they are: as long as they pass, the files they stand for can be read.
///
/// ```
/// use mdbx_typed::prelude::*;
/// use mdbx_typed::testing::golden;
/// use serde::{Deserialize, Serialize};
///
/// mod v1 {
/// #   use super::*;
///     #[derive(Table, Serialize, Deserialize, Debug)]
///     pub struct User {
///         #[key]
///         pub id: u32,
///         pub name: String,
///     }
/// }
///
/// #[derive(Table, Serialize, Deserialize, Debug)]
/// #[table(upgrade_from = v1::User)]
/// struct User {
///     #[key]
///     id: u32,
///     first: String,
///     last: String,
///     #[serde(default)]
///     city: Option<String>,
/// }
///
/// impl From<v1::User> for User {
///     fn from(old: v1::User) -> User {
///         let (first, last) = old.name.split_once(' ').unwrap_or(("", &old.name));
///         User { id: old.id, first: first.into(), last: last.into(), city: None }
///     }
/// }
///
/// # fn main() {
/// let ann = User { id: 7, first: "Ann".into(), last: "Lee".into(), city: None };
/// golden!(User, rev = 1, hex = "07 07416e6e204c6565", ann); // of the old struct
/// golden!(User, rev = 2, hex = "07 03416e6e 034c6565", ann); // before there was a city
/// golden!(User, rev = 2, hex = "07 03416e6e 034c6565 00", ann);
/// # }
/// ```
///
/// # Panics
///
/// If the bytes cannot be read, are read as another row, or are not what the row is stored as.
#[macro_export]
macro_rules! golden {
    ($table:ty, rev = $rev:expr, hex = $hex:expr, $row:expr $(,)?) => {
        $crate::testing::assert_golden::<$table, _>($rev, $hex, &$row)
    };
}

/// What [`golden!`] does.
#[doc(hidden)]
#[track_caller]
pub fn assert_golden<T, R>(revision: usize, hex: &str, row: &R)
where
    T: Table,
    R: Record<Table = T> + Debug,
{
    let (table, newest) = (T::SCHEMA.name, revisions(T::SCHEMA));
    assert!(
        (1..=newest).contains(&revision),
        "table `{table}` has the revisions 1 to {newest}, and none is {revision}"
    );
    let now = stored(row);
    let golden = from_hex(hex).unwrap_or_else(|| panic!("not hexadecimal digits: {hex}"));
    let now_hex = to_hex(&now);
    assert!(
        !golden.is_empty() || now.is_empty(),
        "no bytes are given; the row {row:?} of table `{table}` is stored as\n  {now_hex}"
    );
    let (read, fields) = match read::<T>(&golden, newest - revision) {
        Ok(read) => read,
        Err(error) => panic!(
            "table `{table}`: rows of revision {revision} cannot be read any more, such as\n  {hex}\n{error}"
        ),
    };
    assert!(
        read == now,
        "table `{table}`: a row of revision {revision} is read as another one, which is stored as\n  {}\nand not as\n  \
         {now_hex}\nwhich is {row:?}",
        to_hex(&read)
    );
    let is_whole = revision == newest && fields == T::SCHEMA.fields.len();
    assert!(
        !is_whole || golden == now,
        "table `{table}`: rows are not stored any more as\n  {hex}\nbut as\n  {now_hex}\nThat is another revision: keep \
         the old struct, and name it by `#[table(upgrade_from = ..)]`"
    );
}

/// Returns how many revisions the struct knows, itself among them.
fn revisions(schema: &TableSchema) -> usize {
    let mut generations = (0..).map_while(|generation| schema.generation(generation));
    generations.by_ref().count()
}

fn stored(row: &impl Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    match row.encode_row(&mut bytes) {
        Ok(()) => bytes,
        Err(error) => panic!("the row cannot be stored: {error}"),
    }
}

/// Reads a row that the struct so many generations back has written. Returns what it would be stored as now, and how
/// many fields it has.
///
/// Bytes without the last fields are not those of a row with them: they end too early. So the first number of fields
/// that fits is the right one.
fn read<T: Table>(bytes: &[u8], generation: usize) -> Result<(Vec<u8>, usize), CodecError> {
    let schema = T::SCHEMA
        .generation(generation)
        .expect("one that was counted");
    let all = schema.fields.len();
    if generation == 0 || schema.is_raw() {
        match T::Row::from_row(bytes) {
            Err(error) if schema.is_raw() => return Err(error),
            Err(_) => {}
            Ok(row) => return Ok((stored(&row), all)),
        }
    }
    let appended = schema.fields.iter().rev();
    let appended = appended.take_while(|field| field.has_default).count();
    let mut first = None;
    for fields in (all - appended..=all).rev() {
        match T::Row::from_older(bytes, Origin { generation, fields }) {
            Ok(row) => return Ok((stored(&row), fields)),
            // The complaint about all fields is the one that helps.
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.expect("it was tried with all fields"))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.chars().filter(|letter| !letter.is_whitespace());
    let digits: Vec<u8> = digits
        .map(|digit| u8::try_from(digit.to_digit(16)?).ok())
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    rest.is_empty().then_some(bytes)
}

fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a text takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use crate::{Plain, Table, le};

    #[derive(Table, Serialize, Deserialize, Debug)]
    #[table(name = "users")]
    struct User {
        #[key]
        id: u32,
        name: String,
        #[serde(default)]
        age: u8,
        #[serde(default)]
        tags: Vec<u8>,
    }

    #[derive(Table, Serialize, Deserialize, Debug)]
    struct Event<'a> {
        #[key]
        id: u32,
        name: &'a str,
    }

    #[derive(Table, Plain, Clone, Copy, Debug)]
    #[table(raw)]
    #[repr(C)]
    struct Tick {
        #[key]
        at: le::U32,
        price: le::I16,
    }

    fn user(age: u8) -> User {
        User {
            id: 7,
            name: "ann".into(),
            age,
            tags: vec![],
        }
    }

    #[test]
    fn rows_of_all_kinds_are_read() {
        golden!(User, rev = 1, hex = "07 03616e6e 1e 00", user(30));
        golden!(User, rev = 1, hex = "07 03616e6e 1E", user(30));
        golden!(User, rev = 1, hex = "0703616e6e", user(0));
        let event = Event { id: 7, name: "ann" };
        golden!(Event, rev = 1, hex = "07 03616e6e", event);
        let tick = Tick {
            at: 7.into(),
            price: (-2).into(),
        };
        golden!(Tick, rev = 1, hex = "07000000 feff", tick);
    }

    #[test]
    #[should_panic(expected = "tags: [] } of table `users` is stored as\n  0703616e6e1e00")]
    fn without_bytes_it_says_which() {
        golden!(User, rev = 1, hex = "", user(30));
    }

    #[test]
    #[should_panic(expected = "rows of revision 1 cannot be read any more, such as\n  07 03616e\n")]
    fn bytes_that_cannot_be_read_are_found() {
        golden!(User, rev = 1, hex = "07 03616e", user(30));
    }

    #[test]
    #[should_panic(
        expected = "read as another one, which is stored as\n  0703616e6e1f00\nand not as"
    )]
    fn another_row_is_found() {
        golden!(User, rev = 1, hex = "07 03616e6e 1f 00", user(30));
    }

    #[test]
    #[should_panic(expected = "not stored any more as\n  fb0700 03616e6e 1e 00\nbut as")]
    fn other_bytes_for_the_same_row_are_found() {
        golden!(User, rev = 1, hex = "fb0700 03616e6e 1e 00", user(30));
    }

    #[test]
    #[should_panic(expected = "table `users` has the revisions 1 to 1, and none is 2")]
    fn a_revision_that_is_not_there_is_found() {
        golden!(User, rev = 2, hex = "00", user(30));
    }
}
