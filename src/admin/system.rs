//! Operations on the server itself.

use super::openapi;
use super::operation::operations;
use crate::administration::stats::{self, Stats};
use crate::administration::system::{self, EncryptionView, Reencrypted, Status, Verified};

operations! {
    /// Says that the key is good.
    VerifyKey {} -> OK Verified:
        POST "/admin/auth/verify", fails [],
        |_desk| Ok(Verified::now());

    /// How the server is: what is out of order, the database, every keeper with what it did well
    /// and what went wrong in it last, the signing keys, sweeping, and how large the tables are.
    /// Of several servers on one database it is the one that answers; sweeping they do in turns.
    GetStatus {} -> OK Status:
        GET "/admin/system/status" needs read System, fails [],
        |desk| Ok(system::status(desk).await);

    /// Which master key sealed what is encrypted in the database, table by table.
    GetEncryption {} -> OK EncryptionView:
        GET "/admin/system/encryption" needs read System, fails [],
        |desk| system::encryption(desk).await;

    /// Seals up to 100 rows again that the master key before sealed, with the current one. To be
    /// ordered again as long as it says `more`; stopping in between, and two orders at once, do no
    /// harm.
    Reencrypt {} -> OK Reencrypted:
        POST "/admin/system/encryption/reencrypt" needs write System,
        fails [Conflict("nothing is sealed with a master key here")],
        |desk| system::reencrypt(desk).await;

    /// Figures for an overview.
    GetStats {} -> OK Stats:
        GET "/admin/stats" needs read System, fails [],
        |desk| stats::get(desk).await;

    /// The effective configuration; secrets are `***`.
    GetConfig {} -> OK serde_json::Value:
        GET "/admin/system/config" needs read System, fails [],
        |desk| Ok(stats::effective_config(desk));

    /// This description of the admin API.
    GetOpenapi {} -> OK serde_json::Value:
        GET "/admin/openapi.json", fails [],
        |_desk| Ok(openapi::document());
}
