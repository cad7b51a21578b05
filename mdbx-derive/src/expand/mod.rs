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

#[cfg(test)]
mod tests {
    use proc_macro2::TokenTree;
    use syn::parse_quote;

    use super::*;

    fn count(tokens: TokenStream) -> usize {
        let of = |token| match token {
            TokenTree::Group(group) => 2 + count(group.stream()),
            _ => 1,
        };
        tokens.into_iter().map(of).sum()
    }

    /// What the compiler has to read is most of what a table costs: the code that does the work is in the library.
    #[test]
    fn a_table_of_eight_fields_and_three_indexes_is_a_few_thousand_tokens() {
        let input = parse_quote! {
            #[index(by_country_age, on(country, age))]
            pub struct User {
                #[key]
                pub id: u64,
                #[index(unique)]
                pub email: String,
                #[index]
                pub born: i64,
                pub country: String,
                pub age: u32,
                pub tags: Vec<String>,
                pub note: Option<String>,
                pub score: f64,
            }
        };
        let tokens = count(table(&input));
        assert!((1000..2500).contains(&tokens), "{tokens}");
    }
}
