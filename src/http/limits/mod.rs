//! What strangers may do, before anything is done for them: how long a request line and
//! its headers are, how often one address asks, which names the admin port answers to.
//!
//! Everything here is cheap, holds a bounded amount of memory, and counts for this
//! process alone. What has to hold across replicas (sign-in, admin keys, registration, pending
//! requests) is counted in the store, behind the keepers.

mod address;
mod admin;
mod budget;
mod public;
mod size;

use std::net::IpAddr;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actors::audit::Origin;
use actors::runtime::Environment;
use protocol::client_address::network_of;

pub(crate) use address::client_address;

use crate::config::Config;
use budget::AddressBudget;

/// Which of the two surfaces an app serves; app data of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// For everybody.
    Public,
    /// For operators.
    Admin,
}

/// The middleware in front of both surfaces.
///
/// # Errors
/// Whatever the handler's error is.
pub async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if let Some(refusal) = size::refuse(&request) {
        return Ok(request.into_response(refusal));
    }
    match request.app_data::<Surface>() {
        Some(Surface::Admin) => admin::guard(request, next).await,
        _ => public::limit(request, next).await,
    }
}

/// The counters behind the limits.
#[derive(Debug)]
pub struct Limits {
    public: Option<AddressBudget>,
    admin: Option<AddressBudget>,
}

impl Limits {
    /// As configured in `rate_limit.*` and `admin.*`.
    #[must_use]
    pub fn new(config: &Config, environment: &Environment) -> Limits {
        let settings = &config.rate_limit;
        let remembered = usize::try_from(settings.max_tracked_identities).unwrap_or(usize::MAX);
        let budget = |per_second, burst| {
            let key = environment.random_bytes();
            settings.enabled.then(|| AddressBudget::new(per_second, burst, remembered, key))
        };
        let admin = config.admin.requests_per_second;
        let admin_burst = |rate: u32| config.admin.burst.unwrap_or(rate.saturating_mul(2));
        Limits {
            public: budget(settings.requests_per_second, settings.burst),
            admin: admin.and_then(|rate| budget(rate, admin_burst(rate))),
        }
    }

    /// Takes one request of `origin` from what its address may do on the public surface.
    ///
    /// # Errors
    /// How long to wait, when nothing is left.
    pub fn spend(&self, origin: &Origin) -> Result<(), Duration> {
        spend(self.public.as_ref(), network(origin))
    }
}

/// A request without an address (there is none over a network) is not limited.
fn spend(budget: Option<&AddressBudget>, network: Option<IpAddr>) -> Result<(), Duration> {
    match budget.zip(network) {
        Some((budget, network)) => budget.spend(network),
        None => Ok(()),
    }
}

/// Whose share of the limits a request spends.
pub(crate) fn network(origin: &Origin) -> Option<IpAddr> {
    let address = origin.ip.as_deref()?.parse().ok()?;
    Some(network_of(address))
}
