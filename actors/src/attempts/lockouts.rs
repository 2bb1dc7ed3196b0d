//! Lockouts as operators see them: which there are, and lifting them.
//!
//! The table says neither who was tried nor from where: it has keyed hashes of both. So
//! whoever names a person, a client or a network finds what counts against it, and nobody
//! can read from the table whom it is about.

use entities::attempt::{self, Kind, Meant};
use entities::{StoreError, audit_event, user};
use protocol::secret::HashKey;
use protocol::text::hex;

use super::work::{allowance, identity, written};
use super::{ACCOUNT_WIDE, Attempts, LiftLockouts, Lockout, LockoutScope, Lockouts, Whose};
use crate::audit::Event;

/// Lockouts that are listed at most.
const LISTED: u64 = 100;

pub(super) fn person(key: &HashKey, canonical_email: &str) -> [u8; 32] {
    identity(key, &["subject", "person", canonical_email])
}

pub(super) fn client(key: &HashKey, client_id: &str) -> [u8; 32] {
    identity(key, &["subject", "client", client_id])
}

pub(super) fn place(key: &HashKey, network: &str) -> [u8; 32] {
    identity(key, &["place", network])
}

/// How an identity is shown, here and in the audit log.
pub(super) fn shown(identity: &[u8]) -> String {
    hex(identity.get(..6).unwrap_or(identity))
}

pub(super) fn list(
    keeper: &Attempts,
) -> impl Future<Output = Result<Lockouts, StoreError>> + use<> {
    let Attempts { store, environment, settings, .. } = keeper;
    let (store, now, is_off) = (store.clone(), environment.now(), settings.most == 0);
    let most = allowance(settings, environment, 1).most;
    let most_anywhere = allowance(settings, environment, ACCOUNT_WIDE).most;
    async move {
        if is_off {
            return Ok(Lockouts::default());
        }
        let (rows, total) =
            store
                .read(move |db| async move {
                    attempt::locked(&db, now, most, most_anywhere, LISTED).await
                })
                .await?;
        let lockouts = rows.into_iter().filter_map(|row| {
            Some(Lockout {
                kind: Kind::of(&row)?,
                scope: match row.place {
                    Some(_) => LockoutScope::Place,
                    None => LockoutScope::Account,
                },
                identity: shown(&row.identity),
                ends_at: row.expires_at,
            })
        });
        Ok(Lockouts { lockouts: lockouts.collect(), total })
    }
}

pub(super) fn lift(
    keeper: &Attempts,
    LiftLockouts { whose, admin, origin }: LiftLockouts,
) -> impl Future<Output = Result<u64, StoreError>> + use<> {
    let Attempts { store, environment, settings, .. } = keeper;
    let (store, environment) = (store.clone(), environment.clone());
    let event = Event::new("lockout.lifted", &origin).by(&admin);
    let (meant, event) = match whose {
        Whose::Person(email) => {
            let email = user::canonical_email(&email);
            let account = identity(&settings.key, &["account", &email]);
            let event = event.with("by", "email").with("identity", shown(&account));
            (Meant::Subject(person(&settings.key, &email)), event)
        }
        Whose::Client(id) => {
            (Meant::Subject(client(&settings.key, &id)), event.client(&id).with("by", "client"))
        }
        Whose::Network(network) => {
            let network = written(Some(network));
            let event = event.with("by", "address").with("network", &network);
            (Meant::Place(place(&settings.key, &network)), event)
        }
    };
    async move {
        store
            .write(move |transaction| {
                Box::pin(async move {
                    let lifted = attempt::lift(transaction, meant).await?;
                    let event = event.with("lifted", lifted).stamped(&environment);
                    audit_event::append(transaction, vec![event]).await?;
                    Ok(lifted)
                })
            })
            .await
    }
}
