//! What an operator does to a fronting link, and what it does to tokens that came by way of it.

use std::time::Duration;

use actors::audit::Origin;
use authserver::administration::fronting;
use serde_json::{Value, json};

use super::{Counter, exchange, given};
use crate::kit::{Answer, Server, on_both_databases};

fn ends() -> (String, String) {
    ("mcp".to_owned(), "files".to_owned())
}

/// From the first resource to the other: `read` is worth `list`, `write` is worth `read`.
async fn connect(server: &Server) {
    let map = json!({ "read": ["list"], "write": ["read"] });
    let new = json!({ "source": "mcp", "target": "files", "scope_map": map });
    let new = serde_json::from_value(new).unwrap();
    fronting::create(&server.desk(&Origin::local()), new, false).await.unwrap();
}

/// The link gives this from now on; how many tokens that costs.
async fn narrow(server: &Server, map: &Value) -> u64 {
    let patch = serde_json::from_value(json!({ "scope_map": map })).unwrap();
    let patched = fronting::patch(&server.desk(&Origin::local()), ends(), patch, false).await;
    patched.unwrap().revoked_issuances
}

/// The link is deleted; how many tokens that costs.
async fn cut(server: &Server) -> u64 {
    let deleted = fronting::delete(&server.desk(&Origin::local()), ends(), false).await;
    deleted.unwrap().revoked_issuances
}

async fn active(server: &Server, counter: &Counter, answer: &Answer) -> bool {
    counter.stage.active(server, &answer.member("access_token")).await
}

on_both_databases! {
    async fn tokens_end_with_the_link_and_with_what_it_gives_no_more(server: Server) {
        let counter = Counter::open(server).await;
        connect(server).await;
        let subject = counter.subject(server).await;
        let all = counter.cross(server, &subject).await;
        let one = [("resource", "files"), ("scope", "list")];
        let one = exchange(server, &counter.gateway, &subject, &one).await;
        assert_eq!(narrow(server, &json!({ "read": ["list"] })).await, 1);
        assert!(!active(server, &counter, &all).await);
        assert!(active(server, &counter, &one).await, "it still gives that");
        let read = [("resource", "files"), ("scope", "read")];
        exchange(server, &counter.gateway, &subject, &read).await.refused(400, "invalid_scope");
        assert_eq!(cut(server).await, 1);
        assert!(!active(server, &counter, &one).await);
        assert!(counter.stage.active(server, &subject).await, "the link was not what that rests on");
        counter.cross(server, &subject).await.refused(403, "access_denied");
    }

    /// The link is gone, or gives less, before the token is written down or after: it is not
    /// handed out, or revoked with the others.
    async fn an_exchange_in_flight_gives_nothing_that_outlives_the_link(server: Server) {
        let counter = Counter::open(server).await;
        let subject = counter.subject(server).await;
        for round in 0..12 {
            connect(server).await;
            let held = server.hold("fronting_links").await;
            let fate = async {
                let ahead = if round % 2 == 0 { 0 } else { 20 };
                tokio::time::sleep(Duration::from_millis(ahead)).await;
                match round % 4 < 2 {
                    true => narrow(server, &json!({ "read": ["list"] })).await,
                    false => cut(server).await,
                }
            };
            let let_go = async {
                tokio::time::sleep(Duration::from_millis(60)).await;
                drop(held);
            };
            let (answer, revoked, ()) =
                tokio::join!(counter.cross(server, &subject), fate, let_go);
            if answer.status == 200 && given(&answer)["scope"] == "list read" {
                assert_eq!(revoked, 1, "round {round}");
                assert!(!active(server, &counter, &answer).await, "round {round}");
            } else {
                assert_eq!(revoked, 0, "round {round}: {answer:?}");
                let fine = [400, 403].contains(&answer.status) || given(&answer)["scope"] == "list";
                assert!(fine, "round {round}: {answer:?}");
            }
            if round % 4 < 2 {
                cut(server).await;
            }
        }
    }
}
