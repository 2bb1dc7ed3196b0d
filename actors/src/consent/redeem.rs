//! Redeeming codes (RFC 6749 §4.1.3): once, and never against the person's will.
//!
//! Many codes, one transaction, and the same few statements however many there are: the
//! codes are looked up and held, each is judged, those that pass and whose client is active
//! are claimed with a conditional write, the people and their consent are looked at *again*,
//! and then the families, the issuances and the audit rows are written. A code that comes a second
//! time with the right verifier has leaked together with it: what it produced is revoked
//! (RFC 6749 §4.1.2).

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use entities::audit_event::{self, NewEvent};
use entities::authorization_code::{self, Claim, Model};
use entities::cascade;
use entities::issuance::{self, Lineage, NewIssuance};
use entities::{DatabaseTransaction, Ids, Store, StoreError, consent_grant, family, parties, user};
use protocol::OAuthError;
use protocol::authorize::AuthorizationRequest;
use protocol::client::GrantType;
use protocol::client_auth::unknown_client;
use protocol::grant::Grantable;
use protocol::grant::authorization_code::{IssuedCode, not_valid};
use protocol::scope::ScopeSet;
use uuid::Uuid;

use super::decide::covered_by;
use super::{ConsentSettings, Redeem, Redeemed};
use crate::audit::Event;
use crate::denials::{Denial, Denials};
use crate::revocations;
use crate::runtime::Environment;

/// The word under which what a leaked code produced is filed.
const CODE_REUSE: &str = "code_reuse";

type Outcome = Result<Redeemed, OAuthError>;

/// Redeems the codes of a batch in one transaction; the answers are in the order of the
/// requests.
///
/// A code that is in the batch more than once is served once in each round, so that the
/// second sees what came of the first. A code whose row cannot be read fails its own
/// request; a failing store fails them all, and nothing has happened then.
pub(super) async fn all(
    store: Store,
    environment: Environment,
    settings: ConsentSettings,
    denials: Denials,
    batch: Vec<Redeem>,
) -> Vec<Result<Outcome, StoreError>> {
    let size = batch.len();
    let hash = |order: &Redeem| settings.code_key.hash(order.request.code.as_bytes()).to_vec();
    let mut waiting: Vec<Presented> = batch
        .into_iter()
        .enumerate()
        .map(|(at, order)| Presented { at, code_hash: hash(&order), order })
        .collect();
    let served = store
        .write(move |transaction| {
            Box::pin(async move {
                // Not by the catalog, which may be a moment behind: by the clients' own rows, which
                // nobody changes until this is committed.
                let clients: HashSet<String> =
                    waiting.iter().map(|it| it.order.client.id.clone()).collect();
                let clients = clients.into_iter().collect();
                let active = parties::hold(transaction, clients, Vec::new()).await?.clients;
                let (mut answers, mut reuses) = (Vec::with_capacity(size), Vec::new());
                while !waiting.is_empty() {
                    let mut seen = HashSet::new();
                    let (first, again) =
                        waiting.into_iter().partition(|it| seen.insert(it.code_hash.clone()));
                    waiting = again;
                    let counter = Counter::opened(transaction, &environment, &settings, &denials);
                    let (answered, reused) = counter.serve(first, &active).await?;
                    answers.extend(answered);
                    reuses.extend(reused);
                }
                answers.sort_by_key(|(at, _)| *at);
                Ok((answers, reuses))
            })
        })
        .await;
    match served {
        Ok((answers, reuses)) => {
            reuses.into_iter().for_each(Reuse::count);
            answers.into_iter().map(|(_, outcome)| outcome).collect()
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
            revocations::count_one(CODE_REUSE);
        }
    }
}

/// A code that came a second time, and what had come of it.
struct SecondUse {
    /// With the right verifier, by its own client.
    proven: bool,
    family: Option<Uuid>,
    jti: Option<Uuid>,
    /// What the audit log says should the family fall.
    event: Event,
}

/// What is answered, by the place in the batch.
type Answers = Vec<(usize, Result<Outcome, StoreError>)>;

/// A code as it was presented.
struct Presented {
    /// Its place in the batch.
    at: usize,
    code_hash: Vec<u8>,
    order: Redeem,
}

/// A code that may be redeemed, as far as it can be said without the person.
struct Sound {
    presented: Presented,
    user_id: Uuid,
    request: AuthorizationRequest,
    resource_ids: Vec<Uuid>,
    redeemed: Redeemed,
}

/// Where codes are redeemed, each of them once.
struct Counter<'a> {
    transaction: &'a DatabaseTransaction,
    environment: &'a Environment,
    settings: &'a ConsentSettings,
    denials: &'a Denials,
    now: DateTime<Utc>,
    answers: Answers,
    events: Vec<NewEvent>,
    /// Codes that came a second time.
    again: Vec<SecondUse>,
}

impl<'a> Counter<'a> {
    fn opened(
        transaction: &'a DatabaseTransaction,
        environment: &'a Environment,
        settings: &'a ConsentSettings,
        denials: &'a Denials,
    ) -> Counter<'a> {
        let now = environment.now();
        let (answers, events, again) = (Vec::new(), Vec::new(), Vec::new());
        Counter { transaction, environment, settings, denials, now, answers, events, again }
    }

    async fn serve(
        mut self,
        presented: Vec<Presented>,
        active: &HashSet<String>,
    ) -> Result<(Answers, Vec<Reuse>), StoreError> {
        let hashes = presented.iter().map(|it| it.code_hash.clone()).collect();
        let held = authorization_code::hold_all(self.transaction, hashes).await?;
        let mut held: HashMap<Vec<u8>, Model> =
            held.into_iter().map(|code| (code.code_hash.clone(), code)).collect();
        let mut sound = Vec::with_capacity(presented.len());
        for it in presented {
            let code = held.remove(&it.code_hash);
            sound.extend(self.judge(it, code, active));
        }
        let reuses = self.revoke_products().await?;
        let claimed = self.claim(sound).await?;
        let willed = self.still_willed(claimed).await?;
        self.write(willed).await?;
        audit_event::append(self.transaction, self.events).await?;
        Ok((self.answers, reuses))
    }

    /// Judges one code by what stands in its row; nothing when it is refused.
    fn judge(
        &mut self,
        presented: Presented,
        code: Option<Model>,
        active: &HashSet<String>,
    ) -> Option<Sound> {
        let Some(code) = code else {
            self.refuse(&presented, "unknown_code", not_valid("there is no such code"));
            return None;
        };
        let request = match code.request() {
            Ok(request) => request,
            Err(damaged) => {
                self.answers.push((presented.at, Err(damaged)));
                return None;
            }
        };
        if code.redeemed_at.is_some() {
            self.note_second_use(&presented, &code, &request);
            return None;
        }
        let order = &presented.order;
        if !active.contains(&order.client.id) {
            self.refuse(&presented, "client_not_active", unknown_client());
            return None;
        }
        let issued = IssuedCode { request: &request, expires_at: code.expires_at };
        let proof = order.proof.as_deref();
        let checked =
            order.request.check(&order.client, &issued, &order.resources, proof, self.now);
        match checked {
            Ok(Grantable { audience, resource_ids, scopes }) => {
                let redeemed = self.redeemed(order, &code, scopes, audience);
                let user_id = code.user_id;
                Some(Sound { presented, user_id, request, resource_ids, redeemed })
            }
            Err(refusal) => {
                self.refuse(&presented, refusal.code.as_str(), refusal);
                None
            }
        }
    }

    /// Claims the codes; those that were revoked since they were issued cannot be.
    async fn claim(&mut self, sound: Vec<Sound>) -> Result<Vec<Sound>, StoreError> {
        let claims: Vec<Claim> = sound
            .iter()
            .map(|it| Claim {
                code_hash: it.presented.code_hash.clone(),
                family_id: it.redeemed.family,
                jti: it.redeemed.jti,
            })
            .collect();
        let claimed = authorization_code::redeem_all(self.transaction, &claims, self.now).await?;
        let claimed: HashSet<Vec<u8>> = claimed.into_iter().collect();
        let (ours, lost): (Vec<Sound>, Vec<Sound>) =
            sound.into_iter().partition(|it| claimed.contains(&it.presented.code_hash));
        for it in lost {
            self.refuse(&it.presented, "revoked_code", not_valid("the code was revoked"));
        }
        Ok(ours)
    }

    /// Leaves those codes whose person still stands behind them.
    async fn still_willed(&mut self, claimed: Vec<Sound>) -> Result<Vec<Sound>, StoreError> {
        if claimed.is_empty() {
            return Ok(claimed);
        }
        let users: HashSet<Uuid> = claimed.iter().map(|it| it.user_id).collect();
        let clients: HashSet<String> =
            claimed.iter().map(|it| it.request.client_id.clone()).collect();
        let users: Vec<Uuid> = users.into_iter().collect();
        let enabled = user::enabled(self.transaction, users.clone()).await?;
        let enabled: HashSet<Uuid> = enabled.into_iter().collect();
        let clients = clients.into_iter().collect();
        let live = consent_grant::live_among(self.transaction, users, clients).await?;
        let mut willed = Vec::with_capacity(claimed.len());
        for it in claimed {
            let theirs = live.iter().filter(|grant| {
                grant.user_id == it.user_id && grant.client_id == it.request.client_id
            });
            if !enabled.contains(&it.user_id) {
                self.refuse(&it.presented, "user_disabled", not_valid("user_disabled"));
                continue;
            }
            match covered_by(theirs, &it.request, &it.presented.order.resources) {
                Ok(true) => willed.push(it),
                Ok(false) => {
                    self.refuse(&it.presented, "consent_revoked", not_valid("consent_revoked"));
                }
                Err(damaged) => self.answers.push((it.presented.at, Err(damaged))),
            }
        }
        Ok(willed)
    }

    fn redeemed(
        &self,
        order: &Redeem,
        code: &Model,
        scopes: ScopeSet,
        audience: Vec<String>,
    ) -> Redeemed {
        let refreshes = order.client.may_use(GrantType::RefreshToken);
        Redeemed {
            user_id: code.user_id,
            scopes,
            audience,
            auth_time: code.auth_time,
            amr: code.amr.0.clone(),
            jti: self.environment.new_id(),
            issued_at: self.now,
            expires_at: self.environment.after(self.settings.access_lifetime),
            family: refreshes.then(|| self.environment.new_id()),
        }
    }

    /// Only somebody with the verifier and the client's name makes the code count as
    /// leaked: a stranger who merely saw the code must not be able to sign people out.
    fn note_second_use(
        &mut self,
        presented: &Presented,
        code: &Model,
        request: &AuthorizationRequest,
    ) {
        let order = &presented.order;
        let ours = request.client_id == order.client.id;
        let proven = ours && request.code_challenge.verify(&order.request.code_verifier);
        let event = Event::new("family.revoked", &order.origin).client(&order.client.id);
        self.again.push(SecondUse { proven, family: code.family_id, jti: code.jti, event });
        self.refuse(presented, CODE_REUSE, not_valid("the code was redeemed before"));
    }

    /// Revokes what came of leaked codes: the family with its tokens, or the one token of a
    /// client without refresh tokens.
    async fn revoke_products(&mut self) -> Result<Vec<Reuse>, StoreError> {
        let leaked = || self.again.iter().filter(|it| it.proven);
        let families: Vec<Uuid> = leaked().filter_map(|it| it.family).collect();
        let alone: Vec<Uuid> =
            leaked().filter(|it| it.family.is_none()).filter_map(|it| it.jti).collect();
        let revoked =
            cascade::revoke_all(self.transaction, &families, &alone, CODE_REUSE, self.now).await?;
        let mut reuses = Vec::with_capacity(self.again.len());
        for SecondUse { proven, family, jti, event } in std::mem::take(&mut self.again) {
            let fell = match family {
                Some(family) => revoked.families.contains(&family),
                None => jti.is_some_and(|jti| revoked.issuances.contains(&jti)),
            };
            let revoked = proven && fell;
            if let Some(family) = family.filter(|_| revoked) {
                let event = event.with("reason", CODE_REUSE).with("family", family);
                self.events.push(event.stamped(self.environment));
            }
            reuses.push(Reuse { proven, revoked });
        }
        Ok(reuses)
    }

    async fn write(&mut self, willed: Vec<Sound>) -> Result<(), StoreError> {
        let (mut families, mut issuances) = (Vec::new(), Vec::new());
        for Sound { presented, user_id, request, resource_ids, redeemed } in willed {
            let order = &presented.order;
            families.extend(redeemed.family.map(|id| self.family(id, order, &request, &redeemed)));
            issuances.push(NewIssuance {
                jti: redeemed.jti,
                grant_type: GrantType::AuthorizationCode,
                user_id: Some(user_id),
                client_id: order.client.id.clone(),
                resource_ids,
                scopes: redeemed.scopes.clone(),
                family_id: redeemed.family,
                jkt: order.proof.clone(),
                issued_at: redeemed.issued_at,
                expires_at: redeemed.expires_at,
                lineage: Lineage::default(),
            });
            let event = Event::new("token.issued", &order.origin)
                .by(user_id)
                .client(&order.client.id)
                .with("family", redeemed.family.map_or("none".to_owned(), |id| id.to_string()))
                .with("jti", redeemed.jti);
            self.events.push(event.stamped(self.environment));
            self.answers.push((presented.at, Ok(Ok(redeemed))));
        }
        family::insert_all(self.transaction, &families).await?;
        issuance::insert_all(self.transaction, issuances).await
    }

    /// The family holds everything that was approved, even when this response was
    /// asked to be narrower (RFC 8707 §2.2).
    fn family(
        &self,
        id: Uuid,
        order: &Redeem,
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
            // RFC 9449 §5: who has a secret to refresh with may change its key.
            jkt: order.proof.clone().filter(|_| order.client.is_public()),
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

    fn refuse(&mut self, presented: &Presented, reason: &str, refusal: OAuthError) {
        let denial = Denial::new("token.issue_denied", &presented.order.origin)
            .client(&presented.order.client.id)
            .with("reason", reason);
        let event = self.denials.news(denial);
        self.events.extend(event.map(|event| event.stamped(self.environment)));
        self.answers.push((presented.at, Ok(Err(refusal))));
    }
}
