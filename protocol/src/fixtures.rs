//! Clients, resources and requests for the tests of this crate.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::client::{
    ApplicationType, AuthMethod, Client, ClientMetadataExtras, ClientStatus, GrantType,
    RegistrationSource,
};
use crate::form::{AUTHORIZE_REPEATABLE, Parameters};
use crate::redirect_uri::{PublicOrConfidential, RedirectUri};
use crate::resource::{MintResource, ResourcePolicy, Resources, ScopeEntry};
use crate::scope::ScopeSet;

/// RFC 7636 Appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

pub(crate) fn scopes(scope: &str) -> ScopeSet {
    ScopeSet::parse(scope).unwrap()
}

/// An active, self-registered public client with one https redirect URI.
pub(crate) fn client() -> Client {
    Client {
        id: "c1".into(),
        name: "Client One".into(),
        redirect_uris: vec![redirect("https://client.example/cb")],
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        response_types: vec!["code".into()],
        auth_method: AuthMethod::None,
        secret_hash: None,
        ceiling: None,
        default_resource: None,
        application_type: ApplicationType::Web,
        agent: false,
        agent_description: None,
        status: ClientStatus::Active,
        source: RegistrationSource::Dcr,
        metadata: ClientMetadataExtras::default(),
        created_at: at(0),
        updated_at: at(0),
    }
}

/// A confidential client an operator created, ceiling `read write admin`.
pub(crate) fn machine() -> Client {
    Client {
        id: "m1".into(),
        redirect_uris: Vec::new(),
        grant_types: vec![GrantType::ClientCredentials],
        response_types: Vec::new(),
        auth_method: AuthMethod::ClientSecretBasic,
        secret_hash: Some(b"hash".to_vec()),
        ceiling: Some(scopes("read write admin")),
        source: RegistrationSource::Admin,
        ..client()
    }
}

pub(crate) fn redirect(uri: &str) -> RedirectUri {
    RedirectUri::parse_registration(uri, PublicOrConfidential::Public).unwrap()
}

/// A mint resource; a scope that ends in `*` is a default scope.
pub(crate) fn resource(number: u128, slug: &str, uri: &str, scope: &str) -> MintResource {
    let entry = |token: &str| ScopeEntry {
        name: token.trim_end_matches('*').into(),
        description: Some(format!("May {}", token.trim_end_matches('*'))),
        default: token.ends_with('*'),
    };
    MintResource {
        id: Uuid::from_u128(number),
        slug: slug.into(),
        uri: uri.into(),
        aliases: Vec::new(),
        display_name: slug.to_uppercase(),
        discoverable: false,
        scopes: scope.split_whitespace().map(entry).collect(),
        policy: ResourcePolicy::default(),
    }
}

/// `files` (read default, write) and `mail` (send, list, none default).
pub(crate) fn two_resources() -> Resources {
    Resources::new(vec![
        resource(1, "files", "https://files.example/mcp", "read* write"),
        resource(2, "mail", "https://mail.example/mcp", "send list"),
    ])
}

pub(crate) fn one_resource() -> Resources {
    Resources::new(vec![resource(1, "files", "https://files.example/mcp", "read* write")])
}

pub(crate) fn query(encoded: &str) -> Parameters {
    Parameters::parse(encoded.as_bytes(), AUTHORIZE_REPEATABLE).unwrap()
}

pub(crate) fn form(encoded: &str) -> Parameters {
    Parameters::parse(encoded.as_bytes(), crate::form::TOKEN_REPEATABLE).unwrap()
}
