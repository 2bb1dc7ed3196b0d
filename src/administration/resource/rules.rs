//! What operators may say about a resource.

use std::collections::BTreeSet;

use actors::catalog::MAX_LIST;
use protocol::redirect_uri::{PublicOrConfidential, RedirectUri};
use protocol::resource::{
    ConnectPolicy, DpopPolicy, ExchangePolicy, MintResource, ResourcePolicy, ResourceUri,
    RuntimePolicy, ScopeEntry, is_slug,
};
use protocol::scope::{MAX_SCOPES, OFFLINE_ACCESS, is_scope_token};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, Object, ObjectBuilder, Schema, Type,
};

use super::super::input::{null_is_default, text};
use super::super::{AdminError, Change, Desk};
use super::{check_backend, emptied, replaced};

/// Longest name, in characters.
const MAX_NAME: usize = 200;
/// Longest description of a scope, in characters.
const MAX_DESCRIPTION: usize = 1000;
/// Most aliases.
const MAX_ALIASES: usize = 100;

/// The scopes of a resource, for the description of the admin API.
pub(super) fn scope_catalog() -> RefOr<Schema> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let scope = ObjectBuilder::new()
        .property("name", text().description(Some("The scope token (RFC 6749 section 3.3).")))
        .required("name")
        .property("description", text().description(Some("For the consent page.")))
        .property("default", Object::with_type(Type::Boolean))
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
    ArrayBuilder::new().items(scope).into()
}

/// What an operator says about a new resource. `null` is the same as leaving a member out.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewResource {
    /// The operator's name for it.
    pub slug: String,
    /// RFC 8707 identifier; becomes `aud`.
    pub uri: String,
    /// Other URIs that mean the same.
    #[serde(deserialize_with = "null_is_default")]
    pub aliases: Vec<String>,
    /// Name shown to people; the slug when none is given.
    pub display_name: Option<String>,
    /// Whether its scopes appear in the server's metadata.
    #[serde(deserialize_with = "null_is_default")]
    pub discoverable: bool,
    /// `mint`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend_kind: Option<String>,
    /// For broker resources, of which there are none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker_provider_id: Option<String>,
    /// For broker resources, of which there are none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker_provider_slug: Option<String>,
    /// Scope catalog.
    #[serde(deserialize_with = "null_is_default")]
    #[schema(schema_with = scope_catalog)]
    pub scopes: Vec<ScopeEntry>,
    /// Who may exchange for it and act as it, and where people may return to.
    #[serde(deserialize_with = "null_is_default")]
    pub policy: NewPolicy,
}

/// The policy of a new resource.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewPolicy {
    /// Who may exchange into it; nobody named lets everybody.
    #[serde(deserialize_with = "null_is_default")]
    pub exchange: ExchangeInput,
    /// Who may act as it.
    #[serde(deserialize_with = "null_is_default")]
    pub runtime: RuntimeInput,
    /// Where people may return to.
    #[serde(deserialize_with = "null_is_default")]
    pub connect: ConnectInput,
    /// Whether its tokens have to be bound to a key.
    #[serde(deserialize_with = "null_is_default")]
    pub dpop: DpopInput,
}

/// Who may exchange into a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExchangeInput {
    /// Client ids.
    #[serde(deserialize_with = "null_is_default")]
    pub allowed_client_ids: Vec<String>,
}

/// Who may act as a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RuntimeInput {
    /// Client ids.
    #[serde(deserialize_with = "null_is_default")]
    pub client_ids: Vec<String>,
}

/// Where people may return to after connecting an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectInput {
    /// URLs, byte for byte.
    #[serde(deserialize_with = "null_is_default")]
    pub allowed_return_urls: Vec<String>,
}

/// Whether tokens for a resource have to be bound to a key (RFC 9449).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DpopInput {
    /// Nobody gets a bearer token for it.
    #[serde(deserialize_with = "null_is_default")]
    pub required: bool,
}

/// What is to change about a resource.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResourcePatch {
    /// Cannot change; may be said as it is.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub slug: Change<String>,
    /// RFC 8707 identifier.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub uri: Change<String>,
    /// Other URIs that mean the same, all of them; `null` is none.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<Vec<String>>)]
    pub aliases: Change<Vec<String>>,
    /// Name shown to people; `null` is the slug.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub display_name: Change<String>,
    /// Whether its scopes appear in the server's metadata.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<bool>)]
    pub discoverable: Change<bool>,
    /// Cannot change; may be said as it is.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub backend_kind: Change<String>,
    /// Scope catalog, all of it; `null` is none.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(schema_with = scope_catalog)]
    pub scopes: Change<Vec<ScopeEntry>>,
    /// The parts of the policy that are to change.
    #[serde(deserialize_with = "null_is_default")]
    pub policy: PolicyPatch,
}

/// What is to change about a policy. A part that is there is replaced as a whole; `null`
/// empties it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyPatch {
    /// Who may exchange into it; nobody named lets everybody.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<ExchangeInput>)]
    pub exchange: Change<ExchangeInput>,
    /// Who may act as it.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<RuntimeInput>)]
    pub runtime: Change<RuntimeInput>,
    /// Where people may return to.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<ConnectInput>)]
    pub connect: Change<ConnectInput>,
    /// Whether its tokens have to be bound to a key.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<DpopInput>)]
    pub dpop: Change<DpopInput>,
}

pub(super) async fn checked(desk: &Desk<'_>, new: NewResource) -> Result<MintResource, AdminError> {
    check_backend(new.backend_kind.as_deref())?;
    if new.broker_provider_id.is_some() || new.broker_provider_slug.is_some() {
        return Err(AdminError::invalid(
            "broker_provider_id and broker_provider_slug belong to broker resources, which are not built yet",
        ));
    }
    if !is_slug(&new.slug) {
        return Err(AdminError::Invalid(format!(
            "slug '{}' must be 1 to 63 characters of a-z, 0-9 and '-', not begin with '-', and not have the form of an id",
            protocol::text::visible(&new.slug, 100)
        )));
    }
    let policy = ResourcePolicy {
        exchange: ExchangePolicy { allowed_client_ids: new.policy.exchange.allowed_client_ids },
        runtime: RuntimePolicy { client_ids: new.policy.runtime.client_ids },
        connect: ConnectPolicy { allowed_return_urls: new.policy.connect.allowed_return_urls },
        dpop: DpopPolicy { required: new.policy.dpop.required },
    };
    let resource = MintResource {
        id: desk.environment.new_id(),
        display_name: display_name(new.display_name, &new.slug)?,
        slug: new.slug,
        uri: new.uri,
        aliases: new.aliases,
        discoverable: new.discoverable,
        scopes: new.scopes,
        policy,
    };
    check_uris(&resource)?;
    check_scopes(&resource.scopes)?;
    check_policy(desk, &resource.policy, &ResourcePolicy::default()).await?;
    Ok(resource)
}

pub(super) async fn patched(
    desk: &Desk<'_>,
    mut resource: MintResource,
    patch: ResourcePatch,
) -> Result<MintResource, AdminError> {
    check_backend(patch.backend_kind.value("backend_kind")?.as_deref())?;
    if patch.slug.value("slug")?.is_some_and(|slug| slug != resource.slug) {
        return Err(AdminError::invalid(
            "slug cannot change: clients and the configuration know the resource by it; register a new one",
        ));
    }
    replaced(&mut resource.uri, patch.uri.value("uri")?);
    replaced(&mut resource.aliases, emptied(patch.aliases));
    replaced(&mut resource.discoverable, patch.discoverable.value("discoverable")?);
    replaced(&mut resource.scopes, emptied(patch.scopes));
    if let Some(name) = patch.display_name.text() {
        resource.display_name = display_name(name, &resource.slug)?;
    }
    let before = resource.policy.clone();
    let policy = &mut resource.policy;
    let exchange = emptied(patch.policy.exchange).map(|part| part.allowed_client_ids);
    replaced(&mut policy.exchange.allowed_client_ids, exchange);
    let runtime = emptied(patch.policy.runtime).map(|part| part.client_ids);
    replaced(&mut policy.runtime.client_ids, runtime);
    let connect = emptied(patch.policy.connect).map(|part| part.allowed_return_urls);
    replaced(&mut policy.connect.allowed_return_urls, connect);
    replaced(&mut policy.dpop.required, emptied(patch.policy.dpop).map(|part| part.required));
    check_uris(&resource)?;
    check_scopes(&resource.scopes)?;
    check_policy(desk, &resource.policy, &before).await?;
    Ok(resource)
}

fn display_name(given: Option<String>, slug: &str) -> Result<String, AdminError> {
    let given = given.filter(|name| !name.is_empty());
    given.map_or_else(|| Ok(slug.to_owned()), |name| text("display_name", &name, MAX_NAME))
}

fn check_uris(resource: &MintResource) -> Result<(), AdminError> {
    at_most("aliases", &resource.aliases, MAX_ALIASES)?;
    for (member, uri) in std::iter::once(("uri", &resource.uri))
        .chain(resource.aliases.iter().map(|alias| ("aliases", alias)))
    {
        ResourceUri::parse(uri).map_err(|error| {
            let uri = protocol::text::visible(uri, 200);
            AdminError::Invalid(format!("{member}: '{uri}': {error}"))
        })?;
    }
    Ok(())
}

fn check_scopes(scopes: &[ScopeEntry]) -> Result<(), AdminError> {
    at_most("scopes", scopes, MAX_SCOPES)?;
    let mut names = BTreeSet::new();
    for scope in scopes {
        let shown = protocol::text::visible(&scope.name, 100);
        if !is_scope_token(&scope.name) {
            return Err(AdminError::Invalid(format!(
                "scopes: '{shown}' is not a scope: use visible ASCII without space, quote and backslash (RFC 6749 section 3.3)"
            )));
        }
        if scope.name == OFFLINE_ACCESS {
            return Err(AdminError::invalid(
                "scopes: offline_access belongs to the server, not to a resource",
            ));
        }
        if !names.insert(&scope.name) {
            return Err(AdminError::Invalid(format!("scopes: '{shown}' is listed twice")));
        }
        let description = scope.description.as_deref().unwrap_or_default();
        if description.chars().count() > MAX_DESCRIPTION || description.contains('\0') {
            return Err(AdminError::Invalid(format!(
                "scopes: the description of '{shown}' must have at most {MAX_DESCRIPTION} visible characters"
            )));
        }
    }
    Ok(())
}

/// Only what is new has to exist: a client that was deleted since must not keep anybody
/// from changing the rest.
async fn check_policy(
    desk: &Desk<'_>,
    policy: &ResourcePolicy,
    before: &ResourcePolicy,
) -> Result<(), AdminError> {
    for (member, list, known) in [
        (
            "policy.exchange.allowed_client_ids",
            &policy.exchange.allowed_client_ids,
            &before.exchange.allowed_client_ids,
        ),
        ("policy.runtime.client_ids", &policy.runtime.client_ids, &before.runtime.client_ids),
    ] {
        check_list(member, list)?;
        for id in list.iter().filter(|id| !known.contains(id)) {
            if desk.keepers.catalog.client(id).await?.is_none() {
                let id = protocol::text::visible(id, 200);
                return Err(AdminError::Invalid(format!("{member}: there is no client '{id}'")));
            }
        }
    }
    let urls = &policy.connect.allowed_return_urls;
    check_list("policy.connect.allowed_return_urls", urls)?;
    urls.iter().try_for_each(|url| check_return_url(url))
}

fn check_list(member: &str, list: &[String]) -> Result<(), AdminError> {
    at_most(member, list, MAX_LIST)?;
    let mut seen = BTreeSet::new();
    match list.iter().find(|entry| !seen.insert(*entry)) {
        None => Ok(()),
        Some(twice) => {
            let shown = protocol::text::visible(twice, 200);
            Err(AdminError::Invalid(format!("{member}: '{shown}' is listed twice")))
        }
    }
}

/// A place on the web, or on the person's own machine.
pub(super) fn check_return_url(url: &str) -> Result<(), AdminError> {
    match RedirectUri::parse_registration(url, PublicOrConfidential::Confidential) {
        Ok(_) => Ok(()),
        Err(error) => {
            let shown = protocol::text::visible(url, 200);
            Err(AdminError::Invalid(format!("allowed_return_urls: '{shown}': {error}")))
        }
    }
}

fn at_most<T>(member: &str, list: &[T], limit: usize) -> Result<(), AdminError> {
    if list.len() > limit {
        return Err(AdminError::Invalid(format!("{member}: more than {limit} entries")));
    }
    Ok(())
}
