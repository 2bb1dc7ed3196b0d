//! What one process tells the others on the same database: that something changed which they
//! may hold in memory.
//!
//! A piece of news is part of the transaction that makes the change. It is heard when that was
//! committed, and never when it was taken back ([`crate::Store::subscribe`]). It says where to
//! look and nothing of what is to be seen there: whoever hears it reads the rows.
//!
//! It is for what changes seldom. On PostgreSQL transactions with news in them commit one
//! after the other, so handing out a token announces nothing.

use std::fmt;

use sea_orm::ConnectionTrait;

use crate::StoreError;
use crate::store::announce_on;

/// Something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum News {
    /// Clients, resources, fronting links or the registration mode: `catalog_version` is at
    /// this number.
    Catalog(i64),
    /// The signing keys.
    Keys,
    /// The ring of server secrets.
    Secrets,
}

impl News {
    /// What `text` says, if it is anything we know. Anybody who may use the database can send
    /// any text, and a later version of the server sends what this one has never heard of.
    #[must_use]
    pub fn parse(text: &str) -> Option<News> {
        let mut words = text.split(' ');
        match (words.next()?, words.next()) {
            ("catalog", Some(version)) => version.parse().ok().map(News::Catalog),
            ("keys", _) => Some(News::Keys),
            ("secrets", _) => Some(News::Secrets),
            _ => None,
        }
    }
}

/// The form in which it travels. What a later version has to add comes after a space.
impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            News::Catalog(version) => write!(f, "catalog {version}"),
            News::Keys => f.write_str("keys"),
            News::Secrets => f.write_str("secrets"),
        }
    }
}

/// Tells everybody, in the transaction of the change, once that is committed.
///
/// # Errors
/// When the store fails; then the transaction does, too.
pub async fn announce<C: ConnectionTrait>(transaction: &C, news: News) -> Result<(), StoreError> {
    announce_on(transaction, news).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_is_read_as_it_was_sent() {
        let catalog = [0, i64::MAX, -1].map(News::Catalog);
        for news in catalog.into_iter().chain([News::Keys, News::Secrets]) {
            assert_eq!(News::parse(&news.to_string()), Some(news));
        }
    }

    #[test]
    fn what_a_later_version_adds_is_passed_over() {
        assert_eq!(News::parse("catalog 7 clients=a,b"), Some(News::Catalog(7)));
        assert_eq!(News::parse("keys retired=k1"), Some(News::Keys));
        for unknown in [
            "",
            " ",
            "catalog",
            "catalog ",
            "catalog x",
            "catalog 9999999999999999999",
            "Catalog 1",
            "catalogs 1",
            "keyset",
            "vault 3",
            "catalog\u{0}1",
            "🦀",
        ] {
            assert_eq!(News::parse(unknown), None, "{unknown:?}");
        }
    }
}
