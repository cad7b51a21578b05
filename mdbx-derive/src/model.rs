//! What the input means. Every rule about how attributes and fields go together is here.
//!
//! Where a mistake was found the model holds something that compiles in its place. So the compiler reports the
//! mistake, and nothing that follows from it.

use proc_macro2::Span;
use quote::format_ident;
use syn::ext::IdentExt;
use syn::{Ident, Lifetime, Path, Type, Visibility, parse_quote};

use crate::attr::{IndexAttr, TableAttr};
use crate::errors::{Errors, did_you_mean};
use crate::parse::{Ast, AstField, SerdeOption};
use crate::types::{COLLECTIONS, Kind, first_argument, is_cow_of};
use crate::view::{View, view};

/// The most components a composite key has.
const MOST_COMPONENTS: usize = 6;

/// A table.
pub(crate) struct Model<'i> {
    pub(crate) ident: &'i Ident,
    pub(crate) visibility: &'i Visibility,
    pub(crate) lifetime: Option<&'i Lifetime>,
    /// Where `mdbx_typed` is.
    pub(crate) krate: Path,
    pub(crate) module: Ident,
    pub(crate) name: String,
    /// The other names it had.
    pub(crate) was: Vec<String>,
    pub(crate) layout: Layout,
    /// The struct of the revision before this one.
    pub(crate) upgrade_from: Option<&'i Type>,
    pub(crate) view: Option<View<'i>>,
    /// Those that are stored, in order.
    pub(crate) fields: Vec<Field<'i>>,
    /// The fields of the primary key. Empty only after a mistake.
    pub(crate) key: Vec<Column>,
    pub(crate) is_auto: bool,
    /// Whether it keeps a log of its changes.
    pub(crate) is_logged: bool,
    pub(crate) indexes: Vec<Index>,
}

/// How rows turn into bytes.
pub(crate) enum Layout {
    Encoded(Path),
    /// They are their bytes, as said here.
    Raw(Span),
}

/// A stored field.
pub(crate) struct Field<'i> {
    pub(crate) name: String,
    /// The other names it had.
    pub(crate) was: Vec<String>,
    pub(crate) ty: &'i Type,
    /// The stored shape, if it is not that of the type.
    pub(crate) stored_as: Option<String>,
    /// Whether it is a `Cow` that serde will never borrow.
    pub(crate) is_unborrowed_cow: bool,
    /// Whether serde fills it in where it is not stored.
    pub(crate) has_default: bool,
}

/// An index.
pub(crate) struct Index {
    pub(crate) name: Ident,
    /// The other names it had, as its field was called otherwise.
    pub(crate) was: Vec<String>,
    pub(crate) is_unique: bool,
    pub(crate) is_hashed: bool,
    pub(crate) is_folded: bool,
    /// Which version of its functions it was built with.
    pub(crate) version: u32,
    pub(crate) entries: Entries,
    pub(crate) when: Option<Path>,
    /// What its key is made of. Empty only after a mistake.
    pub(crate) columns: Vec<Column>,
}

/// How many entries a row has in an index.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entries {
    One,
    /// None where an `Option` is `None`.
    Sparse,
    /// One for each distinct element.
    Each,
}

/// One component of a key.
#[derive(Clone)]
pub(crate) struct Column {
    pub(crate) value: Value,
    pub(crate) ty: Type,
    pub(crate) is_descending: bool,
}

/// Where the value of a component comes from.
#[derive(Clone)]
pub(crate) enum Value {
    Field(Ident),
    /// A function of the row.
    Computed(Path),
}

impl<'i> Model<'i> {
    pub(crate) fn new(ast: &'i Ast<'i>, errors: &mut Errors) -> Self {
        let layout = layout(ast, errors);
        if matches!(layout, Layout::Encoded(_)) {
            check_serde_on_struct(&ast.serde, errors);
            for field in &ast.fields {
                check_serde_on_field(&field.serde, errors);
            }
        }
        let snake = snake_case(&ast.ident.unraw().to_string());
        let TableAttr {
            name, module, was, ..
        } = &ast.table;
        for name in name.iter().chain(was) {
            check_table_name(name, errors);
        }
        let name = name.as_ref().map_or(snake.clone(), syn::LitStr::value);
        check_was(&name, was, ast.fields.iter(), errors);
        Model {
            ident: ast.ident,
            visibility: ast.visibility,
            lifetime: ast.lifetime,
            module: module
                .clone()
                .unwrap_or_else(|| module_name(&snake, ast.ident.span())),
            name,
            was: was.iter().map(syn::LitStr::value).collect(),
            krate: krate(ast.table.crate_path.as_ref()),
            upgrade_from: ast.table.upgrade_from.as_ref(),
            view: view(ast, errors),
            fields: stored_fields(ast, &layout),
            layout,
            key: primary_key(ast, errors),
            is_auto: is_auto(ast),
            is_logged: ast.table.log.is_some(),
            indexes: indexes(ast, errors),
        }
    }
}

/// Returns where `mdbx_typed` is.
pub(crate) fn krate(given: Option<&Path>) -> Path {
    given.cloned().unwrap_or_else(|| parse_quote!(::mdbx_typed))
}

/// Returns how rows are stored. What makes no sense for raw rows is a mistake.
fn layout(ast: &Ast<'_>, errors: &mut Errors) -> Layout {
    let TableAttr {
        codec,
        view,
        upgrade_from,
        ..
    } = &ast.table;
    let Some(raw) = ast.table.raw else {
        let krate = krate(ast.table.crate_path.as_ref());
        return Layout::Encoded(
            codec
                .clone()
                .unwrap_or_else(|| parse_quote!(#krate::Bincode)),
        );
    };
    if let Some(codec) = codec {
        errors.at(
            codec,
            "a raw row is stored as it is, so it has no codec\nhelp: leave out `raw` or `codec`",
        );
    }
    if let Some(view) = view {
        errors.at_span(
            view.span,
            "a raw row is read where it lies, so it needs no view\nhelp: leave out `view`",
        );
    }
    if let Some(upgrade_from) = upgrade_from {
        errors.at(
            upgrade_from,
            "a raw row is read where it lies, so it cannot be made from another\nhelp: store the new rows in a table of another name and copy them over",
        );
    }
    Layout::Raw(raw)
}

/// Checks that no name in use is given as one of before.
fn check_was<'i>(
    name: &str,
    was: &[syn::LitStr],
    fields: impl Iterator<Item = &'i AstField<'i>>,
    errors: &mut Errors,
) {
    const SAME: &str = "this is what it is called now\nhelp: `was` takes the name it had before";
    for old in was.iter().filter(|old| old.value() == name) {
        errors.at(old, SAME);
    }
    for field in fields {
        let name = field.ident.unraw().to_string();
        for old in field.field.was.iter().filter(|old| old.value() == name) {
            errors.at(old, SAME);
        }
    }
}

fn stored_fields<'i>(ast: &'i Ast<'i>, layout: &Layout) -> Vec<Field<'i>> {
    let is_raw = matches!(layout, Layout::Raw(_));
    let stored = ast
        .fields
        .iter()
        .filter(|field| is_raw || !field.has_serde("skip"));
    let all_default = ast.serde.iter().any(|option| option.name() == "default");
    let field = |field: &'i AstField<'i>| Field {
        name: field.ident.unraw().to_string(),
        was: field.field.was.iter().map(syn::LitStr::value).collect(),
        ty: field.ty,
        stored_as: field.serde.iter().find_map(SerdeOption::stored_as),
        is_unborrowed_cow: ast
            .lifetime
            .is_some_and(|lifetime| is_cow_of(field.ty, lifetime))
            && !field.has_serde("borrow"),
        has_default: !is_raw && (all_default || field.has_serde("default")),
    };
    stored.map(field).collect()
}

fn primary_key(ast: &Ast<'_>, errors: &mut Errors) -> Vec<Column> {
    let fields: Vec<_> = ast
        .fields
        .iter()
        .filter_map(|field| Some((field, field.key.as_ref()?)))
        .collect();
    if fields.is_empty() {
        let has_id = ast.fields.iter().any(|field| field.ident == "id");
        let help = if has_id {
            "\nhelp: write #[key] above the field `id`"
        } else {
            ""
        };
        let message = format!(
            "`{}` has no primary key: mark one or more fields with #[key]{help}",
            ast.ident
        );
        errors.at(ast.ident, message);
    }
    if fields.len() > MOST_COMPONENTS {
        errors.at(
            fields[MOST_COMPONENTS].0.ident,
            format!("a key has at most {MOST_COMPONENTS} fields"),
        );
    }
    for (field, key) in &fields {
        let kind = Kind::of(field.ty);
        if let Kind::Option(_) = kind {
            errors.at(
                field.ty,
                "a primary key field cannot be an Option: every row needs a key",
            );
        }
        if field.has_serde("skip") {
            errors.at_span(
                key.span,
                "a field with #[serde(skip)] is not stored, so it cannot be part of a key",
            );
        }
        let Some(auto) = key.auto else { continue };
        if fields.len() > 1 {
            errors.at_span(
                auto,
                "`auto` works on a primary key of one field\nhelp: a composite key is made by the program, so write #[key]",
            );
        } else if !matches!(kind, Kind::Integer | Kind::Unknown) {
            errors.at(field.ty, "`auto` needs an integer field such as u64");
        }
    }
    fields
        .iter()
        .map(|(field, _)| Column::of_field(field))
        .collect()
}

/// Returns whether the key is an integer that counts up.
fn is_auto(ast: &Ast<'_>) -> bool {
    let mut keys = ast
        .fields
        .iter()
        .filter_map(|field| Some((field.ty, field.key.as_ref()?)));
    match (keys.next(), keys.next()) {
        (Some((ty, key)), None) => {
            key.auto.is_some() && matches!(Kind::of(ty), Kind::Integer | Kind::Unknown)
        }
        _ => false,
    }
}

fn indexes(ast: &Ast<'_>, errors: &mut Errors) -> Vec<Index> {
    let mut indexes: Vec<Index> = Vec::new();
    let on_struct = ast
        .indexes
        .iter()
        .filter_map(|attr| index_on_struct(ast, attr, errors));
    indexes.extend(on_struct.collect::<Vec<_>>());
    for field in &ast.fields {
        indexes.extend(
            field
                .indexes
                .iter()
                .map(|attr| index_on_field(field, attr, errors)),
        );
    }
    let mut unique_names: Vec<Index> = Vec::new();
    for index in indexes {
        if refuse_index_name(&index.name, errors) {
            continue;
        }
        if let Some(first) = unique_names.iter().find(|other| other.name == index.name) {
            let message = format!(
                "two indexes are called `{}`\nhelp: give one of them another name with #[index(name = ..)]",
                index.name
            );
            errors.at_span(index.name.span(), message);
            errors.at_span(first.name.span(), "the first one is here");
        } else {
            unique_names.push(index);
        }
    }
    unique_names
}

fn index_on_field(field: &AstField<'_>, attr: &IndexAttr, errors: &mut Errors) -> Index {
    let name = attr
        .name
        .clone()
        .unwrap_or_else(|| format_ident!("by_{}", field.ident.unraw(), span = attr.span));
    if field.has_serde("skip") {
        errors.at_span(
            attr.span,
            "a field with #[serde(skip)] is not stored, so it cannot be indexed",
        );
    }
    let mut index = index(name, attr, vec![Column::of_field(field)], errors);
    if attr.name.is_none() {
        let was = field.field.was.iter();
        index.was = was.map(|name| format!("by_{}", name.value())).collect();
    }
    index
}

/// Returns an index given above the struct; `None` if it has no name.
fn index_on_struct(ast: &Ast<'_>, attr: &IndexAttr, errors: &mut Errors) -> Option<Index> {
    let Some(name) = attr.name.clone() else {
        if errors.is_empty() {
            errors.at_span(
                attr.span,
                "an index above the struct starts with its name: #[index(by_a_b, on(a, b))]",
            );
        }
        return None;
    };
    let mut columns = match (&attr.on, &attr.with, &attr.key) {
        (Some((_, fields)), None, None) if !fields.is_empty() => columns_of(ast, fields, errors),
        (None, Some(with), Some(key)) => vec![Column {
            value: Value::Computed(with.clone()),
            ty: key.clone(),
            is_descending: false,
        }],
        (Some((span, _)), _, _) if attr.with.is_some() || attr.key.is_some() => {
            errors.at_span(
                *span,
                "an index is either `on(field, ..)` or `with = function, key = Type`, not both",
            );
            Vec::new()
        }
        (_, Some(with), None) => {
            errors.at(with, "a computed index needs the type of its key\nhelp: add `key = Type`, what the function returns");
            Vec::new()
        }
        (_, None, Some(key)) => {
            errors.at(key, "`key = Type` goes together with `with = function`");
            Vec::new()
        }
        _ => {
            let help = "help: add `on(field, ..)`, or `with = function, key = Type`";
            errors.at(&name, format!("the index `{name}` covers nothing\n{help}"));
            Vec::new()
        }
    };
    if let Some((span, fields)) = &attr.desc {
        turn_around(*span, fields, attr, &mut columns, errors);
    }
    Some(index(name, attr, columns, errors))
}

/// Makes the columns of `desc(..)` descending.
fn turn_around(
    span: Span,
    fields: &[Ident],
    attr: &IndexAttr,
    columns: &mut [Column],
    errors: &mut Errors,
) {
    if attr.with.is_some() {
        errors.at_span(
            span,
            "`desc` goes with `on(..)`\nhelp: say it in the type of the key: `key = (String, Desc<i64>)`",
        );
        return;
    }
    let known = attr.on.as_ref().map_or(&[][..], |(_, on)| on);
    for field in fields {
        let is_field =
            |column: &&mut Column| matches!(&column.value, Value::Field(name) if name == field);
        match columns.iter_mut().find(is_field) {
            Some(column) => column.is_descending = true,
            None if known.contains(field) => {}
            None => {
                let names: Vec<String> = known.iter().map(ToString::to_string).collect();
                let hint = did_you_mean(&field.to_string(), names.iter().map(String::as_str));
                errors.at(
                    field,
                    format!(
                        "`desc` names fields of `on(..)`, and `{field}` is not one of them{hint}"
                    ),
                );
            }
        }
    }
}

/// Returns the columns of `on(..)`; none if one of the fields is unknown.
fn columns_of(ast: &Ast<'_>, fields: &[Ident], errors: &mut Errors) -> Vec<Column> {
    let mut columns = Vec::new();
    for (i, name) in fields.iter().enumerate() {
        let found = ast.fields.iter().find(|field| field.ident == name);
        match found {
            None => {
                let known: Vec<String> = ast
                    .fields
                    .iter()
                    .map(|field| field.ident.to_string())
                    .collect();
                let hint = did_you_mean(&name.to_string(), known.iter().map(String::as_str));
                errors.at(name, format!("`{}` has no field `{name}`{hint}", ast.ident));
            }
            Some(_) if fields[..i].contains(name) => {
                errors.at(name, format!("the field `{name}` is named twice"));
            }
            Some(field) if field.has_serde("skip") => {
                errors.at(
                    name,
                    "a field with #[serde(skip)] is not stored, so it cannot be indexed",
                );
            }
            Some(field) => columns.push(Column::of_field(field)),
        }
    }
    if fields.len() > MOST_COMPONENTS {
        errors.at(
            &fields[MOST_COMPONENTS],
            format!("an index has at most {MOST_COMPONENTS} fields"),
        );
    }
    if columns.len() == fields.len() && fields.len() <= MOST_COMPONENTS {
        columns
    } else {
        Vec::new()
    }
}

/// Checks the options against the types of the columns.
fn index(name: Ident, attr: &IndexAttr, mut columns: Vec<Column>, errors: &mut Errors) -> Index {
    let entries = match (attr.sparse, attr.each) {
        (Some(_), Some(each)) => {
            errors.at_span(
                each,
                "`each` and `sparse` exclude each other: an empty collection has no entries anyway",
            );
            columns.clear();
            Entries::Each
        }
        (Some(_), None) => Entries::Sparse,
        (None, Some(_)) => Entries::Each,
        (None, None) => Entries::One,
    };
    let is_faulty = match entries {
        Entries::One => refuse_without_option(attr, &columns, errors),
        Entries::Sparse => refuse_sparse(&columns, errors),
        Entries::Each => refuse_each(attr, &columns, errors),
    };
    let is_faulty = is_faulty | refuse_fold(attr, &columns, errors) | refuse_hash(attr, errors);
    if is_faulty {
        columns.clear();
    }
    Index {
        name,
        was: Vec::new(),
        is_unique: attr.unique.is_some(),
        is_hashed: attr.hash.is_some(),
        is_folded: attr.fold.is_some(),
        version: version(attr, errors),
        entries,
        when: attr.when.clone(),
        columns,
    }
}

/// Returns the version of the functions of an index: 1 if none is given.
fn version(attr: &IndexAttr, errors: &mut Errors) -> u32 {
    let Some(version) = &attr.version else {
        return 1;
    };
    if attr.with.is_none() && attr.when.is_none() {
        errors.at(
            version,
            "`version` counts the versions of a function, and this index has none\nhelp: it goes with `with = function` or `when = function`",
        );
    }
    match version.base10_parse() {
        Ok(number) if number > 0 => number,
        _ => {
            errors.at(version, "`version` is a number from 1");
            1
        }
    }
}

fn refuse_fold(attr: &IndexAttr, columns: &[Column], errors: &mut Errors) -> bool {
    let Some(fold) = attr.fold else { return false };
    match columns {
        [_, _, ..] => {
            errors.at_span(
                fold,
                "`fold` works on one field\nhelp: compute the key: `with = function, key = (A, B), version = 1`",
            );
            true
        }
        [column] if matches!(Kind::of(&column.ty), Kind::Integer | Kind::Number) => {
            errors.at(&column.ty, "`fold = ascii` needs text, such as a String");
            true
        }
        _ => false,
    }
}

fn refuse_hash(attr: &IndexAttr, errors: &mut Errors) -> bool {
    if let (Some(hash), Some(_)) = (attr.hash, &attr.desc) {
        errors.at_span(
            hash,
            "a hash has no order, so `hash` and `desc` exclude each other",
        );
        return true;
    }
    false
}

fn refuse_without_option(attr: &IndexAttr, columns: &[Column], errors: &mut Errors) -> bool {
    for column in columns {
        if let Kind::Collection(kind) = Kind::of(&column.ty) {
            let message = format!(
                "an index on a {kind} field needs `each` (one entry per element)\nhelp: write #[index(each)]"
            );
            errors.at_span(attr.span, message);
            return true;
        }
    }
    if let (Some(unique), [column]) = (attr.unique, columns)
        && matches!(Kind::of(&column.ty), Kind::Option(_))
    {
        let message = "a unique index over an Option would allow only one row with `None`\n\
                       help: write #[index(unique, sparse)] to leave rows with `None` out of the index";
        errors.at_span(unique, message);
        return true;
    }
    false
}

fn refuse_sparse(columns: &[Column], errors: &mut Errors) -> bool {
    let may_be_option =
        |column: &Column| matches!(Kind::of(&column.ty), Kind::Option(_) | Kind::Unknown);
    let is_faulty = !columns.is_empty() && !columns.iter().any(may_be_option);
    if is_faulty {
        errors.at(&columns[0].ty, "`sparse` needs an Option field");
    }
    is_faulty
}

fn refuse_each(attr: &IndexAttr, columns: &[Column], errors: &mut Errors) -> bool {
    match columns {
        [column]
            if matches!(
                Kind::of(&column.ty),
                Kind::Integer | Kind::Number | Kind::Text | Kind::Option(_)
            ) =>
        {
            errors.at(
                &column.ty,
                "`each` needs a collection field such as Vec<T>: it makes one entry per element",
            );
            true
        }
        [_, _, ..] => {
            let message = "`each` works on one field\nhelp: compute the keys with `with = function, key = Vec<(A, B)>`";
            errors.at_span(attr.each.unwrap_or(attr.span), message);
            true
        }
        _ => false,
    }
}

fn refuse_index_name(name: &Ident, errors: &mut Errors) -> bool {
    let is_keyword = syn::parse_str::<Ident>(&name.to_string()).is_err();
    if name == "primary" {
        errors.at(
            name,
            "`primary` is what the primary key is called\nhelp: give the index another name",
        );
    } else if is_keyword {
        errors.at(
            name,
            format!("`{name}` is a keyword, so it cannot be the name of an index"),
        );
    }
    name == "primary" || is_keyword
}

fn check_table_name(name: &syn::LitStr, errors: &mut Errors) {
    let text = name.value();
    if text.is_empty() {
        errors.at(name, "the name of a table cannot be empty");
    } else if text.contains('.') || text.starts_with('@') {
        errors.at(name, "the name of a table has no `.` and does not start with `@`: those are names of indexes and of the catalog");
    }
}

fn check_serde_on_struct(options: &[SerdeOption], errors: &mut Errors) {
    for option in options {
        let message = match option.name().as_str() {
            name @ ("tag" | "content" | "untagged") => not_self_describing(name),
            name @ ("from" | "try_from" | "into" | "remote" | "transparent") => format!(
                "`#[serde({name})]` would store another type than the struct\nhelp: derive Table for the stored type and convert rows in the program"
            ),
            _ => continue,
        };
        errors.at_span(option.span(), message);
    }
}

/// Refuses what leaves a field out of some values.
pub(crate) fn check_serde_on_field(options: &[SerdeOption], errors: &mut Errors) {
    for option in options {
        if let name @ ("flatten"
        | "skip_serializing_if"
        | "skip_serializing"
        | "skip_deserializing"
        | "untagged"
        | "tag") = option.name().as_str()
        {
            errors.at_span(option.span(), not_self_describing(name));
        }
    }
}

pub(crate) fn not_self_describing(name: &str) -> String {
    format!(
        "`#[serde({name})]` cannot be stored with a non-self-describing codec: \
         the reader could not tell which fields are present"
    )
}

impl Column {
    fn of_field(field: &AstField<'_>) -> Self {
        Column {
            value: Value::Field(field.ident.clone()),
            ty: field.ty.clone(),
            is_descending: false,
        }
    }

    /// Returns what is inside the `Option`, if the type is spelled as one.
    pub(crate) fn option_item(&self) -> Option<&Type> {
        match Kind::of(&self.ty) {
            Kind::Option(item) => item,
            _ => None,
        }
    }

    /// Returns the type of an element, if it is told by how the collection is spelled.
    pub(crate) fn element(&self) -> Option<&Type> {
        match &self.ty {
            Type::Array(array) => Some(&array.elem),
            Type::Reference(reference) => match &*reference.elem {
                Type::Slice(slice) => Some(&slice.elem),
                _ => None,
            },
            Type::Path(path) => match path.path.segments.last() {
                Some(last) if COLLECTIONS.contains(&last.ident.to_string().as_str()) => {
                    first_argument(&last.arguments)
                }
                _ => None,
            },
            _ => None,
        }
    }
}

fn module_name(snake: &str, span: Span) -> Ident {
    if matches!(snake, "crate" | "self" | "super") {
        return Ident::new(&format!("{snake}_"), span); // they have no raw form
    }
    syn::parse_str::<Ident>(snake)
        .map_or_else(|_| Ident::new_raw(snake, span), |_| Ident::new(snake, span))
}

/// Returns `HTTPLogEntry` as `http_log_entry`.
fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (i, &letter) in letters.iter().enumerate() {
        let follows_word =
            i > 0 && (letters[i - 1].is_lowercase() || letters[i - 1].is_ascii_digit());
        let starts_word = i > 0
            && letters[i - 1].is_uppercase()
            && letters.get(i + 1).is_some_and(|c| c.is_lowercase());
        if letter.is_uppercase() && (follows_word || starts_word) {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_names_are_no_keywords() {
        let name = |snake| module_name(snake, Span::call_site()).to_string();
        assert_eq!(name("user"), "user");
        assert_eq!(name("match"), "r#match");
        assert_eq!(name("crate"), "crate_");
        assert_eq!(name("super"), "super_");
    }

    #[test]
    fn struct_names_become_snake_case() {
        assert_eq!(snake_case("User"), "user");
        assert_eq!(snake_case("UserGroup"), "user_group");
        assert_eq!(snake_case("HTTPLogEntry"), "http_log_entry");
        assert_eq!(snake_case("V2Row"), "v2_row");
        assert_eq!(snake_case("already_snake"), "already_snake");
    }
}
