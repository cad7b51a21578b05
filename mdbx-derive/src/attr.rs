//! The attribute grammar: names, values and where they stand, as written.
//!
//! An option that is unknown, given twice or not supported is a mistake of its own; the options after it are read
//! all the same.

use proc_macro2::{Span, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::token::Paren;
use syn::{
    Attribute, DeriveInput, Ident, LitInt, LitStr, Meta, Path, Result, Token, Type, parenthesized,
};

use crate::errors::{Errors, did_you_mean};

/// `#[table(..)]`, all of them together.
#[derive(Default)]
pub(crate) struct TableAttr {
    pub(crate) name: Option<LitStr>,
    pub(crate) module: Option<Ident>,
    pub(crate) codec: Option<Path>,
    pub(crate) crate_path: Option<Path>,
    pub(crate) raw: Option<Span>,
    pub(crate) log: Option<Span>,
    pub(crate) view: Option<ViewAttr>,
    /// All of them: a table can be renamed more than once.
    pub(crate) was: Vec<LitStr>,
    pub(crate) upgrade_from: Option<Type>,
}

/// `view`, or `view(Debug, ..)` with what to derive for it.
pub(crate) struct ViewAttr {
    pub(crate) span: Span,
    pub(crate) derives: Vec<Path>,
}

/// `#[field(..)]`, all of them together.
#[derive(Default)]
pub(crate) struct FieldAttr {
    /// The names it had before; it can be renamed more than once.
    pub(crate) was: Vec<LitStr>,
}

/// `#[key(..)]` above a type with `#[derive(Key)]`.
#[derive(Default)]
pub(crate) struct KeyTypeAttr {
    pub(crate) stored_as: Option<Type>,
    pub(crate) crate_path: Option<Path>,
}

/// `#[view(..)]` above a struct with `#[derive(View)]`.
#[derive(Default)]
pub(crate) struct ViewOfAttr {
    pub(crate) of: Option<Type>,
    pub(crate) crate_path: Option<Path>,
}

/// `#[plain(..)]` above a struct with `#[derive(Plain)]`, or `#[shape(..)]` above a type with `#[derive(Shaped)]`.
#[derive(Default)]
pub(crate) struct CrateAttr {
    pub(crate) crate_path: Option<Path>,
}

/// `#[key]` or `#[key(auto)]`.
pub(crate) struct KeyAttr {
    pub(crate) span: Span,
    pub(crate) auto: Option<Span>,
}

/// `#[index(..)]` on a field or on the struct.
pub(crate) struct IndexAttr {
    pub(crate) span: Span,
    pub(crate) name: Option<Ident>,
    pub(crate) on: Option<(Span, Vec<Ident>)>,
    pub(crate) with: Option<Path>,
    pub(crate) key: Option<Type>,
    pub(crate) when: Option<Path>,
    pub(crate) unique: Option<Span>,
    pub(crate) sparse: Option<Span>,
    pub(crate) each: Option<Span>,
    pub(crate) fold: Option<Span>,
    pub(crate) hash: Option<Span>,
    pub(crate) desc: Option<(Span, Vec<Ident>)>,
    pub(crate) version: Option<LitInt>,
}

/// The options that an attribute knows, those of later versions apart.
struct Grammar {
    /// As users write it: `#[index]`.
    attribute: &'static str,
    known: &'static [&'static str],
    later: &'static [&'static str],
}

const TABLE: Grammar = Grammar {
    attribute: "#[table]",
    known: &[
        "name",
        "module",
        "codec",
        "raw",
        "view",
        "was",
        "upgrade_from",
        "log",
        "crate",
    ],
    later: &[],
};
const FIELD: Grammar = Grammar {
    attribute: "#[field]",
    known: &["was"],
    later: &[],
};
const KEY: Grammar = Grammar {
    attribute: "#[key]",
    known: &["auto"],
    later: &[],
};
const FIELD_INDEX: Grammar = Grammar {
    attribute: "#[index]",
    known: &[
        "unique", "sparse", "each", "fold", "hash", "when", "version", "name",
    ],
    later: &["include"],
};
const STRUCT_INDEX: Grammar = Grammar {
    attribute: "#[index]",
    known: &[
        "on", "desc", "with", "key", "unique", "sparse", "each", "fold", "hash", "when", "version",
    ],
    later: FIELD_INDEX.later,
};
const KEY_TYPE: Grammar = Grammar {
    attribute: "#[key]",
    known: &["as", "crate"],
    later: &[],
};
const VIEW_OF: Grammar = Grammar {
    attribute: "#[view]",
    known: &["of", "crate"],
    later: &[],
};
const PLAIN: Grammar = Grammar {
    attribute: "#[plain]",
    known: &["crate"],
    later: &[],
};
const SHAPE: Grammar = Grammar {
    attribute: "#[shape]",
    known: &["crate"],
    later: &[],
};

impl TableAttr {
    pub(crate) fn read(&mut self, attr: &Attribute, errors: &mut Errors) {
        if matches!(attr.meta, Meta::Path(_)) {
            errors.at(
                attr,
                "#[table] needs options\nhelp: write #[table(name = \"..\")], or leave it out",
            );
            return;
        }
        TABLE.read(attr, errors, None, |option, input| {
            match option.to_string().as_str() {
                "name" => once(option, &mut self.name, || value(input)),
                "module" => once(option, &mut self.module, || value(input)),
                "codec" => once(option, &mut self.codec, || value(input)),
                "raw" => flag(option, &mut self.raw),
                "log" => flag(option, &mut self.log),
                "view" => once(option, &mut self.view, || {
                    Ok(ViewAttr {
                        span: option.span(),
                        derives: if input.peek(Paren) {
                            list(input)?
                        } else {
                            Vec::new()
                        },
                    })
                }),
                "was" => {
                    self.was.push(value(input)?);
                    Ok(())
                }
                "upgrade_from" => once(option, &mut self.upgrade_from, || value(input)),
                _ => once(option, &mut self.crate_path, || module_path(input)),
            }
        });
    }
}

impl FieldAttr {
    pub(crate) fn read(&mut self, attr: &Attribute, errors: &mut Errors) {
        if matches!(attr.meta, Meta::Path(_)) {
            errors.at(attr, "#[field] needs an option\nhelp: write #[field(was = \"..\")] where a field was renamed, or leave it out");
            return;
        }
        FIELD.read(attr, errors, None, |_, input| {
            self.was.push(value(input)?);
            Ok(())
        });
    }
}

impl KeyTypeAttr {
    pub(crate) fn read(&mut self, attr: &Attribute, errors: &mut Errors) {
        KEY_TYPE.read(attr, errors, None, |option, input| {
            match option.to_string().as_str() {
                "as" => once(option, &mut self.stored_as, || value(input)),
                _ => once(option, &mut self.crate_path, || module_path(input)),
            }
        });
    }
}

impl ViewOfAttr {
    pub(crate) fn read(&mut self, attr: &Attribute, errors: &mut Errors) {
        VIEW_OF.read(attr, errors, None, |option, input| {
            match option.to_string().as_str() {
                "of" => once(option, &mut self.of, || value(input)),
                _ => once(option, &mut self.crate_path, || module_path(input)),
            }
        });
    }
}

impl CrateAttr {
    /// Reads the attributes `#[plain(..)]` of a type.
    pub(crate) fn of_plain(input: &DeriveInput, errors: &mut Errors) -> Self {
        CrateAttr::read(&PLAIN, "plain", input, errors)
    }

    /// Reads the attributes `#[shape(..)]` of a type.
    pub(crate) fn of_shape(input: &DeriveInput, errors: &mut Errors) -> Self {
        CrateAttr::read(&SHAPE, "shape", input, errors)
    }

    fn read(grammar: &Grammar, name: &str, input: &DeriveInput, errors: &mut Errors) -> Self {
        let mut read = CrateAttr::default();
        let own = input.attrs.iter().filter(|attr| attr.path().is_ident(name));
        own.for_each(|attr| {
            grammar.read(attr, errors, None, |option, input| {
                once(option, &mut read.crate_path, || module_path(input))
            });
        });
        read
    }
}

impl KeyAttr {
    pub(crate) fn read(attr: &Attribute, errors: &mut Errors) -> Self {
        let mut auto = None;
        KEY.read(attr, errors, None, |option, _| flag(option, &mut auto));
        KeyAttr {
            span: attr.path().span(),
            auto,
        }
    }
}

impl IndexAttr {
    fn empty(span: Span) -> Self {
        IndexAttr {
            span,
            name: None,
            on: None,
            with: None,
            key: None,
            when: None,
            unique: None,
            sparse: None,
            each: None,
            fold: None,
            hash: None,
            desc: None,
            version: None,
        }
    }

    /// Reads `#[index]` or `#[index(option, ..)]` above a field.
    pub(crate) fn read_on_field(attr: &Attribute, errors: &mut Errors) -> Self {
        let mut index = IndexAttr::empty(attr.path().span());
        FIELD_INDEX.read(attr, errors, None, |option, input| {
            match option.to_string().as_str() {
                "name" => once(option, &mut index.name, || {
                    input.parse::<Token![=]>()?;
                    input.call(Ident::parse_any)
                }),
                _ => index.read_common(option, input),
            }
        });
        index
    }

    /// Reads `#[index(name, option, ..)]` above the struct.
    pub(crate) fn read_on_struct(attr: &Attribute, errors: &mut Errors) -> Self {
        let mut index = IndexAttr::empty(attr.path().span());
        let mut name = None;
        if matches!(attr.meta, Meta::Path(_)) {
            return index;
        }
        STRUCT_INDEX.read(attr, errors, Some(&mut name), |option, input| match option
            .to_string()
            .as_str()
        {
            "on" => once(option, &mut index.on, || Ok((option.span(), list(input)?))),
            "desc" => once(option, &mut index.desc, || {
                Ok((option.span(), list(input)?))
            }),
            "with" => once(option, &mut index.with, || value(input)),
            "key" => once(option, &mut index.key, || value(input)),
            _ => index.read_common(option, input),
        });
        index.name = name;
        index
    }

    fn read_common(&mut self, option: &Ident, input: ParseStream<'_>) -> Result<()> {
        match option.to_string().as_str() {
            "unique" => flag(option, &mut self.unique),
            "sparse" => flag(option, &mut self.sparse),
            "each" => flag(option, &mut self.each),
            "hash" => flag(option, &mut self.hash),
            "fold" => once(option, &mut self.fold, || {
                let by: Ident = value(input)?;
                if by == "ascii" {
                    return Ok(option.span());
                }
                Err(syn::Error::new(by.span(), UNKNOWN_FOLD))
            }),
            "version" => once(option, &mut self.version, || value(input)),
            _ => once(option, &mut self.when, || value(input)),
        }
    }
}

impl Grammar {
    /// Reads the options of an attribute and hands the known ones to `take`. With `name`, the first word is not an
    /// option but goes there.
    fn read(
        &self,
        attr: &Attribute,
        errors: &mut Errors,
        name: Option<&mut Option<Ident>>,
        mut take: impl FnMut(&Ident, ParseStream<'_>) -> Result<()>,
    ) {
        if matches!(attr.meta, Meta::Path(_)) {
            return;
        }
        let result = attr.parse_args_with(|input: ParseStream<'_>| {
            if let Some(name) = name {
                if input.peek2(Paren) || input.peek2(Token![=]) {
                    return Err(input.error("an index above the struct starts with its name: #[index(by_a_b, on(a, b))]"));
                }
                *name = Some(input.call(Ident::parse_any)?);
                end_of_option(input)?;
            }
            while !input.is_empty() {
                let option = input.call(Ident::parse_any)?;
                let spelling = option.to_string();
                let outcome = if self.known.contains(&spelling.as_str()) {
                    take(&option, input).and_then(|()| refuse_value(&option, input))
                } else {
                    Err(self.refuse(&option))
                };
                if let Err(error) = outcome {
                    errors.push(error);
                    skip_option(input);
                }
                end_of_option(input)?;
            }
            Ok(())
        });
        if let Err(error) = result {
            errors.push(error);
        }
    }

    fn refuse(&self, option: &Ident) -> syn::Error {
        let Grammar {
            attribute,
            known,
            later,
        } = self;
        let spelling = option.to_string();
        let message = if later.contains(&spelling.as_str()) {
            format!("`{option}` in {attribute} is not supported yet")
        } else if spelling == "desc" && *attribute == "#[index]" {
            DESC_ON_FIELD.to_owned()
        } else {
            let hint = did_you_mean(&spelling, known.iter().copied());
            let help = match known {
                [only] => format!("the only option is `{only}`"),
                _ => format!("the options are {}", known.join(", ")),
            };
            format!("unknown {attribute} option `{option}`{hint}\nhelp: {help}")
        };
        syn::Error::new(option.span(), message)
    }
}

const UNKNOWN_FOLD: &str = "the only fold is `ascii`: the others change with the version of Unicode\n\
    help: for another one compute the key: #[index(name, with = Self::function, key = String, version = 1)]";

const DESC_ON_FIELD: &str = "an index of one field is read backwards with `rev()`, so it needs no `desc`\n\
    help: in an index of several fields write it above the struct: #[index(by_a_b, on(a, b), desc(b))]";

/// Sets an option that has no value.
fn flag(option: &Ident, place: &mut Option<Span>) -> Result<()> {
    once(option, place, || Ok(option.span()))
}

/// Sets an option to what `read` reads.
fn once<T>(option: &Ident, place: &mut Option<T>, read: impl FnOnce() -> Result<T>) -> Result<()> {
    let value = read()?;
    if place.replace(value).is_some() {
        return Err(syn::Error::new(
            option.span(),
            format!("`{option}` is given twice"),
        ));
    }
    Ok(())
}

/// Refuses a value of an option that has none.
fn refuse_value(option: &Ident, input: ParseStream<'_>) -> Result<()> {
    if input.peek(Token![=]) {
        let message = format!("`{option}` has no value\nhelp: write `{option}`, or leave it out");
        return Err(input.error(message));
    }
    Ok(())
}

/// Reads `= value`.
fn value<T: Parse>(input: ParseStream<'_>) -> Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

/// Reads `(item, ..)`.
fn list<T: Parse>(input: ParseStream<'_>) -> Result<Vec<T>> {
    let list;
    parenthesized!(list in input);
    let items = Punctuated::<T, Token![,]>::parse_terminated(&list)?;
    Ok(items.into_iter().collect())
}

/// Reads `= path`, where the path may be `crate`.
fn module_path(input: ParseStream<'_>) -> Result<Path> {
    input.parse::<Token![=]>()?;
    input.call(Path::parse_mod_style)
}

/// Goes to the comma after an option.
fn skip_option(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        if input.parse::<TokenTree>().is_err() {
            return;
        }
    }
}

fn end_of_option(input: ParseStream<'_>) -> Result<()> {
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok(())
}
