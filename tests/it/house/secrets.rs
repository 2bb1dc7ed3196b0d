//! Secrets are compared by what compares them in constant time: a keyed hash, or a signature. `==`
//! stops at the first byte that differs, and the time it takes tells a guesser how far they came.

use super::scan::blank_out;
use super::tree::{SourceFile, assert_none, rust_files};

/// What stands beside a comparison only where a secret, or what is kept of one, is compared.
const SECRETS: [&str; 4] = [".expose(", "secret_hash", "minted_key", "MintedKey"];
const COMPARISONS: [&str; 4] = ["==", "!=", ".eq(", ".ne("];

/// Where tests are, which know their secrets anyway.
fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("tests.rs")
}

fn comparisons_of_secrets(file: &SourceFile) -> Vec<String> {
    let blanked = blank_out(&file.text);
    // Unit tests come last in a file.
    let code = blanked.split("#[cfg(test)]").next().unwrap_or_default();
    let (mut found, mut line) = (Vec::new(), 1);
    for statement in code.split_inclusive([';', '{', '}']) {
        let compares = COMPARISONS.iter().any(|it| statement.contains(it));
        if let Some(secret) = SECRETS.iter().find(|it| compares && statement.contains(**it)) {
            let first = line + leading_lines(statement);
            found.push(format!(
                "{}:{first}: `{secret}` next to a comparison: verify a keyed hash instead",
                file.path
            ));
        }
        line += statement.matches('\n').count();
    }
    found
}

/// Line breaks before the first word.
fn leading_lines(statement: &str) -> usize {
    statement[..statement.len() - statement.trim_start().len()].matches('\n').count()
}

#[test]
fn no_secret_is_compared_with_an_equals_sign() {
    let files = rust_files();
    let found = files.iter().filter(|file| !is_test(&file.path));
    let found: Vec<String> = found.flat_map(comparisons_of_secrets).collect();
    assert_none("secrets (tests/it/house/secrets.rs):", &found);
}

#[test]
fn a_comparison_of_a_secret_is_found_on_one_line_or_several_and_not_in_a_test() {
    for bad in [
        "fn f() -> bool {\n    given == secret.expose()\n}",
        "fn f() {\n    if client.secret_hash\n        != Some(hash) {}\n}",
        "fn f() -> bool { secret.expose().eq(given) }",
        "fn f() -> bool { MintedKey::presented(it) == known }",
    ] {
        let found = comparisons_of_secrets(&SourceFile::sample("src/a.rs", bad));
        assert_eq!(found.len(), 1, "{bad}");
    }
    let second =
        comparisons_of_secrets(&SourceFile::sample("src/a.rs", "fn f() {\n\n x == y.expose() }"));
    assert!(second[0].starts_with("src/a.rs:3:"), "{second:?}");
    for good in [
        "fn f() { let a = secret.expose(); }\nfn g() -> bool { 1 == 1 }",
        "// given == secret.expose()",
        "#[cfg(test)]\nmod tests { fn f() -> bool { a.expose() == b.expose() } }",
    ] {
        assert_eq!(
            comparisons_of_secrets(&SourceFile::sample("src/a.rs", good)),
            [""; 0],
            "{good}"
        );
    }
    assert!(is_test("tests/it/a.rs") && is_test("protocol/src/a_tests.rs") && !is_test("src/a.rs"));
}
