//! Adding, changing and removing fronting links.
//!
//! A link stands in for the user's consent, so whatever it gave goes when it does: a change
//! and the revocations that follow from it are one transaction. That no links ever form a
//! cycle rests on changes of the catalog coming one after the other (see `work`).

use chrono::{DateTime, Utc};
use entities::cascade::{self, Reach};
use entities::fronting_link::{self, Filter, Model};
use entities::{
    ConnectionTrait, DatabaseTransaction, Store, StoreError, audit_event, issuance, resource,
};
use protocol::exchange::FrontingLink;
use protocol::fronting::{
    ScopeMap, StaleScopes, check_scope_map, closed_cycle, takes_nothing_away,
};
use protocol::resource::{MintResource, Resources};
use protocol::scope::ScopeSet;
use uuid::Uuid;

use super::messages::{
    AddLink, CatalogError, DeleteLink, FindLink, FindLinksOf, ListLinks, PatchLink,
};
use super::work::{carry_out, settled};
use crate::audit::{Event, Origin};
use crate::revocations;
use crate::runtime::Environment;

/// Why tokens were revoked: the link they came by gives them no more.
const REASON: &str = "fronting_link";

/// A link, with what operators know its resources by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownLink {
    /// The link.
    pub link: FrontingLink,
    /// Slug of the source; its id where the resource is gone.
    pub source: String,
    /// Slug of the target; its id where the resource is gone.
    pub target: String,
    /// What its resources do not have any more.
    pub stale: StaleScopes,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// The links of one resource, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinksOf {
    /// Slug of the resource.
    pub slug: String,
    /// Those from it.
    pub fronts: Vec<ShownLink>,
    /// Those to it.
    pub fronted_by: Vec<ShownLink>,
}

/// A link as it is after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchedLink {
    /// The link.
    pub link: ShownLink,
    /// What it would not give any more, and what was exchanged from that.
    pub revoked: Reach,
}

/// A link that is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedLink {
    /// Its id.
    pub id: Uuid,
    /// Slug of the source.
    pub source: String,
    /// Slug of the target.
    pub target: String,
    /// What was issued by way of it, and what was exchanged from that.
    pub revoked: Reach,
}

async fn all_resources<C: ConnectionTrait>(db: &C) -> Result<Resources, StoreError> {
    Ok(Resources::new(resource::all_mint(db).await?))
}

/// The two resources of a link that is to say something. All of them are mint resources: where
/// other kinds come, it is said here to which of them a link may lead.
fn ends<'r>(
    resources: &'r Resources,
    source: &str,
    target: &str,
) -> Result<(&'r MintResource, &'r MintResource), CatalogError> {
    let known = |name: &str| {
        resources.named(name).ok_or_else(|| CatalogError::UnknownResource(name.to_owned()))
    };
    Ok((known(source)?, known(target)?))
}

/// The id of a resource that operators name: also of one that is gone and has left a link.
fn id_of(resources: &Resources, name: &str) -> Result<Uuid, CatalogError> {
    let known = resources.named(name).map(|resource| resource.id);
    let id = known.or_else(|| name.parse().ok());
    id.ok_or_else(|| CatalogError::UnknownResource(name.to_owned()))
}

fn slug_of(resources: &Resources, id: Uuid) -> String {
    resources.by_id(id).map_or_else(|| id.to_string(), |resource| resource.slug.clone())
}

fn shown(resources: &Resources, row: Model) -> Result<ShownLink, StoreError> {
    let (created_at, updated_at) = (row.created_at, row.updated_at);
    let link = FrontingLink::try_from(row)?;
    let catalog = |id| resources.by_id(id).map_or_else(ScopeSet::empty, MintResource::catalog);
    Ok(ShownLink {
        source: slug_of(resources, link.source),
        target: slug_of(resources, link.target),
        stale: StaleScopes::of(&link.scope_map, &catalog(link.source), &catalog(link.target)),
        link,
        created_at,
        updated_at,
    })
}

/// The row of the link between two resources.
async fn found<C: ConnectionTrait>(
    db: &C,
    resources: &Resources,
    source: &str,
    target: &str,
) -> Result<Model, CatalogError> {
    let (from, to) = (id_of(resources, source)?, id_of(resources, target)?);
    if let Some(row) = fronting_link::find(db, from, to).await? {
        return Ok(row);
    }
    ends(resources, source, target)?;
    Err(CatalogError::UnknownLink { from: source.to_owned(), to: target.to_owned() })
}

/// What the audit log says about a link.
fn noted(
    action: &'static str,
    (admin, origin): (&str, &Origin),
    (id, source, target): (Uuid, &str, &str),
) -> Event {
    Event::new(action, origin)
        .by(admin)
        .with("link", id)
        .with("source", source)
        .with("target", target)
}

/// A map in one word. It may be long, and comes last: the log cuts what is too long.
fn in_a_word(map: &ScopeMap) -> String {
    let entries = map.iter().map(|(of, worth)| format!("{of}={}", worth.join("+")));
    entries.collect::<Vec<_>>().join(",")
}

pub(super) async fn add_link(
    store: Store,
    environment: Environment,
    order: AddLink,
) -> Result<ShownLink, CatalogError> {
    carry_out(&store, order.dry_run, environment.now(), move |transaction, now| {
        Box::pin(async move { settled(added(transaction, &environment, order, now).await) })
    })
    .await
}

async fn added(
    transaction: &DatabaseTransaction,
    environment: &Environment,
    order: AddLink,
    now: DateTime<Utc>,
) -> Result<ShownLink, CatalogError> {
    let AddLink { source, target, scope_map, admin, origin, .. } = order;
    let resources = all_resources(transaction).await?;
    let (from, to) = ends(&resources, &source, &target)?;
    if from.id == to.id {
        return Err(CatalogError::LinkToItself(to.slug.clone()));
    }
    check_scope_map(&scope_map, from, to)?;
    if fronting_link::find(transaction, from.id, to.id).await?.is_some() {
        return Err(CatalogError::LinkExists { from: from.slug.clone(), to: to.slug.clone() });
    }
    let mut edges = fronting_link::edges(transaction).await?;
    // What an earlier version of the program left behind leads nowhere.
    edges.retain(|(a, b)| resources.by_id(*a).is_some() && resources.by_id(*b).is_some());
    if let Some(cycle) = closed_cycle(&edges, from.id, to.id) {
        let slugs = cycle.into_iter().map(|id| slug_of(&resources, id)).collect();
        return Err(CatalogError::LinkCycle(slugs));
    }
    let link = FrontingLink { id: environment.new_id(), source: from.id, target: to.id, scope_map };
    fronting_link::insert(transaction, &link, now).await?;
    let (by, about) = ((admin.as_str(), &origin), (link.id, &*from.slug, &*to.slug));
    let event = noted("fronting_link.created", by, about)
        .with("scope_map", in_a_word(&link.scope_map))
        .stamped(environment);
    audit_event::append(transaction, vec![event]).await?;
    let row = fronting_link::row(&link, now)?;
    Ok(shown(&resources, row)?)
}

pub(super) async fn list_links(
    store: Store,
    order: ListLinks,
) -> Result<(Vec<ShownLink>, u64), CatalogError> {
    store.read(|db| async move { settled(listed(&db, order).await) }).await?
}

async fn listed<C: ConnectionTrait>(
    db: &C,
    order: ListLinks,
) -> Result<(Vec<ShownLink>, u64), CatalogError> {
    let resources = all_resources(db).await?;
    let id = |name: Option<String>| name.map(|name| id_of(&resources, &name)).transpose();
    let filter = Filter { source: id(order.source)?, target: id(order.target)? };
    let (rows, total) = fronting_link::list(db, filter, order.page).await?;
    Ok((legible(&resources, rows), total))
}

/// A row that cannot be read is left out of the list, and named in the log; whoever looks for
/// it by its resources hears why.
fn legible(resources: &Resources, rows: Vec<Model>) -> Vec<ShownLink> {
    let links = rows.into_iter().filter_map(|row| {
        let id = row.id;
        let link = shown(resources, row);
        link.inspect_err(|error| tracing::error!(link = %id, %error, "a link is not listed")).ok()
    });
    links.collect()
}

pub(super) async fn find_links_of(
    store: Store,
    FindLinksOf(name): FindLinksOf,
) -> Result<LinksOf, CatalogError> {
    let work = |db| async move {
        let resources = all_resources(&db).await?;
        let Some(held) = resources.named(&name) else {
            return Ok(Err(CatalogError::UnknownResource(name)));
        };
        let rows = fronting_link::at(&db, held.id).await?;
        let (fronts, fronted_by) = rows.into_iter().partition(|row| row.source_id == held.id);
        Ok(Ok(LinksOf {
            slug: held.slug.clone(),
            fronts: legible(&resources, fronts),
            fronted_by: legible(&resources, fronted_by),
        }))
    };
    store.read(work).await?
}

pub(super) async fn find_link(store: Store, order: FindLink) -> Result<ShownLink, CatalogError> {
    let work = |db| async move {
        let resources = all_resources(&db).await?;
        match found(&db, &resources, &order.source, &order.target).await {
            Ok(row) => Ok(Ok(shown(&resources, row)?)),
            Err(refused) => settled(Err(refused)),
        }
    };
    store.read(work).await?
}

pub(super) async fn patch_link(
    store: Store,
    environment: Environment,
    order: PatchLink,
) -> Result<PatchedLink, CatalogError> {
    let dry_run = order.dry_run;
    carry_out(&store, dry_run, environment.now(), move |transaction, now| {
        Box::pin(async move { settled(patched(transaction, &environment, order, now).await) })
    })
    .await
    .inspect(|patched| count(dry_run, patched.revoked))
}

async fn patched(
    transaction: &DatabaseTransaction,
    environment: &Environment,
    order: PatchLink,
    now: DateTime<Utc>,
) -> Result<PatchedLink, CatalogError> {
    let PatchLink { source, target, scope_map, admin, origin, .. } = order;
    let resources = all_resources(transaction).await?;
    let (from, to) = ends(&resources, &source, &target)?;
    let row = found(transaction, &resources, &source, &target).await?;
    let before = FrontingLink::try_from(row.clone());
    let Some(scope_map) = scope_map else {
        return Ok(PatchedLink { link: shown(&resources, row)?, revoked: Reach::default() });
    };
    check_scope_map(&scope_map, from, to)?;
    // One whose map cannot be read is mended by saying what it is to be.
    let before = before.ok().map(|link| link.scope_map);
    if before.as_ref() == Some(&scope_map) {
        return Ok(PatchedLink { link: shown(&resources, row)?, revoked: Reach::default() });
    }
    let link = FrontingLink { id: row.id, source: from.id, target: to.id, scope_map };
    // Whoever issues a token by way of the link holds its row: after this, all of those are
    // there to be found, and all later ones see what the link says now.
    fronting_link::replace(transaction, &link, now).await?;
    let keeps_all = before.is_some_and(|before| takes_nothing_away(&before, &link.scope_map));
    let revoked = match keeps_all {
        true => Reach::default(),
        false => revoke_what_it_gives_no_more(transaction, &link, now).await?,
    };
    let (by, about) = ((admin.as_str(), &origin), (link.id, &*from.slug, &*to.slug));
    let event = noted("fronting_link.patched", by, about)
        .with("fields", "scope_map")
        .with("revoked_issuances", revoked.issuances)
        .with("scope_map", in_a_word(&link.scope_map))
        .stamped(environment);
    audit_event::append(transaction, vec![event]).await?;
    let now_held = fronting_link::row(&link, now)?;
    let row = Model { created_at: row.created_at, ..now_held };
    Ok(PatchedLink { link: shown(&resources, row)?, revoked })
}

async fn revoke_what_it_gives_no_more(
    transaction: &DatabaseTransaction,
    link: &FrontingLink,
    now: DateTime<Utc>,
) -> Result<Reach, StoreError> {
    let mut lost = issuance::that_work_by_link(transaction, link.id, now).await?;
    lost.retain(|token| match (&token.exchanged_from, &token.scopes) {
        (Some(held), Some(scopes)) => !link.still_gives(held, scopes),
        // Nobody can tell what it rests on.
        _ => true,
    });
    let lost: Vec<Uuid> = lost.into_iter().map(|token| token.jti).collect();
    Ok(cascade::revoke_all(transaction, &[], &lost, REASON, now).await?.reach())
}

pub(super) async fn delete_link(
    store: Store,
    environment: Environment,
    order: DeleteLink,
) -> Result<DeletedLink, CatalogError> {
    let dry_run = order.dry_run;
    carry_out(&store, dry_run, environment.now(), move |transaction, now| {
        Box::pin(async move { settled(deleted(transaction, &environment, order, now).await) })
    })
    .await
    .inspect(|deleted| count(dry_run, deleted.revoked))
}

async fn deleted(
    transaction: &DatabaseTransaction,
    environment: &Environment,
    order: DeleteLink,
    now: DateTime<Utc>,
) -> Result<DeletedLink, CatalogError> {
    let DeleteLink { source, target, admin, origin, .. } = order;
    let resources = all_resources(transaction).await?;
    let row = found(transaction, &resources, &source, &target).await?;
    // Before its tokens are looked for, as in `patched`.
    fronting_link::delete(transaction, row.id).await?;
    let revoked = cascade::revoke_via_link(transaction, row.id, REASON, now).await?;
    let source = slug_of(&resources, row.source_id);
    let target = slug_of(&resources, row.target_id);
    let event = noted("fronting_link.deleted", (&admin, &origin), (row.id, &source, &target))
        .with("revoked_issuances", revoked.issuances)
        .stamped(environment);
    audit_event::append(transaction, vec![event]).await?;
    Ok(DeletedLink { id: row.id, source, target, revoked })
}

fn count(dry_run: bool, revoked: Reach) {
    if !dry_run {
        revocations::count(REASON, revoked);
    }
}
