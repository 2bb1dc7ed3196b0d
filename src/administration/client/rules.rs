//! What operators may say about a client, and what has to fit together.

use protocol::client::{ApplicationType, AuthMethod, Client, GrantType};
use protocol::redirect_uri::{self, PublicOrConfidential, RedirectUri};
use protocol::registration::MAX_TYPES;
use protocol::scope::ScopeSet;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::super::input::{Change, null_is_default};
use super::super::{AdminError, Desk};
use crate::flows::authenticate_client::METHODS;

/// What an operator says about a new client. `null` is the same as leaving a member out.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewClient {
    /// Name shown to people.
    #[serde(rename = "client_name")]
    pub name: String,
    /// Redirect URIs; needed for `authorization_code`.
    #[serde(deserialize_with = "null_is_default")]
    pub redirect_uris: Vec<String>,
    /// Grants by wire name; by default `authorization_code` and `refresh_token`.
    #[serde(deserialize_with = "null_is_default")]
    pub grant_types: Vec<String>,
    /// Follows from the grants; whoever says it has to say the right one.
    #[serde(deserialize_with = "null_is_default")]
    pub response_types: Vec<String>,
    /// Authentication method; by default `private_key_jwt` with keys and
    /// `client_secret_basic` without.
    #[serde(rename = "token_endpoint_auth_method")]
    pub auth_method: Option<String>,
    /// Scope ceiling.
    pub scope: Option<String>,
    /// URI or slug of the resource meant when a request names none; kept as its slug.
    pub default_resource: Option<String>,
    /// Whether it is an agent.
    #[serde(deserialize_with = "null_is_default")]
    pub agent: bool,
    /// What the agent is for.
    pub agent_description: Option<String>,
    /// Its public keys, for `private_key_jwt`: a JWK set.
    #[schema(value_type = Option<Object>)]
    pub jwks: Option<Value>,
    /// Or where it publishes them.
    pub jwks_uri: Option<String>,
    /// Whether it gets tokens bound to a key only (RFC 9449 section 5.2).
    #[serde(deserialize_with = "null_is_default")]
    pub dpop_bound: bool,
    /// The one algorithm of its assertions, if it is to be one; for `private_key_jwt`.
    pub token_endpoint_auth_signing_alg: Option<String>,
}

/// What is to change about a client.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClientPatch {
    /// Name shown to people.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub client_name: Change<String>,
    /// Redirect URIs, all of them.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<Vec<String>>)]
    pub redirect_uris: Change<Vec<String>>,
    /// Grants by wire name, all of them.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<Vec<String>>)]
    pub grant_types: Change<Vec<String>>,
    /// Follows from the grants; whoever says it has to say the right one.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<Vec<String>>)]
    pub response_types: Change<Vec<String>>,
    /// Authentication method. One with a secret makes a new secret when there was none;
    /// one without forgets it. One without keys forgets those.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub token_endpoint_auth_method: Change<String>,
    /// Scope ceiling; `null` takes it away.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub scope: Change<String>,
    /// URI or slug of the resource meant when a request names none.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub default_resource: Change<String>,
    /// Whether it is an agent.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<bool>)]
    pub agent: Change<bool>,
    /// What the agent is for.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub agent_description: Change<String>,
    /// Its public keys; takes the place of `jwks_uri`.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<Object>)]
    pub jwks: Change<Value>,
    /// Where it publishes its public keys; takes the place of `jwks`.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub jwks_uri: Change<String>,
    /// Whether it gets tokens bound to a key only (RFC 9449 section 5.2).
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<bool>)]
    pub dpop_bound: Change<bool>,
    /// The one algorithm of its assertions; `null` is any of its keys. Forgotten with the keys.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub token_endpoint_auth_signing_alg: Change<String>,
}

/// What has to fit together about a client, whichever way it came to be so. `said` are
/// the response types somebody asked for.
pub(super) fn completed(mut client: Client, said: Option<&[String]>) -> Result<Client, AdminError> {
    let by_code = client.may_use(GrantType::AuthorizationCode);
    let by_itself = client.may_use(GrantType::ClientCredentials);
    if by_code && client.redirect_uris.is_empty() {
        return Err(AdminError::invalid(
            "redirect_uris: the authorization_code grant needs at least one",
        ));
    }
    if by_itself && client.auth_method == AuthMethod::None {
        return Err(AdminError::invalid(
            "the client_credentials grant needs a client that can prove who it is; choose another token_endpoint_auth_method",
        ));
    }
    if by_itself && client.ceiling.is_none() {
        return Err(AdminError::invalid(
            "scope: the client_credentials grant needs a ceiling, all that the client may ever get",
        ));
    }
    super::keys::completed(&client)?;
    client.response_types = if by_code { vec!["code".to_owned()] } else { Vec::new() };
    if said.is_some_and(|said| said != client.response_types) {
        return Err(AdminError::invalid(
            "response_types must be [\"code\"] with the authorization_code grant, and empty without; or leave it out",
        ));
    }
    Ok(client)
}

/// Web unless everything it has is on the user's own machine.
pub(super) fn application_type(redirect_uris: &[RedirectUri]) -> ApplicationType {
    let local = |uri: &RedirectUri| uri.kind().is_local();
    if !redirect_uris.is_empty() && redirect_uris.iter().all(local) {
        ApplicationType::Native
    } else {
        ApplicationType::Web
    }
}

pub(super) fn auth_method(given: &str) -> Result<AuthMethod, AdminError> {
    let known: Vec<&str> = METHODS.iter().map(|method| method.as_str()).collect();
    METHODS.iter().copied().find(|method| method.as_str() == given).ok_or_else(|| {
        AdminError::Invalid(format!(
            "token_endpoint_auth_method '{}' does not work here; use one of {}",
            protocol::text::visible(given, 64),
            known.join(", ")
        ))
    })
}

pub(super) fn redirect_uris(
    given: &[String],
    publicity: PublicOrConfidential,
) -> Result<Vec<RedirectUri>, AdminError> {
    if given.len() > redirect_uri::MAX_PER_CLIENT {
        return Err(AdminError::Invalid(format!(
            "redirect_uris: more than {}",
            redirect_uri::MAX_PER_CLIENT
        )));
    }
    let parse = |uri: &String| {
        RedirectUri::parse_registration(uri, publicity).map_err(|error| {
            let uri = protocol::text::visible(uri, 200);
            AdminError::Invalid(format!("redirect_uris: '{uri}': {error}"))
        })
    };
    given.iter().map(parse).collect()
}

/// The grants with these names, each once; those of an app when none is named.
pub(super) fn grant_types(given: &[String]) -> Result<Vec<GrantType>, AdminError> {
    if given.is_empty() {
        return Ok(vec![GrantType::AuthorizationCode, GrantType::RefreshToken]);
    }
    if given.len() > MAX_TYPES {
        return Err(AdminError::Invalid(format!("grant_types: more than {MAX_TYPES}")));
    }
    let built = || crate::grants::GRANTS.iter().map(|grant| grant.name);
    let mut grants = Vec::new();
    for word in given {
        let grant = built().find(|grant| grant.as_str() == word).ok_or_else(|| {
            let known: Vec<&str> = built().map(GrantType::as_str).collect();
            AdminError::Invalid(format!(
                "grant_types: '{}' does not exist here; use {}",
                protocol::text::visible(word, 100),
                known.join(", ")
            ))
        })?;
        if !grants.contains(&grant) {
            grants.push(grant);
        }
    }
    Ok(grants)
}

pub(super) fn ceiling(given: Option<&str>) -> Result<Option<ScopeSet>, AdminError> {
    let given = given.filter(|scope| !scope.is_empty());
    let ceiling = given.map(ScopeSet::parse).transpose();
    ceiling.map_err(|error| AdminError::Invalid(format!("scope: {error}")))
}

pub(super) fn known_resource(
    desk: &Desk<'_>,
    given: Option<String>,
) -> Result<Option<String>, AdminError> {
    let Some(given) = given.filter(|given| !given.is_empty()) else { return Ok(None) };
    let resources = desk.keepers.catalog.resources();
    // By its slug, which never changes: a URI may, and the client must not lose its way then.
    match resources.by_uri(&given).or_else(|| resources.by_slug(&given)) {
        Some(resource) => Ok(Some(resource.slug.clone())),
        None => Err(AdminError::Invalid(format!(
            "default_resource: there is no resource '{}'; create it first",
            protocol::text::visible(&given, 200)
        ))),
    }
}
