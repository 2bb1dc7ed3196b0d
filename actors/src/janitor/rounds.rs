//! What a janitor knows of its rounds, for whoever asks how the server is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

/// A count of the rows of every table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// When.
    pub at: DateTime<Utc>,
    /// Rows, by table; large tables on PostgreSQL by its own estimate.
    pub rows: BTreeMap<&'static str, u64>,
}

/// Survives the keeper, as what was counted does. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Rounds(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    next: Option<DateTime<Utc>>,
    counted: Option<Counted>,
}

impl Rounds {
    /// When the next one begins; not known before the first.
    #[must_use]
    pub fn next(&self) -> Option<DateTime<Utc>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next
    }

    /// The rows, when they were counted last.
    #[must_use]
    pub fn counted(&self) -> Option<Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).counted.clone()
    }

    pub(super) fn expect_next(&self, at: DateTime<Utc>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next = Some(at);
    }

    pub(super) fn have_counted(&self, counted: Counted) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).counted = Some(counted);
    }
}
