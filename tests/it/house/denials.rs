//! What anybody can cause goes into the audit log by way of `Denials`, which bounds it; an `Event`
//! is not bounded by anything.

use super::tree::{SourceFile, assert_none, rust_files};

/// How the actions that are refusals end.
const REFUSALS: [&str; 3] = ["denied", "_failed", "locked_out"];

fn unbounded(file: &SourceFile) -> Vec<String> {
    if file.path.starts_with("tests/") {
        return Vec::new();
    }
    let literals = file.text.split("Event::new(").skip(1).filter_map(|rest| {
        rest.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next())
    });
    literals
        .filter(|action| REFUSALS.iter().any(|end| action.ends_with(end)))
        .map(|action| format!("{}: `{action}` is a refusal: make it a `Denial`", file.path))
        .collect()
}

#[test]
fn no_refusal_goes_into_the_log_unbounded() {
    let found: Vec<String> = rust_files().iter().flat_map(unbounded).collect();
    assert_none("refusals (tests/it/house/denials.rs):", &found);
}

#[test]
fn a_refusal_that_is_an_event_is_found() {
    let text = "let event = Event::new(\n    \"token.issue_denied\", origin);\n\
                let fine = Event::new(\"token.issued\", origin);\n\
                let bounded = Denial::new(\"auth.denied\", origin);";
    assert_eq!(unbounded(&SourceFile::sample("src/flows/a.rs", text)).len(), 1);
}
