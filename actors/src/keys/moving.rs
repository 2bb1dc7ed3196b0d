//! Keys and secrets of an installation that move from files into the database, or back.
//!
//! Everything moves at once, so that what was given out stays good. The database says where the
//! keys are kept, and a server configured otherwise does not start; what is left behind cannot be
//! gone on with: of the files the schedule is taken away, of the database the rows. A move that
//! was cut off is finished by ordering it again.

use entities::audit_event;
use entities::news::{News, announce};
use entities::{Store, StoreError, installation, key_schedule, server_secret, signing_key};
use protocol::secret::RootSecret;

use super::error::KeyStoreError;
use super::keyfile::KeyFiles;
use super::plan::{Fresh, Possessions};
use super::sealed::{ADMIN_KEY_HASH, ROOT, SealedKeys};
use super::store::{in_background, of_root};
use crate::audit::{Event, Origin};
use crate::runtime::Environment;
use crate::secrets::resealed;

/// The audit action of a move.
const MOVED: &str = "key.moved";

/// What was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// How many signing keys there are.
    pub keys: usize,
    /// Whether they were there already.
    pub before: bool,
}

/// Moves the keys in `files` into the database.
///
/// # Errors
/// When the files are not those of this database, cannot be read, or the store fails. The
/// database has all of them then, or none.
pub async fn move_into_database(
    files: &KeyFiles,
    keys: &SealedKeys,
    admin: &str,
    environment: &Environment,
) -> Result<Moved, KeyStoreError> {
    let from = files.clone();
    if SealedKeys::are_in(&keys.store).await? {
        let seen = keys.see().await?;
        drop(keys.ring(&seen.schedule, &seen.sealed, &[])?);
        // Cut off between the one and the other.
        in_background(move || from.retire()).await?;
        return Ok(Moved { keys: seen.schedule.keys.len(), before: true });
    }
    let all = in_background(move || from.read_all()).await?;
    let fresh: Vec<Fresh> = all.schedule.keys.iter().zip(&all.pems).map(fresh).collect();
    let rows = keys.rows(&all.schedule, &fresh, 1, environment)?;
    let mut secrets = vec![keys.secret_row(ROOT, all.root.expose(), environment)?];
    if let Some(hash) = &all.admin_key_hash {
        secrets.push(keys.secret_row(ADMIN_KEY_HASH, hash, environment)?);
    }
    let ring = resealed(&keys.store, &of_root(&all.root), &keys.sealer, environment).await?;
    let count = rows.len();
    let event = told("database", count, admin).stamped(environment);
    let fingerprint = all.root.fingerprint();
    let moved = keys.store.write(move |transaction| {
        Box::pin(async move {
            if !installation::claim(transaction, fingerprint).await? {
                return Ok(false);
            }
            let version = key_schedule::version(transaction).await?;
            if !key_schedule::move_on(transaction, version).await? {
                return Err(somebody_else());
            }
            for secret in secrets {
                let sealed = secret.sealed.clone();
                if server_secret::add_or_find(transaction, secret).await?.sealed != sealed {
                    return Err(somebody_else());
                }
            }
            for row in rows {
                signing_key::add(transaction, row).await?;
            }
            if !ring.carry_out(transaction).await? {
                return Err(somebody_else());
            }
            audit_event::append(transaction, vec![event]).await?;
            announce(transaction, News::Keys).await?;
            Ok(true)
        })
    });
    if !moved.await? {
        return Err(KeyStoreError::OtherInstallation);
    }
    let from = files.clone();
    in_background(move || from.retire()).await?;
    Ok(Moved { keys: count, before: false })
}

/// Moves the keys in the database into `files`.
///
/// # Errors
/// When they do not open, when the folder is another installation's, or when it cannot be
/// written. The rows stay until the files are complete.
pub async fn move_into_files(
    files: &KeyFiles,
    keys: &SealedKeys,
    admin: &str,
    environment: &Environment,
) -> Result<Moved, KeyStoreError> {
    if !SealedKeys::are_in(&keys.store).await? {
        let to = files.clone();
        let all = in_background(move || to.read_all()).await?;
        return match is_of(&keys.store, &all.root).await? {
            true => Ok(Moved { keys: all.pems.len(), before: true }),
            false => Err(KeyStoreError::OtherInstallation),
        };
    }
    let seen = keys.see().await?;
    let all = possessions(keys, &seen).await?;
    if !is_of(&keys.store, &all.root).await? {
        return Err(KeyStoreError::OtherInstallation);
    }
    let ring = resealed(&keys.store, &keys.sealer, &of_root(&all.root), environment).await?;
    let (to, count) = (files.clone(), all.pems.len());
    in_background(move || to.write_all(&all)).await?;
    let event = told("keyfile", count, admin).stamped(environment);
    let (version, kids) = (seen.version, seen.sealed.into_keys().collect());
    let cleared = keys.store.write(move |transaction| {
        Box::pin(async move {
            if !key_schedule::move_on(transaction, version).await? {
                return Err(somebody_else());
            }
            signing_key::delete(transaction, kids).await?;
            server_secret::delete_all(transaction).await?;
            if !ring.carry_out(transaction).await? {
                return Err(somebody_else());
            }
            audit_event::append(transaction, vec![event]).await?;
            announce(transaction, News::Keys).await
        })
    });
    cleared.await?;
    Ok(Moved { keys: count, before: false })
}

/// Whether this is the root secret that the database was set up with.
async fn is_of(store: &Store, root: &RootSecret) -> Result<bool, StoreError> {
    let fingerprint = root.fingerprint();
    store
        .write(move |transaction| {
            Box::pin(async move { installation::claim(transaction, fingerprint).await })
        })
        .await
}

async fn possessions(
    keys: &SealedKeys,
    seen: &super::sealed::Seen,
) -> Result<Possessions, KeyStoreError> {
    drop(keys.ring(&seen.schedule, &seen.sealed, &[])?);
    let rows = keys.store.read(|db| async move { server_secret::all(&db).await }).await?;
    let secret = |name: &str| {
        rows.iter().find(|row| row.name == name).map(|row| keys.opened_secret(row)).transpose()
    };
    let pem = |entry: &super::schedule::Entry| keys.opened_key(&entry.kid, &seen.sealed);
    Ok(Possessions {
        root: secret(ROOT)?.map(RootSecret::from_bytes).ok_or(KeyStoreError::MovedAway)?,
        admin_key_hash: secret(ADMIN_KEY_HASH)?,
        pems: seen.schedule.keys.iter().map(pem).collect::<Result<_, _>>()?,
        schedule: seen.schedule.clone(),
    })
}

fn fresh((entry, pem): (&super::schedule::Entry, &zeroize::Zeroizing<String>)) -> Fresh {
    Fresh { kid: entry.kid.clone(), pem: pem.clone() }
}

fn told(to: &str, keys: usize, admin: &str) -> Event {
    Event::new(MOVED, &Origin::local()).by(admin).with("to", to).with("keys", keys)
}

fn somebody_else() -> StoreError {
    StoreError::Contended("the keys were changed at the same moment; order it again".to_owned())
}
