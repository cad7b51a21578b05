//! `#[derive(Shaped)]`: what serde stores of a struct or an enum, as text for the catalog.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Field, Fields, GenericParam, Path, Type, Variant, parse_quote};

use super::record::shape_of;
use crate::attr::CrateAttr;
use crate::errors::Errors;
use crate::model::{check_serde_on_field, krate, not_self_describing};
use crate::parse::{SerdeOption, serde_options};

/// Expands the derive.
pub(crate) fn shaped(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let attr = CrateAttr::of_shape(input, &mut errors);
    let krate = krate(attr.crate_path.as_ref());
    let options = serde_of(&input.attrs);
    check_serde_on_type(&options, &mut errors);
    let is_transparent = options.iter().any(|option| option.name() == "transparent");
    let shape = match &input.data {
        Data::Struct(data) => fields(&krate, &data.fields, is_transparent, &mut errors),
        Data::Enum(data) => {
            check_skipped(data.variants.iter(), &mut errors);
            let variants = data.variants.iter().map(|variant| {
                let serde = serde_of(&variant.attrs);
                check_serde_on_field(&serde, &mut errors);
                let name = variant.ident.unraw().to_string();
                let shape = match serde.iter().find_map(SerdeOption::stored_as) {
                    Some(stored_as) => quote!(#krate::Shape::Opaque(#stored_as)),
                    None => fields(&krate, &variant.fields, false, &mut errors),
                };
                quote!((#name, #shape))
            });
            let variants: Vec<_> = variants.collect();
            quote!(#krate::Shape::OneOf(&[#(#variants),*]))
        }
        Data::Union(_) => {
            errors.at(
                &input.ident,
                "#[derive(Shaped)] works on structs and enums: serde stores no unions",
            );
            TokenStream::new()
        }
    };
    if !errors.is_empty() {
        return errors.into_tokens();
    }
    let mut generics = input.generics.clone();
    for parameter in &mut generics.params {
        if let GenericParam::Type(parameter) = parameter {
            parameter.bounds.push(parse_quote!(#krate::Shaped));
        }
    }
    let ident = &input.ident;
    let (parameters, arguments, bounds) = generics.split_for_impl();
    quote! {
        const _: () = {
            #[allow(unused_imports, reason = "most types have a shape")]
            use #krate::__private::NoShape as _;

            #[automatically_derived]
            impl #parameters #krate::Shaped for #ident #arguments #bounds {
                const SHAPE: #krate::Shape = #shape;
            }
        };
    }
}

/// Writes the shape of a struct or a variant with these fields. What wraps one value is stored as that.
fn fields(krate: &Path, fields: &Fields, is_transparent: bool, errors: &mut Errors) -> TokenStream {
    let mut names = Vec::new();
    let mut shapes = Vec::new();
    for field in fields {
        let serde = serde_of(&field.attrs);
        check_serde_on_field(&serde, errors);
        let is_skipped = serde.iter().any(|option| option.name() == "skip");
        if is_skipped || is_transparent && is_phantom(field) {
            continue;
        }
        names.extend(field.ident.as_ref().map(|name| name.unraw().to_string()));
        shapes.push(match serde.iter().find_map(SerdeOption::stored_as) {
            Some(stored_as) => quote!(#krate::Shape::Opaque(#stored_as)),
            None => shape_of(krate, &field.ty),
        });
    }
    match (fields, &shapes[..]) {
        (Fields::Unit, _) => quote!(#krate::Shape::Name("unit")),
        (Fields::Named(_), [only]) if is_transparent => only.clone(),
        (Fields::Unnamed(_), [only]) if is_transparent || fields.len() == 1 => only.clone(),
        (Fields::Unnamed(_), _) => quote!(#krate::Shape::Tuple(&[#(#shapes),*])),
        (Fields::Named(_), _) => quote!(#krate::Shape::Struct(&[#((#names, #shapes)),*])),
    }
}

/// Returns whether a field is a `PhantomData`, by its name as serde does.
fn is_phantom(field: &Field) -> bool {
    let Type::Path(path) = &field.ty else {
        return false;
    };
    let last = path.path.segments.last();
    last.is_some_and(|last| last.ident == "PhantomData")
}

fn serde_of(attrs: &[syn::Attribute]) -> Vec<SerdeOption> {
    let own = attrs.iter().filter(|attr| attr.path().is_ident("serde"));
    own.flat_map(serde_options).collect()
}

/// Checks that no variant follows one that is skipped: serde counts that one when it writes, and not when it reads.
fn check_skipped<'i>(variants: impl Iterator<Item = &'i Variant>, errors: &mut Errors) {
    let mut skipped = None;
    for variant in variants {
        let options = serde_of(&variant.attrs);
        if let Some(option) = options.iter().find(|option| option.name() == "skip") {
            skipped = skipped.or(Some(option.span()));
        } else if let Some(span) = skipped.take() {
            let message = "a variant that is skipped makes serde read those behind it as others\n\
                           help: move it behind all that are stored";
            errors.at_span(span, message);
        }
    }
}

fn check_serde_on_type(options: &[SerdeOption], errors: &mut Errors) {
    for option in options {
        let message = match option.name().as_str() {
            name @ ("tag" | "content" | "untagged") => not_self_describing(name),
            name @ ("from" | "try_from" | "into" | "remote") => format!(
                "`#[serde({name})]` stores another type than this one\n\
                 help: write `impl Shaped` with the shape of that type"
            ),
            _ => continue,
        };
        errors.at_span(option.span(), message);
    }
}
