//! The grants of the token endpoint, one file each.
//!
//! A grant has a `Request` read from the form and a `check` that answers with a
//! [`Grantable`] or a refusal. No check changes anything: whatever it refuses, the
//! code or refresh token is unspent (contract 01, "invalid_target").

use uuid::Uuid;

use crate::authorize::MAX_RESOURCES;
use crate::client::{Client, GrantType};
use crate::error::OAuthError;
use crate::form::Parameters;
use crate::resource::{MintResource, Resources, unknown_resource};
use crate::scope::{OFFLINE_ACCESS, ScopeSet};
use crate::text;

pub mod authorization_code;
pub mod client_credentials;
pub mod refresh_token;
pub mod token_exchange;

/// What an access token may now be issued for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grantable {
    /// The `aud` claim. Never empty.
    pub audience: Vec<String>,
    /// The resources behind it, in the same order; empty when the audience is the issuer.
    pub resource_ids: Vec<Uuid>,
    /// The `scope` claim.
    pub scopes: ScopeSet,
}

impl Grantable {
    fn new(resources: &[&MintResource], scopes: ScopeSet) -> Self {
        Self {
            audience: resources.iter().map(|resource| resource.uri.clone()).collect(),
            resource_ids: resources.iter().map(|resource| resource.id).collect(),
            scopes,
        }
    }
}

/// The grant a token request names.
///
/// # Errors
/// `invalid_request` when it names none, `unsupported_grant_type` when there is no such grant.
pub fn grant_type(form: &Parameters) -> Result<GrantType, OAuthError> {
    GrantType::parse(form.require("grant_type")?)
        .ok_or_else(|| OAuthError::unsupported_grant_type("This grant_type does not exist here."))
}

/// The `resource` parameters of a token request (RFC 8707 §2.2).
fn requested_resources(form: &Parameters) -> Result<Vec<String>, OAuthError> {
    let resources: Vec<String> = form.all("resource").map(str::to_owned).collect();
    if resources.len() > MAX_RESOURCES {
        return Err(OAuthError::invalid_target("More than 16 resources in one request."));
    }
    Ok(resources)
}

/// The resource scopes a token request names. `offline_access` is dropped: clients
/// repeat what they sent to the authorization endpoint. None when nothing is left.
fn requested_scopes(form: &Parameters) -> Result<Option<ScopeSet>, OAuthError> {
    Ok(resource_scopes(&ScopeSet::parse(form.get("scope").unwrap_or_default())?))
}

/// Those of the scopes asked for that are a resource's; none when nothing is left.
#[must_use]
pub fn resource_scopes(asked: &ScopeSet) -> Option<ScopeSet> {
    Some(asked.without(OFFLINE_ACCESS)).filter(|scopes| !scopes.is_empty())
}

/// Refuses a bearer token where only a bound one will do: the client said so when it was
/// registered (RFC 9449 §5.2), or the operator about a resource.
pub(crate) fn require_proof(
    client: &Client,
    chosen: &[&MintResource],
    proof: Option<&str>,
) -> Result<(), OAuthError> {
    if proof.is_some() {
        return Ok(());
    }
    if client.metadata.dpop_bound_access_tokens {
        return Err(OAuthError::invalid_dpop_proof(
            "The client is registered for tokens bound to a key: send a DPoP proof.",
        ));
    }
    match chosen.iter().find(|resource| resource.policy.dpop.required) {
        Some(resource) => Err(OAuthError::invalid_dpop_proof(format!(
            "Tokens for '{}' have to be bound to a key: send a DPoP proof.",
            resource.slug
        ))),
        None => Ok(()),
    }
}

fn require_grant(client: &Client, grant: GrantType) -> Result<(), OAuthError> {
    if client.may_use(grant) {
        return Ok(());
    }
    Err(OAuthError::unauthorized_client(format!(
        "The client is not registered for the grant '{grant}'."
    )))
}

/// The resources a token is for: those asked, each of which the grant must cover,
/// or everything the grant covers. Resources deleted since then no longer count.
fn covered_resources<'a>(
    asked: &[String],
    covered: &[Uuid],
    resources: &'a Resources,
) -> Result<Vec<&'a MintResource>, OAuthError> {
    let mut chosen: Vec<&MintResource> = Vec::new();
    for uri in asked {
        let resource = resources.by_uri(uri).ok_or_else(|| unknown_resource(uri))?;
        if !covered.contains(&resource.id) {
            let uri = text::visible(uri, 200);
            return Err(OAuthError::invalid_target(format!(
                "The resource '{uri}' is not one the user approved for this sign-in."
            )));
        }
        if chosen.iter().all(|known| known.id != resource.id) {
            chosen.push(resource);
        }
    }
    if asked.is_empty() {
        let live = covered.iter().filter_map(|id| resources.by_id(*id));
        chosen.extend(live.filter(|resource| resource.is_addressable()));
    }
    if chosen.is_empty() {
        return Err(resource_gone());
    }
    Ok(chosen)
}

/// The resource a token was to be for was deleted since it was asked for, or agreed to.
#[must_use]
pub fn resource_gone() -> OAuthError {
    OAuthError::invalid_target("The resource this is for no longer exists.")
}

/// What `granted` still amounts to: within the ceiling as it is now and the catalogs
/// of the resources the token is for.
fn live_scopes(granted: &ScopeSet, client: &Client, chosen: &[&MintResource]) -> ScopeSet {
    let catalog =
        chosen.iter().fold(ScopeSet::empty(), |all, resource| all.union(&resource.catalog()));
    granted.intersection(&catalog).under(client.ceiling.as_ref())
}

/// Refuses a token that would carry no scope although scopes were granted.
fn refuse_nothing_left(granted: &ScopeSet, left: &ScopeSet) -> Result<(), OAuthError> {
    if left.is_empty() && !granted.is_empty() {
        return Err(OAuthError::invalid_scope(
            "None of the granted scopes is still available to this client.",
        ));
    }
    Ok(())
}
