//! From a decision outside an authorization to a consent grant: a person agrees that tokens a
//! client holds already may be exchanged for a resource.
//!
//! There is no pending request to use up. What is asked stands in a ticket, so that the same
//! decision may come any number of times: agreeing again adds nothing to what was agreed to,
//! and no decision takes anything away.

use std::future::Future;

use entities::consent_grant::Key;
use entities::{
    DatabaseTransaction, StoreError, audit_event, client, consent_grant, parties, resource, session,
};
use protocol::ErrorCode;
use protocol::agreement::Wanted;
use protocol::consent::{narrow, share_of};

use super::messages::{Agree, Agreed};
use super::{Consent, decide};
use crate::audit::{Event, Origin};
use crate::denials::{Denial, Denials};
use crate::runtime::Environment;
use crate::users::SignedIn;

pub(super) fn agree(
    keeper: &Consent,
    order: Agree,
) -> impl Future<Output = Result<Agreed, StoreError>> + use<> {
    let (store, environment) = (keeper.store.clone(), keeper.environment.clone());
    let denials = keeper.denials.clone();
    async move {
        store
            .write(move |transaction| {
                Box::pin(async move { judged(transaction, &environment, &denials, order).await })
            })
            .await
    }
}

async fn judged(
    transaction: &DatabaseTransaction,
    environment: &Environment,
    denials: &Denials,
    order: Agree,
) -> Result<Agreed, StoreError> {
    let Agree { wanted, person, ticked, origin } = order;
    // Who switches the client off from here on, or deletes it or the resource, waits, and sees
    // this grant.
    let (client, resource) = (vec![wanted.client_id.clone()], vec![wanted.resource_id]);
    let there = parties::hold(transaction, client, resource).await?;
    if there.clients.is_empty() || there.resources.is_empty() {
        return Ok(Agreed::Gone);
    }
    if !session::hold_live(transaction, &person.session, environment.now()).await? {
        return Ok(Agreed::SignInFirst);
    }
    if person.user_id != wanted.user_id {
        return Ok(Agreed::OtherPerson);
    }
    let Some(ticked) = ticked else {
        refuse(transaction, environment, denials, &origin, &wanted).await?;
        return Ok(Agreed::Denied);
    };
    let approved = match narrow(&wanted.scopes, &ticked) {
        Ok(approved) => approved,
        Err(error) if error.code == ErrorCode::InvalidRequest => return Ok(Agreed::Invalid(error)),
        Err(_) => {
            refuse(transaction, environment, denials, &origin, &wanted).await?;
            return Ok(Agreed::Denied);
        }
    };
    // By the rows of this moment: the page may have been shown before they were changed.
    let resource = resource::find(transaction, wanted.resource_id).await?;
    let client = client::find(transaction, &wanted.client_id).await?;
    let (Some(resource), Some(client)) = (resource, client) else { return Ok(Agreed::Gone) };
    let approved = share_of(&approved, &resource).under(client.ceiling.as_ref());
    if approved.is_empty() {
        return Ok(Agreed::Gone);
    }
    let slug = &resource.slug;
    let event = granted(&origin, &person, &wanted).with("resource", slug).with("scopes", &approved);
    let Wanted { user_id, client_id, resource_id, .. } = &wanted;
    let key = Key { user_id: *user_id, client_id, resource_id: *resource_id };
    let held = consent_grant::hold(transaction, environment.new_id(), key, environment.now());
    let earlier = held.await?.unwrap_or_default();
    if !approved.is_subset_of(&earlier) {
        let all = earlier.union(&approved);
        decide::write_grant(transaction, environment, key, &all).await?;
        audit_event::append(transaction, vec![event.stamped(environment)]).await?;
    }
    Ok(Agreed::Given(approved))
}

fn granted(origin: &Origin, person: &SignedIn, wanted: &Wanted) -> Event {
    let event = Event::new("consent.granted", origin).by(person.user_id);
    event.client(&wanted.client_id).with("for", "exchange")
}

/// A ticket can be denied as often as somebody likes, so denials are written down sparingly.
async fn refuse(
    transaction: &DatabaseTransaction,
    environment: &Environment,
    denials: &Denials,
    origin: &Origin,
    wanted: &Wanted,
) -> Result<(), StoreError> {
    let denial = Denial::new("consent.denied", origin)
        .by(wanted.user_id)
        .client(&wanted.client_id)
        .with("for", "exchange");
    let event = denials.news(denial).map(|event| event.stamped(environment));
    audit_event::append(transaction, event.into_iter().collect()).await
}
