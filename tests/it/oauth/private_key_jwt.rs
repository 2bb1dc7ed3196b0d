//! Clients that prove who they are with a key of their own (RFC 7523, OpenID Connect Core §9).

use authserver::administration::client::NewClient;
use serde_json::Value;

use crate::kit::Server;
use crate::kit::client_key::{ClientKey, jwks};
use crate::kit::stage::machine;

mod assertion;
mod keys;
mod over_tls;
mod replay;

/// As many failures of a client as one likes: what they lead to has stories of its own.
const UNLIMITED: (&str, &str) = ("AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX", "0");

/// A machine whose public keys are registered; its id.
async fn robot(server: &Server, keys: &[&ClientKey]) -> String {
    created(server, NewClient { jwks: Some(jwks(keys)), ..machine("tools") }).await
}

/// A machine that publishes its keys there; its id.
async fn publishing_robot(server: &Server, jwks_uri: String) -> String {
    created(server, NewClient { jwks_uri: Some(jwks_uri), ..machine("tools") }).await
}

async fn created(server: &Server, new: NewClient) -> String {
    let made = server.client(new).await;
    assert!(made.secret.is_none(), "a client with a key has no secret");
    made.client.id.clone()
}

/// One member of an object changed; `null` takes it away.
fn with(mut object: Value, member: &str, value: Value) -> Value {
    if value.is_null() {
        object.as_object_mut().unwrap().remove(member);
    } else {
        object[member] = value;
    }
    object
}
