//! Everything that is in a file, as lines of JSON.
//!
//! It depends neither on the page size nor on the codec nor on how keys are stored. Each line is an object:
//!
//! ```text
//! {"dump": "mdbx-typed", "version": 1}
//! {"table": "users", "key": "id: u64", "sequence": 3, "rows": 2,
//!  "indexes": {"by_email": "unique on email: str"},
//!  "revisions": [{"revision": 1, "codec": "bincode-2-standard", "fields": {"id": "u64", "email": "str"}}]}
//! {"row": {"id": 1, "email": "ann@x.org"}}
//! {"row": {"id": 2, "email": "bob@x.org"}, "revision": 1}
//! {"end": {"tables": 1, "rows": 2}}
//! ```
//!
//! A table is followed by its rows. A row says its revision if that is not the newest. The end tells a whole dump from one
//! that was cut off. A field whose type is not known is its bytes and those of all that follows it.

use std::io::Write;

use super::info::{FieldInfo, RevisionInfo, TableInfo};
use super::row::DynamicRow;
use super::table::DynamicTable;
use super::value::Value;
use crate::error::Result;

/// The version of the format.
const VERSION: u32 = 1;

/// What one line of a dump says.
#[derive(Debug)]
pub(crate) enum Line {
    Header,
    Table(Section),
    Row {
        fields: Vec<(String, Value)>,
        /// `None` for the newest.
        revision: Option<u32>,
    },
    End {
        tables: u64,
        rows: u64,
    },
}

/// The table that the following rows are of.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) table: String,
    pub(crate) sequence: u64,
    pub(crate) rows: u64,
    /// The newest last.
    pub(crate) revisions: Vec<RevisionInfo>,
}

/// Writes the first line.
pub(crate) fn write_header(out: &mut impl Write) -> Result<()> {
    let header = [
        ("dump", Value::from("mdbx-typed")),
        ("version", VERSION.into()),
    ];
    write_line(&header, out)
}

/// Writes the line of a table.
pub(crate) fn write_table(table: &TableInfo, out: &mut impl Write) -> Result<()> {
    let indexes = table.indexes.iter();
    let indexes = indexes.map(|index| (index.name.clone(), index.definition.as_str().into()));
    let revisions = table.revisions.iter().map(|revision| {
        let fields = revision.fields.iter();
        let fields = fields.map(|field| (field.name.clone(), field.shape.as_str().into()));
        Value::Struct(vec![
            ("revision".into(), revision.number.into()),
            ("codec".into(), revision.codec.as_str().into()),
            ("codec_id".into(), revision.codec_id.into()),
            ("fields".into(), Value::Struct(fields.collect())),
        ])
    });
    let key = format!("{}: {}", table.key.join(", "), table.key_shape);
    let line = [
        ("table", table.name.as_str().into()),
        ("key", key.into()),
        ("sequence", table.sequence.into()),
        ("rows", table.rows.into()),
        ("indexes", Value::Struct(indexes.collect())),
        ("revisions", Value::List(revisions.collect())),
    ];
    write_line(&line, out)
}

/// Writes the line of a row.
pub(crate) fn write_row(row: &DynamicRow, newest: u32, out: &mut impl Write) -> Result<()> {
    if row.revision() == newest {
        writeln!(out, "{{\"row\": {row}}}")?;
    } else {
        writeln!(out, "{{\"row\": {row}, \"revision\": {}}}", row.revision())?;
    }
    Ok(())
}

/// Writes the last line.
pub(crate) fn write_end(tables: u64, rows: u64, out: &mut impl Write) -> Result<()> {
    let counts = [
        ("tables".into(), tables.into()),
        ("rows".into(), rows.into()),
    ];
    write_line(&[("end", Value::Struct(counts.into()))], out)
}

fn write_line(fields: &[(&str, Value)], out: &mut impl Write) -> Result<()> {
    let fields = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    writeln!(out, "{}", Value::Struct(fields.collect()))?;
    Ok(())
}

impl DynamicTable<'_> {
    /// Writes all rows as JSON Lines, one object a line, and returns how many there are.
    ///
    /// A field whose type is not known is written as its bytes, and what follows it is not: see
    /// [`DynamicRow::hidden`](crate::DynamicRow::hidden).
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`](crate::Error::Unreadable) for a damaged row, after those before it;
    /// [`Error::Io`](crate::Error::Io) if writing fails; [`Error::Engine`](crate::Error::Engine).
    pub fn export_jsonl(&self, mut writer: impl Write) -> Result<u64> {
        let mut count = 0;
        for row in self.rows()? {
            writeln!(writer, "{}", row?)?;
            count += 1;
        }
        writer.flush()?;
        Ok(count)
    }
}

/// Returns what a line says, or what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Line, String> {
    let line: Value = text.parse().map_err(|error| format!("{error}"))?;
    let Value::Struct(fields) = line else {
        return Err("it is no object".into());
    };
    let line = Object(&fields);
    if let Some(format) = line.find("dump") {
        return match (format.as_str(), line.number("version")?) {
            (Some("mdbx-typed"), version) if version == u64::from(VERSION) => Ok(Line::Header),
            (Some("mdbx-typed"), version) => Err(format!(
                "the dump has version {version}, this program reads {VERSION}"
            )),
            _ => Err("it is a dump of something else".into()),
        };
    }
    if let Some(row) = line.find("row") {
        let Value::Struct(fields) = row else {
            return Err("`row` is no object".into());
        };
        let revision = line.find("revision").map(|_| line.number("revision"));
        let revision = revision.transpose()?.map(u32::try_from).transpose();
        return Ok(Line::Row {
            fields: fields.clone(),
            revision: revision.map_err(|_| "`revision` is too large")?,
        });
    }
    if line.find("table").is_some() {
        return section(&line).map(Line::Table);
    }
    match line.find("end") {
        Some(Value::Struct(end)) => Ok(Line::End {
            tables: Object(end).number("tables")?,
            rows: Object(end).number("rows")?,
        }),
        _ => Err("it is no line of a dump".into()),
    }
}

fn section(line: &Object<'_>) -> Result<Section, String> {
    let Some(Value::List(list)) = line.find("revisions") else {
        return Err("`revisions` is no list".into());
    };
    let revisions: Vec<RevisionInfo> = list.iter().map(revision).collect::<Result<_, _>>()?;
    if revisions.is_empty() {
        return Err("`revisions` is empty".into());
    }
    Ok(Section {
        table: line.text("table")?,
        sequence: line.number("sequence")?,
        rows: line.number("rows")?,
        revisions,
    })
}

fn revision(value: &Value) -> Result<RevisionInfo, String> {
    let Value::Struct(fields) = value else {
        return Err("a revision is no object".into());
    };
    let own = Object(fields);
    let Some(Value::Struct(fields)) = own.find("fields") else {
        return Err("`fields` is no object".into());
    };
    let field = |(name, shape): &(String, Value)| {
        Ok(FieldInfo {
            name: name.clone(),
            shape: shape.as_str().ok_or("a shape is no text")?.to_owned(),
        })
    };
    let number = |name| own.number(name);
    Ok(RevisionInfo {
        number: u32::try_from(number("revision")?).map_err(|_| "`revision` is too large")?,
        codec: own.text("codec")?,
        codec_id: u8::try_from(number("codec_id")?).map_err(|_| "`codec_id` is too large")?,
        fields: fields.iter().map(field).collect::<Result<_, String>>()?,
    })
}

/// The fields of a line.
struct Object<'v>(&'v [(String, Value)]);

impl<'v> Object<'v> {
    fn find(&self, name: &str) -> Option<&'v Value> {
        let mut fields = self.0.iter();
        fields.find(|(own, _)| own == name).map(|(_, value)| value)
    }

    fn number(&self, name: &str) -> Result<u64, String> {
        let number = self.find(name).and_then(Value::as_u64);
        number.ok_or_else(|| format!("`{name}` is no number"))
    }

    fn text(&self, name: &str) -> Result<String, String> {
        let text = self.find(name).and_then(Value::as_str);
        text.map(str::to_owned)
            .ok_or_else(|| format!("`{name}` is no text"))
    }
}
