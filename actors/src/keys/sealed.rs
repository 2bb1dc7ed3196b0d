//! Keys in the database, sealed: one row a key, the secrets of the installation beside them.
//!
//! Every replica reads the same rows. Who finds something to be done makes a plan of it and
//! carries it out in one transaction, on condition that the schedule's number is still the one
//! it saw; so of many that look at once one acts, and the others read what it did. The audit
//! rows are in the same transaction.

use std::collections::HashMap;
use std::sync::Arc;

use entities::audit_event::{self, NewEvent};
use entities::news::{News, announce};
use entities::signing_key::{self, Standing};
use entities::{Store, StoreError, installation, key_schedule, server_secret};
use protocol::envelope::{Cell, Kind, Sealer};
use protocol::jose::{KeyRing, KeyState, PublishedKey, SigningKey};
use protocol::secret::RootSecret;
use zeroize::Zeroizing;

use super::error::KeyStoreError;
use super::plan::{Fresh, Loaded, NewKey, Plan, Wanted};
use super::schedule::{Entry, Overlap, Schedule};
use super::store::{RotateKeys, in_background, ordered, told};
use crate::runtime::Environment;

/// How often others may have been faster.
const ATTEMPTS: usize = 5;
/// The row of the root secret.
pub(super) const ROOT: &str = "root";
/// The row of the keyed hash of the admin key.
pub(super) const ADMIN_KEY_HASH: &str = "admin-key-hash";

/// The rows with the keys.
#[derive(Debug, Clone)]
pub struct SealedKeys {
    pub(super) store: Store,
    pub(super) sealer: Sealer,
}

/// The keys as they were read.
pub(super) struct Seen {
    /// The schedule's number, read before the keys.
    pub(super) version: i64,
    pub(super) schedule: Schedule,
    /// Envelopes by kid.
    pub(super) sealed: HashMap<String, Vec<u8>>,
    next_place: i64,
}

/// The cell of a private key.
pub(crate) fn key_cell(kid: &str) -> Cell<'_> {
    Cell { table: "signing_keys", row: kid, column: "private_key" }
}

/// The cell of a secret of the installation.
pub(crate) fn secret_cell(name: &str) -> Cell<'_> {
    Cell { table: "server_secrets", row: name, column: "sealed" }
}

impl SealedKeys {
    /// The keys in `store`, under the master key of `sealer`.
    #[must_use]
    pub fn new(store: Store, sealer: Sealer) -> SealedKeys {
        SealedKeys { store, sealer }
    }

    /// Whether the database of `store` holds the secrets of its installation.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn are_in(store: &Store) -> Result<bool, StoreError> {
        store.read(|db| async move { Ok(server_secret::find(&db, ROOT).await?.is_some()) }).await
    }

    /// The root secret of the installation. A database that is new is claimed with a fresh one.
    ///
    /// # Errors
    /// When it does not open, when the installation keeps its keys in files, or when the store
    /// fails.
    pub async fn root_secret(
        &self,
        environment: &Environment,
    ) -> Result<RootSecret, KeyStoreError> {
        let fresh = RootSecret::from_bytes(environment.random_bytes());
        let row = self.secret_row(ROOT, fresh.expose(), environment)?;
        let fingerprint = fresh.fingerprint();
        let found = self.store.write(move |transaction| {
            Box::pin(async move {
                if let Some(row) = server_secret::find(transaction, ROOT).await? {
                    return Ok(Some(row));
                }
                if installation::is_claimed(transaction).await? {
                    return Ok(None);
                }
                let ours = row.sealed.clone();
                let held = server_secret::add_or_find(transaction, row).await?;
                let made = held.sealed == ours;
                if made && !installation::claim(transaction, fingerprint).await? {
                    let both = "another process sets the database up at this moment";
                    return Err(StoreError::Contended(both.to_owned()));
                }
                Ok(Some(held))
            })
        });
        let found = found.await?.ok_or(KeyStoreError::KeptInFiles)?;
        Ok(RootSecret::from_bytes(self.opened_secret(&found)?))
    }

    /// The keyed hash of the admin key made at first boot; `fresh` when there is none.
    ///
    /// # Errors
    /// When it does not open, or the store fails.
    pub async fn admin_key_hash(
        &self,
        fresh: [u8; 32],
        environment: &Environment,
    ) -> Result<[u8; 32], KeyStoreError> {
        let row = self.secret_row(ADMIN_KEY_HASH, &fresh, environment)?;
        let held = self.store.write(move |transaction| {
            Box::pin(async move { server_secret::add_or_find(transaction, row).await })
        });
        self.opened_secret(&held.await?)
    }

    /// The keys as they are now, after what is to be done about them at this moment.
    pub(super) async fn load(
        &self,
        wanted: Wanted,
        environment: &Environment,
    ) -> Result<Loaded, KeyStoreError> {
        let now = environment.now();
        let (mut changes, mut announced) = (Vec::new(), None);
        for _ in 0..ATTEMPTS {
            let seen = self.see().await?;
            let before = seen.schedule.clone();
            let plan = in_background(move || Plan::upkeep(before, wanted, now)).await?;
            if !plan.changes_anything() {
                let ring = self.ring(&seen.schedule, &seen.sealed, &[])?;
                return Ok(Loaded { schedule: seen.schedule, ring, changes, announced });
            }
            let done = plan.changes();
            let tell = |change| told(change, plan.announced).stamped(environment);
            let events = done.iter().map(tell).collect();
            if self.carry_out(&seen, &plan, events, environment).await? {
                (changes, announced) = (done, plan.announced);
            }
        }
        Err(KeyStoreError::Contended)
    }

    /// Adds a key by order; the keys as they are then, and the new one's entry.
    pub(super) async fn rotate(
        &self,
        new: NewKey,
        overlap: Overlap,
        order: &RotateKeys,
        environment: &Environment,
    ) -> Result<(Loaded, Entry), KeyStoreError> {
        let now = environment.now();
        for _ in 0..ATTEMPTS {
            let seen = self.see().await?;
            let before = seen.schedule.clone();
            let planned = in_background(move || Plan::rotation(before, new, overlap, now)).await;
            let (plan, entry) = planned?;
            let ring = self.ring(&plan.schedule, &seen.sealed, &plan.fresh)?;
            let event = ordered(order, new.algorithm).with("kid", &entry.kid);
            let events = vec![event.stamped(environment)];
            if self.carry_out(&seen, &plan, events, environment).await? {
                let (changes, schedule) = (plan.changes(), plan.schedule);
                return Ok((Loaded { schedule, ring, changes, announced: None }, entry));
            }
        }
        Err(KeyStoreError::Contended)
    }

    /// The keys as they stand.
    pub(super) async fn see(&self) -> Result<Seen, KeyStoreError> {
        let read = self.store.read(|db| async move {
            let version = key_schedule::version(&db).await?;
            let keys = signing_key::all(&db).await?;
            let kept_here = !keys.is_empty() || server_secret::find(&db, ROOT).await?.is_some();
            Ok((version, keys, kept_here))
        });
        let (version, keys, kept_here) = read.await?;
        if !kept_here {
            return Err(KeyStoreError::MovedAway);
        }
        let next_place = keys.iter().map(|key| key.place + 1).max().unwrap_or(1);
        let entries = keys.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let sealed = keys.into_iter().map(|key| (key.kid, key.private_key)).collect();
        Ok(Seen { version, schedule: Schedule { keys: entries }, sealed, next_place })
    }

    /// Does what is planned, unless the keys have changed since they were seen; whether it did.
    async fn carry_out(
        &self,
        seen: &Seen,
        plan: &Plan,
        events: Vec<NewEvent>,
        environment: &Environment,
    ) -> Result<bool, KeyStoreError> {
        let added = self.rows(&plan.schedule, &plan.fresh, seen.next_place, environment)?;
        let moved: Vec<Standing> = plan.moved().map(standing).collect();
        let (gone, version) = (plan.gone(), seen.version);
        let done = self.store.write(move |transaction| {
            Box::pin(async move {
                if !key_schedule::move_on(transaction, version).await? {
                    return Ok(false);
                }
                signing_key::delete(transaction, gone).await?;
                for standing in moved {
                    signing_key::move_on(transaction, standing).await?;
                }
                for row in added {
                    signing_key::add(transaction, row).await?;
                }
                audit_event::append(transaction, events).await?;
                announce(transaction, News::Keys).await?;
                Ok(true)
            })
        });
        Ok(done.await?)
    }

    /// The rows of keys that are new here.
    pub(super) fn rows(
        &self,
        schedule: &Schedule,
        fresh: &[Fresh],
        first_place: i64,
        environment: &Environment,
    ) -> Result<Vec<signing_key::Model>, KeyStoreError> {
        let pem_of = |kid: &str| fresh.iter().find(|fresh| fresh.kid == kid);
        let new = schedule.keys.iter().filter_map(|entry| Some((entry, pem_of(&entry.kid)?)));
        let row = |(place, (entry, fresh)): (i64, (&Entry, &Fresh))| {
            let (cell, nonce) = (key_cell(&entry.kid), environment.random_bytes());
            let pem = fresh.pem.as_bytes();
            let Standing { kid, state, changes_at, signs_for } = standing(entry);
            Ok(signing_key::Model {
                kid,
                place,
                alg: entry.alg.as_str().to_owned(),
                state,
                created_at: entry.created_at,
                changes_at,
                signs_for,
                private_key: self.sealer.seal(Kind::SigningKey, cell, pem, nonce)?,
            })
        };
        (first_place..).zip(new).map(row).collect()
    }

    /// The ring of the keys in `schedule`.
    pub(super) fn ring(
        &self,
        schedule: &Schedule,
        sealed: &HashMap<String, Vec<u8>>,
        fresh: &[Fresh],
    ) -> Result<KeyRing, KeyStoreError> {
        let load = |entry: &Entry| {
            let pem = match fresh.iter().find(|fresh| fresh.kid == entry.kid) {
                Some(fresh) => fresh.pem.clone(),
                None => self.opened_key(&entry.kid, sealed)?,
            };
            let key = SigningKey::from_pem(entry.alg, pem.as_bytes())
                .map_err(|error| damaged(&entry.kid, error))?;
            if key.kid() != entry.kid {
                return Err(damaged(&entry.kid, "it holds another key").into());
            }
            Ok(PublishedKey { key: Arc::new(key), state: entry.state })
        };
        let keys = schedule.keys.iter().map(load).collect::<Result<Vec<_>, KeyStoreError>>()?;
        Ok(KeyRing::new(keys)?)
    }

    /// The private key of a row.
    pub(super) fn opened_key(
        &self,
        kid: &str,
        sealed: &HashMap<String, Vec<u8>>,
    ) -> Result<Zeroizing<String>, KeyStoreError> {
        let envelope = sealed.get(kid).map(Vec::as_slice).unwrap_or_default();
        let opened = self.sealer.open(Kind::SigningKey, key_cell(kid), envelope)?;
        let text =
            std::str::from_utf8(&opened.secret).map_err(|_| damaged(kid, "it is no text"))?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// A row for a secret of the installation.
    pub(super) fn secret_row(
        &self,
        name: &str,
        secret: &[u8; 32],
        environment: &Environment,
    ) -> Result<server_secret::Model, KeyStoreError> {
        let nonce = environment.random_bytes();
        let sealed = self.sealer.seal(Kind::ServerSecret, secret_cell(name), secret, nonce)?;
        let created_at = environment.now();
        Ok(server_secret::Model { name: name.to_owned(), sealed, created_at })
    }

    /// What is in the row of a secret.
    pub(super) fn opened_secret(
        &self,
        row: &server_secret::Model,
    ) -> Result<[u8; 32], KeyStoreError> {
        let opened = self.sealer.open(Kind::ServerSecret, secret_cell(&row.name), &row.sealed)?;
        let bytes = opened.secret.as_slice().try_into();
        let odd = |_| StoreError::damaged("server_secrets", format!("{}: not 32 bytes", row.name));
        Ok(bytes.map_err(odd)?)
    }
}

fn damaged(kid: &str, detail: impl std::fmt::Display) -> StoreError {
    StoreError::damaged("signing_keys", format!("key {kid}: {detail}"))
}

fn standing(entry: &Entry) -> Standing {
    Standing {
        kid: entry.kid.clone(),
        state: entry.state.as_str().to_owned(),
        changes_at: entry.changes_at,
        signs_for: entry.signs_for.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX)),
    }
}

fn entry(row: &signing_key::Model) -> Result<Entry, StoreError> {
    let state = match row.state.as_str() {
        "next" => KeyState::Next,
        "active" => KeyState::Active,
        "retired" => KeyState::Retired,
        _ => return Err(damaged(&row.kid, "its state is not known")),
    };
    Ok(Entry {
        kid: row.kid.clone(),
        alg: row.alg.parse().map_err(|error| damaged(&row.kid, error))?,
        state,
        created_at: row.created_at,
        changes_at: row.changes_at,
        signs_for: row.signs_for.and_then(|seconds| u64::try_from(seconds).ok()),
    })
}
