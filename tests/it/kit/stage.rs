//! What most stories about tokens begin with: a resource, a person, an app she lets in, and a
//! resource server that may ask about its tokens. Sign-in and consent have stories of their own
//! and are done here without the pages.

use actors::consent::{Decide, Decided, Decision, OpenRequest, RevokeGrant};
use actors::users::{CreateUser, FindSession, OpenSession, SignedIn};
use authserver::administration::client::NewClient;
use entities::consent_grant;
use entities::user::Model as User;
use futures::StreamExt as _;
use protocol::authorize::{AuthorizePolicy, decide};
use protocol::form::{AUTHORIZE_REPEATABLE, Parameters};
use protocol::refresh_token::TokenPlace;
use protocol::secret::BrowserToken;
use uuid::Uuid;

use super::browser::AuthorizationRequest;
use super::{Answer, Pkce, Server, TokenClient};

/// The resource of the stage.
pub(crate) const RESOURCE: &str = "https://mcp.example/mcp";
/// Another resource of the same server.
pub(crate) const OTHER_RESOURCE: &str = "https://files.example/mcp";
/// Where the app's answers go.
pub(crate) const REDIRECT: &str = "https://app.example/callback";

/// A stage, set on one server.
pub(crate) struct Stage {
    pub(crate) person: User,
    /// A public client.
    pub(crate) app: TokenClient,
    /// A confidential client that may act as both resources.
    pub(crate) guard: TokenClient,
    pub(crate) pkce: Pkce,
}

/// What a token response holds.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    /// The tokens of a successful answer.
    #[track_caller]
    pub(crate) fn of(answer: &Answer) -> Tokens {
        assert_eq!(answer.status, 200, "{answer:?}");
        Tokens { access: answer.member("access_token"), refresh: answer.member("refresh_token") }
    }
}

/// A public client for [`REDIRECT`] with refresh tokens.
pub(crate) fn public_app() -> NewClient {
    NewClient {
        name: "An app".to_owned(),
        redirect_uris: vec![REDIRECT.to_owned()],
        auth_method: Some("none".to_owned()),
        ..NewClient::default()
    }
}

/// A confidential client with this ceiling that gets tokens for itself.
pub(crate) fn machine(ceiling: &str) -> NewClient {
    NewClient {
        name: "A machine".to_owned(),
        grant_types: vec!["client_credentials".to_owned()],
        scope: Some(ceiling.to_owned()),
        ..NewClient::default()
    }
}

impl Stage {
    /// Sets the stage.
    pub(crate) async fn set(server: &Server) -> Stage {
        server.resource("mcp", RESOURCE, &["read*", "write", "admin"]).await;
        server.resource("files", OTHER_RESOURCE, &["list*", "read"]).await;
        let guard = server.client(machine("tools")).await;
        for slug in ["mcp", "files"] {
            server.runtime_client(slug, &guard.client.id).await;
        }
        Stage {
            person: person(server, "ada@example.com").await,
            app: TokenClient::of(&server.client(public_app()).await),
            guard: TokenClient::of(&guard),
            pkce: Pkce::new("stage"),
        }
    }

    /// A code for the app with `read write` at [`RESOURCE`].
    pub(crate) async fn code(&self, server: &Server) -> String {
        self.code_for(server, &self.app, &[("resource", RESOURCE), ("scope", "read write")]).await
    }

    /// A code for `client`, for everything that `more` asks for.
    pub(crate) async fn code_for(
        &self,
        server: &Server,
        client: &TokenClient,
        more: &[(&str, &str)],
    ) -> String {
        let decision = self.decision_for(server, client, more).await;
        match server.services.keepers.consent.ask(decision).await.unwrap().unwrap() {
            Decided::Approved(code) => code.expose().to_owned(),
            other => panic!("not approved: {other:?}"),
        }
    }

    /// The person's approval of what [`Stage::code`] is for, not yet sent.
    pub(crate) async fn decision(&self, server: &Server) -> Decide {
        let more = [("resource", RESOURCE), ("scope", "read write")];
        self.decision_for(server, &self.app, &more).await
    }

    pub(crate) async fn decision_for(
        &self,
        server: &Server,
        client: &TokenClient,
        more: &[(&str, &str)],
    ) -> Decide {
        let (client_id, pkce) = (&client.id, &self.pkce);
        let request = AuthorizationRequest { client_id, redirect_uri: REDIRECT, pkce, more };
        let path = request.path();
        let (_, query) = path.split_once('?').unwrap();
        let form = Parameters::parse_noting_repeats(query.as_bytes(), AUTHORIZE_REPEATABLE);
        let keepers = &server.services.keepers;
        let client = keepers.catalog.client(&client.id).await.unwrap().unwrap();
        let resources = keepers.catalog.resources();
        let policy = AuthorizePolicy { require_scope: false, dpop: true };
        let request = decide(&form.unwrap(), &client, &resources, &policy).unwrap();
        let scopes = request.scopes.iter().map(str::to_owned).collect();
        let browser = BrowserToken::from_random(server.services.environment.random_bytes());
        let open = OpenRequest { request, browser: browser.clone(), network: None };
        Decide {
            id: keepers.consent.ask(open).await.unwrap().unwrap(),
            browser,
            person: signed_in(server, &self.person).await,
            decision: Decision::Approve(scopes),
            resources,
            origin: Default::default(),
        }
    }

    /// Redeems a code as the app.
    pub(crate) async fn redeem(&self, server: &Server, code: &str) -> Answer {
        self.app.redeem(server, code, REDIRECT, &self.pkce).await
    }

    /// The tokens of a fresh sign-in at the app.
    pub(crate) async fn tokens(&self, server: &Server) -> Tokens {
        let code = self.code(server).await;
        Tokens::of(&self.redeem(server, &code).await)
    }

    /// The tokens of a fresh sign-in at `client`.
    pub(crate) async fn tokens_for(
        &self,
        server: &Server,
        client: &TokenClient,
        more: &[(&str, &str)],
    ) -> Tokens {
        let code = self.code_for(server, client, more).await;
        Tokens::of(&client.redeem(server, &code, REDIRECT, &self.pkce).await)
    }

    /// Whether the resource server sees the token as active.
    pub(crate) async fn active(&self, server: &Server, access: &str) -> bool {
        self.guard.sees_active(server, access).await
    }

    /// How many of these tokens the resource server sees as active.
    pub(crate) async fn active_among(&self, server: &Server, access: &[String]) -> usize {
        // Not all at once: what asked for the tokens may hold half of the connections that one
        // network may have.
        let looks = access.iter().map(|token| self.active(server, token));
        let looks = futures::stream::iter(looks).buffer_unordered(64);
        looks.filter(|active| std::future::ready(*active)).count().await
    }

    /// Takes all of the person's consent for the app back.
    pub(crate) async fn revoke_consent(&self, server: &Server) {
        for grant in self.consent_grants(server).await {
            revoke_grant(server, grant.id).await;
        }
    }

    /// The person's live consent grants for the app.
    pub(crate) async fn consent_grants(&self, server: &Server) -> Vec<consent_grant::Model> {
        let (user, app) = (self.person.id, self.app.id.clone());
        let grants = server
            .services
            .store
            .read(move |db| async move { consent_grant::live(&db, user, &app).await });
        grants.await.unwrap()
    }
}

/// Takes a consent grant back as an operator does.
pub(crate) async fn revoke_grant(server: &Server, id: Uuid) {
    let order = RevokeGrant { id, admin: "admin:test".to_owned(), origin: Default::default() };
    let reach = server.services.keepers.consent.ask(order).await.unwrap().unwrap();
    assert!(reach.is_some(), "there was a live grant");
}

/// An account without a password, which takes no time to make.
pub(crate) async fn person(server: &Server, email: &str) -> User {
    let order = CreateUser {
        email: email.to_owned(),
        name: "Ada Example".to_owned(),
        password_hash: String::new(),
        role: "user".to_owned(),
        admin: "admin:test".to_owned(),
        origin: Default::default(),
    };
    server.services.keepers.users.ask(order).await.unwrap().unwrap()
}

async fn signed_in(server: &Server, person: &User) -> SignedIn {
    let users = &server.services.keepers.users;
    let amr = vec!["pwd".to_owned()];
    let open = OpenSession {
        user_id: person.id,
        amr,
        password_hash: None,
        replaces: None,
        origin: Default::default(),
    };
    let session = users.ask(open).await.unwrap().unwrap().expect("the person may sign in");
    users.ask(FindSession(session)).await.unwrap().unwrap().expect("the session lives")
}

/// Which family and generation a refresh token is of.
pub(crate) fn place(server: &Server, refresh: &str) -> TokenPlace {
    server.services.keepers.secret_ring.current().refresh_token.recognise(refresh).unwrap()
}
