//! Refusals in the audit log.

use actors::denials::Denial;
use actors::ledger::Record;

use crate::app::Services;

/// Writes a refusal down, if it is news. The answer does not wait for it: the time it
/// takes must not tell whether it was written, and with that which clients and people
/// there are.
pub(crate) fn write_down(services: &Services, denial: Denial) {
    let Some(event) = services.keepers.denials.news(denial) else { return };
    let ledger = services.keepers.ledger.clone();
    actix_web::rt::spawn(async move {
        let lost = match ledger.ask(Record { event }).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(error = lost, "a refusal was not written to the audit log");
    });
}
