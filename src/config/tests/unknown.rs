//! Keys nobody knows.

use super::{assert_says, load, problem, problems};

#[test]
fn refuses_an_unknown_key_at_any_depth() {
    for (yaml, key, meant) in [
        ("sever: {issuer: 'http://localhost'}", "`sever`", "`server`"),
        ("server: {isuer: 'http://localhost'}", "`server.isuer`", "`server.issuer`"),
        ("server: {readTimeout: 5s}", "`server.readTimeout`", "`server.read_timeout`"),
        ("storage: {sqlite: {pth: x}}", "`storage.sqlite.pth`", "`storage.sqlite.path`"),
        (
            "observability: {logging: {outputs: {stdot: true}}}",
            "`observability.logging.outputs.stdot`",
            "`observability.logging.outputs.stdout`",
        ),
        ("issuer: http://localhost", "`issuer`", "`server.issuer`"),
        ("server: {key_path: x}", "`server.key_path`", "`signing.key_path`"),
    ] {
        let text = problem(load(yaml, &[]));

        assert_says(&text, &[key, "is not a setting", "did you mean", meant]);
    }
}

#[test]
fn refuses_a_key_that_resembles_nothing() {
    let text = problem(load("completely_unrelated_words: 1", &[]));

    assert_says(&text, &["`completely_unrelated_words`", "remove it"]);
}

#[test]
fn keys_are_not_written_with_dots() {
    let text = problem(load("server.issuer: http://localhost", &[]));

    assert_says(&text, &["`server.issuer`", "nested"]);
}

#[test]
fn keys_are_lower_case() {
    assert_says(&problem(load("Server: {}", &[])), &["`Server`", "`server`"]);
}

#[test]
fn refuses_a_plain_value_where_a_section_belongs_and_the_reverse() {
    assert_says(&problem(load("server: 9000", &[])), &["`server`", "section", "the-file.yaml"]);
    let text = problem(load("dcr: {mode: {open: true}}", &[]));
    assert_says(&text, &["`dcr.mode`", "is a section", "expected `open` or"]);
}

#[test]
fn reports_everything_at_once() {
    let yaml = "
server: {issuer: 'https://as.example', isuer: x, read_timeout: soon}
dcr: {mode: closed}
xaa: {enabled: true}
session: {secret: '${GONE}'}
oauth: {code_expiry: 11m}
";
    let found = problems(load(yaml, &[("AUTHPLANE_NOPE_NOPE_NOPE", "1")]));

    for key in [
        "server.isuer",
        "server.read_timeout",
        "dcr.mode",
        "xaa.enabled",
        "session.secret",
        "oauth.code_expiry",
        "AUTHPLANE_NOPE_NOPE_NOPE",
        "admin.api_key",
    ] {
        assert!(found.iter().any(|text| text.contains(key)), "no {key} in {found:#?}");
    }
    assert_eq!(found.len(), 8, "{found:#?}");
}

#[test]
fn the_whole_message_counts_the_problems() {
    let one = load("a: 1", &[]).expect_err("a problem").to_string();
    let two = load("a: 1\nb: 2", &[]).expect_err("problems").to_string();

    assert!(one.starts_with("the configuration has a problem"), "{one}");
    assert!(two.starts_with("the configuration has 2 problems"), "{two}");
    assert_eq!(two.lines().count(), 3);
}
