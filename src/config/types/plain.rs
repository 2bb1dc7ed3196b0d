//! Truth values, numbers, texts, paths and scope names.

use std::path::PathBuf;

use protocol::scope::is_scope_token;
use serde_json::Value;

use super::{InvalidValue, Scalar, invalid};

impl Scalar for bool {
    fn kind() -> String {
        "`true` or `false`".to_owned()
    }

    fn form() -> String {
        Self::kind()
    }

    fn parse_text(text: &str) -> Result<Self, InvalidValue> {
        text.parse().map_err(|_| invalid(""))
    }

    fn show(&self) -> Value {
        Value::from(*self)
    }
}

impl Scalar for u32 {
    fn kind() -> String {
        "number".to_owned()
    }

    fn form() -> String {
        format!("a whole number from 0 to {}", Self::MAX)
    }

    fn parse_text(text: &str) -> Result<Self, InvalidValue> {
        text.parse().map_err(|_| invalid(""))
    }

    fn show(&self) -> Value {
        Value::from(*self)
    }
}

impl Scalar for f64 {
    fn kind() -> String {
        "fraction".to_owned()
    }

    fn form() -> String {
        "a number from 0 to 1".to_owned()
    }

    fn parse_text(text: &str) -> Result<Self, InvalidValue> {
        text.parse().ok().filter(|value| (0.0..=1.0).contains(value)).ok_or_else(|| invalid(""))
    }

    fn show(&self) -> Value {
        Value::from(*self)
    }
}

impl Scalar for String {
    const FREE_TEXT: bool = true;

    fn kind() -> String {
        "text".to_owned()
    }

    fn form() -> String {
        "a text".to_owned()
    }

    fn parse_text(text: &str) -> Result<Self, InvalidValue> {
        if text.trim().is_empty() {
            return Err(invalid("it is empty"));
        }
        Ok(text.to_owned())
    }

    fn show(&self) -> Value {
        Value::from(self.as_str())
    }
}

impl Scalar for PathBuf {
    const FREE_TEXT: bool = true;

    fn kind() -> String {
        "path".to_owned()
    }

    fn form() -> String {
        "a path".to_owned()
    }

    fn parse_text(text: &str) -> Result<Self, InvalidValue> {
        String::parse_text(text).map(Self::from)
    }

    fn show(&self) -> Value {
        Value::from(self.to_string_lossy())
    }
}

/// The name of a scope (RFC 6749 §3.3 `scope-token`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScopeName(String);

impl ScopeName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Scalar for ScopeName {
    const FREE_TEXT: bool = true;

    fn kind() -> String {
        "scope".to_owned()
    }

    fn form() -> String {
        "a scope name of at most 256 visible ASCII characters, as RFC 6749 §3.3 has it".to_owned()
    }

    fn parse_text(text: &str) -> Result<Self, InvalidValue> {
        if is_scope_token(text) { Ok(Self(text.to_owned())) } else { Err(invalid("")) }
    }

    fn show(&self) -> Value {
        Value::from(self.as_str())
    }

    /// Also a space: the form scopes have on the wire.
    fn separates(c: char) -> bool {
        c == ',' || c.is_whitespace()
    }
}
