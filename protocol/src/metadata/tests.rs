use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::fixtures::{resource, scopes};

fn minimal<'a>(issuer: &'a str, listed: &'a ScopeSet) -> MetadataInputs<'a> {
    MetadataInputs {
        issuer,
        grants: &[GrantType::AuthorizationCode, GrantType::RefreshToken],
        registration_open: true,
        scopes_supported: listed,
        auth_methods: &[
            AuthMethod::None,
            AuthMethod::ClientSecretBasic,
            AuthMethod::ClientSecretPost,
        ],
        auth_signing_algs: None,
        cimd: false,
        dpop_signing_algs: None,
        id_jag: false,
        agent_identity: false,
    }
}

fn document(inputs: &MetadataInputs<'_>) -> Value {
    serde_json::to_value(AuthorizationServerMetadata::new(inputs)).unwrap()
}

#[test]
fn the_document_says_what_clients_need() {
    let listed = scopes("read");
    let document = document(&minimal("https://as.example", &listed));
    assert_eq!(document["issuer"], "https://as.example");
    assert_eq!(document["token_endpoint"], "https://as.example/oauth/token");
    assert_eq!(document["registration_endpoint"], "https://as.example/oauth/register");
    assert_eq!(document["jwks_uri"], "https://as.example/.well-known/jwks.json");
    assert_eq!(document["scopes_supported"], json!(["offline_access", "read"]));
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(document["response_types_supported"], json!(["code"]));
    assert_eq!(document["grant_types_supported"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    assert_eq!(document["resource_indicators_supported"], true);
    assert_eq!(
        document["token_endpoint_auth_methods_supported"],
        json!(["none", "client_secret_basic", "client_secret_post"])
    );
    assert_eq!(
        document["introspection_endpoint_auth_methods_supported"],
        json!(["client_secret_basic", "client_secret_post"])
    );
}

#[test]
fn what_is_off_is_absent() {
    let listed = ScopeSet::empty();
    let off =
        document(&MetadataInputs { registration_open: false, ..minimal("https://as", &listed) });
    for absent in [
        "registration_endpoint",
        "dpop_signing_alg_values_supported",
        "authorization_grant_profiles_supported",
        "identity_assertion_supported",
        "authplane_agent_identity_supported",
        "token_endpoint_auth_signing_alg_values_supported",
    ] {
        assert!(off.get(absent).is_none(), "{absent}");
    }
    assert_eq!(off["scopes_supported"], json!(["offline_access"]));
}

#[test]
fn what_is_on_is_listed() {
    let listed = ScopeSet::empty();
    let on = document(&MetadataInputs {
        auth_methods: &[AuthMethod::None, AuthMethod::PrivateKeyJwt],
        auth_signing_algs: Some(&["ES256", "RS256"]),
        dpop_signing_algs: Some(&["ES256"]),
        id_jag: true,
        agent_identity: true,
        cimd: true,
        ..minimal("https://as", &listed)
    });
    assert_eq!(on["token_endpoint_auth_signing_alg_values_supported"], json!(["ES256", "RS256"]));
    assert_eq!(on["dpop_signing_alg_values_supported"], json!(["ES256"]));
    assert_eq!(on["authorization_grant_profiles_supported"], json!([ID_JAG_PROFILE]));
    assert_eq!(on["identity_assertion_supported"], true);
    assert_eq!(on["client_id_metadata_document_supported"], true);
}

#[test]
fn well_known_paths_cover_every_form_clients_probe() {
    assert_eq!(
        well_known_paths("https://as", AUTHORIZATION_SERVER),
        ["/.well-known/oauth-authorization-server"]
    );
    assert_eq!(
        well_known_paths("https://as/", AUTHORIZATION_SERVER),
        ["/.well-known/oauth-authorization-server"]
    );
    assert_eq!(
        well_known_paths("https://as/tenant/a/", OPENID_CONFIGURATION),
        [
            "/.well-known/openid-configuration/tenant/a",
            "/tenant/a/.well-known/openid-configuration",
            "/.well-known/openid-configuration",
        ]
    );
}

#[test]
fn a_resource_document_repeats_the_uri_byte_for_byte() {
    let resource = resource(1, "files", "https://Files.example/", "offline_access read");
    let document =
        serde_json::to_value(ProtectedResourceMetadata::new(&resource, "https://as/")).unwrap();
    let expected = json!({
        "resource": "https://Files.example/",
        "authorization_servers": ["https://as/"],
        "scopes_supported": ["read"],
        "bearer_methods_supported": ["header"],
    });
    assert_eq!(document, expected);
    let mut bound = resource;
    bound.policy.dpop.required = true;
    let document = ProtectedResourceMetadata::new(&bound, "https://as/");
    assert_eq!(document.dpop_bound_access_tokens_required, Some(true));
}

proptest! {
    #[test]
    fn issuer_and_endpoints_share_one_root(issuer in "https://[a-z]{1,8}(:[1-9][0-9]{0,3})?(/[a-z]{1,4}){0,2}/?") {
        let listed = ScopeSet::empty();
        let document = AuthorizationServerMetadata::new(&minimal(&issuer, &listed));
        prop_assert_eq!(&document.issuer, &issuer);
        let root = issuer.trim_end_matches('/');
        for url in [&document.authorization_endpoint, &document.token_endpoint, &document.jwks_uri, &document.revocation_endpoint] {
            let path = url.strip_prefix(root).unwrap();
            prop_assert!(path.starts_with('/') && !path.contains("//"));
        }
        let json = serde_json::to_string(&document).unwrap();
        prop_assert_eq!(serde_json::from_str::<AuthorizationServerMetadata>(&json).unwrap(), document);
    }
}
