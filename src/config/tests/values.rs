//! The forms of values.

use std::time::Duration;

use super::{assert_says, good, load, load_complete, problem, problems};
use crate::config::{Issuer, SameSite};

fn issuer(text: &str) -> Issuer {
    text.parse().expect("an issuer")
}

#[test]
fn an_issuer_is_kept_byte_for_byte() {
    for text in [
        "https://as.example",
        "https://as.example/",
        "https://as.example:8443/tenant",
        "https://as.example/tenant/",
        "http://localhost:9000",
        "http://127.0.0.1:9000",
        "http://127.8.9.1",
        "http://[::1]:9000/x",
    ] {
        let issuer = issuer(text);

        assert_eq!(issuer.as_str(), text);
        assert_eq!(format!("{}{}", issuer.origin(), issuer.path()), text);
    }
}

#[test]
fn an_issuer_knows_its_parts() {
    let tenant = issuer("https://as.example:8443/tenant/a");

    assert_eq!(tenant.origin(), "https://as.example:8443");
    assert_eq!(tenant.path(), "/tenant/a");
    assert!(tenant.is_https());
    assert!(!tenant.is_localhost());
    assert_eq!(issuer("https://as.example").path(), "");
    assert_eq!(issuer("https://as.example/").path(), "/");
}

#[test]
fn only_this_machine_is_localhost() {
    for local in ["http://localhost:9000", "https://localhost", "http://127.0.0.1", "http://[::1]"]
    {
        assert!(issuer(local).is_localhost(), "{local}");
    }
    for remote in [
        "https://localhost.example.com",
        "https://app.localhost",
        "https://notlocalhost",
        "https://10.0.0.1",
        "https://0.0.0.0",
    ] {
        assert!(!issuer(remote).is_localhost(), "{remote}");
    }
}

#[test]
fn refuses_what_cannot_be_an_issuer() {
    for (text, why) in [
        ("as.example", "not an absolute URL"),
        ("/tenant", "not an absolute URL"),
        ("http://as.example", "http is only for localhost"),
        ("http://localhost.example.com", "http is only for localhost"),
        ("http://app.localhost", "http is only for localhost"),
        ("http://0.0.0.0:9000", "http is only for localhost"),
        ("ftp://localhost", "scheme"),
        ("https://as.example?x=1", "query or fragment"),
        ("https://as.example/?", "query or fragment"),
        ("https://as.example#x", "query or fragment"),
        ("https://user@as.example", "user name"),
        ("https://localhost@evil.example", "user name"),
        ("https://AS.example", "write `https://as.example/`"),
        ("HTTPS://as.example", "write `https://as.example/`"),
        ("https://as.example:443", "write `https://as.example/`"),
        ("https://as.example/a/../b", "write `https://as.example/b`"),
        ("https://as.example\\a", "write `https://as.example/a`"),
        ("http://127.1:9000", "write `http://127.0.0.1:9000/`"),
    ] {
        let yaml = format!("server: {{issuer: '{text}'}}");

        assert_says(&problem(load(&yaml, &[])), &["`server.issuer`", why, "absolute https URL"]);
    }
}

#[test]
fn durations_take_days_and_weeks() {
    for (text, seconds) in
        [("15m", 900), ("168h", 604_800), ("30d", 2_592_000), ("2w", 1_209_600), ("1h30m", 5_400)]
    {
        let yaml = format!("session: {{max_age: {text}}}");

        let config = good(load(&yaml, &[]));

        assert_eq!(config.session.max_age, Duration::from_secs(seconds), "{text}");
    }
}

#[test]
fn refuses_durations_without_unit_or_of_another_language() {
    for text in
        ["30", "'30'", "1.5h", "15M", "1y", "1month", "soon", "-5m", "m", "999999999999d", "9000w"]
    {
        let yaml = format!("session: {{max_age: {text}}}");

        let said = problem(load(&yaml, &[]));

        assert_says(
            &said,
            &["`session.max_age`", text.trim_matches('\''), "a duration with its unit"],
        );
    }
}

#[test]
fn addresses_may_leave_out_the_host() {
    for (text, address) in [
        (":8080", "0.0.0.0:8080"),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("localhost:8080", "127.0.0.1:8080"),
        ("[::1]:8080", "[::1]:8080"),
        (":0", "0.0.0.0:0"),
    ] {
        let config = good(load(&format!("server: {{address: '{text}'}}"), &[]));

        assert_eq!(config.server.address.to_string(), address);
    }
    for text in ["8080", "as.example:80", ":99999", "127.0.0.1", "::1:80:"] {
        let text = problem(load(&format!("server: {{address: '{text}'}}"), &[]));
        assert_says(&text, &["`server.address`", "an address to listen on"]);
    }
}

#[test]
fn rates_count_per_time() {
    for (text, count, seconds) in
        [("10/min", 10, 60), ("5/s", 5, 1), ("100/hour", 100, 3_600), ("7 / d", 7, 86_400)]
    {
        let config = good(load(&format!("dcr: {{rate_limit: {text}}}"), &[]));

        assert_eq!(config.dcr.rate_limit.count().get(), count);
        assert_eq!(config.dcr.rate_limit.period(), Duration::from_secs(seconds));
    }
    for text in ["10", "0/min", "-1/s", "10/week", "x/min"] {
        let text = problem(load(&format!("dcr: {{rate_limit: {text}}}"), &[]));
        assert_says(&text, &["`dcr.rate_limit`", "a rate such as"]);
    }
}

#[test]
fn networks_may_be_single_addresses() {
    let config =
        good(load_complete("server: {trusted_proxies: [10.0.0.0/8, '::1', 192.0.2.7]}", &[]));

    let networks: Vec<String> =
        config.server.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/8", "::1/128", "192.0.2.7/32"]);
    let text = problem(load_complete("server: {trusted_proxies: [10.0.0.0/8, 10.0.0.0/33]}", &[]));
    assert_says(&text, &["`server.trusted_proxies[1]`", "\"10.0.0.0/33\"", "CIDR"]);
}

#[test]
fn origins_are_written_as_browsers_write_them() {
    let config = good(load("server: {allowed_origins: 'https://App.example.com:443/'}", &[]));

    let origins: Vec<&str> =
        config.server.allowed_origins.iter().map(crate::config::Origin::as_str).collect();
    assert_eq!(origins, ["https://app.example.com"]);
    for (text, why) in
        [("https://a.example/x", "more than"), ("*", "empty list"), ("a.example", "URL")]
    {
        let text = problem(load(&format!("server: {{allowed_origins: ['{text}']}}"), &[]));
        assert_says(&text, &["`server.allowed_origins[0]`", why, "an origin such as"]);
    }
}

#[test]
fn redirect_uris_keep_their_bytes_and_never_run_code() {
    let yaml = "dcr: {approved_redirects: ['cursor://x/cb', 'https://A.example/cb?x=1']}";
    let config = good(load(yaml, &[]));
    assert_eq!(
        config
            .dcr
            .approved_redirects
            .iter()
            .map(crate::config::ExactUri::as_str)
            .collect::<Vec<_>>(),
        ["cursor://x/cb", "https://A.example/cb?x=1"]
    );

    for bad in [
        "javascript:alert(1)",
        "data:text/html,x",
        "https://a.example/#x",
        "/cb",
        "https://u@a.example/",
    ] {
        let text = problem(load(&format!("dcr: {{approved_redirects: ['{bad}']}}"), &[]));
        assert_says(&text, &["`dcr.approved_redirects[0]`", "an absolute URI"]);
    }
}

#[test]
fn every_bad_item_of_a_list_is_named() {
    let found = problems(load("server: {allowed_origins: [x, 'https://a.example', y]}", &[]));

    assert_eq!(found.len(), 2);
    assert_says(&found[0], &["`server.allowed_origins[0]`"]);
    assert_says(&found[1], &["`server.allowed_origins[2]`"]);
}

#[test]
fn truth_values_are_true_and_false_only() {
    assert!(good(load("oauth: {require_scope: true}", &[])).oauth.require_scope);
    assert!(good(load("oauth: {require_scope: 'true'}", &[])).oauth.require_scope);
    for text in ["yes", "on", "1", "True!"] {
        let text = problem(load(&format!("oauth: {{require_scope: {text}}}"), &[]));
        assert_says(&text, &["`oauth.require_scope`", "`true` or `false`"]);
    }
}

#[test]
fn a_text_that_yaml_reads_as_a_number_has_to_be_quoted() {
    let text = problem(load("session: {cookie_name: 0123}", &[]));
    assert_says(&text, &["`session.cookie_name`", "quotes"]);

    assert_eq!(good(load("session: {cookie_name: '0123'}", &[])).session.cookie_name, "0123");
}

#[test]
fn numbers_are_whole_and_in_range() {
    for text in ["-1", "1.5", "many", "99999999999"] {
        let text = problem(load(&format!("storage: {{max_conns: {text}}}"), &[]));
        assert_says(&text, &["`storage.max_conns`", "a whole number"]);
    }
    for text in ["1.5", "-0.1", "nan", "x"] {
        let yaml = format!("observability: {{tracing: {{sample_rate: {text}}}}}");
        assert_says(&problem(load_complete(&yaml, &[])), &["sample_rate", "from 0 to 1"]);
    }
}

#[test]
fn a_word_outside_the_choice_is_refused_with_the_choice() {
    let text = problem(load("session: {same_site: relaxed}", &[]));
    assert_says(&text, &["`session.same_site`", "\"relaxed\"", "`lax` or `strict` or `none`"]);

    let config = good(load("session: {same_site: none, secure: true}", &[]));
    assert_eq!(config.session.same_site, SameSite::None);
}

#[test]
fn the_other_word_for_a_choice_is_understood() {
    let text = problem(load_complete("signing: {key_store: postgres_key}", &[]));

    assert_says(&text, &["signing.key_store is database"]);
}

#[test]
fn a_long_or_odd_value_is_repeated_short_and_on_one_line() {
    let value = format!("a\\n{}", "x".repeat(500));
    let text = problem(load(&format!("dcr: {{mode: \"{value}\"}}"), &[]));

    assert_says(&text, &["\"a\\nxxx", "…"]);
    assert!(text.len() < 300 && !text.contains('\n'), "{text}");
}
