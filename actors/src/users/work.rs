//! The store work behind each message of the users keeper.

use std::future::Future;

use entities::cascade::{self, Reach};
use entities::{DatabaseTransaction, Store, StoreError, Strings, audit_event, session, user};
use protocol::secret::SessionToken;

use super::Users;
use super::messages::{
    AccountAct, ActOnAccount, CreateUser, EndSession, FindSession, FindUser, ListUsers,
    NoteFailedSignIn, OpenSession, SignedIn, UserError,
};
use crate::audit::Event;
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
    ListUsers { limit }: ListUsers,
) -> impl Future<Output = Result<Vec<user::Model>, StoreError>> + use<> {
    let store = keeper.store.clone();
    async move { store.read(|db| async move { user::list(&db, limit).await }).await }
}

pub(super) fn open_session(
    keeper: &Users,
    order: OpenSession,
) -> impl Future<Output = Result<Option<SessionToken>, StoreError>> + use<> {
    let (store, environment) = (keeper.store.clone(), keeper.environment.clone());
    let token = SessionToken::from_random(environment.random_bytes());
    let id_hash = token.hash(&keeper.cookie_key).to_vec();
    let replaced = order.replaces.as_ref().map(|old| old.hash(&keeper.cookie_key));
    let expires_at = keeper.environment.after(keeper.session_lifetime);
    async move {
        let now = environment.now();
        let event = Event::new("user.login", &order.origin)
            .by(order.user_id)
            .with("amr", order.amr.join(","))
            .stamped(&environment);
        let row = session::Model {
            id_hash,
            user_id: order.user_id,
            auth_time: now,
            amr: Strings(order.amr),
            expires_at,
            revoked_at: None,
        };
        let opened = store
            .write(move |transaction| {
                Box::pin(async move {
                    let user = user::find(transaction, row.user_id).await?;
                    if user.is_none_or(|user| user.disabled_at.is_some()) {
                        return Ok(false);
                    }
                    if let Some(replaced) = replaced {
                        session::revoke(transaction, &replaced, now).await?;
                    }
                    session::insert(transaction, row).await?;
                    audit_event::append(transaction, vec![event]).await?;
                    Ok(true)
                })
            })
            .await?;
        Ok(opened.then_some(token))
    }
}

pub(super) fn find_session(
    keeper: &Users,
    FindSession(session): FindSession,
) -> impl Future<Output = Result<Option<SignedIn>, StoreError>> + use<> {
    let id_hash = session.hash(&keeper.cookie_key);
    let (store, environment) = (keeper.store.clone(), keeper.environment.clone());
    async move { signed_in(&store, &environment, id_hash).await }
}

async fn signed_in(
    store: &Store,
    environment: &Environment,
    id_hash: [u8; 32],
) -> Result<Option<SignedIn>, StoreError> {
    let now = environment.now();
    store
        .read(move |db| async move {
            let Some(session) = session::find_live(&db, &id_hash, now).await? else {
                return Ok(None);
            };
            let user = user::find(&db, session.user_id).await?;
            Ok(user.filter(|user| user.disabled_at.is_none()).map(|user| SignedIn {
                session: id_hash,
                user_id: user.id,
                name: user.name,
                email: user.email,
                auth_time: session.auth_time,
                amr: session.amr.0,
            }))
        })
        .await
}

pub(super) fn end_session(
    keeper: &Users,
    EndSession(session): EndSession,
) -> impl Future<Output = Result<(), StoreError>> + use<> {
    let id_hash = session.hash(&keeper.cookie_key);
    let (store, now) = (keeper.store.clone(), keeper.environment.now());
    async move {
        store
            .write(move |transaction| {
                Box::pin(async move {
                    session::revoke(transaction, &id_hash, now).await?;
                    Ok(())
                })
            })
            .await
    }
}

/// What was typed goes into the log as a keyed hash: it shows that the same name is
/// tried over and over, and does not show a password typed into the wrong field.
pub(super) fn note_failed_sign_in(
    keeper: &Users,
    NoteFailedSignIn { email, user_id, origin }: NoteFailedSignIn,
) -> impl Future<Output = Result<(), StoreError>> + use<> {
    let identity = keeper.cookie_key.hash(user::canonical_email(&email).as_bytes());
    let news = keeper.failures.is_news(identity);
    let shown: String = identity[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    let event = Event::new("user.login_failed", &origin)
        .with("reason", "credentials")
        .with("identity", shown);
    let event = match user_id {
        Some(user_id) => event.by(user_id),
        None => event,
    };
    let (store, event) = (keeper.store.clone(), event.stamped(&keeper.environment));
    async move {
        if !news {
            return Ok(());
        }
        store
            .write(move |transaction| {
                Box::pin(async move { audit_event::append(transaction, vec![event]).await })
            })
            .await
    }
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
    }
}

async fn acted(
    transaction: &DatabaseTransaction,
    environment: &Environment,
    ActOnAccount { user_id, act, admin, origin }: ActOnAccount,
) -> Result<Option<Reach>, StoreError> {
    let now = environment.now();
    let (action, there) = match act {
        AccountAct::Disable => {
            ("user.disabled", user::set_disabled(transaction, user_id, Some(now), now).await?)
        }
        AccountAct::Enable => {
            ("user.enabled", user::set_disabled(transaction, user_id, None, now).await?)
        }
        AccountAct::ForceLogout => {
            ("user.force_logout", user::find(transaction, user_id).await?.is_some())
        }
    };
    if !there {
        return Ok(user::find(transaction, user_id).await?.map(|_| Reach::default()));
    }
    let reach = match act {
        AccountAct::Enable => Reach::default(),
        AccountAct::Disable | AccountAct::ForceLogout => {
            cascade::revoke_user(transaction, user_id, action, now).await?
        }
    };
    let event = Event::new(action, &origin)
        .by(&admin)
        .with("user", user_id)
        .with("revoked_families", reach.families)
        .with("revoked_issuances", reach.issuances);
    audit_event::append(transaction, vec![event.stamped(environment)]).await?;
    Ok(Some(reach))
}
