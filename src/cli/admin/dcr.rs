//! `authserver admin dcr`

use std::io;

use clap::Subcommand;

use super::super::{CliError, output};
use super::Counter;
use crate::admin::{GetDcrSettings, UpdateDcrSettings};
use crate::administration::settings::{DcrPatch, DcrSettings};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show who may register clients.
    Get,
    /// Say who may register clients, on all servers from now on.
    Set {
        /// open, approved_redirects or admin_only.
        mode: String,
    },
    /// Leave it to dcr.mode of the configuration again.
    Reset,
}

pub(super) async fn run(command: Command, counter: &Counter<'_>) -> Result<(), CliError> {
    match command {
        Command::Get => counter.show(GetDcrSettings {}, fields).await,
        Command::Set { mode } => {
            let body = DcrPatch { mode: Some(mode) };
            counter.show(UpdateDcrSettings { body }, fields).await
        }
        Command::Reset => {
            counter.show(UpdateDcrSettings { body: DcrPatch { mode: None } }, fields).await
        }
    }
}

fn fields(settings: &DcrSettings) -> io::Result<()> {
    let source = if settings.overridden { "set by an operator" } else { "the configuration" };
    output::fields(&[
        ("mode", settings.mode.to_string()),
        ("from", source.to_owned()),
        ("configured", settings.configured_mode.to_string()),
    ])
}
