//! The store work behind each message of the keeper of admin keys.

use chrono::TimeDelta;
use entities::admin_key::{self, Model};
use entities::{Store, StoreError, audit_event};

use super::messages::{
    AddAdminKey, AdminKeyPage, FindAdminKey, ListAdminKeys, RevokeAdminKey, UseAdminKey,
};
use crate::audit::Event;
use crate::runtime::Environment;

/// How exactly the last use of a key is known, in minutes: a write for each use would make every
/// look at the admin surface one.
const USE_IS_NOTED_EVERY: i64 = 15;

pub(super) async fn add(
    store: Store,
    environment: Environment,
    AddAdminKey { row, origin }: AddAdminKey,
) -> Result<(), StoreError> {
    let event = Event::new("admin_key.minted", &origin)
        .by(&row.created_by)
        .with("key", row.id)
        .with("name", &row.name)
        .with("rights", row.rights.0.join(","))
        .with("expires_at", row.expires_at.to_rfc3339())
        .stamped(&environment);
    store
        .write(move |transaction| {
            Box::pin(async move {
                admin_key::insert(transaction, row).await?;
                audit_event::append(transaction, vec![event]).await
            })
        })
        .await
}

pub(super) async fn present(
    store: Store,
    environment: Environment,
    UseAdminKey(id): UseAdminKey,
) -> Result<Option<Model>, StoreError> {
    let found = store.read(move |db| async move { admin_key::find(&db, id).await }).await?;
    let now = environment.now();
    let since = now - TimeDelta::minutes(USE_IS_NOTED_EVERY);
    let stale =
        |key: &Model| key.revoked_at.is_none() && key.last_used_at.is_none_or(|last| last < since);
    if found.as_ref().is_some_and(stale) {
        let noted = store
            .write(move |transaction| {
                Box::pin(async move { admin_key::note_use(transaction, id, now, since).await })
            })
            .await;
        // Only a convenience of the list: not a reason to refuse a good key.
        if let Err(error) = noted {
            tracing::warn!(%error, key = %id, "the use of an admin key could not be noted");
        }
    }
    Ok(found)
}

pub(super) async fn find(
    store: Store,
    _: Environment,
    FindAdminKey(id): FindAdminKey,
) -> Result<Option<Model>, StoreError> {
    store.read(move |db| async move { admin_key::find(&db, id).await }).await
}

pub(super) async fn list(
    store: Store,
    _: Environment,
    ListAdminKeys { page }: ListAdminKeys,
) -> Result<AdminKeyPage, StoreError> {
    store
        .read(move |db| async move {
            let keys = admin_key::list(&db, page).await?;
            Ok(AdminKeyPage { keys, total: admin_key::count(&db).await? })
        })
        .await
}

pub(super) async fn revoke(
    store: Store,
    environment: Environment,
    RevokeAdminKey { id, admin, origin }: RevokeAdminKey,
) -> Result<Option<Model>, StoreError> {
    let now = environment.now();
    store
        .write(move |transaction| {
            let (admin, origin, environment) = (admin.clone(), origin.clone(), environment.clone());
            Box::pin(async move {
                let revoked = admin_key::revoke(transaction, id, now).await?;
                let found = admin_key::find(transaction, id).await?;
                if let Some(key) = found.as_ref().filter(|_| revoked) {
                    let event = Event::new("admin_key.revoked", &origin)
                        .by(&admin)
                        .with("key", id)
                        .with("name", &key.name);
                    audit_event::append(transaction, vec![event.stamped(&environment)]).await?;
                }
                Ok(found)
            })
        })
        .await
}
