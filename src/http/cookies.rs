//! The cookies: one names a browser, one a signed-in person in it, and one says who has
//! signed in there before.

use std::future::{Ready, ready};

use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entities::user;
use protocol::known_browser::{KNOWN_FOR_DAYS, KnownBrowser};
use protocol::secret::{BrowserToken, SessionToken};

use super::origin::Asker;
use crate::app::Services;
use crate::config;
use crate::flows::Bearer;

/// Added to the session cookie's name for the cookie that names the browser.
const BROWSER_SUFFIX: &str = "_browser";
/// Added to it for the cookie that says for whom the browser is known.
const KNOWN_SUFFIX: &str = "_known";

/// What the browser sent.
#[derive(Debug)]
pub struct Visitor {
    /// Names the browser; fresh when it brought none.
    pub browser: BrowserToken,
    /// Whether the browser has to be told its name.
    pub is_new: bool,
    /// Claims a signed-in person.
    pub session: Option<SessionToken>,
    /// Claims that people have signed in here before.
    pub known: Option<KnownBrowser>,
}

impl FromRequest for Visitor {
    type Error = actix_web::Error;
    type Future = Ready<Result<Visitor, actix_web::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(services) = request.app_data::<web::Data<Services>>() else {
            return ready(Err(actix_web::error::ErrorInternalServerError("no services")));
        };
        let name = &services.config.session.cookie_name;
        let read = |name: &str| own_cookie(request, name);
        let browser = read(&format!("{name}{BROWSER_SUFFIX}"))
            .filter(|value| value.len() >= 32)
            .and_then(BrowserToken::presented);
        let session = read(name).and_then(SessionToken::presented);
        let known = read(&format!("{name}{KNOWN_SUFFIX}"));
        let known = known.and_then(KnownBrowser::parse);
        let is_new = browser.is_none();
        let fresh = || BrowserToken::from_random(services.environment.random_bytes());
        ready(Ok(Visitor { browser: browser.unwrap_or_else(fresh), is_new, session, known }))
    }
}

impl Visitor {
    /// The visitor as the flows know it.
    pub(crate) fn bearer<'a>(&'a self, asker: &'a Asker) -> Bearer<'a> {
        Bearer { browser: &self.browser, session: self.session.as_ref(), origin: &asker.0 }
    }

    /// The browser's id, if whoever has this address signed in here before.
    #[must_use]
    pub fn known_for(&self, email: &str, services: &Services) -> Option<[u8; 16]> {
        let email = user::canonical_email(email);
        self.known
            .as_ref()?
            .known_for(&email, &services.keepers.secret_ring.current().known_browser)
    }

    /// The token for the forms of a page shown to this visitor. It is worth nothing
    /// in another browser, nor after somebody else has signed in.
    #[must_use]
    pub fn csrf_token(&self, services: &Services) -> String {
        URL_SAFE_NO_PAD
            .encode(services.keepers.secret_ring.current().csrf.hash(&self.csrf_message()))
    }

    /// Whether a form with this token came from a page shown to this visitor.
    #[must_use]
    pub fn sent_form_with(&self, token: Option<&str>, services: &Services) -> bool {
        let decoded = token.and_then(|token| URL_SAFE_NO_PAD.decode(token).ok());
        let ring = services.keepers.secret_ring.current();
        decoded.is_some_and(|mac| ring.csrf.verify(&self.csrf_message(), &mac))
    }

    fn csrf_message(&self) -> Vec<u8> {
        let session = self.session.as_ref().map_or("", |session| session.expose());
        [self.browser.expose().as_bytes(), b"\0", session.as_bytes()].concat()
    }
}

/// The value of our cookie of this name.
fn own_cookie<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let lines = request.headers().get_all(header::COOKIE);
    protocol::cookie::value(lines.map(header::HeaderValue::as_bytes), name)
}

/// The cookie that names the browser. It lives as long as the browser runs.
///
/// `Lax` whatever is configured: a client on another site sends the browser here, and
/// the pages that follow must find the request that came with it.
#[must_use]
pub fn browser_cookie(services: &Services, browser: &BrowserToken) -> Cookie<'static> {
    let name = format!("{}{BROWSER_SUFFIX}", services.config.session.cookie_name);
    build(services, name, browser.expose().to_owned(), SameSite::Lax)
}

/// The cookie by which the browser is known from now on for whoever has this address.
#[must_use]
pub fn known_cookie(services: &Services, visitor: &Visitor, email: &str) -> Cookie<'static> {
    let fresh = || KnownBrowser::new(services.environment.random_bytes());
    let known = visitor.known.clone().unwrap_or_else(fresh);
    let ring = services.keepers.secret_ring.current();
    let known = known.remembering(&user::canonical_email(email), &ring.known_browser);
    let name = format!("{}{KNOWN_SUFFIX}", services.config.session.cookie_name);
    let mut cookie = build(services, name, known.text(), SameSite::Lax);
    cookie.set_max_age(actix_web::cookie::time::Duration::days(KNOWN_FOR_DAYS));
    cookie
}

/// The cookie of a signed-in person.
#[must_use]
pub fn session_cookie(services: &Services, session: &SessionToken) -> Cookie<'static> {
    let mut cookie = build_session(services, session.expose().to_owned());
    let max_age = i64::try_from(services.config.session.max_age.as_secs()).unwrap_or(i64::MAX);
    cookie.set_max_age(actix_web::cookie::time::Duration::seconds(max_age));
    cookie
}

/// Tells the browser to forget the session.
#[must_use]
pub fn forget_session(services: &Services) -> Cookie<'static> {
    let mut cookie = build_session(services, String::new());
    cookie.make_removal();
    cookie
}

fn build_session(services: &Services, value: String) -> Cookie<'static> {
    let session = &services.config.session;
    let same_site = match session.same_site {
        config::SameSite::Strict => SameSite::Strict,
        config::SameSite::Lax => SameSite::Lax,
        config::SameSite::None => SameSite::None,
    };
    build(services, session.cookie_name.clone(), value, same_site)
}

fn build(services: &Services, name: String, value: String, same_site: SameSite) -> Cookie<'static> {
    let path = match services.base_path() {
        "" => "/".to_owned(),
        path => path.to_owned(),
    };
    Cookie::build(name, value)
        .path(path)
        .http_only(true)
        .secure(services.config.session_cookie_secure())
        .same_site(same_site)
        .finish()
}
