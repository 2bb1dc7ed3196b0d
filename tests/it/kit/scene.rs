//! What most stories about browsers begin with: a resource, a person with a password, and an app
//! that registered itself.

use serde_json::{Value, json};
use uuid::Uuid;

use super::browser::{AuthorizationRequest, param};
use super::{Answer, Browser, Pkce, Server, TokenClient};

pub(crate) use super::stage::{REDIRECT, RESOURCE};

/// The person of a [`Scene`].
pub(crate) const EMAIL: &str = "ada@example.com";

/// Posts a registration document.
pub(crate) async fn register(server: &Server, document: &Value) -> Answer {
    let http = reqwest::Client::new();
    let request = http.post(server.url("/oauth/register")).json(document);
    Answer::of(request.send().await.unwrap()).await
}

/// Registers a public app that may be answered at these addresses.
pub(crate) async fn public_app(server: &Server, redirect_uris: &[&str]) -> TokenClient {
    let document = json!({
        "client_name": "An app",
        "redirect_uris": redirect_uris,
        "token_endpoint_auth_method": "none",
    });
    let answer = register(server, &document).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    TokenClient::new(&answer.member("client_id"), None)
}

/// A resource with the scopes `read`, its default, and `write`; a person who may sign in; and an
/// app that registered itself.
pub(crate) struct Scene {
    pub(crate) app: TokenClient,
    pub(crate) person: Uuid,
    pub(crate) pkce: Pkce,
    pub(crate) redirect_uri: String,
}

impl Scene {
    /// Sets the scene with an app on the web.
    pub(crate) async fn set(server: &Server) -> Scene {
        Scene::with_app_at(server, REDIRECT).await
    }

    /// Sets the scene with an app that is answered at `redirect_uri`.
    pub(crate) async fn with_app_at(server: &Server, redirect_uri: &str) -> Scene {
        server.resource("mcp", RESOURCE, &["read*", "write"]).await;
        let person = server.person(EMAIL).await.id;
        let app = public_app(server, &[redirect_uri]).await;
        Scene { app, person, pkce: Pkce::new("scene"), redirect_uri: redirect_uri.to_owned() }
    }

    /// The app's request, with more said or something left out.
    pub(crate) fn request<'a>(
        &'a self,
        more: &'a [(&'a str, &'a str)],
    ) -> AuthorizationRequest<'a> {
        AuthorizationRequest {
            client_id: &self.app.id,
            redirect_uri: &self.redirect_uri,
            pkce: &self.pkce,
            more,
        }
    }

    /// The request as a path.
    pub(crate) fn path(&self, more: &[(&str, &str)]) -> String {
        self.request(more).path()
    }

    /// The app's tokens after the person agreed to everything that was asked.
    pub(crate) async fn tokens(
        &self,
        server: &Server,
        browser: &Browser,
        more: &[(&str, &str)],
    ) -> Answer {
        let back = browser.authorize(server, &self.request(more), EMAIL).await;
        self.redeem(server, &back).await
    }

    /// What the app gets for the code in the URL it was answered with.
    pub(crate) async fn redeem(&self, server: &Server, back: &url::Url) -> Answer {
        let code = param(back, "code").unwrap_or_else(|| panic!("no code: {back}"));
        let tokens = self.app.redeem(server, &code, &self.redirect_uri, &self.pkce).await;
        assert_eq!(tokens.status, 200, "{tokens:?}");
        tokens
    }
}
