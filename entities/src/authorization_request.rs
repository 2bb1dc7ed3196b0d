//! Authorization requests that wait for a person to sign in and decide.

use chrono::{DateTime, Utc};
use protocol::authorize::AuthorizationRequest;
use sea_orm::IntoActiveModel as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;

use crate::StoreError;

/// A row of `authorization_requests`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authorization_requests")]
pub struct Model {
    /// The reference the pages carry.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Keyed hash of the cookie of the browser that brought the request.
    pub browser_hash: Vec<u8>,
    /// Who asks.
    pub client_id: String,
    /// The validated request.
    #[sea_orm(column_type = "JsonBinary")]
    pub request: Json,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it is too late to decide.
    pub expires_at: DateTime<Utc>,
    /// When it was decided, if it was.
    pub decided_at: Option<DateTime<Utc>>,
}

/// No relations: queries join by hand where they must.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The request as it was validated.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn request(&self) -> Result<AuthorizationRequest, StoreError> {
        serde_json::from_value(self.request.clone())
            .map_err(|error| StoreError::damaged("authorization_requests", error))
    }
}

/// A request on its way into the table.
#[derive(Debug, Clone)]
pub struct NewRequest {
    /// The reference the pages will carry.
    pub id: Uuid,
    /// Keyed hash of the browser's cookie.
    pub browser_hash: [u8; 32],
    /// The validated request.
    pub request: AuthorizationRequest,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it is too late to decide.
    pub expires_at: DateTime<Utc>,
}

/// Adds a request.
///
/// # Errors
/// When the store fails.
pub async fn insert<C: ConnectionTrait>(db: &C, new: NewRequest) -> Result<(), StoreError> {
    let request = serde_json::to_value(&new.request)
        .map_err(|error| StoreError::damaged("authorization_requests", error))?;
    let row = Model {
        id: new.id,
        browser_hash: new.browser_hash.to_vec(),
        client_id: new.request.client_id,
        request,
        created_at: new.created_at,
        expires_at: new.expires_at,
        decided_at: None,
    };
    Entity::insert(row.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// How many wait, or were decided and are kept until they would have expired.
///
/// # Errors
/// When the store fails.
pub async fn count_waiting<C: ConnectionTrait>(
    db: &C,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    Ok(Entity::find().filter(Column::ExpiresAt.gt(now)).count(db).await?)
}

/// The request `id` of this browser, if it can still be decided.
///
/// # Errors
/// When the store fails.
pub async fn find_open<C: ConnectionTrait>(
    db: &C,
    id: Uuid,
    browser_hash: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(id)
        .filter(Column::BrowserHash.eq(browser_hash.to_vec()))
        .filter(Column::DecidedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
        .one(db)
        .await?)
}

/// Marks the request decided; false when somebody was faster or it is too late.
///
/// # Errors
/// When the store fails.
pub async fn decide<C: ConnectionTrait>(
    db: &C,
    id: Uuid,
    browser_hash: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let decided = Entity::update_many()
        .col_expr(Column::DecidedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .filter(Column::BrowserHash.eq(browser_hash.to_vec()))
        .filter(Column::DecidedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
        .exec(db)
        .await?;
    Ok(decided.rows_affected == 1)
}
