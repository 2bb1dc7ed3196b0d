//! Sets of scopes and of resources as the model has them, and the dice.

use std::fmt;

pub(super) use crate::kit::dice::Dice;

/// Every scope there is in a world.
pub(super) const SCOPES: [&str; 5] = ["read", "write", "list", "send", "erase"];

/// Some of [`SCOPES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scopes(pub(super) u8);

impl Scopes {
    pub(super) const NONE: Scopes = Scopes(0);
    pub(super) const ALL: Scopes = Scopes(0b1_1111);

    /// Those that a token or a row names.
    pub(super) fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Scopes {
        let bit = |word| SCOPES.iter().position(|scope| *scope == word).expect("one of ours");
        Scopes(words.into_iter().fold(0, |all, word| all | (1 << bit(word))))
    }

    pub(super) fn and(self, other: Scopes) -> Scopes {
        Scopes(self.0 & other.0)
    }

    pub(super) fn or(self, other: Scopes) -> Scopes {
        Scopes(self.0 | other.0)
    }

    pub(super) fn without(self, other: Scopes) -> Scopes {
        Scopes(self.0 & !other.0)
    }

    pub(super) fn within(self, other: Scopes) -> bool {
        self.0 & !other.0 == 0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn words(self) -> Vec<&'static str> {
        (0..SCOPES.len()).filter(|bit| (self.0 >> bit) & 1 == 1).map(|bit| SCOPES[bit]).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() { f.write_str("nothing") } else { f.write_str(&self.words().join(" ")) }
    }
}

impl Dice {
    pub(super) fn scopes(&mut self) -> Scopes {
        Scopes(u8::try_from(self.throw(32)).unwrap())
    }

    /// Most of the scopes, at least one.
    pub(super) fn most_scopes(&mut self) -> Scopes {
        let most = self.scopes().or(self.scopes());
        if most.is_empty() { Scopes::ALL } else { most }
    }
}
