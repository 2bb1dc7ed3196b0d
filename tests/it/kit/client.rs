//! An OAuth client that does what it is told, also what is wrong.

use authserver::administration::client::CreatedClient;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::Server;

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Answer {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// A string member of the JSON body.
    pub(crate) fn member(&self, name: &str) -> String {
        let body = self.json();
        body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned()
    }

    /// A header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts an OAuth error.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, error: &str) {
        assert_eq!((self.status, self.member("error").as_str()), (status, error), "{self:?}");
    }
}

/// A PKCE pair (RFC 7636 §4.1, §4.2).
#[derive(Debug, Clone)]
pub(crate) struct Pkce {
    pub(crate) verifier: String,
    pub(crate) challenge: String,
}

impl Pkce {
    /// The pair that comes of `seed`.
    pub(crate) fn new(seed: &str) -> Pkce {
        let verifier = format!("{seed:-<43}").replace(' ', "_");
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
        Pkce { challenge: URL_SAFE_NO_PAD.encode(hash), verifier }
    }
}

/// Something that talks to the endpoints for clients.
#[derive(Debug, Clone)]
pub(crate) struct TokenClient {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
    http: reqwest::Client,
}

impl TokenClient {
    /// A client by its id and perhaps its secret, which it sends by HTTP Basic.
    pub(crate) fn new(id: &str, secret: Option<&str>) -> TokenClient {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        TokenClient {
            id: id.to_owned(),
            secret: secret.map(str::to_owned),
            http: http.build().unwrap(),
        }
    }

    /// A client an operator registered.
    pub(crate) fn of(created: &CreatedClient) -> TokenClient {
        let secret = created.secret.as_ref().map(|secret| secret.expose());
        TokenClient::new(&created.client.id, secret)
    }

    /// Posts a form as this client: by Basic with a secret, by `client_id` without.
    pub(crate) async fn post(&self, server: &Server, path: &str, form: &[(&str, &str)]) -> Answer {
        self.post_with(server, path, form, &[]).await
    }

    /// [`TokenClient::post`] with these headers as well.
    pub(crate) async fn post_with(
        &self,
        server: &Server,
        path: &str,
        form: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut form = form.to_vec();
        let mut request = self.http.post(server.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match &self.secret {
            Some(secret) => request = request.basic_auth(&self.id, Some(secret)),
            None => form.push(("client_id", &self.id)),
        }
        Answer::of(request.form(&form).send().await.unwrap()).await
    }

    /// `POST /oauth/token`
    pub(crate) async fn token(&self, server: &Server, form: &[(&str, &str)]) -> Answer {
        self.post(server, "/oauth/token", form).await
    }

    /// Redeems a code.
    pub(crate) async fn redeem(
        &self,
        server: &Server,
        code: &str,
        redirect_uri: &str,
        pkce: &Pkce,
    ) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", &pkce.verifier),
        ];
        self.token(server, &form).await
    }

    /// Uses a refresh token.
    pub(crate) async fn refresh(&self, server: &Server, refresh_token: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        self.token(server, &form).await
    }

    /// Whether introspection calls `token` active.
    pub(crate) async fn sees_active(&self, server: &Server, token: &str) -> bool {
        let answer = self.post(server, "/oauth/introspect", &[("token", token)]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let body = answer.json();
        let active = body["active"].as_bool().unwrap();
        assert!(active || body == serde_json::json!({ "active": false }), "{body} says too much");
        active
    }
}

/// The claims of a JWT, unverified.
pub(crate) fn claims(token: &str) -> Value {
    part(token, 1)
}

/// The header of a JWT.
pub(crate) fn jose_header(token: &str) -> Value {
    part(token, 0)
}

fn part(token: &str, number: usize) -> Value {
    let part = URL_SAFE_NO_PAD.decode(token.split('.').nth(number).unwrap()).unwrap();
    serde_json::from_slice(&part).unwrap()
}
