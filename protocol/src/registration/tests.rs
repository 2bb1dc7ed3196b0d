use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::document_url::FetchPolicy;
use crate::fixtures::{at, scopes};

const METHODS: &[AuthMethod] =
    &[AuthMethod::None, AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost];
const SUPPORTED: Supported<'_> = Supported { methods: METHODS, documents: FetchPolicy::STRICT };
const WITH_KEYS: Supported<'_> = Supported {
    methods: &[AuthMethod::None, AuthMethod::ClientSecretBasic, AuthMethod::PrivateKeyJwt],
    documents: FetchPolicy::STRICT,
};

fn register(document: &Value) -> Result<Registration, OAuthError> {
    Registration::from_json(document.to_string().as_bytes(), SUPPORTED)
}

/// A document with one https redirect URI and `member` set to `value`.
fn with(member: &str, value: Value) -> Value {
    let mut document = json!({ "redirect_uris": ["https://app.example/cb"] });
    document[member] = value;
    document
}

fn refusal(document: &Value) -> OAuthError {
    register(document).unwrap_err()
}

#[test]
fn a_document_that_is_no_object_is_refused_in_plain_words() {
    for document in ["[[\"https://app.example/cb\"]]", "\"text\"", "7", "null", " [] "] {
        let error = Registration::from_json(document.as_bytes(), SUPPORTED).unwrap_err();
        assert!(error.description.contains("must be a JSON object"), "{document}: {error:?}");
    }
}

#[test]
fn cursor_is_let_in_as_it_registers() {
    let registration = register(&json!({
        "client_name": "Cursor",
        "redirect_uris": [
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://www.cursor.com/agents/mcp/oauth/callback",
            "http://localhost:8787/callback"
        ],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "web",
        "scope": "everything",
        "token_endpoint_auth_methods_supported": ["none"],
        "x-unknown": {"a": [1]}
    }))
    .unwrap();
    assert_eq!(registration.redirect_uris.len(), 3);
    assert_eq!(registration.auth_method, AuthMethod::None);
    assert_eq!(registration.client_name.as_deref(), Some("Cursor"));
}

#[test]
fn the_type_is_corrected_when_every_uri_is_local() {
    let local = json!({ "redirect_uris": ["cursor://x/cb", "http://127.0.0.1/cb"], "application_type": "web" });
    assert_eq!(register(&local).unwrap().application_type, ApplicationType::Native);
    assert_eq!(
        register(&with("application_type", json!("web"))).unwrap().application_type,
        ApplicationType::Web
    );
    assert_eq!(
        register(&with("application_type", json!("native"))).unwrap().application_type,
        ApplicationType::Native
    );
    assert_eq!(
        refusal(&with("application_type", json!("service"))).code.as_str(),
        "invalid_client_metadata"
    );
}

#[test]
fn defaults_follow_the_shape_of_the_client() {
    let web = register(&json!({ "redirect_uris": ["https://app.example/cb"] })).unwrap();
    assert_eq!(web.auth_method, AuthMethod::ClientSecretBasic);
    assert_eq!(web.grant_types, [GrantType::AuthorizationCode, GrantType::RefreshToken]);
    assert_eq!(web.response_types, ["code"]);
    assert!(!web.agent && web.client_name.is_none());
    let native = register(&json!({ "redirect_uris": ["http://localhost/cb"] })).unwrap();
    assert_eq!(native.auth_method, AuthMethod::None);
    let mixed =
        register(&json!({ "redirect_uris": ["https://a.example/cb", "app://x/cb"] })).unwrap();
    assert_eq!(mixed.auth_method, AuthMethod::None);
}

#[test]
fn one_bad_redirect_uri_refuses_the_registration_and_is_named() {
    for bad in ["http://evil.example/cb", "javascript:alert(1)", "https://u@h/", "https://h/#f"] {
        let error = refusal(&json!({ "redirect_uris": ["https://good.example/cb", bad] }));
        assert_eq!(error.code.as_str(), "invalid_redirect_uri");
        assert!(error.description.contains(bad), "{}", error.description);
    }
    assert_eq!(refusal(&json!({})).code.as_str(), "invalid_redirect_uri");
    assert_eq!(refusal(&json!({ "redirect_uris": [] })).code.as_str(), "invalid_redirect_uri");
    let many: Vec<String> = (0..101).map(|n| format!("https://h/{n}")).collect();
    assert_eq!(refusal(&json!({ "redirect_uris": many })).code.as_str(), "invalid_redirect_uri");
}

#[test]
fn a_confidential_client_cannot_have_a_private_scheme() {
    let document = json!({ "redirect_uris": ["app://x/cb"], "token_endpoint_auth_method": "client_secret_post" });
    assert_eq!(refusal(&document).code.as_str(), "invalid_redirect_uri");
}

#[test]
fn unsupported_methods_are_refused_with_the_supported_ones() {
    for method in ["private_key_jwt", "client_secret_jwt", "magic"] {
        let error = refusal(&with("token_endpoint_auth_method", json!(method)));
        assert_eq!(error.code.as_str(), "invalid_client_metadata");
        assert!(error.description.contains("none, client_secret_basic, client_secret_post"));
    }
}

/// RFC 7515 Appendix A.3
fn usable_jwks() -> Value {
    json!({ "keys": [{
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }] })
}

#[expect(clippy::needless_pass_by_value, reason = "made for the call")]
fn keyed(members: Value) -> Result<Registration, OAuthError> {
    let mut document = with("token_endpoint_auth_method", json!("private_key_jwt"));
    for (member, value) in members.as_object().unwrap() {
        document[member] = value.clone();
    }
    Registration::from_json(document.to_string().as_bytes(), WITH_KEYS)
}

#[test]
fn a_key_client_needs_keys_of_use_by_value_or_by_reference() {
    assert!(keyed(json!({ "jwks_uri": "https://app.example/jwks" })).is_ok());
    assert!(keyed(json!({ "jwks": usable_jwks() })).is_ok());
    for (bad, why) in [
        (json!({}), "needs jwks or jwks_uri"),
        (json!({ "jwks": usable_jwks(), "jwks_uri": "https://app.example/jwks" }), "exclude"),
        (json!({ "jwks": { "keys": [{ "kty": "EC", "crv": "P-384" }] } }), "none of the keys"),
        (json!({ "jwks": { "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB" }] } }), "2048"),
        (json!({ "jwks_uri": "http://app.example/jwks" }), "jwks_uri must be an https URL"),
        (json!({ "jwks_uri": "https://127.0.0.1/jwks" }), "private"),
        (json!({ "jwks_uri": "https://0x7f.1/jwks" }), "plainly"),
    ] {
        let error = keyed(bad.clone()).unwrap_err();
        assert_eq!(error.code.as_str(), "invalid_client_metadata");
        assert!(error.description.contains(why), "{bad}: {}", error.description);
    }
}

#[test]
fn a_key_client_may_name_its_one_algorithm() {
    let alg = |word: Value| {
        let document = json!({ "jwks": usable_jwks(), "token_endpoint_auth_signing_alg": word });
        keyed(document).map(|it| it.metadata.token_endpoint_auth_signing_alg)
    };
    assert_eq!(alg(json!("ES256")).unwrap(), Some(crate::jose::ProofAlgorithm::Es256));
    assert_eq!(alg(Value::Null).unwrap(), None);
    assert_eq!(alg(json!("")).unwrap(), None);
    for bad in ["none", "HS256", "ES512", "es256"] {
        assert!(alg(json!(bad)).unwrap_err().description.contains("ES256, ES384"), "{bad}");
    }
    let secret = with("token_endpoint_auth_signing_alg", json!("HS256"));
    let secret = register(&secret).unwrap();
    assert_eq!(
        secret.metadata.token_endpoint_auth_signing_alg, None,
        "says nothing about a secret"
    );
}

#[test]
fn of_several_methods_the_one_named_alone_or_the_strongest_is_registered() {
    let chosen = |one: Value, several: Value| {
        let mut document = with("token_endpoint_auth_methods", several);
        document["token_endpoint_auth_method"] = one;
        document["jwks"] = usable_jwks();
        let registered = Registration::from_json(document.to_string().as_bytes(), WITH_KEYS);
        registered.map(|it| it.auth_method)
    };
    let (key, none, basic) =
        (AuthMethod::PrivateKeyJwt, AuthMethod::None, AuthMethod::ClientSecretBasic);
    let both = json!(["none", "private_key_jwt"]);
    assert_eq!(chosen(json!("private_key_jwt"), both.clone()), Ok(key));
    assert_eq!(chosen(Value::Null, both.clone()), Ok(key));
    assert_eq!(chosen(json!("none"), both.clone()), Ok(none), "what it says it uses");
    assert_eq!(chosen(json!("client_secret_jwt"), both), Ok(key));
    assert_eq!(chosen(json!("tls_client_auth"), json!(["none", "magic"])), Ok(none));
    assert_eq!(chosen(Value::Null, json!(["client_secret_basic", "none"])), Ok(basic));
    assert_eq!(chosen(Value::Null, json!([])), Ok(basic), "as if it were not there");
    let keyless = |one: Value, several: Value| {
        let mut document = with("token_endpoint_auth_methods", several);
        document["token_endpoint_auth_method"] = one;
        document["jwks_uri"] = json!("");
        let registered = Registration::from_json(document.to_string().as_bytes(), WITH_KEYS);
        registered.map(|it| it.auth_method)
    };
    let all = json!(["private_key_jwt", "client_secret_basic", "none"]);
    assert_eq!(keyless(Value::Null, all.clone()), Ok(basic), "it could, and has no key");
    assert_eq!(keyless(json!("magic"), all.clone()), Ok(basic));
    assert!(keyless(json!("private_key_jwt"), all).is_err(), "it says that it does");
    assert!(chosen(Value::Null, json!(["magic"])).is_err());
    assert!(chosen(json!("client_secret_post"), json!([])).is_err());
}

#[test]
fn grants_that_need_an_operator_are_dropped() {
    let asked = json!([
        "client_credentials",
        "refresh_token",
        "authorization_code",
        "implicit",
        "urn:ietf:params:oauth:grant-type:token-exchange"
    ]);
    let registration = register(&with("grant_types", asked)).unwrap();
    assert_eq!(registration.grant_types, [GrantType::AuthorizationCode, GrantType::RefreshToken]);
    let only_code = register(&with("grant_types", json!(["authorization_code"]))).unwrap();
    assert_eq!(only_code.grant_types, [GrantType::AuthorizationCode]);
    assert_eq!(
        refusal(&with("grant_types", json!(["client_credentials"]))).code.as_str(),
        "invalid_client_metadata"
    );
    assert_eq!(
        refusal(&with("response_types", json!(["token"]))).code.as_str(),
        "invalid_client_metadata"
    );
    assert_eq!(
        register(&with("response_types", json!(["token", "code"]))).unwrap().response_types,
        ["code"]
    );
}

#[test]
fn names_are_one_visible_line_of_limited_length() {
    let registration =
        register(&with("client_name", json!("Good\u{202E}\u{200B} \n App"))).unwrap();
    assert_eq!(registration.client_name.as_deref(), Some("Good App"));
    assert_eq!(register(&with("client_name", json!("\u{200B}"))).unwrap().client_name, None);
    assert!(register(&with("client_name", json!("é".repeat(200)))).is_ok());
    assert_eq!(
        refusal(&with("client_name", json!("x".repeat(201)))).code.as_str(),
        "invalid_client_metadata"
    );
}

#[test]
fn links_are_https_only() {
    for member in ["client_uri", "logo_uri", "tos_uri", "policy_uri", "jwks_uri"] {
        assert!(register(&with(member, json!("https://app.example/x"))).is_ok());
        assert!(register(&with(member, json!(""))).is_ok());
        assert!(register(&with(member, Value::Null)).is_ok());
        for bad in [
            "http://app.example/",
            "javascript:alert(1)",
            "data:image/png;base64,x",
            "https://u:p@h/",
            "/logo",
            "https://h/\n",
            "https://h\\x",
        ] {
            let error = refusal(&with(member, json!(bad)));
            assert_eq!(error.code.as_str(), "invalid_client_metadata");
            assert!(error.description.contains(member));
        }
    }
}

#[test]
fn keys_are_public_and_by_value_or_by_reference() {
    let public = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": "x", "y": "y" }] });
    assert!(register(&with("jwks", public.clone())).is_ok());
    for bad in [
        json!({}),
        json!({ "keys": [] }),
        json!([]),
        json!({ "keys": [{ "kty": "oct", "k": "x" }] }),
        json!({ "keys": [{ "kty": "EC", "d": "x" }] }),
        json!({ "keys": vec![json!({ "kty": "EC" }); 17] }),
        json!({ "keys": [{ "kty": "EC", "x": "a\u{0}b" }] }),
        json!({ "keys": [{ "kty": "EC", "x5c": ["\u{0}"] }] }),
        json!({ "keys": [{ "kty": "EC" }], "a\u{0}": {} }),
    ] {
        assert_eq!(refusal(&with("jwks", bad)).code.as_str(), "invalid_client_metadata");
    }
    let mut both = with("jwks", public);
    both["jwks_uri"] = json!("https://app.example/jwks");
    assert_eq!(refusal(&both).code.as_str(), "invalid_client_metadata");
}

#[test]
fn documents_of_wrong_shape_are_refused() {
    let bodies = [
        "",
        "[]",
        "null",
        "{",
        "{\"redirect_uris\":\"https://h/\"}",
        "{\"agent\":\"yes\"}",
        "{\"client_name\":1}",
        "{\"agent\":true,\"agent\":false}",
    ];
    for body in bodies {
        let error = Registration::from_json(body.as_bytes(), SUPPORTED).unwrap_err();
        assert_eq!(error.code.as_str(), "invalid_client_metadata", "{body}");
    }
    let nested = format!("{{\"x\":{}{}}}", "[".repeat(500), "]".repeat(500));
    assert!(Registration::from_json(nested.as_bytes(), SUPPORTED).is_err());
    let long = " ".repeat(MAX_DOCUMENT + 1);
    assert!(Registration::from_json(long.as_bytes(), SUPPORTED).is_err());
}

#[test]
fn the_response_echoes_what_was_assigned() {
    let mut document = with("client_name", json!("App"));
    document["agent"] = json!(true);
    document["agent_description"] = json!("Files bugs");
    document["contacts"] = json!(["a@b.example"]);
    let client = register(&document).unwrap().into_client(
        "id1".into(),
        Some(vec![1]),
        Some(scopes("read")),
        at(5),
    );
    let response =
        serde_json::to_value(RegistrationResponse::new(&client, Some("s3cret"))).unwrap();
    let expected = json!({
        "client_id": "id1", "client_secret": "s3cret", "client_secret_expires_at": 0,
        "client_id_issued_at": at(5).timestamp(), "client_name": "App",
        "redirect_uris": ["https://app.example/cb"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic", "application_type": "web",
        "scope": "read", "agent": true, "agent_description": "Files bugs", "contacts": ["a@b.example"],
    });
    assert_eq!(response, expected);
    assert!(
        !format!("{:?}", RegistrationResponse::new(&client, Some("s3cret"))).contains("s3cret")
    );
    let public = serde_json::to_value(RegistrationResponse::new(&client, None)).unwrap();
    assert!(
        public.get("client_secret").is_none() && public.get("client_secret_expires_at").is_none()
    );
}

mod modes {
    use super::*;

    fn permits(mode: &RegistrationMode, uri: &str) -> bool {
        let registration = register(&json!({ "redirect_uris": [uri] })).unwrap();
        mode.permit(&registration).is_ok()
    }

    fn approved(pattern: &str) -> RegistrationMode {
        RegistrationMode::ApprovedRedirects([RedirectPattern::parse(pattern).unwrap()].into())
    }

    #[test]
    fn open_lets_everybody_in_and_admin_only_nobody() {
        assert!(permits(&RegistrationMode::Open, "https://any.example/cb"));
        assert!(!permits(&RegistrationMode::AdminOnly, "https://any.example/cb"));
        assert_eq!(RegistrationMode::closed().code.as_str(), "access_denied");
    }

    #[test]
    fn a_prefix_covers_its_host_and_path_only() {
        let mode = approved("https://claude.ai/api/*");
        assert!(permits(&mode, "https://claude.ai/api/mcp/auth_callback"));
        for other in [
            "https://claude.ai/apiary",
            "https://claude.ai/",
            "https://claude.ai.evil.example/api/x",
            "https://claude.ai/api/../evil",
            "https://claude.ai/api/%2E%2e/evil",
            "https://claude.ai:8443/api/x",
        ] {
            assert!(!permits(&mode, other), "{other}");
        }
    }

    #[test]
    fn exact_entries_match_as_at_the_authorization_endpoint() {
        let mode = approved("http://localhost/callback");
        assert!(permits(&mode, "http://localhost:1234/callback"));
        assert!(!permits(&mode, "http://localhost:1234/other"));
        let loopback = approved("http://127.0.0.1/*");
        assert!(permits(&loopback, "http://127.0.0.1:9/any"));
        assert!(!permits(&loopback, "http://localhost:9/any"));
        assert!(permits(
            &approved("cursor://anysphere.cursor-mcp/*"),
            "cursor://anysphere.cursor-mcp/oauth/callback"
        ));
    }

    #[test]
    fn an_unapproved_uri_is_named() {
        let registration = register(
            &json!({ "redirect_uris": ["https://claude.ai/cb", "https://evil.example/cb"] }),
        )
        .unwrap();
        let error = approved("https://claude.ai/*").permit(&registration).unwrap_err();
        assert_eq!(error.code.as_str(), "invalid_redirect_uri");
        assert!(error.description.contains("https://evil.example/cb"));
    }

    #[test]
    fn patterns_that_name_no_host_are_refused() {
        for bad in [
            "https://*",
            "*",
            "https://*.example/*",
            "https://h*",
            "app://*",
            "http://evil/*",
            "https://h/?x=/*",
            "",
        ] {
            assert!(RedirectPattern::parse(bad).is_err(), "{bad}");
        }
    }
}

proptest! {
    #[test]
    fn no_document_panics(body in ".*", name in ".*", uri in ".*") {
        let _ = Registration::from_json(body.as_bytes(), SUPPORTED);
        let document = json!({ "redirect_uris": ["https://h/cb", uri], "client_name": name, "logo_uri": uri });
        let _ = register(&document);
    }

    #[test]
    fn every_registration_can_redirect_and_has_a_supported_method(
        uris in prop::collection::vec("(https://[a-z]{1,4}|http://localhost:[1-9]{1,3}|app:/)/[a-z]{0,3}", 1..4),
        method in proptest::option::of("none|client_secret_basic|client_secret_post|private_key_jwt"),
    ) {
        if let Ok(registration) = register(&json!({ "redirect_uris": uris, "token_endpoint_auth_method": method })) {
            prop_assert!(METHODS.contains(&registration.auth_method));
            prop_assert!(registration.grant_types.contains(&GrantType::AuthorizationCode));
            let private = uris.iter().any(|uri| uri.starts_with("app:"));
            prop_assert!(!private || registration.auth_method == AuthMethod::None);
        }
    }
}

#[test]
fn installations_of_a_program_say_the_same_and_another_program_does_not() {
    let software = |name: &str, uris: &[&str]| {
        let document = json!({ "client_name": name, "redirect_uris": uris });
        register(&document).unwrap().software()
    };
    let one = software("Tool", &["http://127.0.0.1:4001/cb", "http://localhost:4001/cb"]);
    assert_eq!(one, software("Tool", &["http://localhost:9/cb"]));
    for other in [
        software("Tool 2", &["http://localhost:9/cb"]),
        software("Tool", &["https://tool.example/cb"]),
        software("Tool", &["http://localhost:9/cb", "https://tool.example/cb"]),
    ] {
        assert_ne!(one, other);
    }
}
