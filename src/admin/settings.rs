//! Operations on settings that change while servers run.

use super::operation::operations;
use crate::administration::settings::{self, DcrPatch, DcrSettings};

operations! {
    /// Who may register clients.
    GetDcrSettings {} -> OK DcrSettings:
        GET "/admin/settings/dcr" needs read Settings, fails [],
        |desk| settings::get(desk, &desk.config.dcr).await;

    /// Says who may register clients, on all servers from now on.
    ///
    /// `null` leaves it to `dcr.mode` of the configuration again.
    UpdateDcrSettings { body: DcrPatch } -> OK DcrSettings:
        PATCH "/admin/settings/dcr" needs write Settings,
        fails [Invalid("there is no such mode, or it would let nobody register")],
        |desk| settings::set(desk, &desk.config.dcr, body.mode.as_deref()).await;
}
