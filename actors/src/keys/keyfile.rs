//! Keys in files: one PKCS#8 PEM a key, the schedule in `keys.json`, the root secret
//! of the installation in `root-secret`. All are readable by their owner only.
//!
//! The server and the command line may both be at it, so every change is made under
//! an exclusive lock, and every file is replaced as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use protocol::jose::{KeyError, KeyRing, NoSigningKey, PublishedKey, SigningAlgorithm, SigningKey};
use protocol::secret::RootSecret;
use zeroize::Zeroizing;

use super::generate::private_key_pem;
use super::schedule::{Entrance, Entry, Overlap, RotationUnderWay, Schedule};

const MANIFEST: &str = "keys.json";
const LOCK: &str = "lock";
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
    /// There are keys, and none of them signs.
    #[error(transparent)]
    NoSigningKey(#[from] NoSigningKey),
}

/// The folder with the keys.
#[derive(Debug, Clone)]
pub struct KeyFiles {
    folder: PathBuf,
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
    /// [`KeyFileError::File`].
    pub fn open(folder: &Path) -> Result<KeyFiles, KeyFileError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|cause| KeyFileError::File { path: folder.to_owned(), cause })?;
        Ok(KeyFiles { folder: folder.to_owned() })
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
        let _lock = self.lock()?;
        let path = self.folder.join(name);
        if !path.exists() {
            let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(fresh));
            self.replace(name, text.as_bytes())?;
            return Ok(fresh);
        }
        let text = Zeroizing::new(self.read_private(name)?);
        let bytes = URL_SAFE_NO_PAD.decode(text.trim()).ok().and_then(|b| b.try_into().ok());
        bytes.ok_or_else(|| KeyFileError::Damaged {
            path,
            detail: "it must hold 32 bytes in base64url".to_owned(),
        })
    }

    /// Makes sure there is a key that signs, then lets time pass for all of them.
    pub(super) fn advance(
        &self,
        algorithm: SigningAlgorithm,
        overlap: Overlap,
        now: DateTime<Utc>,
    ) -> Result<Schedule, KeyFileError> {
        let _lock = self.lock()?;
        let mut schedule = self.schedule()?;
        let mut changed = schedule.advance(overlap, now);
        match schedule.active() {
            None => {
                self.add(&mut schedule, algorithm, Entrance::AtOnce, overlap, now)?;
                changed = true;
            }
            // The operator configured another algorithm: that is a rotation.
            Some(active) if active.alg != algorithm && schedule.next().is_none() => {
                self.add(&mut schedule, algorithm, Entrance::Announced, overlap, now)?;
                changed = true;
            }
            Some(_) => {}
        }
        if changed {
            self.write(&schedule)?;
        }
        Ok(schedule)
    }

    /// Adds a key; the schedule and the new key's entry.
    pub(super) fn rotate(
        &self,
        new: NewKey,
        overlap: Overlap,
        now: DateTime<Utc>,
    ) -> Result<(Schedule, Entry), KeyFileError> {
        let _lock = self.lock()?;
        let mut schedule = self.schedule()?;
        if new.entrance == Entrance::Announced {
            schedule.may_announce()?;
        }
        let old = schedule.active().map(|key| key.kid.clone());
        let entry = self.add(&mut schedule, new.algorithm, new.entrance, overlap, now)?;
        if let Some(old) = old.filter(|_| new.drop_old) {
            schedule.drop_key(&old);
        }
        self.write(&schedule)?;
        Ok((schedule, entry))
    }

    /// The ring of the keys in `schedule`.
    pub(super) fn ring(&self, schedule: &Schedule) -> Result<KeyRing, KeyFileError> {
        let load = |entry: &Entry| {
            let name = pem_name(&entry.kid);
            let pem = Zeroizing::new(self.read_private(&name)?);
            let damaged =
                |detail: String| KeyFileError::Damaged { path: self.folder.join(&name), detail };
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

    /// The schedule as it stands; empty when there is none yet.
    pub(super) fn schedule(&self) -> Result<Schedule, KeyFileError> {
        if !self.folder.join(MANIFEST).exists() {
            return Ok(Schedule::default());
        }
        let text = self.read_private(MANIFEST)?;
        serde_json::from_str(&text).map_err(|error| KeyFileError::Damaged {
            path: self.folder.join(MANIFEST),
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
        self.replace(&pem_name(key.kid()), pem.as_bytes())?;
        schedule.add(key.kid().to_owned(), algorithm, entrance, overlap, now);
        let added = schedule.keys.last().cloned();
        added.ok_or(KeyFileError::Generation(algorithm))
    }

    /// Writes the schedule first and removes keys that are gone second: a crash in
    /// between leaves a file too many, never one too few.
    fn write(&self, schedule: &Schedule) -> Result<(), KeyFileError> {
        let text = serde_json::to_vec_pretty(schedule).map_err(|error| KeyFileError::Damaged {
            path: self.folder.join(MANIFEST),
            detail: error.to_string(),
        })?;
        self.replace(MANIFEST, &text)?;
        let listed = fs::read_dir(&self.folder).map_err(|cause| self.failed("", cause))?;
        for file in listed.flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            let known = schedule.keys.iter().any(|key| pem_name(&key.kid) == name);
            if Path::new(&name).extension().is_some_and(|end| end == "pem") && !known {
                fs::remove_file(file.path()).map_err(|cause| self.failed(&name, cause))?;
            }
        }
        Ok(())
    }

    fn read_private(&self, name: &str) -> Result<String, KeyFileError> {
        let path = self.folder.join(name);
        let mode = fs::metadata(&path).map_err(|cause| self.failed(name, cause))?;
        let mode = mode.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Exposed { path, mode });
        }
        fs::read_to_string(&path).map_err(|cause| self.failed(name, cause))
    }

    /// Replaces a file as a whole: readers see the old or the new one, also after a
    /// power cut.
    fn replace(&self, name: &str, content: &[u8]) -> Result<(), KeyFileError> {
        let failed = |cause| self.failed(name, cause);
        let draft = self.folder.join(format!(".{name}.draft"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&draft).map_err(failed)?;
        file.write_all(content).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        fs::rename(&draft, self.folder.join(name)).map_err(failed)?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(failed)
    }

    fn lock(&self) -> Result<File, KeyFileError> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file =
            options.open(self.folder.join(LOCK)).map_err(|cause| self.failed(LOCK, cause))?;
        file.lock().map_err(|cause| self.failed(LOCK, cause))?;
        Ok(file)
    }

    fn failed(&self, name: &str, cause: io::Error) -> KeyFileError {
        KeyFileError::File { path: self.folder.join(name), cause }
    }
}

fn pem_name(kid: &str) -> String {
    format!("{kid}.pem")
}
