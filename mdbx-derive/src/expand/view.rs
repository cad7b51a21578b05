//! Views: `#[derive(View)]`, and the `UserRef` of `#[table(view)]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DeriveInput, Field, Fields, GenericParam, Lifetime, Path, Type, parse_quote,
};

use super::record::{at, shape_of};
use crate::attr::ViewOfAttr;
use crate::errors::Errors;
use crate::model::{Layout, Model, krate};
use crate::parse::serde_options;
use crate::types::{compact, with_lifetime};
use crate::view::{View, ViewField};

/// Writes the borrowing twin of a table's struct.
pub(super) fn generated(model: &Model<'_>, view: &View<'_>) -> TokenStream {
    let Model {
        krate,
        ident: table,
        visibility,
        ..
    } = model;
    let Layout::Encoded(codec) = &model.layout else {
        return TokenStream::new();
    };
    let View {
        ident,
        derives,
        fields,
    } = view;
    let serde = serde_crate(krate);
    let fields = fields.iter().map(|field| generated_field(model, field));
    let about = format!("A row of [`{table}`] that borrows text and bytes from the page.");
    quote! {
        #[doc = #about]
        #[allow(dead_code, reason = "a view has all fields, also those the program does not read")]
        #[derive(#krate::__private::serde::Deserialize, #(#derives),*)]
        #[serde(crate = #serde)]
        #visibility struct #ident<'t> {
            #(#fields)*
        }

        const _: () = {
            #[automatically_derived]
            impl<'t> #krate::FromRow<'t> for #ident<'t> {
                fn from_row(__bytes: &'t [u8]) -> ::core::result::Result<Self, #krate::CodecError> {
                    #krate::__private::decode_row::<#codec, Self>(
                    __bytes,
                    ::core::option::Option::None,
                )
                }

                fn from_older(
                    __bytes: &'t [u8],
                    __origin: #krate::Origin,
                ) -> ::core::result::Result<Self, #krate::CodecError> {
                    match #krate::Origin::before(__origin) {
                        ::core::option::Option::None => {
                            #krate::__private::decode_row::<#codec, Self>(
                            __bytes,
                            ::core::option::Option::Some(__origin.fields),
                        )
                        }
                        ::core::option::Option::Some(_) => {
                            ::core::result::Result::Err(#krate::__private::too_old())
                        }
                    }
                }
            }

            #[automatically_derived]
            impl<'t> #krate::ViewOf<'t, #table> for #ident<'t> {}
        };
    }
}

fn generated_field(model: &Model<'_>, field: &ViewField<'_>) -> TokenStream {
    let ViewField {
        ident,
        visibility,
        serde,
        ty,
        is_nested,
    } = field;
    let about = format!("The field `{}` of [`{}`].", ident.unraw(), model.ident);
    let borrow = is_nested.then(|| quote!(#[serde(borrow)]));
    quote! {
        #[doc = #about]
        #(#serde)*
        #borrow
        #visibility #ident: #ty,
    }
}

/// Expands `#[derive(View)]`.
pub(crate) fn view(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let mut attr = ViewOfAttr::default();
    let own = input.attrs.iter().filter(|own| own.path().is_ident("view"));
    own.for_each(|own| attr.read(own, &mut errors));
    let lifetime = check_parameters(input, &mut errors);
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Some(&fields.named),
            _ => None,
        },
        _ => None,
    };
    if fields.is_none() {
        errors.at(
            &input.ident,
            "#[derive(View)] works on structs with named fields: those that the table begins with",
        );
    }
    if attr.of.is_none() && errors.is_empty() {
        errors.at(
            &input.ident,
            format!(
                "`{}` does not say what it is a view of\nhelp: write #[view(of = Table)] above it",
                input.ident
            ),
        );
    }
    let mut tokens = TokenStream::new();
    if let (Some(of), Some(fields), true) = (&attr.of, fields, errors.is_empty()) {
        let krate = krate(attr.crate_path.as_ref());
        let fields: Vec<&Field> = fields.iter().collect();
        tokens.extend(expand(input, &krate, of, lifetime, &fields));
    }
    tokens.extend(errors.into_tokens());
    tokens
}

/// Returns the lifetime of a view, if it has one. Other parameters are mistakes.
fn check_parameters<'i>(input: &'i DeriveInput, errors: &mut Errors) -> Option<&'i Lifetime> {
    let mut lifetime = None;
    for parameter in &input.generics.params {
        match parameter {
            GenericParam::Lifetime(own) if lifetime.is_none() => lifetime = Some(&own.lifetime),
            GenericParam::Lifetime(_) => errors.at(
                parameter,
                "a view has at most one lifetime: that of the transaction it borrows from",
            ),
            _ => errors.at(parameter, "a view cannot have type or const parameters"),
        }
    }
    lifetime
}

fn expand(
    input: &DeriveInput,
    krate: &Path,
    of: &Type,
    lifetime: Option<&Lifetime>,
    fields: &[&Field],
) -> TokenStream {
    let ident = &input.ident;
    let generics = lifetime.map(|lifetime| quote!(<#lifetime>));
    let row: Lifetime = lifetime.cloned().unwrap_or_else(|| parse_quote!('__t));
    let serde = serde_crate(krate);
    let names: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let types = fields.iter().map(|field| &field.ty);
    let attributes = fields.iter().map(|field| serde_attributes(field, lifetime));
    let checks = fields
        .iter()
        .enumerate()
        .map(|(position, field)| check(input, krate, of, lifetime, position, field));
    let head = at(
        of.span(),
        quote!(#krate::__private::decode_head::<#of, __View #generics>),
    );
    let len = fields.len();
    let view_of = at(of.span(), quote!(#krate::ViewOf<#row, #of>));
    quote! {
        #[allow(unused_imports, reason = "not every view has a field without a shape")]
        const _: () = {
            use #krate::__private::NoShape as _;

            /// What serde reads: the view itself need not derive it.
            #[derive(#krate::__private::serde::Deserialize)]
            #[serde(crate = #serde)]
            struct __View #generics {
                #(#attributes #names: #types,)*
            }

            #[automatically_derived]
            impl<#row> #krate::FromRow<#row> for #ident #generics {
                fn from_row(__bytes: &#row [u8]) -> ::core::result::Result<Self, #krate::CodecError> {
                    let __view = #head(__bytes, ::core::option::Option::None)?;
                    ::core::result::Result::Ok(#ident { #(#names: __view.#names,)* })
                }

                fn from_older(
                    __bytes: &#row [u8],
                    __origin: #krate::Origin,
                ) -> ::core::result::Result<Self, #krate::CodecError> {
                    if ::core::option::Option::is_some(&#krate::Origin::before(__origin)) {
                        return ::core::result::Result::Err(#krate::__private::too_old());
                    }
                    if __origin.fields >= #len {
                        return #krate::FromRow::from_row(__bytes);
                    }
                    let __view = #head(__bytes, ::core::option::Option::Some(__origin.fields))?;
                    ::core::result::Result::Ok(#ident { #(#names: __view.#names,)* })
                }
            }

            #[automatically_derived]
            impl<#row> #view_of for #ident #generics {}

            #(#checks)*
        };
    }
}

/// Returns the serde attributes of a field of the view: its own, and one that makes serde borrow where it can.
fn serde_attributes(field: &Field, lifetime: Option<&Lifetime>) -> TokenStream {
    let own: Vec<&Attribute> = serde_attrs(field).collect();
    let options = own.iter().flat_map(|attr| serde_options(attr));
    let is_told = options.into_iter().any(|option| option.name() == "borrow");
    let fixed: Lifetime = parse_quote!('static);
    let has_lifetime = with_lifetime(&field.ty, lifetime, &fixed) != field.ty;
    let borrow = (has_lifetime && !is_told).then(|| quote!(#[serde(borrow)]));
    quote!(#(#own)* #borrow)
}

fn serde_attrs(field: &Field) -> impl Iterator<Item = &Attribute> {
    field
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("serde"))
}

/// Writes the check that the table has this field at this position.
fn check(
    input: &DeriveInput,
    krate: &Path,
    of: &Type,
    lifetime: Option<&Lifetime>,
    position: usize,
    field: &Field,
) -> TokenStream {
    let name = field
        .ident
        .as_ref()
        .map(|ident| ident.unraw().to_string())
        .unwrap_or_default();
    let options = serde_attrs(field).flat_map(serde_options);
    let custom = options.into_iter().find_map(|option| option.stored_as());
    let shape = match custom {
        Some(text) => quote!(#krate::Shape::Opaque(#text)),
        None => shape_of(
            krate,
            &with_lifetime(&field.ty, lifetime, &parse_quote!('static)),
        ),
    };
    let message = format!(
        "field {} of `{}` is not the field `{name}` of this type: the view `{}` has the leading fields of its table, in \
         order, with their names and types",
        position + 1,
        compact(of),
        input.ident,
    );
    let schema = at(of.span(), quote!(#krate::__private::schema_of::<#of>));
    let is_field = quote!(#krate::__private::is_field(#schema(), #position, #name, &#shape));
    let assert = at(field.ident.span(), quote!(::core::assert!));
    quote_spanned! {field.ident.span()=>
        const _: () = #assert(#is_field, #message);
    }
}

/// Returns the path of serde inside the crate, as serde wants it.
fn serde_crate(krate: &Path) -> String {
    compact(&quote!(#krate::__private::serde))
}
