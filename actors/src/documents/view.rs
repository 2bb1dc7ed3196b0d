//! What those who need a document hold of the keeper.

use chrono::{DateTime, Utc};
use protocol::document_url::{DocumentUrl, FetchPolicy};

use super::Documents;
use super::messages::{DocumentError, FetchKeys, HeldKeys, StopFetching};
use crate::runtime::{AskError, Handle};

/// The way to the documents of others; cheap to clone.
#[derive(Debug, Clone)]
pub struct DocumentsView {
    keeper: Handle<Documents>,
    policy: FetchPolicy,
}

impl DocumentsView {
    pub(crate) fn new(keeper: Handle<Documents>, policy: FetchPolicy) -> DocumentsView {
        DocumentsView { keeper, policy }
    }

    /// From where documents may be fetched: what [`DocumentUrl::parse`] wants to know.
    #[must_use]
    pub fn policy(&self) -> FetchPolicy {
        self.policy
    }

    /// The keys that are published at `url`; if possible newer ones than those of which
    /// the caller knows that they will not do.
    ///
    /// # Errors
    /// The keeper's failure outside, the document's inside.
    pub async fn keys(
        &self,
        url: DocumentUrl,
        newer_than: Option<DateTime<Utc>>,
    ) -> Result<Result<HeldKeys, DocumentError>, AskError> {
        self.keeper.ask(FetchKeys { url, newer_than }).await
    }

    /// Whoever waits for a document is told that there will be none, and so is whoever comes.
    ///
    /// # Errors
    /// The keeper's failure; then nobody waits for it either.
    pub async fn stop_fetching(&self) -> Result<(), AskError> {
        self.keeper.ask(StopFetching).await
    }
}
