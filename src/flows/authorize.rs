//! The authorization request (RFC 6749 §4.1.1): who asks, for what, and where the
//! answer may go. Until the last is known nothing is redirected anywhere.

use std::sync::Arc;

use actors::consent::{Crowded, Decision, OpenError, OpenRequest};
use protocol::authorize::{AuthorizePolicy, PageError, RedirectTarget, decide, identify};
use protocol::client::Client;
use protocol::form::Parameters;
use protocol::{ErrorCode, OAuthError};
use uuid::Uuid;

use super::Bearer;
use super::consent::{self, Answered, Waiting, is_covered};
use super::sign_in::signed_in;
use crate::app::Services;
use crate::failure::Failure;
use crate::http::network;

/// Where an authorization request leads.
#[derive(Debug)]
pub enum Next {
    /// A page: there is nowhere safe to send the browser.
    Page(PageError),
    /// Back to the client, with a code or an error.
    Answer(String),
    /// Back to the client as well: the server cannot do its work, and the client is the
    /// one who can try again (RFC 6749 §4.1.2.1).
    Failed(Failure, String),
    /// The person has to sign in first.
    SignIn(Uuid),
    /// The person has to decide.
    Decide(Uuid),
}

/// Judges the request and decides where it leads.
///
/// # Errors
/// Only when the server cannot even find out where the answer may go; a bad request is
/// a [`Next`].
pub async fn authorize(
    services: &Services,
    params: &Parameters,
    bearer: &Bearer<'_>,
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
    let issuer = services.issuer();
    Ok(match judge(services, params, client, target.clone(), bearer).await {
        Ok(Ok(next)) => next,
        Ok(Err(refusal)) => Next::Answer(target.error_location(&refusal, issuer)),
        Err(failure) => {
            let location = target.error_location(&failure.0, issuer);
            Next::Failed(failure, location)
        }
    })
}

/// Where the refusal of a request goes that cannot be judged, if there is a safe place.
pub async fn refuse(
    services: &Services,
    params: &Parameters,
    refusal: &OAuthError,
) -> Option<String> {
    let client = services.keepers.catalog.client(params.get("client_id")?).await.ok()??;
    let target = identify(params, &client).ok()?;
    Some(target.error_location(refusal, services.issuer()))
}

/// Judges a request whose answer may go to `target`. One that may show nothing is
/// judged to its end before it is kept: it comes often, and mostly in vain.
async fn judge(
    services: &Services,
    params: &Parameters,
    client: Arc<Client>,
    target: RedirectTarget,
    bearer: &Bearer<'_>,
) -> Result<Result<Next, OAuthError>, Failure> {
    let resources = services.keepers.catalog.resources();
    let policy = AuthorizePolicy {
        require_scope: services.config.oauth.require_scope,
        dpop: services.config.dpop.enabled,
    };
    let request = match decide(params, &client, &resources, &policy) {
        Ok(request) => request,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let (silent, now) = (request.prompt.none, services.environment.now());
    let person = signed_in(services, bearer.session).await?;
    let person = person.filter(|person| request.accepts_sign_in_of(person.auth_time, now));
    let covered = match &person {
        Some(person) => is_covered(services, &request, &client, &target, person).await?,
        None if silent => return Ok(Err(sign_in_forbidden())),
        None => false,
    };
    if silent && !covered {
        return Ok(Err(consent_forbidden()));
    }
    let (browser, network) = (bearer.browser.clone(), network(bearer.origin));
    let open = OpenRequest { request: request.clone(), browser, network };
    let id = match services.keepers.consent.ask(open).await? {
        Ok(id) => id,
        Err(OpenError::Crowded(crowded)) => return Ok(Err(not_kept(crowded))),
        Err(OpenError::ClientGone) => {
            return Ok(Ok(Next::Page(PageError::unknown_client(&client.id))));
        }
        Err(OpenError::Store(error)) => return Err(error.into()),
    };
    let Some(person) = person else { return Ok(Ok(Next::SignIn(id))) };
    if !covered {
        return Ok(Ok(Next::Decide(id)));
    }
    let waiting = Waiting { id, since: now, request, client, target };
    Ok(match consent::decide(services, &waiting, bearer, person, Decision::Covered).await? {
        Answered::Location(location) => Ok(Next::Answer(location)),
        Answered::Page(page) => Ok(Next::Page(page)),
        Answered::Gone | Answered::MustAsk if silent => Err(consent_forbidden()),
        Answered::Gone | Answered::MustAsk => Ok(Next::Decide(id)),
    })
}

/// The client and its redirect URI are known good, so that it hears of it as of anything
/// else, and can say so in its own words.
fn not_kept(crowded: Crowded) -> OAuthError {
    let whose = match crowded {
        Crowded::Network => "from the user's network",
        Crowded::Server => "in all",
    };
    let public = format!(
        "Too many sign-ins {whose} wait to be finished. Those that are open already can be; ask \
         again in a minute."
    );
    OAuthError::new(ErrorCode::TemporarilyUnavailable, public)
}

fn sign_in_forbidden() -> OAuthError {
    OAuthError::login_required("The user has to sign in, which prompt=none forbids.")
}

fn consent_forbidden() -> OAuthError {
    OAuthError::consent_required("The user has to agree first, which prompt=none forbids.")
}
