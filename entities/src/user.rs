//! People who sign in here.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{
    ActiveValue::Set, Condition, IntoActiveModel as _, QueryOrder as _, QuerySelect as _,
};

use crate::store::rows::padded;
use crate::{Page, StoreError};

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

/// Those of these users who are there and not disabled.
///
/// # Errors
/// When the store fails.
pub async fn enabled<C: ConnectionTrait>(db: &C, ids: Vec<Uuid>) -> Result<Vec<Uuid>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.is_in(padded(ids)))
        .filter(Column::DisabledAt.is_null())
        .into_tuple()
        .all(db)
        .await?)
}

/// Which users are meant.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only the one with this canonical e-mail address.
    pub email: Option<String>,
    /// Only those that are disabled, or that are not.
    pub disabled: Option<bool>,
    /// Only those with this role.
    pub role: Option<String>,
}

/// Users, newest first, and how many there are in all.
///
/// # Errors
/// When the store fails.
pub async fn list<C: ConnectionTrait>(
    db: &C,
    filter: Filter,
    page: Page,
) -> Result<(Vec<Model>, u64), StoreError> {
    let state = filter.disabled.map(|disabled| match disabled {
        true => Column::DisabledAt.is_not_null(),
        false => Column::DisabledAt.is_null(),
    });
    let which = Condition::all()
        .add_option(filter.email.map(|email| Column::Email.eq(email)))
        .add_option(filter.role.map(|role| Column::Role.eq(role)))
        .add_option(state);
    let total = Entity::find().filter(which.clone()).count(db).await?;
    let users = Entity::find()
        .filter(which)
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .limit(page.limit)
        .offset(page.offset)
        .all(db)
        .await?;
    Ok((users, total))
}

/// How many users there are.
///
/// # Errors
/// When the store fails.
pub async fn count<C: ConnectionTrait>(db: &C) -> Result<u64, StoreError> {
    Ok(Entity::find().count(db).await?)
}

/// Those of these users that are enabled, which they stay until the transaction ends.
/// Rows are held in the order of their ids.
///
/// # Errors
/// When the store fails.
pub async fn hold_all_enabled<C: ConnectionTrait>(
    db: &C,
    ids: Vec<Uuid>,
) -> Result<Vec<Uuid>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.is_in(padded(ids)))
        .filter(Column::DisabledAt.is_null())
        .order_by_asc(Column::Id)
        .lock_shared()
        .into_tuple()
        .all(db)
        .await?)
}

/// The user with this id, held against change until the transaction ends.
///
/// # Errors
/// When the store fails.
pub async fn hold<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(id).lock_exclusive().one(db).await?)
}

/// The user with this id, who stays as they are until the transaction ends: whoever changes
/// or deletes them waits, and then sees what the transaction did.
///
/// # Errors
/// When the store fails.
pub async fn hold_shared<C: ConnectionTrait>(
    db: &C,
    id: Uuid,
) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(id).lock_shared().one(db).await?)
}

/// Writes everything about a user anew; false when there is no such user.
///
/// # Errors
/// [`StoreError::Duplicate`] when the address is taken.
pub async fn replace<C: ConnectionTrait>(db: &C, user: Model) -> Result<bool, StoreError> {
    let id = user.id;
    let changed = Entity::update_many()
        .set(user.into_active_model().reset_all())
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Deletes a user; false when there is no such user.
///
/// # Errors
/// When the store fails.
pub async fn delete<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<bool, StoreError> {
    Ok(Entity::delete_by_id(id).exec(db).await?.rows_affected == 1)
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
