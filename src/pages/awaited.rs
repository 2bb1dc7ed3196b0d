//! What waits for a person while they sign in or decide.

use uuid::Uuid;

/// It stands in the forms of the pages as a hidden field, and in the query of their addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// A pending authorization request: the field `request`.
    Request(Uuid),
    /// A ticket to the page on which people agree to an exchange: the field `ticket`.
    Ticket(String),
}

impl Awaited {
    /// Name of the field.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Awaited::Request(_) => "request",
            Awaited::Ticket(_) => "ticket",
        }
    }

    /// What is in it.
    #[must_use]
    pub fn value(&self) -> String {
        match self {
            Awaited::Request(id) => id.to_string(),
            Awaited::Ticket(ticket) => ticket.clone(),
        }
    }

    /// The page on which it is decided, under the issuer.
    #[must_use]
    pub fn path(&self) -> &'static str {
        match self {
            Awaited::Request(_) => "/consent",
            Awaited::Ticket(_) => crate::flows::agreement::PATH,
        }
    }

    /// This page, or another about the same.
    #[must_use]
    pub fn query(&self) -> String {
        format!("{}={}", self.field(), self.value())
    }
}
