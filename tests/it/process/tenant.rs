//! What the stories of this module set up on a server: a resource, a person, a machine, and an app
//! with refresh families.

use std::time::Duration;

use serde_json::json;

use crate::kit::browser::{AuthorizationRequest, hidden_fields, param, ticked_scopes};
use crate::kit::process::{Installation, ServerProcess};
use crate::kit::{Answer, Pkce};

pub(super) const RESOURCE: &str = "https://mcp.example/mcp";
const REDIRECT: &str = "https://app.example/callback";
const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery";
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A confidential client with its secret.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    pub(super) id: String,
    secret: String,
    http: reqwest::Client,
}

/// A public client of one person.
#[derive(Debug, Clone)]
pub(super) struct App {
    id: String,
    http: reqwest::Client,
}

/// The answer, or `None` when the connection did not hold for it.
pub(super) type Heard = Option<Answer>;

impl Machine {
    /// Sets up the resource and the machine with the command line while the server runs.
    pub(super) async fn create(installation: &Installation, server: &mut ServerProcess) -> Machine {
        let resource = ["resource", "create", "--slug", "mcp", "--uri", RESOURCE];
        let scopes = ["--scopes", "read||Read everything"];
        installation.admin(&[&resource[..], &scopes].concat(), "").await;
        let client = ["client", "create", "--name", "A machine", "--scope", "read"];
        let grants = ["--grant-types", "client_credentials"];
        let client = installation.admin_json(&[&client[..], &grants].concat()).await;
        let member = |name: &str| client[name].as_str().unwrap().to_owned();
        let (id, secret) = (member("client_id"), member("client_secret"));
        server.knows("mcp").await;
        Machine { id, secret, http: reqwest::Client::new() }
    }

    /// Asks for a token.
    pub(super) async fn token(&self, server: &str) -> Heard {
        let form = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
        let request = self.http.post(server).basic_auth(&self.id, Some(&self.secret)).form(&form);
        heard(request).await
    }
}

impl App {
    /// Lets a person sign in to a new app `times` times; the app and its refresh tokens.
    pub(super) async fn sign_in(
        installation: &Installation,
        server: &ServerProcess,
        times: usize,
    ) -> (App, Vec<String>) {
        let user = ["user", "create", "--email", EMAIL, "--password-stdin"];
        installation.admin(&user, PASSWORD).await;
        let http = reqwest::Client::builder()
            .cookie_store(true)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let document = json!({
            "client_name": "An app",
            "redirect_uris": [REDIRECT],
            "token_endpoint_auth_method": "none",
        });
        let registration = http.post(server.url("/oauth/register")).json(&document);
        let id = heard(registration).await.unwrap().member("client_id");
        let app = App { id, http };
        let mut tokens = Vec::new();
        for number in 0..times {
            tokens.push(app.authorize(server, &Pkce::new(&format!("sign-in {number}"))).await);
        }
        (app, tokens)
    }

    async fn authorize(&self, server: &ServerProcess, pkce: &Pkce) -> String {
        let page = self.visit(&server.url(""), &self.request(pkce)).await.unwrap();
        let page = self.through_the_pages(server, page).await;
        let code = code_in(&page).unwrap_or_else(|| panic!("no code: {page:?}"));
        let answer = self.redeem(&server.url("/oauth/token"), &code, pkce).await;
        answer.unwrap().member("refresh_token")
    }

    async fn through_the_pages(&self, server: &ServerProcess, mut page: Answer) -> Answer {
        if page.text.contains("name=\"password\"") {
            let mut form = hidden_fields(&page);
            form.push(("email".to_owned(), EMAIL.to_owned()));
            form.push(("password".to_owned(), PASSWORD.to_owned()));
            page = self.send(server, "/login", &form).await;
        }
        if page.text.contains("name=\"decision\"") {
            let mut form = hidden_fields(&page);
            form.extend(ticked_scopes(&page).into_iter().map(|it| ("scope".to_owned(), it)));
            form.push(("decision".to_owned(), "approve".to_owned()));
            page = self.send(server, "/consent", &form).await;
        }
        page
    }

    fn request(&self, pkce: &Pkce) -> String {
        let more = [("resource", RESOURCE), ("scope", "read")];
        AuthorizationRequest { client_id: &self.id, redirect_uri: REDIRECT, pkce, more: &more }
            .path()
    }

    /// The answer to an authorization request of the person who is signed in and has agreed.
    pub(super) async fn ask_for_code(&self, server: &str, pkce: &Pkce) -> Heard {
        self.visit(server, &self.request(pkce)).await
    }

    /// Redeems a code.
    pub(super) async fn redeem(&self, token_endpoint: &str, code: &str, pkce: &Pkce) -> Heard {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", &self.id),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", &pkce.verifier),
        ];
        heard(self.http.post(token_endpoint).form(&form)).await
    }

    /// Uses a refresh token.
    pub(super) async fn refresh(&self, server: &str, refresh_token: &str) -> Heard {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", &self.id),
            ("refresh_token", refresh_token),
        ];
        heard(self.http.post(server).form(&form)).await
    }

    async fn visit(&self, server: &str, path: &str) -> Heard {
        let mut answer = heard(self.http.get(format!("{server}{path}"))).await?;
        while answer.header("location").starts_with('/') {
            let next = format!("{server}{}", answer.header("location"));
            answer = heard(self.http.get(next)).await?;
        }
        Some(answer)
    }

    async fn send(&self, server: &ServerProcess, path: &str, form: &[(String, String)]) -> Answer {
        let answer = heard(self.http.post(server.url(path)).form(form)).await.unwrap();
        match answer.header("location") {
            next if next.starts_with('/') => self.visit(&server.url(""), next).await.unwrap(),
            _ => answer,
        }
    }
}

/// The code in the redirect that ends an authorization.
pub(super) fn code_in(answer: &Answer) -> Option<String> {
    param(&url::Url::parse(answer.header("location")).ok()?, "code")
}

/// A connection that ends before the whole answer is there has brought none.
async fn heard(request: reqwest::RequestBuilder) -> Heard {
    let response = request.timeout(PATIENCE).send().await.ok()?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Some(Answer { status, headers, text: response.text().await.ok()? })
}
