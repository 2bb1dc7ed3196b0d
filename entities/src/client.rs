//! OAuth clients.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use protocol::client::{AuthMethod, Client, ClientStatus, RegistrationSource};
use protocol::redirect_uri::RedirectUri;
use protocol::scope::ScopeSet;
use sea_orm::entity::prelude::*;
use sea_orm::{
    ActiveValue::Set, Condition, IntoActiveModel as _, QueryOrder as _, QuerySelect as _,
    QueryTrait as _,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::rows::padded;
use crate::{IDS_PER_STATEMENT, Page, StoreError};

/// A row of `clients`.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "clients")]
pub struct Model {
    /// `client_id`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// `client_name`.
    pub name: String,
    /// Registered redirect URIs.
    #[sea_orm(column_type = "JsonBinary")]
    pub redirect_uris: Json,
    /// Grants the client may use, by wire name.
    #[sea_orm(column_type = "JsonBinary")]
    pub grant_types: Json,
    /// Response types, by wire name.
    #[sea_orm(column_type = "JsonBinary")]
    pub response_types: Json,
    /// Wire name of the authentication method.
    pub token_endpoint_auth_method: String,
    /// Keyed hash of the secret.
    pub secret_hash: Option<Vec<u8>>,
    /// The scope ceiling; null is no ceiling.
    pub scope: Option<String>,
    /// Resource meant when a request names none.
    pub default_resource: Option<String>,
    /// `web` or `native`.
    pub application_type: String,
    /// Whether the client is an agent.
    pub agent: bool,
    /// What the agent is for.
    pub agent_description: Option<String>,
    /// `active`, `suspended` or `revoked`.
    pub status: String,
    /// `admin`, `dcr` or `cimd`.
    pub source: String,
    /// What the client says about itself.
    #[sea_orm(column_type = "JsonBinary")]
    pub metadata: Json,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// No relations: queries join by hand where they must.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("client::Model").field("id", &self.id).finish_non_exhaustive()
    }
}

fn damaged(detail: impl std::fmt::Display) -> StoreError {
    StoreError::damaged("clients", detail)
}

fn read<T: DeserializeOwned>(value: Json) -> Result<T, StoreError> {
    serde_json::from_value(value).map_err(damaged)
}

fn json<T: Serialize>(value: &T) -> Result<Json, StoreError> {
    serde_json::to_value(value).map_err(damaged)
}

impl TryFrom<Model> for Client {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Client, StoreError> {
        let auth_method: AuthMethod = row.token_endpoint_auth_method.parse().map_err(damaged)?;
        let redirect_uris = usable(&row.id, &read::<Vec<String>>(row.redirect_uris)?, auth_method);
        let ceiling =
            row.scope.as_deref().map(ScopeSet::parse_stored).transpose().map_err(damaged)?;
        Ok(Client {
            id: row.id,
            name: row.name,
            redirect_uris,
            grant_types: read(row.grant_types)?,
            response_types: read(row.response_types)?,
            auth_method,
            secret_hash: row.secret_hash,
            ceiling,
            default_resource: row.default_resource,
            application_type: row.application_type.parse().map_err(damaged)?,
            agent: row.agent,
            agent_description: row.agent_description,
            status: row.status.parse().map_err(damaged)?,
            source: row.source.parse().map_err(damaged)?,
            metadata: read(row.metadata)?,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Those of the stored URIs that may be registered today. Rules grow stricter; a URI that they
/// refuse opens nothing any more, and the client goes on with the others.
fn usable(client_id: &str, stored: &[String], auth_method: AuthMethod) -> Vec<RedirectUri> {
    let parsed = stored.iter().filter_map(|uri| {
        RedirectUri::parse_registration(uri, auth_method.publicity())
            .inspect_err(|refusal| {
                tracing::warn!(client_id, uri, %refusal, "a stored redirect URI is not used");
            })
            .ok()
    });
    parsed.collect()
}

fn row(client: &Client) -> Result<Model, StoreError> {
    Ok(Model {
        id: client.id.clone(),
        name: client.name.clone(),
        redirect_uris: json(&client.redirect_uris)?,
        grant_types: json(&client.grant_types)?,
        response_types: json(&client.response_types)?,
        token_endpoint_auth_method: client.auth_method.as_str().to_owned(),
        secret_hash: client.secret_hash.clone(),
        scope: client.ceiling.as_ref().map(ToString::to_string),
        default_resource: client.default_resource.clone(),
        application_type: client.application_type.as_str().to_owned(),
        agent: client.agent,
        agent_description: client.agent_description.clone(),
        status: client.status.as_str().to_owned(),
        source: client.source.as_str().to_owned(),
        metadata: json(&client.metadata)?,
        created_at: client.created_at,
        updated_at: client.updated_at,
    })
}

/// Adds a client.
///
/// # Errors
/// [`StoreError::Duplicate`] when the id is taken.
pub async fn insert<C: ConnectionTrait>(db: &C, client: &Client) -> Result<(), StoreError> {
    Entity::insert(row(client)?.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// The client with this id.
///
/// # Errors
/// When the row is damaged or the store fails.
pub async fn find<C: ConnectionTrait>(db: &C, id: &str) -> Result<Option<Client>, StoreError> {
    Entity::find_by_id(id).one(db).await?.map(Client::try_from).transpose()
}

/// Which clients are meant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// Only those with this status.
    pub status: Option<ClientStatus>,
    /// Only those that came this way.
    pub source: Option<RegistrationSource>,
    /// Only those that are agents, or that are none.
    pub agent: Option<bool>,
}

/// Clients, newest first, and how many there are in all. A row that cannot be read is left
/// out of the list, and named in the log; whoever looks for it by its id hears why.
///
/// # Errors
/// When the store fails.
pub async fn list<C: ConnectionTrait>(
    db: &C,
    filter: Filter,
    page: Page,
) -> Result<(Vec<Client>, u64), StoreError> {
    let Filter { status, source, agent } = filter;
    let which = Condition::all()
        .add_option(status.map(|status| Column::Status.eq(status.as_str())))
        .add_option(source.map(|source| Column::Source.eq(source.as_str())))
        .add_option(agent.map(|agent| Column::Agent.eq(agent)));
    let total = Entity::find().filter(which.clone()).count(db).await?;
    // Which ones first, by what an index has: what is skipped before a late page is not read whole.
    let on_the_page = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(which)
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .limit(page.limit)
        .offset(page.offset)
        .into_query();
    let rows = Entity::find()
        .filter(Column::Id.in_subquery(on_the_page))
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .all(db)
        .await?;
    let readable = rows.into_iter().filter_map(|row| {
        let client_id = row.id.clone();
        Client::try_from(row)
            .inspect_err(|error| tracing::error!(client_id, %error, "a client is not listed"))
            .ok()
    });
    Ok((readable.collect(), total))
}

/// Those of these clients that there are, whatever their status.
///
/// # Errors
/// When the store fails.
pub async fn existing_among<C: ConnectionTrait>(
    db: &C,
    ids: Vec<String>,
) -> Result<HashSet<String>, StoreError> {
    let mut existing = HashSet::new();
    for some in ids.chunks(IDS_PER_STATEMENT) {
        let found: Vec<String> = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::Id.is_in(padded(some.to_vec())))
            .into_tuple()
            .all(db)
            .await?;
        existing.extend(found);
    }
    Ok(existing)
}

/// The names of these clients, by id; unknown ids are left out.
///
/// # Errors
/// When the store fails.
pub async fn names<C: ConnectionTrait>(
    db: &C,
    ids: Vec<String>,
) -> Result<HashMap<String, String>, StoreError> {
    let named: Vec<(String, String)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::Name])
        .filter(Column::Id.is_in(padded(ids)))
        .into_tuple()
        .all(db)
        .await?;
    Ok(named.into_iter().collect())
}

/// The client with this id, held against change until the transaction ends.
///
/// # Errors
/// When the row is damaged or the store fails.
pub async fn hold<C: ConnectionTrait>(db: &C, id: &str) -> Result<Option<Client>, StoreError> {
    let held = Entity::find_by_id(id).lock_exclusive().one(db).await?;
    held.map(Client::try_from).transpose()
}

/// The status of the client with this id, by wire name; its row is held against change until
/// the transaction ends. It does not matter whether the rest of the row can be read: a client
/// that is damaged can still be switched off and deleted.
///
/// # Errors
/// When the store fails.
pub async fn hold_status<C: ConnectionTrait>(
    db: &C,
    id: &str,
) -> Result<Option<String>, StoreError> {
    Ok(Entity::find_by_id(id)
        .select_only()
        .column(Column::Status)
        .lock_exclusive()
        .into_tuple()
        .one(db)
        .await?)
}

/// Writes everything about a client anew but its id and its birth; false when there is
/// no such client.
///
/// # Errors
/// When the store fails.
pub async fn replace<C: ConnectionTrait>(db: &C, client: &Client) -> Result<bool, StoreError> {
    let row = row(client)?;
    let changed = Entity::update_many()
        .set(row.into_active_model().reset_all())
        .filter(Column::Id.eq(&client.id))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Deletes a client; false when there is no such client.
///
/// # Errors
/// When the store fails.
pub async fn delete<C: ConnectionTrait>(db: &C, id: &str) -> Result<bool, StoreError> {
    Ok(Entity::delete_by_id(id).exec(db).await?.rows_affected == 1)
}

/// Those of these clients that are agents.
///
/// # Errors
/// When the store fails.
pub async fn agents_among<C: ConnectionTrait>(
    db: &C,
    ids: Vec<String>,
) -> Result<HashSet<String>, StoreError> {
    let mut agents = HashSet::new();
    for some in ids.chunks(IDS_PER_STATEMENT) {
        let found: Vec<String> = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::Id.is_in(padded(some.to_vec())))
            .filter(Column::Agent.eq(true))
            .into_tuple()
            .all(db)
            .await?;
        agents.extend(found);
    }
    Ok(agents)
}

/// The agents that are active, at most `most` of them: those an operator registered first,
/// then by age. A row that cannot be read is left out.
///
/// # Errors
/// When the store fails.
pub async fn active_agents<C: ConnectionTrait>(
    db: &C,
    most: u64,
) -> Result<Vec<Client>, StoreError> {
    let by_operators = Column::Source.eq(RegistrationSource::Admin.as_str());
    let rows = Entity::find()
        .filter(Column::Agent.eq(true))
        .filter(Column::Status.eq(ClientStatus::Active.as_str()))
        .order_by_desc(by_operators)
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
        .limit(most)
        .all(db)
        .await?;
    Ok(rows.into_iter().filter_map(|row| Client::try_from(row).ok()).collect())
}

/// How many clients there are.
///
/// # Errors
/// When the store fails.
pub async fn count<C: ConnectionTrait>(db: &C) -> Result<u64, StoreError> {
    Ok(Entity::find().count(db).await?)
}

/// How many clients are active.
///
/// # Errors
/// When the store fails.
pub async fn count_active<C: ConnectionTrait>(db: &C) -> Result<u64, StoreError> {
    let active = Column::Status.eq(ClientStatus::Active.as_str());
    Ok(Entity::find().filter(active).count(db).await?)
}

/// Sets the status of a client; false when there is no such client.
///
/// # Errors
/// When the store fails.
pub async fn set_status<C: ConnectionTrait>(
    db: &C,
    id: &str,
    status: ClientStatus,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let changed = Entity::update_many()
        .set(ActiveModel {
            status: Set(status.as_str().to_owned()),
            updated_at: Set(now),
            ..Default::default()
        })
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// How many clients mean one of these names when they name no resource.
///
/// # Errors
/// When the store fails.
pub async fn count_defaulting_to<C: ConnectionTrait>(
    db: &C,
    names: Vec<String>,
) -> Result<u64, StoreError> {
    Ok(Entity::find().filter(Column::DefaultResource.is_in(names)).count(db).await?)
}

/// What clients mean when they name no resource, each name once.
///
/// # Errors
/// When the store fails.
pub async fn default_resources<C: ConnectionTrait>(db: &C) -> Result<Vec<String>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::DefaultResource)
        .filter(Column::DefaultResource.is_not_null())
        .distinct()
        .into_tuple()
        .all(db)
        .await?)
}

/// The clients that mean one of these names when they name no resource, held against change
/// until the transaction ends. Rows are held in the order of their ids.
///
/// # Errors
/// When the store fails.
pub async fn hold_defaulting_to<C: ConnectionTrait>(
    db: &C,
    names: Vec<String>,
) -> Result<Vec<String>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::DefaultResource.is_in(names))
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .into_tuple()
        .all(db)
        .await?)
}

/// Clients that meant one of these names when they named no resource mean `instead`; how
/// many there were. Rows are held first, see [`hold_defaulting_to`].
///
/// # Errors
/// When the store fails.
pub async fn replace_default_resource<C: ConnectionTrait>(
    db: &C,
    names: Vec<String>,
    instead: Option<&str>,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let held = hold_defaulting_to(db, names).await?;
    for some in held.chunks(IDS_PER_STATEMENT) {
        Entity::update_many()
            .set(ActiveModel {
                default_resource: Set(instead.map(str::to_owned)),
                updated_at: Set(now),
                ..Default::default()
            })
            .filter(Column::Id.is_in(some.to_vec()))
            .exec(db)
            .await?;
    }
    Ok(held.len() as u64)
}
