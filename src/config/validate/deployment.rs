//! How the server stands in its surroundings: listeners, secrets, storage and keys.

use std::net::IpAddr;

use super::Findings;
use crate::config::Config;
use crate::config::types::{KeyStore, SameSite, Secret, StorageDriver};

/// As many bytes as the hash that these secrets key.
pub(super) const KEY_LENGTH: usize = 32;
const API_KEY_LENGTH: usize = 16;

pub(super) const MAKE_ONE: &str = "Make one with `openssl rand -base64 32`";

pub(super) fn check(config: &Config, findings: &mut Findings) {
    listeners(config, findings);
    admin_listener(config, findings);
    secrets(config, findings);
    session_cookie(config, findings);
    storage(config, findings);
    signing(config, findings);
}

fn listeners(config: &Config, findings: &mut Findings) {
    let (public, admin) = (config.server.address, config.admin.address);
    let same_port = public.port() == admin.port() && public.port() != 0;
    let overlap = public.ip() == admin.ip()
        || (public.is_ipv4() == admin.is_ipv4()
            && (public.ip().is_unspecified() || admin.ip().is_unspecified()));
    if config.admin.enabled && same_port && overlap {
        findings.add(
            &["admin.address", "server.address", "admin.enabled"],
            format!("is {admin}, which the public listener ({public}) takes"),
            "Only one of them can listen there, and the admin API must not be where the public is",
            "Give them different ports",
        );
    }
    if config.server.trusted_proxies.iter().any(|network| network.prefix_len() == 0) {
        findings.add(
            &["server.trusted_proxies"],
            "contains every address there is",
            "Everybody would be believed about where they come from, so that no limit and no audit \
             row could be relied on",
            "List the networks of your own proxies",
        );
    }
    let tls = &config.server.tls;
    if tls.cert.is_some() && !config.server.issuer.is_https() {
        findings.add(
            &["server.issuer", "server.tls.cert"],
            "is http, and server.tls.cert is set",
            "Clients would be told to come without TLS, and the listener speaks nothing else",
            "Use an https issuer",
        );
    }
    if tls.cert.is_some() != tls.key.is_some() {
        let (has, lacks) = if tls.cert.is_some() { ("cert", "key") } else { ("key", "cert") };
        findings.add(
            &["server.tls.cert", "server.tls.key"],
            format!("and server.tls.key belong together, but only server.tls.{has} is set"),
            "TLS needs both the certificate and its key",
            format!("Set server.tls.{lacks} too, or neither"),
        );
    }
}

fn admin_listener(config: &Config, findings: &mut Findings) {
    let admin = &config.admin;
    if let Some(entry) = admin.allowed_hosts.iter().find(|entry| !is_host(entry)) {
        findings.add(
            &["admin.allowed_hosts"],
            format!("has {entry:?}, which is no name of a host"),
            "It is compared with the name that requests are sent to, without scheme and port, and \
             would match none",
            "Write the name alone, as in admin.example.com",
        );
    }
    if admin.burst.is_some() && admin.requests_per_second.is_none() {
        findings.add(
            &["admin.burst", "admin.requests_per_second"],
            "is set, and admin.requests_per_second is not",
            "Without a rate nothing is limited, whatever the burst",
            "Set admin.requests_per_second too, or neither",
        );
    }
}

/// A name as requests name it, or an address: those need no entry, and do no harm.
fn is_host(entry: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let named = !entry.is_empty() && !entry.ends_with('.') && entry.bytes().all(is_name);
    named || entry.parse::<IpAddr>().is_ok()
}

fn secrets(config: &Config, findings: &mut Findings) {
    let exposed = !config.server.issuer.is_localhost();
    let key: &'static [&'static str] = &["session.secret", "server.issuer"];
    match &config.session.secret {
        Some(secret) => long_enough(key, secret, KEY_LENGTH, findings),
        None if exposed => findings.add(
            key,
            "is not set, and the issuer is not localhost",
            "Without a secret that stays, users are signed out at each restart and replicas do not know each other's sessions",
            format!("Set it or AUTHPLANE_SESSION_SECRET. {MAKE_ONE}"),
        ),
        None => {}
    }
    let key: &'static [&'static str] = &["admin.api_key", "server.issuer", "admin.enabled"];
    match &config.admin.api_key {
        Some(secret) => long_enough(key, secret, API_KEY_LENGTH, findings),
        None if exposed && config.admin.enabled => findings.add(
            key,
            "is not set, and the issuer is not localhost",
            "The admin API rules over every client and user, and off localhost its key is not made up for you",
            format!("Set it or AUTHPLANE_ADMIN_API_KEY, or set admin.enabled to false. {MAKE_ONE}"),
        ),
        None => {}
    }
    if let Some(secret) = &config.client_secret_pepper {
        long_enough(&["client_secret_pepper"], secret, KEY_LENGTH, findings);
    }
}

/// Says how long the secret is, and nothing else about it.
pub(super) fn long_enough(
    keys: &'static [&'static str],
    secret: &Secret,
    least: usize,
    findings: &mut Findings,
) {
    if secret.length() < least {
        findings.add(
            keys,
            format!("has {} bytes, at least {least} are needed", secret.length()),
            "A shorter secret can be guessed",
            MAKE_ONE,
        );
    }
}

fn session_cookie(config: &Config, findings: &mut Findings) {
    let session = &config.session;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !session.cookie_name.bytes().all(is_token) {
        findings.add(
            &["session.cookie_name"],
            format!("is {:?}", session.cookie_name),
            "Browsers drop a cookie whose name has other characters than letters, digits and a few signs (RFC 6265 §4.1.1)",
            "Use letters, digits, - and _",
        );
    }
    let secure = config.session_cookie_secure();
    if config.server.issuer.is_https() && !secure {
        findings.add(
            &["session.secure", "server.issuer"],
            "is false, and the issuer is https",
            "The session cookie would also travel over plain http, where anybody can read it",
            "Remove it",
        );
    }
    if session.same_site == SameSite::Strict {
        findings.add(
            &["session.same_site"],
            "is strict",
            "Clients on other sites send people here, and browsers would keep the session from each such visit: everybody would have to sign in every time",
            "Use lax",
        );
    }
    if session.same_site == SameSite::None && !secure {
        findings.add(
            &["session.same_site", "session.secure", "server.issuer"],
            "is none, and the cookie is not secure",
            "Browsers drop such a cookie, so nobody could sign in",
            "Use lax, or an https issuer",
        );
    }
    let prefixed =
        ["__Host-", "__Secure-"].iter().any(|prefix| session.cookie_name.starts_with(prefix));
    if prefixed && !secure {
        findings.add(
            &["session.cookie_name", "session.secure", "server.issuer"],
            format!("is {:?}, and the cookie is not secure", session.cookie_name),
            "Browsers drop such a cookie, so nobody could sign in",
            "Use a name without the prefix, or an https issuer",
        );
    }
}

fn storage(config: &Config, findings: &mut Findings) {
    let keys: &'static [&'static str] = &["storage.postgres.dsn", "storage.driver"];
    match (config.storage.driver, &config.storage.postgres.dsn) {
        (StorageDriver::Postgres, None) => findings.add(
            keys,
            "is not set, and storage.driver is postgres",
            "The server does not know which database to use",
            "Set it or AUTHPLANE_STORAGE_POSTGRES_DSN to postgres://user:password@host:5432/database",
        ),
        (StorageDriver::Sqlite, Some(_)) => findings.add(
            keys,
            "is set, but storage.driver is sqlite",
            "Everything would go to the SQLite file and nothing to PostgreSQL",
            "Set storage.driver to postgres, or remove the DSN",
        ),
        (StorageDriver::Postgres, Some(dsn)) => {
            let is_url = ["postgres://", "postgresql://"].iter().any(|s| dsn.expose().starts_with(s));
            if !is_url {
                findings.add(
                    keys,
                    "is not a postgres:// URL",
                    "The server cannot connect with it",
                    "Write postgres://user:password@host:5432/database, with special characters in the password percent-encoded",
                );
            }
        }
        (StorageDriver::Sqlite, None) => {}
    }
}

fn signing(config: &Config, findings: &mut Findings) {
    let vault = &config.signing.vault_transit;
    if config.signing.key_store != KeyStore::VaultTransit {
        return;
    }
    if vault.address.is_none() {
        findings.add(
            &["signing.vault_transit.address", "signing.key_store"],
            "is not set, and signing.key_store is vault_transit",
            "The server does not know where Vault is, so it cannot sign",
            "Set it or AUTHPLANE_VAULT_ADDR",
        );
    }
    let approle = vault.approle.role_id.is_some() && vault.approle.secret_id.is_some();
    if vault.token.is_none() && !approle {
        findings.add(
            &["signing.vault_transit.token", "signing.vault_transit.approle.role_id", "signing.vault_transit.approle.secret_id", "signing.key_store"],
            "is not set, and there is no complete AppRole either",
            "Vault would refuse to sign for us",
            "Set AUTHPLANE_VAULT_TOKEN, or AUTHPLANE_VAULT_APPROLE_ROLE_ID and AUTHPLANE_VAULT_APPROLE_SECRET_ID",
        );
    }
}
