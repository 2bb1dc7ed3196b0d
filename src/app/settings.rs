//! From the configuration to what the layers below want to know.

use std::time::Duration;

use actors::attempts::AttemptSettings;
use actors::consent::ConsentSettings;
use actors::documents::DocumentSettings;
use actors::families::FamilySettings;
use actors::janitor::Retention;
use actors::keys::{KeySettings, KeyStore, Upkeep};
use actors::secrets::{RingStore, SecretSettings};
use entities::StoreOptions;
use entities::budget::Refill;
use protocol::document_url::FetchPolicy;
use protocol::jose::SigningAlgorithm;

use super::Secrets;
use crate::config::{self, Config, StorageDriver};

/// Authorization requests that one network may have waiting. A whole office fits in; a
/// program that opens them one after the other does not.
const REQUESTS_OF_NETWORK: u32 = 600;

/// The end of a refresh family however often it is used: after that the person signs
/// in again. Never shorter than the sliding life of its tokens.
pub(crate) const FAMILY_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Where the rows are.
pub(super) fn store_options(config: &Config) -> StoreOptions {
    let storage = &config.storage;
    match (storage.driver, &storage.postgres.dsn) {
        (StorageDriver::Postgres, Some(dsn)) => StoreOptions::Postgres {
            dsn: dsn.expose().to_owned(),
            max_connections: storage.max_conns,
            min_connections: storage.min_conns,
            max_lifetime: storage.max_conn_lifetime,
            max_idle: storage.max_conn_idle_time,
        },
        _ => StoreOptions::Sqlite { path: storage.sqlite.path.clone(), wal: storage.sqlite.wal },
    }
}

/// How long a refresh family can last.
pub(super) fn longest_family(config: &Config) -> Duration {
    FAMILY_LIFETIME.max(config.dcr.default_refresh_expiry)
}

/// What the keepers are configured with.
pub(super) fn keeper_settings(
    config: &Config,
    secrets: &Secrets,
    keys: KeyStore,
    ring: RingStore,
    upkeep: Upkeep,
) -> actors::Settings {
    let access_lifetime = config.dcr.default_token_expiry;
    let refresh_lifetime = config.dcr.default_refresh_expiry;
    actors::Settings {
        keys: KeySettings {
            keys,
            algorithm: signing_algorithm(config.signing.algorithm),
            rotation_interval: config.signing.rotation_interval,
            longest_token: config.longest_access_token(),
            upkeep,
        },
        secrets: SecretSettings { ring, derivation: secrets.ring.clone() },
        families: FamilySettings {
            grace: config.oauth.refresh_grace,
            access_lifetime,
            refresh_lifetime,
        },
        consent: ConsentSettings {
            code_key: secrets.code.clone(),
            cookie_key: secrets.cookie.clone(),
            request_lifetime: config.oauth.state_max_age,
            requests_of_network: config.rate_limit.enabled.then_some(REQUESTS_OF_NETWORK),
            code_lifetime: config.oauth.code_expiry,
            access_lifetime,
            refresh_lifetime,
            family_lifetime: longest_family(config),
        },
        attempts: attempt_settings(config, secrets),
        retention: retention(config),
        cookie_key: secrets.cookie.clone(),
        session_lifetime: config.session.max_age,
        lists_agents: config.agents.enable_jwks_listing,
        listens: upkeep == Upkeep::Full,
        documents: DocumentSettings {
            policy: FetchPolicy {
                require_https: config.cimd.require_https,
                allow_private_addresses: config.cimd.allow_private_addresses,
            },
            fetch_timeout: config.cimd.fetch_timeout,
            keep_for: config.cimd.cache_ttl,
        },
    }
}

/// The whole server lets in this many times the registrations that one address may make.
/// People behind one office or one hosted client share an address, so the address alone
/// must not decide, and a swarm of addresses must not either.
const ADDRESSES_AT_ONCE: u32 = 20;

fn attempt_settings(config: &Config, secrets: &Secrets) -> AttemptSettings {
    let Config { rate_limit, dcr, .. } = config;
    let pause = dcr.rate_limit.period() / dcr.rate_limit.count().get();
    let burst_in_all = dcr.rate_limit_burst.saturating_mul(ADDRESSES_AT_ONCE);
    AttemptSettings {
        most: rate_limit.auth_fail_max,
        window: rate_limit.auth_fail_window,
        lockout: rate_limit.auth_lockout,
        remembered: rate_limit.max_tracked_identities,
        registrations: Refill::new(pause, dcr.rate_limit_burst),
        registrations_in_all: Refill::new(pause / ADDRESSES_AT_ONCE, burst_in_all),
        key: secrets.cookie.clone(),
    }
}

/// So many clients that registered themselves are a crowd. At 64 KiB for the longest document,
/// 6 GB.
const CROWD: u64 = 100_000;

/// How long rows outlive their use.
pub(crate) fn retention(config: &Config) -> Retention {
    Retention {
        audit: config.retention.audit,
        issuances: config.retention.issuances,
        ended: config.retention.ended,
        unused_clients: config.dcr.unused_client_ttl,
        crowd: CROWD,
    }
}

fn signing_algorithm(configured: config::SigningAlgorithm) -> SigningAlgorithm {
    match configured {
        config::SigningAlgorithm::Es256 => SigningAlgorithm::Es256,
        config::SigningAlgorithm::Rs256 => SigningAlgorithm::Rs256,
        config::SigningAlgorithm::EdDsa => SigningAlgorithm::EdDsa,
    }
}
