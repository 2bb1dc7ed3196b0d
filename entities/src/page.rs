//! A part of a long list.

/// Which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// How many rows at most.
    pub limit: u64,
    /// How many to skip before.
    pub offset: u64,
}

impl Page {
    /// The first `limit`.
    #[must_use]
    pub fn first(limit: u64) -> Page {
        Page { limit, offset: 0 }
    }
}
