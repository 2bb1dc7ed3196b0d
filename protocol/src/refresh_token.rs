//! Refresh tokens: family, generation, MAC.
//!
//! A refresh token is not looked up, it is recomputed. It holds the family's id, the
//! generation it belongs to, and a MAC over both under a server key. So a forged
//! token costs no query, the successor of a rotated one can be derived again for a
//! client that lost the answer, and the table keeps one row per sign-in however
//! often it is refreshed (RFC 9700 §4.14.2 asks for the reuse detection that rests
//! on the generation).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;
use zeroize::ZeroizeOnDrop;

use crate::secret::HashKey;

const PREFIX: &str = "aprt_";
const BODY: usize = 16 + 8;
const WHOLE: usize = BODY + 32;

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

/// Makes and recognises refresh tokens.
#[derive(Clone, Debug)]
pub struct RefreshTokenKey(HashKey);

impl RefreshTokenKey {
    /// Uses `key`, which is for nothing else.
    #[must_use]
    pub fn new(key: HashKey) -> RefreshTokenKey {
        RefreshTokenKey(key)
    }

    /// The token of this place. The same place always gives the same token.
    #[must_use]
    pub fn token(&self, place: TokenPlace) -> RefreshToken {
        let mut bytes = [0; WHOLE];
        bytes[..16].copy_from_slice(place.family.as_bytes());
        bytes[16..BODY].copy_from_slice(&place.generation.to_be_bytes());
        let mac = self.0.hash(&bytes[..BODY]);
        bytes[BODY..].copy_from_slice(&mac);
        RefreshToken(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The place of a token we made; `None` for anything else, be it cut short,
    /// extended, re-encoded, altered, or made under another key.
    #[must_use]
    pub fn recognise(&self, token: &str) -> Option<TokenPlace> {
        let encoded = token.strip_prefix(PREFIX)?;
        if encoded.len() != WHOLE.div_ceil(3) * 4 - 1 {
            return None;
        }
        let bytes: [u8; WHOLE] = URL_SAFE_NO_PAD.decode(encoded).ok()?.try_into().ok()?;
        let (body, mac) = bytes.split_at(BODY);
        if !self.0.verify(body, mac) {
            return None;
        }
        let (family, generation) = body.split_at(16);
        Some(TokenPlace {
            family: Uuid::from_slice(family).ok()?,
            generation: i64::from_be_bytes(generation.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::secret::{Purpose, RootSecret};

    fn key(seed: u8) -> RefreshTokenKey {
        RefreshTokenKey::new(RootSecret::from_bytes([seed; 32]).key_for(Purpose::RefreshToken))
    }

    proptest! {
        #[test]
        fn a_token_is_recognised_as_its_place(id: u128, generation in 1..i64::MAX) {
            let place = TokenPlace { family: Uuid::from_u128(id), generation };
            let token = key(1).token(place);
            prop_assert_eq!(key(1).recognise(token.expose()), Some(place));
            prop_assert_eq!(key(2).recognise(token.expose()), None);
        }

        #[test]
        fn any_altered_character_makes_it_a_stranger(at in 0_usize..80, with in "[A-Za-z0-9_=.-]") {
            let token = key(1).token(TokenPlace { family: Uuid::from_u128(9), generation: 3 });
            let mut altered = token.expose().to_owned();
            altered.replace_range(at..=at, &with);
            prop_assume!(altered != token.expose());
            prop_assert_eq!(key(1).recognise(&altered), None);
        }

        #[test]
        fn any_truncation_or_extension_makes_it_a_stranger(keep in 0_usize..80, more in "[A-Za-z0-9_=-]{1,9}") {
            let token = key(1).token(TokenPlace { family: Uuid::from_u128(9), generation: 3 });
            prop_assert_eq!(key(1).recognise(&token.expose()[..keep]), None);
            prop_assert_eq!(key(1).recognise(&format!("{}{more}", token.expose())), None);
        }

        #[test]
        fn arbitrary_text_is_a_stranger(text in ".{0,200}") {
            prop_assert_eq!(key(1).recognise(&text), None);
            let prefixed = format!("aprt_{text}");
            prop_assert_eq!(key(1).recognise(&prefixed), None);
        }
    }
}
