//! Adding, changing and removing clients.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use entities::cascade::{self, Killed, Reach};
use entities::{
    DatabaseTransaction, Store, StoreError, audit_event, catalog_version, client, consent_grant,
};
use protocol::client::{Client, ClientStatus};

use super::messages::{
    AddClient, CatalogError, DeleteClient, ExistingClients, KillAgent, ListClients, ReplaceClient,
    SetClientStatus,
};
use super::work::{carry_out, change};
use crate::audit::Event;
use crate::revocations;
use crate::runtime::Environment;

/// The version stays, unless the client `is_listed` somewhere.
pub(super) async fn add_client(
    store: Store,
    environment: Environment,
    order: AddClient,
    is_listed: bool,
) -> Result<Client, CatalogError> {
    let event = order.event.stamped(&environment);
    let row = order.client.clone();
    store
        .write(move |transaction| {
            Box::pin(async move {
                if is_listed {
                    catalog_version::advance(transaction).await?;
                }
                client::insert(transaction, &row).await?;
                audit_event::append(transaction, vec![event]).await
            })
        })
        .await?;
    Ok(order.client)
}

pub(super) async fn list_clients(
    store: Store,
    question: ListClients,
) -> Result<(Vec<Client>, u64), StoreError> {
    let ListClients { filter, page } = question;
    store.read(move |db| async move { client::list(&db, filter, page).await }).await
}

pub(super) async fn existing_clients(
    store: Store,
    ExistingClients(ids): ExistingClients,
) -> Result<HashSet<String>, StoreError> {
    store.read(move |db| async move { client::existing_among(&db, ids).await }).await
}

/// Whoever ordered the change looked at the client as it was `before`; should it have
/// become another meanwhile, they have to look again.
pub(super) async fn replace_client(
    store: Store,
    environment: Environment,
    order: ReplaceClient,
) -> Result<Client, CatalogError> {
    let ReplaceClient { before, after, event } = order;
    change(&store, environment.now(), move |transaction, now| {
        Box::pin(async move {
            match client::hold(transaction, &before.id).await? {
                None => return Ok(Err(CatalogError::UnknownClient(before.id))),
                Some(held) if held != before => {
                    return Ok(Err(CatalogError::ChangedMeanwhile(before.id)));
                }
                Some(_) => {}
            }
            let after = Client { updated_at: now, ..after };
            client::replace(transaction, &after).await?;
            audit_event::append(transaction, vec![event.stamped(&environment)]).await?;
            Ok(Ok(after))
        })
    })
    .await
}

/// What the client holds is revoked first, so that it is dead whatever becomes of the
/// client's row; and what people agreed to goes too, should the id ever come back.
pub(super) async fn delete_client(
    store: Store,
    environment: Environment,
    order: DeleteClient,
) -> Result<Reach, CatalogError> {
    change(&store, environment.now(), move |transaction, now| {
        Box::pin(async move {
            let DeleteClient { client_id, force, admin, origin } = order;
            if client::hold_status(transaction, &client_id).await?.is_none() {
                return Ok(Err(CatalogError::UnknownClient(client_id)));
            }
            let live = cascade::live_of_client(transaction, &client_id, now).await?;
            if live.is_something() && !force {
                return Ok(Err(CatalogError::ClientInUse { client_id, live }));
            }
            super::resources::forget_runtime_client(transaction, &client_id, now).await?;
            consent_grant::delete_of_client(transaction, &client_id).await?;
            let reach = cascade::revoke_client(transaction, &client_id, "client", now).await?;
            client::delete(transaction, &client_id).await?;
            let event = Event::new("client.deleted", &origin)
                .by(&admin)
                .client(&client_id)
                .with("revoked_families", reach.families)
                .with("revoked_issuances", reach.issuances);
            audit_event::append(transaction, vec![event.stamped(&environment)]).await?;
            Ok(Ok(reach))
        })
    })
    .await
    .inspect(|reach| revocations::count("client", *reach))
}

pub(super) async fn set_client_status(
    store: Store,
    environment: Environment,
    order: SetClientStatus,
) -> Result<Reach, CatalogError> {
    change(&store, environment.now(), move |transaction, now| {
        Box::pin(async move {
            let SetClientStatus { client_id, status, admin, origin } = order;
            let Some(held) = client::hold_status(transaction, &client_id).await? else {
                return Ok(Err(CatalogError::UnknownClient(client_id)));
            };
            if held == status.as_str() {
                return Ok(Ok(Reach::default()));
            }
            if held == ClientStatus::Revoked.as_str() {
                return Ok(Err(CatalogError::ClientRevoked(client_id)));
            }
            client::set_status(transaction, &client_id, status, now).await?;
            let (action, reach) = match status {
                ClientStatus::Active => ("client.reactivated", Reach::default()),
                ClientStatus::Suspended => ("client.suspended", Reach::default()),
                ClientStatus::Revoked => {
                    let reached = cascade::revoke_client(transaction, &client_id, "client", now);
                    ("client.revoked", reached.await?)
                }
            };
            let event = Event::new(action, &origin)
                .by(&admin)
                .client(&client_id)
                .with("revoked_families", reach.families)
                .with("revoked_issuances", reach.issuances);
            audit_event::append(transaction, vec![event.stamped(&environment)]).await?;
            Ok(Ok(reach))
        })
    })
    .await
    .inspect(|reach| revocations::count("client", *reach))
}

/// Suspends an agent and revokes what it holds and acts in. One that is off already stays as
/// it is; what it still holds falls all the same.
pub(super) async fn kill_agent(
    store: Store,
    environment: Environment,
    order: KillAgent,
) -> Result<(Killed, ClientStatus, DateTime<Utc>), CatalogError> {
    let dry_run = order.dry_run;
    carry_out(&store, dry_run, environment.now(), move |transaction, now| {
        Box::pin(async move { killed(transaction, &environment, order, now).await })
    })
    .await
    .inspect(|(killed, ..)| {
        if !dry_run {
            revocations::count("client", killed.reach());
        }
    })
}

async fn killed(
    transaction: &DatabaseTransaction,
    environment: &Environment,
    order: KillAgent,
    now: DateTime<Utc>,
) -> Result<Result<(Killed, ClientStatus, DateTime<Utc>), CatalogError>, StoreError> {
    let KillAgent { client_id, admin, origin, .. } = order;
    let Some(held) = client::hold(transaction, &client_id).await? else {
        return Ok(Err(CatalogError::UnknownClient(client_id)));
    };
    if !held.agent {
        return Ok(Err(CatalogError::NotAnAgent(client_id)));
    }
    let status = match held.status {
        ClientStatus::Active => ClientStatus::Suspended,
        off => off,
    };
    if status != held.status {
        client::set_status(transaction, &client_id, status, now).await?;
    }
    let reached = cascade::kill_agent(transaction, &client_id, "client", now).await?;
    if status != held.status || reached != Killed::default() {
        let event = Event::new("client.suspended", &origin)
            .by(&admin)
            .client(&client_id)
            .with("killed", true)
            .with("revoked_codes", reached.codes)
            .with("revoked_families", reached.families)
            .with("revoked_issuances", reached.issuances);
        audit_event::append(transaction, vec![event.stamped(environment)]).await?;
    }
    Ok(Ok((reached, status, now)))
}
