//! A small world on a real server: people, clients, resources, and how they are reached.

use std::collections::BTreeMap;

use actors::consent::{Decided, Decision};
use authserver::administration::client::NewClient;
use authserver::administration::resource::NewResource;
use protocol::resource::ScopeEntry;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::model::{Client, Model, Person, Resource, Rules, Status};
use super::scopes::{Dice, Scopes};
use crate::kit::server::ADMIN_KEY;
use crate::kit::stage::{REDIRECT, Stage, machine, person};
use crate::kit::{Answer, Pkce, Server, TokenClient};

/// The grant of an exchange.
pub(super) const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

const PEOPLE: [&str; 3] = ["Ada", "Bob", "Cleo"];
/// Name, whether it is an agent, whether it refreshes, whether it has a secret.
const CLIENTS: [(&str, bool, bool, bool); 5] = [
    ("planner", true, true, true),
    ("courier", true, false, true),
    ("gateway", false, true, true),
    ("robot", false, false, true),
    ("app", false, true, false),
];
const RESOURCES: [&str; 4] = ["files", "mail", "notes", "bank"];

/// Who is who, and how to talk to the server for them. The numbers are those of the model.
#[derive(Clone)]
pub(super) struct World {
    pub(super) clients: Vec<TokenClient>,
    /// A runtime client of every resource, which takes part in nothing else.
    pub(super) guard: TokenClient,
    stages: Vec<std::sync::Arc<Stage>>,
    http: reqwest::Client,
}

impl World {
    /// A world of its own on this server; the same seed draws the same one.
    pub(super) async fn set(server: &Server, seed: u64, rules: Rules) -> (World, Model) {
        let tag = server.services.environment.new_id().simple().to_string()[20..].to_owned();
        let mut dice = Dice::new(seed ^ 0xD1CE);
        let guard = TokenClient::of(&server.client(machine("read")).await);
        let (mut clients, mut known) = (Vec::new(), Vec::new());
        for (name, agent, refreshes, confidential) in CLIENTS {
            let ceiling = (confidential || dice.percent(50)).then(|| dice.most_scopes());
            let new = new_client(name, agent, refreshes, confidential, ceiling);
            let client = TokenClient::of(&server.client(new).await);
            let (id, status) = (client.id.clone(), Status::Active);
            known.push(Client { name, id, status, ceiling, agent, confidential });
            clients.push(client);
        }
        let mut resources = Vec::new();
        for name in RESOURCES {
            resources.push(resource(server, name, &tag, &mut dice).await);
        }
        let (mut people, mut stages) = (Vec::new(), Vec::new());
        for name in PEOPLE {
            let account = person(server, &format!("{name}-{tag}@example.com")).await;
            people.push(Person { name, id: account.id, enabled: true, there: true });
            let (app, guard, pkce) = (clients[0].clone(), guard.clone(), Pkce::new("laws"));
            stages.push(std::sync::Arc::new(Stage { person: account, app, guard, pkce }));
        }
        for resource in &resources {
            server.runtime_client(&resource.slug, &guard.id).await;
        }
        let world = World { clients, guard, stages, http: reqwest::Client::new() };
        let model = Model {
            rules,
            now: server.services.environment.now().timestamp(),
            people,
            clients: known,
            resources,
            consents: BTreeMap::new(),
            links: Vec::new(),
            codes: Vec::new(),
            families: Vec::new(),
            tokens: Vec::new(),
        };
        (world, model)
    }

    /// A person signs in at a client, which asks for `asked`, and approves `approved`; the code.
    pub(super) async fn agree(
        &self,
        server: &Server,
        (who, client): (usize, usize),
        resources: &[&str],
        asked: Scopes,
        approved: Scopes,
    ) -> String {
        let scope = asked.to_string();
        let mut more = vec![("scope", scope.as_str())];
        more.extend(resources.iter().map(|uri| ("resource", *uri)));
        let stage = &self.stages[who];
        let mut decide = stage.decision_for(server, &self.clients[client], &more).await;
        decide.decision =
            Decision::Approve(approved.words().into_iter().map(str::to_owned).collect());
        match server.services.keepers.consent.ask(decide).await.unwrap().unwrap() {
            Decided::Approved(code) => code.expose().to_owned(),
            other => panic!("not approved: {other:?}"),
        }
    }

    pub(super) async fn redeem(&self, server: &Server, client: usize, code: &str) -> Answer {
        self.clients[client].redeem(server, code, REDIRECT, &self.stages[0].pkce).await
    }

    /// `POST /oauth/token` with an exchange.
    pub(super) async fn exchange(
        &self,
        server: &Server,
        client: usize,
        (subject, actor): (&str, Option<&str>),
        target: Option<&str>,
        asked: Option<Scopes>,
    ) -> Answer {
        let scope = asked.map(|scopes| scopes.to_string());
        let mut form = vec![
            ("grant_type", EXCHANGE),
            ("subject_token", subject),
            ("subject_token_type", ACCESS_TOKEN),
        ];
        form.extend(target.map(|uri| ("resource", uri)));
        form.extend(scope.as_deref().map(|scope| ("scope", scope)));
        if let Some(actor) = actor {
            form.extend([("actor_token", actor), ("actor_token_type", ACCESS_TOKEN)]);
        }
        self.clients[client].token(server, &form).await
    }

    /// `POST /oauth/token` with `client_credentials`.
    pub(super) async fn own(
        &self,
        server: &Server,
        client: usize,
        target: Option<&str>,
        asked: Option<Scopes>,
    ) -> Answer {
        let scope = asked.map(|scopes| scopes.to_string());
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(target.map(|uri| ("resource", uri)));
        form.extend(scope.as_deref().map(|scope| ("scope", scope)));
        self.clients[client].token(server, &form).await
    }

    /// An operator's request on the admin surface.
    pub(super) async fn order(
        &self,
        server: &Server,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let request = self.http.request(method, server.admin_url(path)).bearer_auth(ADMIN_KEY);
        let request = match &body {
            Some(body) => request.json(body),
            None => request,
        };
        Answer::of(request.send().await.unwrap()).await
    }

    /// What the admin surface says there.
    pub(super) async fn look(&self, server: &Server, path: &str) -> Value {
        let answer = self.order(server, Method::GET, path, None).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// The id of a consent grant, if there is one in the store.
    pub(super) async fn grant(
        &self,
        server: &Server,
        person: Uuid,
        client: &str,
        resource: Uuid,
    ) -> Option<Value> {
        let grants = self.look(server, &format!("/admin/users/{person}/grants?limit=1000")).await;
        let grants = grants["consent_grants"].as_array().unwrap().clone();
        grants
            .into_iter()
            .find(|grant| grant["client_id"] == client && grant["resource_id"] == json!(resource))
    }
}

fn new_client(
    name: &str,
    agent: bool,
    refreshes: bool,
    confidential: bool,
    ceiling: Option<Scopes>,
) -> NewClient {
    let mut grants = vec!["authorization_code"];
    grants.extend(refreshes.then_some("refresh_token"));
    if confidential {
        grants.extend(["client_credentials", EXCHANGE]);
    }
    NewClient {
        name: name.to_owned(),
        redirect_uris: vec![REDIRECT.to_owned()],
        grant_types: grants.into_iter().map(str::to_owned).collect(),
        auth_method: (!confidential).then(|| "none".to_owned()),
        scope: ceiling.map(|scopes| scopes.to_string()),
        agent,
        ..NewClient::default()
    }
}

async fn resource(server: &Server, name: &'static str, tag: &str, dice: &mut Dice) -> Resource {
    let catalog = dice.most_scopes();
    let marked = dice.scopes().and(catalog);
    let defaults = if marked.is_empty() { catalog } else { marked };
    let entry = |scope: &str| ScopeEntry {
        name: scope.to_owned(),
        description: None,
        default: Scopes::of([scope]).within(marked),
    };
    let (slug, uri) = (format!("{name}-{tag}"), format!("https://{name}-{tag}.example/mcp"));
    let new = NewResource {
        slug: slug.clone(),
        uri: uri.clone(),
        scopes: catalog.words().into_iter().map(entry).collect(),
        ..NewResource::default()
    };
    let id = server.register(new).await.id;
    let (listed, runtime) = (Vec::new(), Vec::new());
    Resource { name, slug, uri, id, catalog, defaults, there: true, listed, runtime }
}
