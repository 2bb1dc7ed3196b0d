//! Consent (RFC 6749 §4.1.1): show the person who asks for what, and act on what they
//! decide. A person who agreed before is not asked again, unless anybody on their
//! machine could be the one who asks now.

use std::sync::Arc;

use actors::audit::Origin;
use actors::consent::{Decide, Decided, Decision, FindGrants, FindRequest, PendingRequest};
use actors::users::SignedIn;
use protocol::OAuthError;
use protocol::authorize::{AuthorizationRequest, PageError, RedirectTarget, identify_again};
use protocol::client::Client;
use protocol::consent::{LiveGrant, may_skip_consent};
use protocol::resource::Resources;
use protocol::secret::BrowserToken;
use uuid::Uuid;

use crate::app::Services;
use crate::failure::Failure;

/// What became of a request.
#[derive(Debug)]
pub enum Answered {
    /// Back to the client.
    Location(String),
    /// A page: there is nowhere safe to send the browser (any more).
    Page(PageError),
    /// There is no such request to decide.
    Gone,
    /// The person has to be asked.
    MustAsk,
}

/// What the consent page is about.
#[derive(Debug)]
pub struct Question {
    /// The request.
    pub request: AuthorizationRequest,
    /// Who asks.
    pub client: Arc<Client>,
    /// Where the answer goes.
    pub target: RedirectTarget,
    /// The resources as they are now.
    pub resources: Arc<Resources>,
}

/// What to show for a reference.
#[derive(Debug)]
pub enum View {
    /// Ask the person.
    Ask(Box<Question>),
    /// The person has to sign in (again) first.
    SignIn,
    /// It is answered already.
    Answered(Answered),
}

/// What the sign-in page says about the request that waits for it.
#[derive(Debug, Default)]
pub struct Sender {
    /// The client's own name for itself.
    pub client_name: Option<String>,
    /// Whom the client expects.
    pub login_hint: Option<String>,
}

/// Who sent the browser here to sign in; nothing when there is no such request.
///
/// # Errors
/// Only when the server cannot do its work.
pub async fn sender(
    services: &Services,
    id: Uuid,
    browser: &BrowserToken,
) -> Result<Sender, Failure> {
    let Some(pending) = find_request(services, id, browser).await? else {
        return Ok(Sender::default());
    };
    let client = services.keepers.catalog.client(&pending.request.client_id).await?;
    Ok(Sender {
        client_name: client.map(|client| client.name.clone()),
        login_hint: pending.request.login_hint,
    })
}

/// Finds out what to show a person for the request `id`.
///
/// # Errors
/// Only when the server cannot do its work.
pub async fn view(
    services: &Services,
    id: Uuid,
    browser: &BrowserToken,
    person: Option<SignedIn>,
    origin: &Origin,
) -> Result<View, Failure> {
    let Some(pending) = find_request(services, id, browser).await? else {
        return Ok(View::Answered(Answered::Gone));
    };
    let Some(person) = recent_enough(person, &pending) else { return Ok(View::SignIn) };
    match grant_without_asking(services, id, browser, person, origin).await? {
        Answered::MustAsk => {}
        answered => return Ok(View::Answered(answered)),
    }
    let request = pending.request;
    match locate(services, &request).await? {
        Err(page) => Ok(View::Answered(Answered::Page(page))),
        Ok((client, target)) => {
            let resources = services.keepers.catalog.resources();
            Ok(View::Ask(Box::new(Question { request, client, target, resources })))
        }
    }
}

/// Answers the request without asking, if what the person agreed to before allows it.
///
/// # Errors
/// Only when the server cannot do its work.
pub async fn grant_without_asking(
    services: &Services,
    id: Uuid,
    browser: &BrowserToken,
    person: SignedIn,
    origin: &Origin,
) -> Result<Answered, Failure> {
    let Some(PendingRequest { request, .. }) = find_request(services, id, browser).await? else {
        return Ok(Answered::Gone);
    };
    let (client, target) = match locate(services, &request).await? {
        Ok(found) => found,
        Err(page) => return Ok(Answered::Page(page)),
    };
    let find = FindGrants { user_id: person.user_id, client_id: client.id.clone() };
    let agreed = services.keepers.consent.ask(find).await??;
    let resources = services.keepers.catalog.resources();
    let live: Vec<LiveGrant<'_>> = agreed
        .iter()
        .filter_map(|(id, scopes)| {
            Some(LiveGrant { resource: resources.by_id(*id)?, granted: Some(scopes) })
        })
        .collect();
    if !may_skip_consent(&live, &request, &client, &target.kind) {
        return Ok(Answered::MustAsk);
    }
    decide(services, id, browser, person, Decision::Covered, origin).await
}

/// Acts on what somebody decided on the page; none when they have to sign in (again)
/// first. The form proves no more than the page: a sign-in that is too old to see the
/// page is too old to answer it.
///
/// # Errors
/// As [`decide`].
pub async fn decide_on_page(
    services: &Services,
    id: Uuid,
    browser: &BrowserToken,
    person: Option<SignedIn>,
    decision: Decision,
    origin: &Origin,
) -> Result<Option<Answered>, Failure> {
    let Some(pending) = find_request(services, id, browser).await? else {
        return Ok(Some(Answered::Gone));
    };
    let Some(person) = recent_enough(person, &pending) else { return Ok(None) };
    decide(services, id, browser, person, decision, origin).await.map(Some)
}

/// Acts on a decision.
///
/// # Errors
/// `invalid_request` for a forged form, or when the server cannot do its work.
pub async fn decide(
    services: &Services,
    id: Uuid,
    browser: &BrowserToken,
    person: SignedIn,
    decision: Decision,
    origin: &Origin,
) -> Result<Answered, Failure> {
    let order = Decide {
        id,
        browser: browser.clone(),
        person,
        decision,
        resources: services.keepers.catalog.resources(),
        origin: origin.clone(),
    };
    let issuer = services.issuer();
    match services.keepers.consent.ask(order).await?? {
        Decided::Approved(request, code) => {
            answer(services, &request, |target| target.success_location(code.expose(), issuer))
                .await
        }
        Decided::Refused(request, refusal) => {
            answer(services, &request, |target| target.error_location(&refusal, issuer)).await
        }
        Decided::Invalid(error) => Err(error.into()),
        Decided::NotCovered => Ok(Answered::MustAsk),
        Decided::Gone => Ok(Answered::Gone),
    }
}

async fn find_request(
    services: &Services,
    id: Uuid,
    browser: &BrowserToken,
) -> Result<Option<PendingRequest>, Failure> {
    Ok(services.keepers.consent.ask(FindRequest { id, browser: browser.clone() }).await??)
}

/// The person, if they signed in as recently as the request wants.
fn recent_enough(person: Option<SignedIn>, pending: &PendingRequest) -> Option<SignedIn> {
    let PendingRequest { request, created_at } = pending;
    person.filter(|person| request.accepts_sign_in_of(person.auth_time, *created_at))
}

async fn answer(
    services: &Services,
    request: &AuthorizationRequest,
    location: impl FnOnce(&RedirectTarget) -> String,
) -> Result<Answered, Failure> {
    Ok(match locate(services, request).await? {
        Ok((_, target)) => Answered::Location(location(&target)),
        Err(page) => Answered::Page(page),
    })
}

/// The client of a request and where its answer may go, as both are now.
async fn locate(
    services: &Services,
    request: &AuthorizationRequest,
) -> Result<Result<(Arc<Client>, RedirectTarget), PageError>, Failure> {
    let Some(client) = services.keepers.catalog.client(&request.client_id).await? else {
        return Ok(Err(PageError::unknown_client(&request.client_id)));
    };
    Ok(identify_again(request, &client).map(|target| (client, target)))
}

/// A form that was not sent from our page, or sent too late.
#[must_use]
pub fn forged() -> OAuthError {
    OAuthError::invalid_request("The form was not sent from this server's page.")
}
