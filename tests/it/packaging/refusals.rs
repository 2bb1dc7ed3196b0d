//! What cannot work is refused before it is installed, with what to do instead.

use super::tools::{BARE, chart, named, rendered, settings};

#[track_caller]
fn refused(values: &[&str], says: &[&str]) {
    let refusal = rendered(values).expect_err("the chart takes it");
    for words in says {
        assert!(refusal.contains(words), "{words} is not in: {refusal}");
    }
}

#[test]
fn several_replicas_need_a_database_and_a_volume_for_several() {
    let with = |values: &[&'static str]| [&BARE, values].concat();
    let sqlite = r#"storage={"driver":"sqlite"}"#;
    let shared = r#"data={"accessMode":"ReadWriteMany"}"#;
    let says = ["sqlite serves one process", "storage.driver to postgres"];
    refused(&with(&[sqlite, shared, "replicaCount=2"]), &says);
    refused(&with(&[sqlite, shared, r#"autoscaling={"enabled":true}"#]), &says);
    let files = r#"keyStore="keyfile""#;
    let says = ["ReadWriteOnce", "keyStore to database", "data.accessMode to ReadWriteMany"];
    refused(&with(&[files]), &says);
    refused(&with(&[files, r#"autoscaling={"enabled":true}"#, "replicaCount=1"]), &says);
    refused(
        &with(&[r#"autoscaling={"enabled":true,"minReplicas":9}"#]),
        &["autoscaling.minReplicas"],
    );
}

#[test]
fn what_has_no_default_is_asked_for() {
    refused(&BARE[1..], &["issuer is not set", "https://auth.example.com"]);
    let secrets = [
        "existingSecret is not set",
        "session-secret",
        "admin-api-key",
        "postgres-dsn",
        "master-key",
    ];
    refused(&BARE[..1], &secrets);
}

#[test]
fn a_value_that_is_none_is_refused() {
    for (value, names) in [
        ("replicas=3", "replicas"),
        (r#"storage={"driver":"mysql"}"#, "driver"),
        (r#"service={"type":"ExternalName"}"#, "type"),
        (r#"admin={"service":{"type":"LoadBalancer"}}"#, "service"),
        (r#"image={"digest":"sha256:abc"}"#, "digest"),
        (r#"shutdown={"waitSeconds":0}"#, "waitSeconds"),
    ] {
        refused(&[&BARE[..], &[value]].concat(), &[names]);
    }
}

/// `config` with one key that is set.
fn config(key: &str) -> String {
    let nested =
        key.rsplit('.').fold(r#""x""#.to_owned(), |inner, name| format!(r#"{{"{name}":{inner}}}"#));
    format!("config={nested}")
}

#[test]
fn no_secret_can_be_a_value() {
    let secrets: Vec<_> = settings().into_iter().filter(|it| it.is_secret).collect();
    assert!(secrets.len() >= 9, "{secrets:?}");
    for secret in secrets {
        let refusal = rendered(&[&BARE[..], &[&config(&secret.key)]].concat());
        let refusal = refusal.expect_err(&secret.key);
        assert!(refusal.contains(&format!("config.{} is a secret", secret.key)), "{refusal}");
    }
}

#[test]
fn what_the_chart_sets_itself_cannot_be_set_against_it() {
    let keys = ["server.issuer", "signing.key_path", "admin.address", "data_encryption.driver"];
    for key in keys {
        let config = config(key);
        refused(&[&BARE[..], &[&config]].concat(), &[key, "set by the chart"]);
    }
    let beside = chart(&[r#"config={"server":{"max_connections":100}}"#]);
    let text = named(&beside, "ConfigMap", "it-authserver")["data"]["config.yaml"].to_string();
    assert!(text.contains("max_connections: 100") && text.contains("address: :9000"), "{text}");
}
