//! From a decision to consent grants and a code (RFC 6749 §4.1.2).

use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, Utc};
use entities::authorization_code::{self, NewCode};
use entities::{
    DatabaseTransaction, StoreError, audit_event, authorization_request, consent_grant, parties,
    session,
};
use protocol::authorize::AuthorizationRequest;
use protocol::consent::{LiveGrant, covers, narrow, share_of};
use protocol::grant::resource_gone;
use protocol::resource::Resources;
use protocol::scope::ScopeSet;
use protocol::secret::{AuthorizationCode, HashKey};
use protocol::{ErrorCode, OAuthError};
use uuid::Uuid;

use super::messages::{Decide, Decided, Decision};
use super::{Consent, ConsentSettings};
use crate::audit::{Event, Origin};
use crate::runtime::Environment;
use crate::users::SignedIn;

/// What it takes to make a code.
struct Mint {
    environment: Environment,
    code_key: HashKey,
    code_lifetime: Duration,
}

impl Mint {
    fn of(keeper: &Consent) -> Mint {
        let ConsentSettings { code_key, code_lifetime, .. } = keeper.settings.clone();
        Mint { environment: keeper.environment.clone(), code_key, code_lifetime }
    }

    async fn insert_code(
        &self,
        transaction: &DatabaseTransaction,
        request: AuthorizationRequest,
        person: &SignedIn,
    ) -> Result<AuthorizationCode, StoreError> {
        let code = AuthorizationCode::from_random(self.environment.random_bytes());
        let new = NewCode {
            code_hash: code.hash(&self.code_key),
            user_id: person.user_id,
            request,
            auth_time: person.auth_time,
            amr: person.amr.clone(),
            expires_at: self.environment.after(self.code_lifetime),
        };
        authorization_code::insert(transaction, new).await?;
        Ok(code)
    }
}

pub(super) fn decide(
    keeper: &Consent,
    order: Decide,
) -> impl Future<Output = Result<Decided, StoreError>> + use<> {
    let (store, mint) = (keeper.store.clone(), Mint::of(keeper));
    let browser = order.browser.hash(&keeper.settings.cookie_key);
    async move {
        let environment = mint.environment.clone();
        let judged = store.write(move |transaction| {
            Box::pin(async move { decided(transaction, &mint, &browser, order).await })
        });
        let (decided, since) = judged.await?;
        if matches!(decided, Decided::Approved(_)) {
            let took = environment.now().signed_duration_since(since).to_std();
            metrics::histogram!("authserver_auth_flow_duration_seconds")
                .record(took.unwrap_or_default());
        }
        Ok(decided)
    }
}

/// What became of the request, and when it came.
async fn decided(
    transaction: &DatabaseTransaction,
    mint: &Mint,
    browser: &[u8; 32],
    order: Decide,
) -> Result<(Decided, DateTime<Utc>), StoreError> {
    let now = mint.environment.now();
    let found = authorization_request::find_open(transaction, order.id, browser, now).await?;
    let Some(pending) = found else { return Ok((Decided::Gone, now)) };
    let since = pending.created_at;
    Ok((judged(transaction, mint, browser, order, pending).await?, since))
}

async fn judged(
    transaction: &DatabaseTransaction,
    mint: &Mint,
    browser: &[u8; 32],
    order: Decide,
    pending: authorization_request::Model,
) -> Result<Decided, StoreError> {
    let now = mint.environment.now();
    let mut request = pending.request()?;
    // Who switches the client off from here on, or deletes it or a resource, waits, and revokes
    // the code that comes of this; for a client that is off or gone there is nothing to decide.
    let (client, resources) = (vec![request.client_id.clone()], request.resource_ids.clone());
    let there = parties::hold(transaction, client, resources).await?;
    if there.clients.is_empty() {
        return Ok(Decided::Gone);
    }
    // A session that was ended since it was looked up decides nothing; and who ends it
    // from here on waits, and revokes the code that comes of this.
    let signed_in = session::hold_live(transaction, &order.person.session, now).await?;
    if !signed_in || !request.accepts_sign_in_of(order.person.auth_time, pending.created_at) {
        return Ok(Decided::SignInFirst);
    }
    let user_id = order.person.user_id;
    let approved = match &order.decision {
        Decision::Deny => Err(OAuthError::access_denied("The user denied the request.")),
        _ if !there.has_all(&request.resource_ids) => Err(resource_gone()),
        Decision::Approve(ticked) => narrow(&request.scopes, ticked)
            .and_then(|ticked| still_there(&ticked, &request, &order.resources)),
        Decision::Covered if covered(transaction, &request, user_id, &order.resources).await? => {
            Ok(request.scopes.clone())
        }
        Decision::Covered => return Ok(Decided::NotCovered),
    };
    if let Err(error) = &approved
        && error.code == ErrorCode::InvalidRequest
    {
        return Ok(Decided::Invalid(error.clone()));
    }
    if !authorization_request::decide(transaction, order.id, browser, now).await? {
        return Ok(Decided::Gone);
    }
    let scopes = match approved {
        Ok(scopes) => scopes,
        Err(refusal) => {
            let event = event("consent.denied", &order.origin, &order.person, &request)
                .stamped(&mint.environment);
            audit_event::append(transaction, vec![event]).await?;
            return Ok(Decided::Refused(refusal));
        }
    };
    let asked = std::mem::replace(&mut request.scopes, scopes);
    if order.decision != Decision::Covered {
        grant_consent(transaction, &asked, &request, &order, now, &mint.environment).await?;
    }
    let code = mint.insert_code(transaction, request, &order.person).await?;
    Ok(Decided::Approved(code))
}

/// What of `approved` the resources have now: the page may have been shown before a scope
/// was taken from them. A code for such a scope could never be redeemed.
fn still_there(
    approved: &ScopeSet,
    request: &AuthorizationRequest,
    resources: &Resources,
) -> Result<ScopeSet, OAuthError> {
    let asked = request.resource_ids.iter().filter_map(|id| resources.by_id(*id));
    let catalog = asked.fold(ScopeSet::empty(), |all, one| all.union(&one.catalog()));
    let left = approved.intersection(&catalog);
    if left.is_empty() && !approved.is_empty() {
        return Err(OAuthError::invalid_scope("None of the approved scopes exists any more."));
    }
    Ok(left)
}

/// Writes a grant per resource. Scopes that were asked about are decided anew, those
/// agreed to earlier and not asked about now stay agreed to.
async fn grant_consent(
    transaction: &DatabaseTransaction,
    asked: &ScopeSet,
    approved: &AuthorizationRequest,
    order: &Decide,
    now: DateTime<Utc>,
    environment: &Environment,
) -> Result<(), StoreError> {
    let (user_id, client_id) = (order.person.user_id, approved.client_id.as_str());
    let mut events = Vec::new();
    // In the order in which everybody holds these rows.
    let mut resource_ids = approved.resource_ids.clone();
    resource_ids.sort_unstable();
    for id in &resource_ids {
        let Some(resource) = order.resources.by_id(*id) else { continue };
        let key = consent_grant::Key { user_id, client_id, resource_id: *id };
        let held = consent_grant::hold(transaction, environment.new_id(), key, now).await?;
        let mut scopes = share_of(&approved.scopes, resource);
        if let Some(untouched) = held {
            scopes = scopes.union(&untouched.iter().filter(|s| !asked.contains(s)).collect());
        }
        write_grant(transaction, environment, key, &scopes).await?;
        let event = event("consent.granted", &order.origin, &order.person, approved)
            .with("resource", &resource.slug)
            .with("scopes", share_of(&approved.scopes, resource));
        events.push(event.stamped(environment));
    }
    audit_event::append(transaction, events).await
}

/// Writes down what the person agrees to from now on; see [`consent_grant::hold`].
pub(super) async fn write_grant(
    transaction: &DatabaseTransaction,
    environment: &Environment,
    key: consent_grant::Key<'_>,
    scopes: &ScopeSet,
) -> Result<(), StoreError> {
    let now = environment.now();
    let grant = consent_grant::Model {
        id: environment.new_id(),
        user_id: key.user_id,
        client_id: key.client_id.to_owned(),
        resource_id: key.resource_id,
        scopes: scopes.to_string(),
        created_at: now,
        updated_at: now,
        revoked_at: None,
    };
    consent_grant::upsert(transaction, grant).await
}

/// Whether live consent grants cover the request, as the store has them this moment.
pub(super) async fn covered(
    transaction: &DatabaseTransaction,
    request: &AuthorizationRequest,
    user_id: Uuid,
    resources: &Resources,
) -> Result<bool, StoreError> {
    let live = consent_grant::live(transaction, user_id, &request.client_id).await?;
    covered_by(live.iter(), request, resources)
}

/// Whether these grants, of the one person for the one client, cover the request.
pub(super) fn covered_by<'a>(
    live: impl Iterator<Item = &'a consent_grant::Model>,
    request: &AuthorizationRequest,
    resources: &Resources,
) -> Result<bool, StoreError> {
    let agreed = live
        .map(|grant| Ok((grant.resource_id, grant.scopes()?)))
        .collect::<Result<Vec<(Uuid, ScopeSet)>, StoreError>>()?;
    let grants: Vec<LiveGrant<'_>> = agreed
        .iter()
        .filter_map(|(id, scopes)| {
            Some(LiveGrant { resource: resources.by_id(*id)?, granted: Some(scopes) })
        })
        .collect();
    Ok(covers(&grants, request))
}

fn event(
    action: &'static str,
    origin: &Origin,
    person: &SignedIn,
    request: &AuthorizationRequest,
) -> Event {
    Event::new(action, origin).by(person.user_id).client(&request.client_id)
}
