//! Reads the stanzas of a Debian package database: `Packages` and `status` files.

use std::io::{BufRead, Error, ErrorKind, Result};

use crate::Package;

/// Returns the packages that `input` describes. Stanzas without a name or a version, such as those of packages that
/// were removed, are left out.
pub(crate) fn read(input: impl BufRead) -> Result<Vec<Package>> {
    let mut packages = Vec::new();
    let mut stanza = Stanza::default();
    for (number, line) in input.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            packages.extend(std::mem::take(&mut stanza).package());
        } else if !line.starts_with([' ', '\t']) {
            // A line that starts with a blank goes on with the field before; none of those is needed here.
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| not_a_field(number + 1))?;
            stanza.set(name, value.trim());
        }
    }
    packages.extend(stanza.package());
    Ok(packages)
}

fn not_a_field(line: usize) -> Error {
    Error::new(
        ErrorKind::InvalidData,
        format!("line {line} is not a field of a package"),
    )
}

/// The fields of one stanza as they are read.
#[derive(Default)]
struct Stanza {
    name: String,
    architecture: String,
    version: String,
    section: String,
    priority: String,
    maintainer: String,
    installed_kib: u64,
    depends: Vec<String>,
    summary: String,
}

impl Stanza {
    fn set(&mut self, field: &str, value: &str) {
        let value_of = |text: &mut String| value.clone_into(text);
        match field {
            "Package" => value_of(&mut self.name),
            "Architecture" => value_of(&mut self.architecture),
            "Version" => value_of(&mut self.version),
            "Section" => value_of(&mut self.section),
            "Priority" => value_of(&mut self.priority),
            "Maintainer" => value_of(&mut self.maintainer),
            "Installed-Size" => self.installed_kib = value.parse().unwrap_or(0),
            "Depends" | "Pre-Depends" => self.depends.extend(names(value)),
            "Description" => value_of(&mut self.summary),
            _ => {}
        }
    }

    fn package(self) -> Option<Package> {
        if self.name.is_empty() || self.version.is_empty() {
            return None;
        }
        let known = |text: String| {
            if text.is_empty() {
                "unknown".to_owned()
            } else {
                text
            }
        };
        Some(Package {
            name: self.name,
            architecture: known(self.architecture),
            version: self.version,
            section: known(self.section),
            priority: known(self.priority),
            maintainer: known(self.maintainer),
            installed_kib: self.installed_kib,
            depends: self.depends,
            summary: self.summary,
        })
    }
}

/// Returns the names in a list of dependencies: `libc6 (>= 2.36), exim4 | mail-transport-agent`.
fn names(list: &str) -> impl Iterator<Item = String> + '_ {
    let words = list
        .split([',', '|'])
        .filter_map(|one| one.split_whitespace().next());
    words.map(|word| word.split(':').next().unwrap_or(word).to_owned())
}
