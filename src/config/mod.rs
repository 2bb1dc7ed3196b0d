//! The configuration: one YAML file, every leaf overridable by an `AUTHPLANE_*` variable.
//!
//! The way in: [`locate`] finds the file, [`Config::load`] reads it, puts the environment over it,
//! turns every value into its type and checks what belongs together. Nothing is guessed: an unknown
//! key, an unknown variable, a value of the wrong form and a setting for something that is not built
//! yet are all refused, and all of them are reported at once.
//!
//! The `section!` declarations in `sections/` are the single source. The structs, the environment
//! names, the detection of unknown keys and the reference in `docs/configuration.md` derive from
//! them. A new setting is one declaration there, and a rule in `validate/` if it needs one.
//!
//! Deliberately absent: the process environment, the clock and the network. The environment comes in
//! as a map, so that a test never touches the real one.

mod availability;
mod environment;
mod interpolate;
mod problem;
mod reader;
mod reference;
mod section;
mod sections;
mod seeds;
mod source;
mod suggest;
mod types;
mod validate;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::problem::{ConfigError, ConfigErrors, Place};
pub use self::reference::reference_markdown;
pub use self::sections::{
    Admin, AesMaster, Agents, Approle, Cimd, ClientCredentials, Connect, DataEncryption, Dcr, Dpop,
    EncryptionApprole, Logging, LoggingOutputs, Metrics, Oauth, Observability, Oidc, Postgres,
    RateLimit, Retention, Server, Session, Signing, Sqlite, Storage, Tls, TokenExchange, Tracing,
    UnusableMaster, VaultTransit, VaultTransitEncrypt, Xaa,
};
pub use self::seeds::{
    BackendKind, BrokerProviderSeed, ConnectPolicy, ExchangePolicy, ProviderData, ResourceSeed,
    RuntimePolicy, ScopeSeed, SeedPolicy,
};
pub(crate) use self::types::parse_duration;
pub use self::types::{
    BasicAuth, DataEncryptionDriver, DcrMode, ExactUri, InvalidValue, Issuer, KeyStore, LogFormat,
    LogLevel, MetricsProvider, NamedSecret, Origin, Rate, SameSite, ScopeName, Secret,
    SigningAlgorithm, StorageDriver, SubjectMode, VaultAuthMethod,
};

use self::availability::Row;
use self::reader::Reader;
use self::section::{Section, Setting, section};

section! {
    /// The effective configuration: file, variables and defaults together, checked.
    Config at "" {
        /// Keys the hash under which client secrets are stored. At least 32 bytes. Changing it makes
        /// every client secret issued so far useless. Without it a key is generated and kept beside
        /// the signing keys.
        client_secret_pepper: Option<Secret> = "",
        /// Resources created at boot when no row has the slug; a row that exists is never
        /// overwritten. A list of entries, in a variable as JSON; see below.
        resources: Vec<ResourceSeed> = "",
        /// Upstream providers created at boot when no row has the slug; a row that exists is never
        /// overwritten. A list of entries `{slug, display_name, protocol, config_data}`, in a
        /// variable as JSON.
        broker_providers: Vec<BrokerProviderSeed> = "",
    } with {
        /// The public listener and the name the server goes by.
        server: Server,
        /// Where state is kept.
        storage: Storage,
        /// How long rows are kept that only people look at.
        retention: Retention,
        /// The keys that sign tokens.
        signing: Signing,
        /// Dynamic client registration (RFC 7591) and the lifetimes of what users' clients get.
        dcr: Dcr,
        /// Documents that clients publish and this server fetches: their keys (`jwks_uri`) and, later, metadata documents.
        cimd: Cimd,
        /// The browser session of a signed-in user.
        session: Session,
        /// Limits on requests and on failed sign-ins.
        rate_limit: RateLimit,
        /// The admin listener.
        admin: Admin,
        /// The authorization code flow.
        oauth: Oauth,
        /// Sign-in with an upstream OpenID Connect provider.
        oidc: Oidc,
        /// Tokens for machines (RFC 6749 §4.4).
        client_credentials: ClientCredentials,
        /// Tokens bound to a key of the client (RFC 9449).
        dpop: Dpop,
        /// Token exchange (RFC 8693).
        token_exchange: TokenExchange,
        /// Identity assertions from trusted identity providers (RFC 7523, ID-JAG).
        xaa: Xaa,
        /// Agents.
        agents: Agents,
        /// Connecting a user's account at an upstream provider.
        connect: Connect,
        /// Encryption at rest, of what the server has to read again: signing keys and the root secret
        /// when they are kept in the database.
        data_encryption: DataEncryption,
        /// Logs, metrics and traces.
        observability: Observability,
    }
}

impl Config {
    /// The longest life of any access token: that long a key stays published that signs no more.
    #[must_use]
    pub fn longest_access_token(&self) -> Duration {
        let grants = [self.client_credentials.token_expiry, self.token_exchange.token_expiry];
        grants.into_iter().fold(self.dcr.default_token_expiry, Duration::max)
    }

    /// Reads `file` (none: defaults only), lays the `AUTHPLANE_*` variables of `env` over it and
    /// checks the whole.
    ///
    /// A variable set to the empty string counts as not set.
    ///
    /// # Errors
    ///
    /// Every problem found, each with the key, what it means and what to do. Secrets never appear
    /// in them.
    pub fn load(file: Option<&Path>, env: &BTreeMap<String, String>) -> Result<Self, ConfigErrors> {
        let document = file.map(source::read).transpose()?;
        Self::assemble(document.as_ref(), env, availability::ROWS)
    }

    /// The configuration as JSON for an operator's eyes: every secret is `***`, or null when unset.
    #[must_use]
    pub fn effective_masked(&self) -> serde_json::Value {
        self.show()
    }

    /// What the server starts with and an operator should mend all the same. Each says what is
    /// wrong, what it means and what to do; secrets never appear in them.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let findings = validate::advise(self).into_iter();
        findings.map(|finding| ConfigError::from(finding).to_string()).collect()
    }

    /// Whether the session cookie is marked `Secure`: as configured, else whenever the issuer is
    /// https.
    #[must_use]
    pub fn session_cookie_secure(&self) -> bool {
        self.session.secure.unwrap_or_else(|| self.server.issuer.is_https())
    }

    /// The one table of settings, in declaration order.
    pub(crate) fn table() -> Vec<Setting> {
        let mut settings = Vec::new();
        Self::settings(&mut settings);
        settings
    }

    fn assemble(
        document: Option<&source::Document>,
        env: &BTreeMap<String, String>,
        rows: &'static [Row],
    ) -> Result<Self, ConfigErrors> {
        let table = Self::table();
        let mut gathered = source::Gathered::default();
        if let Some(document) = document {
            gathered.take_file(document, &table, env);
        }
        gathered.take_environment(&table, env);

        let asked_for_idle_conns = gathered.given.contains_key("storage.min_conns");
        let mut reader = Reader::new(gathered.given, gathered.errors, rows);
        let config = Self::read(&mut reader);
        let mut errors = reader.into_errors();
        let Some(mut config) = config else { return Err(ConfigErrors::new(errors)) };
        if !asked_for_idle_conns {
            // Who lowers only the maximum has not contradicted themselves.
            config.storage.min_conns = config.storage.min_conns.min(config.storage.max_conns);
        }
        config.data_encryption.aes_master.look_up(env);

        // A key that already failed holds its default here: what is said about it would mislead.
        let failed: BTreeSet<String> = errors.iter().filter_map(ConfigError::setting).collect();
        let findings = validate::check(&config).into_iter();
        errors.extend(findings.filter(|found| !found.concerns_any(&failed)).map(ConfigError::from));
        if errors.is_empty() { Ok(config) } else { Err(ConfigErrors::new(errors)) }
    }
}

/// Which file to read: `--config`, else `AUTHPLANE_CONFIG`, else `config.yaml` in
/// `working_directory` if there is one, else none.
///
/// A file that was named is returned whether or not it exists, so that [`Config::load`] refuses when
/// it is missing instead of starting with defaults nobody asked for.
#[must_use]
pub fn locate(
    flag: Option<&Path>,
    env: &BTreeMap<String, String>,
    working_directory: &Path,
) -> Option<PathBuf> {
    if let Some(path) = flag {
        return Some(path.to_owned());
    }
    if let Some(path) = env.get(environment::CONFIG_FILE).filter(|path| !path.is_empty()) {
        return Some(PathBuf::from(path));
    }
    let beside = working_directory.join("config.yaml");
    beside.is_file().then_some(beside)
}
