//! The store work behind signing in and out.

use std::future::Future;

use entities::{Store, StoreError, Strings, audit_event, session, user};
use protocol::secret::SessionToken;

use super::Users;
use super::messages::{EndSession, FindSession, OpenSession, SignedIn};
use crate::audit::Event;
use crate::runtime::Environment;

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
                    let user = user::hold_shared(transaction, row.user_id).await?;
                    let Some(user) = user.filter(|user| user.disabled_at.is_none()) else {
                        return Ok(false);
                    };
                    if order.password_hash.is_some() && order.password_hash != user.password_hash {
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
