//! Closed sets of wire words (`authorization_code`, `client_secret_basic`, `active` …).
//!
//! One macro writes the enum, its spelling on the wire and the way back, so that
//! the database, JSON, the console and the metadata cannot drift apart.

use crate::text;

/// A word that is not in the set that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {set} '{given}'")]
pub struct UnknownWord {
    /// Name of the set, for example `GrantType`.
    pub set: &'static str,
    /// What was given, made safe to show and at most 64 characters long.
    pub given: String,
}

impl UnknownWord {
    pub(crate) fn new(set: &'static str, given: &str) -> Self {
        Self { set, given: text::visible(given, 64) }
    }
}

/// Writes an enum whose variants are words on the wire: `as_str`, `parse`, `ALL`,
/// `FromStr`, `Display` and serde as that word. Matching is case-sensitive, as in
/// every OAuth registry.
macro_rules! wire_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$variant_meta:meta])* $variant:ident => $wire:literal ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $( $(#[$variant_meta])* $variant ),+
        }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[ $( Self::$variant ),+ ];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $wire ),+
                }
            }

            /// The value this wire word names, matched case-sensitively.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word {
                    $( $wire => Some(Self::$variant), )+
                    _ => None,
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::wire::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Self::parse(word)
                    .ok_or_else(|| $crate::wire::UnknownWord::new(stringify!($name), word))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use wire_enum;
