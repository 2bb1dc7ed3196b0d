//! The acts of contract 02, "What revocation reaches", done to the world of a [`Scene`].

use actors::audit::Origin;
use actors::users::AccountAct;
use authserver::administration::{agent, client, fronting, issuance, resource, token, user};
use protocol::client::ClientStatus;
use serde_json::json;

use super::scene::Scene;
use crate::kit::Server;
use crate::kit::stage::revoke_grant;

/// Who is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Party {
    /// The agent that the person signed in to.
    Agent,
    /// The gateway, which asks for tokens.
    Gateway,
    /// The planner, whose token the gateway shows as that of who acts.
    Planner,
}

/// Which of the two resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// The one that the subject token is for.
    Source,
    /// The one that is exchanged for.
    Target,
}

/// What is done to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientAct {
    Suspend,
    Revoke,
    Delete,
    Kill,
}

/// What is done to the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UserAct {
    Disable,
    LogOut,
    RevokeTokens,
    Delete,
}

/// What happens while something is in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// The person's consent with the agent about a resource is revoked.
    Consent(At),
    /// An operator deals with a client.
    Client(Party, ClientAct),
    /// An operator deals with the person.
    User(UserAct),
    /// A refresh token that was used long ago comes again.
    Reuse,
    /// The agent gives its refresh token back.
    GiveBack,
    /// An operator revokes the token that the exchange goes by, the agent's or the planner's.
    ByOperator(Party),
    /// Whose token it is gives it back.
    ByHolder(Party),
    /// A resource is deleted.
    Delete(At),
    /// The fronting link is deleted.
    CutLink,
    /// The fronting link gives less.
    NarrowLink,
}

impl Act {
    /// It is acknowledged when this returns.
    pub(super) async fn happens(self, server: &Server, scene: &Scene) {
        let origin = Origin::local();
        let desk = server.desk(&origin);
        let person = scene.stage.person.id.to_string();
        match self {
            Act::Consent(at) => {
                let grant = scene.grant_about(server, scene.uri(at)).await;
                revoke_grant(server, grant).await;
            }
            Act::Client(party, act) => {
                let id = &scene.client(party).id;
                let set = |status| client::set_status(&desk, id, status);
                match act {
                    ClientAct::Suspend => drop(set(ClientStatus::Suspended).await.unwrap()),
                    ClientAct::Revoke => drop(set(ClientStatus::Revoked).await.unwrap()),
                    ClientAct::Delete => drop(client::delete(&desk, id, true).await.unwrap()),
                    ClientAct::Kill => drop(agent::kill(&desk, id, false).await.unwrap()),
                }
            }
            Act::User(UserAct::RevokeTokens) => {
                token::revoke_of_user(&desk, &person).await.unwrap();
            }
            Act::User(UserAct::Delete) => {
                user::delete(&desk, &person).await.unwrap();
            }
            Act::User(UserAct::Disable) => {
                user::act(&desk, &person, AccountAct::Disable).await.unwrap();
            }
            Act::User(UserAct::LogOut) => {
                user::act(&desk, &person, AccountAct::ForceLogout).await.unwrap();
            }
            Act::Reuse => {
                let again = scene.agent.refresh(server, &scene.first_refresh).await;
                again.refused(400, "invalid_grant");
            }
            Act::GiveBack => scene.give_back(server, Party::Agent, &scene.refresh).await,
            Act::ByOperator(party) => {
                let jti = server.issuance_of(scene.token_of(party)).await.jti;
                issuance::revoke(&desk, jti).await.unwrap();
            }
            Act::ByHolder(party) => {
                scene.give_back(server, party, scene.token_of(party)).await;
            }
            Act::Delete(at) => {
                resource::delete(&desk, scene.slug(at), true).await.unwrap();
            }
            Act::CutLink => {
                drop(fronting::delete(&desk, scene.slugs(), false).await.unwrap());
            }
            Act::NarrowLink => {
                let less = json!({ "scope_map": { "read": ["list"] } });
                let less = serde_json::from_value(less).unwrap();
                drop(fronting::patch(&desk, scene.slugs(), less, false).await.unwrap());
            }
        }
    }
}
