//! Writes `docs/compatibility.md` and holds it to the registry, and the registry to the tests.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::real::REAL_CLIENTS;
use super::registry::{ROWS, Row, Standing};

const PAGE: &str = "docs/compatibility.md";
const HERE: &str = "clients::rows::";

const OPENING: &str = "\
# Compatibility

What real MCP clients do, as seen in the wild, what the server does about it, and which test replays it. The page
is made of `tests/it/clients/rows/registry.rs`, and a test fails when it is not current or names a test that does
not exist. How to connect a client is in [MCP clients](mcp-clients.md).

Every replay runs on SQLite and on PostgreSQL: `bin/test clients::rows`. The clients' own code: `bin/test
clients::journeys`.
";

const REAL: &str = "
## By their own code

| Client | What it does | Test |
|---|---|---|
";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The whole page.
fn page() -> String {
    let mut page = OPENING.to_owned();
    page.push_str(REAL);
    for client in REAL_CLIENTS {
        let (package, version) = (client.package, client.version());
        writeln!(page, "| `{package}` {version} | {} | `{}` |", client.does, client.test).unwrap();
    }
    let mut written = BTreeSet::new();
    for client in ROWS.iter().map(|row| row.client).filter(|client| written.insert(*client)) {
        write!(page, "\n## {}\n", capitalised(client)).unwrap();
        for row in ROWS.iter().filter(|row| row.client == client) {
            page.push_str(&paragraph(row));
        }
    }
    page
}

/// With a capital, unless it is a name that has none.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if !text.starts_with("claude.ai") => {
            first.to_uppercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

fn paragraph(row: &Row) -> String {
    let habit = capitalised(row.habit);
    let mut text = format!("\n**{habit}.**\n\n- Rule: {}.\n", row.rule);
    match row.standing {
        Standing::Holds => text.push_str("- Holds.\n"),
        Standing::Partly(missing) => writeln!(text, "- Holds in part: {missing}.").unwrap(),
        Standing::NotYet(instead) => writeln!(text, "- Not yet: {instead}.").unwrap(),
    }
    let tests: Vec<String> = row.tests.iter().map(|test| format!("`{test}`")).collect();
    writeln!(text, "- Tests: {}", tests.join(", ")).unwrap();
    text
}

/// The file below `tests/it` and the function that a test's path names.
fn place(test: &str) -> Option<(PathBuf, &str)> {
    let (modules, function) = test.rsplit_once("::")?;
    let mut modules: Vec<&str> = modules.split("::").collect();
    // The innermost modules may be in the file of an outer one.
    while !modules.is_empty() {
        let path = root().join("tests/it").join(modules.join("/"));
        for file in [path.with_extension("rs"), path.join("mod.rs")] {
            if file.exists() {
                return Some((file, function));
            }
        }
        modules.pop();
    }
    None
}

/// Names of the tests in a file: those told on both databases, and plain ones.
fn tests_in(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut marked = false;
    for line in text.lines().map(str::trim_start) {
        let told = line.strip_prefix("async fn ").filter(|rest| {
            rest.contains("(server: Server)") || rest.contains("(backend: Backend)")
        });
        let plain = line.strip_prefix("fn ").or_else(|| line.strip_prefix("async fn "));
        let name = told.or(plain.filter(|_| marked)).or_else(|| wrapped(line));
        found.extend(name.and_then(|rest| rest.split('(').next()));
        marked = line.starts_with("#[test]") || line.starts_with("#[tokio::test");
    }
    found
}

/// The name of a story whose parameter is on the next line.
fn wrapped(line: &str) -> Option<&str> {
    line.strip_prefix("async fn ").filter(|rest| rest.ends_with('('))
}

fn exists(test: &str) -> bool {
    let Some((file, function)) = place(test) else { return false };
    fs::read_to_string(file).is_ok_and(|text| tests_in(&text).contains(&function))
}

#[test]
fn the_page_says_what_the_registry_says() {
    let written = fs::read_to_string(root().join(PAGE)).unwrap_or_default();
    let current = page();
    if written != current {
        let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compatibility.md");
        fs::write(&fresh, current).unwrap();
        panic!("{PAGE} is not current: cp {} {PAGE}", fresh.display());
    }
}

#[test]
fn every_test_that_a_row_names_exists_and_every_row_names_one() {
    let wrong: Vec<String> = ROWS
        .iter()
        .flat_map(|row| {
            let missing = row.tests.iter().filter(|test| !exists(test));
            let missing = missing.map(|test| format!("there is no test {test}"));
            let replayed = row.tests.iter().any(|test| test.starts_with(HERE));
            let unproven = (!replayed).then(|| format!("nothing replays: {}", row.habit));
            missing.chain(unproven).collect::<Vec<_>>()
        })
        .chain(REAL_CLIENTS.iter().filter(|client| !exists(client.test)).map(|client| {
            format!("there is no test {}, which {} is said to run in", client.test, client.package)
        }))
        .collect();
    assert!(wrong.is_empty(), "tests/it/clients/rows/registry.rs:\n  {}", wrong.join("\n  "));
}

#[test]
fn every_replay_belongs_to_a_row() {
    let named: BTreeSet<&str> =
        ROWS.iter().flat_map(|row| row.tests).filter_map(|test| test.rsplit("::").next()).collect();
    let folder = root().join("tests/it/clients/rows");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let about_itself =
        |path: &PathBuf| path.ends_with("rows/page.rs") || path.ends_with("rows/real.rs");
    for file in files.filter(|path| !about_itself(path)) {
        let text = fs::read_to_string(&file).unwrap();
        for test in tests_in(&text) {
            assert!(named.contains(test), "no row names {test} in {}", file.display());
        }
    }
}

#[test]
fn a_test_that_was_renamed_or_is_only_a_function_is_noticed() {
    assert!(exists("clients::rows::page::every_replay_belongs_to_a_row"));
    assert!(exists("oauth::journey::a_person_lets_an_app_in_and_out_again"));
    assert!(!exists("oauth::journey::a_person_lets_an_app_in"));
    assert!(!exists("oauth::journey::register"), "a function that is no test");
    assert!(!exists("oauth::nowhere::a_person_lets_an_app_in_and_out_again"));
    let text = "on_both_databases! {\n    async fn told(server: Server) {\n    async fn long(\n\
        fn no_test() {}\n#[test]\nfn plain() {}\nasync fn asks(server: &Server) {}";
    assert_eq!(tests_in(text), ["told", "long", "plain"]);
}
