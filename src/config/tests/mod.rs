//! The kit of these tests: a configuration from text and pairs, its problems as text.

mod encryption;
mod environment;
mod files;
mod interpolation;
mod masking;
mod not_built;
mod reference;
mod seeds;
mod suggestions;
mod unknown;
mod validation;
mod values;

use std::collections::BTreeMap;

use super::availability::{ROWS, Row};
use super::source::Document;
use super::{Config, ConfigErrors};

/// A file name that no message would contain by chance.
const FILE: &str = "the-file.yaml";

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn assemble(
    yaml: &str,
    pairs: &[(&str, &str)],
    rows: &'static [Row],
) -> Result<Config, ConfigErrors> {
    let document = Document::parse(FILE.to_owned(), yaml)?;
    Config::assemble(Some(&document), &variables(pairs), rows)
}

/// The configuration of this version.
fn load(yaml: &str, pairs: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    assemble(yaml, pairs, ROWS)
}

/// The configuration of a version in which everything is built.
fn load_complete(yaml: &str, pairs: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    assemble(yaml, pairs, &[])
}

fn good(result: Result<Config, ConfigErrors>) -> Config {
    result.unwrap_or_else(|errors| panic!("{errors}"))
}

/// The problems, one text each.
fn problems(result: Result<Config, ConfigErrors>) -> Vec<String> {
    let errors = result.expect_err("a configuration with problems");
    errors.iter().map(ToString::to_string).collect()
}

/// The only problem.
fn problem(result: Result<Config, ConfigErrors>) -> String {
    let problems = problems(result);
    match <[String; 1]>::try_from(problems) {
        Ok([problem]) => problem,
        Err(problems) => panic!("not one problem but {}: {problems:#?}", problems.len()),
    }
}

/// Asserts that `text` contains each of `parts`.
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
}
