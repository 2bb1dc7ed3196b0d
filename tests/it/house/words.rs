//! Words that must not be in the tree: unfinished code, tests that are switched off, and download
//! addresses, which tie a build to the registry one person happened to use.

use super::scan::blank_out;
use super::tree::{SourceFile, assert_none, files};

const UNFINISHED: [&str; 3] = ["todo!(", "unimplemented!(", "#[ignore"];

/// In pieces, so that this file does not find itself.
const REGISTRY_HOSTS: [&str; 4] = [
    concat!("npm", "js."),
    concat!("py", "pi.org"),
    concat!("python", "hosted."),
    concat!("crates", ".io"),
];

/// How Cargo itself names its default registry in every `Cargo.lock`.
const DEFAULT_SOURCE: &str =
    concat!("source = \"registry+https://github.com/rust-lang/crates", ".io-index\"");

fn forbidden_words(file: &SourceFile) -> Vec<String> {
    let mut found = Vec::new();
    if file.has_extension(&["rs"]) {
        found.extend(matches(&file.path, &blank_out(&file.text), |line| {
            UNFINISHED
                .iter()
                .find(|word| line.contains(**word))
                .map(|word| format!("`{word}…`: finish it, or open an issue and leave it out"))
        }));
    }
    found.extend(matches(&file.path, &file.text, |line| {
        let host = REGISTRY_HOSTS.iter().find(|host| line.contains(**host))?;
        (line.trim() != DEFAULT_SOURCE).then(|| format!("names the registry host {host}"))
    }));
    if file.path.ends_with("package-lock.json") {
        found.extend(matches(&file.path, &file.text, |line| {
            let resolved = line.trim_start().starts_with("\"resolved\"");
            resolved
                .then(|| "has a download address: npm's omit-lockfile-registry-resolved".to_owned())
        }));
    }
    found
}

fn matches(path: &str, text: &str, says: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let numbered = text.lines().enumerate();
    numbered
        .filter_map(|(index, line)| Some(format!("{path}:{}: {}", index + 1, says(line)?)))
        .collect()
}

#[test]
fn nothing_is_left_unfinished_switched_off_or_tied_to_a_registry_host() {
    let found: Vec<String> = files().iter().flat_map(forbidden_words).collect();
    assert_none("words (tests/it/house/words.rs):", &found);
}

#[test]
fn unfinished_code_and_ignored_tests_are_found_but_not_in_comments_or_strings() {
    let bad = "fn a() { todo!() }\n#[ignore = \"slow\"]\nfn b() { unimplemented!(\"x\") }";
    assert_eq!(forbidden_words(&SourceFile::sample("src/a.rs", bad)).len(), 3);
    let good = "// todo!() is banned\nconst BANNED: &str = \"#[ignore]\";";
    assert_eq!(forbidden_words(&SourceFile::sample("src/a.rs", good)), [""; 0]);
}

#[test]
fn registry_hosts_are_found_and_cargos_own_source_line_is_not() {
    let host = REGISTRY_HOSTS[3];
    let lock = format!("{DEFAULT_SOURCE}\nsource = \"sparse+https://index.{host}/\"\n");
    assert_eq!(forbidden_words(&SourceFile::sample("Cargo.lock", &lock)).len(), 1);
    let npm = "{\n  \"resolved\": \"https://mirror.example/a.tgz\"\n}";
    assert_eq!(forbidden_words(&SourceFile::sample("web/package-lock.json", npm)).len(), 1);
}
