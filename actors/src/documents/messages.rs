//! What can be asked of the documents keeper.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use protocol::document_url::{DocumentUrl, FetchPolicy};
use protocol::jose::KeySet;

use super::fetch::FetchError;
use crate::runtime::{Ask, Fault};

/// How documents are fetched and kept.
#[derive(Debug, Clone, Copy)]
pub struct DocumentSettings {
    /// From where.
    pub policy: FetchPolicy,
    /// How long one fetch may take, from the name to the last byte.
    pub fetch_timeout: Duration,
    /// The longest a document is kept.
    pub keep_for: Duration,
}

/// "Which keys are published there?"
#[derive(Debug, Clone)]
pub struct FetchKeys {
    /// Where.
    pub url: DocumentUrl,
    /// What is held since then lacks a key. `None`: whatever is held will do.
    pub newer_than: Option<DateTime<Utc>>,
}

impl Ask for FetchKeys {
    type Reply = Result<HeldKeys, DocumentError>;
}

/// "The server stops: nobody waits for a document any more, and none is fetched."
#[derive(Debug, Clone, Copy)]
pub struct StopFetching;

impl Ask for StopFetching {
    type Reply = ();
}

/// Keys as they were published.
#[derive(Debug, Clone)]
pub struct HeldKeys {
    /// The keys.
    pub keys: KeySet,
    /// When they were fetched.
    pub fetched_at: DateTime<Utc>,
}

/// Why there is no document.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DocumentError {
    /// It was tried, now or in the last 30 seconds, and did not succeed.
    #[error("the document cannot be had: {0}")]
    Failed(Arc<FetchError>),
    /// As many fetches as there may be are under way, or as many as may wait for this
    /// one do.
    #[error("too many documents are being fetched")]
    Busy,
    /// The server is being stopped, and does not wait for other servers.
    #[error("the server is stopping, and the document is not here")]
    Stopping,
}

impl Fault for DocumentError {
    /// Somebody else's server, or how many ask: the keeper did what it is for.
    fn fault(&self) -> Option<String> {
        None
    }
}
