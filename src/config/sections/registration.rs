//! How clients come to be known.

use std::time::Duration;

use crate::config::section::section;
use crate::config::types::{DcrMode, ExactUri, Rate};

section! {
    /// Dynamic client registration.
    Dcr at "dcr." {
        /// Who may register: anybody, anybody with approved redirect URIs, or operators only.
        mode: DcrMode = "open",
        /// Redirect URIs a client may register in the mode `approved_redirects`.
        approved_redirects: Vec<ExactUri> = "",
        /// Lifetime of access tokens for users.
        default_token_expiry: Duration = "15m",
        /// Lifetime of refresh tokens, counted anew at each use.
        default_refresh_expiry: Duration = "168h",
        /// Registrations allowed to one address.
        rate_limit: Rate = "10/min",
        /// Registrations one address may make at once before the rate counts.
        rate_limit_burst: u32 = "20",
        /// A client that registered itself and that nobody uses (no consent, refresh family, token,
        /// code or pending request) is removed this long after it registered; after an hour while more than
        /// 100,000 clients registered themselves. `""` keeps them all.
        unused_client_ttl: Option<Duration> = "30d",
    }
}

section! {
    /// Documents that clients publish and this server fetches: their keys (`jwks_uri`), and client ID
    /// metadata documents.
    Cimd at "cimd." {
        /// Whether an URL may be a `client_id`.
        enabled: bool = "true",
        /// Whether documents are fetched over https only, keys too. Off only with a localhost issuer.
        require_https: bool = "true",
        /// Whether documents may be fetched from private addresses, keys too. On only with a localhost issuer.
        allow_private_addresses: bool = "false",
        /// The longest time a document is kept before it is fetched again.
        cache_ttl: Duration = "1h",
        /// How long fetching one document may take.
        fetch_timeout: Duration = "10s",
    }
}
