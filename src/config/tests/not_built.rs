//! Settings for what this version does not do.

use super::{assert_says, good, load, load_complete, problem, problems};
use crate::config::availability::{ROWS, note};
use crate::config::{Config, MetricsProvider};

#[test]
fn what_is_not_built_reads_as_off() {
    let config = good(load("", &[]));

    assert!(!config.cimd.enabled);
    assert!(!config.oidc.enabled);
    assert!(config.dpop.enabled);
    assert!(!config.xaa.enabled);
    assert!(!config.agents.enable_jwks_listing);
    assert!(!config.observability.tracing.enabled);
    assert!(config.data_encryption.driver.is_none());
    assert!(config.client_credentials.enabled && config.token_exchange.enabled);
    assert!(config.admin.enabled);
}

#[test]
fn once_built_the_declared_default_counts() {
    let config = good(load_complete("", &[]));

    assert!(config.cimd.enabled && config.rate_limit.enabled && config.dpop.enabled);
    assert!(config.token_exchange.enabled && config.xaa.enabled);
    assert!(!config.oidc.enabled && !config.observability.tracing.enabled);
}

#[test]
fn asking_for_it_refuses_to_start() {
    for (yaml, key, feature) in [
        ("cimd: {enabled: true}", "cimd.enabled", "metadata documents"),
        ("oidc: {issuer: 'https://idp.example'}", "oidc.issuer", "upstream provider"),
        ("xaa: {subject_mode: strict}", "xaa.subject_mode", "identity assertions"),
        ("connect: {state_secret: x}", "connect.state_secret", "connecting accounts"),
        ("data_encryption: {driver: vault_transit_encrypt}", "data_encryption.driver", "Vault"),
        ("signing: {key_store: vault_transit}", "signing.key_store", "Vault"),
        ("signing: {vault_transit: {mount: x}}", "signing.vault_transit.mount", "Vault"),
        ("observability: {metrics: {provider: both}}", "observability.metrics.provider", "metrics"),
        (
            "observability: {tracing: {sample_rate: 0.5}}",
            "observability.tracing.sample_rate",
            "tracing",
        ),
    ] {
        let text = problems(load(yaml, &[])).remove(0);

        let key = format!("`{key}` in the-file.yaml");
        assert_says(&text, &[&key, feature, "is not built yet; remove it"]);
    }
}

#[test]
fn a_variable_asks_too() {
    let text = problem(load("", &[("AUTHPLANE_XAA_ENABLED", "true")]));

    assert_says(&text, &["`xaa.enabled`", "AUTHPLANE_XAA_ENABLED", "not built yet"]);
}

#[test]
fn switching_it_off_or_repeating_the_default_is_fine() {
    let yaml = "
cimd: {enabled: false, require_https: true}
oidc: {enabled: false, scopes: 'openid profile email'}
xaa: {enabled: false}
connect: {allowed_return_urls: []}
data_encryption: {driver: ''}
signing: {key_store: keyfile, rotation_interval: 720h}
observability: {tracing: {enabled: false}, logging: {outputs: {otel: false}}}
broker_providers: []
";
    let config = good(load(yaml, &[]));

    assert!(!config.xaa.enabled);
}

#[test]
fn what_is_built_is_not_refused() {
    let yaml = "
rate_limit: {enabled: true, requests_per_second: 5, burst: 9, auth_fail_max: 0}
admin: {requests_per_second: 5, burst: 9, allowed_hosts: [admin.internal]}
server: {read_timeout: 5s, trusted_proxies: [10.0.0.0/8], shutdown_wait: 1s, allowed_origins: ['https://a.example']}
signing: {algorithm: EdDSA, key_path: /tmp/keys, rotation_interval: 7d}
dcr: {mode: admin_only, unused_client_ttl: 5d, rate_limit: 1/s, rate_limit_burst: 2, default_refresh_expiry: 1d}
session: {max_age: 1h, fail_closed: false}
retention: {audit: '', issuances: 1d}
oauth: {require_scope: true, refresh_grace: 0s}
client_credentials: {token_expiry: 5m}
token_exchange: {enabled: false, max_chain_depth: 3, token_expiry: 5m, allow_self_exchange: true}
dpop: {enabled: true, proof_lifetime: 1m, require_nonce: true, nonce_ttl: 30s}
observability:
  logging: {level: debug, format: text}
  metrics: {provider: none, path: /m, basic_auth: 'user:pass'}
";
    let config = good(load(yaml, &[]));

    assert_eq!(config.observability.metrics.provider, MetricsProvider::None);
    let auth = config.observability.metrics.basic_auth.expect("given");
    assert_eq!((auth.username.as_str(), auth.password.expose()), ("user", "pass"));
}

#[test]
fn broker_providers_are_not_built() {
    let entry = r#"[{"slug":"a","display_name":"A","protocol":"oauth","config_data":{"client_secret":"hunter2"}}]"#;

    let text = problem(load("", &[("AUTHPLANE_BROKER_PROVIDERS", entry)]));

    assert_says(&text, &["`broker_providers`", "not built yet"]);
    assert!(!text.contains("hunter2"));
}

#[test]
fn every_row_is_about_a_setting() {
    let noted = Config::table().iter().filter(|setting| note(setting.key).is_some()).count();

    assert!(noted >= ROWS.len(), "{noted} settings for {} rows", ROWS.len());
}
