//! ARCHITECTURE.md is true: what it points at exists, and what exists at the top or as a keeper is
//! in it.

use std::collections::BTreeSet;

use super::tree::{assert_none, directories_below, root};

const MAP: &str = include_str!("../../../ARCHITECTURE.md");
const KEEPERS: &str = "actors/src";

/// Every path in backticks: a word with a `/` inside, or a file name. Routes start with `/` and are
/// none; neither is anything with a space, a placeholder or Rust's `::`.
fn paths_in(markdown: &str) -> BTreeSet<&str> {
    let quoted = markdown.split('`').skip(1).step_by(2);
    quoted.filter(|quoted| is_a_path(quoted)).collect()
}

fn is_a_path(quoted: &str) -> bool {
    let ends_like_a_file = [".rs", ".toml", ".md", ".txt", ".lock", ".yaml", ".json"];
    let file_name = ends_like_a_file.iter().any(|ending| quoted.ends_with(ending));
    let no_path = quoted.starts_with('/') || quoted.contains("::");
    let placeholder = |letter: char| letter.is_whitespace() || "<>{}*:()=".contains(letter);
    (quoted.contains('/') || file_name) && !no_path && !quoted.contains(placeholder)
}

fn unnamed<'name>(markdown: &str, parent: &str, names: &'name [String]) -> Vec<&'name str> {
    let paths: Vec<&str> = paths_in(markdown).into_iter().collect();
    let is_named = |name: &str| {
        let path = format!("{parent}{name}");
        paths.iter().any(|it| {
            it.strip_prefix(&path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    names.iter().map(String::as_str).filter(|name| !is_named(name)).collect()
}

#[test]
fn every_path_that_the_architecture_page_names_exists() {
    let paths = paths_in(MAP).into_iter();
    let missing: Vec<String> = paths
        .filter(|path| !root().join(path).exists())
        .map(|path| format!("`{path}` is in ARCHITECTURE.md and not in the tree"))
        .collect();
    assert_none("architecture (tests/it/house/architecture.rs):", &missing);
}

#[test]
fn every_top_directory_and_every_keeper_is_on_the_architecture_page() {
    let (top, keepers) = (directories_below(""), directories_below(KEEPERS));
    let keepers_parent = format!("{KEEPERS}/");
    let top = unnamed(MAP, "", &top).into_iter().map(|name| format!("{name}/"));
    let keepers = unnamed(MAP, &keepers_parent, &keepers).into_iter();
    let keepers = keepers.map(|name| format!("{keepers_parent}{name}/"));
    let missing: Vec<String> =
        top.chain(keepers).map(|path| format!("`{path}` is not in ARCHITECTURE.md")).collect();
    assert_none("architecture (tests/it/house/architecture.rs):", &missing);
}

#[test]
fn paths_are_told_from_routes_placeholders_and_rust_names() {
    let page = "`src/http/` `clippy.toml` but `/oauth/token`, `POST /a/b`, `actors/<keeper>/`, \
                `std::env`, `protocol`";
    assert_eq!(paths_in(page).into_iter().collect::<Vec<_>>(), ["clippy.toml", "src/http/"]);
}

#[test]
fn a_directory_that_the_page_forgets_is_found() {
    let names = ["keys".to_owned(), "key".to_owned(), "ledger".to_owned()];
    let page = "`actors/src/keys/` and the word ledger";
    assert_eq!(unnamed(page, "actors/src/", &names), ["key", "ledger"]);
}
