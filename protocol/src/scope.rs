//! Scopes as an ordered set (RFC 6749 §3.3).
//!
//! Order is kept because people read it: the consent page and the `scope` member
//! list scopes the way the client or the catalog listed them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::OAuthError;
use crate::text;

/// Asks for a refresh token (OpenID Connect Core §11). It belongs to the server,
/// never to a resource's catalog (MCP authorization).
pub const OFFLINE_ACCESS: &str = "offline_access";

/// Most scopes one request may name.
pub const MAX_SCOPES: usize = 256;

/// Longest scope token, in bytes.
pub const MAX_SCOPE_LENGTH: usize = 256;

/// Most scopes a *stored* set may hold: several catalogs of [`MAX_SCOPES`] each.
pub const MAX_STORED_SCOPES: usize = 16 * MAX_SCOPES;

/// Why a `scope` string is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// A character outside `%x21 / %x23-5B / %x5D-7E`.
    #[error("scope '{0}' contains a character that scopes cannot have (RFC 6749 section 3.3)")]
    Character(String),
    /// A token longer than [`MAX_SCOPE_LENGTH`].
    #[error("scope '{0}' is longer than {MAX_SCOPE_LENGTH} bytes")]
    TooLong(String),
    /// More than [`MAX_SCOPES`] different tokens.
    #[error("more than {MAX_SCOPES} scopes")]
    TooMany,
}

impl From<ScopeError> for OAuthError {
    fn from(error: ScopeError) -> Self {
        Self::invalid_scope(error.to_string())
    }
}

/// Scope tokens, each once, in the order of first appearance.
///
/// On the wire and in storage: one space-separated string.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeSet(Vec<String>);

impl ScopeSet {
    /// Reads a `scope` string. Surplus spaces are forgiven, repeated tokens count
    /// once, an empty string is the empty set.
    ///
    /// # Errors
    /// A forbidden character, a token over 256 bytes, or over 256 different tokens.
    pub fn parse(scope: &str) -> Result<Self, ScopeError> {
        Self::parse_up_to(scope, MAX_SCOPES)
    }

    /// Reads a `scope` string that was stored: it may hold what several catalogs give
    /// together, which is more than one request may name.
    ///
    /// # Errors
    /// As [`ScopeSet::parse`], over 4096 different tokens.
    pub fn parse_stored(scope: &str) -> Result<Self, ScopeError> {
        Self::parse_up_to(scope, MAX_STORED_SCOPES)
    }

    fn parse_up_to(scope: &str, most: usize) -> Result<Self, ScopeError> {
        let mut set = Self::empty();
        for token in scope.split(' ').filter(|token| !token.is_empty()) {
            check_token(token)?;
            if set.contains(token) {
                continue;
            }
            if set.len() == most {
                return Err(ScopeError::TooMany);
            }
            set.0.push(token.to_owned());
        }
        Ok(set)
    }

    /// The set without scopes.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// The tokens, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.iter().map(String::as_str)
    }

    /// True when `scope` is in the set (case-sensitive, RFC 6749 §3.3).
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|held| held == scope)
    }

    /// True when every scope of `self` is in `other`.
    #[must_use]
    pub fn is_subset_of(&self, other: &Self) -> bool {
        self.iter().all(|scope| other.contains(scope))
    }

    /// The first scope of `self` that `other` lacks.
    #[must_use]
    pub fn first_not_in(&self, other: &Self) -> Option<&str> {
        self.iter().find(|scope| !other.contains(scope))
    }

    /// What both sets hold, in the order of `self`.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.keep(|scope| other.contains(scope))
    }

    /// `self`, then what only `other` holds.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        for scope in other.iter() {
            all.push_new(scope);
        }
        all
    }

    /// `self` less one scope.
    #[must_use]
    pub fn without(&self, scope: &str) -> Self {
        self.keep(|held| held != scope)
    }

    /// `self` cut down to `ceiling`; no ceiling, no cut.
    #[must_use]
    pub fn under(&self, ceiling: Option<&Self>) -> Self {
        ceiling.map_or_else(|| self.clone(), |ceiling| self.intersection(ceiling))
    }

    /// True when the set holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of scopes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    fn keep(&self, wanted: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|scope| wanted(scope)).cloned().collect())
    }

    fn push_new(&mut self, scope: &str) {
        if !self.contains(scope) {
            self.0.push(scope.to_owned());
        }
    }
}

/// True when `token` is one well-formed scope token of at most 256 bytes.
#[must_use]
pub fn is_scope_token(token: &str) -> bool {
    !token.is_empty() && check_token(token).is_ok()
}

fn check_token(token: &str) -> Result<(), ScopeError> {
    if token.len() > MAX_SCOPE_LENGTH {
        return Err(ScopeError::TooLong(text::visible(token, 64)));
    }
    let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
    if token.bytes().all(allowed) {
        Ok(())
    } else {
        Err(ScopeError::Character(text::visible(token, 64)))
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, scope) in self.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

/// Collects tokens. What is not a well-formed scope token is left out: joined
/// with spaces it could read as a different, larger set.
impl FromIterator<String> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = String>>(tokens: I) -> Self {
        let mut set = Self::empty();
        for token in tokens {
            if is_scope_token(&token) && !set.contains(&token) {
                set.0.push(token);
            }
        }
        set
    }
}

impl<'a> FromIterator<&'a str> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = &'a str>>(tokens: I) -> Self {
        tokens.into_iter().map(str::to_owned).collect()
    }
}

impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scope = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse_stored(&scope).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(scope: &str) -> ScopeSet {
        ScopeSet::parse(scope).unwrap()
    }

    #[test]
    fn order_is_first_appearance_and_repeats_count_once() {
        assert_eq!(set("b a b  c a ").to_string(), "b a c");
        assert_eq!(set("b a").len(), 2);
        assert!(set("").is_empty());
    }

    #[test]
    fn case_makes_a_different_scope() {
        assert!(!set("Read").contains("read"));
    }

    #[test]
    fn characters_outside_the_rfc_are_refused() {
        for bad in ["a\"b", "a\\b", "a\tb", "a\nb", "a\u{0}", "é", "a\u{7f}"] {
            assert!(matches!(ScopeSet::parse(bad), Err(ScopeError::Character(_))), "{bad:?}");
        }
        assert!(ScopeSet::parse("https://h/x?a=1#b tools:read.all !").is_ok());
    }

    #[test]
    fn thousands_of_scopes_are_refused() {
        let many: Vec<String> = (0..257).map(|n| format!("s{n}")).collect();
        assert_eq!(ScopeSet::parse(&many.join(" ")), Err(ScopeError::TooMany));
        assert!(ScopeSet::parse(&many[..256].join(" ")).is_ok());
        assert!(ScopeSet::parse(&"a ".repeat(5000)).is_ok());
        assert!(matches!(ScopeSet::parse(&"a".repeat(257)), Err(ScopeError::TooLong(_))));
    }

    #[test]
    fn intersection_keeps_the_order_of_the_left_side() {
        assert_eq!(set("c b a").intersection(&set("a b")).to_string(), "b a");
        assert_eq!(set("a").union(&set("b a")).to_string(), "a b");
        assert_eq!(set("a b").without("a").to_string(), "b");
        assert_eq!(set("a b").under(None), set("a b"));
        assert_eq!(set("a b").under(Some(&ScopeSet::empty())), ScopeSet::empty());
        assert_eq!(set("a b").first_not_in(&set("a")), Some("b"));
    }

    #[test]
    fn a_collected_token_cannot_smuggle_a_second_one() {
        let collected: ScopeSet = ["read", "write admin", "", "read"].into_iter().collect();
        assert_eq!(collected.to_string(), "read");
    }

    #[test]
    fn json_is_one_string() {
        assert_eq!(serde_json::to_string(&set("a b")).unwrap(), "\"a b\"");
        assert_eq!(serde_json::from_str::<ScopeSet>("\"a b\"").unwrap(), set("a b"));
        assert!(serde_json::from_str::<ScopeSet>("[\"a\"]").is_err());
        assert!(serde_json::from_str::<ScopeSet>("\"a\\nb\"").is_err());
    }

    proptest! {
        #[test]
        fn printing_and_parsing_is_the_identity(tokens in prop::collection::vec("[!#-\\[\\]-~]{1,12}", 0..20)) {
            let set: ScopeSet = tokens.into_iter().collect();
            prop_assert_eq!(ScopeSet::parse(&set.to_string()), Ok(set));
        }

        #[test]
        fn parsing_never_panics_and_never_repeats(scope in ".*") {
            if let Ok(set) = ScopeSet::parse(&scope) {
                let mut tokens: Vec<_> = set.iter().collect();
                tokens.sort_unstable();
                tokens.dedup();
                prop_assert_eq!(tokens.len(), set.len());
            }
        }

        #[test]
        fn an_intersection_is_within_both_sides(a in "[a-e ]{0,12}", b in "[a-e ]{0,12}") {
            let (a, b) = (set(&a), set(&b));
            let both = a.intersection(&b);
            prop_assert!(both.is_subset_of(&a) && both.is_subset_of(&b));
            prop_assert!(a.is_subset_of(&a.union(&b)) && b.is_subset_of(&a.union(&b)));
        }
    }
}
