//! What an administrator may do: rights of the form `area:verb`.
//!
//! Every operation of the admin API names the one right it needs. The configured root key
//! has them all; a key that was minted has those it was given, and whoever holds it can
//! give away less, never more.

use crate::wire::{UnknownWord, wire_enum};

wire_enum! {
    /// A part of what is administered.
    pub enum Area {
        /// OAuth clients.
        Clients => "clients",
        /// People who sign in here, and their sessions.
        Users => "users",
        /// Resources and their policies.
        Resources => "resources",
        /// Fronting links: which resource may reach which other one without the user being asked.
        Fronting => "fronting",
        /// Signing keys.
        Keys => "keys",
        /// Tokens handed out, as rows: what was issued to whom.
        Issuances => "issuances",
        /// What people agreed to.
        Grants => "grants",
        /// What would come of a token exchange.
        Exchange => "exchange",
        /// Lockouts of people and clients.
        Lockouts => "lockouts",
        /// Settings that change while the server runs.
        Settings => "settings",
        /// The audit log.
        Audit => "audit",
        /// State, figures and the effective configuration of the server.
        System => "system",
        /// Admin keys themselves.
        AdminKeys => "admin-keys",
    }
}

wire_enum! {
    /// What is done in an area.
    pub enum Verb {
        /// Looking.
        Read => "read",
        /// Changing. Does not include looking around: lists and things that stay as they are. The
        /// answer to a change shows what was changed.
        Write => "write",
    }
}

/// One right, `area:verb` in writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Right {
    /// Where.
    pub area: Area,
    /// What.
    pub verb: Verb,
}

impl Right {
    /// The right to look at `area`.
    #[must_use]
    pub const fn read(area: Area) -> Right {
        Right { area, verb: Verb::Read }
    }

    /// The right to change `area`.
    #[must_use]
    pub const fn write(area: Area) -> Right {
        Right { area, verb: Verb::Write }
    }
}

impl std::fmt::Display for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.area, self.verb)
    }
}

impl std::str::FromStr for Right {
    type Err = UnknownWord;

    fn from_str(written: &str) -> Result<Right, UnknownWord> {
        let (area, verb) =
            written.split_once(':').ok_or_else(|| UnknownWord::new("Right", written))?;
        Ok(Right { area: area.parse()?, verb: verb.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_is_read_as_it_is_written() {
        for &area in Area::ALL {
            for right in [Right::read(area), Right::write(area)] {
                assert_eq!(right.to_string().parse(), Ok(right));
            }
        }
    }

    #[test]
    fn anything_else_is_no_right() {
        for wrong in ["", "clients", "clients:", ":read", "clients:read:write", "Clients:read"] {
            assert!(wrong.parse::<Right>().is_err(), "{wrong}");
        }
    }
}
