//! The table of features in `README.md` beside this file names tests and traces that exist.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::path::Path;

/// Returns what is between backquotes, each with the text before it.
fn quoted(line: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = line.split('`').collect();
    let pairs = parts.chunks_exact(2);
    pairs.map(|pair| (pair[0], pair[1])).collect()
}

/// Says what is missing, if `name` stands for something that is not there. The text `before` it tells traces.
fn missing(tests: &Path, before: &str, name: &str) -> Option<String> {
    if before.ends_with("trace ") {
        let trace = tests.join(format!("traces/{name}.jsonl.gz"));
        return (!trace.exists()).then(|| format!("no trace {name}"));
    }
    if Path::new(name).extension().is_some() {
        return (!tests.join(name).exists()).then(|| format!("no file {name}"));
    }
    let (file, function) = name.split_once("::").unwrap_or((name, ""));
    let path = match file.strip_prefix("oracle/") {
        Some(file) => tests.join(format!("oracle/tests/{file}")),
        None => tests.join(file),
    };
    let code = std::fs::read_to_string(path.with_extension("rs"))
        .or_else(|_| std::fs::read_to_string(path.join("main.rs")));
    match code {
        Err(_) => Some(format!("no file {file}")),
        Ok(code) if function.is_empty() || code.contains(&format!("fn {function}(")) => None,
        Ok(_) => Some(format!("no test {name}")),
    }
}

#[test]
fn every_test_and_trace_that_the_table_of_features_names_exists() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let table = std::fs::read_to_string(tests.join("README.md")).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| "));
    let complaints: Vec<String> = rows
        .flat_map(quoted)
        .filter_map(|(before, name)| missing(&tests, before, name))
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn the_table_of_features_has_every_number_once_and_in_order() {
    let expected = [
        ("A", 29),
        ("B", 13),
        ("C", 11),
        ("P", 6),
        ("S", 8),
        ("L", 19),
        ("U", 30),
        ("T", 25),
    ]
    .into_iter()
    .flat_map(|(letter, count)| (1..=count).map(move |number| format!("{letter}{number}")));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/README.md");
    let table = std::fs::read_to_string(path).unwrap();
    let numbers = table.lines().filter_map(|line| {
        let number = line.strip_prefix("| ")?.split(' ').next()?;
        number
            .ends_with(|c: char| c.is_ascii_digit())
            .then_some(number)
    });
    assert!(numbers.eq(expected), "{table}");
}
