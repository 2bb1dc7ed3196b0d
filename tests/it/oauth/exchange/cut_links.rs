//! What an operator does to a fronting link, and what it does to tokens that came by way of it.

use actors::audit::Origin;
use authserver::administration::fronting;
use serde_json::{Value, json};

use super::{Counter, exchange};
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
}
