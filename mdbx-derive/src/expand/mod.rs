//! The model as code. No decisions are left here.
//!
//! Everything is named from the root and trait methods by their trait, so that nothing in the user's scope gets in
//! between. The code works inside function bodies: the generated module holds marker types only, and the impls stand
//! beside the struct, where its name is in scope.

mod key;
mod plain;
mod record;
mod shaped;
mod view;

pub(crate) use key::key;
pub(crate) use plain::plain;
pub(crate) use shaped::shaped;
pub(crate) use view::view;

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::errors::Errors;
use crate::model::Model;
use crate::parse::Ast;

/// Expands `#[derive(Table)]`.
pub(crate) fn table(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let mut tokens = TokenStream::new();
    if let Some(ast) = Ast::read(input, &mut errors) {
        tokens.extend(record::expand(&Model::new(&ast, &mut errors)));
    }
    tokens.extend(errors.into_tokens());
    tokens
}
