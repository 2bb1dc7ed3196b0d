//! Keys in files: one PKCS#8 PEM a key, the schedule in `keys.json`, the root secret
//! of the installation in `root-secret`.
//!
//! The server and the command line may both be at it, so every change is made under
//! the folder's lock.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use protocol::jose::{KeyError, KeyRing, PublishedKey, SigningKey};
use protocol::secret::RootSecret;
use zeroize::Zeroizing;

use super::error::KeyStoreError;
use super::folder::PrivateFolder;
use super::plan::{Loaded, NewKey, Plan, Possessions, Wanted};
use super::schedule::{Entry, Overlap, Schedule};

const MANIFEST: &str = "keys.json";
const ROOT_SECRET: &str = "root-secret";
const ADMIN_KEY_HASH: &str = "admin-key-hash";
/// What the schedule is called once the keys have gone into the database.
const MOVED: &str = "keys.json.moved";

/// The folder with the keys.
#[derive(Debug, Clone)]
pub struct KeyFiles {
    folder: PrivateFolder,
}

impl KeyFiles {
    /// Opens the folder, creating it (mode 0700) when missing.
    ///
    /// # Errors
    /// When the folder cannot be made or read, or others can write to it.
    pub fn open(folder: &Path) -> Result<KeyFiles, KeyStoreError> {
        Ok(KeyFiles { folder: PrivateFolder::open(folder)? })
    }

    /// Whether there is a root secret already.
    ///
    /// # Errors
    /// When the disk does not answer.
    pub fn has_root_secret(&self) -> Result<bool, KeyStoreError> {
        self.folder.has(ROOT_SECRET)
    }

    /// The root secret of the installation; made of `fresh` when there is none.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or others can read it.
    pub fn root_secret(&self, fresh: [u8; 32]) -> Result<RootSecret, KeyStoreError> {
        self.read_or_make(ROOT_SECRET, fresh).map(RootSecret::from_bytes)
    }

    /// The keyed hash of the admin key made at first boot; `fresh` when there is none.
    /// Who deletes the file gets a new key at the next boot.
    ///
    /// # Errors
    /// As [`KeyFiles::root_secret`].
    pub fn admin_key_hash(&self, fresh: [u8; 32]) -> Result<[u8; 32], KeyStoreError> {
        self.read_or_make(ADMIN_KEY_HASH, fresh)
    }

    fn read_or_make(&self, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], KeyStoreError> {
        let _lock = self.folder.lock()?;
        if !self.folder.has(name)? {
            let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(fresh));
            self.folder.replace(name, text.as_bytes())?;
            return Ok(fresh);
        }
        self.read_secret(name)
    }

    fn read_secret(&self, name: &str) -> Result<[u8; 32], KeyStoreError> {
        let path = self.folder.path_of(name);
        let text = Zeroizing::new(self.folder.read(name)?);
        let bytes = URL_SAFE_NO_PAD.decode(text.trim()).ok().and_then(|b| b.try_into().ok());
        bytes.ok_or_else(|| KeyStoreError::Damaged {
            path,
            detail: "it must hold 32 bytes in base64url".to_owned(),
        })
    }

    /// The keys as they are now, after what is to be done about them at this moment. All under
    /// the lock: of several processes one does it.
    pub(super) fn load(&self, wanted: Wanted, now: DateTime<Utc>) -> Result<Loaded, KeyStoreError> {
        let _lock = self.folder.lock()?;
        self.carry_out(Plan::upkeep(self.schedule()?, wanted, now)?)
    }

    /// Whether a rotation can start.
    pub(super) fn may_announce(&self) -> Result<(), KeyStoreError> {
        let _lock = self.folder.lock()?;
        Ok(self.schedule()?.may_announce()?)
    }

    /// Adds a key; the keys as they are then, and the new one's entry.
    pub(super) fn rotate(
        &self,
        new: NewKey,
        overlap: Overlap,
        now: DateTime<Utc>,
    ) -> Result<(Loaded, Entry), KeyStoreError> {
        let _lock = self.folder.lock()?;
        let (plan, entry) = Plan::rotation(self.schedule()?, new, overlap, now)?;
        Ok((self.carry_out(plan)?, entry))
    }

    /// Writes what is new and loads the keys: still under the lock, so that no other process
    /// removes one of them in between.
    fn carry_out(&self, plan: Plan) -> Result<Loaded, KeyStoreError> {
        for fresh in &plan.fresh {
            self.folder.replace(&pem_name(&fresh.kid), fresh.pem.as_bytes())?;
        }
        if plan.changes_anything() {
            self.write(&plan)?;
        }
        let ring = self.ring(&plan.schedule)?;
        let (changes, announced) = (plan.changes(), plan.announced);
        Ok(Loaded { schedule: plan.schedule, ring, changes, announced })
    }

    /// The ring of the keys in `schedule`.
    fn ring(&self, schedule: &Schedule) -> Result<KeyRing, KeyStoreError> {
        let load = |entry: &Entry| {
            let name = pem_name(&entry.kid);
            let pem = Zeroizing::new(self.folder.read(&name)?);
            let damaged = |detail: String| KeyStoreError::Damaged {
                path: self.folder.path_of(&name),
                detail,
            };
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
    fn schedule(&self) -> Result<Schedule, KeyStoreError> {
        if !self.folder.has(MANIFEST)? {
            let orphaned = self.folder.names()?.iter().any(|name| is_key_name(name));
            let path = self.folder.path_of(MANIFEST);
            return if orphaned {
                Err(KeyStoreError::ManifestMissing { path })
            } else {
                Ok(Schedule::default())
            };
        }
        let text = self.folder.read(MANIFEST)?;
        serde_json::from_str(&text).map_err(|error| KeyStoreError::Damaged {
            path: self.folder.path_of(MANIFEST),
            detail: error.to_string(),
        })
    }

    /// Writes the schedule first and removes the keys that left it second: a crash in
    /// between leaves a file too many, never one too few. No other file is touched.
    fn write(&self, plan: &Plan) -> Result<(), KeyStoreError> {
        self.write_schedule(&plan.schedule)?;
        for gone in plan.gone() {
            self.folder.remove(&pem_name(&gone))?;
        }
        Ok(())
    }

    fn write_schedule(&self, schedule: &Schedule) -> Result<(), KeyStoreError> {
        let text = serde_json::to_vec_pretty(schedule).map_err(|error| KeyStoreError::Damaged {
            path: self.folder.path_of(MANIFEST),
            detail: error.to_string(),
        })?;
        self.folder.replace(MANIFEST, &text)
    }

    /// Everything there is, for moving it elsewhere.
    pub(super) fn read_all(&self) -> Result<Possessions, KeyStoreError> {
        let _lock = self.folder.lock()?;
        let schedule = self.schedule()?;
        let pem = |entry: &Entry| self.folder.read(&pem_name(&entry.kid)).map(Zeroizing::new);
        let pems = schedule.keys.iter().map(pem).collect::<Result<Vec<_>, _>>()?;
        // What cannot be loaded is not taken along.
        drop(self.ring(&schedule)?);
        Ok(Possessions {
            root: RootSecret::from_bytes(self.read_secret(ROOT_SECRET)?),
            admin_key_hash: match self.folder.has(ADMIN_KEY_HASH)? {
                true => Some(self.read_secret(ADMIN_KEY_HASH)?),
                false => None,
            },
            schedule,
            pems,
        })
    }

    /// Takes in what was kept elsewhere. The schedule comes last: before it, nobody takes the
    /// folder for one that is complete.
    pub(super) fn write_all(&self, all: &Possessions) -> Result<(), KeyStoreError> {
        let _lock = self.folder.lock()?;
        let write = |name: &str, bytes: &[u8; 32]| {
            let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes));
            self.folder.replace(name, text.as_bytes())
        };
        write(ROOT_SECRET, all.root.expose())?;
        if let Some(hash) = &all.admin_key_hash {
            write(ADMIN_KEY_HASH, hash)?;
        }
        for (entry, pem) in all.schedule.keys.iter().zip(&all.pems) {
            self.folder.replace(&pem_name(&entry.kid), pem.as_bytes())?;
        }
        self.write_schedule(&all.schedule)
    }

    /// Takes the schedule away, so that no server goes on by these files. The keys stay.
    pub(super) fn retire(&self) -> Result<(), KeyStoreError> {
        let _lock = self.folder.lock()?;
        match self.folder.has(MANIFEST)? {
            true => self.folder.rename(MANIFEST, MOVED),
            false => Ok(()),
        }
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
