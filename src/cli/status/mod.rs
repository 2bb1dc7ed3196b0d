//! `authserver status`: how the server is that runs, once or again and again.
//!
//! Only the server itself can tell: keepers of our own would always be well. So this asks over the
//! admin API, as `--server` says or at the admin listener of the configuration.

mod screen;
mod watch;

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use actors::runtime::Environment;
use clap::Args;
use zeroize::Zeroizing;

use super::admin::Place;
use super::health::reached_at;
use super::{CliError, output};
use crate::admin::{GetStatus, Remote, Unfinished};
use crate::administration::system::Status;
use crate::config::{Config, parse_duration};
use screen::Looks;

/// How long a server may take to say how it is. It gives its own keepers and database less.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Debug, Args)]
pub(super) struct StatusOf {
    #[command(flatten)]
    place: Place,
    /// Show it again and again until Ctrl-C: every 2s, or as often as said, such as 10s. A server that
    /// is away is waited for.
    #[arg(
        long,
        value_name = "INTERVAL",
        num_args = 0..=1,
        default_missing_value = "2s",
        value_parser = interval
    )]
    watch: Option<Duration>,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text).filter(|it| *it >= Duration::from_millis(100));
    interval.ok_or_else(|| "write a duration with its unit, such as 2s or 1m".to_owned())
}

/// Shows how the server is. The configuration is read only when no server is named.
pub(super) async fn status(
    command: StatusOf,
    config: impl FnOnce() -> Result<Config, CliError>,
    environment: Environment,
    colours: bool,
) -> Result<(), CliError> {
    let StatusOf { place, watch } = command;
    let server = match place.server()? {
        Some(server) => server,
        None => configured(&config()?, place.key())?,
    };
    let terminal = io::stdout().is_terminal() && !place.json();
    let looks = Looks { coloured: colours && terminal, json: place.json() };
    if let Some(every) = watch {
        return watch::watch(&server, every, &environment, looks, terminal).await;
    }
    let status = ask(&server).await.map_err(unanswered)?;
    match looks.json {
        true => output::json(&status)?,
        false => output::text(&screen::of(&status, looks))?,
    }
    match status.troubles.len() {
        0 => Ok(()),
        _ if looks.json => {
            Err(CliError::Unwell(format!("not well: {}", status.troubles.join("; "))))
        }
        _ => Err(CliError::Unwell("not all is well; see above".to_owned())),
    }
}

async fn ask(server: &Remote) -> Result<Status, Unfinished> {
    let late = |_| Unfinished::Unreachable("no answer in time".to_owned());
    tokio::time::timeout(PATIENCE, server.send(GetStatus {})).await.map_err(late)?
}

/// Nobody answers, or not as a server does.
fn unanswered(error: Unfinished) -> CliError {
    match error {
        Unfinished::Unreachable(why) => CliError::Unwell(format!(
            "{}\nIs the server running? Start it with `authserver serve`, or say with --server \
             https://host:port where the admin listener (admin.address) of the one you mean is. What \
             the store holds is shown without a server by `authserver admin stats`.",
            first_line(&why)
        )),
        error => CliError::Office(error),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// The server that runs on this machine with this configuration.
fn configured(config: &Config, key: Option<Zeroizing<String>>) -> Result<Remote, CliError> {
    let elsewhere = |why: &str| {
        CliError::Usage(format!(
            "{why}: say with --server https://host:port (or AUTHPLANE_SERVER) how its admin listener \
             is reached, and set AUTHPLANE_ADMIN_KEY"
        ))
    };
    let admin = &config.admin;
    if !admin.enabled {
        return Err(CliError::Usage(
            "the configuration has no admin listener (admin.enabled is false), and only that tells \
             how a server is; the public /health says a little"
                .to_owned(),
        ));
    }
    let address = reached_at(admin.address);
    if !address.ip().is_loopback() {
        return Err(elsewhere("admin.address is not reached without leaving this machine"));
    }
    if config.server.tls.cert.is_some() && !admin.address.ip().is_loopback() {
        return Err(elsewhere("the admin listener has TLS, and a certificate for a name"));
    }
    let configured = || admin.api_key.as_ref().map(|key| Zeroizing::new(key.expose().to_owned()));
    let key = key.or_else(configured).ok_or_else(|| {
        CliError::Usage(
            "the admin key is not in the configuration (it was printed once, at the first start): \
             set AUTHPLANE_ADMIN_KEY"
                .to_owned(),
        )
    })?;
    Remote::new(&format!("http://{address}"), key).map_err(CliError::Usage)
}
