//! `prompt` (OpenID Connect Core §3.1.2.1).

use serde::{Deserialize, Serialize};

use crate::error::OAuthError;

/// What the client wants the user to be asked. All false: whatever is needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prompt {
    /// Show nothing; fail if something would have to be shown. Excludes the others.
    pub none: bool,
    /// Sign in again even if signed in.
    pub login: bool,
    /// Ask for consent even if it was given.
    pub consent: bool,
    /// Let the user choose an account.
    pub select_account: bool,
}

impl Prompt {
    /// Reads the parameter. Missing means no wish.
    ///
    /// # Errors
    /// `invalid_request` for an unknown word, or `none` together with another.
    pub fn parse(prompt: Option<&str>) -> Result<Self, OAuthError> {
        let mut wishes = Self::default();
        for word in prompt.unwrap_or_default().split(' ').filter(|word| !word.is_empty()) {
            match word {
                "none" => wishes.none = true,
                "login" => wishes.login = true,
                "consent" => wishes.consent = true,
                "select_account" => wishes.select_account = true,
                _ => {
                    return Err(OAuthError::invalid_request(
                        "prompt has an unknown value; known are none, login, consent and select_account.",
                    ));
                }
            }
        }
        if wishes.none && (wishes.login || wishes.consent || wishes.select_account) {
            return Err(OAuthError::invalid_request(
                "prompt=none cannot be combined with another value.",
            ));
        }
        Ok(wishes)
    }

    /// True when an existing sign-in is not enough.
    #[must_use]
    pub const fn wants_sign_in(self) -> bool {
        self.login || self.select_account
    }
}
