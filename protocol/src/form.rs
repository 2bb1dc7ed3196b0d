//! Request parameters: `application/x-www-form-urlencoded` bodies and query strings.
//!
//! RFC 6749 §3.1 and §3.2 in three rules: a parameter must not be sent twice, one
//! without a value counts as missing, an unknown one is ignored. Beyond them
//! everything has a limit, and what cannot be decoded is refused, not guessed.

use std::fmt;

use zeroize::Zeroize as _;

use crate::error::OAuthError;
use crate::scope::{MAX_SCOPE_LENGTH, MAX_STORED_SCOPES};
use crate::text;

/// Longest body or query string, in bytes.
pub const MAX_TOTAL: usize = 64 * 1024;
/// Most parameters; as many again of those that may repeat.
pub const MAX_PARAMETERS: usize = 64;
/// Longest body of the consent form: every scope a request can hold, each byte escaped.
pub const MAX_CONSENT_TOTAL: usize =
    MAX_TOTAL + MAX_STORED_SCOPES * ("&scope=".len() + "%XX".len() * MAX_SCOPE_LENGTH);
/// Longest decoded name, in bytes.
pub const MAX_NAME: usize = 64;
/// Longest decoded value, in bytes.
pub const MAX_VALUE: usize = 8 * 1024;
/// Longest decoded value of a parameter in [`TOKEN_PARAMETERS`], in bytes.
pub const MAX_TOKEN_VALUE: usize = 16 * 1024;

/// Parameters that carry a JWT, which may be large.
pub const TOKEN_PARAMETERS: &[&str] = &[
    "actor_token",
    "assertion",
    "client_assertion",
    "id_token_hint",
    "request",
    "subject_token",
    "token",
];

/// What may repeat at the authorization endpoint (RFC 8707 §2).
pub const AUTHORIZE_REPEATABLE: &[&str] = &["resource"];
/// What may repeat at the token endpoint (RFC 8707 §2, RFC 8693 §2.1).
pub const TOKEN_REPEATABLE: &[&str] = &["resource", "audience"];
/// What may repeat on the consent page's form: one tick box per scope.
pub const CONSENT_REPEATABLE: &[&str] = &["scope"];

/// What one kind of request may hold.
struct Limits<'a> {
    /// Bytes.
    total: usize,
    /// Names that may occur more than once.
    repeatable: &'a [&'a str],
    /// Parameters with such a name. They are counted apart from the others.
    repeats: usize,
}

/// Decoded parameters, in the order they were sent.
///
/// Values can be secrets: `Debug` shows names only and the values are wiped on drop.
pub struct Parameters {
    pairs: Vec<(String, String)>,
    repeated: Vec<String>,
}

impl Parameters {
    /// Reads a body or a query string (without `?`). Names in `repeatable` may
    /// occur more than once.
    ///
    /// # Errors
    /// `invalid_request` when a limit is passed, a percent-encoding or the UTF-8
    /// is broken, a value holds NUL, CR or LF, or a parameter repeats.
    pub fn parse(encoded: &[u8], repeatable: &[&str]) -> Result<Self, OAuthError> {
        Self::parse_noting_repeats(encoded, repeatable)?.without_repeats()
    }

    /// Reads the form of the consent page. The page has a box per scope, so the ticks have
    /// a limit of their own: a request that could be shown can also be agreed to.
    ///
    /// # Errors
    /// As [`Parameters::parse`].
    pub fn parse_consent(encoded: &[u8]) -> Result<Self, OAuthError> {
        let limits = Limits {
            total: MAX_CONSENT_TOTAL,
            repeatable: CONSENT_REPEATABLE,
            repeats: MAX_STORED_SCOPES,
        };
        Self::read(encoded, &limits)?.without_repeats()
    }

    /// As [`Parameters::parse`], but a repeated parameter is noted instead of
    /// refused: [`Parameters::get`] then treats it as missing and
    /// [`Parameters::repeated`] names it. The authorization endpoint needs this to
    /// find out whether the error may go to the redirect URI.
    ///
    /// # Errors
    /// `invalid_request`, for everything else `parse` refuses.
    pub fn parse_noting_repeats(encoded: &[u8], repeatable: &[&str]) -> Result<Self, OAuthError> {
        Self::read(encoded, &Limits { total: MAX_TOTAL, repeatable, repeats: MAX_PARAMETERS })
    }

    /// What can be read of a query that cannot be read whole, and the names of the
    /// parameters whose value cannot. Enough to find out whom to tell, and no more: who
    /// acts on it has to refuse.
    ///
    /// # Errors
    /// `invalid_request` for a query that is too long or has too many parameters.
    pub fn parse_what_is_readable(
        encoded: &[u8],
        repeatable: &[&str],
    ) -> Result<(Self, Vec<String>), OAuthError> {
        let limits = Limits { total: MAX_TOTAL, repeatable, repeats: MAX_PARAMETERS };
        let mut unreadable = Vec::new();
        let parameters = Self::read_noting(encoded, &limits, |fault| {
            unreadable.extend(fault.name);
            Ok(())
        })?;
        Ok((parameters, unreadable))
    }

    fn read(encoded: &[u8], limits: &Limits<'_>) -> Result<Self, OAuthError> {
        Self::read_noting(encoded, limits, |fault| Err(fault.error))
    }

    fn read_noting(
        encoded: &[u8],
        limits: &Limits<'_>,
        mut note: impl FnMut(Unreadable) -> Result<(), OAuthError>,
    ) -> Result<Self, OAuthError> {
        let Limits { total, repeatable, repeats } = *limits;
        if encoded.len() > total {
            return Err(OAuthError::invalid_request(format!(
                "The request is longer than {total} bytes."
            )));
        }
        let mut parameters = Self { pairs: Vec::new(), repeated: Vec::new() };
        let (mut singles_left, mut repeats_left) = (MAX_PARAMETERS, repeats);
        for pair in encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let (name, value) = match split_pair(pair) {
                Ok(read) => read,
                Err(fault) => {
                    note(fault)?;
                    continue;
                }
            };
            let may_repeat = repeatable.contains(&name.as_str());
            let left = if may_repeat { &mut repeats_left } else { &mut singles_left };
            *left = left.checked_sub(1).ok_or_else(|| {
                OAuthError::invalid_request("The request has too many parameters.")
            })?;
            if !may_repeat && parameters.has(&name) {
                parameters.repeated.push(name.clone());
            }
            parameters.pairs.push((name, value));
        }
        Ok(parameters)
    }

    fn without_repeats(self) -> Result<Self, OAuthError> {
        match self.repeated() {
            Some(name) => Err(repeated_parameter(name)),
            None => Ok(self),
        }
    }

    /// The value of `name`. None when it is missing, empty (RFC 6749 §3.1), or was
    /// sent twice against the rules. Of a repeatable name, the first non-empty value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        if self.is_ambiguous(name) {
            return None;
        }
        self.all(name).next()
    }

    /// The value of `name`, which the request must have.
    ///
    /// # Errors
    /// `invalid_request` that names the parameter.
    pub fn require(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| {
            OAuthError::invalid_request(format!("The parameter '{name}' is missing."))
        })
    }

    /// Every non-empty value of `name`, in order.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.pairs
            .iter()
            .filter(move |(held, value)| held == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The first parameter that was sent twice against the rules, if any.
    #[must_use]
    pub fn repeated(&self) -> Option<&str> {
        self.repeated.first().map(String::as_str)
    }

    /// True when `name` was sent more than once against the rules.
    #[must_use]
    pub fn is_ambiguous(&self, name: &str) -> bool {
        self.repeated.iter().any(|repeated| repeated == name)
    }

    /// True when `name` was sent, even without a value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(held, _)| held == name)
    }

    /// The names that were sent, in order, repeats included. Safe to log.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(name, _)| name.as_str())
    }
}

/// The refusal of a parameter that was sent twice.
#[must_use]
pub fn repeated_parameter(name: &str) -> OAuthError {
    let name = text::visible(name, MAX_NAME);
    OAuthError::invalid_request(format!("The parameter '{name}' was sent more than once."))
}

fn split_pair(pair: &[u8]) -> Result<(String, String), Unreadable> {
    let mut halves = pair.splitn(2, |byte| *byte == b'=');
    let name = readable_name(halves.next().unwrap_or_default())
        .map_err(|error| Unreadable { name: None, error })?;
    match readable_value(&name, halves.next().unwrap_or_default()) {
        Ok(value) => Ok((name, value)),
        Err(error) => Err(Unreadable { name: Some(name), error }),
    }
}

/// A parameter that cannot be read; its name where that can.
struct Unreadable {
    name: Option<String>,
    error: OAuthError,
}

fn readable_name(encoded: &[u8]) -> Result<String, OAuthError> {
    let name = decode(encoded)
        .filter(|name| !name.is_empty() && !name.chars().any(char::is_control))
        .ok_or_else(|| OAuthError::invalid_request("A parameter name is not valid."))?;
    if name.len() > MAX_NAME {
        return Err(OAuthError::invalid_request("A parameter name is longer than 64 bytes."));
    }
    Ok(name)
}

fn readable_value(name: &str, encoded: &[u8]) -> Result<String, OAuthError> {
    let value = decode(encoded).ok_or_else(|| {
        OAuthError::invalid_request(format!(
            "The value of '{name}' is not valid percent-encoded UTF-8."
        ))
    })?;
    let longest = if TOKEN_PARAMETERS.contains(&name) { MAX_TOKEN_VALUE } else { MAX_VALUE };
    if value.len() > longest {
        return Err(OAuthError::invalid_request(format!(
            "The value of '{name}' is longer than {longest} bytes."
        )));
    }
    // No OAuth value contains these; in a header, a log line or a C string they
    // would end what we wrote and start what the sender wrote.
    if value.contains(['\0', '\r', '\n']) {
        return Err(OAuthError::invalid_request(format!(
            "The value of '{name}' contains a control character."
        )));
    }
    Ok(value)
}

/// Decodes one form-encoded component: `+` is a space, `%XX` a byte. None when an
/// escape is cut short or not hexadecimal, or when the bytes are not UTF-8.
#[must_use]
pub fn decode(component: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(component.len());
    let mut rest = component.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(*rest.next()?)? << 4 | hex(*rest.next()?)?,
            other => *other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Encodes one component so that form decoders and plain percent decoders both read
/// it back: everything but unreserved characters (RFC 3986 §2.3) is escaped, a
/// space as `%20`.
#[must_use]
pub fn encode(component: &str) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let mut encoded = String::with_capacity(component.len());
    for byte in component.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.extend([byte >> 4, byte & 0x0F].map(|nibble| DIGITS[usize::from(nibble)]));
        }
    }
    encoded
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameters")
            .field("names", &self.names().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Drop for Parameters {
    fn drop(&mut self) {
        for (_, value) in &mut self.pairs {
            value.zeroize();
        }
    }
}

#[cfg(test)]
mod tests;
