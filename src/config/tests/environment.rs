//! Variables over the file.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{assert_says, good, load, load_complete, problem, variables};
use crate::config::section::{Section as _, Setting};
use crate::config::source::Gathered;
use crate::config::{Config, DcrMode, ScopeName, reader::Reader};

/// Some value of the setting's type that is not its default.
fn another_value(setting: &Setting) -> String {
    let words = || setting.kind.split('`').filter(|word| !word.is_empty() && *word != " or ");
    let fixed = match setting.kind.as_str() {
        "issuer URL" => "https://other.example.com",
        "address" => "127.0.0.1:7777",
        "duration" => "77s",
        "number" => "7",
        "fraction" => "0.5",
        "rate" => "7/h",
        "text" => "other",
        "name of a variable" => "OTHER",
        "path" => "/other/path",
        "secret" => "some-secret-of-more-than-thirty-two-bytes",
        "secret `user:password`" => "user:password",
        "URL" | "URI" | "list of URIs" => "https://other.example.com/x",
        "list of origins" => "https://other.example.com",
        "list of CIDRs" => "10.0.0.0/8",
        "list of scopes" => "openid,other",
        "list of resources" => {
            r#"[{"slug":"a","uri":"https://a.example","backend_kind":"mint","display_name":"A"}]"#
        }
        "list of providers" => {
            r#"[{"slug":"a","display_name":"A","protocol":"oauth","config_data":{}}]"#
        }
        _ => {
            return words()
                .find(|word| *word != declared_default(setting))
                .expect("a choice")
                .to_owned();
        }
    };
    fixed.to_owned()
}

/// The table shows what is in effect; switches of what is not built yet are declared on.
fn declared_default(setting: &Setting) -> String {
    let complete = good(load_complete("", &[])).effective_masked();
    let value = complete.pointer(&pointer(setting)).expect("every setting is shown");
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn pointer(setting: &Setting) -> String {
    format!("/{}", setting.key.replace('.', "/"))
}

/// Reads without checking what belongs together.
fn read(pairs: &[(&str, &str)]) -> Value {
    let mut gathered = Gathered::default();
    gathered.take_environment(&Config::table(), &variables(pairs));
    let mut reader = Reader::new(gathered.given, gathered.errors, &[]);
    let config = Config::read(&mut reader).expect("readable defaults");
    let errors = reader.into_errors();
    assert!(errors.is_empty(), "{errors:?}");
    config.show()
}

#[test]
fn every_setting_has_a_variable_that_takes_effect() {
    let before = read(&[]);
    for setting in Config::table() {
        let after = read(&[(&setting.variable, &another_value(&setting))]);

        let place = pointer(&setting);
        assert_ne!(before.pointer(&place), after.pointer(&place), "{}", setting.variable);
        let mut rest = after.clone();
        *rest.pointer_mut(&place).expect("shown") = before.pointer(&place).expect("shown").clone();
        assert_eq!(rest, before, "{} changes nothing else", setting.variable);
    }
}

#[test]
fn no_two_settings_share_a_variable() {
    let table = Config::table();
    let names: BTreeSet<&str> = table.iter().map(|setting| setting.variable.as_str()).collect();

    assert_eq!(names.len(), table.len());
}

#[test]
fn variables_are_named_by_the_rule_and_its_exceptions() {
    let name = |key: &str| {
        let table = Config::table();
        table.into_iter().find(|setting| setting.key == key).expect("a setting").variable
    };

    assert_eq!(name("server.issuer"), "AUTHPLANE_SERVER_ISSUER");
    assert_eq!(name("storage.sqlite.path"), "AUTHPLANE_STORAGE_SQLITE_PATH");
    assert_eq!(name("client_secret_pepper"), "AUTHPLANE_CLIENT_SECRET_PEPPER");
    assert_eq!(name("rate_limit.requests_per_second"), "AUTHPLANE_RATE_LIMIT_RPS");
    assert_eq!(name("signing.vault_transit.address"), "AUTHPLANE_VAULT_ADDR");
    assert_eq!(name("signing.vault_transit.token"), "AUTHPLANE_VAULT_TOKEN");
    assert_eq!(
        name("signing.vault_transit.approle.secret_id"),
        "AUTHPLANE_VAULT_APPROLE_SECRET_ID"
    );
}

#[test]
fn a_variable_beats_the_file() {
    let config = good(load("dcr: {mode: open}", &[("AUTHPLANE_DCR_MODE", "admin_only")]));

    assert_eq!(config.dcr.mode, DcrMode::AdminOnly);
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let config = good(load("dcr: {mode: admin_only}", &[("AUTHPLANE_DCR_MODE", "")]));

    assert_eq!(config.dcr.mode, DcrMode::AdminOnly);
}

#[test]
fn lists_are_separated_by_commas_and_scopes_by_spaces_too() {
    let origins = ("AUTHPLANE_SERVER_ALLOWED_ORIGINS", "https://a.example, https://b.example,");
    let scopes = ("AUTHPLANE_OAUTH_DEFAULT_CLIENT_SCOPE", "read write,admin");

    let config = good(load("", &[origins, scopes]));

    assert_eq!(config.server.allowed_origins.len(), 2);
    let scopes: Vec<&str> =
        config.oauth.default_client_scope.iter().map(ScopeName::as_str).collect();
    assert_eq!(scopes, ["read", "write", "admin"]);
}

#[test]
fn a_problem_names_the_variable_it_came_from() {
    let text = problem(load("dcr: {mode: open}", &[("AUTHPLANE_DCR_MODE", "closed")]));

    assert_says(&text, &["`dcr.mode`", "AUTHPLANE_DCR_MODE", "\"closed\"", "`admin_only`"]);
}

#[test]
fn other_programs_variables_are_left_alone() {
    good(load("", &[("PATH", "/bin"), ("AUTHPLANEX", "1"), ("OTHER_SERVER_ISSUER", "x")]));
    good(load("", &[("AUTHPLANE_CONFIG", "/etc/config.yaml")]));
}

#[test]
fn refuses_an_unknown_variable_and_says_what_was_meant() {
    let text = problem(load("", &[("AUTHPLANE_SERVER_ISUER", "https://a.example")]));
    assert_says(&text, &["AUTHPLANE_SERVER_ISUER", "did you mean `AUTHPLANE_SERVER_ISSUER`?"]);

    let text = problem(load("", &[("AUTHPLANE_RATE_LIMIT_REQUESTS_PER_SECOND", "5")]));
    assert_says(&text, &["did you mean `AUTHPLANE_RATE_LIMIT_RPS`?"]);

    let text = problem(load("", &[("AUTHPLANE_SOMETHING_ELSE_ALTOGETHER", "5")]));
    assert_says(&text, &["AUTHPLANE_SOMETHING_ELSE_ALTOGETHER", "remove it"]);
}

#[test]
fn secrets_of_providers_may_live_under_the_vault_prefix() {
    good(load("", &[("AUTHPLANE_VAULT_GITHUB_CLIENT_SECRET", "x")]));

    let text = problem(load("", &[("AUTHPLANE_VAULT_TOKN", "x")]));
    assert_says(&text, &["AUTHPLANE_VAULT_TOKN", "did you mean `AUTHPLANE_VAULT_TOKEN`?"]);
}

#[test]
fn a_variable_the_file_refers_to_is_not_unknown() {
    let yaml = "signing: {key_path: '${AUTHPLANE_MY_OWN}/keys'}";

    let config = good(load(yaml, &[("AUTHPLANE_MY_OWN", "/srv")]));

    assert_eq!(config.signing.key_path.to_str(), Some("/srv/keys"));
}

#[test]
fn addresses_that_kubernetes_adds_for_a_service_do_no_harm() {
    good(load(
        "",
        &[
            ("AUTHPLANE_SERVICE_HOST", "10.0.0.1"),
            ("AUTHPLANE_SERVICE_PORT", "9000"),
            ("AUTHPLANE_SERVICE_PORT_HTTP", "9000"),
            ("AUTHPLANE_PORT", "tcp://10.0.0.1:9000"),
            ("AUTHPLANE_PORT_9000_TCP", "tcp://10.0.0.1:9000"),
            ("AUTHPLANE_PORT_9000_TCP_PROTO", "tcp"),
            ("AUTHPLANE_PORT_9000_TCP_PORT", "9000"),
            ("AUTHPLANE_ADMIN_PORT_9001_TCP_ADDR", "10.0.0.1"),
        ],
    ));
    problem(load("", &[("AUTHPLANE_PORT", "9000")]));
}
