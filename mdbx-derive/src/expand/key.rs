//! `#[derive(Key)]`: newtypes and enums without fields as parts of keys.

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use syn::spanned::Spanned;
use syn::{
    Data, DataEnum, DeriveInput, Expr, ExprLit, Fields, Ident, Lit, Member, Path, Type, Variant,
};

use super::record::{at, shape_of};
use crate::attr::KeyTypeAttr;
use crate::errors::Errors;
use crate::model::krate;

/// Expands the derive.
pub(crate) fn key(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let mut attr = KeyTypeAttr::default();
    let own = input.attrs.iter().filter(|own| own.path().is_ident("key"));
    own.for_each(|own| attr.read(own, &mut errors));
    for parameter in &input.generics.params {
        errors.at(
            parameter,
            "a key type has no parameters: its bytes have to be always the same",
        );
    }
    let body = match &input.data {
        _ if attr.stored_as.is_some() => converted(input, &attr),
        Data::Struct(data) => newtype(input, &attr, &data.fields, &mut errors),
        Data::Enum(data) => Some(fieldless_enum(input, &attr, data, &mut errors)),
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

/// Writes a key that is stored as another type: `#[key(as = i64)]`.
fn converted(input: &DeriveInput, attr: &KeyTypeAttr) -> Option<TokenStream> {
    let ty = attr.stored_as.as_ref()?;
    let krate = krate(attr.crate_path.as_ref());
    let ident = &input.ident;
    let kind = ident.to_string();
    let back = quote!(<#ident as ::core::convert::TryFrom<#ty>>::try_from(__stored));
    let back = at(ty.span(), back);
    let bytes = KeyBytes {
        ty,
        encode: quote! {
            let __stored = <#ty as ::core::convert::From<&#ident>>::from(__key);
            let __inner = <#ty as #krate::KeyField>::key_ref(&__stored);
        },
        decode: quote! {
            let __stored: #ty = ::core::convert::From::from(__owned);
            #back.map_err(|_| #krate::KeyError::malformed(#kind))
        },
    };
    let key = bytes.key(ident, &krate);
    let key_field = key_field(ident, &krate);
    Some(quote!(#key #key_field))
}

fn newtype(
    input: &DeriveInput,
    attr: &KeyTypeAttr,
    fields: &Fields,
    errors: &mut Errors,
) -> Option<TokenStream> {
    if fields.len() != 1 {
        errors.at(
            &input.ident,
            "a key struct has exactly one field\n\
             help: for a key of several fields mark each of them with #[key]; \
             for one that is stored as another type write #[key(as = Type)]",
        );
    }
    let field = fields.iter().next()?;
    let member: Member = fields.members().next()?;
    let krate = krate(attr.crate_path.as_ref());
    let (ident, ty) = (&input.ident, &field.ty);
    let bytes = KeyBytes {
        ty,
        encode: quote!(let __inner = #krate::KeyField::key_ref(&__key.#member);),
        decode: quote! {
            ::core::result::Result::Ok(#ident { #member: ::core::convert::From::from(__owned) })
        },
    };
    let key = bytes.key(ident, &krate);
    let key_field = key_field(ident, &krate);
    let shaped = shaped(ident, &krate, &shape_of_row(&krate, ty));
    Some(quote!(#key #key_field #shaped))
}

/// Writes the shape that a newtype has in a row: that of what is inside.
fn shape_of_row(krate: &Path, ty: &Type) -> TokenStream {
    let shape = shape_of(krate, ty);
    quote!({
        #[allow(unused_imports, reason = "most types have a shape")]
        use #krate::__private::NoShape as _;
        #shape
    })
}

/// How a key is written and read as one of another type.
struct KeyBytes<'i> {
    /// The type it is written as.
    ty: &'i Type,
    /// Makes `__inner`, its reference, of `__key`.
    encode: TokenStream,
    /// Makes the result of `__owned`, its owned form.
    decode: TokenStream,
}

impl KeyBytes<'_> {
    /// Writes the key. What the type must be able to do stands at it, so that one that is no key is reported there.
    fn key(&self, ident: &Ident, krate: &Path) -> TokenStream {
        let KeyBytes { ty, encode, decode } = self;
        let inner = quote!(<<#ty as #krate::KeyField>::Key as #krate::Key>);
        let items = quote! {
            const WIDTH: ::core::option::Option<usize> = #inner::WIDTH;
            const SHAPE: #krate::Shape = #inner::SHAPE;

            fn encode(__key: &#ident, __place: #krate::Place, __out: &mut #krate::KeyBuf) {
                #encode
                #inner::encode(__inner, __place, __out);
            }
        };
        let items = at(ty.span(), items);
        let read = at(ty.span(), quote!(#inner::decode(__bytes, __place)));
        let own = at(ty.span(), quote!(#inner::into_owned(__out)));
        quote! {
            #[automatically_derived]
            impl #krate::Key for #ident {
                type Ref<'a> = &'a #ident;
                type Out<'a> = #ident;
                type Owned = #ident;
                #items

                #[allow(clippy::unnecessary_fallible_conversions, reason = "some conversions cannot fail")]
                fn decode<'a>(
                    __bytes: &mut &'a [u8],
                    __place: #krate::Place,
                ) -> ::core::result::Result<#ident, #krate::KeyError> {
                    let __out = #read?;
                    let __owned = #own;
                    #decode
                }

                fn into_owned(__out: #ident) -> #ident {
                    __out
                }
            }
        }
    }
}

/// Returns the numbers that variants are stored as: their discriminants, counted as Rust does.
fn discriminants<'i>(variants: impl Iterator<Item = &'i Variant>, errors: &mut Errors) -> Vec<u16> {
    let mut next = Some(0u16);
    let mut numbers = Vec::new();
    for variant in variants {
        let number = match &variant.discriminant {
            None => next,
            Some((
                _,
                Expr::Lit(ExprLit {
                    lit: Lit::Int(number),
                    ..
                }),
            )) => number.base10_parse().ok(),
            Some(_) => None,
        };
        if number.is_none() {
            let message = "a key enum is stored as its discriminant, which is a number from 0 to 65535, written out";
            match &variant.discriminant {
                Some((_, discriminant)) => errors.at(discriminant, message),
                None => errors.at(&variant.ident, message),
            }
        }
        let number = number.unwrap_or(0);
        numbers.push(number);
        next = number.checked_add(1);
    }
    numbers
}

fn check_variants(ident: &Ident, data: &DataEnum, errors: &mut Errors) {
    for variant in &data.variants {
        if !variant.fields.is_empty() {
            errors.at(
                &variant.ident,
                "a key enum has no fields: its order would depend on them\n\
                 help: write #[key(as = Type)] to store it as another type",
            );
        }
    }
    if data.variants.is_empty() {
        errors.at(ident, "a key enum has at least one variant");
    }
}

fn fieldless_enum(
    input: &DeriveInput,
    attr: &KeyTypeAttr,
    data: &DataEnum,
    errors: &mut Errors,
) -> TokenStream {
    check_variants(&input.ident, data, errors);
    let krate = krate(attr.crate_path.as_ref());
    let ident = &input.ident;
    let variants: Vec<_> = data.variants.iter().map(|variant| &variant.ident).collect();
    let names = variants.iter().map(ToString::to_string);
    let numbers = discriminants(data.variants.iter(), errors);
    let kind = ident.to_string();
    let shape = quote!(#krate::Shape::Enum(&[#((#names, #numbers)),*]));
    let is_wide = numbers.iter().any(|&number| number > u16::from(u8::MAX));
    let (number, width) = if is_wide {
        (quote!(u16), 2usize)
    } else {
        (quote!(u8), 1usize)
    };
    let numbers: Vec<_> = numbers
        .iter()
        .map(|&number| Literal::u16_unsuffixed(number))
        .collect();
    let key_field = key_field(ident, &krate);
    let shaped = shaped(ident, &krate, &shape);
    quote! {
        #[automatically_derived]
        impl #krate::Key for #ident {
            type Ref<'a> = &'a #ident;
            type Out<'a> = #ident;
            type Owned = #ident;
            const WIDTH: ::core::option::Option<usize> = ::core::option::Option::Some(#width);
            const SHAPE: #krate::Shape = #shape;

            fn encode(__key: &#ident, __place: #krate::Place, __out: &mut #krate::KeyBuf) {
                let __number: #number = match *__key { #(#ident::#variants => #numbers,)* };
                <#number as #krate::Key>::encode(__number, __place, __out);
            }

            fn decode<'a>(
                __bytes: &mut &'a [u8],
                __place: #krate::Place,
            ) -> ::core::result::Result<#ident, #krate::KeyError> {
                match <#number as #krate::Key>::decode(__bytes, __place)? {
                    #(#numbers => ::core::result::Result::Ok(#ident::#variants),)*
                    #[allow(unreachable_patterns, reason = "an enum can have a variant for every number")]
                    _ => ::core::result::Result::Err(#krate::KeyError::malformed(#kind)),
                }
            }

            fn into_owned(__out: #ident) -> #ident {
                __out
            }
        }

        #key_field
        #shaped
    }
}

/// Writes the type as a field of keys.
fn key_field(ident: &Ident, krate: &Path) -> TokenStream {
    quote! {
        #[automatically_derived]
        impl #krate::KeyField for #ident {
            type Key = #ident;

            fn key_ref(&self) -> &#ident {
                self
            }
        }
    }
}

/// Writes the shape of the type as a field of rows. One that is stored as another type in keys has none: serde stores
/// it in a way of its own.
fn shaped(ident: &Ident, krate: &Path, shape: &TokenStream) -> TokenStream {
    quote! {
        #[automatically_derived]
        impl #krate::Shaped for #ident {
            const SHAPE: #krate::Shape = #shape;
        }
    }
}
