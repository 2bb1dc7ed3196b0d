//! The rows of the ring: reading them, adding one, sealing them for another place.

use chrono::{DateTime, TimeDelta, Utc};
use entities::news::{News, announce};
use entities::ring_secret::{self, Model};
use entities::{ConnectionTrait, Store, StoreError, audit_event, key_schedule};
use protocol::envelope::{Cell, Kind, NotSealed, Sealer, Unopened};
use protocol::secret::RootSecret;
use protocol::secret_ring::{Entry, RingSecret, SecretRing, SecretState};
use zeroize::Zeroizing;

use crate::audit::{Event, Origin};
use crate::last_look::MARGIN;
use crate::runtime::{Ask, Environment, Fault};

/// Secrets in a ring at most: what nobody recognises is compared with each.
pub const MOST_SECRETS: usize = 64;
/// How often others may have been faster.
const ATTEMPTS: usize = 5;

/// "Change the server secrets." Whoever asks learns what is in the ring then.
#[derive(Debug, Clone)]
pub struct RotateSecrets {
    /// Make everything with the new secret at once, and recognise nothing that was made before.
    pub emergency: bool,
    /// Who orders it.
    pub admin: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for RotateSecrets {
    type Reply = Result<Vec<Entry>, SecretsError>;
}

/// What can be wrong with the ring.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// Another secret was announced just now.
    #[error(
        "secret {number} was announced and takes over at {signs_from}; order another one after \
         that. If one was stolen, say emergency"
    )]
    UnderWay {
        /// Which.
        number: u32,
        /// When.
        signs_from: DateTime<Utc>,
    },
    /// So many still count that another would make it too many.
    #[error(
        "the ring has {MOST_SECRETS} secrets that still count, which is the most; the next can be \
         added after {0}. If one was stolen, say emergency: that drops the others"
    )]
    Full(DateTime<Utc>),
    /// No key pair could be made for admin keys.
    #[error("a secret gives no key pair for admin keys")]
    AdminKeyPair,
    /// What is in the database does not open.
    #[error(transparent)]
    Unopened(#[from] Unopened),
    /// Nothing can be sealed.
    #[error(transparent)]
    NotSealed(#[from] NotSealed),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Others change the ring each time this process wants to.
    #[error("the server secrets were changed by others again and again; try again")]
    Contended,
}

impl Fault for SecretsError {
    fn fault(&self) -> Option<String> {
        match self {
            SecretsError::UnderWay { .. } | SecretsError::Full(_) | SecretsError::Contended => None,
            SecretsError::Store(error) => error.fault(),
            error => Some(error.to_string()),
        }
    }
}

/// Where the ring is.
#[derive(Debug, Clone)]
pub struct RingStore {
    store: Store,
    sealer: Sealer,
    root: RootSecret,
}

/// The cell of a secret.
pub(crate) fn ring_cell(number: &str) -> Cell<'_> {
    Cell { table: "ring_secrets", row: number, column: "sealed" }
}

impl RingStore {
    /// The ring in `store` that begins with `root`; the others are sealed with `sealer`.
    #[must_use]
    pub fn new(store: Store, sealer: Sealer, root: RootSecret) -> RingStore {
        RingStore { store, sealer, root }
    }

    /// The ring as it is there.
    pub(super) async fn load(&self) -> Result<SecretRing, SecretsError> {
        let rows = self.store.read(|db| async move { ring_secret::all(&db).await }).await?;
        let open = |row: &Model| {
            let opened = open(&self.sealer, row)?;
            let odd = || damaged(row, "it is not 32 bytes");
            Ok(RingSecret {
                number: u32::try_from(row.number).map_err(|_| damaged(row, "its number"))?,
                secret: RootSecret::from_bytes(opened.as_slice().try_into().map_err(|_| odd())?),
                signs_from: row.signs_from,
                drops_earlier: row.drops_earlier,
            })
        };
        let added = rows.iter().map(open).collect::<Result<_, SecretsError>>()?;
        Ok(SecretRing::new(self.root.clone(), added))
    }

    /// Adds a secret by order; the ring as it is then. Nothing that is made with one lasts longer
    /// than `longest`.
    pub(super) async fn rotate(
        &self,
        order: &RotateSecrets,
        longest: TimeDelta,
        environment: &Environment,
    ) -> Result<SecretRing, SecretsError> {
        for _ in 0..ATTEMPTS {
            let (ring, now) = (self.load().await?, environment.now());
            if !order.emergency {
                may_announce(&ring, longest, now)?;
            }
            let number = ring.newest() + 1;
            let secret = Zeroizing::new(environment.random_bytes::<32>());
            let (written, nonce) = (number.to_string(), environment.random_bytes());
            let sealed = self.sealer.seal(
                Kind::ServerSecret,
                ring_cell(&written),
                secret.as_slice(),
                nonce,
            )?;
            let signs_from = if order.emergency { now } else { environment.after(MARGIN) };
            let row = Model {
                number: i64::from(number),
                sealed,
                signs_from,
                drops_earlier: order.emergency,
                created_at: now,
            };
            let event = Event::new("secret.rotated", &order.origin)
                .by(&order.admin)
                .with("number", number)
                .with("emergency", order.emergency)
                .with("signs_from", signs_from.to_rfc3339());
            // What is dropped is not kept for whoever comes to the database later. Nothing else
            // goes, however old: a row that drops earlier ones does so as long as it is there.
            let dropped = ring.iter().filter(|_| order.emergency);
            let dropped = dropped.map(|secret| i64::from(secret.number)).collect();
            let event = event.stamped(environment);
            let added = self.store.write(move |transaction| {
                Box::pin(async move {
                    // As whoever seals the rows again: nobody waits in a circle.
                    key_schedule::hold(transaction).await?;
                    if !ring_secret::add(transaction, row).await? {
                        return Ok(false);
                    }
                    ring_secret::delete(transaction, dropped).await?;
                    audit_event::append(transaction, vec![event]).await?;
                    announce(transaction, News::Secrets).await?;
                    Ok(true)
                })
            });
            match added.await {
                Ok(true) => return self.load().await,
                Ok(false) | Err(StoreError::Contended(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(SecretsError::Contended)
    }
}

/// Whether another secret can be announced.
fn may_announce(
    ring: &SecretRing,
    longest: TimeDelta,
    now: DateTime<Utc>,
) -> Result<(), SecretsError> {
    let entries = ring.entries(longest, now);
    let next = entries.iter().find(|entry| entry.state == SecretState::Next);
    if let Some((next, signs_from)) = next.and_then(|next| Some((next, next.signs_from?))) {
        return Err(SecretsError::UnderWay { number: next.number, signs_from });
    }
    let room_at = entries.first().and_then(|oldest| oldest.gone_at);
    match room_at.filter(|_| entries.len() >= MOST_SECRETS) {
        Some(room_at) => Err(SecretsError::Full(room_at)),
        None => Ok(()),
    }
}

fn damaged(row: &Model, detail: &str) -> SecretsError {
    StoreError::damaged("ring_secrets", format!("secret {}: {detail}", row.number)).into()
}

fn open(sealer: &Sealer, row: &Model) -> Result<Zeroizing<Vec<u8>>, Unopened> {
    Ok(sealer.open(Kind::ServerSecret, ring_cell(&row.number.to_string()), &row.sealed)?.secret)
}

/// The rows of a ring that moves with the keys: what `from` sealed, sealed with `to`. To be put in
/// place of what was read, all of it or nothing.
pub(crate) async fn resealed(
    store: &Store,
    from: &Sealer,
    to: &Sealer,
    environment: &Environment,
) -> Result<Moving, SecretsError> {
    let rows = store.read(|db| async move { ring_secret::all(&db).await }).await?;
    let again = |row: Model| {
        let (opened, number) = (open(from, &row)?, row.number.to_string());
        let nonce = environment.random_bytes();
        let sealed = to.seal(Kind::ServerSecret, ring_cell(&number), &opened, nonce)?;
        Ok((row, sealed))
    };
    Ok(Moving(rows.into_iter().map(again).collect::<Result<_, SecretsError>>()?))
}

/// Rows of a ring, and the envelopes that are to take the place of theirs.
pub(crate) struct Moving(Vec<(Model, Vec<u8>)>);

impl Moving {
    /// Puts them there; whether the rows still were all there are.
    pub(crate) async fn carry_out<C: ConnectionTrait>(self, db: &C) -> Result<bool, StoreError> {
        let there = ring_secret::all(db).await?;
        if there.len() != self.0.len() {
            return Ok(false);
        }
        for (row, sealed) in self.0 {
            if !ring_secret::reseal(db, row.number, row.sealed, sealed).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
