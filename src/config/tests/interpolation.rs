//! `${NAME}` in the file.

use super::{assert_says, good, load, problem, problems};

#[test]
fn a_reference_is_replaced_inside_the_text() {
    let yaml = "server: {issuer: 'https://${HOST}/${TENANT}'}\nadmin: {enabled: '${ADMIN}'}\nsession: {secret: '${S}'}";
    let secret = "s".repeat(32);
    let pairs = [("HOST", "a.example"), ("TENANT", "t"), ("ADMIN", "false"), ("S", &secret)];

    let config = good(load(yaml, &pairs));

    assert_eq!(config.server.issuer.as_str(), "https://a.example/t");
    assert!(!config.admin.enabled);
}

#[test]
fn what_a_variable_holds_is_not_replaced_again() {
    let config = good(load("signing: {key_path: '${A}'}", &[("A", "${B}$${C}")]));

    assert_eq!(config.signing.key_path.to_str(), Some("${B}$${C}"));
}

#[test]
fn a_doubled_dollar_is_literal() {
    let config = good(load("signing: {key_path: 'a$${B}$c${D}$'}", &[("D", "d")]));

    assert_eq!(config.signing.key_path.to_str(), Some("a${B}$cd$"));
}

#[test]
fn refuses_a_reference_to_what_nobody_set() {
    let text = problem(load("session: {secret: '${SESSION_SECRET}'}", &[]));

    assert_says(&text, &["`session.secret`", "${SESSION_SECRET}", "not set", "set SESSION_SECRET"]);
}

#[test]
fn refuses_it_inside_lists_and_even_when_a_variable_overrides_the_key() {
    let yaml = "server: {allowed_origins: ['https://a.example', 'https://${GONE}']}";
    let pairs = [("AUTHPLANE_SERVER_ALLOWED_ORIGINS", "https://b.example")];

    assert_says(&problem(load(yaml, &pairs)), &["`server.allowed_origins[1]`", "${GONE}"]);
}

#[test]
fn refuses_every_missing_variable_at_once() {
    let yaml = "signing: {key_path: '${A}/${B}'}\nstorage: {sqlite: {path: '${C}'}}";

    assert_eq!(problems(load(yaml, &[])).len(), 3);
}

#[test]
fn refuses_what_only_looks_like_a_reference() {
    for value in ["${}", "${A", "${A:-b}", "${1A}", "x${a b}"] {
        let yaml = format!("signing: {{key_path: '{value}'}}");

        let text = problem(load(&yaml, &[("A", "a")]));

        assert_says(&text, &["`signing.key_path`", "not a reference of the form ${NAME}", "`$${`"]);
    }
}

#[test]
fn a_key_whose_reference_failed_is_not_also_said_to_be_missing() {
    let yaml = "server: {issuer: https://a.example}\nadmin: {enabled: false}\nsession: {secret: '${GONE}'}";

    assert_says(&problem(load(yaml, &[])), &["${GONE}"]);
}
