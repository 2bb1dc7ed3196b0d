//! Who may register clients, where an operator overrides the configuration.

use entities::{Store, audit_event, setting};

use super::messages::{CatalogError, SetRegistrationMode};
use super::work::change;
use crate::audit::Event;
use crate::runtime::Environment;

pub(super) async fn set_registration_mode(
    store: Store,
    environment: Environment,
    order: SetRegistrationMode,
) -> Result<(), CatalogError> {
    change(&store, environment.now(), move |transaction, now| {
        Box::pin(async move {
            let SetRegistrationMode { mode, configured, admin, origin } = order;
            let held = setting::dcr_mode(transaction).await?;
            if held == mode {
                return Ok(Ok(()));
            }
            setting::set_dcr_mode(transaction, mode, now).await?;
            let event = Event::new("dcr.mode_updated", &origin)
                .by(&admin)
                .with("from", held.unwrap_or(configured))
                .with("to", mode.unwrap_or(configured))
                .with("by", if mode.is_some() { "setting" } else { "configuration" });
            audit_event::append(transaction, vec![event.stamped(&environment)]).await?;
            Ok(Ok(()))
        })
    })
    .await
}
