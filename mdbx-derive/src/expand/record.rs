//! `#[derive(Table)]`: the marker module, and the impls of the table, its record and its indexes.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Lifetime, Path, Type, Visibility, parse_quote};

use crate::model::{Column, Entries, Field, Index, Layout, Model, Value};
use crate::types::{compact, with_lifetime};

/// Writes everything that stands next to the struct.
pub(crate) fn expand(model: &Model<'_>) -> TokenStream {
    let krate = &model.krate;
    let module = module(model);
    let record = record(model);
    let table = table(model);
    let markers = model
        .indexes
        .iter()
        .enumerate()
        .map(|(position, index)| index_impl(model, position, index));
    let primary = primary_impl(model);
    let view = model
        .view
        .as_ref()
        .map(|view| super::view::generated(model, view));
    let warnings = model
        .fields
        .iter()
        .filter(|field| field.is_unborrowed_cow)
        .map(unborrowed_cow);
    quote! {
        #module

        #[allow(unused_imports, reason = "not every table has a field without a shape")]
        const _: () = {
            use #krate::__private::NoShape as _;
            #record
            #table
            #primary
            #(#markers)*
            #(#warnings)*
        };

        #view
    }
}

/// Writes the module of marker types. It refers to nothing outside.
fn module(model: &Model<'_>) -> TokenStream {
    let Model {
        visibility,
        module,
        ident,
        ..
    } = model;
    let inner = inside_module(visibility);
    let about = format!("The indexes of `{ident}`.");
    let primary = format!("The primary key of `{ident}`.");
    let names = model.indexes.iter().map(|index| &index.name);
    let docs = model
        .indexes
        .iter()
        .map(|index| format!("The index `{}` of `{ident}`.", index.name));
    quote! {
        #[doc = #about]
        #[allow(non_camel_case_types, dead_code, unreachable_pub, reason = "markers, named as the indexes are")]
        #visibility mod #module {
            #[doc = #primary]
            #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
            #inner struct primary;
            #(
                #[doc = #docs]
                #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
                #inner struct #names;
            )*
        }
    }
}

/// Returns a visibility as seen from one module deeper.
fn inside_module(visibility: &Visibility) -> TokenStream {
    match visibility {
        Visibility::Inherited => quote!(pub(super)),
        Visibility::Public(_) => quote!(pub),
        Visibility::Restricted(restricted) => {
            let path = &restricted.path;
            if path.is_ident("crate") {
                quote!(pub(crate))
            } else if path.is_ident("self") {
                quote!(pub(super))
            } else if path
                .segments
                .first()
                .is_some_and(|first| first.ident == "crate")
            {
                quote!(pub(in #path))
            } else {
                quote!(pub(in super::#path))
            }
        }
    }
}

/// Writes the impls for the struct with its own lifetime.
fn record(model: &Model<'_>) -> TokenStream {
    let Model {
        krate,
        ident,
        layout,
        lifetime,
        ..
    } = model;
    let generics = lifetime.map(|lifetime| quote!(<#lifetime>));
    let row = lifetime.map_or_else(
        || parse_quote!('__t),
        |lifetime: &Lifetime| lifetime.clone(),
    );
    let table = table_type(model);
    let key = if model.key.is_empty() {
        quote!(0)
    } else {
        tuple(model.key.iter().map(|column| borrow(model, column)))
    };
    let key_fn = at(
        key_span(&model.key),
        quote!(fn key(&self) -> #krate::KeyRef<'_, Self::Table> { #key }),
    );
    let encode = match layout {
        Layout::Encoded(codec) => quote!(<#codec as #krate::Codec>::encode(self, __out)),
        Layout::Raw(span) => {
            let encode = quote!(#krate::__private::raw::encode::<Self>(self, __out));
            let encode = at(*span, encode);
            quote!(#encode; ::core::result::Result::Ok(()))
        }
    };
    let from_row = from_row(model, &row);
    let pushes = model
        .indexes
        .iter()
        .enumerate()
        .map(|(position, index)| push(model, position, index));
    quote! {
        #[automatically_derived]
        impl #generics #krate::Record for #ident #generics {
            type Table = #table;

            #key_fn

            fn encode_row(
                &self,
                __out: &mut ::std::vec::Vec<u8>,
            ) -> ::core::result::Result<(), #krate::CodecError> {
                #encode
            }

            #[allow(unused_variables, reason = "not every table has an index")]
            fn index_keys(&self, __keys: &mut #krate::IndexKeys) {
                #(#pushes)*
            }
        }

        #from_row
    }
}

/// Writes how a row is made of its bytes. A raw row is not made at all.
fn from_row(model: &Model<'_>, row: &Lifetime) -> TokenStream {
    let Model {
        krate,
        ident,
        layout,
        lifetime,
        upgrade_from,
        ..
    } = model;
    let codec = match layout {
        Layout::Encoded(codec) => codec,
        Layout::Raw(span) => {
            let from_row = quote! {
                fn from_row(__bytes: &#row [u8]) -> ::core::result::Result<Self, #krate::CodecError> {
                    #krate::__private::raw::decode(__bytes)
                }
            };
            let from_row = at(*span, from_row);
            return quote! {
                #[automatically_derived]
                impl<#row> #krate::FromRow<#row> for &#row #ident {
                    #from_row
                }
            };
        }
    };
    let generics = lifetime.map(|lifetime| quote!(<#lifetime>));
    let before = upgrade_from.map_or_else(
        || quote!(::core::result::Result::Err(#krate::__private::too_old())),
        |old| {
            let converted = quote! {
                <#old as #krate::FromRow<#row>>::from_older(__bytes, __origin)
                    .map(::core::convert::Into::<Self>::into)
            };
            at(old.span(), converted)
        },
    );
    quote! {
        #[automatically_derived]
        impl<#row> #krate::FromRow<#row> for #ident #generics {
            fn from_row(__bytes: &#row [u8]) -> ::core::result::Result<Self, #krate::CodecError> {
                #krate::__private::decode_row::<#codec, Self>(
                    __bytes,
                    ::core::option::Option::None,
                )
            }

            #[allow(unused_variables, reason = "not every struct has one before it")]
            fn from_older(
                __bytes: &#row [u8],
                __origin: #krate::Origin,
            ) -> ::core::result::Result<Self, #krate::CodecError> {
                match #krate::Origin::before(__origin) {
                    ::core::option::Option::None => {
                        #krate::__private::decode_row::<#codec, Self>(
                            __bytes,
                            ::core::option::Option::Some(__origin.fields),
                        )
                    }
                    ::core::option::Option::Some(__origin) => #before,
                }
            }
        }
    }
}

/// Writes the impls for the struct with its lifetime set to `'static`.
fn table(model: &Model<'_>) -> TokenStream {
    let Model {
        krate,
        ident,
        name,
        was,
        layout,
        is_logged,
        ..
    } = model;
    let table = table_type(model);
    let row = match (layout, model.lifetime) {
        (Layout::Raw(_), _) => quote!(&'__t #ident),
        (_, Some(_)) => quote!(#ident<'__t>),
        _ => quote!(#ident),
    };
    let (codec_id, codec_name, encoded) = codec(model);
    let key = if model.key.is_empty() {
        quote!(u64)
    } else {
        tuple(model.key.iter().map(|column| key_type(model, column)))
    };
    let of_key = at(
        key_span(&model.key),
        quote!(<<Self as #krate::Table>::Key as #krate::Key>),
    );
    let type_key = at(key_span(&model.key), quote!(type Key));
    let key_fields = model.key.iter().map(column_name);
    let fields = model.fields.iter().map(|field| field_schema(model, field));
    let indexes = model.indexes.iter().map(|index| index_schema(model, index));
    let previous = previous(model);
    let markers = table_markers(model);
    quote! {
        #[automatically_derived]
        impl #krate::Table for #table {
            #type_key = #key;
            type Row<'__t> = #row;
            const SCHEMA: &'static #krate::TableSchema = &#krate::TableSchema {
                name: #name,
                was: &[#(#was),*],
                key: #krate::KeySchema {
                    fields: &[#(#key_fields),*],
                    shape: #of_key::SHAPE,
                    width: #of_key::WIDTH,
                },
                codec_id: #codec_id,
                codec: #codec_name,
                fields: &[#(#fields),*],
                indexes: &[#(#indexes),*],
                logged: #is_logged,
                previous: #previous,
                slot: <Self as #krate::Table>::slot,
                index_keys: <Self as #krate::Table>::stored_index_keys,
                rewrite: <Self as #krate::Table>::rewrite,
            };

            fn slot() -> usize {
                static SLOT: #krate::__private::Slot = #krate::__private::Slot::new();
                SLOT.get()
            }
        }

        #encoded
        #markers
    }
}

/// Writes what a table can do that not every one can.
fn table_markers(model: &Model<'_>) -> TokenStream {
    let Model { krate, ident, .. } = model;
    let table = table_type(model);
    let is_owned = model.lifetime.is_none() && matches!(model.layout, Layout::Encoded(_));
    let owned = is_owned.then(|| {
        quote! {
            #[automatically_derived]
            impl #krate::OwnedTable for #ident {}
        }
    });
    let auto = model.is_auto.then(|| {
        let auto_impl = quote! {
            #[automatically_derived]
            impl #krate::AutoTable for #table {}
        };
        at(key_span(&model.key), auto_impl)
    });
    let logged = model.is_logged.then(|| {
        quote! {
            #[automatically_derived]
            impl #krate::LoggedTable for #table {}
        }
    });
    quote!(#owned #auto #logged)
}

/// Writes the schema of the revision before this one, if there is one.
fn previous(model: &Model<'_>) -> TokenStream {
    let Some(old) = model.upgrade_from else {
        return quote!(::core::option::Option::None);
    };
    let krate = &model.krate;
    let old = static_type(model, old);
    let old = at(old.span(), quote!(<#old as #krate::Table>::SCHEMA));
    quote!(::core::option::Option::Some(#old))
}

/// Returns the number and the name of the codec, and the impl that says which one it is.
fn codec(model: &Model<'_>) -> (TokenStream, TokenStream, TokenStream) {
    let krate = &model.krate;
    match &model.layout {
        Layout::Raw(_) => (
            quote!(#krate::__private::raw::ID),
            quote!(#krate::__private::raw::NAME),
            TokenStream::new(),
        ),
        Layout::Encoded(codec) => {
            let table = table_type(model);
            let encoded = quote! {
                #[automatically_derived]
                impl #krate::EncodedTable for #table {
                    type Codec = #codec;
                }
            };
            (
                quote!(<#codec as #krate::Codec>::ID),
                quote!(<#codec as #krate::Codec>::NAME),
                encoded,
            )
        }
    }
}

fn field_schema(model: &Model<'_>, field: &Field<'_>) -> TokenStream {
    let Model { krate, .. } = model;
    let (name, was, has_default) = (&field.name, &field.was, field.has_default);
    let shape = if let Layout::Raw(_) = model.layout {
        let ty = field.ty;
        let plain = at(ty.span(), quote!(<#ty as #krate::Plain>));
        quote!(#plain::SHAPE)
    } else if let Some(stored_as) = &field.stored_as {
        quote!(#krate::Shape::Opaque(#stored_as))
    } else {
        shape_of(krate, &static_type(model, field.ty))
    };
    quote! {
        #krate::FieldSchema {
            name: #name,
            was: &[#(#was),*],
            shape: #shape,
            has_default: #has_default,
        }
    }
}

/// Writes the shape of a type, which is opaque where the type says nothing of it.
pub(super) fn shape_of(krate: &Path, ty: &Type) -> TokenStream {
    let tokens = compact(ty);
    quote!(#krate::Shape::or_opaque(<#krate::__private::Probe<#ty>>::SHAPE, #tokens))
}

fn index_schema(model: &Model<'_>, index: &Index) -> TokenStream {
    let Model { krate, module, .. } = model;
    let Index {
        name,
        was,
        is_unique,
        is_hashed,
        version,
        when,
        columns,
        ..
    } = index;
    let spelling = name.to_string();
    let is_partial = when.is_some();
    let entries = match index.entries {
        Entries::One => quote!(One),
        Entries::Sparse => quote!(Sparse),
        Entries::Each => quote!(Each),
    };
    let source = if columns
        .iter()
        .any(|column| matches!(column.value, Value::Computed(_)))
    {
        quote!(Computed)
    } else {
        let fields = columns.iter().map(column_name);
        quote!(Fields(&[#(#fields),*]))
    };
    let of_key = quote!(<<#module::#name as #krate::Index>::Key as #krate::Key>);
    let of_key = at(key_span(columns), of_key);
    quote! {
        #krate::IndexSchema {
            name: #spelling,
            was: &[#(#was),*],
            unique: #is_unique,
            entries: #krate::RowEntries::#entries,
            partial: #is_partial,
            source: #krate::IndexSource::#source,
            version: #version,
            hashed: #is_hashed,
            shape: #of_key::SHAPE,
            width: #of_key::WIDTH,
        }
    }
}

fn primary_impl(model: &Model<'_>) -> TokenStream {
    let Model { krate, module, .. } = model;
    let table = table_type(model);
    let key = quote!(type Key = <#table as #krate::Table>::Key;);
    let key = at(key_span(&model.key), key);
    quote! {
        #[automatically_derived]
        impl #krate::Index for #module::primary {
            type Table = #table;
            #key
            const POSITION: ::core::option::Option<usize> = ::core::option::Option::None;
            const NAME: &'static str = "primary";
        }

        #[automatically_derived]
        impl #krate::OrderedIndex for #module::primary {}

        #[automatically_derived]
        impl #krate::UniqueIndex for #module::primary {}
    }
}

fn index_impl(model: &Model<'_>, position: usize, index: &Index) -> TokenStream {
    let Model { krate, module, .. } = model;
    let name = &index.name;
    let spelling = name.to_string();
    let table = table_type(model);
    let key = index_key_type(model, index);
    let type_key = at(key_span(&index.columns), quote!(type Key));
    let unique = index.is_unique.then(|| {
        quote! {
            #[automatically_derived]
            impl #krate::UniqueIndex for #module::#name {}
        }
    });
    let ordered = (!index.is_hashed).then(|| {
        quote! {
            #[automatically_derived]
            impl #krate::OrderedIndex for #module::#name {}
        }
    });
    quote! {
        #[automatically_derived]
        impl #krate::Index for #module::#name {
            type Table = #table;
            #type_key = #key;
            const POSITION: ::core::option::Option<usize> = ::core::option::Option::Some(#position);
            const NAME: &'static str = #spelling;
        }

        #ordered
        #unique
    }
}

/// Returns the kind of key of an index: that of its columns, with what its options make of it.
fn index_key_type(model: &Model<'_>, index: &Index) -> TokenStream {
    let columns = &index.columns;
    if columns.is_empty() {
        return quote!(u64);
    }
    let span = key_span(columns);
    let krate = at(span, &model.krate);
    let column_key = |column: &Column| {
        let mut key = match index.entries {
            Entries::One => key_type(model, column),
            Entries::Sparse => sparse_key_type(model, column, columns.len()),
            Entries::Each => element_key_type(model, column),
        };
        if index.is_folded {
            key = quote_spanned!(span=> <#key as #krate::Fold>::Folded);
        }
        if column.is_descending {
            key = quote_spanned!(span=> #krate::Desc<#key>);
        }
        key
    };
    let key = tuple(columns.iter().map(column_key));
    if index.is_hashed {
        quote_spanned!(span=> #krate::Hashed<#key>)
    } else {
        key
    }
}

/// Writes what adds the keys of one index.
fn push(model: &Model<'_>, position: usize, index: &Index) -> TokenStream {
    let Model { krate, module, .. } = model;
    let Index { name, columns, .. } = index;
    if columns.is_empty() {
        return TokenStream::new();
    }
    let push = quote!(__keys.push::<<#module::#name as #krate::Index>::Key>);
    let push = at(key_span(columns), push);
    let computed = columns.iter().map(compute);
    let body = match index.entries {
        Entries::One => {
            let key = tuple(columns.iter().map(|column| borrow(model, column)));
            quote!(#push(#position, #key);)
        }
        Entries::Sparse => push_sparse(model, position, columns, &push),
        Entries::Each => {
            let collection = collection(&columns[0]);
            let key = key_ref(model, &columns[0].ty, &quote!(__element));
            quote! {
                for __element in #collection {
                    #push(#position, #key);
                }
            }
        }
    };
    let guard = index.when.as_ref().map(|when| {
        let condition = quote_spanned!(when.span()=> #when(self));
        quote!(if #condition)
    });
    quote!(#guard { #(#computed)* #body })
}

/// Writes what adds a key unless one of the options is `None`.
fn push_sparse(
    model: &Model<'_>,
    position: usize,
    columns: &[Column],
    push: &TokenStream,
) -> TokenStream {
    let is_some = |column: &Column| columns.len() == 1 || column.option_item().is_some();
    let names: Vec<_> = (0..columns.len())
        .map(|i| format_ident!("__part_{i}"))
        .collect();
    let patterns = columns.iter().zip(&names).map(|(column, name)| {
        if is_some(column) {
            quote!(::core::option::Option::Some(#name))
        } else {
            quote!(#name)
        }
    });
    let values = columns.iter().map(place);
    let key = tuple(
        columns
            .iter()
            .zip(&names)
            .map(|(column, name)| key_ref(model, &column.ty, name)),
    );
    let (patterns, values) = (tuple(patterns), tuple(values.map(|value| quote!(&#value))));
    quote! {
        if let #patterns = #values {
            #push(#position, #key);
        }
    }
}

/// Writes a local variable for what a function computes.
fn compute(column: &Column) -> TokenStream {
    match &column.value {
        Value::Field(_) => TokenStream::new(),
        Value::Computed(function) => {
            let ty = &column.ty;
            let call = quote_spanned!(function.span()=> #function(self));
            quote!(let __computed: #ty = #call;)
        }
    }
}

/// Writes the place where the value of a column is.
fn place(column: &Column) -> TokenStream {
    match &column.value {
        Value::Field(field) => quote!(self.#field),
        Value::Computed(_) => quote!(__computed),
    }
}

fn borrow(model: &Model<'_>, column: &Column) -> TokenStream {
    let place = place(column);
    key_ref(model, &column.ty, &quote!(&#place))
}

/// Writes the call that turns a field into a key. It stands at the type of the field, so that a type that is no key
/// is reported there and once.
fn key_ref(model: &Model<'_>, ty: &Type, value: &impl ToTokens) -> TokenStream {
    let krate = &model.krate;
    at(ty.span(), quote!(#krate::KeyField::key_ref(#value)))
}

/// Writes what to iterate over.
fn collection(column: &Column) -> TokenStream {
    let place = place(column);
    if matches!(column.ty, Type::Reference(_)) {
        place
    } else {
        quote!(&#place)
    }
}

fn key_type(model: &Model<'_>, column: &Column) -> TokenStream {
    key_of(model, &column.ty)
}

/// Returns the key type of a column of a sparse index: what is inside the option.
fn sparse_key_type(model: &Model<'_>, column: &Column, columns: usize) -> TokenStream {
    match column.option_item() {
        Some(item) => key_of(model, item),
        None if columns == 1 => item_key(model, &column.ty),
        None => key_type(model, column),
    }
}

/// Returns the key type of the elements of a column.
fn element_key_type(model: &Model<'_>, column: &Column) -> TokenStream {
    match column.element() {
        Some(element) => key_of(model, element),
        None => item_key(model, &column.ty),
    }
}

fn key_of(model: &Model<'_>, ty: &Type) -> TokenStream {
    let ty = static_type(model, ty);
    let krate = at(ty.span(), &model.krate);
    quote_spanned!(ty.span()=> <#ty as #krate::KeyField>::Key)
}

/// Returns the key type of what iterating over `&ty` yields.
fn item_key(model: &Model<'_>, ty: &Type) -> TokenStream {
    let ty = static_type(model, ty);
    let krate = at(ty.span(), &model.krate);
    quote_spanned! {ty.span()=>
        <<&'static #ty as ::core::iter::IntoIterator>::Item as #krate::KeyField>::Key
    }
}

/// Returns one item as it is, and several as a tuple.
fn tuple(items: impl Iterator<Item = TokenStream>) -> TokenStream {
    let items: Vec<_> = items.collect();
    match items.as_slice() {
        [item] => item.clone(),
        items => quote!((#(#items),*)),
    }
}

fn column_name(column: &Column) -> String {
    use syn::ext::IdentExt;
    match &column.value {
        Value::Field(field) => field.unraw().to_string(),
        Value::Computed(function) => compact(function),
    }
}

/// Returns the tokens as if they were all written at `span`.
pub(super) fn at(span: Span, tokens: impl ToTokens) -> TokenStream {
    let place = |token: TokenTree| match token {
        TokenTree::Group(group) => {
            let mut group = Group::new(group.delimiter(), at(span, group.stream()));
            group.set_span(span);
            TokenTree::Group(group)
        }
        mut token => {
            token.set_span(span);
            token
        }
    };
    tokens.into_token_stream().into_iter().map(place).collect()
}

/// Returns where uses of a key type stand: at the type of its first component. The compiler reports a type that is no
/// key wherever it is used; those at one place it reports once.
fn key_span(columns: &[Column]) -> Span {
    columns
        .first()
        .map_or_else(Span::call_site, |column| column.ty.span())
}

/// Returns the struct with its lifetime set to `'static`.
fn table_type(model: &Model<'_>) -> TokenStream {
    let ident = model.ident;
    if model.lifetime.is_some() {
        quote!(#ident<'static>)
    } else {
        quote!(#ident)
    }
}

fn static_type(model: &Model<'_>, ty: &Type) -> Type {
    with_lifetime(ty, model.lifetime, &parse_quote!('static))
}

/// Writes a use of something deprecated, the way for a macro to warn.
fn unborrowed_cow(field: &Field<'_>) -> TokenStream {
    let name = format_ident!("cow_without_serde_borrow", span = field.ty.span());
    let note = format!(
        "the field `{}` is copied from every row that is read; write #[serde(borrow)] above it",
        field.name
    );
    let reference = quote_spanned!(field.ty.span()=> #name);
    quote! {
        const _: () = {
            #[deprecated(note = #note)]
            #[allow(non_upper_case_globals, reason = "it reads as a message")]
            const #name: () = ();
            let () = #reference;
        };
    }
}
