//! Many rotations, one transaction.
//!
//! The families of a batch are read and held, each request is judged in order against
//! what the ones before it made of the family, and then everything is written with
//! four statements, however many requests there are: tips, revocations, issuances,
//! audit. The answers leave after the commit.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use entities::cascade;
use entities::family::{self, Model};
use entities::issuance::{self, Lineage, NewIssuance};
use entities::{DatabaseTransaction, Store, StoreError, audit_event, parties};
use protocol::OAuthError;
use protocol::client::GrantType;
use protocol::grant::Grantable;
use protocol::grant::refresh_token::FamilyGrant;
use protocol::scope::ScopeSet;
use uuid::Uuid;

use super::state::{Family, Refusal, Verdict, judge};
use super::{FamilySettings, Rotate, Rotated};
use crate::audit::Event;
use crate::denials::{Denial, Denials};
use crate::runtime::Environment;

/// The word under which a family revoked for misuse is filed.
const REUSE_DETECTION: &str = "reuse_detection";

/// How often a batch is judged anew when other replicas move the same families.
const ROUNDS: usize = 4;

/// What one request is answered: settled, or a failure of the store.
pub(super) type Outcome = Result<Result<Rotated, Refusal>, StoreError>;

/// Settles every request of the batch, in order. A round that fails is the answer of
/// the requests that were still open, and of nobody else: what an earlier round
/// committed is committed.
pub(super) async fn rotate_all(
    store: &Store,
    environment: &Environment,
    settings: FamilySettings,
    denials: &Denials,
    batch: Arc<[Rotate]>,
) -> Vec<Outcome> {
    let mut outcomes: Vec<Option<Outcome>> = vec![None; batch.len()];
    let mut unsettled =
        StoreError::Contended("too many replicas are at the same refresh family".to_owned());
    for _ in 0..ROUNDS {
        let open: Vec<usize> = (0..batch.len()).filter(|at| outcomes[*at].is_none()).collect();
        if open.is_empty() {
            break;
        }
        match one_round(store, environment, settings, denials, Arc::clone(&batch), open).await {
            Ok(settled) => {
                for (at, outcome) in settled {
                    outcomes[at] = Some(outcome);
                }
            }
            Err(error) => {
                unsettled = error;
                break;
            }
        }
    }
    outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(unsettled.clone()))).collect()
}

/// One transaction. What it leaves open, because another replica was faster, is
/// judged again in the next round against what that replica wrote.
async fn one_round(
    store: &Store,
    environment: &Environment,
    settings: FamilySettings,
    denials: &Denials,
    batch: Arc<[Rotate]>,
    open: Vec<usize>,
) -> Result<Vec<(usize, Outcome)>, StoreError> {
    let (environment, denials) = (environment.clone(), denials.clone());
    store
        .write(move |transaction| {
            Box::pin(async move {
                // Not by the catalog, which may be a moment behind: by the clients' own rows, which
                // nobody changes until this is committed.
                let clients: HashSet<String> =
                    open.iter().map(|at| batch[*at].presented.client_id.clone()).collect();
                let clients = clients.into_iter().collect();
                let active = parties::hold(transaction, clients, Vec::new()).await?.clients;
                let ids: HashSet<Uuid> =
                    open.iter().map(|at| batch[*at].presented.family).collect();
                let rows = family::hold_all(transaction, ids.into_iter().collect()).await?;
                let mut round = Round::over(rows, active, &environment, settings);
                for at in open {
                    round.settle(at, &batch[at]);
                }
                round.write(transaction, &denials).await
            })
        })
        .await
}

/// One family while a batch is being settled.
struct Held {
    row: Model,
    facts: Family,
    scopes: ScopeSet,
    /// The tip was moved by this batch.
    moved: bool,
}

impl Held {
    fn of(row: Model) -> Result<Held, StoreError> {
        let (facts, scopes) = (facts(&row), row.scopes()?);
        Ok(Held { row, facts, scopes, moved: false })
    }
}

struct Round<'a> {
    environment: &'a Environment,
    settings: FamilySettings,
    now: DateTime<Utc>,
    /// A row that cannot be read fails the requests about it, not the batch.
    families: HashMap<Uuid, Result<Held, StoreError>>,
    /// The clients that may have tokens.
    active: HashSet<String>,
    settled: Vec<(usize, Uuid, Outcome)>,
    /// Families that die for it.
    misused: Vec<Uuid>,
    issuances: Vec<(Uuid, NewIssuance)>,
    events: Vec<(Uuid, Event)>,
    denials: Vec<(Uuid, Denial)>,
}

impl<'a> Round<'a> {
    fn over(
        rows: Vec<Model>,
        active: HashSet<String>,
        environment: &'a Environment,
        settings: FamilySettings,
    ) -> Round<'a> {
        Round {
            environment,
            settings,
            now: environment.now(),
            families: rows.into_iter().map(|row| (row.id, Held::of(row))).collect(),
            active,
            settled: Vec::new(),
            misused: Vec::new(),
            issuances: Vec::new(),
            events: Vec::new(),
            denials: Vec::new(),
        }
    }

    /// Judges one request and notes what is to be written for it.
    fn settle(&mut self, at: usize, request: &Rotate) {
        let id = request.presented.family;
        if !self.active.contains(&request.presented.client_id) {
            self.refuse(at, request, Refusal::ClientNotActive);
            return;
        }
        let held = match self.families.get_mut(&id) {
            Some(Ok(held)) => held,
            Some(Err(damaged)) => {
                let answer = Err(damaged.clone());
                self.settled.push((at, id, answer));
                return;
            }
            None => {
                self.refuse(at, request, Refusal::UnknownFamily);
                return;
            }
        };
        let (presented, grace) = (&request.presented, self.settings.grace);
        match judge(&held.facts, presented, grace, self.now, || grantable(held, request)) {
            // A second move of one tip in one batch cannot be told apart in one
            // statement; it is left to the next round.
            Verdict::Rotate(_) if held.moved => {}
            Verdict::Rotate(granted) => {
                held.moved = true;
                held.facts.generation += 1;
                held.facts.rotated_at = self.now;
                self.issue(at, request, granted, false);
            }
            Verdict::Replay(granted) => self.issue(at, request, granted, true),
            Verdict::Refuse(refusal) => self.refuse(at, request, refusal),
            Verdict::Revoke(misuse) => {
                held.facts.revoked_at = Some(self.now);
                self.misused.push(id);
                let event = Event::new("family.revoked", &request.origin)
                    .client(&request.presented.client_id)
                    .with("reuse_detection", misuse.as_str())
                    .with("family", id);
                self.events.push((id, event));
                self.refuse(at, request, Refusal::Misused(misuse));
            }
        }
    }

    fn issue(&mut self, at: usize, request: &Rotate, granted: Grantable, replayed: bool) {
        let Some(Ok(held)) = self.families.get(&request.presented.family) else { return };
        let rotated = Rotated {
            family: held.row.id,
            generation: held.facts.generation,
            rotated_at: held.facts.rotated_at,
            user_id: held.row.user_id,
            scopes: granted.scopes,
            audience: granted.audience,
            jkt: request.presented.jkt.clone(),
            auth_time: held.row.auth_time,
            amr: held.row.amr.0.clone(),
            jti: self.environment.new_id(),
            issued_at: self.now,
            expires_at: self.environment.after(self.settings.access_lifetime),
            replayed,
        };
        let event = Event::new("token.refreshed", &request.origin)
            .by(rotated.user_id)
            .client(&request.presented.client_id)
            .with("family", rotated.family)
            .with("jti", rotated.jti);
        let event = if replayed { event.with("replayed", true) } else { event };
        self.events.push((rotated.family, event));
        self.issuances
            .push((rotated.family, new_issuance(granted.resource_ids, request, &rotated)));
        self.settled.push((at, rotated.family, Ok(Ok(rotated))));
    }

    fn refuse(&mut self, at: usize, request: &Rotate, refusal: Refusal) {
        let id = request.presented.family;
        let denial = Denial::new("token.refresh_denied", &request.origin)
            .client(&request.presented.client_id)
            .with("family", id)
            .with("reason", reason(&refusal));
        self.denials.push((id, denial));
        self.settled.push((at, id, Ok(Err(refusal))));
    }

    /// Writes the round. Families whose tip did not move after all were moved by
    /// somebody else since they were read: nothing of theirs is written or answered.
    async fn write(
        self,
        transaction: &DatabaseTransaction,
        denials: &Denials,
    ) -> Result<Vec<(usize, Outcome)>, StoreError> {
        let tips: Vec<(Uuid, i64)> = self
            .families
            .values()
            .flatten()
            .filter(|held| held.moved)
            .map(|held| (held.row.id, held.row.generation))
            .collect();
        let slides_to = self.environment.after(self.settings.refresh_lifetime);
        let moved = family::rotate_all(transaction, &tips, slides_to, self.now).await?;
        let moved: HashSet<Uuid> = moved.into_iter().collect();
        let lost: HashSet<Uuid> =
            tips.into_iter().map(|(id, _)| id).filter(|id| !moved.contains(id)).collect();

        let issuances = kept(self.issuances, &lost);
        issuance::insert_all(transaction, issuances).await?;
        let misused: Vec<Uuid> = self.misused.into_iter().filter(|id| !lost.contains(id)).collect();
        cascade::revoke_all(transaction, &misused, &[], REUSE_DETECTION, self.now).await?;
        let denied = kept(self.denials, &lost).into_iter().filter_map(|it| denials.news(it));
        let events = kept(self.events, &lost).into_iter().chain(denied);
        let events = events.map(|event| event.stamped(self.environment)).collect();
        audit_event::append(transaction, events).await?;
        let settled = self.settled.into_iter().filter(|(_, id, _)| !lost.contains(id));
        Ok(settled.map(|(at, _, outcome)| (at, outcome)).collect())
    }
}

/// What belongs to families that were not lost to another replica.
fn kept<T>(entries: Vec<(Uuid, T)>, lost: &HashSet<Uuid>) -> Vec<T> {
    let kept = entries.into_iter().filter(|(id, _)| !lost.contains(id));
    kept.map(|(_, entry)| entry).collect()
}

fn facts(row: &Model) -> Family {
    Family {
        generation: row.generation,
        client_id: row.client_id.clone(),
        jkt: row.jkt.clone(),
        rotated_at: row.rotated_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
    }
}

fn grantable(held: &Held, request: &Rotate) -> Result<Grantable, OAuthError> {
    let family = FamilyGrant {
        client_id: &held.row.client_id,
        scopes: &held.scopes,
        resource_ids: &held.row.resource_ids.0,
    };
    let proof = request.presented.jkt.as_deref();
    request.request.check(&request.client, &family, &request.resources, proof)
}

fn new_issuance(resource_ids: Vec<Uuid>, request: &Rotate, rotated: &Rotated) -> NewIssuance {
    NewIssuance {
        jti: rotated.jti,
        grant_type: GrantType::RefreshToken,
        user_id: Some(rotated.user_id),
        client_id: request.presented.client_id.clone(),
        resource_ids,
        scopes: rotated.scopes.clone(),
        family_id: Some(rotated.family),
        jkt: rotated.jkt.clone(),
        issued_at: rotated.issued_at,
        expires_at: rotated.expires_at,
        lineage: Lineage::default(),
    }
}

/// The word in the audit log.
fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::ClientNotActive => "client_not_active",
        Refusal::UnknownFamily => "unknown_family",
        Refusal::Revoked => "revoked",
        Refusal::Expired => "expired",
        Refusal::NotGrantable(error) => error.code.as_str(),
        Refusal::Misused(misuse) => misuse.as_str(),
    }
}
