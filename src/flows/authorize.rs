//! The authorization request (RFC 6749 §4.1.1): who asks, for what, and where the
//! answer may go. Until the last is known nothing is redirected anywhere.

use actors::consent::OpenRequest;
use actors::users::SignedIn;
use protocol::OAuthError;
use protocol::authorize::{AuthorizePolicy, PageError, decide, identify};
use protocol::form::Parameters;
use protocol::secret::BrowserToken;
use uuid::Uuid;

use super::consent::{Answered, grant_without_asking};
use crate::app::Services;
use crate::failure::Failure;
use actors::audit::Origin;

/// Where an authorization request leads.
#[derive(Debug)]
pub enum Next {
    /// A page: there is nowhere safe to send the browser.
    Page(PageError),
    /// Back to the client, with a code or an error.
    Answer(String),
    /// The person has to sign in first.
    SignIn(Uuid),
    /// The person has to decide.
    Decide(Uuid),
}

/// The browser that brings a request, and who is signed in there.
#[derive(Debug)]
pub struct Bearer<'a> {
    /// The browser.
    pub browser: &'a BrowserToken,
    /// Who is signed in.
    pub person: Option<SignedIn>,
    /// The request behind it.
    pub origin: &'a Origin,
}

/// Judges the request and decides where it leads.
///
/// # Errors
/// Only when the server cannot do its work; a bad request is a [`Next`].
pub async fn authorize(
    services: &Services,
    params: &Parameters,
    bearer: Bearer<'_>,
) -> Result<Next, Failure> {
    let Some(client_id) = params.get("client_id") else {
        return Ok(Next::Page(PageError::ClientIdMissing));
    };
    let Some(client) = services.keepers.catalog.client(client_id).await? else {
        return Ok(Next::Page(PageError::unknown_client(client_id)));
    };
    let target = match identify(params, &client) {
        Ok(target) => target,
        Err(page) => return Ok(Next::Page(page)),
    };
    let refuse =
        |error: &OAuthError| Ok(Next::Answer(target.error_location(error, services.issuer())));
    let resources = services.keepers.catalog.resources();
    let policy = AuthorizePolicy { require_scope: services.config.oauth.require_scope };
    let request = match decide(params, &client, &resources, &policy) {
        Ok(request) => request,
        Err(error) => return refuse(&error),
    };
    let (silent, now) = (request.prompt.none, services.environment.now());
    let person = bearer.person.filter(|person| request.accepts_sign_in_of(person.auth_time, now));
    if silent && person.is_none() {
        return refuse(&OAuthError::login_required(
            "The user has to sign in, which prompt=none forbids.",
        ));
    }
    let open = OpenRequest { request, browser: bearer.browser.clone() };
    let id = services.keepers.consent.ask(open).await??;
    let Some(person) = person else { return Ok(Next::SignIn(id)) };
    match grant_without_asking(services, id, bearer.browser, person, bearer.origin).await? {
        Answered::Location(location) => Ok(Next::Answer(location)),
        Answered::Page(page) => Ok(Next::Page(page)),
        Answered::Gone | Answered::MustAsk if silent => refuse(&OAuthError::consent_required(
            "The user has to agree first, which prompt=none forbids.",
        )),
        Answered::Gone | Answered::MustAsk => Ok(Next::Decide(id)),
    }
}
