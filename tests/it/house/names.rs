//! Names that say nothing. A function's name says what it decides or does; a module's name says what
//! it is about.

use super::scan::{blank_out, functions};
use super::tree::{SourceFile, assert_none, files};

/// Never the whole name of a function, never a word of a module's, file's or directory's name.
const EMPTY_WORDS: [&str; 6] = ["handle", "process", "manager", "utils", "helpers", "common"];
const SOURCE_EXTENSIONS: [&str; 6] = ["rs", "ts", "tsx", "js", "mjs", "py"];

/// Where such a word is a noun: what callers hold of a keeper, and what the system calls a running
/// program. What follows such a path is looked at.
const NOUNS: [&str; 3] =
    ["actors/src/runtime/handle.rs", "tests/it/kit/process.rs", "tests/it/process/"];

fn empty_names(file: &SourceFile) -> Vec<String> {
    if !file.has_extension(&SOURCE_EXTENSIONS) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let after_noun = NOUNS.iter().find_map(|noun| file.path.strip_prefix(noun));
    if after_noun.unwrap_or(&file.path).split('/').any(has_an_empty_word) {
        found.push(format!("{}: name the file after what it is about", file.path));
    }
    if file.has_extension(&["rs"]) {
        found.extend(empty_function_names(file));
    }
    found
}

/// A trait from elsewhere may demand such a name (`actix::Handler::handle`); then it is not ours.
fn empty_function_names(file: &SourceFile) -> Vec<String> {
    functions(&blank_out(&file.text))
        .into_iter()
        .filter(|function| !function.of_a_trait_impl)
        .filter(|function| EMPTY_WORDS.contains(&function.name.as_str()))
        .map(|function| {
            let (path, line, name) = (&file.path, function.line, function.name);
            format!("{path}:{line}: `fn {name}` does not say what it decides or does")
        })
        .collect()
}

fn has_an_empty_word(part: &str) -> bool {
    let name = part.split('.').next().unwrap_or(part);
    name.split(['_', '-']).any(|word| EMPTY_WORDS.contains(&word))
}

#[test]
fn every_file_and_function_has_a_name_that_says_something() {
    let found: Vec<String> = files().iter().flat_map(empty_names).collect();
    assert_none("names (tests/it/house/names.rs):", &found);
}

#[test]
fn empty_words_are_found_in_paths_and_as_function_names() {
    let paths = [
        "src/token_utils.rs",
        "src/common/mod.rs",
        "tests/clients/helpers.ts",
        "tests/it/process/helpers.rs",
    ];
    for path in paths {
        assert_eq!(empty_names(&SourceFile::sample(path, "")).len(), 1, "{path}");
    }
    let functions =
        "fn process() {}\nimpl Actor { fn handle(&self) {} }\nfn process_exit_code() {}";
    assert_eq!(empty_names(&SourceFile::sample("src/a.rs", functions)).len(), 2);
}

#[test]
fn the_name_a_foreign_trait_demands_is_not_ours_to_choose() {
    let text = "impl Handler<Rotate> for Shell { fn handle(&mut self, _: Rotate) {} }";
    assert_eq!(empty_names(&SourceFile::sample("actors/src/keys/shell.rs", text)), [""; 0]);
}
