//! The store work behind what is done to accounts.

use std::future::Future;

use chrono::{DateTime, Utc};
use entities::cascade::{self, Reach};
use entities::{DatabaseTransaction, StoreError, audit_event, consent_grant, session, user};
use uuid::Uuid;

use super::Users;
use super::messages::{
    AccountAct, ActOnAccount, CreateUser, FindUser, ListUsers, ReplaceUser, UserError,
};
use crate::audit::Event;
use crate::revocations;
use crate::runtime::Environment;

pub(super) fn create_user(
    keeper: &Users,
    order: CreateUser,
) -> impl Future<Output = Result<user::Model, UserError>> + use<> {
    let (store, environment) = (keeper.store.clone(), keeper.environment.clone());
    async move {
        let now = environment.now();
        let made = user::Model {
            id: environment.new_id(),
            email: user::canonical_email(&order.email),
            name: order.name,
            password_hash: Some(order.password_hash),
            role: order.role,
            disabled_at: None,
            created_at: now,
            updated_at: now,
        };
        let event =
            Event::new("user.created", &order.origin).by(&order.admin).with("user", made.id);
        let (row, event) = (made.clone(), event.stamped(&environment));
        let written = store
            .write(move |transaction| {
                Box::pin(async move {
                    user::insert(transaction, row).await?;
                    audit_event::append(transaction, vec![event]).await
                })
            })
            .await;
        match written {
            Ok(()) => Ok(made),
            Err(StoreError::Duplicate(_)) => Err(UserError::EmailTaken),
            Err(error) => Err(error.into()),
        }
    }
}

pub(super) fn find_user(
    keeper: &Users,
    whom: FindUser,
) -> impl Future<Output = Result<Option<user::Model>, StoreError>> + use<> {
    let store = keeper.store.clone();
    async move {
        store
            .read(|db| async move {
                match whom {
                    FindUser::Email(email) => {
                        user::find_by_email(&db, &user::canonical_email(&email)).await
                    }
                    FindUser::Id(id) => user::find(&db, id).await,
                }
            })
            .await
    }
}

pub(super) fn list_users(
    keeper: &Users,
    ListUsers { filter, page }: ListUsers,
) -> impl Future<Output = Result<(Vec<user::Model>, u64), StoreError>> + use<> {
    let store = keeper.store.clone();
    async move { store.read(move |db| async move { user::list(&db, filter, page).await }).await }
}

pub(super) fn replace_user(
    keeper: &Users,
    order: ReplaceUser,
) -> impl Future<Output = Result<user::Model, UserError>> + use<> {
    let (store, environment) = (keeper.store.clone(), keeper.environment.clone());
    async move {
        let written = store
            .write(move |transaction| {
                Box::pin(async move { replaced(transaction, &environment, order).await })
            })
            .await;
        match written {
            Ok(outcome) => outcome,
            Err(StoreError::Duplicate(_)) => Err(UserError::EmailTaken),
            Err(error) => Err(error.into()),
        }
    }
}

async fn replaced(
    transaction: &DatabaseTransaction,
    environment: &Environment,
    ReplaceUser { before, after, event }: ReplaceUser,
) -> Result<Result<user::Model, UserError>, StoreError> {
    let now = environment.now();
    match user::hold(transaction, before.id).await? {
        None => return Ok(Err(UserError::Unknown(before.id))),
        Some(held) if held != before => return Ok(Err(UserError::ChangedMeanwhile(before.id))),
        Some(_) => {}
    }
    let after = user::Model { updated_at: now, ..after };
    user::replace(transaction, after.clone()).await?;
    let event = if after.password_hash == before.password_hash {
        event
    } else {
        let ended = session::revoke_of_user(transaction, before.id, now).await?;
        event.with("ended_sessions", ended)
    };
    audit_event::append(transaction, vec![event.stamped(environment)]).await?;
    Ok(Ok(after))
}

pub(super) fn act_on_account(
    keeper: &Users,
    order: ActOnAccount,
) -> impl Future<Output = Result<Option<Reach>, StoreError>> + use<> {
    let (store, environment) = (keeper.store.clone(), keeper.environment.clone());
    async move {
        store
            .write(move |transaction| {
                Box::pin(async move { acted(transaction, &environment, order).await })
            })
            .await
            .inspect(|reach| revocations::count("user", reach.unwrap_or_default()))
    }
}

async fn acted(
    transaction: &DatabaseTransaction,
    environment: &Environment,
    ActOnAccount { user_id, act, admin, origin }: ActOnAccount,
) -> Result<Option<Reach>, StoreError> {
    let now = environment.now();
    if user::hold(transaction, user_id).await?.is_none() {
        return Ok(None);
    }
    let (action, is_news) = match act {
        AccountAct::Disable => {
            ("user.disabled", user::set_disabled(transaction, user_id, Some(now), now).await?)
        }
        AccountAct::Enable => {
            ("user.enabled", user::set_disabled(transaction, user_id, None, now).await?)
        }
        AccountAct::ForceLogout => ("user.force_logout", true),
        AccountAct::Delete => ("user.deleted", true),
    };
    if !is_news {
        return Ok(Some(Reach::default()));
    }
    let reach = match act {
        AccountAct::Enable => Reach::default(),
        AccountAct::Disable | AccountAct::ForceLogout => {
            cascade::revoke_user(transaction, user_id, action, now).await?
        }
        AccountAct::Delete => deleted(transaction, user_id, action, now).await?,
    };
    let event = Event::new(action, &origin)
        .by(&admin)
        .with("user", user_id)
        .with("revoked_families", reach.families)
        .with("revoked_issuances", reach.issuances);
    audit_event::append(transaction, vec![event.stamped(environment)]).await?;
    Ok(Some(reach))
}

/// What stands for the person is revoked first, so that it is dead whatever becomes of
/// the account. The audit log goes on naming the id, which is nobody's e-mail address.
async fn deleted(
    transaction: &DatabaseTransaction,
    user_id: Uuid,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Reach, StoreError> {
    // In the order in which a decision holds them: the session, the grants, the code.
    session::revoke_of_user(transaction, user_id, now).await?;
    consent_grant::delete_of_user(transaction, user_id).await?;
    let reach = cascade::revoke_user(transaction, user_id, reason, now).await?;
    user::delete(transaction, user_id).await?;
    Ok(reach)
}
