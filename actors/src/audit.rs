//! What goes into the audit log, and where it came from.

use entities::audit_event::{Detail, NewEvent};
use uuid::Uuid;

use crate::runtime::Environment;

/// The request behind an act: who asked, and under which correlation id.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// Address of the peer, as far as it can be believed.
    pub ip: Option<String>,
    /// Correlation id: the log, the error body and the audit row share it.
    pub trace_id: Option<String>,
}

impl Origin {
    /// An act of the server itself, or of an operator at its console.
    #[must_use]
    pub fn local() -> Origin {
        Origin::default()
    }
}

/// Who did something: a user's id, a client's id or an admin identity.
#[derive(Debug, Clone)]
pub struct Actor(String);

impl From<Uuid> for Actor {
    fn from(user_id: Uuid) -> Actor {
        Actor(user_id.to_string())
    }
}

impl From<&str> for Actor {
    fn from(id: &str) -> Actor {
        Actor(id.to_owned())
    }
}

impl From<&String> for Actor {
    fn from(id: &String) -> Actor {
        Actor(id.clone())
    }
}

/// An audit event under construction; it gets id and time when it is written. For what
/// strangers can cause as often as they like there is
/// [`crate::denials::Denial`].
#[derive(Debug, Clone)]
pub struct Event {
    action: &'static str,
    origin: Origin,
    actor_id: Option<String>,
    client_id: Option<String>,
    detail: Detail,
}

impl Event {
    /// `action` happened at the request of `origin`.
    #[must_use]
    pub fn new(action: &'static str, origin: &Origin) -> Event {
        Event {
            action,
            origin: origin.clone(),
            actor_id: None,
            client_id: None,
            detail: Detail::new(),
        }
    }

    /// Who did it.
    #[must_use]
    pub fn by(mut self, actor_id: impl Into<Actor>) -> Event {
        self.actor_id = Some(actor_id.into().0);
        self
    }

    /// The client it concerns.
    #[must_use]
    pub fn client(mut self, client_id: &str) -> Event {
        self.client_id = Some(client_id.to_owned());
        self
    }

    /// Adds `key=value` to the detail.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl std::fmt::Display) -> Event {
        self.detail = self.detail.with(key, value);
        self
    }

    /// What it is, and whom it is about: a client before a person, if anybody.
    pub(crate) fn subject(&self) -> (&'static str, Option<&str>) {
        (self.action, self.client_id.as_deref().or(self.actor_id.as_deref()))
    }

    /// The row, with id and time of now.
    #[must_use]
    pub fn stamped(self, environment: &Environment) -> NewEvent {
        NewEvent {
            id: environment.new_id(),
            action: self.action,
            actor_id: self.actor_id,
            client_id: self.client_id,
            ip: self.origin.ip,
            detail: self.detail,
            trace_id: self.origin.trace_id,
            created_at: environment.now(),
        }
    }
}
