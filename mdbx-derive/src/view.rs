//! The borrowing twin of a table's struct, for `#[table(view)]`: which fields it has, and with which types.

use quote::format_ident;
use syn::{Attribute, GenericArgument, Ident, Path, PathArguments, Type, Visibility, parse_quote};

use crate::errors::Errors;
use crate::parse::{Ast, AstField};
use crate::types::{first_argument, is_u8};

/// A generated view.
pub(crate) struct View<'i> {
    /// `UserRef`.
    pub(crate) ident: Ident,
    /// What is derived for it.
    pub(crate) derives: &'i [Path],
    pub(crate) fields: Vec<ViewField<'i>>,
}

/// A field of it.
pub(crate) struct ViewField<'i> {
    pub(crate) ident: &'i Ident,
    pub(crate) visibility: &'i Visibility,
    pub(crate) serde: &'i [&'i Attribute],
    pub(crate) ty: Type,
    /// Whether serde borrows it only when told to.
    pub(crate) is_nested: bool,
}

/// Returns the view of a table, if one is asked for and has something to borrow.
pub(crate) fn view<'i>(ast: &'i Ast<'i>, errors: &mut Errors) -> Option<View<'i>> {
    let attr = ast.table.view.as_ref()?;
    if ast.table.raw.is_some() {
        return None; // Reported with the other mistakes of raw tables.
    }
    if ast.lifetime.is_some() {
        errors.at_span(
            attr.span,
            format!(
                "the rows of `{}` borrow from the page already, so it needs no view\nhelp: leave out `view`",
                ast.ident
            ),
        );
        return None;
    }
    let stored = ast.fields.iter().filter(|field| !field.has_serde("skip"));
    let fields: Vec<ViewField<'_>> = stored.map(view_field).collect();
    let is_borrowing = |field: &ViewField<'_>| {
        let mut fields = ast.fields.iter();
        fields.any(|other| other.ident == field.ident && other.ty != &field.ty)
    };
    if !fields.iter().any(is_borrowing) {
        errors.at_span(
            attr.span,
            format!(
                "`{}` has no text or bytes that a view could borrow\nhelp: leave out `view`",
                ast.ident
            ),
        );
        return None;
    }
    Some(View {
        ident: format_ident!("{}Ref", ast.ident),
        derives: &attr.derives,
        fields,
    })
}

fn view_field<'i>(field: &'i AstField<'i>) -> ViewField<'i> {
    // What a function of the user's reads has the type that the function returns.
    let is_custom = ["with", "serialize_with", "deserialize_with"]
        .iter()
        .any(|option| field.has_serde(option));
    let borrowed = borrowed(field.ty).filter(|_| !is_custom);
    let is_nested = matches!(borrowed, Some(Type::Path(_)));
    ViewField {
        ident: field.ident,
        visibility: field.visibility,
        serde: &field.serde_attrs,
        ty: borrowed.unwrap_or_else(|| field.ty.clone()),
        is_nested,
    }
}

/// Returns the type that borrows what this one owns: `&'t str` for `String`, `&'t [u8]` for `Vec<u8>`, and the same
/// inside `Option` and `Vec`; `None` for other types.
fn borrowed(ty: &Type) -> Option<Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let argument = first_argument(&last.arguments);
    match (last.ident.to_string().as_str(), argument) {
        ("String", None) => Some(parse_quote!(&'t str)),
        ("Vec", Some(item)) if is_u8(item) => Some(parse_quote!(&'t [u8])),
        ("Option" | "Vec", Some(item)) => {
            let item = borrowed(item)?;
            let mut path = path.clone();
            let last = path.path.segments.last_mut()?;
            if let PathArguments::AngleBracketed(arguments) = &mut last.arguments {
                arguments.args = std::iter::once(GenericArgument::Type(item)).collect();
            }
            Some(Type::Path(path))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::compact;

    #[test]
    fn text_and_bytes_are_borrowed_and_the_rest_is_kept() {
        let print = |ty: Type| borrowed(&ty).map(|ty| compact(&ty));
        assert_eq!(print(parse_quote!(String)).unwrap(), "&'t str");
        assert_eq!(print(parse_quote!(std::string::String)).unwrap(), "&'t str");
        assert_eq!(print(parse_quote!(Vec<u8>)).unwrap(), "&'t[u8]");
        assert_eq!(
            print(parse_quote!(Option<Vec<String>>)).unwrap(),
            "Option<Vec<&'t str>>"
        );
        assert_eq!(print(parse_quote!(Option<u64>)), None);
        assert_eq!(print(parse_quote!(Vec<Address>)), None);
        assert_eq!(print(parse_quote!([u8; 4])), None);
    }
}
