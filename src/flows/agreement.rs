//! Agreeing to an exchange (contract 04, the consent gate): a person follows the
//! `consent_url` of an exchange that was refused, and decides whether the client reaches
//! the resource. The exchange is asked for again afterwards; nobody is sent anywhere.

use std::sync::Arc;

use actors::Keepers;
use actors::consent::{Agree, Agreed, FindGrants};
use actors::runtime::AskError;
use actors::users::SignedIn;
use entities::StoreError;
use protocol::agreement::{TicketRefusal, Wanted};
use protocol::client::Client;
use protocol::consent::share_of;
use protocol::metadata::endpoint;
use protocol::resource::MintResource;
use protocol::scope::ScopeSet;
use uuid::Uuid;

use super::Bearer;
use super::sign_in::signed_in;
use crate::app::Services;
use crate::failure::Failure;

/// Where the page is, under the issuer.
pub const PATH: &str = "/agreement";

/// Where the person can agree to what is wanted, for [`protocol::agreement::TICKET_LIFETIME`].
/// Nothing is written down for it.
#[must_use]
pub fn url(services: &Services, wanted: &Wanted) -> String {
    let ticket =
        services.keepers.secret_ring.current().agreement.ticket(wanted, services.environment.now());
    format!("{}?ticket={ticket}", endpoint(services.issuer(), PATH))
}

/// Whether a ticket is one of ours, be it too old: then its page says so.
#[must_use]
pub fn is_ours(services: &Services, ticket: &str) -> bool {
    let read =
        services.keepers.secret_ring.current().agreement.read(ticket, services.environment.now());
    !matches!(read, Err(TicketRefusal::Forged))
}

/// A question to a person, with both sides of it as they are now.
#[derive(Debug)]
pub struct Question {
    /// Who asks.
    pub client: Arc<Client>,
    /// What it wants to reach.
    pub resource: MintResource,
    /// What it asks for that it does not have.
    pub scopes: ScopeSet,
}

/// What there is to show.
#[derive(Debug)]
pub enum View {
    /// Ask this person.
    Ask(Box<Question>, SignedIn),
    /// The person has to sign in first.
    SignIn,
    /// Somebody else is asked.
    OtherPerson(SignedIn),
    /// Agreed, just now or before.
    Agreed,
    /// The answer was no.
    Denied,
    /// The ticket is good for nothing.
    Unusable(TicketRefusal),
    /// What is asked for is not there (any more).
    Gone,
}

/// Finds out what to show for a ticket.
///
/// # Errors
/// Only when the server cannot do its work.
pub async fn view(services: &Services, ticket: &str, bearer: &Bearer<'_>) -> Result<View, Failure> {
    let wanted = match services
        .keepers
        .secret_ring
        .current()
        .agreement
        .read(ticket, services.environment.now())
    {
        Ok(wanted) => wanted,
        Err(refusal) => return Ok(View::Unusable(refusal)),
    };
    let Some(person) = signed_in(services, bearer.session).await? else { return Ok(View::SignIn) };
    if person.user_id != wanted.user_id {
        return Ok(View::OtherPerson(person));
    }
    let Some(question) = question(services, &wanted).await? else { return Ok(View::Gone) };
    if question.scopes.is_empty() {
        return Ok(View::Agreed);
    }
    Ok(View::Ask(Box::new(question), person))
}

/// What a person has agreed to about this resource with this client.
pub(crate) async fn live(
    keepers: &Keepers,
    user_id: Uuid,
    client_id: &str,
    resource: Uuid,
) -> Result<Result<Option<ScopeSet>, StoreError>, AskError> {
    let asked = FindGrants { user_id, client_id: client_id.to_owned() };
    let live = keepers.consent.ask(asked).await?;
    let about = |(id, _): &(Uuid, ScopeSet)| *id == resource;
    Ok(live.map(|live| live.into_iter().find(about).map(|(_, scopes)| scopes)))
}

/// What is left to ask; none when the client is off or there is nothing to agree to.
async fn question(services: &Services, wanted: &Wanted) -> Result<Option<Question>, Failure> {
    let keepers = &services.keepers;
    let client = keepers.catalog.client(&wanted.client_id).await?;
    let Some(client) = client.filter(|client| client.is_active()) else {
        return Ok(None);
    };
    let resources = keepers.catalog.resources();
    let Some(resource) = resources.by_id(wanted.resource_id).cloned() else { return Ok(None) };
    let possible = share_of(&wanted.scopes, &resource).under(client.ceiling.as_ref());
    if possible.is_empty() {
        return Ok(None);
    }
    let agreed = live(keepers, wanted.user_id, &wanted.client_id, resource.id).await??;
    let agreed = agreed.unwrap_or_default();
    let scopes = possible.iter().filter(|scope| !agreed.contains(scope)).collect();
    Ok(Some(Question { client, resource, scopes }))
}

/// Acts on what somebody decided on the page: these scopes, or no.
///
/// # Errors
/// `invalid_request` for a forged form, or when the server cannot do its work.
pub async fn decide(
    services: &Services,
    ticket: &str,
    ticked: Option<Vec<String>>,
    bearer: &Bearer<'_>,
) -> Result<View, Failure> {
    let wanted = match services
        .keepers
        .secret_ring
        .current()
        .agreement
        .read(ticket, services.environment.now())
    {
        Ok(wanted) => wanted,
        Err(refusal) => return Ok(View::Unusable(refusal)),
    };
    let Some(person) = signed_in(services, bearer.session).await? else { return Ok(View::SignIn) };
    let order = Agree { wanted, person: person.clone(), ticked, origin: bearer.origin.clone() };
    Ok(match services.keepers.consent.ask(order).await?? {
        Agreed::Given(_) => View::Agreed,
        Agreed::Denied => View::Denied,
        Agreed::Invalid(error) => return Err(error.into()),
        Agreed::OtherPerson => View::OtherPerson(person),
        Agreed::SignInFirst => View::SignIn,
        Agreed::Gone => View::Gone,
    })
}
