//! Values that are never printed.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;
use zeroize::Zeroizing;

use super::{InvalidValue, Scalar, invalid};

/// What stands for a secret wherever somebody might read it.
pub(crate) const MASK: &str = "***";

/// A secret. Has no `Display`, no `Serialize` and no equality; its memory is wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself, for the one place that needs it. Compare it in constant time.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// How many bytes it has.
    pub(crate) fn length(&self) -> usize {
        self.0.len()
    }

    /// How many different bytes it has.
    pub(crate) fn different_bytes(&self) -> usize {
        self.0.bytes().collect::<BTreeSet<u8>>().len()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({MASK})")
    }
}

impl Scalar for Secret {
    const SECRET: bool = true;
    const FREE_TEXT: bool = true;

    fn kind() -> String {
        "secret".to_owned()
    }

    fn form() -> String {
        "a text".to_owned()
    }

    fn parse_text(text: &str) -> Result<Self, InvalidValue> {
        if text.trim().is_empty() {
            return Err(invalid("it is empty"));
        }
        Ok(Self::new(text.to_owned()))
    }

    fn show(&self) -> Value {
        Value::from(MASK)
    }
}

/// User name and password for HTTP basic authentication, written `user:password`.
#[derive(Debug, Clone)]
pub struct BasicAuth {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

impl Scalar for BasicAuth {
    const SECRET: bool = true;
    const FREE_TEXT: bool = true;

    fn kind() -> String {
        "secret `user:password`".to_owned()
    }

    fn form() -> String {
        "a user name and a password with a colon between them".to_owned()
    }

    fn parse_text(text: &str) -> Result<Self, InvalidValue> {
        let (username, password) =
            text.split_once(':').ok_or_else(|| invalid("it has no colon"))?;
        if username.is_empty() || password.is_empty() {
            return Err(invalid("the user name or the password is empty"));
        }
        Ok(Self { username: username.to_owned(), password: Secret::new(password.to_owned()) })
    }

    fn show(&self) -> Value {
        Value::from(MASK)
    }
}
