//! Consent (RFC 6749 §4.1.1): show the person who asks for what, and act on what they
//! decide. A person who agreed before is not asked again, unless anybody on their
//! machine could be the one who asks now.

use std::sync::Arc;

use actors::consent::{Decide, Decided, Decision, FindGrants, FindRequest, PendingRequest};
use actors::users::SignedIn;
use chrono::{DateTime, Utc};
use protocol::authorize::{AuthorizationRequest, PageError, RedirectTarget, identify_again};
use protocol::client::Client;
use protocol::consent::{LiveGrant, may_skip_consent};
use protocol::secret::BrowserToken;
use uuid::Uuid;

use super::Bearer;
use super::sign_in::signed_in;
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

/// A request that waits for a person, with who asks and where the answer goes as both
/// are now.
#[derive(Debug)]
pub struct Waiting {
    /// Its reference.
    pub id: Uuid,
    /// When it came.
    pub since: DateTime<Utc>,
    /// What is asked.
    pub request: AuthorizationRequest,
    /// Who asks.
    pub client: Arc<Client>,
    /// Where the answer goes.
    pub target: RedirectTarget,
}

/// What to show for a reference.
#[derive(Debug)]
pub enum View {
    /// Ask this person.
    Ask(Box<Waiting>, SignedIn),
    /// The person has to sign in (again) first.
    SignIn,
    /// It is answered.
    Answered(Answered),
}

impl Waiting {
    /// The person, if they signed in as recently as the request wants.
    #[must_use]
    pub fn accepts(&self, person: Option<SignedIn>) -> Option<SignedIn> {
        person.filter(|person| self.request.accepts_sign_in_of(person.auth_time, self.since))
    }
}

/// The request `id` of this browser; or what is left to say about it.
///
/// # Errors
/// Only when the server cannot do its work.
pub async fn find(
    services: &Services,
    id: Uuid,
    browser: &BrowserToken,
) -> Result<Result<Waiting, Answered>, Failure> {
    let question = FindRequest { id, browser: browser.clone() };
    let Some(pending) = services.keepers.consent.ask(question).await?? else {
        return Ok(Err(Answered::Gone));
    };
    let PendingRequest { request, created_at: since } = pending;
    let Some(client) = services.keepers.catalog.client(&request.client_id).await? else {
        return Ok(Err(Answered::Page(PageError::unknown_client(&request.client_id))));
    };
    Ok(match identify_again(&request, &client) {
        Ok(target) => Ok(Waiting { id, since, request, client, target }),
        Err(page) => Err(Answered::Page(page)),
    })
}

/// Finds out what to show for the request `id`.
///
/// # Errors
/// Only when the server cannot do its work.
pub async fn view(services: &Services, id: Uuid, bearer: &Bearer<'_>) -> Result<View, Failure> {
    let waiting = match find(services, id, bearer.browser).await? {
        Ok(waiting) => waiting,
        Err(answered) => return Ok(View::Answered(answered)),
    };
    let person = signed_in(services, bearer.session).await?;
    let Some(person) = waiting.accepts(person) else { return Ok(View::SignIn) };
    if is_covered(services, &waiting.request, &waiting.client, &waiting.target, &person).await? {
        match decide(services, &waiting, bearer, person.clone(), Decision::Covered).await? {
            Answered::MustAsk => {}
            answered => return Ok(View::Answered(answered)),
        }
    }
    Ok(View::Ask(Box::new(waiting), person))
}

/// Acts on what somebody decided on the page. The form proves no more than the page: a
/// sign-in that is too old to see the page is too old to answer it.
///
/// # Errors
/// `invalid_request` for a forged form, or when the server cannot do its work.
pub async fn decide_on_page(
    services: &Services,
    id: Uuid,
    bearer: &Bearer<'_>,
    decision: Decision,
) -> Result<View, Failure> {
    let waiting = match find(services, id, bearer.browser).await? {
        Ok(waiting) => waiting,
        Err(answered) => return Ok(View::Answered(answered)),
    };
    let person = signed_in(services, bearer.session).await?;
    let Some(person) = waiting.accepts(person) else { return Ok(View::SignIn) };
    decide(services, &waiting, bearer, person, decision).await.map(View::Answered)
}

/// Whether what the person agreed to before answers the request.
///
/// # Errors
/// Only when the server cannot do its work.
pub async fn is_covered(
    services: &Services,
    request: &AuthorizationRequest,
    client: &Client,
    target: &RedirectTarget,
    person: &SignedIn,
) -> Result<bool, Failure> {
    let question = FindGrants { user_id: person.user_id, client_id: client.id.clone() };
    let agreed = services.keepers.consent.ask(question).await??;
    let resources = services.keepers.catalog.resources();
    let live: Vec<LiveGrant<'_>> = agreed
        .iter()
        .filter_map(|(id, scopes)| {
            Some(LiveGrant { resource: resources.by_id(*id)?, granted: Some(scopes) })
        })
        .collect();
    Ok(may_skip_consent(&live, request, client, &target.kind))
}

/// Acts on a decision.
///
/// # Errors
/// `invalid_request` for a forged form, or when the server cannot do its work.
pub async fn decide(
    services: &Services,
    waiting: &Waiting,
    bearer: &Bearer<'_>,
    person: SignedIn,
    decision: Decision,
) -> Result<Answered, Failure> {
    let order = Decide {
        id: waiting.id,
        browser: bearer.browser.clone(),
        person,
        decision,
        resources: services.keepers.catalog.resources(),
        origin: bearer.origin.clone(),
    };
    let (target, issuer) = (&waiting.target, services.issuer());
    Ok(match services.keepers.consent.ask(order).await?? {
        Decided::Approved(code) => {
            Answered::Location(target.success_location(code.expose(), issuer))
        }
        Decided::Refused(refusal) => Answered::Location(target.error_location(&refusal, issuer)),
        Decided::Invalid(error) => return Err(error.into()),
        // Either way the consent page knows what to show: the question, or the sign-in form.
        Decided::NotCovered | Decided::SignInFirst => Answered::MustAsk,
        Decided::Gone => Answered::Gone,
    })
}
