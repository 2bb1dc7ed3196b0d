//! Browser sessions, limits and the admin listener.

use std::net::SocketAddr;
use std::time::Duration;

use crate::config::section::section;
use crate::config::types::{SameSite, Secret};

section! {
    /// The browser session of a signed-in user.
    Session at "session." {
        /// The name of the session cookie.
        cookie_name: String = "authserver_session",
        /// How long a sign-in lasts.
        max_age: Duration = "24h",
        /// Whether the cookie is sent over https only. Unset: yes when the issuer is https.
        secure: Option<bool> = "",
        /// Whether the session cookie is sent on requests that come from other sites: `lax` when a
        /// link or redirect leads here, `none` always. `strict` is refused: people come from the
        /// client's site, and would arrive without it.
        same_site: SameSite = "lax",
        /// Keys the session cookies. At least 32 bytes. Required unless the issuer is localhost,
        /// where it is derived from the root secret in `signing.key_path`.
        secret: Option<Secret> = "",
        /// Whether a session that cannot be checked, because the store is down, is an error. Off: it
        /// counts as signed out.
        fail_closed: bool = "true",
    }
}

section! {
    /// Limits on requests and on failed sign-ins.
    RateLimit at "rate_limit." {
        /// Whether requests are limited, here and on the admin listener. Sign-in and registration have
        /// limits of their own, which stay.
        enabled: bool = "true",
        /// Requests one address may make a second, to each server process. An IPv6 address counts
        /// with its /64.
        requests_per_second: u32 = "100",
        /// Requests one address may make at once before the rate counts.
        burst: u32 = "200",
        /// Failed sign-ins within the window before an identity is locked out; 0 is never.
        auth_fail_max: u32 = "10",
        /// The window in which failed sign-ins count.
        auth_fail_window: Duration = "10m",
        /// How long a lockout lasts.
        auth_lockout: Duration = "15m",
        /// How many identities are remembered at most. The memory is taken at the start, 8 bytes each.
        max_tracked_identities: u32 = "250000",
    }
}

section! {
    /// The admin listener.
    Admin at "admin." {
        /// Whether there is one.
        enabled: bool = "true",
        /// Where it listens.
        address: SocketAddr = ":9001",
        /// The key an operator presents, good for everything. At least 16 bytes. With fewer than 32,
        /// or with a few different characters only, each start logs a warning: wrong keys are slowed
        /// down, but a right one is let in at any time, so it has to be one that nobody guesses.
        /// Required unless the issuer is localhost, where one is generated and printed once.
        api_key: Option<Secret> = "",
        /// Requests one address may make a second. Unset: no limit.
        requests_per_second: Option<u32> = "",
        /// Requests one address may make at once before the rate counts. Unset: twice the rate.
        burst: Option<u32> = "",
        /// Names of the admin listener beside addresses and localhost, without port. A request to any
        /// other name is refused: a web page could have made its own name point here.
        allowed_hosts: Vec<String> = "",
        /// How far back an audit query reaches that does not say.
        audit_default_lookback: Duration = "24h",
        /// How far back an audit query may reach.
        audit_max_lookback: Duration = "720h",
    }
}
