//! The public listener.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::config::section::section;
use crate::config::types::{Issuer, Origin};

section! {
    /// The public listener and the name the server goes by.
    Server at "server." {
        /// The name of this server in metadata and tokens, used byte for byte. No header changes it.
        issuer: Issuer = "http://localhost:9000",
        /// Where the public endpoints listen. `:9000` is every IPv4 address of the machine.
        address: SocketAddr = ":9000",
        /// Web origins whose scripts may call the endpoints that have CORS. Empty: any, without
        /// credentials.
        allowed_origins: Vec<Origin> = "",
        /// How long a client may take to send the head of a request, and then its body.
        read_timeout: Duration = "30s",
        /// How long a client may take to receive an answer, once it takes it no faster than we send.
        write_timeout: Duration = "30s",
        /// How long an idle connection stays open.
        idle_timeout: Duration = "120s",
        /// Connections to the public listener at once; more wait to be accepted. One address may have a
        /// quarter of them, a trusted proxy all.
        max_connections: u32 = "4096",
        /// How long a stop may take: requests under way have three quarters of it (those that wait for
        /// a client's keys half), the keepers what is left, and each keeper a quarter of a second in any case.
        shutdown_wait: Duration = "10s",
        /// Networks of proxies whose `Forwarded` and `X-Forwarded-For` are believed for the client's
        /// address, and for nothing else.
        trusted_proxies: Vec<IpNet> = "",
    } with {
        /// TLS in the server itself, for a deployment without a proxy.
        tls: Tls,
    }
}

section! {
    /// TLS in the server itself, on both listeners, but not on an admin listener at a loopback address.
    Tls at "server.tls." {
        /// The certificate chain, PEM, the server's own first. Together with `key`. When the files
        /// change they are used within seconds; a pair that cannot be used leaves the one before.
        cert: Option<PathBuf> = "",
        /// The private key, PEM, not encrypted. Together with `cert`.
        key: Option<PathBuf> = "",
    }
}
