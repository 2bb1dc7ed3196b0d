//! Keys in files: one PKCS#8 PEM a key, the schedule in `keys.json`, the root secret
//! of the installation in `root-secret`.
//!
//! The server and the command line may both be at it, so every change is made under
//! the folder's lock.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use protocol::jose::{KeyError, KeyRing, NoSigningKey, PublishedKey, SigningAlgorithm, SigningKey};
use protocol::secret::RootSecret;
use zeroize::Zeroizing;

use super::folder::PrivateFolder;
use super::generate::private_key_pem;
use super::schedule::{Change, Entrance, Entry, Occasion, Overlap, RotationUnderWay, Schedule};

const MANIFEST: &str = "keys.json";
const ROOT_SECRET: &str = "root-secret";
const ADMIN_KEY_HASH: &str = "admin-key-hash";

/// What can be wrong with the key files.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// A file cannot be read or written.
    #[error("{path}: {cause}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Other people can read a private file.
    #[error("{path} is readable by others (mode {mode:o}); run: chmod 600 {path}")]
    Exposed {
        /// Which.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Other people can put files into the folder.
    #[error("{path} can be written by others (mode {mode:o}); run: chmod 700 {path}")]
    FolderExposed {
        /// The folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// There are keys, and no word of which of them signs. Making new ones now would
    /// put everybody's tokens out of force.
    #[error(
        "{path} is missing, but there are signing keys beside it; restore it from your \
         backup, or move the .pem files away to start anew"
    )]
    ManifestMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A file does not hold what it should.
    #[error("{path} is damaged: {detail}; restore it from your backup")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A rotation is under way.
    #[error(transparent)]
    RotationUnderWay(#[from] RotationUnderWay),
    /// No key pair could be made.
    #[error("the crypto library could not make a key for {0}")]
    Generation(SigningAlgorithm),
    /// No key pair could be made for admin keys.
    #[error("the root secret gives no key pair for admin keys")]
    AdminKeyPair,
    /// There are keys, and none of them signs.
    #[error(transparent)]
    NoSigningKey(#[from] NoSigningKey),
}

/// The folder with the keys.
#[derive(Debug, Clone)]
pub struct KeyFiles {
    folder: PrivateFolder,
}

/// How much a process looks after the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upkeep {
    /// Lets time pass for them and follows the configured algorithm: a server.
    Full,
    /// Makes the first key and nothing more: a command, which may be configured
    /// differently from the server and must not rotate keys in passing.
    FirstKeyOnly,
}

/// The keys of one moment, and what happened to them just now.
pub(super) struct Loaded {
    pub(super) schedule: Schedule,
    pub(super) ring: KeyRing,
    pub(super) changes: Vec<Change>,
    /// Why a new key was announced just now, if one was.
    pub(super) announced: Option<Occasion>,
}

/// When keys change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    pub(super) interval: Duration,
    pub(super) overlap: Overlap,
}

/// What a rotation is to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewKey {
    pub(super) algorithm: SigningAlgorithm,
    pub(super) entrance: Entrance,
    pub(super) drop_old: bool,
}

impl KeyFiles {
    /// Opens the folder, creating it (mode 0700) when missing.
    ///
    /// # Errors
    /// When the folder cannot be made or read, or others can write to it.
    pub fn open(folder: &Path) -> Result<KeyFiles, KeyFileError> {
        Ok(KeyFiles { folder: PrivateFolder::open(folder)? })
    }

    /// Whether there is a root secret already.
    ///
    /// # Errors
    /// When the disk does not answer.
    pub fn has_root_secret(&self) -> Result<bool, KeyFileError> {
        self.folder.has(ROOT_SECRET)
    }

    /// The root secret of the installation; made of `fresh` when there is none.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or others can read it.
    pub fn root_secret(&self, fresh: [u8; 32]) -> Result<RootSecret, KeyFileError> {
        self.read_or_make(ROOT_SECRET, fresh).map(RootSecret::from_bytes)
    }

    /// The keyed hash of the admin key made at first boot; `fresh` when there is none.
    /// Who deletes the file gets a new key at the next boot.
    ///
    /// # Errors
    /// As [`KeyFiles::root_secret`].
    pub fn admin_key_hash(&self, fresh: [u8; 32]) -> Result<[u8; 32], KeyFileError> {
        self.read_or_make(ADMIN_KEY_HASH, fresh)
    }

    fn read_or_make(&self, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], KeyFileError> {
        let _lock = self.folder.lock()?;
        let path = self.folder.path_of(name);
        if !self.folder.has(name)? {
            let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(fresh));
            self.folder.replace(name, text.as_bytes())?;
            return Ok(fresh);
        }
        let text = Zeroizing::new(self.folder.read(name)?);
        let bytes = URL_SAFE_NO_PAD.decode(text.trim()).ok().and_then(|b| b.try_into().ok());
        bytes.ok_or_else(|| KeyFileError::Damaged {
            path,
            detail: "it must hold 32 bytes in base64url".to_owned(),
        })
    }

    /// The keys as they are now. Makes the first key when there is none; with
    /// [`Upkeep::Full`] time passes for the others, too, and one whose turn is over is
    /// relieved. All under the lock: of several processes one does it.
    pub(super) fn load(
        &self,
        algorithm: SigningAlgorithm,
        upkeep: Upkeep,
        timing: Timing,
        now: DateTime<Utc>,
    ) -> Result<Loaded, KeyFileError> {
        let overlap = timing.overlap;
        let _lock = self.folder.lock()?;
        let before = self.schedule()?;
        let mut schedule = before.clone();
        if upkeep == Upkeep::Full {
            schedule.advance(overlap, now);
        }
        if schedule.active().is_none() {
            self.add(&mut schedule, algorithm, Entrance::AtOnce, overlap, now)?;
        }
        let due = schedule.due(algorithm, timing.interval, now);
        let announced = due.filter(|_| upkeep == Upkeep::Full);
        if announced.is_some() {
            self.add(&mut schedule, algorithm, Entrance::Announced, overlap, now)?;
        }
        Ok(Loaded { announced, ..self.replaced(&before, schedule)? })
    }

    /// Whether a rotation can start.
    pub(super) fn may_announce(&self) -> Result<(), KeyFileError> {
        let _lock = self.folder.lock()?;
        Ok(self.schedule()?.may_announce()?)
    }

    /// Adds a key; the keys as they are then, and the new one's entry.
    pub(super) fn rotate(
        &self,
        new: NewKey,
        overlap: Overlap,
        now: DateTime<Utc>,
    ) -> Result<(Loaded, Entry), KeyFileError> {
        let _lock = self.folder.lock()?;
        let before = self.schedule()?;
        let mut schedule = before.clone();
        if new.entrance == Entrance::Announced {
            schedule.may_announce()?;
        }
        let old = schedule.active().map(|key| key.kid.clone());
        let entry = self.add(&mut schedule, new.algorithm, new.entrance, overlap, now)?;
        if let Some(old) = old.filter(|_| new.drop_old) {
            schedule.drop_key(&old);
        }
        Ok((self.replaced(&before, schedule)?, entry))
    }

    /// Writes the schedule if it changed, and loads its keys: still under the lock, so
    /// that no other process removes one of them in between.
    fn replaced(&self, before: &Schedule, schedule: Schedule) -> Result<Loaded, KeyFileError> {
        let changes = schedule.changes_since(before);
        if schedule != *before {
            self.write(before, &schedule)?;
        }
        let ring = self.ring(&schedule)?;
        Ok(Loaded { schedule, ring, changes, announced: None })
    }

    /// The ring of the keys in `schedule`.
    fn ring(&self, schedule: &Schedule) -> Result<KeyRing, KeyFileError> {
        let load = |entry: &Entry| {
            let name = pem_name(&entry.kid);
            let pem = Zeroizing::new(self.folder.read(&name)?);
            let damaged =
                |detail: String| KeyFileError::Damaged { path: self.folder.path_of(&name), detail };
            let key = SigningKey::from_pem(entry.alg, pem.as_bytes())
                .map_err(|error: KeyError| damaged(error.to_string()))?;
            if key.kid() != entry.kid {
                return Err(damaged("it holds another key than its name says".to_owned()));
            }
            Ok(PublishedKey { key: Arc::new(key), state: entry.state })
        };
        let keys = schedule.keys.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        Ok(KeyRing::new(keys)?)
    }

    /// The schedule as it stands; empty when there are no keys yet.
    fn schedule(&self) -> Result<Schedule, KeyFileError> {
        if !self.folder.has(MANIFEST)? {
            let orphaned = self.folder.names()?.iter().any(|name| is_key_name(name));
            let path = self.folder.path_of(MANIFEST);
            return if orphaned {
                Err(KeyFileError::ManifestMissing { path })
            } else {
                Ok(Schedule::default())
            };
        }
        let text = self.folder.read(MANIFEST)?;
        serde_json::from_str(&text).map_err(|error| KeyFileError::Damaged {
            path: self.folder.path_of(MANIFEST),
            detail: error.to_string(),
        })
    }

    fn add(
        &self,
        schedule: &mut Schedule,
        algorithm: SigningAlgorithm,
        entrance: Entrance,
        overlap: Overlap,
        now: DateTime<Utc>,
    ) -> Result<Entry, KeyFileError> {
        let generation = KeyFileError::Generation(algorithm);
        let Some(pem) = private_key_pem(algorithm) else { return Err(generation) };
        let key = SigningKey::from_pem(algorithm, pem.as_bytes()).map_err(|_| generation)?;
        self.folder.replace(&pem_name(key.kid()), pem.as_bytes())?;
        schedule.add(key.kid().to_owned(), algorithm, entrance, overlap, now);
        let added = schedule.keys.last().cloned();
        added.ok_or(KeyFileError::Generation(algorithm))
    }

    /// Writes the schedule first and removes the keys that left it second: a crash in
    /// between leaves a file too many, never one too few. No other file is touched.
    fn write(&self, before: &Schedule, schedule: &Schedule) -> Result<(), KeyFileError> {
        let text = serde_json::to_vec_pretty(schedule).map_err(|error| KeyFileError::Damaged {
            path: self.folder.path_of(MANIFEST),
            detail: error.to_string(),
        })?;
        self.folder.replace(MANIFEST, &text)?;
        for gone in before.keys.iter().filter(|old| schedule.keys.iter().all(|k| k.kid != old.kid))
        {
            self.folder.remove(&pem_name(&gone.kid))?;
        }
        Ok(())
    }
}

/// Whether a file has the name of a signing key: an RFC 7638 thumbprint and `.pem`.
fn is_key_name(name: &str) -> bool {
    let thumbprint = name.strip_suffix(".pem").unwrap_or_default();
    thumbprint.len() == 43
        && thumbprint.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'))
}

fn pem_name(kid: &str) -> String {
    format!("{kid}.pem")
}
