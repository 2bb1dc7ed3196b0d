//! Issuances: one row per token handed out.

mod by_link;
mod origin;
mod revoke;

use chrono::{DateTime, Utc};
use protocol::client::{ClientStatus, GrantType};
use protocol::scope::ScopeSet;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{Condition, QueryOrder as _, QuerySelect as _};
use serde::Serialize;

use crate::store::Travels;
use crate::store::rows::{Given, Id, Moment, insert_into, padded};
use crate::{Ids, Page, StoreError, Strings, client, may_still_work, mentions, user};

pub use by_link::{ByLink, that_work_by_link};
pub use origin::{Origin, hold_unrevoked};
pub(crate) use revoke::{Which, revoke_where};

/// A row of `issuances`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "issuances")]
pub struct Model {
    /// The token's `jti`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub jti: Uuid,
    /// The grant it was issued for, by wire name.
    pub grant_type: String,
    /// The user it stands for; null for machine tokens.
    pub user_id: Option<Uuid>,
    /// The client it was issued to.
    pub client_id: String,
    /// The resources it is for; empty when its audience is the issuer.
    #[sea_orm(column_type = "JsonBinary")]
    pub resource_ids: Ids,
    /// Its scopes, space separated.
    pub scopes: String,
    /// The family it belongs to, if any.
    pub family_id: Option<Uuid>,
    /// The DPoP key it is bound to, if any.
    pub jkt: Option<String>,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Why.
    pub revoked_reason: Option<String>,
    /// The token it was exchanged from, if it was.
    pub parent_jti: Option<Uuid>,
    /// The client the user had agreed with, for a token that was exchanged.
    pub consent_client_id: Option<String>,
    /// The link between two resources that allowed the exchange.
    pub via_link: Option<String>,
    /// All the clients that acted one after the other, oldest first; null when none did. The claim
    /// has the newest only.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub agent_chain: Option<Strings>,
}

/// No relations: queries join by hand where they must.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Where a token that is exchanged comes from; nowhere for all others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lineage {
    /// The token it is exchanged from. Revoking that reaches this one.
    pub parent_jti: Option<Uuid>,
    /// The client the user had agreed with.
    pub consent_client_id: Option<String>,
    /// The link between two resources that allows the exchange.
    pub via_link: Option<String>,
    /// All the clients that act one after the other, oldest first, if any does.
    pub agent_chain: Option<Vec<String>>,
}

/// A token about to be handed out.
#[derive(Debug, Clone)]
pub struct NewIssuance {
    /// The token's `jti`.
    pub jti: Uuid,
    /// The grant it is issued for.
    pub grant_type: GrantType,
    /// The user it stands for.
    pub user_id: Option<Uuid>,
    /// The client it is issued to.
    pub client_id: String,
    /// The resources it is for.
    pub resource_ids: Vec<Uuid>,
    /// Its scopes.
    pub scopes: ScopeSet,
    /// The family it belongs to.
    pub family_id: Option<Uuid>,
    /// The DPoP key it is bound to.
    pub jkt: Option<String>,
    /// When it is issued.
    pub issued_at: DateTime<Utc>,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
    /// Where it comes from.
    pub lineage: Lineage,
}

const COLUMNS: &[(&str, Travels)] = &[
    ("jti", Travels::Uuid),
    ("grant_type", Travels::Text),
    ("user_id", Travels::Uuid),
    ("client_id", Travels::Text),
    ("resource_ids", Travels::Json),
    ("scopes", Travels::Text),
    ("family_id", Travels::Uuid),
    ("jkt", Travels::Text),
    ("issued_at", Travels::Moment),
    ("expires_at", Travels::Moment),
    ("parent_jti", Travels::Uuid),
    ("consent_client_id", Travels::Text),
    ("via_link", Travels::Text),
    ("agent_chain", Travels::Json),
];
static INSERT: Given = Given::new(COLUMNS, |rows| insert_into("issuances", COLUMNS, rows));

/// A new row on its way into the table.
#[derive(Serialize)]
struct Row<'a> {
    jti: Id,
    grant_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<Id>,
    client_id: &'a str,
    resource_ids: &'a [Uuid],
    scopes: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    family_id: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jkt: Option<&'a str>,
    issued_at: Moment,
    expires_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_jti: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consent_client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    via_link: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_chain: Option<&'a [String]>,
}

impl<'a> From<&'a NewIssuance> for Row<'a> {
    fn from(new: &'a NewIssuance) -> Row<'a> {
        Row {
            jti: Id(new.jti),
            grant_type: new.grant_type.as_str(),
            user_id: new.user_id.map(Id),
            client_id: &new.client_id,
            resource_ids: &new.resource_ids,
            scopes: new.scopes.to_string(),
            family_id: new.family_id.map(Id),
            jkt: new.jkt.as_deref(),
            issued_at: Moment(new.issued_at),
            expires_at: Moment(new.expires_at),
            parent_jti: new.lineage.parent_jti.map(Id),
            consent_client_id: new.lineage.consent_client_id.as_deref(),
            via_link: new.lineage.via_link.as_deref(),
            agent_chain: new.lineage.agent_chain.as_deref(),
        }
    }
}

/// Adds issuances in one statement.
///
/// # Errors
/// When the store fails; none is added then.
pub async fn insert_all<C: ConnectionTrait>(
    db: &C,
    new: Vec<NewIssuance>,
) -> Result<(), StoreError> {
    let rows: Vec<Row<'_>> = new.iter().map(Row::from).collect();
    INSERT.execute(db, &rows).await
}

/// The issuances with these ids; unknown ids are left out.
///
/// # Errors
/// When the store fails.
pub async fn find_all<C: ConnectionTrait>(
    db: &C,
    jtis: Vec<Uuid>,
) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find().filter(Column::Jti.is_in(padded(jtis))).all(db).await?)
}

/// Those of these tokens that are good: issued, not revoked, and both the client and the
/// user behind them there and in good standing. Expiry is in the token itself.
///
/// # Errors
/// When the store fails.
pub async fn find_good<C: ConnectionTrait>(
    db: &C,
    jtis: Vec<Uuid>,
) -> Result<Vec<Uuid>, StoreError> {
    let of_the_client = Query::select()
        .expr(Expr::value(1))
        .from(client::Entity)
        .and_where(
            Expr::col((client::Entity, client::Column::Id)).equals((Entity, Column::ClientId)),
        )
        .and_where(client::Column::Status.eq(ClientStatus::Active.as_str()))
        .to_owned();
    let of_the_user = Query::select()
        .expr(Expr::value(1))
        .from(user::Entity)
        .and_where(Expr::col((user::Entity, user::Column::Id)).equals((Entity, Column::UserId)))
        .and_where(user::Column::DisabledAt.is_null())
        .to_owned();
    let for_nobody_or_an_enabled_user =
        Condition::any().add(Column::UserId.is_null()).add(Expr::exists(of_the_user));
    Ok(Entity::find()
        .select_only()
        .column(Column::Jti)
        .filter(Column::Jti.is_in(padded(jtis)))
        .filter(Column::RevokedAt.is_null())
        .filter(Expr::exists(of_the_client))
        .filter(for_nobody_or_an_enabled_user)
        .into_tuple()
        .all(db)
        .await?)
}

/// The access tokens that may still work and have `client_id` among those who act.
pub(crate) async fn live_with_actor<C: ConnectionTrait>(
    db: &C,
    client_id: &str,
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>, StoreError> {
    // The text is looked for first, and may be part of another; which it is shows below.
    let chain = Expr::col(Column::AgentChain).cast_as("TEXT");
    let found: Vec<(Uuid, Option<Strings>)> = Entity::find()
        .select_only()
        .columns([Column::Jti, Column::AgentChain])
        .filter(Column::AgentChain.is_not_null())
        .filter(chain.like(format!("%{client_id}%")))
        .filter(Column::RevokedAt.is_null())
        .filter(may_still_work(Column::ExpiresAt, now))
        .into_tuple()
        .all(db)
        .await?;
    let acts = |chain: &Option<Strings>| {
        chain.as_ref().is_some_and(|chain| chain.0.iter().any(|actor| actor == client_id))
    };
    Ok(found.into_iter().filter(|(_, chain)| acts(chain)).map(|(jti, _)| jti).collect())
}

/// How many of the issuances that meet `which` are neither revoked nor expired.
pub(crate) async fn count_live_where<C: ConnectionTrait>(
    db: &C,
    which: Condition,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let live = which.add(Column::RevokedAt.is_null()).add(Column::ExpiresAt.gt(now));
    Ok(Entity::find().filter(live).count(db).await?)
}

/// Which issuances are meant; every member that is there narrows it down.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those that stand for this user.
    pub user_id: Option<Uuid>,
    /// Those made to this client.
    pub client_id: Option<String>,
    /// Those for this resource.
    pub resource_id: Option<Uuid>,
    /// This one.
    pub jti: Option<Uuid>,
    /// Those made then or later.
    pub since: Option<DateTime<Utc>>,
    /// Those that are neither revoked nor expired at this time.
    pub live_at: Option<DateTime<Utc>>,
}

impl Filter {
    fn condition(self) -> Condition {
        let live =
            |now| Condition::all().add(Column::RevokedAt.is_null()).add(Column::ExpiresAt.gt(now));
        // What was issued since then expires after it too, and only the expiry is indexed.
        let since = |since| {
            Condition::all().add(Column::IssuedAt.gte(since)).add(Column::ExpiresAt.gte(since))
        };
        Condition::all()
            .add_option(self.user_id.map(|id| Column::UserId.eq(id)))
            .add_option(self.client_id.map(|id| Column::ClientId.eq(id)))
            .add_option(self.resource_id.map(|id| mentions(Column::ResourceIds, id)))
            .add_option(self.jti.map(|jti| Column::Jti.eq(jti)))
            .add_option(self.since.map(since))
            .add_option(self.live_at.map(live))
    }
}

/// Issuances, newest first, and how many there are in all.
///
/// # Errors
/// When the store fails.
pub async fn list<C: ConnectionTrait>(
    db: &C,
    filter: Filter,
    page: Page,
) -> Result<(Vec<Model>, u64), StoreError> {
    let which = filter.condition();
    let total = Entity::find().filter(which.clone()).count(db).await?;
    let rows = Entity::find()
        .filter(which)
        .order_by_desc(Column::IssuedAt)
        .order_by_desc(Column::Jti)
        .limit(page.limit)
        .offset(page.offset)
        .all(db)
        .await?;
    Ok((rows, total))
}

/// How many issuances made since then are neither revoked nor expired.
///
/// # Errors
/// When the store fails.
pub async fn count_live_since<C: ConnectionTrait>(
    db: &C,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    count_live_where(db, Condition::all().add(Column::IssuedAt.gte(since)), now).await
}

/// How many issuances were revoked.
///
/// # Errors
/// When the store fails.
pub async fn count_revoked<C: ConnectionTrait>(db: &C) -> Result<u64, StoreError> {
    Ok(Entity::find().filter(Column::RevokedAt.is_not_null()).count(db).await?)
}
