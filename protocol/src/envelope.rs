//! Encryption at rest: what the database holds of a secret that must be had again.
//!
//! Most secrets are stored as keyed hashes ([`crate::secret`]): they are compared, never read.
//! What has to be read again (a signing key, a credential for somebody else's API) is sealed
//! under a master key that is not in the database, so that a stolen copy of it opens nothing.
//!
//! ```text
//! version 1 byte · id of the master key 8 bytes · nonce 12 bytes · AES-256-GCM ciphertext and tag
//! ```
//!
//! The encryption key is derived from the master for one [`Kind`] of secret (HKDF-SHA-256, RFC
//! 5869). What is authenticated beside the ciphertext is the envelope's head and the [`Cell`] it
//! was made for: moved to another row, column or table it does not open. The master's id is
//! derived from it, too, and tells two masters apart and nothing else; so a [`Sealer`] that has
//! the master before as well knows which of the two it needs, and an operator is told.
//!
//! Nonces are random. AES-GCM allows 2³² of them for a key (NIST SP 800-38D §8.3); these keys
//! seal some thousand rows in their life.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

use crate::secret::{Purpose, RootSecret};
use crate::text::hex;

const VERSION: u8 = 1;
const ID_LENGTH: usize = 8;
const HEAD: usize = 1 + ID_LENGTH;
/// Bytes of a master key.
const MASTER_LENGTH: usize = 32;
/// AES-GCM's tag.
const TAG: usize = 16;

/// Bytes of randomness that each sealing takes.
pub const NONCE_LENGTH: usize = NONCE_LEN;

/// A master key: 32 bytes that an operator keeps outside the database. Does not print.
#[derive(Clone, ZeroizeOnDrop)]
pub struct MasterKey([u8; MASTER_LENGTH]);

/// Why a text is no master key. Says nothing of what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMaster {
    /// It has another length.
    #[error("has {0} characters, and not 64")]
    Length(usize),
    /// It has other characters.
    #[error("has characters that are no hexadecimal digits")]
    Digits,
    /// Nobody drew it at random.
    #[error("repeats one byte, so it was not made at random")]
    Monotonous,
}

impl MasterKey {
    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// See [`InvalidMaster`].
    pub fn from_hex(text: &str) -> Result<MasterKey, InvalidMaster> {
        if text.len() != 2 * MASTER_LENGTH {
            return Err(InvalidMaster::Length(text.chars().count()));
        }
        let mut master = MasterKey([0; MASTER_LENGTH]);
        for (byte, pair) in master.0.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let mut digits = pair.iter().map(|digit| char::from(*digit).to_digit(16));
            let (Some(Some(high)), Some(Some(low))) = (digits.next(), digits.next()) else {
                return Err(InvalidMaster::Digits);
            };
            *byte = u8::try_from(high * 16 + low).map_err(|_| InvalidMaster::Digits)?;
        }
        if master.0.iter().all(|byte| *byte == master.0[0]) {
            return Err(InvalidMaster::Monotonous);
        }
        Ok(master)
    }

    /// The master key of an installation whose secrets are not in the database: what the
    /// database holds sealed does not open without them.
    #[must_use]
    pub fn derived_from(root: &RootSecret) -> MasterKey {
        MasterKey(*root.seed_for(Purpose::EncryptionAtRest))
    }

    /// Tells it from other master keys.
    #[must_use]
    pub fn id(&self) -> MasterId {
        let derived = self.derived("key id v1");
        let mut id = [0; ID_LENGTH];
        id.copy_from_slice(&derived[..ID_LENGTH]);
        MasterId(id)
    }

    fn key_for(&self, kind: Kind) -> Option<LessSafeKey> {
        let derived = self.derived(kind.label());
        UnboundKey::new(&AES_256_GCM, derived.as_slice()).ok().map(LessSafeKey::new)
    }

    fn derived(&self, label: &str) -> Zeroizing<[u8; 32]> {
        let pseudo_random =
            hkdf::Salt::new(hkdf::HKDF_SHA256, b"authplane encryption at rest").extract(&self.0);
        let info = [label.as_bytes()];
        let mut bytes = Zeroizing::new([0; 32]);
        let expanded = pseudo_random.expand(&info, hkdf::HKDF_SHA256);
        // HKDF-SHA-256 refuses only outputs over 8160 bytes; ours is 32.
        if expanded.and_then(|key| key.fill(bytes.as_mut_slice())).is_err() {
            debug_assert!(false, "HKDF gave no 32 bytes");
        }
        bytes
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// Which master key sealed something. No secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MasterId([u8; ID_LENGTH]);

impl MasterId {
    /// As it stands in an envelope.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; ID_LENGTH] {
        &self.0
    }
}

impl fmt::Display for MasterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for MasterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterId({self})")
    }
}

/// What is sealed. The label is part of the derivation and never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Private keys that sign tokens.
    SigningKey,
    /// What the keys of the installation are derived from.
    ServerSecret,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 2] = [Kind::SigningKey, Kind::ServerSecret];

    fn label(self) -> &'static str {
        match self {
            Kind::SigningKey => "signing key v1",
            Kind::ServerSecret => "server secret v1",
        }
    }
}

/// Where in the database an envelope belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell<'a> {
    /// The table.
    pub table: &'a str,
    /// The row's primary key, as text.
    pub row: &'a str,
    /// The column.
    pub column: &'a str,
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} of row {}", self.table, self.column, self.row)
    }
}

/// Why an envelope was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    /// It has the wrong form.
    #[error("{0} holds nothing that was sealed; restore the row from your backup")]
    NoEnvelope(String),
    /// A later version of the server made it.
    #[error(
        "{cell} was sealed in form {version}, which this version of the server does not know; \
         run the version that wrote it, or a later one"
    )]
    UnknownVersion {
        /// Where it is.
        cell: String,
        /// The form.
        version: u8,
    },
    /// Another master key made it.
    #[error(
        "{cell} was sealed with another master key (id {sealed_by}) than this server has (id \
         {at_hand}). If the master key was changed, set data_encryption.aes_master.old_key_env \
         to the name of a variable with the key before; if it was mistyped, correct the variable \
         that data_encryption.aes_master.key_env names"
    )]
    AnotherMaster {
        /// Where it is.
        cell: String,
        /// The master that sealed it.
        sealed_by: MasterId,
        /// The current one here.
        at_hand: MasterId,
    },
    /// The right master key does not open it.
    #[error(
        "{0} does not open, although its master key is the right one: it was altered, or put \
         there from another row. Restore the row from your backup"
    )]
    Altered(String),
}

/// Nothing was sealed: the crypto library refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the crypto library could not seal a secret")]
pub struct NotSealed;

/// The key of before is the key of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the old master key is the current one")]
pub struct SameMaster;

/// Which of a sealer's master keys opened an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opener {
    /// The current one.
    Current,
    /// The one before: the row is to be sealed again.
    Old,
}

/// What was in an envelope.
pub struct Opened {
    /// The secret.
    pub secret: Zeroizing<Vec<u8>>,
    /// With which master key it opened.
    pub by: Opener,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("by", &self.by).finish_non_exhaustive()
    }
}

/// Seals and opens with the master key at hand, and opens with the one before.
#[derive(Clone, Debug)]
pub struct Sealer {
    current: MasterKey,
    old: Option<MasterKey>,
}

impl Sealer {
    /// Seals and opens with `current` alone.
    #[must_use]
    pub fn only(current: MasterKey) -> Sealer {
        Sealer { current, old: None }
    }

    /// Seals with `current`; opens what `old` sealed as well.
    ///
    /// # Errors
    /// [`SameMaster`], by which a rotation would seem done that has not begun.
    pub fn new(current: MasterKey, old: Option<MasterKey>) -> Result<Sealer, SameMaster> {
        if old.as_ref().is_some_and(|old| old.id() == current.id()) {
            return Err(SameMaster);
        }
        Ok(Sealer { current, old })
    }

    /// The master key it seals with.
    #[must_use]
    pub fn current(&self) -> MasterId {
        self.current.id()
    }

    /// The master key before, if it has one.
    #[must_use]
    pub fn old(&self) -> Option<MasterId> {
        self.old.as_ref().map(MasterKey::id)
    }

    /// Seals `secret` for `cell`. `nonce` is fresh randomness, each time.
    ///
    /// # Errors
    /// [`NotSealed`] when the crypto library refuses.
    pub fn seal(
        &self,
        kind: Kind,
        cell: Cell<'_>,
        secret: &[u8],
        nonce: [u8; NONCE_LENGTH],
    ) -> Result<Vec<u8>, NotSealed> {
        let mut sealed = Vec::with_capacity(HEAD + NONCE_LENGTH + secret.len() + TAG);
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.current.id().0);
        let aad = Aad::from(authenticated(&sealed, cell));
        sealed.extend_from_slice(&nonce);
        let mut body = Zeroizing::new(Vec::with_capacity(secret.len() + TAG));
        body.extend_from_slice(secret);
        let key = self.current.key_for(kind).ok_or(NotSealed)?;
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut *body)
            .map_err(|_| NotSealed)?;
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    /// Opens what was sealed for `cell`.
    ///
    /// # Errors
    /// See [`Unopened`]; each says what to do.
    pub fn open(&self, kind: Kind, cell: Cell<'_>, sealed: &[u8]) -> Result<Opened, Unopened> {
        let sealed_by = sealed_by(cell, sealed)?;
        let (master, by) = match &self.old {
            _ if self.current.id() == sealed_by => (&self.current, Opener::Current),
            Some(old) if old.id() == sealed_by => (old, Opener::Old),
            _ => {
                let (cell, at_hand) = (cell.to_string(), self.current.id());
                return Err(Unopened::AnotherMaster { cell, sealed_by, at_hand });
            }
        };
        let altered = || Unopened::Altered(cell.to_string());
        let (head, rest) = sealed.split_at(HEAD);
        let (nonce, body) = rest.split_at(NONCE_LENGTH);
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| altered())?;
        let aad = Aad::from(authenticated(head, cell));
        let mut secret = Zeroizing::new(body.to_vec());
        let key = master.key_for(kind).ok_or_else(altered)?;
        let length = key.open_in_place(nonce, aad, &mut secret).map_err(|_| altered())?.len();
        secret[length..].zeroize();
        secret.truncate(length);
        Ok(Opened { secret, by })
    }
}

/// Which master key sealed what `cell` holds; reads the head only.
///
/// # Errors
/// When it is no envelope, or one of a later version.
pub fn sealed_by(cell: Cell<'_>, sealed: &[u8]) -> Result<MasterId, Unopened> {
    match sealed.first() {
        Some(&VERSION) => {}
        Some(&version) => {
            return Err(Unopened::UnknownVersion { cell: cell.to_string(), version });
        }
        None => return Err(Unopened::NoEnvelope(cell.to_string())),
    }
    if sealed.len() < HEAD + NONCE_LENGTH + TAG {
        return Err(Unopened::NoEnvelope(cell.to_string()));
    }
    let mut id = [0; ID_LENGTH];
    id.copy_from_slice(&sealed[1..HEAD]);
    Ok(MasterId(id))
}

/// What the tag vouches for beside the ciphertext. Each name comes behind its length, so that
/// no two cells are the same bytes.
fn authenticated(head: &[u8], cell: Cell<'_>) -> Vec<u8> {
    let mut bytes = head.to_vec();
    for name in [cell.table, cell.row, cell.column] {
        bytes.extend_from_slice(&u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend_from_slice(name.as_bytes());
    }
    bytes
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
