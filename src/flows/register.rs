//! Dynamic client registration (RFC 7591).

use std::net::IpAddr;
use std::num::NonZeroU32;

use actors::attempts::SpendRegistration;
use actors::audit::{Event, Origin};
use actors::catalog::{AddClient, CatalogError};
use chrono::{DateTime, Utc};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use protocol::client::RegistrationSource;
use protocol::registration::{Registration, RegistrationMode, RegistrationResponse, Supported};
use protocol::scope::ScopeSet;
use protocol::secret::ClientSecret;
use protocol::{ErrorCode, OAuthError};

use super::authenticate_client::METHODS;
use super::tidying::Tidying;
use crate::app::Services;
use crate::config::Dcr;
use crate::failure::{Failure, internal};
use crate::http::network;

/// Addresses remembered before the ones that were quiet are forgotten.
const REMEMBERED: usize = 10_000;
/// As many times what an address may register, it may try to: a program that tries on and on is
/// refused by the store, and must not keep its neighbours from being read.
const TRIES: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// How many documents one address may have read: a look in memory, before anything is done
/// for them. What may be registered the store knows, for all replicas.
pub struct RegistrationBudget {
    by_address: DefaultKeyedRateLimiter<IpAddr>,
    tidying: Tidying,
}

impl RegistrationBudget {
    /// [`TRIES`] times what is configured as `dcr.rate_limit` with bursts of
    /// `dcr.rate_limit_burst`.
    #[must_use]
    pub fn new(dcr: &Dcr) -> RegistrationBudget {
        let burst = NonZeroU32::new(dcr.rate_limit_burst).unwrap_or(NonZeroU32::MIN);
        let pause = dcr.rate_limit.period() / dcr.rate_limit.count().get();
        let quota = Quota::with_period(pause / TRIES.get())
            .unwrap_or(Quota::per_second(NonZeroU32::MAX))
            .allow_burst(burst.saturating_mul(TRIES));
        RegistrationBudget { by_address: RateLimiter::keyed(quota), tidying: Tidying::default() }
    }

    /// Takes one attempt from what an address may try, whatever comes of it.
    fn attempt(&self, network: Option<IpAddr>, now: DateTime<Utc>) -> Result<(), OAuthError> {
        if self.by_address.len() > REMEMBERED && self.tidying.is_due(now) {
            self.by_address.retain_recent();
        }
        match network {
            Some(network) if self.by_address.check_key(&network).is_err() => Err(too_many()),
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for RegistrationBudget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistrationBudget").field("addresses", &self.by_address.len()).finish()
    }
}

/// Registers a client; the response document.
///
/// # Errors
/// `access_denied` when registration is closed, `slow_down`, what RFC 7591 §3.2.2
/// lists, or when the server cannot do its work.
pub async fn register(
    services: &Services,
    document: &[u8],
    origin: &Origin,
) -> Result<serde_json::Value, Failure> {
    services.keepers.catalog.caught_up().await?;
    let mode = services.registration_mode();
    if mode == RegistrationMode::AdminOnly {
        return Err(RegistrationMode::closed().into());
    }
    let network = network(origin);
    services.registration_budget.attempt(network, services.environment.now())?;
    let documents = services.keepers.documents.policy();
    let supported = Supported { methods: METHODS, documents };
    let registration = Registration::from_json(document, supported)?;
    mode.permit(&registration)?;
    // What all share is spent by what would be let in: documents that are refused must not use
    // up what others need.
    let spend = SpendRegistration { network, software: registration.software() };
    if !services.keepers.attempts.ask(spend).await?? {
        return Err(too_many().into());
    }

    let environment = &services.environment;
    let id = environment.new_id().to_string();
    let secret = registration
        .auth_method
        .uses_secret()
        .then(|| ClientSecret::from_random(environment.random_bytes()));
    let hash = secret.as_ref().map(|s| s.hash(&services.secrets.client_secret).to_vec());
    let client = registration.into_client(id, hash, ceiling(services), environment.now());
    let event = Event::new("client.registered", origin)
        .client(&client.id)
        .with("source", RegistrationSource::Dcr);
    let added = services.keepers.clients_and_resources.ask(AddClient { client, event }).await?;
    let client = added.map_err(|error| match error {
        CatalogError::Store(error) => error.into(),
        other => internal(other),
    })?;
    metrics::counter!("authserver_clients_registered_total", "source" => "dcr").increment(1);
    let response = RegistrationResponse::new(&client, secret.as_ref().map(ClientSecret::expose));
    serde_json::to_value(response).map_err(internal)
}

fn too_many() -> OAuthError {
    OAuthError::new(
        ErrorCode::SlowDown,
        "Too many clients were registered lately. Wait a minute, and keep the client_id you get.",
    )
}

/// The scope ceiling of clients that register themselves: none, unless configured.
fn ceiling(services: &Services) -> Option<ScopeSet> {
    let configured = &services.config.oauth.default_client_scope;
    let scopes: ScopeSet = configured.iter().map(|scope| scope.as_str()).collect();
    (!scopes.is_empty()).then_some(scopes)
}
