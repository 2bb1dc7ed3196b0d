//! Who may register clients on this server: what the configuration says, unless an
//! operator said otherwise while it runs.

use std::sync::Arc;

use protocol::registration::{ModeName, RedirectPattern, RegistrationMode};

use crate::config::{Dcr, DcrMode};

/// What the configuration says about registration.
#[derive(Debug)]
pub struct ConfiguredRegistration {
    mode: ModeName,
    approved: Arc<[RedirectPattern]>,
}

impl ConfiguredRegistration {
    /// As configured in `dcr`.
    #[must_use]
    pub fn new(dcr: &Dcr) -> ConfiguredRegistration {
        let patterns = dcr.approved_redirects.iter();
        ConfiguredRegistration {
            mode: configured_mode(dcr),
            approved: patterns.filter_map(|it| RedirectPattern::parse(it.as_str()).ok()).collect(),
        }
    }

    /// The mode in force, where an operator ordered `ordered`.
    #[must_use]
    pub fn in_force(&self, ordered: Option<ModeName>) -> RegistrationMode {
        RegistrationMode::named(ordered.unwrap_or(self.mode), &self.approved)
    }
}

/// `dcr.mode`.
pub(crate) fn configured_mode(dcr: &Dcr) -> ModeName {
    match dcr.mode {
        DcrMode::Open => ModeName::Open,
        DcrMode::ApprovedRedirects => ModeName::ApprovedRedirects,
        DcrMode::AdminOnly => ModeName::AdminOnly,
    }
}
