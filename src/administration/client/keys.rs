//! The public keys of a client, for `private_key_jwt`, and the algorithm it signs with.

use protocol::client::{AuthMethod, Client, ClientMetadataExtras};
use protocol::jose::ProofAlgorithm;
use protocol::registration::keys_of_client;
use serde_json::Value;

use super::super::input::Change;
use super::super::{AdminError, Desk};

/// What an operator says about the keys of a client.
#[derive(Debug, Clone)]
pub(super) struct KeysPatch {
    /// By value.
    pub(super) jwks: Change<Value>,
    /// By URL.
    pub(super) jwks_uri: Change<String>,
    /// The one algorithm of its assertions.
    pub(super) algorithm: Change<String>,
}

/// Changes the keys of `client`, whose other members have changed already; `before` is how
/// it authenticated until now.
///
/// Keys given by value take the place of those given by URL, and the other way round. With
/// them goes the algorithm, which was one of the old keys. A client that authenticates in
/// another way from now on forgets them all, as it forgets its secret.
pub(super) fn patch(
    desk: &Desk<'_>,
    client: &mut Client,
    patch: KeysPatch,
    before: AuthMethod,
) -> Result<(), AdminError> {
    let KeysPatch { jwks, jwks_uri, algorithm } = patch;
    let (uri, algorithm) = (jwks_uri.text(), algorithm.text());
    let has_keys = client.auth_method == AuthMethod::PrivateKeyJwt;
    let given = matches!(jwks, Change::Set(_))
        || matches!(uri, Some(Some(_)))
        || matches!(algorithm, Some(Some(_)));
    if given && !has_keys {
        return Err(AdminError::Invalid(format!(
            "jwks, jwks_uri and token_endpoint_auth_signing_alg are for private_key_jwt, and the client authenticates by {}; leave them or the method out",
            client.auth_method
        )));
    }
    let metadata = &mut client.metadata;
    if !has_keys && before == AuthMethod::PrivateKeyJwt {
        forget(metadata);
    }
    let new = match (&jwks, &uri) {
        (Change::Set(set), uri) => {
            Some(checked(desk, Some(set), uri.as_ref().and_then(|it| it.as_deref()))?)
        }
        (_, Some(Some(uri))) => Some(checked(desk, None, Some(uri))?),
        _ => None,
    };
    if let Some(new) = new {
        forget(metadata);
        (metadata.jwks, metadata.jwks_uri) = (new.jwks, new.jwks_uri);
    } else {
        if jwks == Change::Clear {
            metadata.jwks = None;
        }
        if uri.is_some() {
            metadata.jwks_uri = None;
        }
    }
    if let Some(algorithm) = algorithm {
        metadata.token_endpoint_auth_signing_alg = algorithm.as_deref().map(named).transpose()?;
    }
    Ok(())
}

fn forget(metadata: &mut ClientMetadataExtras) {
    metadata.jwks = None;
    metadata.jwks_uri = None;
    metadata.token_endpoint_auth_signing_alg = None;
}

fn named(algorithm: &str) -> Result<ProofAlgorithm, AdminError> {
    ProofAlgorithm::parse(algorithm).ok_or_else(|| {
        AdminError::Invalid(format!(
            "token_endpoint_auth_signing_alg: '{}' does not work here; use one of ES256, RS256, PS256, EdDSA",
            protocol::text::visible(algorithm, 64)
        ))
    })
}

/// Whether the client has what its method needs.
pub(super) fn completed(client: &Client) -> Result<(), AdminError> {
    if client.auth_method != AuthMethod::PrivateKeyJwt {
        return Ok(());
    }
    let metadata = &client.metadata;
    if metadata.jwks.is_none() && metadata.jwks_uri.is_none() {
        return Err(AdminError::invalid(
            "token_endpoint_auth_method private_key_jwt needs jwks or jwks_uri",
        ));
    }
    match (&metadata.jwks, metadata.token_endpoint_auth_signing_alg) {
        (Some(set), Some(algorithm)) if !set.keys().has_one_for(algorithm) => {
            Err(AdminError::Invalid(format!(
                "token_endpoint_auth_signing_alg: none of the keys is one for {algorithm}"
            )))
        }
        _ => Ok(()),
    }
}

fn checked(
    desk: &Desk<'_>,
    jwks: Option<&Value>,
    jwks_uri: Option<&str>,
) -> Result<ClientMetadataExtras, AdminError> {
    let keys = keys_of_client(jwks, jwks_uri, desk.keepers.documents.policy());
    keys.map_err(|error| AdminError::invalid(error.description))
}
