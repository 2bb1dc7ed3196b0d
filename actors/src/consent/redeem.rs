//! Redeeming codes (RFC 6749 §4.1.3): once, and never against the person's will.
//!
//! In one transaction: the code is looked up and judged, claimed with a conditional
//! write, consent is read *again*, the user is looked at *again*, and then the family,
//! the issuance and the audit row are written. A code that comes a second time with
//! the right verifier has leaked together with it: what it produced is revoked
//! (RFC 6749 §4.1.2).

use chrono::{DateTime, Utc};
use entities::authorization_code::{self, Model};
use entities::cascade::{self, Reach};
use entities::issuance::{self, Lineage, NewIssuance};
use entities::{DatabaseTransaction, Ids, Store, StoreError, audit_event, family, user};
use protocol::OAuthError;
use protocol::authorize::AuthorizationRequest;
use protocol::client::GrantType;
use protocol::grant::Grantable;
use protocol::grant::authorization_code::{IssuedCode, not_valid};
use uuid::Uuid;

use super::decide::covered;
use super::{ConsentSettings, Redeem, Redeemed};
use crate::audit::Event;
use crate::runtime::Environment;

/// The word under which what a leaked code produced is filed.
const CODE_REUSE: &str = "code_reuse";

type Outcome = Result<Redeemed, OAuthError>;

/// Redeems the codes of a batch in one transaction; the answers are in the order of the
/// requests.
///
/// They are served in the order of their codes, on every replica: two batches with the
/// same codes queue up and do not wait for each other in a circle. A code whose row
/// cannot be read fails its own request; a failing store fails them all, and nothing
/// has happened then.
pub(super) async fn all(
    store: Store,
    environment: Environment,
    settings: ConsentSettings,
    batch: Vec<Redeem>,
) -> Vec<Result<Outcome, StoreError>> {
    let size = batch.len();
    let hash = |order: &Redeem| settings.code_key.hash(order.request.code.as_bytes());
    let mut queue: Vec<(usize, Redeem)> = batch.into_iter().enumerate().collect();
    queue.sort_by_cached_key(|(_, order)| hash(order));
    let served = store
        .write(move |transaction| {
            Box::pin(async move {
                let mut outcomes = Vec::with_capacity(queue.len());
                let reuses = Vec::new();
                let mut counter = Counter { transaction, environment, settings, reuses };
                for (at, order) in &queue {
                    let outcome = match counter.serve(order).await {
                        Err(error @ StoreError::Damaged { .. }) => Err(error),
                        served => Ok(served?),
                    };
                    outcomes.push((*at, outcome));
                }
                outcomes.sort_by_key(|(at, _)| *at);
                Ok((outcomes, counter.reuses))
            })
        })
        .await;
    match served {
        Ok((outcomes, reuses)) => {
            reuses.into_iter().for_each(Reuse::count);
            outcomes.into_iter().map(|(_, outcome)| outcome).collect()
        }
        Err(error) => vec![Err(error); size],
    }
}

/// A code came a second time. Counted once that is committed.
struct Reuse {
    /// With the right verifier, by its own client.
    proven: bool,
    /// And there was something to revoke.
    revoked: bool,
}

impl Reuse {
    fn count(self) {
        let verifier = if self.proven { "right" } else { "wrong" };
        metrics::counter!("authserver_auth_code_reuse_total", "verifier" => verifier).increment(1);
        if self.revoked {
            metrics::counter!("authserver_tokens_revoked_total", "reason" => CODE_REUSE)
                .increment(1);
        }
    }
}

/// Where codes are redeemed, one after the other.
struct Counter<'a> {
    transaction: &'a DatabaseTransaction,
    environment: Environment,
    settings: ConsentSettings,
    reuses: Vec<Reuse>,
}

impl Counter<'_> {
    async fn serve(&mut self, order: &Redeem) -> Result<Outcome, StoreError> {
        let code_hash = self.settings.code_key.hash(order.request.code.as_bytes());
        let found = authorization_code::find(self.transaction, &code_hash).await?;
        let Some(code) = found else {
            return self.refuse(order, "unknown_code", not_valid("there is no such code")).await;
        };
        let request = code.request()?;
        if code.redeemed_at.is_some() {
            return self.second_use(order, &code, &request).await;
        }
        let now = self.environment.now();
        let issued = IssuedCode { request: &request, expires_at: code.expires_at };
        let grantable = match order.request.check(&order.client, &issued, &order.resources, now) {
            Ok(grantable) => grantable,
            Err(refusal) => return self.refuse(order, refusal.code.as_str(), refusal).await,
        };
        let redeemed = self.redeemed(order, &code, grantable.clone(), now);
        let (jti, family) = (redeemed.jti, redeemed.family);
        let claim = authorization_code::redeem(self.transaction, &code_hash, family, jti, now);
        if !claim.await? {
            return self.lost_claim(order, &code_hash).await;
        }
        if let Some(reason) = self.withdrawn(&request, code.user_id, order).await? {
            return self.refuse(order, reason, not_valid(reason)).await;
        }
        self.write(order, &request, grantable, &redeemed).await?;
        Ok(Ok(redeemed))
    }

    fn redeemed(
        &self,
        order: &Redeem,
        code: &Model,
        grantable: Grantable,
        now: DateTime<Utc>,
    ) -> Redeemed {
        let refreshes = order.client.may_use(GrantType::RefreshToken);
        Redeemed {
            user_id: code.user_id,
            scopes: grantable.scopes,
            audience: grantable.audience,
            auth_time: code.auth_time,
            amr: code.amr.0.clone(),
            jti: self.environment.new_id(),
            issued_at: now,
            expires_at: self.environment.after(self.settings.access_lifetime),
            family: refreshes.then(|| self.environment.new_id()),
        }
    }

    /// Somebody claimed, revoked or outlived the code since it was read.
    async fn lost_claim(&mut self, order: &Redeem, hash: &[u8; 32]) -> Result<Outcome, StoreError> {
        match authorization_code::find(self.transaction, hash).await? {
            Some(code) if code.redeemed_at.is_some() => {
                let request = code.request()?;
                self.second_use(order, &code, &request).await
            }
            _ => self.refuse(order, "revoked_code", not_valid("the code was revoked")).await,
        }
    }

    /// Only somebody with the verifier and the client's name makes the code count as
    /// leaked: a stranger who merely saw the code must not be able to sign people out.
    async fn second_use(
        &mut self,
        order: &Redeem,
        code: &Model,
        request: &AuthorizationRequest,
    ) -> Result<Outcome, StoreError> {
        let ours = request.client_id == order.client.id;
        let proven = ours && request.code_challenge.verify(&order.request.code_verifier);
        let revoked = proven && self.revoke_product(code).await?.is_something();
        if let Some(family) = code.family_id.filter(|_| revoked) {
            let event = Event::new("family.revoked", &order.origin)
                .client(&order.client.id)
                .with("reason", CODE_REUSE)
                .with("family", family);
            let event = event.stamped(&self.environment);
            audit_event::append(self.transaction, vec![event]).await?;
        }
        self.reuses.push(Reuse { proven, revoked });
        self.refuse(order, CODE_REUSE, not_valid("the code was redeemed before")).await
    }

    /// The family with its tokens, or the one token of a client without refresh tokens.
    async fn revoke_product(&self, code: &Model) -> Result<Reach, StoreError> {
        let now = self.environment.now();
        match (code.family_id, code.jti) {
            (Some(family), _) => {
                cascade::revoke_family(self.transaction, family, CODE_REUSE, now).await
            }
            (None, Some(jti)) => {
                cascade::revoke_issuance(self.transaction, jti, CODE_REUSE, now).await
            }
            (None, None) => Ok(Reach::default()),
        }
    }

    /// Why the person does not stand behind this code any more, if they do not.
    async fn withdrawn(
        &self,
        request: &AuthorizationRequest,
        user_id: Uuid,
        order: &Redeem,
    ) -> Result<Option<&'static str>, StoreError> {
        let user = user::find(self.transaction, user_id).await?;
        if user.is_none_or(|user| user.disabled_at.is_some()) {
            return Ok(Some("user_disabled"));
        }
        let agreed = covered(self.transaction, request, user_id, &order.resources).await?;
        Ok((!agreed).then_some("consent_revoked"))
    }

    async fn write(
        &self,
        order: &Redeem,
        request: &AuthorizationRequest,
        grantable: Grantable,
        redeemed: &Redeemed,
    ) -> Result<(), StoreError> {
        if let Some(id) = redeemed.family {
            family::insert(self.transaction, self.family(id, request, redeemed)).await?;
        }
        let new = NewIssuance {
            jti: redeemed.jti,
            grant_type: GrantType::AuthorizationCode,
            user_id: Some(redeemed.user_id),
            client_id: order.client.id.clone(),
            resource_ids: grantable.resource_ids,
            scopes: grantable.scopes,
            family_id: redeemed.family,
            jkt: None,
            issued_at: redeemed.issued_at,
            expires_at: redeemed.expires_at,
            lineage: Lineage::default(),
        };
        issuance::insert_all(self.transaction, vec![new]).await?;
        let event = Event::new("token.issued", &order.origin)
            .by(redeemed.user_id)
            .client(&order.client.id)
            .with("family", redeemed.family.map_or("none".to_owned(), |id| id.to_string()))
            .with("jti", redeemed.jti);
        audit_event::append(self.transaction, vec![event.stamped(&self.environment)]).await
    }

    /// The family holds everything that was approved, even when this response was
    /// asked to be narrower (RFC 8707 §2.2).
    fn family(
        &self,
        id: Uuid,
        request: &AuthorizationRequest,
        redeemed: &Redeemed,
    ) -> family::Model {
        let now = redeemed.issued_at;
        let absolute = self.environment.after(self.settings.family_lifetime);
        family::Model {
            id,
            generation: 1,
            client_id: request.client_id.clone(),
            user_id: redeemed.user_id,
            scopes: request.scopes.to_string(),
            resource_ids: Ids(request.resource_ids.clone()),
            jkt: None,
            auth_time: redeemed.auth_time,
            amr: entities::Strings(redeemed.amr.clone()),
            created_at: now,
            rotated_at: now,
            expires_at: absolute.min(self.environment.after(self.settings.refresh_lifetime)),
            absolute_expires_at: absolute,
            revoked_at: None,
            revoked_reason: None,
        }
    }

    async fn refuse(
        &self,
        order: &Redeem,
        reason: &str,
        refusal: OAuthError,
    ) -> Result<Outcome, StoreError> {
        let event = Event::new("token.issue_denied", &order.origin)
            .client(&order.client.id)
            .with("reason", reason);
        audit_event::append(self.transaction, vec![event.stamped(&self.environment)]).await?;
        Ok(Err(refusal))
    }
}
