//! Collects every mistake before stopping, so that all of them are reported at once.

use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::Error;

/// The mistakes found so far. [`into_tokens`](Errors::into_tokens) is the only way to finish.
#[must_use = "the mistakes have to be reported"]
#[derive(Default)]
pub(crate) struct Errors {
    all: Option<Error>,
}

impl Errors {
    /// Notes a mistake.
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.all {
            Some(all) => all.combine(error),
            None => self.all = Some(error),
        }
    }

    /// Notes a mistake at these tokens.
    pub(crate) fn at(&mut self, tokens: &impl ToTokens, message: impl Display) {
        self.push(Error::new_spanned(tokens, message));
    }

    /// Notes a mistake at a place.
    pub(crate) fn at_span(&mut self, span: Span, message: impl Display) {
        self.push(Error::new(span, message));
    }

    /// Returns whether there is no mistake yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_none()
    }

    /// Returns what makes the compiler report the mistakes: nothing if there are none.
    pub(crate) fn into_tokens(self) -> TokenStream {
        self.all.map(Error::into_compile_error).unwrap_or_default()
    }
}

/// Returns the known word that `word` was probably meant to be.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // One typo in three letters is a typo, two are another word.
    let most = word.len().div_ceil(3);
    let near = known
        .into_iter()
        .map(|other| (distance(word, other), other))
        .filter(|&(typos, _)| typos <= most);
    near.min_by_key(|&(typos, _)| typos).map(|(_, other)| other)
}

/// Returns `, did you mean ..?` if a known word is near.
pub(crate) fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    nearest(word, known).map_or_else(String::new, |other| format!(", did you mean `{other}`?"))
}

/// Returns the Levenshtein distance: how many letters to insert, remove or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_find_the_word_that_was_meant() {
        let known = ["unique", "sparse", "each", "when", "name"];
        assert_eq!(nearest("uniqe", known), Some("unique"));
        assert_eq!(nearest("spares", known), Some("sparse"));
        assert_eq!(nearest("nam", known), Some("name"));
        assert_eq!(nearest("on", known), None);
        assert_eq!(nearest("primary", known), None);
    }
}
