//! What a request handler may reach.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actors::Keepers;
use actors::runtime::{Environment, Household};
use entities::Store;
use protocol::registration::RegistrationMode;

use super::{AdminAccess, ConfiguredRegistration, Secrets};
use crate::config::Config;
use crate::flows::register::RegistrationBudget;
use crate::http::Limits;
use crate::http::discovery::MetadataDocument;
use crate::http::health::Pulse;
use crate::http::jwks::JwksDocument;

/// Shared by all workers of a server.
#[derive(Debug)]
pub struct Services {
    /// The effective configuration.
    pub config: Config,
    /// The keepers.
    pub keepers: Keepers,
    /// Time and randomness.
    pub environment: Environment,
    /// Derived keys.
    pub secrets: Secrets,
    /// Who may use the admin surface.
    pub admin: AdminAccess,
    /// The database, for health only: state is reached through keepers.
    pub store: Store,
    /// Whether the database answered, a moment ago.
    pub pulse: Pulse,
    /// The keepers' health.
    pub household: Arc<Household>,
    /// What the configuration says about who may register clients.
    pub registration: ConfiguredRegistration,
    /// How many registrations may come from where.
    pub registration_budget: RegistrationBudget,
    /// How often an address may ask.
    pub limits: Limits,
    /// The metadata document, made when what it says changes.
    pub metadata: MetadataDocument,
    /// The JWKS document with the agents, if they are listed.
    pub jwks: JwksDocument,
    /// Set when the server is being stopped.
    pub stopping: AtomicBool,
}

impl Services {
    /// The issuer, byte for byte as configured.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.config.server.issuer.as_str()
    }

    /// The issuer's path without a trailing slash: what every path begins with.
    #[must_use]
    pub fn base_path(&self) -> &str {
        self.config.server.issuer.path().trim_end_matches('/')
    }

    /// Who may register clients at this moment.
    #[must_use]
    pub fn registration_mode(&self) -> RegistrationMode {
        self.registration.in_force(self.keepers.catalog.registration_mode())
    }

    /// Whether the server has begun to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}
