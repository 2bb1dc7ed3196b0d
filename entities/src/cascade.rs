//! What a revocation reaches. Each act of the table in `docs/revocation.md` is one
//! function here, to be called inside the transaction of the act itself.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait as _, QueryFilter as _};
use uuid::Uuid;

use crate::authorization_code::Holder;
use crate::issuance::Which;
use crate::store::rows::padded;
use crate::{
    IDS_PER_STATEMENT, StoreError, authorization_code, client, consent_grant, family,
    fronting_link, issuance, may_still_work, mentions, session,
};

/// What was reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reach {
    /// Families that were live and are revoked now.
    pub families: u64,
    /// Access tokens that were not revoked and are now.
    pub issuances: u64,
}

impl Reach {
    /// Whether anything was reached: what is revoked already is not revoked again.
    #[must_use]
    pub fn is_something(self) -> bool {
        self != Reach::default()
    }
}

/// What was revoked, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revoked {
    /// The families.
    pub families: Vec<Uuid>,
    /// The access tokens, of those families and beside them.
    pub issuances: Vec<Uuid>,
}

impl Revoked {
    /// How much that was.
    #[must_use]
    pub fn reach(&self) -> Reach {
        Reach { families: self.families.len() as u64, issuances: self.issuances.len() as u64 }
    }
}

/// Revokes these families with their access tokens, and these access tokens, each with
/// everything exchanged from it.
///
/// Who has several to revoke does it in one go: families come before access tokens, each in
/// the order of their ids, wherever anything is revoked. One after the other, two
/// transactions could wait for each other in a circle.
///
/// # Errors
/// When the store fails.
pub async fn revoke_all<C: ConnectionTrait>(
    db: &C,
    families: &[Uuid],
    issuances: &[Uuid],
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Revoked, StoreError> {
    let mut revoked = Revoked::default();
    for which in any_of(family::Column::Id, families) {
        revoked.families.extend(family::revoke_where(db, which, reason, now).await?);
    }
    let which = any_of(issuance::Column::FamilyId, families)
        .chain(any_of(issuance::Column::Jti, issuances))
        .map(Which::Few)
        .collect();
    revoked.issuances = issuance::revoke_where(db, which, reason, now).await?;
    Ok(revoked)
}

/// Conditions that all rows with one of these ids meet between them.
fn any_of(column: impl ColumnTrait, ids: &[Uuid]) -> impl Iterator<Item = Condition> {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    let chunks: Vec<Vec<Uuid>> = sorted.chunks(IDS_PER_STATEMENT).map(<[Uuid]>::to_vec).collect();
    chunks.into_iter().map(move |some| Condition::all().add(column.is_in(padded(some))))
}

/// Revokes one family and its access tokens.
///
/// # Errors
/// When the store fails.
pub async fn revoke_family<C: ConnectionTrait>(
    db: &C,
    family_id: Uuid,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Reach, StoreError> {
    Ok(revoke_all(db, &[family_id], &[], reason, now).await?.reach())
}

/// Revokes one access token and everything exchanged from it.
///
/// # Errors
/// When the store fails.
pub async fn revoke_issuance<C: ConnectionTrait>(
    db: &C,
    jti: Uuid,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Reach, StoreError> {
    Ok(revoke_all(db, &[], &[jti], reason, now).await?.reach())
}

/// Revokes the families and the access tokens that meet these conditions.
async fn revoke_where<C: ConnectionTrait>(
    db: &C,
    families: Condition,
    issuances: Which,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Reach, StoreError> {
    let families = family::revoke_where(db, families, reason, now).await?;
    let issuances = issuance::revoke_where(db, vec![issuances], reason, now).await?;
    Ok(Reach { families: families.len() as u64, issuances: issuances.len() as u64 })
}

/// Revokes everything that stands for a user: sessions, families, pending codes and
/// access tokens. The reach of disabling a user and of a forced logout.
///
/// # Errors
/// When the store fails.
pub async fn revoke_user<C: ConnectionTrait>(
    db: &C,
    user_id: Uuid,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Reach, StoreError> {
    session::revoke_of_user(db, user_id, now).await?;
    revoke_tokens_of_user(db, user_id, reason, now).await
}

/// Revokes every token of a user: families, pending codes and access tokens. They stay
/// signed in.
///
/// # Errors
/// When the store fails.
pub async fn revoke_tokens_of_user<C: ConnectionTrait>(
    db: &C,
    user_id: Uuid,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Reach, StoreError> {
    authorization_code::revoke_pending(db, Holder::User(user_id), now).await?;
    let families = Condition::all().add(family::Column::UserId.eq(user_id));
    let issuances = Condition::all().add(issuance::Column::UserId.eq(user_id));
    revoke_where(db, families, Which::Few(issuances), reason, now).await
}

/// Revokes a client's pending codes, families and access tokens.
///
/// # Errors
/// When the store fails.
pub async fn revoke_client<C: ConnectionTrait>(
    db: &C,
    client_id: &str,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Reach, StoreError> {
    authorization_code::revoke_pending(db, Holder::Client(client_id), now).await?;
    let families = Condition::all().add(family::Column::ClientId.eq(client_id));
    let issuances = Condition::all().add(issuance::Column::ClientId.eq(client_id));
    revoke_where(db, families, Which::Many(issuances), reason, now).await
}

/// How much of what a client holds still works.
///
/// # Errors
/// When the store fails.
pub async fn live_of_client<C: ConnectionTrait>(
    db: &C,
    client_id: &str,
    now: DateTime<Utc>,
) -> Result<Reach, StoreError> {
    let which = Condition::all().add(family::Column::ClientId.eq(client_id));
    let families = family::count_live_where(db, which, now).await?;
    let which = Condition::all().add(issuance::Column::ClientId.eq(client_id));
    let issuances = issuance::count_live_where(db, which, now).await?;
    Ok(Reach { families, issuances })
}

/// Revokes every access token that was issued by way of a link between two resources, with
/// everything exchanged from them.
///
/// # Errors
/// When the store fails.
pub async fn revoke_via_link<C: ConnectionTrait>(
    db: &C,
    link_id: Uuid,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Reach, StoreError> {
    let by_way_of_it = Condition::all().add(issuance::Column::ViaLink.eq(link_id.to_string()));
    let which = vec![Which::Many(by_way_of_it)];
    let issuances = issuance::revoke_where(db, which, reason, now).await?;
    Ok(Reach { families: 0, issuances: issuances.len() as u64 })
}

/// Takes a consent grant back, with what rests on it: the client's pending codes,
/// families and access tokens of that user for that resource, and the tokens that others got
/// for that resource in exchange for the client's, because the user had agreed with it. `None`
/// when the grant was taken back already or never existed.
///
/// # Errors
/// When the store fails.
pub async fn revoke_consent_grant<C: ConnectionTrait>(
    db: &C,
    grant_id: Uuid,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Option<Reach>, StoreError> {
    let Some(grant) = consent_grant::find(db, grant_id).await? else { return Ok(None) };
    if !consent_grant::revoke(db, grant_id, now).await? {
        return Ok(None);
    }
    let (user_id, client_id) = (grant.user_id, grant.client_id.as_str());
    let codes = Holder::UserAtClient(user_id, client_id, grant.resource_id);
    authorization_code::revoke_pending(db, codes, now).await?;

    let theirs = Condition::all()
        .add(family::Column::UserId.eq(user_id))
        .add(family::Column::ClientId.eq(client_id))
        .add(family::Column::RevokedAt.is_null())
        .add(may_still_work(family::Column::ExpiresAt, now));
    let families = family::Entity::find().filter(theirs).all(db).await?;
    let families =
        families.into_iter().filter(|row| row.resource_ids.0.contains(&grant.resource_id));
    let families: Vec<Uuid> = families.map(|row| row.id).collect();
    // Clients without refresh tokens have tokens of no family.
    let with_the_client = Condition::any()
        .add(issuance::Column::ClientId.eq(client_id))
        .add(issuance::Column::ConsentClientId.eq(client_id));
    let theirs = Condition::all()
        .add(issuance::Column::UserId.eq(user_id))
        .add(with_the_client)
        .add(issuance::Column::RevokedAt.is_null())
        .add(may_still_work(issuance::Column::ExpiresAt, now));
    let tokens = issuance::Entity::find().filter(theirs).all(db).await?;
    let tokens = tokens.into_iter().filter(|row| row.resource_ids.0.contains(&grant.resource_id));
    let tokens: Vec<Uuid> = tokens.map(|row| row.jti).collect();
    Ok(Some(revoke_all(db, &families, &tokens, reason, now).await?.reach()))
}

/// What rests on a resource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OnResource {
    /// What still works: families that cover it and access tokens for it.
    pub live: Reach,
    /// Consent grants about it that were not taken back.
    pub consent_grants: u64,
    /// Clients that mean it when they name none.
    pub clients: u64,
    /// Fronting links from it and to it.
    pub fronting_links: u64,
}

/// How much rests on a resource, which is also known by `names`: slug, URI and aliases.
///
/// # Errors
/// When the store fails.
pub async fn on_resource<C: ConnectionTrait>(
    db: &C,
    resource_id: Uuid,
    names: Vec<String>,
    now: DateTime<Utc>,
) -> Result<OnResource, StoreError> {
    let which = Condition::all().add(mentions(family::Column::ResourceIds, resource_id));
    let families = family::count_live_where(db, which, now).await?;
    let links = fronting_link::ids_at(db, resource_id).await?;
    let issuances = issuance::count_live_where(db, on_it(resource_id, &links), now).await?;
    Ok(OnResource {
        live: Reach { families, issuances },
        consent_grants: consent_grant::count_live_of_resource(db, resource_id).await?,
        clients: client::count_defaulting_to(db, names).await?,
        fronting_links: links.len() as u64,
    })
}

/// The access tokens for a resource, and those that were issued by way of its links.
fn on_it(resource_id: Uuid, links: &[Uuid]) -> Condition {
    let links = padded(links.iter().map(Uuid::to_string).collect());
    let either = Condition::any()
        .add(mentions(issuance::Column::ResourceIds, resource_id))
        .add(issuance::Column::ViaLink.is_in(links));
    // Who narrows it down adds to it, which must not make it wider.
    Condition::all().add(either)
}

/// Revokes everything for a resource that is about to be deleted: pending codes, families
/// that cover it, whatever else they cover, and access tokens, also those that were issued by
/// way of its links. The links and what people agreed to about it are deleted, and clients that
/// meant it mean nothing any more.
///
/// # Errors
/// When the store fails.
pub async fn revoke_resource<C: ConnectionTrait>(
    db: &C,
    resource_id: Uuid,
    names: Vec<String>,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<OnResource, StoreError> {
    let clients = client::replace_default_resource(db, names, None, now).await?;
    let consent_grants = consent_grant::delete_of_resource(db, resource_id).await?;
    let links = fronting_link::ids_at(db, resource_id).await?;
    for link in &links {
        fronting_link::delete(db, *link).await?;
    }
    authorization_code::revoke_pending(db, Holder::Resource(resource_id), now).await?;
    let which = Condition::all().add(mentions(family::Column::ResourceIds, resource_id));
    let families = family::revoke_where(db, which, reason, now).await?;
    let which = any_of(issuance::Column::FamilyId, &families)
        .map(Which::Few)
        .chain([Which::Many(on_it(resource_id, &links))])
        .collect();
    let issuances = issuance::revoke_where(db, which, reason, now).await?;
    let live = Reach { families: families.len() as u64, issuances: issuances.len() as u64 };
    let fronting_links = links.len() as u64;
    Ok(OnResource { live, consent_grants, clients, fronting_links })
}

/// What of an agent was ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Killed {
    /// Codes it could have redeemed.
    pub codes: u64,
    /// Families that were live.
    pub families: u64,
    /// Access tokens that were not revoked.
    pub issuances: u64,
    /// Of those for each resource, how many there are and when the last of them expires; by
    /// `None` those that are for no resource.
    pub resources: BTreeMap<Option<Uuid>, (u64, DateTime<Utc>)>,
}

impl Killed {
    /// How much that was.
    #[must_use]
    pub fn reach(&self) -> Reach {
        Reach { families: self.families, issuances: self.issuances }
    }
}

/// Revokes what an agent holds, like [`revoke_client`], and every access token in whose chain of
/// actors it is, whoever holds that, with everything exchanged from them.
///
/// # Errors
/// When the store fails.
pub async fn kill_agent<C: ConnectionTrait>(
    db: &C,
    client_id: &str,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Killed, StoreError> {
    let codes = authorization_code::revoke_pending(db, Holder::Client(client_id), now).await?;
    let theirs = Condition::all().add(family::Column::ClientId.eq(client_id));
    let families = family::revoke_where(db, theirs, reason, now).await?;
    let acted = issuance::live_with_actor(db, client_id, now).await?;
    let its_own = Condition::all().add(issuance::Column::ClientId.eq(client_id));
    let which = any_of(issuance::Column::Jti, &acted)
        .map(Which::Few)
        .chain([Which::Many(its_own)])
        .collect();
    let tokens = issuance::revoke_where(db, which, reason, now).await?;
    let mut killed = Killed {
        codes,
        families: families.len() as u64,
        issuances: tokens.len() as u64,
        resources: BTreeMap::new(),
    };
    for some in tokens.chunks(IDS_PER_STATEMENT) {
        for token in issuance::find_all(db, some.to_vec()).await? {
            let named = token.resource_ids.0.iter().copied().map(Some);
            let none = token.resource_ids.0.is_empty().then_some(None);
            for resource in named.chain(none) {
                let (count, latest) =
                    killed.resources.entry(resource).or_insert((0, token.expires_at));
                *count += 1;
                *latest = token.expires_at.max(*latest);
            }
        }
    }
    Ok(killed)
}
