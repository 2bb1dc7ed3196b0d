//! Names of keys, and the labels holders give to what they narrowed.

use std::fmt;
use std::str::FromStr;

/// Longest name, in bytes.
const MAX: usize = 48;

/// The name of a key or the label of a narrowed one: what the audit log calls its holder.
///
/// Letters, digits and `.`, `_`, `@`, `-`, so that it needs no quoting anywhere and cannot
/// be taken for something else in a log line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyName(String);

/// It cannot be a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name of an admin key has 1 to {MAX} letters, digits or any of . _ @ - (for example ci-deploy)"
)]
pub struct InvalidName;

impl KeyName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<KeyName, InvalidName> {
        let fits = !name.is_empty() && name.len() <= MAX;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'@' | b'-');
        if fits && name.bytes().all(plain) {
            Ok(KeyName(name.to_owned()))
        } else {
            Err(InvalidName)
        }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
