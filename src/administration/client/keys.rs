//! The public keys of a client, for `private_key_jwt`.

use protocol::client::{AuthMethod, Client, ClientMetadataExtras};
use protocol::registration::keys_of_client;
use serde_json::Value;

use super::super::input::Change;
use super::super::{AdminError, Desk};

/// The keys of a new client. They are for `private_key_jwt` and for nothing else.
pub(super) fn registered(
    desk: &Desk<'_>,
    method: AuthMethod,
    jwks: Option<&Value>,
    jwks_uri: Option<&str>,
) -> Result<ClientMetadataExtras, AdminError> {
    if method == AuthMethod::PrivateKeyJwt {
        return checked(desk, jwks, jwks_uri);
    }
    if jwks.is_some() || jwks_uri.is_some() {
        return Err(AdminError::Invalid(format!(
            "jwks and jwks_uri are for private_key_jwt, and the client authenticates by {method}; leave them or the method out"
        )));
    }
    Ok(ClientMetadataExtras::default())
}

/// Changes the keys. Those given by value take the place of those given by URL, and the
/// other way round.
pub(super) fn patch(
    desk: &Desk<'_>,
    client: &mut Client,
    jwks: &Change<Value>,
    jwks_uri: Change<String>,
) -> Result<(), AdminError> {
    let uri = jwks_uri.text();
    let given = match (jwks, &uri) {
        (Change::Set(set), uri) => {
            checked(desk, Some(set), uri.as_ref().and_then(|it| it.as_deref()))?
        }
        (_, Some(Some(uri))) => checked(desk, None, Some(uri))?,
        _ => {
            let metadata = &mut client.metadata;
            if *jwks == Change::Clear {
                metadata.jwks = None;
            }
            if uri.is_some() {
                metadata.jwks_uri = None;
            }
            return Ok(());
        }
    };
    client.metadata.jwks = given.jwks;
    client.metadata.jwks_uri = given.jwks_uri;
    Ok(())
}

/// Whether the client has what its method needs.
pub(super) fn completed(client: &Client) -> Result<(), AdminError> {
    let has_keys = client.metadata.jwks.is_some() || client.metadata.jwks_uri.is_some();
    if client.auth_method == AuthMethod::PrivateKeyJwt && !has_keys {
        return Err(AdminError::invalid(
            "token_endpoint_auth_method private_key_jwt needs jwks or jwks_uri",
        ));
    }
    Ok(())
}

fn checked(
    desk: &Desk<'_>,
    jwks: Option<&Value>,
    jwks_uri: Option<&str>,
) -> Result<ClientMetadataExtras, AdminError> {
    let keys = keys_of_client(jwks, jwks_uri, desk.keepers.documents.policy());
    keys.map_err(|error| AdminError::invalid(error.description))
}
