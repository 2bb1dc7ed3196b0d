//! The store work behind each message of the attempts keeper.

use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use entities::attempt::{self, Allowance, Kind, Tried};
use entities::audit_event::NewEvent;
use entities::{DatabaseTransaction, StoreError, audit_event, user};
use protocol::secret::HashKey;
use protocol::text::hex;

use super::lockouts;
use super::messages::{
    BeginSignIn, Begun, EndSignIn, NoteClientFailure, NoteWrongAdminKey, Outcome, Ticket,
};
use super::{ACCOUNT_WIDE, AttemptSettings, Attempts};
use crate::denials::Denial;
use crate::runtime::Environment;

/// The keyed hash of an identity: the table says neither who tried nor whom.
pub(super) fn identity(key: &HashKey, parts: &[&str]) -> [u8; 32] {
    key.hash(parts.join("\0").as_bytes())
}

pub(super) fn written(network: Option<IpAddr>) -> String {
    network.map(|network| network.to_string()).unwrap_or_default()
}

/// `times` the configured number of failures, from now on.
pub(super) fn allowance(
    settings: &AttemptSettings,
    environment: &Environment,
    times: u32,
) -> Allowance {
    let most = settings.most.saturating_mul(times);
    Allowance {
        most: i32::try_from(most).unwrap_or(i32::MAX),
        window_ends: environment.after(settings.window),
        lock_ends: environment.after(settings.lockout),
    }
}

/// How long `identity` stays locked.
async fn wait_of(
    transaction: &DatabaseTransaction,
    identity: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<Duration, StoreError> {
    let row = attempt::find(transaction, identity).await?;
    let left = row.and_then(|row| row.expires_at.signed_duration_since(now).to_std().ok());
    Ok(left.unwrap_or_default())
}

pub(super) fn begin_sign_in(
    keeper: &Attempts,
    attempt: &BeginSignIn,
) -> impl Future<Output = Result<Begun, StoreError>> + use<> {
    let Attempts { store, environment, settings, .. } = keeper;
    let (store, now) = (store.clone(), environment.now());
    let own_allowance = allowance(settings, environment, 1);
    let account_allowance = allowance(settings, environment, ACCOUNT_WIDE);
    let email = user::canonical_email(&attempt.email);
    let key = &settings.key;
    let tried = |parts: &[&str], place| Tried {
        kind: Kind::SignIn,
        identity: identity(key, parts),
        subject: lockouts::person(key, &email),
        place,
    };
    let (own, account) = match attempt.known_browser {
        Some(browser) => {
            let browser = hex(&browser);
            let place = identity(key, &["browser", &browser]);
            (tried(&["known browser", &browser, &email], Some(place)), None)
        }
        None => {
            let network = written(attempt.network);
            let place = lockouts::place(key, &network);
            let own = tried(&["sign-in", &network, &email], Some(place));
            (own, Some(tried(&["account", &email], None)))
        }
    };
    let is_off = settings.most == 0;
    async move {
        if is_off {
            return Ok(Begun::Admitted(Ticket::default()));
        }
        store
            .write(move |transaction| {
                Box::pin(async move {
                    let counted = attempt::count(transaction, &own, now, own_allowance).await?;
                    let Some(failures) = counted else {
                        let wait = wait_of(transaction, &own.identity, now).await?;
                        return Ok(Begun::Locked(wait));
                    };
                    let mut locks = (failures >= own_allowance.most).then_some("network");
                    // The own count comes first: what a network that is locked tries on
                    // must not count for the account.
                    if let Some(account) = account {
                        let counted = attempt::count(transaction, &account, now, account_allowance);
                        let Some(failures) = counted.await? else {
                            attempt::take_back(transaction, &own.identity, own_allowance).await?;
                            let wait = wait_of(transaction, &account.identity, now).await?;
                            return Ok(Begun::Locked(wait));
                        };
                        if failures >= account_allowance.most {
                            locks = Some("account");
                        }
                    }
                    let account = account.map(|account| account.identity);
                    Ok(Begun::Admitted(Ticket { own: Some(own.identity), account, locks }))
                })
            })
            .await
    }
}

pub(super) fn end_sign_in(
    keeper: &Attempts,
    EndSignIn { ticket, outcome }: EndSignIn,
) -> impl Future<Output = Result<(), StoreError>> + use<> {
    let Attempts { store, environment, settings, .. } = keeper;
    let store = store.clone();
    let own_allowance = allowance(settings, environment, 1);
    let account_allowance = allowance(settings, environment, ACCOUNT_WIDE);
    let Ticket { own, account, .. } = ticket;
    async move {
        let Some(own) = own else { return Ok(()) };
        store
            .write(move |transaction| {
                Box::pin(async move {
                    match outcome {
                        Outcome::Right => attempt::forgive(transaction, &own).await?,
                        Outcome::NotTried => {
                            attempt::take_back(transaction, &own, own_allowance).await?;
                        }
                    }
                    match account {
                        Some(account) => {
                            attempt::take_back(transaction, &account, account_allowance).await
                        }
                        None => Ok(()),
                    }
                })
            })
            .await
    }
}

/// Counts failures of clients; for each, how long to wait if there were too many. With it what
/// is to be written down of that, which is no part of the counting: it is done only of clients
/// that exist, so neither the time it takes nor its failing may show in the answer.
pub(super) fn note_client_failures(
    keeper: &Attempts,
    failures: Vec<NoteClientFailure>,
) -> impl Future<Output = Result<(Vec<Option<Duration>>, Vec<NewEvent>), StoreError>> + use<> {
    let Attempts { store, environment, settings, denials, .. } = keeper;
    let (store, environment, denials) = (store.clone(), environment.clone(), denials.clone());
    let allowance = allowance(settings, &environment, 1);
    let of = |failure: &NoteClientFailure| {
        let network = written(failure.network);
        Tried {
            kind: Kind::Client,
            identity: identity(&settings.key, &["client", &network, &failure.client_id]),
            subject: lockouts::client(&settings.key, &failure.client_id),
            place: Some(lockouts::place(&settings.key, &network)),
        }
    };
    let mut failures: Vec<_> =
        failures.into_iter().enumerate().map(|(at, it)| (of(&it), at, it)).collect();
    // In the same order on every replica, so that none waits for another in a circle.
    failures.sort_by_key(|(tried, at, _)| (tried.identity, *at));
    let is_off = settings.most == 0;
    async move {
        if is_off {
            return Ok((vec![None; failures.len()], Vec::new()));
        }
        store
            .write(move |transaction| {
                Box::pin(async move {
                    let now = environment.now();
                    let mut waits = vec![None; failures.len()];
                    let mut events = Vec::new();
                    for (tried, at, failure) in failures {
                        let counted = attempt::count(transaction, &tried, now, allowance);
                        match counted.await? {
                            None => {
                                let wait = wait_of(transaction, &tried.identity, now).await?;
                                waits[at] = Some(wait);
                            }
                            // Whoever makes names up must not fill the log with them.
                            Some(failures) if failures >= allowance.most && failure.exists => {
                                let denial = Denial::new("auth.locked_out", &failure.origin)
                                    .client(&failure.client_id)
                                    .with("kind", "client");
                                let event = denials.news(denial);
                                events.extend(event.map(|event| event.stamped(&environment)));
                            }
                            Some(_) => {}
                        }
                    }
                    Ok((waits, events))
                })
            })
            .await
    }
}

/// Counts an admin key that is none; how long to wait if there were too many.
pub(super) fn note_wrong_admin_key(
    keeper: &Attempts,
    NoteWrongAdminKey { network, origin }: NoteWrongAdminKey,
) -> impl Future<Output = Result<Option<Duration>, StoreError>> + use<> {
    let Attempts { store, environment, settings, denials, .. } = keeper;
    let (store, environment, denials) = (store.clone(), environment.clone(), denials.clone());
    let allowance = allowance(settings, &environment, 1);
    let network = written(Some(network));
    let tried = Tried {
        kind: Kind::AdminKey,
        identity: identity(&settings.key, &["admin key", &network]),
        subject: identity(&settings.key, &["subject", "admin"]),
        place: Some(lockouts::place(&settings.key, &network)),
    };
    let is_off = settings.most == 0;
    async move {
        if is_off {
            return Ok(None);
        }
        store
            .write(move |transaction| {
                Box::pin(async move {
                    let now = environment.now();
                    let Some(failures) =
                        attempt::count(transaction, &tried, now, allowance).await?
                    else {
                        return Ok(Some(wait_of(transaction, &tried.identity, now).await?));
                    };
                    if failures >= allowance.most {
                        let denial = Denial::new("auth.locked_out", &origin)
                            .with("kind", "admin_key")
                            .with("identity", lockouts::shown(&tried.identity));
                        let event = denials.news(denial).map(|it| it.stamped(&environment));
                        audit_event::append(transaction, event.into_iter().collect()).await?;
                    }
                    Ok(None)
                })
            })
            .await
    }
}

/// Writes events down after those they are about have been answered.
pub(super) fn write_down(
    keeper: &Attempts,
    events: Vec<NewEvent>,
) -> impl Future<Output = Result<(), StoreError>> + use<> {
    let store = keeper.store.clone();
    async move {
        let work = store.write(move |transaction| {
            Box::pin(async move { audit_event::append(transaction, events).await })
        });
        work.await
    }
}

/// Keeps the table in bounds; how many rows went.
pub(super) fn forget_beyond(
    keeper: &Attempts,
) -> impl Future<Output = Result<u64, StoreError>> + use<> {
    let (store, most) = (keeper.store.clone(), u64::from(keeper.settings.remembered));
    async move {
        let mut gone = 0;
        for kind in Kind::ALL {
            let forget = store.write(move |transaction| {
                Box::pin(async move { attempt::forget_beyond(transaction, kind, most).await })
            });
            gone += forget.await?;
        }
        Ok(gone)
    }
}
