//! Agents beside the keys (`agents.enable_jwks_listing`).

use std::time::Duration;

use actors::audit::Origin;
use authserver::administration::Change;
use authserver::administration::client::{self, ClientPatch, NewClient};
use protocol::client::ClientStatus;
use serde_json::{Value, json};

use crate::kit::scene::register;
use crate::kit::stage::machine;
use crate::kit::{Answer, Backend, Server, TokenClient, on_both_databases};

const JWKS: &str = "/.well-known/jwks.json";

async fn listing(backend: Backend) -> Server {
    Server::start_with(backend, &[("AUTHPLANE_AGENTS_ENABLE_JWKS_LISTING", "true")]).await
}

/// An agent, the youngest of all.
async fn agent(server: &Server, name: &str) -> TokenClient {
    server.wait(1);
    let new = NewClient { name: name.to_owned(), agent: true, ..machine("tools") };
    TokenClient::of(&server.client(new).await)
}

fn names(document: &Answer) -> Vec<String> {
    let agents = document.json()["agents"].as_array().cloned().expect("a list of agents");
    agents.iter().map(|agent| agent["client_name"].as_str().unwrap().to_owned()).collect()
}

async fn listed(server: &Server) -> Vec<String> {
    names(&server.get(JWKS).await)
}

async fn set_status(server: &Server, id: &str, status: ClientStatus) {
    let origin = Origin::local();
    client::set_status(&server.desk(&origin), id, status).await.unwrap();
}

/// Waits until `server` lists these: it looks once a second for what others changed.
async fn comes_to_list(server: &Server, wanted: &[&str]) {
    for _ in 0..60 {
        if listed(server).await == wanted {
            return;
        }
        server.wait(1);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{:?} are listed, not {wanted:?}", listed(server).await);
}

on_both_databases! {
    async fn nobody_is_listed_unless_that_is_switched_on(backend: Backend) {
        let server = Server::start(backend).await;
        agent(&server, "An agent").await;
        let document = server.get(JWKS).await.json();
        let members: Vec<&String> = document.as_object().unwrap().keys().collect();
        assert_eq!(members, ["keys"]);
        server.stop().await;
    }

    async fn active_agents_are_listed_and_no_other_client(backend: Backend) {
        let server = listing(backend).await;
        assert_eq!(listed(&server).await, Vec::<String>::new());
        server.client(machine("tools")).await;
        let described = NewClient {
            name: "Bookkeeper <b>".to_owned(),
            agent: true,
            agent_description: Some("Files receipts".to_owned()),
            ..machine("tools")
        };
        let id = server.client(described).await.client.id.clone();
        let document = json!({
            "client_name": "Self-made",
            "redirect_uris": ["https://app.example/cb"],
            "token_endpoint_auth_method": "none",
            "agent": true,
        });
        let own = register(&server, &document).await.member("client_id");
        let (operators, later) = ("Bookkeeper <b>", agent(&server, "Later").await);

        let answer = server.get(JWKS).await;
        assert_eq!(
            answer.json()["agents"],
            json!([
                {
                    "agent_id": id, "client_name": operators, "registration_source": "admin",
                    "agent_description": "Files receipts",
                },
                { "agent_id": later.id, "client_name": "Later", "registration_source": "admin" },
                { "agent_id": own, "client_name": "Self-made", "registration_source": "dcr" },
            ])
        );
        let ring = server.services.keepers.key_ring.current();
        let alone: Value = serde_json::from_str(ring.jwks()).unwrap();
        assert_eq!(answer.json()["keys"], alone["keys"]);
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
        server.stop().await;
    }

    async fn who_is_switched_off_is_gone_at_once_and_back_when_switched_on(backend: Backend) {
        let server = listing(backend).await;
        let other = server.replica().await;
        let (one, two) = (agent(&server, "One").await, agent(&server, "Two").await);
        comes_to_list(&other, &["One", "Two"]).await;

        set_status(&server, &one.id, ClientStatus::Suspended).await;
        assert_eq!(listed(&server).await, ["Two"]);
        comes_to_list(&other, &["Two"]).await;
        set_status(&other, &one.id, ClientStatus::Active).await;
        assert_eq!(listed(&other).await, ["One", "Two"]);
        comes_to_list(&server, &["One", "Two"]).await;
        set_status(&server, &two.id, ClientStatus::Revoked).await;
        assert_eq!(listed(&server).await, ["One"]);
        let origin = Origin::local();
        let renamed =
            ClientPatch { client_name: Change::Set("Uno".to_owned()), ..ClientPatch::default() };
        client::patch(&server.desk(&origin), &one.id, renamed).await.unwrap();
        assert_eq!(listed(&server).await, ["Uno"]);
        client::delete(&server.desk(&origin), &one.id, true).await.unwrap();
        assert_eq!(listed(&server).await, Vec::<String>::new());
        comes_to_list(&other, &[]).await;
        other.stop().await;
        server.stop().await;
    }

    async fn the_tag_names_the_list_as_well_as_the_keys(backend: Backend) {
        let server = listing(backend).await;
        let empty = server.get(JWKS).await;
        let again = async |tag: &str| {
            let request = reqwest::Client::new().get(server.url(JWKS));
            Answer::of(request.header("if-none-match", tag).send().await.unwrap()).await
        };
        assert_eq!(again(empty.header("etag")).await.status, 304);
        let one = agent(&server, "One").await;
        let changed = again(empty.header("etag")).await;
        assert_eq!(changed.status, 200);
        assert_eq!(names(&changed), ["One"]);
        assert_ne!(changed.header("etag"), empty.header("etag"));
        set_status(&server, &one.id, ClientStatus::Suspended).await;
        assert_eq!(again(changed.header("etag")).await.status, 200);
        assert_eq!(again(empty.header("etag")).await.status, 304);
        server.stop().await;
    }

    /// Resource servers read 64 KiB and no more.
    async fn the_document_stays_short_enough_for_verifiers(backend: Backend) {
        let server = listing(backend).await;
        for number in 0..120 {
            let new = NewClient {
                name: format!("Agent {number}"),
                agent: true,
                agent_description: Some("x".repeat(450)),
                ..machine("tools")
            };
            server.client(new).await;
            if number == 0 {
                server.wait(1);
            }
        }
        let document = server.get(JWKS).await;
        assert!(document.text.len() < 60 * 1024, "{}", document.text.len());
        let names = names(&document);
        assert!(names.len() > 60 && names.len() < 120, "{}", names.len());
        assert_eq!(names[0], "Agent 0");
        server.stop().await;
    }
}
