//! Numbers of things in messages.

use std::fmt;

/// A number of things: `1 row`, `2 rows`.
pub(crate) struct Count {
    number: u64,
    one: &'static str,
    many: &'static str,
}

impl Count {
    pub(crate) fn rows(number: u64) -> Self {
        Count {
            number,
            one: "row",
            many: "rows",
        }
    }

    pub(crate) fn entries(number: u64) -> Self {
        Count {
            number,
            one: "entry",
            many: "entries",
        }
    }

    pub(crate) fn problems(number: u64) -> Self {
        Count {
            number,
            one: "problem",
            many: "problems",
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.number == 1 {
            self.one
        } else {
            self.many
        };
        write!(f, "{} {noun}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_not_several() {
        assert_eq!(Count::rows(0).to_string(), "0 rows");
        assert_eq!(Count::rows(1).to_string(), "1 row");
        assert_eq!(Count::entries(2).to_string(), "2 entries");
    }
}
