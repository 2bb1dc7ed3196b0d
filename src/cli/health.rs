//! `authserver health`: what the health check of a container runs, where there is no shell and no curl.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use reqwest::Client;
use reqwest::redirect::Policy;
use serde::Deserialize;

use super::{CliError, output};
use crate::config::Config;

/// Below what health checks are given by default, so that it is we who say what is wrong.
const PATIENCE: Duration = Duration::from_secs(4);

#[derive(Debug, Args)]
pub(super) struct Health {
    /// Ask only whether the process answers (/livez). Without it: whether requests may be sent to it
    /// (/ready), which they may not while the database is away.
    #[arg(long)]
    live: bool,
}

/// What `/livez` and `/ready` have in common.
#[derive(Debug, Deserialize)]
struct Said {
    status: String,
}

/// Asks the server that runs on this machine with this configuration.
pub(super) async fn health(health: Health, config: Config) -> Result<(), CliError> {
    let path = if health.live { "/livez" } else { "/ready" };
    let scheme = if config.server.tls.cert.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}{path}", reached_at(config.server.address));
    let client = Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .timeout(PATIENCE)
        // Its certificate is for the name others call it by. We ask at an address of our own
        // machine, give nothing away, and believe nothing but "well" or "unwell".
        .tls_danger_accept_invalid_certs(true)
        .build()
        .map_err(|error| unwell(&url, &reasons(&error)))?;
    let answer = client.get(&url).send().await.map_err(|error| unwell(&url, &reasons(&error)))?;
    let code = answer.status();
    let said = answer.json::<Said>().await.map(|said| said.status);
    let said = said.unwrap_or_else(|_| "something else than a status".to_owned());
    if !code.is_success() {
        return Err(unwell(&url, &format!("the answer is {}, {said}", code.as_u16())));
    }
    Ok(output::line(&said)?)
}

/// Where a server that listens here is reached from here.
pub(super) fn reached_at(listens: SocketAddr) -> SocketAddr {
    let address = match listens.ip() {
        IpAddr::V4(any) if any.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(any) if any.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        one => one,
    };
    SocketAddr::new(address, listens.port())
}

fn unwell(url: &str, why: &str) -> CliError {
    CliError::Unwell(format!(
        "{url}: {why}\nThis is server.address of the configuration. GET /health and the log of the \
         server say more."
    ))
}

fn reasons(error: &reqwest::Error) -> String {
    let mut reasons = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        reasons = format!("{reasons}: {deeper}");
        cause = deeper.source();
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_everywhere_is_asked_on_loopback_and_who_does_not_where_they_listen() {
        for (listens, asked) in [
            ("0.0.0.0:9000", "127.0.0.1:9000"),
            ("[::]:443", "[::1]:443"),
            ("127.0.0.2:9000", "127.0.0.2:9000"),
            ("10.1.2.3:80", "10.1.2.3:80"),
        ] {
            assert_eq!(reached_at(listens.parse().unwrap()).to_string(), asked);
        }
    }
}
