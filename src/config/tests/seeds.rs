//! Resources to create at boot.

use super::{assert_says, good, load, load_complete, problem, problems};
use crate::config::{BackendKind, reference_markdown};

/// One good entry, with `more` members.
fn entry(slug: &str, uri: &str, more: &str) -> String {
    format!("{{slug: {slug}, uri: '{uri}', backend_kind: mint, display_name: Name{more}}}")
}

fn resources(entries: &[String]) -> String {
    format!("resources: [{}]", entries.join(", "))
}

#[test]
fn the_example_of_the_reference_is_good() {
    let reference = reference_markdown();
    let example = reference.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());

    let config = good(load(example.expect("an example"), &[]));

    let [notes] = config.resources.as_slice() else { panic!("{:?}", config.resources) };
    assert_eq!(notes.slug, "notes");
    assert_eq!(notes.backend_kind, BackendKind::Mint);
    assert_eq!(notes.scopes.len(), 2);
    assert!(notes.scopes[0].default && !notes.scopes[1].default);
}

#[test]
fn a_variable_holds_them_as_json() {
    let json = r#"[{"slug":"a","uri":"https://a.example/mcp","backend_kind":"mint","display_name":"A",
        "policy":{"runtime":{"client_ids":["gateway"]}}}]"#;

    let config = good(load("", &[("AUTHPLANE_RESOURCES", json)]));

    assert_eq!(config.resources[0].policy.runtime.client_ids, ["gateway"]);
    let text = problem(load("", &[("AUTHPLANE_RESOURCES", "a,b")]));
    assert_says(&text, &["`resources`", "AUTHPLANE_RESOURCES", "not JSON"]);
    let text = problem(load("resources: {slug: a}", &[]));
    assert_says(&text, &["`resources`", "not a list"]);
}

#[test]
fn references_are_replaced_inside_entries() {
    let yaml = resources(&[entry("a", "https://${HOST}/mcp", "")]);

    let config = good(load(&yaml, &[("HOST", "a.example")]));

    assert_eq!(config.resources[0].uri, "https://a.example/mcp");
    assert_says(&problem(load(&yaml, &[])), &["`resources[0].uri`", "${HOST}"]);
}

#[test]
fn refuses_unknown_members_with_their_place() {
    for (more, place, meant) in [
        (", alias: []", "`resources[1].alias`", "`aliases`"),
        (
            ", scopes: [{name: a}, {name: b, descripton: c}]",
            "`resources[1].scopes[1].descripton`",
            "`description`",
        ),
        (", policy: {runtim: {}}", "`resources[1].policy.runtim`", "`runtime`"),
        (
            ", policy: {exchange: {allowed_clients_ids: []}}",
            "`resources[1].policy.exchange.allowed_clients_ids`",
            "`allowed_client_ids`",
        ),
    ] {
        let yaml = resources(&[
            entry("a", "https://a.example", ""),
            entry("b", "https://b.example", more),
        ]);

        assert_says(&problem(load(&yaml, &[])), &[place, "did you mean", meant]);
    }
}

#[test]
fn refuses_missing_and_mistyped_members() {
    let text =
        problem(load("resources: [{slug: a, uri: 'https://a.example', display_name: A}]", &[]));
    assert_says(&text, &["`resources[0]`", "missing field `backend_kind`", "a list of resources"]);

    let text =
        problem(load(&resources(&[entry("a", "https://a.example", ", discoverable: maybe")]), &[]));
    assert_says(&text, &["`resources[0]`", "expected a boolean"]);
}

#[test]
fn refuses_identifiers_that_cannot_work() {
    for (slug, uri, place) in [
        ("A", "https://a.example", "`resources[0].slug`"),
        ("'a b'", "https://a.example", "`resources[0].slug`"),
        ("''", "https://a.example", "`resources[0].slug`"),
        ("a_b", "https://a.example", "`resources[0].slug`"),
        ("-a", "https://a.example", "`resources[0].slug`"),
        (&"a".repeat(64), "https://a.example", "`resources[0].slug`"),
        ("a", "https://a.example/a b", "`resources[0].uri`"),
        ("a", "https:///mcp", "`resources[0].uri`"),
        ("a", "a.example/mcp", "`resources[0].uri`"),
        ("a", "https://a.example/#x", "`resources[0].uri`"),
        ("a", "https://u:p@a.example/", "`resources[0].uri`"),
    ] {
        assert_says(&problem(load(&resources(&[entry(slug, uri, "")]), &[])), &[place]);
    }
}

#[test]
fn refuses_two_resources_that_answer_to_one_name() {
    let again = entry("a", "https://b.example/mcp", "");
    let yaml = resources(&[entry("a", "https://a.example/mcp", ""), again]);
    assert_says(&problem(load(&yaml, &[])), &["`resources[1].slug`", "as in an entry before"]);

    let slash = entry("b", "https://b.example", ", aliases: ['https://A.example']");
    let yaml = resources(&[entry("a", "https://a.example/", ""), slash]);
    assert_says(&problem(load(&yaml, &[])), &["`resources[1].aliases[0]`", "already names"]);
}

#[test]
fn a_catalog_is_no_longer_than_a_request() {
    let catalog = |count: usize| {
        let scopes: Vec<String> = (0..count).map(|n| format!("{{name: s{n}}}")).collect();
        resources(&[entry("a", "https://a.example", &format!(", scopes: [{}]", scopes.join(", ")))])
    };
    good(load(&catalog(256), &[]));
    assert_says(&problem(load(&catalog(257), &[])), &["`resources[0].scopes`", "257"]);

    let long = resources(&[entry(
        "a",
        "https://a.example",
        &format!(", scopes: [{{name: {}}}]", "s".repeat(257)),
    )]);
    assert_says(&problem(load(&long, &[])), &["`resources[0].scopes[0].name`"]);
}

#[test]
fn refuses_scopes_that_nobody_could_ask_for() {
    let scopes = ", scopes: [{name: 'a b'}, {name: offline_access}, {name: x}, {name: x}]";

    let found = problems(load(&resources(&[entry("a", "https://a.example", scopes)]), &[]));

    assert_eq!(found.len(), 3, "{found:#?}");
    assert_says(&found[0], &["`resources[0].scopes[0].name`"]);
    assert_says(&found[1], &["`resources[0].scopes[1].name`", "offline_access"]);
    assert_says(&found[2], &["`resources[0].scopes[3].name`"]);
}

#[test]
fn broker_resources_are_not_built() {
    let yaml = resources(&[entry("a", "https://a.example", "")]).replace("mint", "broker");

    assert_says(&problem(load(&yaml, &[])), &["`resources[0].backend_kind`", "not built yet"]);
}

#[test]
fn a_providers_entry_never_shows_what_it_holds() {
    for entry in [
        "'hunter2'",
        "[hunter2]",
        "[{slug: a, display_name: A, protocol: oauth, config_data: hunter2}]",
        "[{slug: hunter2, config_data: {client_secret: hunter2}}]",
    ] {
        let text = problem(load_complete(&format!("broker_providers: {entry}"), &[]));

        assert_says(&text, &["`broker_providers", "a list of providers"]);
        assert!(!text.contains("hunter2"), "{text}");
    }
}
