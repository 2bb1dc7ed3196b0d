//! Where keys are kept: in files, or sealed in the database. What is to be done about them is
//! [`super::plan`]'s to say, for both alike.

use entities::audit_event::{self, NewEvent};
use entities::news::announce;
use entities::{News, Store, StoreError};
use protocol::envelope::{MasterKey, Sealer};
use protocol::jose::{KeyState, SigningAlgorithm};
use protocol::secret::RootSecret;

use super::error::KeyStoreError;
use super::keyfile::KeyFiles;
use super::plan::{Loaded, NewKey, Wanted};
use super::schedule::{Change, Entrance, Entry, Occasion, Overlap};
use super::sealed::SealedKeys;
use crate::audit::{Event, Origin};
use crate::runtime::{Ask, Environment, Fault};
use crate::secrets::RingStore;

/// One of the two.
#[derive(Debug, Clone)]
pub enum KeyStore {
    /// A folder of files.
    Files(KeyFiles),
    /// Rows of the database.
    Database(SealedKeys),
}

/// "Change the signing key."
#[derive(Debug, Clone)]
pub struct RotateKeys {
    /// Sign with the new key at once, although verifiers may not have it yet.
    pub emergency: bool,
    /// In an emergency only: stop publishing the old key, so that what it signed is
    /// refused by everybody who refetches.
    pub drop_old: bool,
    /// Who orders it.
    pub admin: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for RotateKeys {
    /// The new key.
    type Reply = Result<Entry, RotateError>;
}

/// Why keys were not rotated.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The new key was to be announced, and the old one dropped at once.
    #[error(
        "drop_old goes with emergency only: a key that is announced does not sign yet, so \
         without the old one nothing could be signed. If the old key is compromised, say \
         emergency as well; otherwise leave drop_old out, and the old key goes by itself"
    )]
    DropsTheOnlyKey,
    /// Where the keys are kept.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The audit row.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for RotateError {
    fn fault(&self) -> Option<String> {
        match self {
            RotateError::DropsTheOnlyKey => None,
            RotateError::Keys(error) => error.fault(),
            RotateError::Store(error) => error.fault(),
        }
    }
}

impl KeyStore {
    /// The root secret of the installation; a fresh one when there is none.
    ///
    /// # Errors
    /// When it cannot be read or made.
    pub async fn root_secret(
        &self,
        environment: &Environment,
    ) -> Result<RootSecret, KeyStoreError> {
        match self {
            KeyStore::Files(files) => files.root_secret(environment.random_bytes()),
            KeyStore::Database(keys) => keys.root_secret(environment).await,
        }
    }

    /// The keyed hash of the admin key made at first boot; `fresh` when there is none.
    ///
    /// # Errors
    /// As [`KeyStore::root_secret`].
    pub async fn admin_key_hash(
        &self,
        fresh: [u8; 32],
        environment: &Environment,
    ) -> Result<[u8; 32], KeyStoreError> {
        match self {
            KeyStore::Files(files) => files.admin_key_hash(fresh),
            KeyStore::Database(keys) => keys.admin_key_hash(fresh, environment).await,
        }
    }

    /// Where the secrets are that relieve `root`: in `store`, sealed with the master key; where
    /// keys are in files, with one that is derived from the root secret in them.
    #[must_use]
    pub fn ring_store(&self, store: &Store, root: &RootSecret) -> RingStore {
        let sealer = match self {
            KeyStore::Files(_) => of_root(root),
            KeyStore::Database(keys) => keys.sealer.clone(),
        };
        RingStore::new(store.clone(), sealer, root.clone())
    }

    /// The keys as they are now, after what is to be done about them at this moment.
    ///
    /// With files the audit row comes second: a key whose time has come must not wait for a
    /// database that is away. What could not be written is in the log.
    pub(super) async fn look(
        &self,
        wanted: Wanted,
        store: &Store,
        environment: &Environment,
    ) -> Result<Loaded, KeyStoreError> {
        let files = match self {
            KeyStore::Database(keys) => return keys.load(wanted, environment).await,
            KeyStore::Files(files) => files.clone(),
        };
        let now = environment.now();
        let loaded = in_background(move || files.load(wanted, now)).await?;
        let tell = |change| told(change, loaded.announced).stamped(environment);
        let events = loaded.changes.iter().map(tell).collect();
        if let Err(error) = append(store, events).await {
            let changes = &loaded.changes;
            tracing::error!(%error, ?changes, "a change of the signing keys could not be audited");
        }
        Ok(loaded)
    }

    /// Rotates by order.
    ///
    /// Files cannot join a database transaction, so with them the audit row comes first, once
    /// it is known that nothing is in the way: there is never a rotation the log does not know.
    pub(super) async fn rotate(
        &self,
        order: &RotateKeys,
        algorithm: SigningAlgorithm,
        overlap: Overlap,
        store: &Store,
        environment: &Environment,
    ) -> Result<(Loaded, Entry), RotateError> {
        let entrance = if order.emergency { Entrance::AtOnce } else { Entrance::Announced };
        if entrance == Entrance::Announced && order.drop_old {
            return Err(RotateError::DropsTheOnlyKey);
        }
        let new = NewKey { algorithm, entrance, drop_old: order.drop_old };
        let files = match self {
            KeyStore::Database(keys) => {
                return Ok(keys.rotate(new, overlap, order, environment).await?);
            }
            KeyStore::Files(files) => files.clone(),
        };
        if entrance == Entrance::Announced {
            let files = files.clone();
            in_background(move || files.may_announce()).await?;
        }
        append(store, vec![ordered(order, algorithm).stamped(environment)]).await?;
        let now = environment.now();
        let rotated = in_background(move || files.rotate(new, overlap, now)).await;
        if let Err(error) = &rotated {
            let event = Event::new(ROTATED, &order.origin).by(&order.admin).with("failed", error);
            append(store, vec![event.stamped(environment)]).await?;
        }
        let rotated = rotated?;
        tell_others(store).await;
        Ok(rotated)
    }
}

/// What seals rows of the database for an installation that keeps its keys in files.
pub(super) fn of_root(root: &RootSecret) -> Sealer {
    Sealer::only(MasterKey::derived_from(root))
}

/// The action of everything that happens to signing keys.
const ROTATED: &str = "key.rotated";

/// A rotation that somebody orders.
pub(super) fn ordered(order: &RotateKeys, algorithm: SigningAlgorithm) -> Event {
    Event::new(ROTATED, &order.origin)
        .by(&order.admin)
        .with("alg", algorithm)
        .with("emergency", order.emergency)
        .with("dropped_old", order.drop_old)
}

/// A change that time brings.
pub(super) fn told(change: &Change, announced: Option<Occasion>) -> Event {
    let state = change.state.map_or("gone", KeyState::as_str);
    let event = Event::new(ROTATED, &Origin::local())
        .by("keys keeper")
        .with("kid", &change.kid)
        .with("state", state);
    match announced.filter(|_| change.state == Some(KeyState::Next)) {
        Some(occasion) => event.with("reason", occasion.as_str()),
        None => event,
    }
}

/// The others hear of new files when those are there. Whoever does not will look by itself.
async fn tell_others(store: &Store) {
    let told = store.write(|transaction| Box::pin(announce(transaction, News::Keys)));
    if let Err(error) = told.await {
        tracing::warn!(%error, "the other servers will notice the rotation a few seconds late");
    }
}

async fn append(store: &Store, events: Vec<NewEvent>) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    store
        .write(move |transaction| {
            Box::pin(async move { audit_event::append(transaction, events).await })
        })
        .await
}

/// File work, and the making of keys, leave the keeper's thread free.
pub(super) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // Ours is never cancelled, so this is a panic: the keeper's panic.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
