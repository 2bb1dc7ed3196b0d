//! Refresh tokens: family, generation, MAC.
//!
//! A refresh token is not looked up, it is recomputed. It holds the family's id, the
//! generation it belongs to, and a MAC over both under a server key. So a forged
//! token costs no query, the successor of a rotated one can be derived again for a
//! client that lost the answer, and the table keeps one row per sign-in however
//! often it is refreshed (RFC 9700 §4.14.2 asks for the reuse detection that rests
//! on the generation).
//!
//! The key is one of a [ring](crate::secret_ring). Tokens made with a later one than the first
//! begin with its number:
//!
//! ```text
//! first key:   family 16 bytes · generation 8 · MAC 32
//! later keys:  number of the key 4 bytes · family 16 · generation 8 · MAC 32
//! ```

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use uuid::Uuid;
use zeroize::ZeroizeOnDrop;

use crate::secret::HashKey;
use crate::secret_ring::{FIRST, Living};

const PREFIX: &str = "aprt_";
const NUMBER: usize = 4;
const PLACE: usize = 16 + 8;
const MAC: usize = 32;

/// A refresh token as it is handed out. Does not print itself.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct RefreshToken(String);

impl RefreshToken {
    /// The token, for the response.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("aprt_…")
    }
}

/// What a genuine refresh token says: which family, which generation of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenPlace {
    /// The family the token belongs to.
    pub family: Uuid,
    /// Its place in the family: 1 for the first token, one more with each rotation.
    pub generation: i64,
}

/// Why a token is not recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// It is cut short, extended, re-encoded, altered, made under another key, or no token at all.
    #[error("it is no refresh token of this installation")]
    NotOurs,
    /// It says that it was made with a later key than is known here.
    #[error("it names a secret that is not in the ring")]
    UnknownSecret,
}

/// Makes and recognises refresh tokens.
#[derive(Clone, Debug)]
pub struct RefreshTokenKey(Living<HashKey>);

impl RefreshTokenKey {
    /// Uses `keys`, which are for nothing else.
    #[must_use]
    pub fn new(keys: impl Into<Living<HashKey>>) -> RefreshTokenKey {
        RefreshTokenKey(keys.into())
    }

    /// The token of a place that was come to at `moment`. The same place and moment always give the
    /// same token, at every server.
    #[must_use]
    pub fn token(&self, place: TokenPlace, moment: DateTime<Utc>) -> RefreshToken {
        let (number, key) = self.0.at(moment);
        let mut bytes = Vec::with_capacity(NUMBER + PLACE + MAC);
        if number != FIRST {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(place.family.as_bytes());
        bytes.extend_from_slice(&place.generation.to_be_bytes());
        let mac = key.hash(&bytes);
        bytes.extend_from_slice(&mac);
        RefreshToken(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The place of a token we made.
    ///
    /// # Errors
    /// See [`Stranger`].
    pub fn recognise(&self, token: &str) -> Result<TokenPlace, Stranger> {
        let bytes = decoded(token).ok_or(Stranger::NotOurs)?;
        let (body, mac) = bytes.split_last_chunk::<MAC>().ok_or(Stranger::NotOurs)?;
        let (number, place) = match body.split_last_chunk::<PLACE>() {
            Some(([], place)) => (FIRST, place),
            Some((number, place)) => (later(number).ok_or(Stranger::NotOurs)?, place),
            None => return Err(Stranger::NotOurs),
        };
        if number > self.0.newest() {
            return Err(Stranger::UnknownSecret);
        }
        let key = self.0.of(number).ok_or(Stranger::NotOurs)?;
        if !key.verify(body, mac) {
            return Err(Stranger::NotOurs);
        }
        read(place).ok_or(Stranger::NotOurs)
    }
}

/// The bytes of a text that has the form and the length of a token.
fn decoded(token: &str) -> Option<Vec<u8>> {
    let encoded = token.strip_prefix(PREFIX)?;
    let lengths = [PLACE + MAC, NUMBER + PLACE + MAC];
    let fits = |bytes: &usize| encoded.len() == (bytes * 4).div_ceil(3);
    let length = lengths.into_iter().find(fits)?;
    URL_SAFE_NO_PAD.decode(encoded).ok().filter(|bytes| bytes.len() == length)
}

/// The number of a key after the first.
fn later(bytes: &[u8]) -> Option<u32> {
    let number = u32::from_be_bytes(bytes.try_into().ok()?);
    (number > FIRST).then_some(number)
}

fn read(place: &[u8; PLACE]) -> Option<TokenPlace> {
    let (family, generation) = place.split_at(16);
    Some(TokenPlace {
        family: Uuid::from_slice(family).ok()?,
        generation: i64::from_be_bytes(generation.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::secret::{Purpose, RootSecret};

    fn key(seed: u8) -> RefreshTokenKey {
        RefreshTokenKey::new(RootSecret::from_bytes([seed; 32]).key_for(Purpose::RefreshToken))
    }

    fn place() -> TokenPlace {
        TokenPlace { family: Uuid::from_u128(9), generation: 3 }
    }

    proptest! {
        #[test]
        fn a_token_is_recognised_as_its_place(id: u128, generation in 1..i64::MAX) {
            let place = TokenPlace { family: Uuid::from_u128(id), generation };
            let token = key(1).token(place, DateTime::UNIX_EPOCH);
            prop_assert_eq!(key(1).recognise(token.expose()), Ok(place));
            prop_assert_eq!(key(2).recognise(token.expose()), Err(Stranger::NotOurs));
        }

        #[test]
        fn any_altered_character_makes_it_a_stranger(at in 0_usize..80, with in "[A-Za-z0-9_=.-]") {
            let token = key(1).token(place(), DateTime::UNIX_EPOCH);
            let mut altered = token.expose().to_owned();
            altered.replace_range(at..=at, &with);
            prop_assume!(altered != token.expose());
            prop_assert_eq!(key(1).recognise(&altered), Err(Stranger::NotOurs));
        }

        #[test]
        fn any_truncation_or_extension_makes_it_a_stranger(keep in 0_usize..80, more in "[A-Za-z0-9_=-]{1,9}") {
            let token = key(1).token(place(), DateTime::UNIX_EPOCH);
            prop_assert_eq!(key(1).recognise(&token.expose()[..keep]), Err(Stranger::NotOurs));
            prop_assert_eq!(key(1).recognise(&format!("{}{more}", token.expose())), Err(Stranger::NotOurs));
        }

        #[test]
        fn arbitrary_text_is_a_stranger(text in ".{0,200}") {
            prop_assert_eq!(key(1).recognise(&text), Err(Stranger::NotOurs));
            let prefixed = format!("aprt_{text}");
            prop_assert_eq!(key(1).recognise(&prefixed), Err(Stranger::NotOurs));
        }
    }
}
