//! Secrets are not for reading.

use super::{good, load, load_complete, problems};
use crate::config::Config;

/// Long enough for every rule, and found in nothing else.
const PLANTED: &str = "hunter2-hunter2-hunter2-hunter2-hunter2";

/// A good value with the planted text in it, for each kind of secret.
fn planted(key: &str) -> String {
    match key {
        "storage.postgres.dsn" => format!("postgres://u:{PLANTED}@db/authserver"),
        "observability.metrics.basic_auth" => format!("user:{PLANTED}"),
        "broker_providers" => format!(
            r#"[{{"slug":"a","display_name":"A","protocol":"oauth","config_data":{{"client_secret":"{PLANTED}"}}}}]"#
        ),
        _ => PLANTED.to_owned(),
    }
}

#[test]
fn no_secret_shows_in_debug_or_in_the_effective_configuration() {
    let table = Config::table();
    let mut pairs: Vec<(&str, String)> = table
        .iter()
        .filter(|setting| setting.secret)
        .map(|setting| (setting.variable.as_str(), planted(setting.key)))
        .collect();
    pairs.push(("AUTHPLANE_STORAGE_DRIVER", "postgres".to_owned()));
    let pairs: Vec<(&str, &str)> =
        pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();

    let config = good(load_complete("", &pairs));

    let shown = config.effective_masked().to_string();
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!format!("{config:?}{config:#?}").contains("hunter2"));
    assert_eq!(config.session.secret.expect("given").expose(), PLANTED);
}

#[test]
fn the_effective_configuration_tells_set_from_unset() {
    let shown = good(load("", &[("AUTHPLANE_SESSION_SECRET", PLANTED)])).effective_masked();

    assert_eq!(shown["session"]["secret"], "***");
    assert!(shown["admin"]["api_key"].is_null());
    assert_eq!(shown["server"]["issuer"], "http://localhost:9000");
    assert_eq!(shown["dcr"]["default_refresh_expiry"], "7d");
    assert_eq!(shown["observability"]["logging"]["outputs"]["stdout"], true);
}

#[test]
fn no_secret_shows_in_a_problem() {
    for setting in Config::table().iter().filter(|setting| setting.secret) {
        let (parents, leaf) = setting.key.rsplit_once('.').unwrap_or(("", setting.key));
        let depth = if parents.is_empty() { 0 } else { parents.split('.').count() };
        let mut yaml = String::new();
        for (level, parent) in parents.split('.').filter(|name| !name.is_empty()).enumerate() {
            yaml.push_str(&format!("{}{parent}:\n", "  ".repeat(level)));
        }
        // Neither a list, nor a mapping, nor a short text is a good value of any secret.
        for value in ["[hunter2]", "{hunter2: hunter2}", "hunter2"] {
            let yaml = format!("{yaml}{}{leaf}: {value}\n", "  ".repeat(depth));
            let result = load_complete(&yaml, &[]);

            let said = result.as_ref().err().map(|errors| format!("{errors} {errors:?}"));
            assert!(!said.unwrap_or_default().contains("hunter2"), "{}", setting.key);
        }
    }
}

#[test]
fn a_number_in_place_of_a_secret_is_not_repeated() {
    let text = problems(load("session: {secret: 123456789}", &[])).join("\n");

    assert!(text.contains("quotes") && !text.contains("123456789"), "{text}");
}

#[test]
fn credentials_in_an_url_are_not_repeated() {
    for yaml in [
        "server: {issuer: 'https://user:hunter2@as.example'}",
        "dcr: {mode: 'postgres://u:hunter2@db'}",
    ] {
        let text = problems(load(yaml, &[])).join("\n");

        assert!(text.contains("://***@") && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn no_value_shows_when_its_key_is_unknown() {
    let text =
        problems(load("session: {secrt: hunter2}", &[("AUTHPLANE_SESION_SECRET", "hunter2")]));

    assert_eq!(text.len(), 2);
    assert!(!text.join("\n").contains("hunter2"));
}
