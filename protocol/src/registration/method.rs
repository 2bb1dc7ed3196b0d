//! How a client that registers itself will authenticate (RFC 7591 §2).
//!
//! It is registered for one method, the strongest it has: what could also come with less
//! would be worth no more than the least.

use serde_json::Value;

use super::document::{Document, check_jwks, fetched_uri, one_or_the_other};
use crate::client::{AuthMethod, ClientMetadataExtras};
use crate::document_url::FetchPolicy;
use crate::error::OAuthError;
use crate::jose::ProofAlgorithm;
use crate::redirect_uri::{RedirectKind, RedirectUri};

/// Strongest first.
const BY_STRENGTH: [AuthMethod; 4] = [
    AuthMethod::PrivateKeyJwt,
    AuthMethod::ClientSecretBasic,
    AuthMethod::ClientSecretPost,
    AuthMethod::None,
];

/// The method asked for, if it is supported; else the strongest of those the client
/// lists beside it. Without either: `none` for native-shaped clients and for any with a
/// private-use URI, which could not be confidential; else `client_secret_basic`.
pub(super) fn choose(
    document: &Document,
    uris: &[RedirectUri],
    supported: &[AuthMethod],
) -> Result<AuthMethod, OAuthError> {
    let listed = document.token_endpoint_auth_methods.as_deref().unwrap_or_default();
    let from_list = || {
        BY_STRENGTH.into_iter().find(|method| {
            // A list is all that the client could do, not what it has prepared.
            let is_possible = *method != AuthMethod::PrivateKeyJwt || document.has_keys();
            let is_listed = listed.iter().any(|word| word == method.as_str());
            supported.contains(method) && is_listed && is_possible
        })
    };
    let private_use = |uri: &RedirectUri| matches!(uri.kind(), RedirectKind::PrivateUse { .. });
    let asked = match document.token_endpoint_auth_method.as_deref() {
        Some(word) => AuthMethod::parse(word),
        None if !listed.is_empty() => None,
        None if super::is_native_shaped(uris) || uris.iter().any(private_use) => {
            Some(AuthMethod::None)
        }
        None => Some(AuthMethod::ClientSecretBasic),
    };
    asked.filter(|method| supported.contains(method)).or_else(from_list).ok_or_else(|| {
        let words: Vec<&str> = supported.iter().map(|method| method.as_str()).collect();
        OAuthError::invalid_client_metadata(format!(
            "token_endpoint_auth_method is not supported; supported are: {}.",
            words.join(", ")
        ))
    })
}

/// What `private_key_jwt` needs: keys, and the one algorithm if the client names it, which
/// says nothing about any other method.
pub(super) fn with_keys_for(
    method: AuthMethod,
    document: &Document,
    metadata: ClientMetadataExtras,
) -> Result<ClientMetadataExtras, OAuthError> {
    if method != AuthMethod::PrivateKeyJwt {
        return Ok(metadata);
    }
    let alg = match document.token_endpoint_auth_signing_alg.as_deref() {
        None => None,
        Some(word) => Some(signing_alg(word)?),
    };
    check_keys(&metadata)?;
    Ok(ClientMetadataExtras { token_endpoint_auth_signing_alg: alg, ..metadata })
}

/// The keys of a client that an operator registers for `private_key_jwt`.
///
/// # Errors
/// `invalid_client_metadata` that says what is missing or why the keys are of no use.
pub fn keys_of_client(
    jwks: Option<&Value>,
    jwks_uri: Option<&str>,
    policy: FetchPolicy,
) -> Result<ClientMetadataExtras, OAuthError> {
    let metadata = ClientMetadataExtras {
        jwks: jwks.map(check_jwks).transpose()?,
        jwks_uri: fetched_uri("jwks_uri", jwks_uri, policy)?,
        ..ClientMetadataExtras::default()
    };
    check_keys(&metadata)?;
    Ok(metadata)
}

fn signing_alg(word: &str) -> Result<ProofAlgorithm, OAuthError> {
    ProofAlgorithm::parse(word).ok_or_else(|| {
        OAuthError::invalid_client_metadata(
            "token_endpoint_auth_signing_alg must be ES256, ES384, RS256, PS256 or EdDSA.",
        )
    })
}

/// Whether a client with this metadata has what its assertions can be verified with.
fn check_keys(metadata: &ClientMetadataExtras) -> Result<(), OAuthError> {
    one_or_the_other(metadata)?;
    match &metadata.jwks {
        Some(jwks) => jwks
            .usable()
            .map(|_| ())
            .map_err(|refusal| OAuthError::invalid_client_metadata(format!("jwks: {refusal}."))),
        None if metadata.jwks_uri.is_some() => Ok(()),
        None => Err(OAuthError::invalid_client_metadata(
            "token_endpoint_auth_method private_key_jwt needs jwks or jwks_uri.",
        )),
    }
}
