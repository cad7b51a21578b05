//! `#[derive(Key)]`: newtypes and enums without fields as parts of keys.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Fields, Member};

use crate::errors::Errors;

/// Expands the derive.
pub(crate) fn key(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    for parameter in &input.generics.params {
        errors.at(
            parameter,
            "a key type has no parameters: its bytes have to be always the same",
        );
    }
    let body = match &input.data {
        Data::Struct(data) => newtype(input, &data.fields, &mut errors),
        Data::Enum(data) => fieldless_enum(input, data, &mut errors),
        Data::Union(_) => {
            errors.at(
                &input.ident,
                "#[derive(Key)] works on structs with one field and on enums without fields",
            );
            None
        }
    };
    let errors = errors.into_tokens();
    match body {
        Some(body) if errors.is_empty() => quote!(const _: () = { #body };),
        _ => errors,
    }
}

fn newtype(input: &DeriveInput, fields: &Fields, errors: &mut Errors) -> Option<TokenStream> {
    if fields.len() != 1 {
        errors.at(
            &input.ident,
            "a key struct has exactly one field\nhelp: for a key of several fields mark each of them with #[key]",
        );
    }
    let field = fields.iter().next()?;
    let member: Member = fields.members().next()?;
    let (ident, ty) = (&input.ident, &field.ty);
    let inner = quote!(<#ty as ::mdbx_typed::KeyField>::Key);
    let from_key = quote! {
        ::core::result::Result::Ok(#ident {
            #member: ::core::convert::From::from(<#inner as ::mdbx_typed::Key>::into_owned(__out)),
        })
    };
    let shape = quote!(<#inner as ::mdbx_typed::Key>::SHAPE);
    let shaped = shaped(input, &shape);
    Some(quote! {
        #[automatically_derived]
        impl ::mdbx_typed::Key for #ident {
            type Ref<'a> = &'a #ident;
            type Out<'a> = #ident;
            type Owned = #ident;
            const WIDTH: ::core::option::Option<usize> = <#inner as ::mdbx_typed::Key>::WIDTH;
            const SHAPE: ::mdbx_typed::Shape = #shape;

            fn encode(__key: &#ident, __place: ::mdbx_typed::Place, __out: &mut ::mdbx_typed::KeyBuf) {
                let __inner = ::mdbx_typed::KeyField::key_ref(&__key.#member);
                <#inner as ::mdbx_typed::Key>::encode(__inner, __place, __out);
            }

            fn decode<'a>(
                __bytes: &mut &'a [u8],
                __place: ::mdbx_typed::Place,
            ) -> ::core::result::Result<#ident, ::mdbx_typed::KeyError> {
                let __out = <#inner as ::mdbx_typed::Key>::decode(__bytes, __place)?;
                #from_key
            }

            fn into_owned(__out: #ident) -> #ident {
                __out
            }
        }

        #shaped
    })
}

fn fieldless_enum(
    input: &DeriveInput,
    data: &syn::DataEnum,
    errors: &mut Errors,
) -> Option<TokenStream> {
    for variant in data
        .variants
        .iter()
        .filter(|variant| !variant.fields.is_empty())
    {
        errors.at(
            &variant.ident,
            "a key enum has no fields: its order would depend on them",
        );
    }
    for variant in &data.variants {
        if let Some((_, discriminant)) = &variant.discriminant {
            errors.at(
                discriminant,
                "a key enum is stored by the position of its variants, so it has no discriminants",
            );
        }
    }
    if data.variants.len() > 256 {
        errors.at(&input.ident, "a key enum has at most 256 variants");
        return None;
    }
    let ident = &input.ident;
    let variants: Vec<_> = data.variants.iter().map(|variant| &variant.ident).collect();
    let names = variants.iter().map(ToString::to_string);
    let numbers: Vec<_> = (0..=u8::MAX).take(variants.len()).collect();
    let kind = ident.to_string();
    let shape = quote!(::mdbx_typed::Shape::Enum(&[#(#names),*]));
    let shaped = shaped(input, &shape);
    Some(quote! {
        #[automatically_derived]
        impl ::mdbx_typed::Key for #ident {
            type Ref<'a> = &'a #ident;
            type Out<'a> = #ident;
            type Owned = #ident;
            const WIDTH: ::core::option::Option<usize> = ::core::option::Option::Some(1);
            const SHAPE: ::mdbx_typed::Shape = #shape;

            fn encode(__key: &#ident, _: ::mdbx_typed::Place, __out: &mut ::mdbx_typed::KeyBuf) {
                __out.push(match *__key { #(#ident::#variants => #numbers,)* });
            }

            fn decode<'a>(
                __bytes: &mut &'a [u8],
                __place: ::mdbx_typed::Place,
            ) -> ::core::result::Result<#ident, ::mdbx_typed::KeyError> {
                match <u8 as ::mdbx_typed::Key>::decode(__bytes, __place)? {
                    #(#numbers => ::core::result::Result::Ok(#ident::#variants),)*
                    #[allow(unreachable_patterns, reason = "an enum can have a variant for every byte")]
                    _ => ::core::result::Result::Err(::mdbx_typed::KeyError::malformed(#kind)),
                }
            }

            fn into_owned(__out: #ident) -> #ident {
                __out
            }
        }

        #shaped
    })
}

/// Writes what both kinds have: the type as a field of keys, and its shape as a field of rows.
fn shaped(input: &DeriveInput, shape: &TokenStream) -> TokenStream {
    let ident = &input.ident;
    quote! {
        #[automatically_derived]
        impl ::mdbx_typed::KeyField for #ident {
            type Key = #ident;

            fn key_ref(&self) -> &#ident {
                self
            }
        }

        #[automatically_derived]
        impl ::mdbx_typed::Shaped for #ident {
            const SHAPE: ::mdbx_typed::Shape = #shape;
        }
    }
}
