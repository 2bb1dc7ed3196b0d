//! A set of rights.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::admin::{Area, Right, Verb};
use crate::text;

/// What a key may do. In writing `clients:read,keys:write`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights(BTreeSet<Right>);

/// It is no list of rights.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no right: write area:verb, several with commas between, for example clients:read,keys:write. Areas are {areas}; verbs are {verbs}.",
    areas = names(Area::ALL.iter().map(|area| area.as_str())),
    verbs = names(Verb::ALL.iter().map(|verb| verb.as_str()))
)]
pub struct InvalidRights(String);

fn names(words: impl Iterator<Item = &'static str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

impl Rights {
    /// Every right there is: what the configured root key has.
    #[must_use]
    pub fn all() -> Rights {
        let both = |&area: &Area| [Right::read(area), Right::write(area)];
        Area::ALL.iter().flat_map(both).collect()
    }

    /// Whether `right` is among them.
    #[must_use]
    pub fn contains(&self, right: Right) -> bool {
        self.0.contains(&right)
    }

    /// The first right of these that is not in `other`.
    #[must_use]
    pub fn first_beyond(&self, other: &Rights) -> Option<Right> {
        self.0.difference(&other.0).next().copied()
    }

    /// Those that are in `other` as well.
    #[must_use]
    pub fn and(&self, other: &Rights) -> Rights {
        self.0.intersection(&other.0).copied().collect()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One after the other, in order.
    pub fn iter(&self) -> impl Iterator<Item = Right> + '_ {
        self.0.iter().copied()
    }

    /// Each in writing.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        self.iter().map(|right| right.to_string()).collect()
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Rights {
        Rights(rights.into_iter().collect())
    }
}

impl FromStr for Rights {
    type Err = InvalidRights;

    fn from_str(list: &str) -> Result<Rights, InvalidRights> {
        let one = |word: &str| {
            word.trim().parse::<Right>().map_err(|_| InvalidRights(text::visible(word.trim(), 64)))
        };
        list.split(',').map(one).collect()
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(","))
    }
}
