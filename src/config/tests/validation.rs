//! What belongs together.

use super::{assert_says, good, load, load_complete, problem, problems};
use crate::config::{Config, validate};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// An issuer off localhost with the secrets that needs.
fn exposed(rest: &str) -> String {
    format!(
        "server: {{issuer: 'https://as.example'}}\nsession: {{secret: {SECRET}x}}\nadmin: {{api_key: {SECRET}x}}\n{rest}"
    )
}

#[test]
fn off_localhost_secrets_are_required() {
    good(load(&exposed(""), &[]));

    let found = problems(load("server: {issuer: 'https://as.example'}", &[]));

    assert_eq!(found.len(), 2, "{found:#?}");
    assert_says(&found[0], &["`session.secret`", "AUTHPLANE_SESSION_SECRET", "openssl rand"]);
    assert_says(&found[1], &["`admin.api_key`", "AUTHPLANE_ADMIN_API_KEY"]);
}

#[test]
fn without_the_admin_listener_it_needs_no_key() {
    let yaml = "server: {issuer: 'https://as.example'}\nadmin: {enabled: false}";

    let config = good(load(yaml, &[("AUTHPLANE_SESSION_SECRET", SECRET)]));

    assert!(config.admin.api_key.is_none());
    assert!(config.session_cookie_secure());
}

#[test]
fn short_secrets_are_refused_on_localhost_too() {
    for (variable, key, least) in [
        ("AUTHPLANE_SESSION_SECRET", "`session.secret`", 32),
        ("AUTHPLANE_ADMIN_API_KEY", "`admin.api_key`", 16),
        ("AUTHPLANE_CLIENT_SECRET_PEPPER", "`client_secret_pepper`", 32),
        ("AUTHPLANE_CONNECT_STATE_SECRET", "`connect.state_secret`", 32),
    ] {
        let (short, enough) = ("s".repeat(least - 1), "s".repeat(least));

        good(load_complete("", &[(variable, &enough)]));
        let text = problem(load_complete("", &[(variable, &short)]));

        assert_says(&text, &[key, &format!("has {} bytes, at least {least}", least - 1)]);
    }
}

/// Nothing but the key itself stops who guesses it: a right one is never locked out.
#[test]
fn a_root_key_that_can_be_guessed_is_warned_of_and_one_of_random_bytes_is_not() {
    let warnings = |key: &str| good(load("", &[("AUTHPLANE_ADMIN_API_KEY", key)])).warnings();
    for (guessable, says) in [
        ("correct-horse-battery", "has 21 bytes only"),
        (&"s".repeat(64), "few different characters"),
        (&"12345".repeat(20), "few different characters"),
    ] {
        let [warning] = warnings(guessable).try_into().expect("one warning");
        assert_says(&warning, &["`admin.api_key`", says, "guess", "openssl rand"]);
        assert!(!warning.contains(guessable), "{warning}");
    }
    for random in
        [SECRET, "8f5b7c1e93a04d62b1e7c05f2a9d3846", "G0yK0vK2Jt2r9hQf3zC2W1o0v3rXk3yFq8Z3lqB0n5o="]
    {
        assert_eq!(warnings(random), [""; 0]);
    }
    assert_eq!(good(load("", &[])).warnings(), [""; 0], "one is made");
    let off = good(load("admin: {enabled: false, api_key: aaaaaaaaaaaaaaaaaaaa}", &[]));
    assert_eq!(off.warnings(), [""; 0], "there is nowhere to present it");
}

#[test]
fn bounds_hold_at_their_edges() {
    for (key, good_values, bad_values) in [
        ("AUTHPLANE_OAUTH_CODE_EXPIRY", ["1s", "10m"], ["0s", "601s"]),
        ("AUTHPLANE_OAUTH_REFRESH_GRACE", ["0s", "5m"], ["301s", "1h"]),
        ("AUTHPLANE_DPOP_PROOF_LIFETIME", ["10s", "300s"], ["9s", "301s"]),
        ("AUTHPLANE_TOKEN_EXCHANGE_MAX_CHAIN_DEPTH", ["1", "10"], ["0", "11"]),
        ("AUTHPLANE_STORAGE_MAX_CONNS", ["1", "10000"], ["0", "10001"]),
        ("AUTHPLANE_CIMD_FETCH_TIMEOUT", ["1ms", "10s"], ["0s", "11s"]),
    ] {
        for value in good_values {
            good(load_complete("", &[(key, value)]));
        }
        for value in bad_values {
            assert_says(&problem(load_complete("", &[(key, value)])), &[". Set "]);
        }
    }
}

#[test]
fn nothing_that_has_to_take_time_may_take_none() {
    let may_be_nothing = [
        "oauth.refresh_grace",
        "server.shutdown_wait",
        "dcr.unused_client_ttl",
        "admin.audit_max_lookback",
        "retention.issuances",
        "retention.ended",
    ];
    for setting in Config::table() {
        if setting.kind != "duration" || may_be_nothing.contains(&setting.key) {
            continue;
        }
        let text = problem(load_complete("", &[(&setting.variable, "0s")]));
        assert_says(&text, &[setting.key, "is 0s"]);
    }
}

#[test]
fn the_two_listeners_need_two_addresses() {
    let text = problem(load("admin: {address: ':9000'}", &[]));
    assert_says(&text, &["`admin.address`", "different ports"]);
    problem(load("admin: {address: '127.0.0.1:9000'}", &[]));

    good(load("admin: {address: ':9000', enabled: false}", &[]));
    good(load("server: {address: '127.0.0.1:9000'}\nadmin: {address: '127.0.0.2:9000'}", &[]));
    good(load("server: {address: ':0'}\nadmin: {address: ':0'}", &[]));
}

#[test]
fn postgres_needs_a_dsn_and_a_dsn_needs_postgres() {
    let dsn = ("AUTHPLANE_STORAGE_POSTGRES_DSN", "postgres://u:hunter2@db/authserver");
    let driver = ("AUTHPLANE_STORAGE_DRIVER", "postgres");

    good(load("", &[dsn, driver]));
    assert_says(&problem(load("", &[driver])), &["`storage.postgres.dsn`", "postgres://"]);
    let text = problem(load("", &[dsn]));
    assert_says(&text, &["`storage.postgres.dsn`", "nothing to PostgreSQL"]);
    assert!(!text.contains("hunter2"));
    let text = problem(load("", &[driver, (dsn.0, "host=db password=hunter2")]));
    assert_says(&text, &["not a postgres:// URL"]);
    assert!(!text.contains("hunter2"));
}

#[test]
fn lowering_only_the_maximum_of_connections_is_no_contradiction() {
    assert_eq!(good(load("storage: {max_conns: 2}", &[])).storage.min_conns, 2);

    let text = problem(load("storage: {max_conns: 2, min_conns: 3}", &[]));
    assert_says(&text, &["`storage.min_conns` is 3, more than storage.max_conns (2)"]);
}

#[test]
fn the_memory_for_counters_is_bounded() {
    for (count, is_good) in [(0, false), (1, true), (10_000_000, true), (10_000_001, false)] {
        let loaded = load(&format!("rate_limit: {{max_tracked_identities: {count}}}"), &[]);
        if is_good {
            good(loaded);
        } else {
            let says = ["`rate_limit.max_tracked_identities`", "Set 1 to 10000000"];
            assert_says(&problem(loaded), &says);
        }
    }
}

#[test]
fn a_host_that_no_request_can_name_is_refused() {
    let with =
        |host: &str| load(&format!("admin: {{allowed_hosts: [ok.internal, '{host}']}}"), &[]);
    for host in ["https://a.example", "a.example:9001", "a.example/", "*.example", "a.example."] {
        assert_says(&problem(with(host)), &["`admin.allowed_hosts`", "Write the name alone"]);
    }
    for host in ["a.example", "admin", "a_b.ns.svc", "10.0.0.1", "::1"] {
        good(with(host));
    }
}

#[test]
fn a_burst_without_a_rate_is_pointed_out() {
    let text = problem(load("admin: {burst: 10}", &[]));
    assert_says(&text, &["`admin.burst`", "Set admin.requests_per_second too"]);
    good(load("admin: {burst: 10, requests_per_second: 5}", &[]));
}

#[test]
fn certificate_and_key_go_together() {
    let with = |tls: &str| {
        let yaml = format!("server: {{issuer: 'https://localhost:9000', tls: {{{tls}}}}}");
        load_complete(&yaml, &[])
    };
    good(with("cert: a.pem, key: a.key"));

    let text = problem(with("cert: a.pem"));
    assert_says(&text, &["`server.tls.cert`", "Set server.tls.key too"]);
    let text = problem(with("key: a.key"));
    assert_says(&text, &["Set server.tls.cert too"]);
    let text = problem(load_complete("server: {tls: {cert: a.pem, key: a.key}}", &[]));
    assert_says(&text, &["`server.issuer` is http", "Use an https issuer"]);
}

#[test]
fn documents_are_fetched_unprotected_only_on_localhost() {
    let relaxed = "cimd: {require_https: false, allow_private_addresses: true}";

    good(load_complete(relaxed, &[]));
    let found = problems(load_complete(&exposed(relaxed), &[]));

    assert_eq!(found.len(), 2);
    assert_says(&found[0], &["`cimd.require_https`", "not localhost"]);
    assert_says(&found[1], &["`cimd.allow_private_addresses`", "not localhost"]);
}

#[test]
fn approving_redirects_needs_some() {
    let text = problem(load("dcr: {mode: approved_redirects}", &[]));

    assert_says(&text, &["`dcr.approved_redirects`", "admin_only"]);
    good(load("dcr: {mode: approved_redirects, approved_redirects: ['http://localhost/cb']}", &[]));
}

#[test]
fn the_cookie_is_one_that_browsers_keep() {
    let refused = |session: &str| problem(load(&format!("session: {session}"), &[]));

    assert_says(&refused("{cookie_name: 'a b'}"), &["`session.cookie_name`"]);
    assert_says(&refused("{cookie_name: __Host-s}"), &["`session.cookie_name`", "not secure"]);
    assert_says(&refused("{same_site: none}"), &["`session.same_site`"]);
    assert_says(
        &refused("{same_site: strict}"),
        &["`session.same_site`", "Clients on other sites"],
    );
    good(load("session: {same_site: none, secure: true, cookie_name: __Host-s}", &[]));
    let yaml = exposed("").replace("session: {", "session: {secure: false, ");
    assert_says(&problem(load(&yaml, &[])), &["`session.secure`", "plain http"]);
}

#[test]
fn a_rule_is_silent_when_what_it_looks_at_did_not_read() {
    let dsn = ("AUTHPLANE_STORAGE_POSTGRES_DSN", "postgres://db/authserver");

    let text = problem(load("storage: {driver: postgress}", &[dsn]));

    assert_says(&text, &["`storage.driver`"]);
}

#[test]
fn a_provider_to_sign_in_with_is_described_completely() {
    let found = problems(load_complete("oidc: {enabled: true, scopes: [email]}", &[]));
    assert_eq!(found.len(), 3, "{found:#?}");

    good(load_complete("oidc: {enabled: true, issuer: 'https://idp.example', client_id: a}", &[]));
    let text = problem(load_complete("oidc: {client_secret: a, client_secret_ref: B}", &[]));
    assert_says(&text, &["`oidc.client_secret`", "Remove one"]);
}

#[test]
fn vault_is_described_completely() {
    let found = |yaml: &str| problems(load_complete(yaml, &[]));

    assert_eq!(found("data_encryption: {driver: vault_transit_encrypt}").len(), 3);
    assert_eq!(found("signing: {key_store: vault_transit}").len(), 2);
}

#[test]
fn what_is_collected_has_somewhere_to_go() {
    for section in [
        "logging: {outputs: {otel: true}}",
        "metrics: {provider: both}",
        "tracing: {enabled: true}",
    ] {
        let text = problem(load_complete(&format!("observability: {{{section}}}"), &[]));
        assert_says(&text, &["endpoint", "nowhere to go"]);
    }
}

#[test]
fn the_metrics_path_is_a_path_of_its_own() {
    for path in ["metrics", "/admin", "/admin/metrics", "/", "/a?b"] {
        let yaml = format!("observability: {{metrics: {{path: '{path}'}}}}");
        assert_says(&problem(load(&yaml, &[])), &["`observability.metrics.path`", "/metrics"]);
    }
}

#[test]
fn the_defaults_break_no_rule() {
    assert!(validate::check(&good(load_complete("", &[]))).is_empty());
}

#[test]
fn a_default_ceiling_is_no_longer_than_a_request() {
    let scopes = |count: usize| (0..count).map(|n| format!("s{n}")).collect::<Vec<_>>().join(" ");
    let key = "AUTHPLANE_OAUTH_DEFAULT_CLIENT_SCOPE";

    good(load("", &[(key, &scopes(256))]));
    assert_says(
        &problem(load("", &[(key, &scopes(257))])),
        &["`oauth.default_client_scope`", "257"],
    );
}

#[test]
fn keys_are_not_relieved_far_more_often_than_tokens_expire() {
    let found = |yaml: &str| problems(load_complete(yaml, &[]));
    for lives in [
        "dcr: {default_token_expiry",
        "client_credentials: {token_expiry",
        "token_exchange: {token_expiry",
    ] {
        let yaml = format!("signing: {{rotation_interval: 1h}}\n{lives}: 17h}}");
        assert_eq!(found(&yaml).len(), 1, "{lives}");
        assert_says(&problem(load_complete(&yaml, &[])), &["`signing.rotation_interval`", "17h"]);
    }
    good(load_complete("signing: {rotation_interval: 1h}", &[]));
}
