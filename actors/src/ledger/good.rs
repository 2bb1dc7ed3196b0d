//! Which tokens are good, without a row for each question.
//!
//! A token that was found good stays good until somebody ends a token, and then
//! `revocation_version` has moved, in the very transaction. So a whole batch of questions
//! costs one look at that counter; rows are read only for tokens that are not known at its
//! present number. The counter is read *after* the questions have arrived: whoever asks
//! after a revocation was answered, at whichever replica, hears of it.

use std::collections::HashSet;

use entities::{Store, StoreError, issuance, revocation_version};
use uuid::Uuid;

/// Tokens remembered at most; some megabytes.
const REMEMBERED: usize = 100_000;

/// The tokens that are good at one number of the counter.
#[derive(Debug, Default)]
pub(super) struct Good {
    version: Option<i64>,
    tokens: HashSet<Uuid>,
}

/// What one look at the store brought.
#[derive(Debug)]
pub(super) struct Look {
    version: i64,
    /// Those of the tokens looked for that are good: of all when the counter has moved
    /// since the last look, otherwise of those that were not known.
    good: Vec<Uuid>,
}

impl Good {
    /// Looks at the counter, and at the rows of those `wanted` that are not known to be
    /// good at its present number. One look at a time.
    pub(super) fn look(
        &mut self,
        store: Store,
        wanted: Vec<Uuid>,
    ) -> impl Future<Output = Result<Look, StoreError>> + use<> {
        if self.tokens.len() > REMEMBERED {
            self.tokens.clear();
        }
        let unknown: Vec<Uuid> =
            wanted.iter().copied().filter(|jti| !self.tokens.contains(jti)).collect();
        let known_at = self.version;
        async move {
            store
                .read(move |db| async move {
                    let version = revocation_version::read(&db).await?;
                    let looked_for = if known_at == Some(version) { unknown } else { wanted };
                    let good = match looked_for.is_empty() {
                        true => Vec::new(),
                        false => issuance::find_good(&db, looked_for).await?,
                    };
                    Ok(Look { version, good })
                })
                .await
        }
    }

    /// Takes in what a look brought; from here to the next, [`Good::has`] answers for the
    /// tokens that were looked for.
    pub(super) fn learn(&mut self, look: Look) {
        if self.version != Some(look.version) {
            self.tokens.clear();
            self.version = Some(look.version);
        }
        self.tokens.extend(look.good);
    }

    /// Whether the token is good.
    pub(super) fn has(&self, jti: Uuid) -> bool {
        self.tokens.contains(&jti)
    }
}

#[cfg(test)]
mod tests {
    use entities::StoreOptions;
    use tokio::runtime::Handle;

    use super::*;

    fn tokens(count: usize) -> Vec<Uuid> {
        (0..count).map(|number| Uuid::from_u128(number as u128)).collect()
    }

    fn found(version: i64, good: Vec<Uuid>) -> Look {
        Look { version, good }
    }

    #[test]
    fn what_was_good_at_another_number_is_forgotten() {
        let mut good = Good::default();
        good.learn(found(1, tokens(2)));
        good.learn(found(1, vec![Uuid::from_u128(9)]));
        assert!(good.has(Uuid::from_u128(0)) && good.has(Uuid::from_u128(9)));
        good.learn(found(2, vec![Uuid::from_u128(9)]));
        assert!(!good.has(Uuid::from_u128(0)) && good.has(Uuid::from_u128(9)));
        // A backup that was restored counts anew from below.
        good.learn(found(1, Vec::new()));
        assert!(!good.has(Uuid::from_u128(9)));
    }

    /// Whoever makes and shows any number of tokens fills no memory with them.
    #[tokio::test]
    async fn beyond_as_many_as_are_remembered_it_starts_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let options = StoreOptions::Sqlite { path, wal: true };
        let store = Store::open(options, Handle::current()).await.unwrap();
        let mut good = Good::default();
        good.learn(found(1, tokens(REMEMBERED)));
        drop(good.look(store.clone(), Vec::new()));
        assert_eq!(good.tokens.len(), REMEMBERED);
        good.learn(found(1, vec![Uuid::from_u128(u128::MAX)]));
        drop(good.look(store.clone(), Vec::new()));
        assert_eq!(good.tokens.len(), 0);
        assert!(!good.has(Uuid::from_u128(0)));
        // What is asked about next is looked up again.
        good.learn(found(1, tokens(1)));
        assert!(good.has(Uuid::from_u128(0)));
        store.close().await;
    }
}
