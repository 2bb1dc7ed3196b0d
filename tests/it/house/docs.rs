//! What operators read is what the program does: metrics, audit actions and error codes are on their
//! pages, nothing else is, and links lead somewhere.

use std::collections::BTreeSet;

use protocol::ErrorCode;

use super::tree::{SourceFile, assert_none, files, root};

const OBSERVABILITY: &str = include_str!("../../../docs/observability.md");
const ERRORS: &str = include_str!("../../../docs/errors.md");

/// Where the program is; tests may count and record what they like.
const PROGRAM: [&str; 4] = ["src/", "actors/src/", "entities/src/", "protocol/src/"];
const METRIC_TYPES: [&str; 3] = ["counter", "gauge", "histogram"];

fn is_program(file: &SourceFile) -> bool {
    file.has_extension(&["rs"])
        && PROGRAM.iter().any(|folder| file.path.starts_with(folder))
        && !file.path.contains("tests")
}

/// The arguments of every call of `name`, from the parenthesis to the end of the file.
fn calls<'text>(text: &'text str, name: &str) -> Vec<&'text str> {
    text.split(name).skip(1).map(str::trim_start).collect()
}

/// What stands in quotes at the beginning.
fn literal(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.split('"').next()
}

/// `name type` of every metric of a file.
fn metrics_in(text: &str) -> Vec<String> {
    let of_type = |kind: &'static str| {
        let names = calls(text, &format!("{kind}!(")).into_iter().filter_map(literal);
        names.map(move |name| format!("{name} {kind}")).collect::<Vec<_>>()
    };
    METRIC_TYPES.into_iter().flat_map(of_type).collect()
}

/// Every audit action of a file. Where an event gets its action from a variable, every literal of
/// the file that looks like one counts.
fn actions_in(text: &str) -> Vec<String> {
    let mut events = calls(text, "Event::new(");
    events.extend(calls(text, "Denial::new("));
    let mut found: Vec<&str> = events.iter().filter_map(|arguments| literal(arguments)).collect();
    if found.len() < events.len() {
        found.extend(text.split('"').filter(|quoted| looks_like_an_action(quoted)));
    }
    found.into_iter().map(str::to_owned).collect()
}

fn looks_like_an_action(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    text.contains('.') && text.split('.').all(is_word)
}

/// The lines of a page below `## heading`, up to the next heading of that rank.
fn section<'page>(page: &'page str, heading: &str) -> &'page str {
    let body = page.split_once(&format!("\n## {heading}\n")).map_or("", |(_, body)| body);
    body.split("\n## ").next().unwrap_or_default()
}

/// The cells of every table row that begins with something in backticks.
fn rows(section: &str) -> Vec<Vec<&str>> {
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')))
        .map(Iterator::collect)
        .collect()
}

fn differences(page: &str, told: &BTreeSet<String>, real: &BTreeSet<String>) -> Vec<String> {
    let untold = real.difference(told).map(|it| format!("`{it}` is not in {page}"));
    let unreal =
        told.difference(real).map(|it| format!("`{it}` is in {page} and not in the source"));
    untold.chain(unreal).collect()
}

/// Every entry is a heading and, first thing below it, the status.
fn error_entries(page: &str) -> BTreeSet<String> {
    let entries = section(page, "Codes").split("\n### ").skip(1);
    entries
        .map(|entry| {
            let (code, text) = entry.split_once('\n').unwrap_or((entry, ""));
            let status = text.trim_start().split(' ').next().unwrap_or_default();
            format!("{code} {status}")
        })
        .collect()
}

/// Targets of links that are neither addresses nor anchors of the same page.
fn links(markdown: &str) -> impl Iterator<Item = &str> {
    let targets = markdown.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let targets = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    targets.map(|target| target.split('#').next().unwrap_or_default())
}

#[test]
fn every_metric_is_in_the_documentation_with_its_type_and_no_other() {
    let real = files()
        .iter()
        .filter(|file| is_program(file))
        .flat_map(|it| metrics_in(&it.text))
        .collect();
    let told = rows(section(OBSERVABILITY, "Metrics"));
    let told = told.iter().map(|row| row.get(..2).unwrap_or_default().join(" ")).collect();
    let found = differences("docs/observability.md", &told, &real);
    assert_none("metrics (tests/it/house/docs.rs):", &found);
}

#[test]
fn every_audit_action_is_in_the_documentation_and_no_other() {
    let real = files()
        .iter()
        .filter(|file| is_program(file))
        .flat_map(|it| actions_in(&it.text))
        .collect();
    let told = rows(section(OBSERVABILITY, "Audit actions"));
    let told = told.iter().filter_map(|row| Some((*row.first()?).to_owned())).collect();
    let found = differences("docs/observability.md", &told, &real);
    assert_none("audit actions (tests/it/house/docs.rs):", &found);
}

#[test]
fn every_error_code_is_explained_with_its_status_and_no_other() {
    let real = ErrorCode::ALL.iter().map(|code| format!("{code} {}", code.http_status())).collect();
    let found = differences("docs/errors.md", &error_entries(ERRORS), &real);
    assert_none("error codes (tests/it/house/docs.rs):", &found);
}

/// The errors that are not OAuth's: literals next to a status, and what can be missing.
fn errors_in(text: &str) -> Vec<&str> {
    let made = ["Problem::new(", "refusal(", "not_found("].into_iter();
    let literals = made.flat_map(|name| calls(text, name)).flat_map(|call| {
        let arguments = call.split(';').next().unwrap_or_default();
        arguments.split('"').skip(1).step_by(2).take(1).collect::<Vec<_>>()
    });
    let is_a_name = |word: &&str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    literals.filter(is_a_name).collect()
}

#[test]
fn every_error_of_the_admin_listener_is_explained() {
    let files = files();
    let http = files.iter().filter(|file| file.path.starts_with("src/"));
    let mut real: BTreeSet<&str> = http.flat_map(|file| errors_in(&file.text)).collect();
    real.extend(authserver::administration::Kind::ALL.iter().map(|kind| kind.error()));
    assert!(real.contains("insufficient_rights") && real.contains("unknown_host"), "{real:?}");
    let is_told = |error: &&&str| {
        ERRORS.contains(&format!("`{error}`")) || ERRORS.contains(&format!("\n### {error}\n"))
    };
    let untold = real.iter().filter(|error| !is_told(error));
    let untold: Vec<String> = untold.map(|it| format!("`{it}` is not in docs/errors.md")).collect();
    assert_none("errors (tests/it/house/docs.rs):", &untold);
}

#[test]
fn an_error_is_found_where_it_is_made() {
    let text = "Problem::new(\n    StatusCode::CONFLICT,\n    \"conflict\", why); refusal(status, \"odd_one\", \"x\")";
    assert_eq!(errors_in(text), ["conflict", "odd_one"]);
}

#[test]
fn every_link_between_our_pages_leads_somewhere() {
    let pages = files().into_iter().filter(|file| file.has_extension(&["md"]));
    let mut broken = Vec::new();
    for page in pages {
        let folder = root().join(&page.path);
        let folder = folder.parent().unwrap();
        let dead = links(&page.text).filter(|target| !folder.join(target).exists());
        broken.extend(dead.map(|target| format!("{}: there is no {target}", page.path)));
    }
    assert_none("links (tests/it/house/docs.rs):", &broken);
}

#[test]
fn a_metric_is_found_wherever_its_line_breaks() {
    let text = "metrics::counter!(\n    \"a_total\", \"reason\" => why).increment(1); gauge!(\"b\").set(1.0);";
    assert_eq!(metrics_in(text), ["a_total counter", "b gauge"]);
}

#[test]
fn an_action_is_found_also_when_it_comes_from_a_variable() {
    assert_eq!(actions_in("Event::new(\"a.b\", origin) \"c.d\""), ["a.b"]);
    assert_eq!(actions_in("Denial::new(\"a.denied\", origin)"), ["a.denied"]);
    let chosen = "let action = if on { \"a.on\" } else { \"a.off\" };\nEvent::new(action, origin)";
    assert_eq!(actions_in(chosen), ["a.on", "a.off"]);
}

#[test]
fn a_forgotten_entry_and_a_wrong_status_are_found() {
    let page =
        "# E\n\n## Codes\n\n### slow_down\n\n400 · Too fast.\n\n## Elsewhere\n\n### other\n\n1";
    let real = BTreeSet::from(["slow_down 429".to_owned()]);
    assert_eq!(differences("e.md", &error_entries(page), &real).len(), 2);
    assert_eq!(links("[a](b.md#c) [d](https://e) [f](#g)").collect::<Vec<_>>(), ["b.md"]);
}
