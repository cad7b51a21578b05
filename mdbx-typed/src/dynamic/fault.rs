//! What is wrong with a value, and where in the row that is.

use std::fmt;

/// Why a value is not what was asked for, or could not go through serde.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The innermost first.
    path: Vec<String>,
    message: String,
}

impl Fault {
    pub(crate) fn new(message: impl fmt::Display) -> Fault {
        Fault {
            path: Vec::new(),
            message: message.to_string(),
        }
    }

    /// Returns the fault as that of a field of something.
    pub(crate) fn within(mut self, field: &str) -> Fault {
        self.path.push(field.to_owned());
        self
    }

    /// Returns the field as a path, and what is wrong with it.
    #[cfg(feature = "export")]
    pub(crate) fn into_parts(self) -> (Option<String>, String) {
        let path: Vec<String> = self.path.into_iter().rev().collect();
        let field = (!path.is_empty()).then(|| path.join("."));
        (field, self.message)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.path.iter().rev().enumerate() {
            write!(f, "{}{name}", if i == 0 { "" } else { "." })?;
        }
        let colon = if self.path.is_empty() { "" } else { ": " };
        write!(f, "{colon}{}", self.message)
    }
}

impl std::error::Error for Fault {}

impl serde::ser::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault::new(message)
    }
}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault::new(message)
    }
}
