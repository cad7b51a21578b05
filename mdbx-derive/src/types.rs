//! What can be told of a type by how it is spelled, and types as text.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{GenericArgument, Lifetime, PathArguments, Type};

/// The collections that can be told by their names.
pub(crate) const COLLECTIONS: [&str; 4] = ["Vec", "VecDeque", "BTreeSet", "HashSet"];

/// What can be told of a type by how it is spelled. Behind an alias it is unknown; the compiler decides then.
pub(crate) enum Kind<'t> {
    Option(Option<&'t Type>),
    /// Of something else than bytes; named for messages.
    Collection(&'static str),
    Integer,
    /// Another scalar that is no text.
    Number,
    Text,
    Unknown,
}

impl<'t> Kind<'t> {
    /// Returns what can be told of `ty`.
    pub(crate) fn of(ty: &'t Type) -> Self {
        match ty {
            Type::Array(array) if !is_u8(&array.elem) => Kind::Collection("array"),
            Type::Reference(reference) => match &*reference.elem {
                Type::Slice(slice) if !is_u8(&slice.elem) => Kind::Collection("slice"),
                Type::Path(path) if path.path.is_ident("str") => Kind::Text,
                _ => Kind::Unknown,
            },
            Type::Path(path) => path.path.segments.last().map_or(Kind::Unknown, |last| {
                let argument = first_argument(&last.arguments);
                match last.ident.to_string().as_str() {
                    "Option" => Kind::Option(argument),
                    "Vec" if !argument.is_some_and(is_u8) => Kind::Collection("Vec"),
                    "VecDeque" => Kind::Collection("VecDeque"),
                    "BTreeSet" => Kind::Collection("BTreeSet"),
                    "HashSet" => Kind::Collection("HashSet"),
                    "u8" | "u16" | "u32" | "u64" | "i8" | "i16" | "i32" | "i64" => Kind::Integer,
                    "u128" | "i128" | "usize" | "isize" | "bool" | "char" | "f32" | "f64"
                    | "TotalF64" | "TotalF32" => Kind::Number,
                    "String" => Kind::Text,
                    _ => Kind::Unknown,
                }
            }),
            _ => Kind::Unknown,
        }
    }
}

pub(crate) fn first_argument(arguments: &PathArguments) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

pub(crate) fn is_u8(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident("u8"))
}

/// Returns whether the type is a `Cow` of `lifetime`, or has one inside.
pub(crate) fn is_cow_of(ty: &Type, lifetime: &Lifetime) -> bool {
    let (mut has_cow, mut has_lifetime) = (false, false);
    each_token(&ty.to_token_stream(), &mut |token| {
        if let TokenTree::Ident(ident) = token {
            has_cow |= ident == "Cow";
            has_lifetime |= *ident == lifetime.ident;
        }
    });
    has_cow && has_lifetime
}

fn each_token(tokens: &TokenStream, visit: &mut impl FnMut(&TokenTree)) {
    for token in tokens.clone() {
        visit(&token);
        if let TokenTree::Group(group) = token {
            each_token(&group.stream(), visit);
        }
    }
}

/// Returns the tokens as text with spaces only where words would run together, however the compiler prints them.
pub(crate) fn compact(tokens: &impl ToTokens) -> String {
    let text = tokens.to_token_stream().to_string();
    let mut out = String::new();
    for word in text.split_whitespace() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        if out.ends_with(is_word) && word.starts_with(is_word) {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// Returns the type with the struct's lifetime set to another one.
pub(crate) fn with_lifetime(ty: &Type, from: Option<&Lifetime>, to: &Lifetime) -> Type {
    fn replace(tokens: TokenStream, from: &Lifetime, to: &Lifetime) -> TokenStream {
        let mut out = TokenStream::new();
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                // A lifetime is an apostrophe and a word.
                TokenTree::Punct(mark) if mark.as_char() == '\'' => {
                    if tokens
                        .next_if(
                            |next| matches!(next, TokenTree::Ident(ident) if *ident == from.ident),
                        )
                        .is_some()
                    {
                        to.to_tokens(&mut out);
                    } else {
                        mark.to_tokens(&mut out);
                    }
                }
                TokenTree::Group(group) => {
                    let mut new = proc_macro2::Group::new(
                        group.delimiter(),
                        replace(group.stream(), from, to),
                    );
                    new.set_span(group.span());
                    new.to_tokens(&mut out);
                }
                token => token.to_tokens(&mut out),
            }
        }
        out
    }
    let Some(from) = from else { return ty.clone() };
    syn::parse2(replace(quote!(#ty), from, to)).unwrap_or_else(|_| ty.clone())
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn types_print_compactly() {
        let print = |ty: Type| compact(&ty);
        assert_eq!(
            print(parse_quote!(Vec<my::Thing<'static>>)),
            "Vec<my::Thing<'static>>"
        );
        assert_eq!(print(parse_quote!(&'static dyn Foo)), "&'static dyn Foo");
        assert_eq!(print(parse_quote!((u8, Foo))), "(u8,Foo)");
    }

    #[test]
    fn the_lifetime_is_replaced_everywhere() {
        let from: Lifetime = parse_quote!('a);
        let to: Lifetime = parse_quote!('static);
        let ty: Type = parse_quote!((&'a str, Option<Cow<'a, [u8]>>, &'b str));
        assert_eq!(
            compact(&with_lifetime(&ty, Some(&from), &to)),
            "(&'static str,Option<Cow<'static,[u8]>>,&'b str)"
        );
    }
}
