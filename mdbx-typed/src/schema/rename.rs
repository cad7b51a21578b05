//! What a file calls by another name: `#[table(was = "..")]` and `#[field(was = "..")]`.
//!
//! Rows and keys hold no names, so a renamed table, field or index keeps its bytes. Only its entries in the catalog are
//! written anew.

use super::catalog::{Catalog, IndexRecord, TableRecord};
use super::describe::Names;
use super::{IndexSchema, Schema, TableSchema};
use crate::error::OpenError;

/// Returns the name a table has in the file, and its record; `None` if it is not there under any of its names.
///
/// An old name that another table has now is not looked for.
pub(crate) fn find_table(
    catalog: &Catalog,
    program: &Schema,
    schema: &TableSchema,
) -> Result<Option<(&'static str, TableRecord)>, OpenError> {
    let is_free = |name: &&str| program.tables().iter().all(|other| other.name != *name);
    let was = schema.was.iter().copied().filter(is_free);
    for name in std::iter::once(schema.name).chain(was) {
        if let Some(record) = catalog.table(name)? {
            return Ok(Some((name, record)));
        }
    }
    Ok(None)
}

/// Returns the name an index of `table` has in the file, where the table is called `stored_table`, and its record.
pub(crate) fn find_index(
    catalog: &Catalog,
    table: &TableSchema,
    stored_table: &str,
    schema: &IndexSchema,
) -> Result<Option<(&'static str, IndexRecord)>, OpenError> {
    let is_free = |name: &&str| table.indexes.iter().all(|other| other.name != *name);
    let was = schema.was.iter().copied().filter(is_free);
    for name in std::iter::once(schema.name).chain(was) {
        if let Some(record) = catalog.index(stored_table, name)? {
            return Ok(Some((name, record)));
        }
    }
    Ok(None)
}

/// Returns how the newest stored revision calls the fields of the struct.
pub(crate) fn names<'a>(schema: &TableSchema, record: &'a TableRecord) -> Names<'a> {
    let stored = &record.current().fields;
    let find = |name: &str| stored.iter().find(|field| field.name == name);
    let is_free = |name: &&&str| schema.fields.iter().all(|other| other.name != **name);
    let renamed = schema
        .fields
        .iter()
        .filter(|field| find(field.name).is_none());
    let pairs = renamed.filter_map(|field| {
        let was = field.was.iter().filter(is_free);
        let old = was.into_iter().find_map(|name| find(name))?;
        Some((field.name, old.name.as_str()))
    });
    Names(pairs.collect())
}

#[cfg(test)]
mod tests {
    use super::super::{FieldSchema, KeySchema};
    use super::*;
    use crate::shape::Shape;

    const FIELD: FieldSchema = FieldSchema {
        name: "id",
        was: &[],
        shape: Shape::Name("u8"),
        has_default: false,
    };

    const OLD: TableSchema = TableSchema {
        name: "people",
        was: &[],
        key: KeySchema {
            fields: &["id"],
            shape: Shape::Name("u8"),
            width: Some(1),
        },
        codec_id: 1,
        codec: "c",
        fields: &[
            FIELD,
            FieldSchema {
                name: "years",
                ..FIELD
            },
        ],
        indexes: &[],
        logged: false,
        previous: None,
        slot: || 0,
        index_keys: |_, _, _| Ok(()),
        rewrite: |_, _, _, _| Ok(()),
    };

    #[test]
    fn a_renamed_field_is_found_under_the_newest_of_its_names() {
        let record = TableRecord::new(0, &OLD);
        let new = TableSchema {
            fields: &[
                FIELD,
                FieldSchema {
                    name: "age",
                    was: &["how_old", "years"],
                    ..FIELD
                },
            ],
            ..OLD
        };
        let names = names(&new, &record);
        assert_eq!(names.stored("age"), "years");
        assert_eq!(names.stored("id"), "id");
        assert_eq!(new.fingerprint_as(&names), record.current().fingerprint);
    }

    #[test]
    fn a_name_that_another_field_has_now_is_not_an_old_one() {
        let record = TableRecord::new(0, &OLD);
        let new = TableSchema {
            fields: &[
                FIELD,
                FieldSchema {
                    name: "years",
                    ..FIELD
                },
                FieldSchema {
                    name: "age",
                    was: &["years"],
                    ..FIELD
                },
            ],
            ..OLD
        };
        assert_eq!(names(&new, &record).stored("age"), "age");
    }

    #[test]
    fn a_field_that_is_stored_under_its_name_is_not_renamed() {
        let record = TableRecord::new(0, &OLD);
        let new = TableSchema {
            fields: &[FieldSchema {
                name: "years",
                was: &["id"],
                ..FIELD
            }],
            ..OLD
        };
        assert_eq!(names(&new, &record).stored("years"), "years");
    }
}
