//! A person in front of a browser, without the browser: cookies, forms, redirects.

use std::sync::Arc;

use reqwest::cookie::{CookieStore as _, Jar};
use scraper::{Html, Selector};
use url::Url;

use super::server::PASSWORD;
use super::{Answer, Pkce, Server};

/// A browser with its cookies.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    http: reqwest::Client,
    jar: Arc<Jar>,
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
    /// The parameters; `-` as a value leaves one out.
    pub(crate) fn params(&self) -> Vec<(&str, &str)> {
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
        params
    }

    /// The request as a path with a query.
    pub(crate) fn path(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.params());
        format!("/oauth/authorize?{}", query.finish())
    }
}

impl Browser {
    /// A browser that has been nowhere yet.
    pub(crate) fn new() -> Browser {
        Browser::behind_proxy(None)
    }

    /// A browser that a proxy of the server says is at `address`.
    pub(crate) fn at(address: &str) -> Browser {
        Browser::behind_proxy(Some(address))
    }

    fn behind_proxy(address: Option<&str>) -> Browser {
        let forwarded = address.map(|address| ("x-forwarded-for", address));
        Browser::sending(forwarded.as_slice())
    }

    /// A browser whose every request has these headers besides its own.
    pub(crate) fn sending(more: &[(&'static str, &str)]) -> Browser {
        let jar = Arc::new(Jar::default());
        let mut headers = reqwest::header::HeaderMap::new();
        for (name, value) in more {
            headers.insert(*name, value.parse().unwrap());
        }
        let http = reqwest::Client::builder()
            .default_headers(headers)
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
            answer = self.get(server, answer.header("location")).await;
        }
        answer
    }

    /// Fills in and sends the sign-in form on `page`.
    pub(crate) async fn sign_in(&self, server: &Server, page: &Answer, email: &str) -> Answer {
        let answer = self.type_in(server, page, email, PASSWORD).await;
        self.follow(server, answer).await
    }

    /// Sends the sign-in form on `page` with this password; the answer as it comes.
    pub(crate) async fn type_in(
        &self,
        server: &Server,
        page: &Answer,
        email: &str,
        password: &str,
    ) -> Answer {
        let mut form = hidden_fields(page);
        form.push(("email".to_owned(), email.to_owned()));
        form.push(("password".to_owned(), password.to_owned()));
        self.send(server, "/login", &form).await
    }

    /// Goes to the sign-in page and signs in there.
    pub(crate) async fn signed_in(server: &Server, email: &str) -> Browser {
        let browser = Browser::new();
        let page = browser.get(server, "/login").await;
        let page = browser.sign_in(server, &page, email).await;
        assert!(page.text.contains("You are signed in"), "{page:?}");
        browser
    }

    /// Sends a form whose fields were read from a page.
    pub(crate) async fn send(
        &self,
        server: &Server,
        path: &str,
        form: &[(String, String)],
    ) -> Answer {
        let form: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(server, path, &form).await
    }

    /// Goes to a path and follows redirects for as long as they stay on the server.
    pub(crate) async fn visit(&self, server: &Server, path: &str) -> Answer {
        let answer = self.get(server, path).await;
        self.follow(server, answer).await
    }

    /// The value of a cookie of the server.
    pub(crate) fn cookie(&self, server: &Server, name: &str) -> Option<String> {
        let header = self.jar.cookies(&Url::parse(&server.url("/")).unwrap())?;
        let mut pairs = header.to_str().unwrap().split("; ").map(|pair| pair.split_once('='));
        pairs.find_map(|pair| pair.filter(|(key, _)| *key == name).map(|(_, it)| it.to_owned()))
    }

    /// Puts a cookie into the browser, as somebody who wants to be another would.
    pub(crate) fn plant(&self, server: &Server, name: &str, value: &str) {
        let url = Url::parse(&server.url("/")).unwrap();
        self.jar.add_cookie_str(&format!("{name}={value}; Path=/"), &url);
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
        self.send(server, &deciding_at(page), &form).await
    }

    /// Takes an authorization request all the way, signing in and approving whatever
    /// is asked for; where the browser is sent in the end.
    pub(crate) async fn authorize(
        &self,
        server: &Server,
        request: &AuthorizationRequest<'_>,
        email: &str,
    ) -> Url {
        let mut answer = self.visit(server, &request.path()).await;
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

impl Answer {
    /// Where the answer sends the browser.
    #[track_caller]
    pub(crate) fn location(&self) -> Url {
        assert_eq!(self.status, 303, "{self:?}");
        Url::parse(self.header("location")).unwrap_or_else(|_| panic!("not absolute: {self:?}"))
    }

    /// Asserts a page of the server, which keeps the browser where it is.
    #[track_caller]
    pub(crate) fn is_page(&self, status: u16, says: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert!(!self.headers.contains_key("location"), "{self:?}");
        assert!(self.header("content-type").starts_with("text/html"), "{self:?}");
        assert!(self.text.contains(says), "not said: {says}\n{}", self.text);
    }

    /// Asserts that the browser is sent to the sign-in page.
    #[track_caller]
    pub(crate) fn asks_to_sign_in(&self) {
        assert_eq!(self.status, 303, "{self:?}");
        assert!(self.header("location").starts_with("/login?request="), "{self:?}");
    }

    /// Asserts that the browser is sent to the consent page.
    #[track_caller]
    pub(crate) fn asks_for_consent(&self) {
        assert_eq!(self.status, 303, "{self:?}");
        assert!(self.header("location").starts_with("/consent?request="), "{self:?}");
    }

    /// What the page says, without its markup.
    pub(crate) fn words(&self) -> String {
        let page = Html::parse_document(&self.text);
        let main = page.select(&Selector::parse("main").unwrap()).next().unwrap();
        main.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// A parameter of the URL a browser was sent to.
pub(crate) fn param(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Where the form of a page that asks for a decision is sent.
fn deciding_at(page: &Answer) -> String {
    let page = Html::parse_document(&page.text);
    let form = Selector::parse("main form:has(button[name=decision])").unwrap();
    let action = page.select(&form).next().and_then(|form| form.value().attr("action"));
    action.unwrap_or("/consent").to_owned()
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
