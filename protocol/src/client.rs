//! The client: who asks for tokens, and what it was registered for (RFC 7591 §2).

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::jose::{ProofAlgorithm, RegisteredKeys};
use crate::redirect_uri::{PublicOrConfidential, RedirectUri};
use crate::scope::ScopeSet;
use crate::wire::wire_enum;

wire_enum! {
    /// A grant of the token endpoint.
    pub enum GrantType {
        /// RFC 6749 §4.1.
        AuthorizationCode => "authorization_code",
        /// RFC 6749 §6.
        RefreshToken => "refresh_token",
        /// RFC 6749 §4.4.
        ClientCredentials => "client_credentials",
        /// RFC 8693.
        TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
        /// RFC 7523 §2.1; here for ID-JAG.
        JwtBearer => "urn:ietf:params:oauth:grant-type:jwt-bearer",
    }
}

wire_enum! {
    /// How a client proves who it is (RFC 7591 §2, `token_endpoint_auth_method`).
    pub enum AuthMethod {
        /// Not at all: a public client.
        None => "none",
        /// Secret in the `Authorization` header (RFC 6749 §2.3.1).
        ClientSecretBasic => "client_secret_basic",
        /// Secret in the body (RFC 6749 §2.3.1).
        ClientSecretPost => "client_secret_post",
        /// Signed assertion (RFC 7523 §2.2).
        PrivateKeyJwt => "private_key_jwt",
    }
}

impl AuthMethod {
    /// True when the method is a shared secret that we issue.
    #[must_use]
    pub const fn uses_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }

    /// Whether a client with this method is public or confidential (RFC 6749 §2.1).
    #[must_use]
    pub const fn publicity(self) -> PublicOrConfidential {
        match self {
            Self::None => PublicOrConfidential::Public,
            _ => PublicOrConfidential::Confidential,
        }
    }
}

wire_enum! {
    /// Whether the operator lets the client work.
    pub enum ClientStatus {
        /// Works.
        Active => "active",
        /// Gets no new tokens until it is reactivated.
        Suspended => "suspended",
        /// Gone for good.
        Revoked => "revoked",
    }
}

wire_enum! {
    /// Where the client came from.
    pub enum RegistrationSource {
        /// An operator created it.
        Admin => "admin",
        /// It registered itself (RFC 7591).
        Dcr => "dcr",
        /// Its id is the URL of its metadata document.
        Cimd => "cimd",
    }
}

wire_enum! {
    /// `application_type` (OpenID Connect Registration §2; MCP authorization).
    pub enum ApplicationType {
        /// Runs on a web server.
        Web => "web",
        /// Runs on the user's machine.
        Native => "native",
    }
}

/// What a client says about itself and we only repeat. All self-declared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientMetadataExtras {
    /// Home page, https.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// Logo, https. Never embedded in a page as is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    /// Terms of service, https.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// Privacy policy, https.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// People to write to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    /// Same for every instance of the software.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
    /// Version of the software.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
    /// Public keys by value (RFC 7517); excludes `jwks_uri`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<RegisteredKeys>,
    /// Public keys by reference, https.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// The one algorithm of its assertions, when it named one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg: Option<ProofAlgorithm>,
    /// Whether it gets tokens bound to a key only (RFC 9449 §5.2).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dpop_bound_access_tokens: bool,
}

/// A registered client.
#[derive(Clone, PartialEq)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// `client_name`. Self-declared unless [`Client::operator_registered`].
    pub name: String,
    /// Registered redirect URIs, at most 100.
    pub redirect_uris: Vec<RedirectUri>,
    /// Grants the client may use.
    pub grant_types: Vec<GrantType>,
    /// `["code"]`, or empty for a client without redirects.
    pub response_types: Vec<String>,
    /// How it authenticates.
    pub auth_method: AuthMethod,
    /// Keyed hash of the secret; None for clients without one.
    pub secret_hash: Option<Vec<u8>>,
    /// The most it may ever get; None means no ceiling.
    pub ceiling: Option<ScopeSet>,
    /// URI or slug of the resource meant when a request names none.
    pub default_resource: Option<String>,
    /// Web or native.
    pub application_type: ApplicationType,
    /// True when the client is an agent: its tokens carry `agent_id`.
    pub agent: bool,
    /// What the agent is for.
    pub agent_description: Option<String>,
    /// Whether it works.
    pub status: ClientStatus,
    /// Where it came from.
    pub source: RegistrationSource,
    /// What it says about itself.
    pub metadata: ClientMetadataExtras,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Client {
    /// About how many bytes it takes up in memory: what it registered, twice, since keys are
    /// kept as they were written and as they are used.
    #[must_use]
    pub fn footprint(&self) -> usize {
        const EMPTY: usize = 1024;
        let keys = self.metadata.jwks.as_ref().map_or(0, |jwks| jwks.keys().footprint());
        let uris: usize = self.redirect_uris.iter().map(|uri| uri.as_str().len()).sum();
        let written = serde_json::to_vec(&self.metadata).map_or(0, |written| written.len());
        EMPTY + self.name.len() + 2 * (uris + written) + keys
    }

    /// True when the client is registered for `grant`. Says nothing about its
    /// status, which client authentication checks.
    #[must_use]
    pub fn may_use(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// True when the client cannot authenticate (RFC 6749 §2.1).
    #[must_use]
    pub const fn is_public(&self) -> bool {
        matches!(self.auth_method, AuthMethod::None)
    }

    /// True when an operator created it, so that its name and URIs can be believed.
    #[must_use]
    pub const fn operator_registered(&self) -> bool {
        matches!(self.source, RegistrationSource::Admin)
    }

    /// True when its status lets it get tokens.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        matches!(self.status, ClientStatus::Active)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("redirect_uris", &self.redirect_uris)
            .field("grant_types", &self.grant_types)
            .field("auth_method", &self.auth_method)
            .field("secret_hash", &self.secret_hash.as_ref().map(|_| "[redacted]"))
            .field("ceiling", &self.ceiling)
            .field("default_resource", &self.default_resource)
            .field("application_type", &self.application_type)
            .field("agent", &self.agent)
            .field("status", &self.status)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use proptest::prelude::*;

    #[test]
    fn every_word_survives_the_way_over_the_wire() {
        for grant in GrantType::ALL {
            let json = serde_json::to_string(grant).unwrap();
            assert_eq!(serde_json::from_str::<GrantType>(&json).unwrap(), *grant);
            assert_eq!(grant.as_str().parse(), Ok(*grant));
        }
        for method in AuthMethod::ALL {
            assert_eq!(AuthMethod::parse(method.as_str()), Some(*method));
        }
        assert_eq!(serde_json::to_string(&RegistrationSource::Cimd).unwrap(), "\"cimd\"");
        assert_eq!(serde_json::to_string(&ClientStatus::Suspended).unwrap(), "\"suspended\"");
        assert!(serde_json::from_str::<ApplicationType>("\"Web\"").is_err());
    }

    #[test]
    fn an_unknown_word_is_named_safely() {
        let error = "im\u{202E}plicit".parse::<GrantType>().unwrap_err();
        assert_eq!(error.to_string(), "unknown GrantType 'implicit'");
    }

    #[test]
    fn debug_does_not_show_the_secret_hash() {
        let mut client = fixtures::client();
        client.secret_hash = Some(vec![201, 202, 203]);
        let shown = format!("{client:?}");
        assert!(shown.contains("[redacted]") && !shown.contains("201"));
    }

    #[test]
    fn a_client_may_use_what_it_was_registered_for() {
        let client = fixtures::client();
        assert!(client.may_use(GrantType::AuthorizationCode));
        assert!(!client.may_use(GrantType::TokenExchange));
        assert!(client.is_public() && client.is_active() && !client.operator_registered());
    }

    proptest! {
        #[test]
        fn only_exact_words_are_grants(word in ".*") {
            let known = GrantType::ALL.iter().any(|grant| grant.as_str() == word);
            prop_assert_eq!(GrantType::parse(&word).is_some(), known);
        }
    }
}
