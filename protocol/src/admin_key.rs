//! Admin keys that are minted: Biscuits, signed by the installation, narrowed by whoever
//! holds them.
//!
//! A minted key says in its first block, the *authority*, who it is for, which
//! [`Right`]s it has and until when. Its holder may append blocks without asking the server:
//! fewer rights, an earlier end, a label. A block can only take away, whatever it says,
//! because a right is counted only when the authority gives it *and* no block denies it.
//!
//! What is presented comes from anybody, so [`RootPublicKey::verify`] goes from cheap to
//! dear: length, form, number of blocks, signatures, then what the blocks say. Biscuits
//! may carry programs. Ours may not: every block must be of the few shapes that
//! `read.rs` knows, so that no program but ours ever runs, and what a key may do can be told by
//! reading it.
//!
//! Whether a key was revoked is not written in it: the store has a row for each authority,
//! named by [`Verified::id`]. Keys that were narrowed share the row of the key they come from.

mod attenuate;
mod keys;
mod name;
mod read;
mod rights;
mod verify;

#[cfg(test)]
mod tests;

pub use attenuate::{Narrowing, NotNarrowed};
pub use keys::{Minted, NotMinted, RootKey, RootKeys, RootPublicKey};
pub use name::{InvalidName, KeyName};
pub use read::{Inspected, InspectedBlock};
pub use rights::{InvalidRights, Rights};
pub use verify::{Signed, Verified};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::ZeroizeOnDrop;

/// What every minted key begins with, so that people and scanners know one when they see it.
pub const PREFIX: &str = "ap_admin_";

/// Longest key that is looked at, in bytes of text.
pub const MAX_LENGTH: usize = 12 * 1024;

/// How often a key can be narrowed.
pub const MAX_NARROWINGS: usize = 8;

/// Days a key is good for when nobody says otherwise.
pub const DEFAULT_LIFETIME_DAYS: i64 = 90;

/// Days a key is good for at most.
pub const MAX_LIFETIME_DAYS: i64 = 366;

/// A minted key, in the form it is handed out and presented. Does not print.
#[derive(Clone, ZeroizeOnDrop)]
pub struct MintedKey(String);

impl MintedKey {
    /// Whether `presented` claims to be a minted key at all.
    #[must_use]
    pub fn is_meant_by(presented: &str) -> bool {
        presented.starts_with(PREFIX)
    }

    /// What somebody presented.
    ///
    /// # Errors
    /// [`Refusal::NotAKey`] or [`Refusal::TooLong`]; nothing else is looked at yet.
    pub fn presented(text: &str) -> Result<MintedKey, Refusal> {
        match text.len() {
            _ if !Self::is_meant_by(text) => Err(Refusal::NotAKey),
            0..=MAX_LENGTH => Ok(MintedKey(text.to_owned())),
            _ => Err(Refusal::TooLong),
        }
    }

    /// The key itself, for handing it out.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn from_bytes(bytes: &[u8]) -> MintedKey {
        MintedKey(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    fn bytes(&self) -> Result<Vec<u8>, Refusal> {
        let encoded = self.0.strip_prefix(PREFIX).ok_or(Refusal::NotAKey)?;
        URL_SAFE_NO_PAD.decode(encoded).map_err(|_| Refusal::Malformed)
    }
}

impl std::fmt::Debug for MintedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{PREFIX}…")
    }
}

/// Why a key is refused. For the log and for whoever inspects a key of their own; who
/// presents one to the server learns only that it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It does not have the form of a minted key.
    #[error("this is no minted admin key: one begins with {PREFIX}")]
    NotAKey,
    /// It is longer than any key of ours.
    #[error("the key is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// It cannot be read.
    #[error("the key is damaged: it was cut off or changed on its way")]
    Malformed,
    /// It was narrowed too often.
    #[error(
        "the key was narrowed more than {MAX_NARROWINGS} times: narrow one that is closer to the minted key"
    )]
    TooManyBlocks,
    /// It carries a block signed by somebody else.
    #[error("the key carries a block of a third party, which is not accepted")]
    ThirdParty,
    /// The signature is not ours.
    #[error("the signature does not fit: the key is of another installation, or it was changed")]
    BadSignature,
    /// A block says something that admin keys do not say.
    #[error("{0}")]
    Unsupported(&'static str),
    /// Its time has come.
    #[error("the key has expired")]
    Expired,
    /// Nothing is left of its rights.
    #[error("the key was narrowed until no right was left")]
    NoRights,
}

impl Refusal {
    /// One word for the log and the metric.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Refusal::NotAKey => "not_a_key",
            Refusal::TooLong => "too_long",
            Refusal::Malformed => "malformed",
            Refusal::TooManyBlocks => "too_many_blocks",
            Refusal::ThirdParty => "third_party",
            Refusal::BadSignature => "bad_signature",
            Refusal::Unsupported(_) => "unsupported",
            Refusal::Expired => "expired",
            Refusal::NoRights => "no_rights",
        }
    }
}

/// The words our blocks are written in.
mod words {
    pub(super) const KEY: &str = "key";
    pub(super) const NAME: &str = "name";
    pub(super) const RIGHT: &str = "right";
    pub(super) const TIME: &str = "time";
    pub(super) const OPERATION: &str = "operation";
}
