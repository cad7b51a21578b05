//! What the user wrote: the input as a tree of the things the model cares about.

use proc_macro2::Span;
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DeriveInput, Expr, Field, Fields, GenericParam, Ident, Lifetime, Meta, Path,
    Token, Type, Visibility,
};

use crate::attr::{FieldAttr, IndexAttr, KeyAttr, TableAttr};
use crate::errors::Errors;
use crate::types::compact;

/// A struct with `#[derive(Table)]`.
pub(crate) struct Ast<'i> {
    pub(crate) ident: &'i Ident,
    pub(crate) visibility: &'i Visibility,
    pub(crate) lifetime: Option<&'i Lifetime>,
    pub(crate) table: TableAttr,
    pub(crate) serde: Vec<SerdeOption>,
    pub(crate) fields: Vec<AstField<'i>>,
    /// Those above the struct; fields have their own.
    pub(crate) indexes: Vec<IndexAttr>,
}

/// A field of it.
pub(crate) struct AstField<'i> {
    pub(crate) ident: &'i Ident,
    pub(crate) ty: &'i Type,
    pub(crate) visibility: &'i Visibility,
    pub(crate) key: Option<KeyAttr>,
    pub(crate) indexes: Vec<IndexAttr>,
    pub(crate) field: FieldAttr,
    pub(crate) serde: Vec<SerdeOption>,
    /// The attributes that `serde` was read from, as written.
    pub(crate) serde_attrs: Vec<&'i Attribute>,
}

/// One option of a serde attribute.
pub(crate) struct SerdeOption {
    pub(crate) path: Path,
    pub(crate) value: Option<Expr>,
}

impl SerdeOption {
    pub(crate) fn name(&self) -> String {
        self.path
            .get_ident()
            .map(Ident::to_string)
            .unwrap_or_default()
    }

    pub(crate) fn span(&self) -> Span {
        self.path.span()
    }

    /// Returns what a field is stored as by a serde function of the user's, if this names one.
    pub(crate) fn stored_as(&self) -> Option<String> {
        let is_function = matches!(self.name().as_str(), "with" | "serialize_with");
        is_function.then(|| format!("with {}", compact(&self.value.to_token_stream())))
    }
}

impl<'i> Ast<'i> {
    /// Reads the input; `None` if it is not a struct with named fields and at most one lifetime.
    pub(crate) fn read(input: &'i DeriveInput, errors: &mut Errors) -> Option<Self> {
        let fields = named_fields(input, errors);
        let has_known_parameters = check_parameters(input, errors);
        let mut ast = Ast {
            ident: &input.ident,
            visibility: &input.vis,
            lifetime: input
                .generics
                .lifetimes()
                .next()
                .map(|parameter| &parameter.lifetime),
            table: TableAttr::default(),
            serde: Vec::new(),
            fields: Vec::new(),
            indexes: Vec::new(),
        };
        for attr in &input.attrs {
            ast.read_attr(attr, errors);
        }
        if let (Some(_), Some(lifetime)) = (ast.table.raw, ast.lifetime) {
            errors.at(
                lifetime,
                "a raw row is the bytes of the page, so it cannot borrow others\nhelp: leave out `raw`, or store arrays such as [u8; 16]",
            );
            return None;
        }
        for field in fields? {
            ast.fields.extend(AstField::read(field, errors));
        }
        has_known_parameters.then_some(ast)
    }

    fn read_attr(&mut self, attr: &Attribute, errors: &mut Errors) {
        let path = attr.path();
        if path.is_ident("table") {
            self.table.read(attr, errors);
        } else if path.is_ident("index") {
            self.indexes.push(IndexAttr::read_on_struct(attr, errors));
        } else if path.is_ident("key") {
            errors.at(
                attr,
                "#[key] goes above the field, or fields, of the primary key",
            );
        } else if path.is_ident("field") {
            errors.at(
                attr,
                "#[field] goes above a field; for the table write #[table(was = \"..\")]",
            );
        } else if path.is_ident("serde") {
            self.serde.extend(serde_options(attr));
        }
    }
}

impl<'i> AstField<'i> {
    /// Returns whether it has this serde option.
    pub(crate) fn has_serde(&self, name: &str) -> bool {
        self.serde.iter().any(|option| option.name() == name)
    }

    fn read(field: &'i Field, errors: &mut Errors) -> Option<Self> {
        let ident = field.ident.as_ref()?;
        let mut ast = AstField {
            ident,
            ty: &field.ty,
            visibility: &field.vis,
            key: None,
            indexes: Vec::new(),
            field: FieldAttr::default(),
            serde: Vec::new(),
            serde_attrs: Vec::new(),
        };
        for attr in &field.attrs {
            let path = attr.path();
            if path.is_ident("key") {
                let key = KeyAttr::read(attr, errors);
                if ast.key.replace(key).is_some() {
                    errors.at(attr, "#[key] is given twice");
                }
            } else if path.is_ident("index") {
                ast.indexes.push(IndexAttr::read_on_field(attr, errors));
            } else if path.is_ident("table") {
                errors.at(attr, "#[table] goes above the struct");
            } else if path.is_ident("field") {
                ast.field.read(attr, errors);
            } else if path.is_ident("serde") {
                ast.serde.extend(serde_options(attr));
                ast.serde_attrs.push(attr);
            }
        }
        Some(ast)
    }
}

fn named_fields<'i>(
    input: &'i DeriveInput,
    errors: &mut Errors,
) -> Option<&'i Punctuated<Field, Token![,]>> {
    let found = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => return Some(&fields.named),
            Fields::Unnamed(_) => "tuple structs",
            Fields::Unit => "structs without fields",
        },
        Data::Enum(_) => "enums",
        Data::Union(_) => "unions",
    };
    let help = match &input.data {
        Data::Struct(_) => "give its fields names",
        _ => "wrap it in a struct with a `#[key]` field",
    };
    errors.at(
        &input.ident,
        format!(
            "#[derive(Table)] works on structs with named fields, not on {found}\nhelp: {help}"
        ),
    );
    None
}

/// Checks that the struct has no parameters but at most one lifetime.
fn check_parameters(input: &DeriveInput, errors: &mut Errors) -> bool {
    let mut has_lifetime = false;
    let mut is_fine = true;
    for parameter in &input.generics.params {
        let message = match parameter {
            GenericParam::Lifetime(_) if !has_lifetime => {
                has_lifetime = true;
                continue;
            }
            GenericParam::Lifetime(_) => {
                "a table has at most one lifetime: that of the transaction its rows borrow from"
            }
            GenericParam::Type(_) => {
                "a table cannot have type parameters: each stored table needs one concrete row type"
            }
            GenericParam::Const(_) => {
                "a table cannot have const parameters: each stored table needs one concrete row type"
            }
        };
        errors.at(parameter, message);
        is_fine = false;
    }
    is_fine
}

/// Returns the options of a serde attribute. What cannot be read is left to serde, which says what is wrong.
pub(crate) fn serde_options(attr: &Attribute) -> Vec<SerdeOption> {
    let Ok(options) = attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) else {
        return Vec::new();
    };
    let option = |meta: Meta| match meta {
        Meta::NameValue(pair) => SerdeOption {
            path: pair.path,
            value: Some(pair.value),
        },
        Meta::Path(path) => SerdeOption { path, value: None },
        Meta::List(list) => SerdeOption {
            path: list.path,
            value: None,
        },
    };
    options.into_iter().map(option).collect()
}
