//! What commands print: tables for people, JSON for programs.

use std::io::{self, Write as _};

use chrono::{DateTime, SecondsFormat, Utc};
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Cell, ContentArrangement, Table};
use serde::Serialize;

use crate::administration::Revoked;

/// One line.
pub(super) fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Text as it is.
pub(super) fn text(text: &str) -> io::Result<()> {
    write!(io::stdout().lock(), "{text}")
}

/// An error, for people.
pub(super) fn complain(text: &str) {
    // Where standard error is closed there is nobody to tell.
    drop(writeln!(io::stderr().lock(), "authserver: {text}"));
}

/// A value as indented JSON.
pub(super) fn json(value: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)
}

/// Rows under a heading, as wide as the terminal allows.
pub(super) fn table(heading: &[&str], rows: Vec<Vec<String>>) -> io::Result<()> {
    line(&styled(heading, rows).to_string())
}

/// [`table`], not printed yet.
pub(super) fn styled<C: Into<Cell>>(heading: &[&str], rows: Vec<Vec<C>>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(heading);
    for row in rows {
        table.add_row(row);
    }
    table
}

/// Where a part of a list is in the whole, unless it is the whole.
pub(super) fn part(shown: usize, total: u64, offset: Option<u64>) -> io::Result<()> {
    match part_of(shown as u64, total, offset.unwrap_or(0)) {
        Some(words) => line(&words),
        None => Ok(()),
    }
}

fn part_of(shown: u64, total: u64, before: u64) -> Option<String> {
    match (shown, before) {
        (_, 0) if shown >= total => None,
        (_, 0) => Some(format!("{shown} of {total}; see --limit and --offset")),
        (0, _) => Some(format!("None after the first {before}: there are {total}.")),
        (_, _) => {
            let (first, last) = (before + 1, before + shown);
            Some(format!("{first} to {last} of {total}; see --limit and --offset"))
        }
    }
}

/// What ended with an act of revocation.
pub(super) fn revoked(revoked: Revoked) -> io::Result<()> {
    let Revoked { families, issuances } = revoked;
    line(&format!("Revoked with it: {families} refresh families, {issuances} access tokens."))
}

/// A time, as people read it.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Names and values, one a line.
pub(super) fn fields(fields: &[(&str, String)]) -> io::Result<()> {
    text(&aligned(fields))
}

/// [`fields`], not printed yet.
pub(super) fn aligned(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    fields.iter().map(|(name, value)| format!("{name:<width$}  {value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_cut_says_so_and_a_whole_one_does_not() {
        assert_eq!(part_of(0, 0, 0), None);
        assert_eq!(part_of(7, 7, 0), None);
        assert_eq!(part_of(100, 250, 0).unwrap(), "100 of 250; see --limit and --offset");
        let second = part_of(100, 250, 100).unwrap();
        assert_eq!(second, "101 to 200 of 250; see --limit and --offset");
        assert_eq!(part_of(0, 250, 300).unwrap(), "None after the first 300: there are 250.");
    }
}
