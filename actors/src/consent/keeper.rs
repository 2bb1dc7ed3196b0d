//! The consent keeper: pending requests, decisions, codes.

use std::net::IpAddr;
use std::time::Duration;

use entities::authorization_request::{self, NewRequest};
use entities::budget::{self, Refill};
use entities::consent_grant::Model as ConsentGrant;
use entities::{Store, StoreError, audit_event, cascade, client, consent_grant, unused_client};
use protocol::client_address::site_of;
use protocol::scope::ScopeSet;
use protocol::secret::HashKey;
use uuid::Uuid;

use super::messages::{
    Agree, Agreed, Crowded, Decide, Decided, Decision, FindGrants, FindRequest, ListGrants,
    OpenError, OpenRequest, PendingRequest, Redeem, RevokeGrant,
};
use super::{agree, decide, redeem};
use crate::audit::Event;
use crate::denials::Denials;
use crate::revocations;
use crate::runtime::{Answer, Ask, Desk, Environment, Keeper, Letter, Queue, Receive};

/// Requests that wait at once at most, over all servers on the database. They are a few
/// kilobytes each, and gone after `request_lifetime`.
const MOST_WAITING: u64 = 50_000;
/// As many times what one network may have waiting, a site may: a customer's many networks
/// are one customer, and must not be able to fill the table.
const NETWORKS_OF_A_SITE: u32 = 4;
/// Redemptions in one transaction at most.
const BATCH: usize = 64;

/// What the keeper is configured with.
#[derive(Debug, Clone)]
pub struct ConsentSettings {
    /// Keys the hashes of codes.
    pub code_key: HashKey,
    /// Keys the hashes of browser cookies.
    pub cookie_key: HashKey,
    /// How long a person may take to decide.
    pub request_lifetime: Duration,
    /// Requests that one network may have waiting, if that is limited.
    pub requests_of_network: Option<u32>,
    /// How long a code can be redeemed.
    pub code_lifetime: Duration,
    /// Life of the access tokens handed out.
    pub access_lifetime: Duration,
    /// Sliding life of a refresh token.
    pub refresh_lifetime: Duration,
    /// The end of a family, however often it is used.
    pub family_lifetime: Duration,
}

/// Owns pending requests, codes and consent grants.
#[derive(Debug)]
pub struct Consent {
    pub(super) store: Store,
    pub(super) environment: Environment,
    pub(super) settings: ConsentSettings,
    pub(super) denials: Denials,
    redemptions: Queue<Letter<Redeem>>,
    /// Requests that wait, as last counted, and those opened here since.
    waiting: u64,
    counting: bool,
}

impl Consent {
    /// A keeper over `store`.
    #[must_use]
    pub fn new(
        store: Store,
        environment: Environment,
        settings: ConsentSettings,
        denials: Denials,
    ) -> Consent {
        let redemptions = Queue::with_batches_of(BATCH);
        Consent { store, environment, settings, denials, redemptions, waiting: 0, counting: false }
    }

    /// The budgets that a request from `network` spends: as many as may wait, which come
    /// back in the time that a request waits at most; and those of the site it is in.
    fn budgets_of(&self, network: Option<IpAddr>) -> Vec<([u8; 32], Refill)> {
        let Some((most, network)) = self.settings.requests_of_network.zip(network) else {
            return Vec::new();
        };
        let budget = |name: String, most: u32| {
            let pause = self.settings.request_lifetime / most.max(1);
            (self.settings.cookie_key.hash(name.as_bytes()), Refill::new(pause, most))
        };
        let own = budget(format!("authorization request\0{network}"), most);
        let site = site_of(network).map(|site| {
            let name = format!("authorization requests of a site\0{site}");
            budget(name, most.saturating_mul(NETWORKS_OF_A_SITE))
        });
        [Some(own), site].into_iter().flatten().collect()
    }

    fn redeem_next_batch(&mut self, desk: &mut Desk<'_, Self>) {
        let Some(letters) = self.redemptions.next_batch() else { return };
        let (requests, answers): (Vec<Redeem>, Vec<Answer<_>>) =
            letters.into_iter().filter_map(Letter::open).unzip();
        metrics::histogram!("authserver_keeper_batch_size", "keeper" => Self::NAME)
            .record(u32::try_from(requests.len()).unwrap_or(u32::MAX));
        let work = redeem::all(
            self.store.clone(),
            self.environment.clone(),
            self.settings.clone(),
            self.denials.clone(),
            requests,
        );
        desk.spawn(work, |consent, outcomes, desk| {
            for (outcome, answer) in outcomes.into_iter().zip(answers) {
                answer.give(outcome);
            }
            consent.redemptions.batch_done();
            consent.redeem_next_batch(desk);
        });
    }
}

impl Keeper for Consent {
    const NAME: &'static str = "consent";
    const CAPACITY: usize = 1024;
    const TICK: Option<Duration> = Some(Duration::from_secs(5));

    /// Counts the requests that wait, which other servers open too.
    fn tick(&mut self, desk: &mut Desk<'_, Self>) {
        if self.counting {
            return;
        }
        self.counting = true;
        let (store, now) = (self.store.clone(), self.environment.now());
        let count = async move {
            let count = |db| async move { authorization_request::count_waiting(&db, now).await };
            store.read(count).await
        };
        desk.spawn(count, |consent, outcome, desk| {
            consent.counting = false;
            desk.note(&outcome);
            match outcome {
                Ok(waiting) => consent.waiting = waiting,
                Err(error) => tracing::warn!(%error, "the waiting requests could not be counted"),
            }
        });
    }
}

impl Receive<OpenRequest> for Consent {
    fn receive(&mut self, letter: Letter<OpenRequest>, desk: &mut Desk<'_, Self>) {
        let Some((order, answer)) = letter.open() else { return };
        if self.waiting >= MOST_WAITING {
            return answer.give(Err(OpenError::Crowded(Crowded::Server)));
        }
        self.waiting += 1;
        let id = self.environment.new_id();
        let now = self.environment.now();
        let spend = self.budgets_of(order.network);
        let new = NewRequest {
            id,
            browser_hash: order.browser.hash(&self.settings.cookie_key),
            request: order.request,
            created_at: now,
            expires_at: self.environment.after(self.settings.request_lifetime),
        };
        let work = open(self.store.clone(), new, spend);
        desk.spawn(work, move |consent, outcome, _| {
            if outcome.is_err() {
                consent.waiting = consent.waiting.saturating_sub(1);
            }
            answer.give(outcome.map(|()| id));
        });
    }
}

/// From here on the client is used, and is not swept; one that was swept since it was
/// looked up is gone.
async fn open(
    store: Store,
    new: NewRequest,
    spend: Vec<([u8; 32], Refill)>,
) -> Result<(), OpenError> {
    let opened = store.write(move |transaction| {
        Box::pin(async move {
            for (whose, refill) in spend {
                if !budget::spend(transaction, &whose, new.created_at, refill).await? {
                    return Ok(Err(OpenError::Crowded(Crowded::Network)));
                }
            }
            if !unused_client::hold_for_use(transaction, &new.request.client_id).await? {
                return Ok(Err(OpenError::ClientGone));
            }
            authorization_request::insert(transaction, new).await?;
            Ok(Ok(()))
        })
    });
    opened.await?
}

impl Receive<FindRequest> for Consent {
    fn receive(&mut self, letter: Letter<FindRequest>, desk: &mut Desk<'_, Self>) {
        let Some((question, answer)) = letter.open() else { return };
        let browser = question.browser.hash(&self.settings.cookie_key);
        let (store, now) = (self.store.clone(), self.environment.now());
        let work = async move {
            store
                .read(move |db| async move {
                    let id = question.id;
                    let found = authorization_request::find_open(&db, id, &browser, now).await?;
                    let pending = found.map(|row| {
                        Ok(PendingRequest { request: row.request()?, created_at: row.created_at })
                    });
                    pending.transpose()
                })
                .await
        };
        desk.spawn(work, |_, outcome, _| answer.give(outcome));
    }
}

impl Receive<Decide> for Consent {
    fn receive(&mut self, letter: Letter<Decide>, desk: &mut Desk<'_, Self>) {
        let Some((order, answer)) = letter.open() else { return };
        let asked = order.decision != Decision::Covered;
        desk.spawn(decide::decide(self, order), move |_, outcome, _| {
            if asked {
                count(&outcome);
            }
            answer.give(outcome);
        });
    }
}

impl Receive<Agree> for Consent {
    fn receive(&mut self, letter: Letter<Agree>, desk: &mut Desk<'_, Self>) {
        let Some((order, answer)) = letter.open() else { return };
        desk.spawn(agree::agree(self, order), |_, outcome, _| {
            match &outcome {
                Ok(Agreed::Given(_)) => count_decision("granted"),
                Ok(Agreed::Denied) => count_decision("denied"),
                _ => {}
            }
            answer.give(outcome);
        });
    }
}

/// Counts what a person decided, once it is committed.
fn count(outcome: &Result<Decided, StoreError>) {
    match outcome {
        Ok(Decided::Approved(_)) => count_decision("granted"),
        Ok(Decided::Refused(_)) => count_decision("denied"),
        _ => {}
    }
}

fn count_decision(decision: &'static str) {
    metrics::counter!("authserver_consent_decisions_total", "decision" => decision).increment(1);
}

impl Receive<FindGrants> for Consent {
    fn receive(&mut self, letter: Letter<FindGrants>, desk: &mut Desk<'_, Self>) {
        let Some((question, answer)) = letter.open() else { return };
        desk.spawn(find_grants(self.store.clone(), question), |_, outcome, _| {
            answer.give(outcome);
        });
    }
}

async fn find_grants(
    store: Store,
    question: FindGrants,
) -> Result<Vec<(Uuid, ScopeSet)>, StoreError> {
    store
        .read(move |db| async move {
            let live = consent_grant::live(&db, question.user_id, &question.client_id).await?;
            live.into_iter().map(|grant| Ok((grant.resource_id, grant.scopes()?))).collect()
        })
        .await
}

impl Receive<ListGrants> for Consent {
    fn receive(&mut self, letter: Letter<ListGrants>, desk: &mut Desk<'_, Self>) {
        let Some((question, answer)) = letter.open() else { return };
        desk.spawn(list_grants(self.store.clone(), question), |_, outcome, _| answer.give(outcome));
    }
}

async fn list_grants(
    store: Store,
    ListGrants { user_id, page }: ListGrants,
) -> <ListGrants as Ask>::Reply {
    store
        .read(move |db| async move {
            let (grants, total) = consent_grant::of_user(&db, user_id, page).await?;
            let mut clients: Vec<String> = grants.iter().map(|it| it.client_id.clone()).collect();
            clients.sort_unstable();
            clients.dedup();
            let names = client::names(&db, clients).await?;
            let named = |grant: ConsentGrant| {
                let name = names.get(&grant.client_id).cloned();
                (grant, name)
            };
            Ok((grants.into_iter().map(named).collect(), total))
        })
        .await
}

impl Receive<Redeem> for Consent {
    fn receive(&mut self, letter: Letter<Redeem>, desk: &mut Desk<'_, Self>) {
        self.redemptions.push(letter);
        self.redeem_next_batch(desk);
    }
}

impl Receive<RevokeGrant> for Consent {
    fn receive(&mut self, letter: Letter<RevokeGrant>, desk: &mut Desk<'_, Self>) {
        let Some((order, answer)) = letter.open() else { return };
        let (store, environment) = (self.store.clone(), self.environment.clone());
        let work = async move {
            store
                .write(move |transaction| {
                    Box::pin(async move {
                        let now = environment.now();
                        let reach =
                            cascade::revoke_consent_grant(transaction, order.id, "consent", now)
                                .await?;
                        if let Some(reach) = reach {
                            let event = Event::new("consent_grant.revoked_admin", &order.origin)
                                .by(&order.admin)
                                .with("grant", order.id)
                                .with("revoked_issuances", reach.issuances)
                                .with("revoked_families", reach.families)
                                .stamped(&environment);
                            audit_event::append(transaction, vec![event]).await?;
                        }
                        Ok(reach)
                    })
                })
                .await
        };
        desk.spawn(work, |_, outcome, _| {
            let count =
                |reach: &Option<_>| revocations::count("consent", reach.unwrap_or_default());
            answer.give(outcome.inspect(count));
        });
    }
}
