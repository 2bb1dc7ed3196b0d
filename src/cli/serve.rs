//! `authserver serve` and `authserver migrate`.

use actors::runtime::Environment;
use protocol::registration::RegistrationMode;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

use super::{CliError, output};
use crate::app::{Application, telemetry};
use crate::config::Config;

/// Runs the server until SIGTERM or SIGINT; a second one stops it at once.
pub(super) async fn serve(
    config: Config,
    environment: Environment,
    io: Handle,
) -> Result<(), CliError> {
    telemetry::start_logging(&config.observability.logging);
    // Metrics are counted from the first request on, whether or not anybody looks.
    let _recorder = telemetry::metrics();
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let stop = stop_signal()?;
    let application = Application::build(config, environment, io).await?;
    if application.services().registration_mode() == RegistrationMode::Open {
        tracing::warn!(
            "dcr.mode is open: anybody who can reach this server can register a client. \
             Set dcr.mode to approved_redirects or admin_only to narrow it."
        );
    }
    greet(&application)?;
    let (asked, was_asked) = tokio::sync::oneshot::channel::<()>();
    let stop = async move {
        stop.await;
        drop(asked);
    };
    let impatient = async move {
        drop(was_asked.await);
        // Who listens from here on hears the second signal, not the first.
        match stop_signal() {
            Ok(second) => second.await,
            Err(_) => std::future::pending().await,
        }
    };
    let stopped = tokio::select! {
        stopped = application.run_until(stop) => stopped,
        () = impatient => {
            return Err(CliError::Stopped(
                "stopped at once by a second signal; requests under way were cut off".to_owned(),
            ));
        }
    };
    if stopped.unfinished.is_empty() {
        return Ok(());
    }
    Err(CliError::Stopped(format!(
        "stopped, but these keepers had work left: {}. Raise server.shutdown_wait if this happens often.",
        stopped.unfinished.join(", ")
    )))
}

/// Resolves when the process is asked to stop.
fn stop_signal() -> Result<impl Future<Output = ()>, CliError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Says where the server is and what to do next.
fn greet(application: &Application) -> std::io::Result<()> {
    let services = application.services();
    output::line(&format!("AuthPlane {} is ready.\n", env!("CARGO_PKG_VERSION")))?;
    let mut facts = vec![
        ("issuer", services.issuer().to_owned()),
        ("public", application.public_address.to_string()),
    ];
    if let Some(admin) = application.admin_address {
        facts.push(("admin", admin.to_string()));
    }
    if let Some(key) = &application.new_admin_key {
        facts.push(("admin key", format!("{}   (shown this once; keep it)", key.expose())));
    }
    output::fields(&facts)?;
    if application.new_admin_key.is_some() {
        output::line(NEXT_STEPS)?;
    }
    Ok(())
}

/// What a newcomer types next.
const NEXT_STEPS: &str = "
Next:
  authserver admin resource create --slug demo --uri http://localhost:8080/mcp --scopes 'tools:read||Use the tools'
  authserver admin user create --email you@example.com
  authserver admin client create --name first --grant-types client_credentials --scope tools:read
";

/// Brings the schema up to date.
pub(super) async fn migrate(config: Config, io: Handle) -> Result<(), CliError> {
    let store = crate::app::open_migrated(&config, io).await?;
    store.close().await;
    output::line("The database schema is up to date.")?;
    Ok(())
}
