//! Fronting links: which resource may reach which other one on the user's behalf.

use std::fmt;

use actors::catalog::{
    AddLink, DeleteLink, FindLink, FindLinksOf, ListLinks, PatchLink, ShownLink,
};
use chrono::{DateTime, Utc};
use protocol::fronting::ScopeMap;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::input::{MAX_LIMIT, page};
use super::{AdminError, Change, Desk};

/// What an operator says about a new link.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFrontingLink {
    /// Slug or id of the resource tokens are sent to.
    pub source: String,
    /// Slug or id of the resource that one calls.
    pub target: String,
    /// For each scope of the source, those of the target that it is worth.
    #[serde(deserialize_with = "each_once")]
    #[schema(value_type = BTreeMap<String, Vec<String>>)]
    pub scope_map: ScopeMap,
}

/// What is to change about a link.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FrontingPatch {
    /// For each scope of the source, those of the target that it is worth: all of it. Tokens
    /// that it does not give any more are revoked.
    #[serde(skip_serializing_if = "Change::is_keep", deserialize_with = "each_once_or_null")]
    #[schema(value_type = Option<BTreeMap<String, Vec<String>>>)]
    pub scope_map: Change<ScopeMap>,
}

/// Which links are asked for; every member that is there narrows it down.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct FrontingQuery {
    /// Slug or id: only those from this resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Slug or id: only those to this resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// How many, 100 unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u64>,
    /// How many to skip before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

/// Scopes in a map that the resources do not have any more: they give nothing, and would again
/// if they came back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StaleScopes {
    /// Of the source.
    pub source: Vec<String>,
    /// Of the target.
    pub target: Vec<String>,
}

/// A fronting link as operators see one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FrontingLinkView {
    /// Its id; issuances name it as `via_link`.
    pub id: Uuid,
    /// Slug of the resource tokens are sent to; its id where the resource is gone.
    pub source: String,
    /// Slug of the resource that one calls; its id where the resource is gone.
    pub target: String,
    /// For each scope of the source, those of the target that it is worth.
    #[schema(value_type = BTreeMap<String, Vec<String>>)]
    pub scope_map: ScopeMap,
    /// What of the map the resources do not have any more.
    pub stale_scopes: StaleScopes,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl From<ShownLink> for FrontingLinkView {
    fn from(shown: ShownLink) -> FrontingLinkView {
        let ShownLink { link, source, target, stale, created_at, updated_at } = shown;
        FrontingLinkView {
            id: link.id,
            source,
            target,
            scope_map: link.scope_map,
            stale_scopes: StaleScopes { source: stale.source, target: stale.target },
            created_at,
            updated_at,
        }
    }
}

/// Links, oldest first, and how many there are in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FrontingList {
    /// The part that was asked for.
    pub links: Vec<FrontingLinkView>,
    /// How many there are.
    pub total: u64,
}

/// What a resource reaches through links, and what reaches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceFronting {
    /// The resource.
    pub slug: String,
    /// The links from it: what it stands in front of.
    pub fronts: Vec<FrontingLinkView>,
    /// The links to it: what stands in front of it.
    pub fronted_by: Vec<FrontingLinkView>,
}

/// A link as it is after a change, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangedFrontingLink {
    /// The link.
    #[serde(flatten)]
    pub link: FrontingLinkView,
    /// Whether this only says what would come of it, and nothing was written. The id and the
    /// times of a link that is not there are made up.
    pub dry_run: bool,
    /// Access tokens that are revoked: what the link gives no more, and what was exchanged
    /// from that.
    pub revoked_issuances: u64,
}

/// A link that is deleted, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeletedFrontingLink {
    /// Its id.
    pub id: Uuid,
    /// Slug of the resource tokens were sent to.
    pub source: String,
    /// Slug of the resource that one called.
    pub target: String,
    /// Whether this only says what would come of it, and the link is still there.
    pub dry_run: bool,
    /// Access tokens that are revoked: what was issued by way of the link, and what was
    /// exchanged from that.
    pub revoked_issuances: u64,
}

/// Adds a link; with `dry_run`, only says what would come of it.
///
/// # Errors
/// [`AdminError::NotFound`] for a resource, [`AdminError::Invalid`] that names the member at
/// fault, [`AdminError::Conflict`] when there is such a link or it would close a cycle, or a
/// failure of the server.
pub async fn create(
    desk: &Desk<'_>,
    new: NewFrontingLink,
    dry_run: bool,
) -> Result<ChangedFrontingLink, AdminError> {
    let NewFrontingLink { source, target, scope_map } = new;
    let (admin, origin) = (desk.admin.to_owned(), desk.origin.clone());
    let order = AddLink { source, target, scope_map, dry_run, admin, origin };
    let added = desk.keepers.clients_and_resources.ask(order).await??;
    Ok(ChangedFrontingLink { link: added.into(), dry_run, revoked_issuances: 0 })
}

/// Links, oldest first.
///
/// # Errors
/// [`AdminError::Invalid`], [`AdminError::NotFound`] for a resource, or a failure of the server.
pub async fn list(desk: &Desk<'_>, query: FrontingQuery) -> Result<FrontingList, AdminError> {
    let page = page(query.limit, query.offset, MAX_LIMIT)?;
    let order = ListLinks { source: query.source, target: query.target, page };
    let (links, total) = desk.keepers.clients_and_resources.ask(order).await??;
    Ok(FrontingList { links: links.into_iter().map(FrontingLinkView::from).collect(), total })
}

/// The links from and to the resource with this slug or id.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn of_resource(desk: &Desk<'_>, which: &str) -> Result<ResourceFronting, AdminError> {
    let found = desk.keepers.clients_and_resources.ask(FindLinksOf(which.to_owned())).await??;
    let views =
        |links: Vec<ShownLink>| links.into_iter().map(FrontingLinkView::from).collect::<Vec<_>>();
    Ok(ResourceFronting {
        slug: found.slug,
        fronts: views(found.fronts),
        fronted_by: views(found.fronted_by),
    })
}

/// The link between two resources, named by slug or id.
///
/// # Errors
/// [`AdminError::NotFound`] for a resource or the link, or a failure of the server.
pub async fn get(
    desk: &Desk<'_>,
    source: String,
    target: String,
) -> Result<FrontingLinkView, AdminError> {
    let order = FindLink { source, target };
    Ok(desk.keepers.clients_and_resources.ask(order).await??.into())
}

/// Changes the link between two resources. Tokens that it would not give any more are revoked;
/// with `dry_run`, that is only counted.
///
/// # Errors
/// As [`get`], and [`AdminError::Invalid`] that names what is wrong with the map.
pub async fn patch(
    desk: &Desk<'_>,
    (source, target): (String, String),
    patch: FrontingPatch,
    dry_run: bool,
) -> Result<ChangedFrontingLink, AdminError> {
    let scope_map = patch.scope_map.value("scope_map")?;
    let (admin, origin) = (desk.admin.to_owned(), desk.origin.clone());
    let order = PatchLink { source, target, scope_map, dry_run, admin, origin };
    let patched = desk.keepers.clients_and_resources.ask(order).await??;
    let revoked_issuances = patched.revoked.issuances;
    Ok(ChangedFrontingLink { link: patched.link.into(), dry_run, revoked_issuances })
}

/// Deletes the link between two resources and revokes what was issued by way of it; with
/// `dry_run`, that is only counted.
///
/// # Errors
/// As [`get`].
pub async fn delete(
    desk: &Desk<'_>,
    (source, target): (String, String),
    dry_run: bool,
) -> Result<DeletedFrontingLink, AdminError> {
    let (admin, origin) = (desk.admin.to_owned(), desk.origin.clone());
    let order = DeleteLink { source, target, dry_run, admin, origin };
    let deleted = desk.keepers.clients_and_resources.ask(order).await??;
    Ok(DeletedFrontingLink {
        id: deleted.id,
        source: deleted.source,
        target: deleted.target,
        dry_run,
        revoked_issuances: deleted.revoked.issuances,
    })
}

/// A map in which no scope is said twice: the second would silently win.
///
/// # Errors
/// Those of the deserializer, and a scope that is there twice.
pub fn each_once<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ScopeMap, D::Error> {
    struct EachOnce;

    impl<'de> Visitor<'de> for EachOnce {
        type Value = ScopeMap;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of lists: {\"scope of the source\": [\"scope of the target\"]}")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<ScopeMap, A::Error> {
            let mut map = ScopeMap::new();
            while let Some((of, worth)) = members.next_entry::<String, Vec<String>>()? {
                let shown = protocol::text::visible(&of, 64);
                if map.insert(of, worth).is_some() {
                    return Err(A::Error::custom(format!("'{shown}' is there twice")));
                }
            }
            Ok(map)
        }
    }

    deserializer.deserialize_map(EachOnce)
}

fn each_once_or_null<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Change<ScopeMap>, D::Error> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct EachOnce(#[serde(deserialize_with = "each_once")] ScopeMap);

    let map = Option::<EachOnce>::deserialize(deserializer)?;
    Ok(map.map_or(Change::Clear, |EachOnce(map)| Change::Set(map)))
}
