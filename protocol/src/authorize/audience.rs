//! Which resources, and which of their scopes (RFC 8707 §2, contract 01).

use super::{AuthorizePolicy, MAX_RESOURCES};
use crate::client::Client;
use crate::error::OAuthError;
use crate::form::Parameters;
use crate::resource::{MintResource, Resources, unknown_resource};
use crate::scope::{OFFLINE_ACCESS, ScopeSet};
use crate::text;

/// The resources a request means: those it names, else the client's default, else
/// the only one there is. Never none.
pub(super) fn choose_resources<'a>(
    params: &Parameters,
    client: &Client,
    resources: &'a Resources,
) -> Result<Vec<&'a MintResource>, OAuthError> {
    let mut chosen: Vec<&MintResource> = Vec::new();
    for (position, uri) in params.all("resource").enumerate() {
        if position == MAX_RESOURCES {
            return Err(OAuthError::invalid_target("More than 16 resources in one request."));
        }
        let resource = resources.by_uri(uri).ok_or_else(|| unknown_resource(uri))?;
        if chosen.iter().all(|known| known.id != resource.id) {
            chosen.push(resource);
        }
    }
    if chosen.is_empty() {
        chosen.push(implied_resource(client, resources)?);
    }
    Ok(chosen)
}

/// The resource a request of `client` means that names none: its default, else the only one
/// there is.
///
/// # Errors
/// `invalid_target` when there is no such resource.
pub fn implied_resource<'a>(
    client: &Client,
    resources: &'a Resources,
) -> Result<&'a MintResource, OAuthError> {
    let Some(default) = client.default_resource.as_deref() else {
        return resources.only_mint().ok_or_else(|| {
            OAuthError::invalid_target(
                "The request names no resource and none is implied; send resource=<URI of the MCP server> (RFC 8707).",
            )
        });
    };
    // A default that is gone must not silently become another audience.
    resources
        .by_uri(default)
        .or_else(|| resources.by_slug(default))
        .filter(|resource| resource.is_addressable())
        .ok_or_else(|| {
            OAuthError::invalid_target(
                "The client's default resource no longer exists; send resource=<URI>.",
            )
        })
}

/// The scopes of a request, and whether it asked for `offline_access`.
pub(super) struct RequestedScopes {
    pub(super) scopes: ScopeSet,
    pub(super) offline_access: bool,
}

/// What the request asks for, checked against catalogs and ceiling; or the default
/// scopes when it names none.
pub(super) fn choose_scopes(
    params: &Parameters,
    client: &Client,
    chosen: &[&MintResource],
    policy: AuthorizePolicy,
) -> Result<RequestedScopes, OAuthError> {
    let asked = ScopeSet::parse(params.get("scope").unwrap_or_default())?;
    let offline_access = asked.contains(OFFLINE_ACCESS);
    let asked = asked.without(OFFLINE_ACCESS);
    let scopes = if asked.is_empty() {
        default_scopes(client, chosen, policy)?
    } else {
        check_scopes(&asked, client, chosen)?;
        asked
    };
    Ok(RequestedScopes { scopes, offline_access })
}

fn default_scopes(
    client: &Client,
    chosen: &[&MintResource],
    policy: AuthorizePolicy,
) -> Result<ScopeSet, OAuthError> {
    if policy.require_scope {
        return Err(OAuthError::invalid_scope(
            "The request names no scope of the resource, and this server requires one.",
        ));
    }
    let defaults = union_of(chosen, MintResource::default_scopes);
    let granted = defaults.under(client.ceiling.as_ref());
    if granted.is_empty() && !defaults.is_empty() {
        return Err(OAuthError::invalid_scope(
            "The client's registered scope allows none of the resource's default scopes; name the scopes you need.",
        ));
    }
    Ok(granted)
}

fn check_scopes(
    asked: &ScopeSet,
    client: &Client,
    chosen: &[&MintResource],
) -> Result<(), OAuthError> {
    let catalog = union_of(chosen, MintResource::catalog);
    if let Some(unknown) = asked.first_not_in(&catalog) {
        let unknown = text::visible(unknown, 64);
        return Err(OAuthError::invalid_scope(format!(
            "The scope '{unknown}' does not exist for the requested resource."
        )));
    }
    let beyond = client.ceiling.as_ref().and_then(|ceiling| asked.first_not_in(ceiling));
    beyond.map_or(Ok(()), |beyond| {
        let beyond = text::visible(beyond, 64);
        Err(OAuthError::invalid_scope(format!(
            "The scope '{beyond}' is outside what the client is registered for."
        )))
    })
}

fn union_of(chosen: &[&MintResource], scopes: impl Fn(&MintResource) -> ScopeSet) -> ScopeSet {
    chosen.iter().fold(ScopeSet::empty(), |all, resource| all.union(&scopes(resource)))
}
