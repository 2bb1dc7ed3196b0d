use proptest::prelude::*;

use super::*;
use PublicOrConfidential::{Confidential, Public};

fn uri(raw: &str) -> RedirectUri {
    RedirectUri::parse_registration(raw, Public).unwrap()
}

fn refused(raw: &str) -> RedirectUriError {
    RedirectUri::parse_registration(raw, Public).unwrap_err()
}

fn is_match(registered: &str, presented: &str) -> bool {
    matches(&[uri(registered)], presented).is_some()
}

#[test]
fn what_real_clients_register_is_accepted() {
    for good in [
        "https://claude.ai/api/mcp/auth_callback",
        "http://localhost/callback",
        "http://127.0.0.1:33418/",
        "http://[::1]:9/cb",
        "https://vscode.dev/redirect",
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "com.example.app:/oauth2redirect",
        "vscode-insiders://vscode.dev/x?a=b",
        "https://h:8443/cb?tenant=1&x=%20",
        "https://h",
    ] {
        assert!(RedirectUri::parse_registration(good, Public).is_ok(), "{good}");
    }
}

#[test]
fn a_host_that_browsers_rewrite_is_refused() {
    for bad in [
        "https://2130706433/cb",
        "https://0x7f.1/cb",
        "https://0177.0.0.1/cb",
        "https://127.1/cb",
        "https://[0:0::1]/cb",
        "https://xn--a/cb",
        "com.example.app://host:e/cb",
    ] {
        assert_eq!(refused(bad), RedirectUriError::Host, "{bad}");
    }
    assert!(RedirectUri::parse_registration("https://EXAMPLE.com/cb", Public).is_ok());
}

#[test]
fn response_parameters_do_not_run_into_a_query_that_ends_with_a_question_mark() {
    for (registered, expected) in [
        ("https://h/cb?", "https://h/cb?code=c"),
        ("https://h/cb?a?", "https://h/cb?a?&code=c"),
        ("https://h/cb?a&", "https://h/cb?a&code=c"),
        ("https://h/cb?a", "https://h/cb?a&code=c"),
    ] {
        assert_eq!(uri(registered).with_response_params(registered, &[("code", "c")]), expected);
    }
}

#[test]
fn schemes_that_run_code_or_read_files_are_refused_in_any_case() {
    for bad in [
        "javascript:alert(1)",
        "JavaScript://h/%0aalert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "vbscript:x",
        "blob:https://h/1",
        "view-source:https://h",
        "urn:ietf:wg:oauth:2.0:oob",
        "localhost:3000/callback",
        "about:blank",
    ] {
        assert!(matches!(refused(bad), RedirectUriError::ForbiddenScheme(_)), "{bad}");
    }
}

#[test]
fn host_confusion_is_refused_at_registration_and_at_presentation() {
    for bad in [
        "https://good@evil/cb",
        "https://good:pw@evil/cb",
        "https://good\\@evil/cb",
        "https://evil#good",
        "https://good/cb#",
        "https:good/cb",
        "https:///cb",
        "https://",
        "https://good./cb",
        "https://.good/cb",
        "https://go%6fd/cb",
        "https://good;evil/cb",
        "https://good /cb",
        "https://good\t/cb",
        "https://gööd/cb",
        "https://good:0/",
        "https://good:99999/",
        "https://good:/",
        "https://good:+1/",
        "https://[::1/",
        "https://[x]/",
        "https://good/%zz",
        "https://good/%4",
        "//good/cb",
        "/cb",
        "",
        "cb",
        "cursor://u@h/cb",
        "https://good/a\nb",
        "1http://good/",
        "myapp:callback",
        "https://good/cb\"",
        "https://good/<b>",
        "https://a..b/",
    ] {
        assert!(RedirectUri::parse_registration(bad, Public).is_err(), "{bad}");
        let smuggled = RedirectUri { raw: bad.to_owned(), kind: RedirectKind::LoopbackHttp };
        assert_eq!(matches(&[smuggled], bad), None, "{bad}");
    }
}

#[test]
fn plain_http_is_for_this_machine_only() {
    for bad in [
        "http://example.com/cb",
        "http://127.0.0.2/cb",
        "http://localhost.evil.com/cb",
        "http://127.0.0.1.nip.io/",
        "http://2130706433/",
        "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0/",
    ] {
        assert_eq!(refused(bad), RedirectUriError::PlainHttp, "{bad}");
    }
}

#[test]
fn private_use_schemes_need_a_public_client() {
    let refusal = RedirectUri::parse_registration("cursor://x/cb", Confidential).unwrap_err();
    assert_eq!(refusal, RedirectUriError::PrivateUseNeedsPublicClient);
    assert!(RedirectUri::parse_registration("http://localhost/cb", Confidential).is_ok());
}

#[test]
fn a_query_cannot_come_with_its_own_code() {
    assert!(matches!(refused("https://h/cb?a=1&code=x"), RedirectUriError::ResponseParameter(_)));
    assert!(matches!(refused("https://h/cb?%73tate=x"), RedirectUriError::ResponseParameter(_)));
    assert!(RedirectUri::parse_registration("https://h/cb?decode=x", Public).is_ok());
}

#[test]
fn the_refusal_names_the_uri() {
    let error = RedirectUriError::Fragment.naming("https://h/#\u{202E}x");
    assert_eq!(error.code.as_str(), "invalid_redirect_uri");
    assert!(error.description.contains("https://h/#x"));
}

#[test]
fn loopback_matches_any_port_and_nothing_else() {
    assert!(is_match("http://localhost/callback", "http://localhost:53682/callback"));
    assert!(is_match("http://127.0.0.1:33418/", "http://127.0.0.1:5/"));
    assert!(is_match("http://127.0.0.1:33418/", "http://127.0.0.1/"));
    assert!(is_match("http://[::1]/cb?x=1", "http://[::1]:8080/cb?x=1"));
    for other in [
        "http://127.0.0.1:1/callback",
        "http://localhost:1/callback/",
        "http://localhost:1/Callback",
        "http://localhost:1/callback?x",
        "http://localhost:1/%63allback",
        "https://localhost:1/callback",
        "http://LOCALHOST:1/callback",
        "HTTP://localhost:1/callback",
        "http://localhost:0/callback",
        "http://localhost:1:2/callback",
        "http://localhost:1@evil/callback",
        "http://localhost.:1/callback",
        "http://localhost:1/callback#",
        "http://localhost:65536/callback",
    ] {
        assert!(!is_match("http://localhost/callback", other), "{other}");
    }
}

#[test]
fn everything_else_matches_byte_for_byte() {
    assert!(is_match("https://h/cb", "https://h/cb"));
    for other in [
        "https://h:443/cb",
        "https://H/cb",
        "https://h/cb/",
        "https://h/cb?",
        "https://h/./cb",
        "https://h/c%62",
        "https://h/CB",
        "https://h./cb",
        "https://h/cb?x=1",
        "http://h/cb",
        "https://h:8443/cb",
    ] {
        assert!(!is_match("https://h/cb", other), "{other}");
    }
    assert!(!is_match("cursor://a/cb", "cursor://a:1/cb"));
    assert!(!is_match("cursor://a/cb", "Cursor://a/cb"));
}

#[test]
fn a_match_says_where_the_answer_goes() {
    let registered = [uri("https://h/cb"), uri("http://localhost/cb")];
    let found = matches(&registered, "http://localhost:7/cb").unwrap();
    assert_eq!(found.by, MatchKind::LoopbackPort);
    assert_eq!(found.registered.as_str(), "http://localhost/cb");
    assert_eq!(found.presented.as_str(), "http://localhost:7/cb");
    assert!(found.presented.kind().is_local());
}

#[test]
fn the_consent_page_shows_host_or_scheme() {
    assert_eq!(uri("https://Claude.ai/api").display_target(), "claude.ai");
    assert_eq!(uri("https://h:8443/x").display_target(), "h:8443");
    assert_eq!(uri("http://localhost:7/cb").display_target(), "localhost:7");
    assert_eq!(uri("cursor://anysphere/cb").display_target(), "cursor:");
}

#[test]
fn the_csp_source_is_an_origin_or_a_scheme() {
    assert_eq!(uri("https://h:8443/x?y").csp_form_action_source(), "https://h:8443");
    assert_eq!(uri("http://localhost/cb").csp_form_action_source(), "http://localhost:*");
    assert_eq!(uri("http://localhost:7/cb").csp_form_action_source(), "http://localhost:7");
    assert_eq!(uri("http://[::1]:7/cb").csp_form_action_source(), "http:");
    assert_eq!(uri("Cursor://x/cb").csp_form_action_source(), "cursor:");
}

#[test]
fn response_parameters_join_the_existing_query() {
    let params = [("code", "a b&c"), ("state", "é")];
    let located = |raw: &str| uri(raw).with_response_params(raw, &params);
    assert_eq!(located("https://h/cb"), "https://h/cb?code=a%20b%26c&state=%C3%A9");
    assert_eq!(located("https://h/cb?x=1"), "https://h/cb?x=1&code=a%20b%26c&state=%C3%A9");
    assert_eq!(located("https://h/cb?"), "https://h/cb?code=a%20b%26c&state=%C3%A9");
    assert_eq!(located("cursor://x"), "cursor://x?code=a%20b%26c&state=%C3%A9");
}

#[test]
fn an_answer_never_leaves_the_registered_uri() {
    let location = uri("https://good/cb").with_response_params("https://evil/cb", &[("code", "c")]);
    assert_eq!(location, "https://good/cb?code=c");
    let location =
        uri("http://localhost/cb").with_response_params("http://localhost:1@evil/cb", &[]);
    assert_eq!(location, "http://localhost/cb");
}

proptest! {
    #[test]
    fn no_input_panics(raw in ".*", registered in "(https?|app)://[a-z.@:0-9\\[\\]]{0,12}[/?#%a-z=&]{0,12}") {
        let _ = RedirectUri::parse_registration(&raw, Public);
        if let Ok(uri) = RedirectUri::parse_registration(&registered, Public) {
            let _ = (uri.display_target(), uri.csp_form_action_source(), matches(&[uri], &raw));
        }
    }

    #[test]
    fn a_match_that_is_not_exact_differs_in_the_port_alone(
        registered in "http://(localhost|127\\.0\\.0\\.1|\\[::1\\])(:[1-9][0-9]{0,3})?/[a-c/?=]{0,6}",
        presented in "http://(localhost|127\\.0\\.0\\.1|\\[::1\\])(:[1-9][0-9]{0,3})?/[a-c/?=]{0,6}",
    ) {
        let strip = |raw: &str| {
            let url = url::Url::parse(raw).unwrap();
            (url.host_str().map(str::to_owned), raw.splitn(4, '/').nth(3).unwrap_or_default().to_owned())
        };
        prop_assert_eq!(is_match(&registered, &presented), strip(&registered) == strip(&presented));
    }

    #[test]
    fn the_host_we_show_is_the_host_a_browser_goes_to(raw in "https://[a-z0-9.@:\\\\/?_-]{1,24}") {
        if let Ok(uri) = RedirectUri::parse_registration(&raw, Public)
            && let Ok(url) = url::Url::parse(&raw)
            && let RedirectKind::Https { host } = uri.kind()
            && !host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        {
            prop_assert_eq!(url.host_str(), Some(host.as_str()));
        }
    }

    #[test]
    fn a_response_keeps_the_parameters_readable(code in ".{1,20}", state in ".{1,20}") {
        let location = uri("https://h/cb?x=1").with_response_params("https://h/cb?x=1", &[("code", &code), ("state", &state)]);
        let url = url::Url::parse(&location).unwrap();
        let pairs: Vec<_> = url.query_pairs().map(|(_, value)| value.into_owned()).collect();
        prop_assert_eq!(pairs, vec!["1".to_owned(), code, state]);
    }
}
