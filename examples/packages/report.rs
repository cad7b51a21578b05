//! Asks the packages one question of each kind, and prints the answers.

use mdbx_typed::prelude::*;

use crate::{Package, package};

/// Prints what the packages of a snapshot are like.
pub(crate) fn print(tx: &ReadTxn<'_>) -> mdbx_typed::Result<()> {
    let sections = counted(tx, package::by_section)?;
    let Some((largest_section, _)) = sections.first() else {
        println!("There are no packages.");
        return Ok(());
    };
    one_package(tx)?;
    largest_of(tx, largest_section)?;
    most_depended_on(tx)?;
    count_table("Packages by section (no row is read)", &sections, 8);
    middle_sized(tx)?;
    kept_by_one_maintainer(tx)
}

/// By primary key.
fn one_package(tx: &ReadTxn<'_>) -> mdbx_typed::Result<()> {
    let found = match tx.get::<Package>(("bash", "amd64"))? {
        Some(package) => Some(package),
        None => tx.by(package::primary).first()?,
    };
    if let Some(package) = found {
        title("One package, by its key");
        println!(
            "  {} {} ({})",
            package.name, package.version, package.architecture
        );
        println!("  {}", package.summary);
        println!(
            "  section {}, priority {}",
            package.section, package.priority
        );
        println!(
            "  {} KiB, kept by {}",
            package.installed_kib, package.maintainer
        );
    }
    Ok(())
}

/// By a prefix of a composite index, from its end.
fn largest_of(tx: &ReadTxn<'_>, section: &str) -> mdbx_typed::Result<()> {
    title(&format!("The ten largest packages of section {section}"));
    for package in tx
        .by(package::by_section_size)
        .prefix((section,))
        .rev()
        .limit(10)
        .rows()
    {
        let package = package?;
        println!("  {:>9} KiB  {}", package.installed_kib, package.name);
    }
    Ok(())
}

/// By an index with one entry for each element of a field.
fn most_depended_on(tx: &ReadTxn<'_>) -> mdbx_typed::Result<()> {
    count_table(
        "The packages most depended on",
        &counted(tx, package::by_depends)?,
        8,
    );
    Ok(())
}

/// By a range of an index, page by page: a token tells where the next page starts.
fn middle_sized(tx: &ReadTxn<'_>) -> mdbx_typed::Result<()> {
    title("Packages of 1 to 2 MiB, two pages of five");
    let range = || tx.by(package::by_installed_kib).range(1024..2048);
    let mut token = None;
    for number in 1..=2 {
        let page = range().page(5, token)?;
        let names: Vec<&str> = page
            .items
            .iter()
            .map(|package| package.name.as_str())
            .collect();
        println!("  page {number}: {}", names.join(", "));
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    println!("  {} in all", range().count()?);
    Ok(())
}

/// By one key of an index, without reading rows: entries hold the primary key.
fn kept_by_one_maintainer(tx: &ReadTxn<'_>) -> mdbx_typed::Result<()> {
    let maintainers = counted(tx, package::by_maintainer)?;
    let Some((maintainer, count)) = maintainers.first() else {
        return Ok(());
    };
    title(&format!("What {maintainer} keeps"));
    let ids = tx.by(package::by_maintainer).eq(maintainer).limit(6).ids();
    let names = ids
        .map(|id| Ok(id?.0.into_owned()))
        .collect::<mdbx_typed::Result<Vec<_>>>()?;
    println!("  {count} packages: {}, ...", names.join(", "));
    Ok(())
}

/// Returns the distinct keys of an index of text, and how many rows have each, the most frequent first.
fn counted<I>(tx: &ReadTxn<'_>, index: I) -> mdbx_typed::Result<Vec<(String, u64)>>
where
    I: Index<Key = String>,
{
    let mut counts = Vec::new();
    for key in tx.by(index).keys() {
        let key = key?.into_owned();
        let count = tx.by(index).eq(&key).count()?;
        counts.push((key, count));
    }
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(counts)
}

/// Prints the first `rows` counts, each with a bar.
fn count_table(name: &str, counts: &[(String, u64)], rows: usize) {
    const WIDTH: u64 = 30;
    title(name);
    let most = counts.first().map_or(1, |(_, count)| *count);
    for (key, count) in counts.iter().take(rows) {
        let bar = "#".repeat(usize::try_from((count * WIDTH).div_ceil(most)).unwrap_or(0));
        println!("  {key:<28} {count:>6}  {bar}");
    }
    if counts.len() > rows {
        println!("  and {} more", counts.len() - rows);
    }
}

fn title(text: &str) {
    println!("\n{text}");
}
