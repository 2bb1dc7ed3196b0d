//! What stories about server processes set up on one: a resource, a person, a machine, an app with
//! refresh families, and a gateway.

use std::time::Duration;

use serde_json::json;

use super::browser::{AuthorizationRequest, hidden_fields, param, ticked_scopes};
use super::process::{Installation, ServerProcess};
use super::stage::{OTHER_RESOURCE, REDIRECT, RESOURCE};
use super::{Answer, Pkce};

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery";
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// A confidential client with its secret.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) id: String,
    secret: String,
    http: reqwest::Client,
}

/// A public client, and the browser of one person, who uses it.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) id: String,
    http: reqwest::Client,
}

/// The answer, or `None` when the connection did not hold for it.
pub(crate) type Heard = Option<Answer>;

impl Machine {
    /// Sets up the resource and the machine with the command line while the server runs.
    pub(crate) async fn create(installation: &Installation, server: &mut ServerProcess) -> Machine {
        let resource = ["resource", "create", "--slug", "mcp", "--uri", RESOURCE];
        let scopes = ["--scopes", "read||Read everything"];
        installation.admin(&[&resource[..], &scopes].concat(), "").await;
        let machine = Machine::named(installation, "A machine", "client_credentials").await;
        server.knows("mcp").await;
        machine
    }

    /// A second resource, and a gateway that may act as both: it introspects the tokens for them,
    /// and exchanges those for the first for some for the second.
    pub(crate) async fn gateway(installation: &Installation) -> Machine {
        let other = ["resource", "create", "--slug", "files", "--uri", OTHER_RESOURCE];
        let scopes = ["--scopes", "read||Read everything"];
        installation.admin(&[&other[..], &scopes].concat(), "").await;
        let grants = format!("client_credentials,{EXCHANGE}");
        let gateway = Machine::named(installation, "A gateway", &grants).await;
        for slug in ["mcp", "files"] {
            let add = ["resource", "runtime-client", "add", slug, &gateway.id];
            installation.admin(&add, "").await;
        }
        gateway
    }

    async fn named(installation: &Installation, name: &str, grants: &str) -> Machine {
        let client = ["client", "create", "--name", name, "--scope", "read"];
        let client = [&client[..], &["--grant-types", grants]].concat();
        let client = installation.admin_json(&client).await;
        let member = |name: &str| client[name].as_str().unwrap().to_owned();
        let (id, secret) = (member("client_id"), member("client_secret"));
        Machine { id, secret, http: reqwest::Client::new() }
    }

    /// Asks for a token.
    pub(crate) async fn token(&self, token_endpoint: &str) -> Heard {
        self.token_with(token_endpoint, &[]).await
    }

    /// [`Machine::token`] with these headers.
    pub(crate) async fn token_with(&self, token_endpoint: &str, headers: &[(&str, &str)]) -> Heard {
        let form = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
        self.post(token_endpoint, &form, headers).await
    }

    /// Exchanges a token for [`RESOURCE`] for one for [`OTHER_RESOURCE`].
    pub(crate) async fn exchange(&self, token_endpoint: &str, token: &str) -> Heard {
        let form = [
            ("grant_type", EXCHANGE),
            ("subject_token", token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("resource", OTHER_RESOURCE),
            ("scope", "read"),
        ];
        self.post(token_endpoint, &form, &[]).await
    }

    /// Posts a form with a token: to the introspection or the revocation endpoint.
    pub(crate) async fn present(&self, endpoint: &str, token: &str) -> Heard {
        self.post(endpoint, &[("token", token)], &[]).await
    }

    async fn post(&self, url: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Heard {
        let mut request = self.http.post(url).basic_auth(&self.id, Some(&self.secret)).form(form);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        heard(request).await
    }
}

impl App {
    /// Lets a person sign in to a new app `times` times; the app and its refresh tokens. `server` is
    /// the address without a path, here and below.
    pub(crate) async fn sign_in(
        installation: &Installation,
        server: &str,
        times: usize,
    ) -> (App, Vec<String>) {
        let user = ["user", "create", "--email", EMAIL, "--password-stdin"];
        installation.admin(&user, PASSWORD).await;
        let http = reqwest::Client::builder()
            .cookie_store(true)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let id = register(&http, server).await.unwrap().member("client_id");
        let app = App { id, http };
        let mut tokens = Vec::new();
        for number in 0..times {
            let pkce = Pkce::new(&format!("sign-in {number}"));
            let page = app.agree(server, RESOURCE, &pkce).await.unwrap();
            let code = code_in(&page).unwrap_or_else(|| panic!("no code: {page:?}"));
            let answer = app.redeem(&format!("{server}/oauth/token"), &code, &pkce).await;
            tokens.push(answer.unwrap().member("refresh_token"));
        }
        (app, tokens)
    }

    /// The same person's browser, for another app.
    pub(crate) fn another(&self, id: &str) -> App {
        App { id: id.to_owned(), http: self.http.clone() }
    }

    /// Registers another app.
    pub(crate) async fn register_another(&self, server: &str) -> Heard {
        register(&self.http, server).await
    }

    /// The answer to an authorization request, after the person has signed in and agreed where a
    /// page asks for it.
    pub(crate) async fn agree(&self, server: &str, resource: &str, pkce: &Pkce) -> Heard {
        let mut page = self.visit(server, &self.request(resource, pkce)).await?;
        if page.text.contains("name=\"password\"") {
            let mut form = hidden_fields(&page);
            form.push(("email".to_owned(), EMAIL.to_owned()));
            form.push(("password".to_owned(), PASSWORD.to_owned()));
            page = self.send(server, "/login", &form).await?;
        }
        if page.text.contains("name=\"decision\"") {
            let mut form = hidden_fields(&page);
            form.extend(ticked_scopes(&page).into_iter().map(|it| ("scope".to_owned(), it)));
            form.push(("decision".to_owned(), "approve".to_owned()));
            page = self.send(server, "/consent", &form).await?;
        }
        Some(page)
    }

    fn request(&self, resource: &str, pkce: &Pkce) -> String {
        let more = [("resource", resource), ("scope", "read")];
        AuthorizationRequest { client_id: &self.id, redirect_uri: REDIRECT, pkce, more: &more }
            .path()
    }

    /// The answer to an authorization request of the person who is signed in and has agreed.
    pub(crate) async fn ask_for_code(&self, server: &str, pkce: &Pkce) -> Heard {
        self.visit(server, &self.request(RESOURCE, pkce)).await
    }

    /// Redeems a code.
    pub(crate) async fn redeem(&self, token_endpoint: &str, code: &str, pkce: &Pkce) -> Heard {
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
    pub(crate) async fn refresh(&self, token_endpoint: &str, refresh_token: &str) -> Heard {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", &self.id),
            ("refresh_token", refresh_token),
        ];
        heard(self.http.post(token_endpoint).form(&form)).await
    }

    /// Gives a token back.
    pub(crate) async fn revoke(&self, revocation_endpoint: &str, token: &str) -> Heard {
        let form = [("client_id", self.id.as_str()), ("token", token)];
        heard(self.http.post(revocation_endpoint).form(&form)).await
    }

    async fn visit(&self, server: &str, path: &str) -> Heard {
        let mut answer = heard(self.http.get(format!("{server}{path}"))).await?;
        while answer.header("location").starts_with('/') {
            let next = format!("{server}{}", answer.header("location"));
            answer = heard(self.http.get(next)).await?;
        }
        Some(answer)
    }

    async fn send(&self, server: &str, path: &str, form: &[(String, String)]) -> Heard {
        let answer = heard(self.http.post(format!("{server}{path}")).form(form)).await?;
        match answer.header("location") {
            next if next.starts_with('/') => self.visit(server, next).await,
            _ => Some(answer),
        }
    }
}

async fn register(http: &reqwest::Client, server: &str) -> Heard {
    let document = json!({
        "client_name": "An app",
        "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "none",
    });
    heard(http.post(format!("{server}/oauth/register")).json(&document)).await
}

/// The code in the redirect that ends an authorization.
pub(crate) fn code_in(answer: &Answer) -> Option<String> {
    param(&url::Url::parse(answer.header("location")).ok()?, "code")
}

/// A connection that ends before the whole answer is there has brought none.
pub(crate) async fn heard(request: reqwest::RequestBuilder) -> Heard {
    let response = request.timeout(PATIENCE).send().await.ok()?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Some(Answer { status, headers, text: response.text().await.ok()? })
}
