//! A person in front of a browser, without the browser: cookies, forms, redirects.

use std::sync::Arc;

use reqwest::cookie::Jar;
use scraper::{Html, Selector};
use url::Url;

use super::server::PASSWORD;
use super::{Answer, Pkce, Server};

/// A browser with its cookies.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    http: reqwest::Client,
    pub(crate) jar: Arc<Jar>,
}

/// An authorization request, with everything that can be said in one.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizationRequest<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) redirect_uri: &'a str,
    pub(crate) pkce: &'a Pkce,
    /// Anything more, replacing a parameter of the same name.
    pub(crate) more: &'a [(&'a str, &'a str)],
}

impl AuthorizationRequest<'_> {
    /// The request as a path with a query.
    pub(crate) fn path(&self) -> String {
        let mut params = vec![
            ("response_type", "code"),
            ("client_id", self.client_id),
            ("redirect_uri", self.redirect_uri),
            ("code_challenge", &self.pkce.challenge),
            ("code_challenge_method", "S256"),
            ("state", "some state"),
        ];
        params.retain(|(name, _)| self.more.iter().all(|(replaced, _)| replaced != name));
        params.extend(self.more.iter().filter(|(_, value)| *value != "-"));
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(params);
        format!("/oauth/authorize?{}", query.finish())
    }
}

impl Browser {
    /// A browser that has been nowhere yet.
    pub(crate) fn new() -> Browser {
        let jar = Arc::new(Jar::default());
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .cookie_provider(Arc::clone(&jar));
        Browser { http: http.build().unwrap(), jar }
    }

    /// Goes to a path of the server; redirects are not followed.
    pub(crate) async fn get(&self, server: &Server, path: &str) -> Answer {
        let request = self.http.get(server.url(path)).header("accept", "text/html");
        Answer::of(request.send().await.unwrap()).await
    }

    /// Sends a form.
    pub(crate) async fn post(&self, server: &Server, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.http.post(server.url(path)).form(&form);
        Answer::of(request.send().await.unwrap()).await
    }

    /// Follows redirects for as long as they stay on the server; the last answer.
    pub(crate) async fn follow(&self, server: &Server, mut answer: Answer) -> Answer {
        while answer.status == 303 && answer.header("location").starts_with('/') {
            answer = self.get(server, &answer.header("location").to_owned()).await;
        }
        answer
    }

    /// Fills in and sends the sign-in form on `page`.
    pub(crate) async fn sign_in(&self, server: &Server, page: &Answer, email: &str) -> Answer {
        let mut form = hidden_fields(page);
        form.push(("email".to_owned(), email.to_owned()));
        form.push(("password".to_owned(), PASSWORD.to_owned()));
        let form: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = self.post(server, "/login", &form).await;
        self.follow(server, answer).await
    }

    /// Sends the consent form on `page` with what is ticked on it.
    pub(crate) async fn decide(&self, server: &Server, page: &Answer, decision: &str) -> Answer {
        self.decide_on(server, page, decision, &ticked_scopes(page)).await
    }

    /// Sends the consent form on `page` with these scopes ticked.
    pub(crate) async fn decide_on(
        &self,
        server: &Server,
        page: &Answer,
        decision: &str,
        scopes: &[String],
    ) -> Answer {
        let mut form = hidden_fields(page);
        form.extend(scopes.iter().map(|scope| ("scope".to_owned(), scope.clone())));
        form.push(("decision".to_owned(), decision.to_owned()));
        let form: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(server, "/consent", &form).await
    }

    /// Takes an authorization request all the way, signing in and approving whatever
    /// is asked for; where the browser is sent in the end.
    pub(crate) async fn authorize(
        &self,
        server: &Server,
        request: &AuthorizationRequest<'_>,
        email: &str,
    ) -> Url {
        let answer = self.get(server, &request.path()).await;
        let mut answer = self.follow(server, answer).await;
        if answer.text.contains("name=\"password\"") {
            answer = self.sign_in(server, &answer, email).await;
        }
        if answer.text.contains("name=\"decision\"") {
            answer = self.decide(server, &answer, "approve").await;
        }
        assert_eq!(answer.status, 303, "{answer:?}");
        Url::parse(answer.header("location")).unwrap()
    }
}

/// A parameter of the URL a browser was sent to.
pub(crate) fn param(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The hidden fields of the first form with any.
pub(crate) fn hidden_fields(page: &Answer) -> Vec<(String, String)> {
    inputs(page, "main form input[type=hidden]")
}

/// The scopes that are ticked on a consent page.
pub(crate) fn ticked_scopes(page: &Answer) -> Vec<String> {
    let boxes = inputs(page, "main form input[type=checkbox][name=scope][checked]");
    boxes.into_iter().map(|(_, scope)| scope).collect()
}

fn inputs(page: &Answer, selector: &str) -> Vec<(String, String)> {
    let page = Html::parse_document(&page.text);
    let mut found: Vec<(String, String)> = Vec::new();
    for input in page.select(&Selector::parse(selector).unwrap()) {
        let attribute = |name| input.value().attr(name).unwrap_or_default().to_owned();
        let field = (attribute("name"), attribute("value"));
        // A page with two forms carries the same hidden fields in both.
        if !found.contains(&field) {
            found.push(field);
        }
    }
    found
}
