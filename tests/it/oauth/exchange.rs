//! Token exchange (RFC 8693, contract 04): who may have a token made of another one, what is
//! in it, and what it rests on.

mod agreeing;
mod audience;
mod bound;
mod cascades;
mod chains;
mod cut_links;
mod explain;
mod gates;
mod in_flight;
mod links;
mod presented;
mod races;

use actors::audit::Origin;
use actors::catalog::{ListChange, PolicyList};
use authserver::administration::client::NewClient;
use authserver::administration::resource;
use entities::consent_grant;
use serde_json::Value;
use uuid::Uuid;

use crate::kit::client::claims;
use crate::kit::stage::{OTHER_RESOURCE, REDIRECT, RESOURCE, Stage};
use crate::kit::{Answer, Server, TokenClient};

/// The grant.
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// The one type of token.
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// A stage with an agent that people sign in to, which may exchange, and a gateway, which acts
/// as the first resource and may exchange as well.
struct Counter {
    stage: Stage,
    agent: TokenClient,
    gateway: TokenClient,
}

/// A confidential client that people sign in to and that may exchange.
fn agent() -> NewClient {
    NewClient {
        name: "An agent".to_owned(),
        redirect_uris: vec![REDIRECT.to_owned()],
        grant_types: ["authorization_code", "refresh_token", EXCHANGE].map(str::to_owned).into(),
        agent: true,
        ..NewClient::default()
    }
}

/// A confidential client that gets tokens for itself and may exchange.
fn gateway() -> NewClient {
    NewClient {
        name: "A gateway".to_owned(),
        grant_types: ["client_credentials", EXCHANGE].map(str::to_owned).into(),
        scope: Some("read write list".to_owned()),
        ..NewClient::default()
    }
}

impl Counter {
    async fn open(server: &Server) -> Counter {
        let stage = Stage::set(server).await;
        let agent = TokenClient::of(&server.client(agent()).await);
        let gateway = TokenClient::of(&server.client(gateway()).await);
        server.runtime_client("mcp", &gateway.id).await;
        Counter { stage, agent, gateway }
    }

    /// The agent's access token of a fresh sign-in, with `read write` at [`RESOURCE`].
    async fn subject(&self, server: &Server) -> String {
        let more = [("resource", RESOURCE), ("scope", "read write")];
        self.stage.tokens_for(server, &self.agent, &more).await.access
    }

    /// The person agrees that the agent reaches [`OTHER_RESOURCE`] with these scopes.
    async fn agree(&self, server: &Server, scopes: &str) {
        let more = [("resource", OTHER_RESOURCE), ("scope", scopes)];
        self.stage.code_for(server, &self.agent, &more).await;
    }

    /// The person has agreed that a client, which need not be one that people sign in to,
    /// reaches a resource.
    async fn agree_with(&self, server: &Server, client: &TokenClient, uri: &str, scopes: &str) {
        let now = server.services.environment.now();
        let grant = consent_grant::Model {
            id: server.services.environment.new_id(),
            user_id: self.stage.person.id,
            client_id: client.id.clone(),
            resource_id: server.services.keepers.catalog.resources().by_uri(uri).unwrap().id,
            scopes: scopes.to_owned(),
            created_at: now,
            updated_at: now,
            revoked_at: None,
        };
        let agreed = server.services.store.write(move |transaction| {
            Box::pin(async move { consent_grant::upsert(transaction, grant).await })
        });
        agreed.await.unwrap();
    }

    /// The person's live consent with the agent about [`OTHER_RESOURCE`].
    async fn grant(&self, server: &Server) -> Uuid {
        self.grant_about(server, OTHER_RESOURCE).await
    }

    /// The person's live consent with the agent about a resource.
    async fn grant_about(&self, server: &Server, uri: &str) -> Uuid {
        let (user, client) = (self.stage.person.id, self.agent.id.clone());
        let store = &server.services.store;
        let live =
            store.read(move |db| async move { consent_grant::live(&db, user, &client).await });
        let resource = server.services.keepers.catalog.resources().by_uri(uri).unwrap().id;
        let live = live.await.unwrap();
        live.into_iter().find(|grant| grant.resource_id == resource).unwrap().id
    }

    /// The operator lets a client exchange into a resource.
    async fn let_in(&self, server: &Server, slug: &str, client: &TokenClient) {
        let (origin, list) = (Origin::local(), PolicyList::ExchangeClients);
        let desk = server.desk(&origin);
        resource::policy::change(&desk, slug, list, &client.id, ListChange::Add).await.unwrap();
    }

    /// The agent exchanges `subject` for a token for [`OTHER_RESOURCE`].
    async fn own(&self, server: &Server, subject: &str) -> Answer {
        exchange(server, &self.agent, subject, &[("resource", OTHER_RESOURCE)]).await
    }

    /// The gateway does.
    async fn cross(&self, server: &Server, subject: &str) -> Answer {
        exchange(server, &self.gateway, subject, &[("resource", OTHER_RESOURCE)]).await
    }
}

/// The form of an exchange with more said.
fn form<'a>(subject: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form = vec![
        ("grant_type", EXCHANGE),
        ("subject_token", subject),
        ("subject_token_type", ACCESS_TOKEN),
    ];
    form.extend_from_slice(more);
    form
}

/// Exchanges `subject` as `client`, with more said.
async fn exchange(
    server: &Server,
    client: &TokenClient,
    subject: &str,
    more: &[(&str, &str)],
) -> Answer {
    client.token(server, &form(subject, more)).await
}

/// The claims of the token in a successful answer.
#[track_caller]
fn given(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.member("issued_token_type"), ACCESS_TOKEN);
    claims(&answer.member("access_token"))
}
