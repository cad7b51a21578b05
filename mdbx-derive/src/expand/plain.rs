//! `#[derive(Plain)]`: structs that are their bytes.

use proc_macro2::TokenStream;
use quote::quote;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Meta, Token, Type};

use super::record::at;
use crate::attr::CrateAttr;
use crate::errors::Errors;
use crate::model::krate;

/// Expands the derive.
pub(crate) fn plain(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let attr = CrateAttr::of_plain(input, &mut errors);
    for parameter in &input.generics.params {
        errors.at(
            parameter,
            "a plain type has no parameters: its bytes have to be always the same",
        );
    }
    let types = field_types(input, &mut errors);
    if types.is_some() && !has_fixed_layout(input) {
        errors.at(
            &input.ident,
            format!(
                "`{}` needs a fixed layout: without one the compiler orders the fields as it likes\nhelp: add #[repr(C)]",
                input.ident
            ),
        );
    }
    match types {
        Some(types) if errors.is_empty() => expand(input, &attr, &types),
        _ => errors.into_tokens(),
    }
}

fn field_types<'i>(input: &'i DeriveInput, errors: &mut Errors) -> Option<Vec<&'i Type>> {
    let found = match &input.data {
        Data::Struct(data) => return Some(data.fields.iter().map(|field| &field.ty).collect()),
        Data::Enum(_) => "an enum: most bytes are none of its variants",
        Data::Union(_) => "a union: not all of its bytes need to be set",
    };
    errors.at(
        &input.ident,
        format!(
            "#[derive(Plain)] works on structs, and `{}` is {found}",
            input.ident
        ),
    );
    None
}

/// Returns whether the fields are laid out in order.
fn has_fixed_layout(input: &DeriveInput) -> bool {
    let reprs = input
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("repr"));
    let mut options = reprs.flat_map(|attr| {
        attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            .unwrap_or_default()
    });
    options.any(|option| option.path().is_ident("C") || option.path().is_ident("transparent"))
}

fn expand(input: &DeriveInput, attr: &CrateAttr, types: &[&Type]) -> TokenStream {
    let krate = krate(attr.crate_path.as_ref());
    let ident = &input.ident;
    // Each mention of a field's type stands at it, so that one that is not plain is reported there, once.
    let shapes = types
        .iter()
        .map(|ty| at(ty.span(), quote!(<#ty as #krate::Plain>::SHAPE)));
    let message =
        format!("a plain row must have alignment 1 and no padding, and `{ident}` has not");
    let check = at(
        ident.span(),
        quote! {
            const _: () = {
                // A field that is not plain is one mistake; nothing is said of the whole then.
                let _ = <#ident as #krate::Plain>::SHAPE;
                ::core::assert!(
                ::core::mem::align_of::<#ident>() == 1
                    && ::core::mem::size_of::<#ident>()
                        == #krate::__private::sum(&[#(::core::mem::size_of::<#types>()),*]),
                #message
                );
            };
        },
    );
    quote! {
        const _: () = {
            // SAFETY:
            // - Aligned and without padding: asserted below, and the fields are laid out in order.
            // - Every bit pattern is a value, and none changes through a shared reference: each field is plain, which
            //   its shape was just taken from.
            #[automatically_derived]
            unsafe impl #krate::Plain for #ident {
                const SHAPE: #krate::Shape = #krate::Shape::Tuple(&[#(#shapes),*]);
            }

            #check
        };
    }
}
