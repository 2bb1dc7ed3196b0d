//! A client as it comes over the wire: what it posts to be registered, and where it is answered.

use serde_json::Value;

use crate::kit::scene::{EMAIL, RESOURCE, register};
use crate::kit::{Pkce, Scene, Server, TokenClient};

/// Registers with `document`, word for word; a scene whose app is answered at `redirect_uri`. There
/// is a person, and a resource with the scopes `read`, its default, and `write`.
pub(super) async fn guest(server: &Server, document: &Value, redirect_uri: &str) -> Scene {
    server.resource("mcp", RESOURCE, &["read*", "write"]).await;
    stranger(server, document, redirect_uri).await
}

/// [`guest`], with no resource yet.
pub(super) async fn stranger(server: &Server, document: &Value, redirect_uri: &str) -> Scene {
    let person = server.person(EMAIL).await.id;
    let answer = register(server, document).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let secret = answer.json()["client_secret"].as_str().map(str::to_owned);
    let app = TokenClient::new(&answer.member("client_id"), secret.as_deref());
    Scene { app, person, pkce: Pkce::new("guest"), redirect_uri: redirect_uri.to_owned() }
}
