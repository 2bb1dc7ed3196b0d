//! A small world for one line of the table: whatever is done to it, the others do not notice.

use actors::audit::Origin;
use actors::catalog::{ListChange, PolicyList};
use authserver::administration::client::NewClient;
use authserver::administration::{fronting, resource};
use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

use super::acts::{Act, At, Party};
use crate::kit::stage::{REDIRECT, Stage, Tokens, person};
use crate::kit::{Answer, Pkce, Server, TokenClient};
use crate::oauth::exchange::{ACCESS_TOKEN, agent, exchange, gateway};

/// How somebody comes by a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// The gateway exchanges the agent's token, which the person has agreed to.
    ByConsent,
    /// The same with a token of the planner as that of who acts.
    Delegated,
    /// The gateway exchanges the agent's token by way of a fronting link.
    ByLink,
    /// The gateway exchanges a token of its own, about nobody.
    OfItsOwn,
    /// The gateway gets a token by `client_credentials`.
    Machine,
    /// The agent redeems a code.
    Code,
    /// The agent refreshes.
    Refresh,
}

pub(super) struct Scene {
    /// The person, and how they sign in to the agent.
    pub(super) stage: Stage,
    pub(super) agent: TokenClient,
    gateway: TokenClient,
    planner: TokenClient,
    usage: Use,
    /// URI and slug.
    source: (String, String),
    target: (String, String),
    /// What is exchanged.
    subject: String,
    /// The planner's token, which it sent to the source.
    actor: String,
    /// The first refresh token of the agent's sign-in, and its present one.
    pub(super) first_refresh: String,
    pub(super) refresh: String,
}

fn new_agent(new: NewClient) -> NewClient {
    NewClient { agent: true, ..new }
}

impl Scene {
    /// Sets one on a server; `guard` acts as both resources.
    pub(super) async fn set(
        server: &Server,
        guard: &TokenClient,
        (number, usage, act): (usize, Use, Act),
    ) -> Scene {
        let name = |kind: &str| {
            let slug = format!("{kind}-{number}");
            (format!("https://{slug}.example/mcp"), slug)
        };
        let (source, target) = (name("mcp"), name("files"));
        server.resource(&source.1, &source.0, &["read*", "write"]).await;
        server.resource(&target.1, &target.0, &["list*", "read"]).await;
        let client = async |new| TokenClient::of(&server.client(new).await);
        let agent = client(agent()).await;
        let (gateway, planner) =
            (client(new_agent(gateway())).await, client(new_agent(gateway())).await);
        let person = person(server, &format!("ada-{number}@example.com")).await;
        let (app, guard, pkce) = (agent.clone(), guard.clone(), Pkce::new("flight"));
        let stage = Stage { person, app, guard, pkce };
        let mut scene = Scene {
            stage,
            agent,
            gateway,
            planner,
            usage,
            source,
            target,
            subject: String::new(),
            actor: String::new(),
            first_refresh: String::new(),
            refresh: String::new(),
        };
        scene.open(server, act).await;
        scene
    }

    async fn open(&mut self, server: &Server, act: Act) {
        let (source, target) = (self.source.clone(), self.target.clone());
        let sign_in = [("resource", source.0.as_str()), ("scope", "read write")];
        let first = self.stage.tokens_for(server, &self.agent, &sign_in).await;
        self.first_refresh = first.refresh.clone();
        let mut last = first;
        if act == Act::Reuse {
            for _ in 0..2 {
                last = Tokens::of(&self.agent.refresh(server, &last.refresh).await);
            }
        }
        (self.subject, self.refresh) = (last.access, last.refresh);
        let machine = [("grant_type", "client_credentials"), ("resource", &*source.0)];
        let own = async |client: &TokenClient| {
            client.token(server, &machine).await.member("access_token")
        };
        self.actor = own(&self.planner).await;
        if self.usage == Use::OfItsOwn {
            self.subject = own(&self.gateway).await;
        }
        if self.usage == Use::ByLink {
            let map = json!({ "read": ["list"], "write": ["read"] });
            let new = json!({ "source": source.1, "target": target.1, "scope_map": map });
            let new = serde_json::from_value(new).unwrap();
            fronting::create(&server.desk(&Origin::local()), new, false).await.unwrap();
        } else {
            let agreed = [("resource", target.0.as_str()), ("scope", "read")];
            self.stage.code_for(server, &self.agent, &agreed).await;
            let (origin, list) = (Origin::local(), PolicyList::ExchangeClients);
            let (desk, id) = (server.desk(&origin), &self.gateway.id);
            resource::policy::change(&desk, &target.1, list, id, ListChange::Add).await.unwrap();
        }
        for (slug, client) in [
            (&source.1, &self.gateway),
            (&source.1, &self.stage.guard),
            (&target.1, &self.stage.guard),
        ] {
            server.runtime_client(slug, &client.id).await;
        }
    }

    pub(super) fn uri(&self, at: At) -> &str {
        match at {
            At::Source => &self.source.0,
            At::Target => &self.target.0,
        }
    }

    pub(super) fn slug(&self, at: At) -> &str {
        match at {
            At::Source => &self.source.1,
            At::Target => &self.target.1,
        }
    }

    pub(super) fn slugs(&self) -> (String, String) {
        (self.source.1.clone(), self.target.1.clone())
    }

    pub(super) fn client(&self, party: Party) -> &TokenClient {
        match party {
            Party::Agent => &self.agent,
            Party::Gateway => &self.gateway,
            Party::Planner => &self.planner,
        }
    }

    /// The token that an exchange goes by: what is exchanged, or that of who acts.
    pub(super) fn token_of(&self, party: Party) -> &str {
        match party {
            Party::Agent | Party::Gateway => &self.subject,
            Party::Planner => &self.actor,
        }
    }

    /// The id of the person's consent with the agent about a resource.
    pub(super) async fn grant_about(&self, server: &Server, uri: &str) -> Uuid {
        let id = server.services.keepers.catalog.resources().by_uri(uri).unwrap().id;
        let live = self.stage.consent_grants(server).await;
        live.into_iter().find(|grant| grant.resource_id == id).unwrap().id
    }

    pub(super) async fn give_back(&self, server: &Server, party: Party, token: &str) {
        let answer = self.client(party).post(server, "/oauth/revoke", &[("token", token)]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Who gets the tokens.
    pub(super) fn holder(&self) -> &TokenClient {
        match self.usage {
            Use::Code | Use::Refresh => &self.agent,
            _ => &self.gateway,
        }
    }

    /// So many codes, if those are what is used.
    pub(super) async fn codes(&self, server: &Server, count: usize) -> Vec<String> {
        let more = [("resource", self.source.0.as_str()), ("scope", "read write")];
        let count = if self.usage == Use::Code { count } else { 0 };
        join_all((0..count).map(|_| self.stage.code_for(server, &self.agent, &more))).await
    }

    /// Somebody asks for a token.
    pub(super) async fn take(&self, server: &Server, code: Option<&String>) -> Answer {
        let to = ("resource", self.target.0.as_str());
        let by = (&self.gateway, self.subject.as_str());
        match self.usage {
            Use::ByConsent | Use::OfItsOwn => exchange(server, by.0, by.1, &[to]).await,
            // By name, or what a narrower link still gives would do.
            Use::ByLink => exchange(server, by.0, by.1, &[to, ("scope", "list read")]).await,
            Use::Delegated => {
                let more = [to, ("actor_token", &*self.actor), ("actor_token_type", ACCESS_TOKEN)];
                exchange(server, by.0, by.1, &more).await
            }
            Use::Machine => by.0.token(server, &[("grant_type", "client_credentials"), to]).await,
            Use::Code => {
                let code = code.map_or("apac_none", String::as_str);
                self.agent.redeem(server, code, REDIRECT, &self.stage.pkce).await
            }
            Use::Refresh => self.agent.refresh(server, &self.refresh).await,
        }
    }
}
