//! Operations on clients.

use protocol::client::ClientStatus;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::Nothing;
use super::operation::operations;
use crate::administration::Kind;
use crate::administration::client::{
    self, ClientList, ClientPatch, ClientQuery, ClientView, ClientWithSecret, NewClient,
    RotatedSecret, StatusChange,
};

/// Which client.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ClientPath {
    /// The client's id.
    pub client_id: String,
}

/// How a client is deleted.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ClientDeletion {
    /// Also when it holds what still works.
    #[serde(default)]
    pub force: bool,
}

const REVOKED: &str = "the client was revoked, which is for good";
const RULES: &str = "a member breaks a rule of client registration";

operations! {
    /// Clients, newest first.
    ListClients { query: ClientQuery } -> OK ClientList:
        GET "/admin/clients" needs read Clients, fails [Invalid("limit or offset")],
        |desk| client::list(desk, query).await;

    /// Registers a client.
    ///
    /// The answer has its secret in the clear: the only time it is shown.
    CreateClient { body: NewClient } -> CREATED ClientWithSecret:
        POST "/admin/clients" needs write Clients, fails [Invalid(RULES)],
        |desk| Ok(ClientWithSecret::from(&client::create(desk, body).await?));

    /// A client.
    GetClient { path: ClientPath } -> OK ClientView:
        GET "/admin/clients/{client_id}" needs read Clients, fails [NotFound(Kind::Client)],
        |desk| client::get(desk, &path.client_id).await;

    /// Changes a client.
    ///
    /// Members that are left out stay as they are. What the client holds stays, and is worth
    /// what it may have now. If it gets a secret by this, the answer shows it, this once.
    UpdateClient { path: ClientPath, body: ClientPatch } -> OK ClientWithSecret:
        PATCH "/admin/clients/{client_id}" needs write Clients,
        fails [NotFound(Kind::Client), Conflict("others change it all the time"), Invalid(RULES)],
        |desk| client::patch(desk, &path.client_id, body).await;

    /// Deletes a client, and revokes what it holds.
    DeleteClient { path: ClientPath, query: ClientDeletion } -> NO_CONTENT Nothing:
        DELETE "/admin/clients/{client_id}" needs write Clients,
        fails [NotFound(Kind::Client), InUse("it holds what still works, and no `force`")],
        |desk| {
            client::delete(desk, &path.client_id, query.force).await?;
            Ok(Nothing {})
        };

    /// Gives a client a new secret; the old one stops working at once.
    RotateClientSecret { path: ClientPath } -> OK RotatedSecret:
        POST "/admin/clients/{client_id}/rotate-secret" needs write Clients,
        fails [NotFound(Kind::Client), Conflict("the client has no secret, or was revoked")],
        |desk| client::rotate_secret(desk, &path.client_id).await;

    /// Switches a client off. What it holds works again when it is reactivated.
    SuspendClient { path: ClientPath } -> OK StatusChange:
        PATCH "/admin/clients/{client_id}/suspend" needs write Clients,
        fails [NotFound(Kind::Client), Conflict(REVOKED)],
        |desk| client::set_status(desk, &path.client_id, ClientStatus::Suspended).await;

    /// Switches a suspended client on again.
    ReactivateClient { path: ClientPath } -> OK StatusChange:
        PATCH "/admin/clients/{client_id}/reactivate" needs write Clients,
        fails [NotFound(Kind::Client), Conflict(REVOKED)],
        |desk| client::set_status(desk, &path.client_id, ClientStatus::Active).await;

    /// Switches a client off for good, and revokes everything it holds.
    RevokeClient { path: ClientPath } -> OK StatusChange:
        PATCH "/admin/clients/{client_id}/revoke" needs write Clients,
        fails [NotFound(Kind::Client)],
        |desk| client::set_status(desk, &path.client_id, ClientStatus::Revoked).await;
}
