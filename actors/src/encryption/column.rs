//! Which columns hold envelopes.

use entities::{ConnectionTrait, StoreError, ring_secret, server_secret, signing_key};
use protocol::envelope::{Cell, Kind};

use crate::keys::{key_cell, secret_cell};
use crate::secrets::ring_cell;

/// A column that holds envelopes. Whoever seals into another one adds it here: a test looks for
/// cells that nobody would seal again (`tests/it/house/sealed.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Private keys that sign tokens.
    SigningKeys,
    /// The secrets of the installation.
    ServerSecrets,
    /// The secrets that relieve the first of them.
    RingSecrets,
}

/// What a row holds there.
#[derive(Debug, Clone)]
pub(super) struct Envelope {
    /// The row's primary key, as text.
    pub(super) row: String,
    /// The envelope, if it is one.
    pub(super) sealed: Vec<u8>,
}

impl Column {
    /// All of them.
    pub const ALL: [Column; 3] = [Column::SigningKeys, Column::ServerSecrets, Column::RingSecrets];

    /// What is sealed in it.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Column::SigningKeys => Kind::SigningKey,
            Column::ServerSecrets | Column::RingSecrets => Kind::ServerSecret,
        }
    }

    /// Its cell in this row.
    #[must_use]
    pub fn cell(self, row: &str) -> Cell<'_> {
        match self {
            Column::SigningKeys => key_cell(row),
            Column::ServerSecrets => secret_cell(row),
            Column::RingSecrets => ring_cell(row),
        }
    }

    /// The table it is in.
    #[must_use]
    pub fn table(self) -> &'static str {
        match self {
            Column::SigningKeys => "signing_keys",
            Column::ServerSecrets => "server_secrets",
            Column::RingSecrets => "ring_secrets",
        }
    }

    /// What all rows hold, always in the same order. These are some dozens: every server reads
    /// all of them whenever it looks at the keys, so no part of them is read here either.
    pub(super) async fn envelopes<C: ConnectionTrait>(
        self,
        db: &C,
    ) -> Result<Vec<Envelope>, StoreError> {
        Ok(match self {
            Column::SigningKeys => {
                let rows = signing_key::all(db).await?.into_iter();
                rows.map(|row| Envelope { row: row.kid, sealed: row.private_key }).collect()
            }
            Column::ServerSecrets => {
                let rows = server_secret::all(db).await?.into_iter();
                rows.map(|row| Envelope { row: row.name, sealed: row.sealed }).collect()
            }
            Column::RingSecrets => {
                let rows = ring_secret::all(db).await?.into_iter();
                let envelope = |row: ring_secret::Model| Envelope {
                    row: row.number.to_string(),
                    sealed: row.sealed,
                };
                rows.map(envelope).collect()
            }
        })
    }

    /// Puts another envelope in place of `old`, unless that is no longer there; whether it did.
    pub(super) async fn reseal<C: ConnectionTrait>(
        self,
        db: &C,
        old: Envelope,
        new: Vec<u8>,
    ) -> Result<bool, StoreError> {
        let Envelope { row, sealed } = old;
        match self {
            Column::SigningKeys => signing_key::reseal(db, &row, sealed, new).await,
            Column::ServerSecrets => server_secret::reseal(db, &row, sealed, new).await,
            Column::RingSecrets => match row.parse() {
                Ok(number) => ring_secret::reseal(db, number, sealed, new).await,
                Err(_) => Ok(false),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_has_the_table_of_its_cell() {
        for column in Column::ALL {
            assert_eq!(column.table(), column.cell("a row").table);
        }
    }

    #[test]
    fn whatever_is_sealed_has_a_column() {
        for kind in Kind::ALL {
            assert!(Column::ALL.iter().any(|column| column.kind() == kind), "{kind:?}");
        }
    }
}
