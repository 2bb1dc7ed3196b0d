//! People who sign in here.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, IntoActiveModel as _, QueryOrder as _, QuerySelect as _};

use crate::StoreError;

/// A row of `users`.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// The user's id: `sub` in tokens.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Canonical e-mail address, the sign-in name.
    pub email: String,
    /// Name shown to the user.
    pub name: String,
    /// Argon2id in PHC form; null for people without local sign-in.
    pub password_hash: Option<String>,
    /// `user` or `admin`.
    pub role: String,
    /// When the user was disabled, if so.
    pub disabled_at: Option<DateTime<Utc>>,
    /// When the user was created.
    pub created_at: DateTime<Utc>,
    /// When the user was last changed.
    pub updated_at: DateTime<Utc>,
}

/// No relations: queries join by hand where they must.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("user::Model").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The canonical form of an e-mail address: trimmed, lower case. Two spellings of
/// one address must not make two accounts.
#[must_use]
pub fn canonical_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Adds a user.
///
/// # Errors
/// [`StoreError::Duplicate`] when the address is taken.
pub async fn insert<C: ConnectionTrait>(db: &C, user: Model) -> Result<(), StoreError> {
    Entity::insert(user.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// The user with this canonical e-mail address.
///
/// # Errors
/// When the store fails.
pub async fn find_by_email<C: ConnectionTrait>(
    db: &C,
    email: &str,
) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find().filter(Column::Email.eq(email)).one(db).await?)
}

/// The user with this id.
///
/// # Errors
/// When the store fails.
pub async fn find<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(id).one(db).await?)
}

/// Users, newest first.
///
/// # Errors
/// When the store fails.
pub async fn list<C: ConnectionTrait>(db: &C, limit: u64) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find().order_by_desc(Column::CreatedAt).limit(limit).all(db).await?)
}

/// Disables or enables a user; false when there is no such user or nothing to change.
///
/// # Errors
/// When the store fails.
pub async fn set_disabled<C: ConnectionTrait>(
    db: &C,
    id: Uuid,
    disabled_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let other_state = match disabled_at {
        Some(_) => Column::DisabledAt.is_null(),
        None => Column::DisabledAt.is_not_null(),
    };
    let changed = Entity::update_many()
        .set(ActiveModel {
            disabled_at: Set(disabled_at),
            updated_at: Set(now),
            ..Default::default()
        })
        .filter(Column::Id.eq(id))
        .filter(other_state)
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}
