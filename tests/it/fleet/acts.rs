//! What clients of a fleet do, each act recorded.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::sleep;
use uuid::Uuid;

use super::history::{Act, Outcome, Place, Recorder};
use super::pool::{Held, Pool};
use crate::kit::dice::Dice;
use crate::kit::dpop::Prover;
use crate::kit::jwt::Jwks;
use crate::kit::tenant::{App, Machine, code_in, heard};
use crate::kit::{Answer, Pkce};

/// Before a client that got nothing comes again. Sooner than `Retry-After` asks for: that a fleet is
/// whole again is to be seen at once.
const BREATH: Duration = Duration::from_millis(300);

/// All that the clients have in common.
#[derive(Debug)]
pub(super) struct World {
    pub(super) recorder: Recorder,
    pub(super) issuer: String,
    /// The replicas' public and admin addresses.
    pub(super) replicas: [String; 3],
    pub(super) admins: [String; 3],
    pub(super) admin_key: String,
    pub(super) machine: Machine,
    pub(super) gateway: Machine,
    pub(super) app: App,
    /// Access tokens to ask about.
    pub(super) pool: Mutex<Pool>,
    /// Apps that registered themselves and that the person has agreed to.
    pub(super) agreed: Mutex<Vec<String>>,
    /// Families that nobody has ended.
    pub(super) left: Mutex<Vec<Family>>,
    pub(super) families: AtomicU32,
    pub(super) over: AtomicBool,
}

/// A sign-in as its client knows it.
#[derive(Debug, Clone)]
pub(super) struct Family {
    pub(super) number: u32,
    /// The refresh token to be used next, and those before it, the newest last.
    pub(super) tip: String,
    pub(super) before: Vec<String>,
}

/// Waits for a lock that nobody holds for long.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An answer that says that it was done, and nothing more.
fn done(answer: &Answer) -> Option<Outcome> {
    (answer.status == 200).then_some(Outcome::Done)
}

fn a_code(answer: &Answer) -> Option<Outcome> {
    code_in(answer).map(|_| Outcome::Done)
}

impl World {
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    pub(super) async fn breathe(&self) {
        sleep(BREATH).await;
    }

    /// An address: the balancer's is the issuer's.
    fn url(&self, place: Place, path: &str) -> String {
        match place {
            Place::Balancer => format!("{}{path}", self.issuer),
            Place::Replica(number) => format!("{}{path}", self.replicas[number]),
        }
    }

    fn token_endpoint(&self) -> String {
        self.url(Place::Balancer, "/oauth/token")
    }

    /// The balancer or a replica.
    pub(super) fn anywhere(&self, dice: &mut Dice) -> Place {
        if dice.percent(50) { Place::Balancer } else { Place::Replica(dice.throw(3)) }
    }

    /// A machine asks for a token, with a proof of its key if it has one.
    pub(super) async fn issue(&self, key: Option<&Prover>) -> Outcome {
        let proof = key.map(|key| key.proof_for(&self.issuer));
        let headers: Vec<_> = proof.iter().map(|proof| ("dpop", proof.as_str())).collect();
        let endpoint = self.token_endpoint();
        let asked = self.machine.token_with(&endpoint, &headers);
        let (outcome, heard) =
            self.recorder.record(Act::Issue, Place::Balancer, asked, |it| self.tokens(it)).await;
        self.keep(&outcome, heard.as_ref(), None);
        outcome
    }

    /// The gateway exchanges an app's token for one of its own.
    pub(super) async fn exchange(&self, held: &Held) -> Outcome {
        let (act, endpoint) = (Act::Exchange { subject: held.jti }, self.token_endpoint());
        let asked = self.gateway.exchange(&endpoint, &held.token);
        let (outcome, heard) =
            self.recorder.record(act, Place::Balancer, asked, |it| self.tokens(it)).await;
        if let (Some(granted), Some(answer)) = (outcome.tokens(), heard) {
            let (token, jti) = (answer.member("access_token"), granted.jti);
            let held = Held { token, jti, family: held.family, exchanged: true };
            locked(&self.pool).keep(held);
        }
        outcome
    }

    fn tokens(&self, answer: &Answer) -> Option<Outcome> {
        self.recorder.tokens_in(answer).filter(|_| answer.status == 200)
    }

    fn keep(&self, outcome: &Outcome, heard: Option<&Answer>, family: Option<u32>) {
        if let (Some(granted), Some(answer)) = (outcome.tokens(), heard) {
            let token = answer.member("access_token");
            let held = Held { token, jti: granted.jti, family, exchanged: false };
            locked(&self.pool).keep(held);
        }
    }

    /// An app to which the person has agreed asks for a code.
    pub(super) async fn authorize(&self, app: &App, pkce: &Pkce) -> (Outcome, Option<String>) {
        let act = Act::Authorize { app: app.id.clone() };
        let asked = app.ask_for_code(&self.issuer, pkce);
        let (outcome, heard) = self.recorder.record(act, Place::Balancer, asked, a_code).await;
        (outcome, heard.as_ref().and_then(code_in))
    }

    /// The person agrees to what an app wants.
    pub(super) async fn agree(&self, app: &App, resource: &str, pkce: &Pkce) -> Outcome {
        let act = Act::Agree { app: app.id.clone() };
        let asked = app.agree(&self.issuer, resource, pkce);
        self.recorder.record(act, Place::Balancer, asked, a_code).await.0
    }

    /// An app registers.
    pub(super) async fn register(&self) -> (Outcome, Option<App>) {
        let asked = self.app.register_another(&self.issuer);
        let registered = |answer: &Answer| (answer.status == 201).then_some(Outcome::Done);
        let (outcome, heard) =
            self.recorder.record(Act::Register, Place::Balancer, asked, registered).await;
        let answer = heard.filter(|_| outcome.is_success());
        (outcome, answer.map(|answer| self.app.another(&answer.member("client_id"))))
    }

    /// The app redeems a code; the tip of the family.
    pub(super) async fn redeem(
        &self,
        family: u32,
        code: &str,
        pkce: &Pkce,
    ) -> (Outcome, Option<String>) {
        let act = Act::Redeem { code: code.to_owned(), family };
        let endpoint = self.token_endpoint();
        let asked = self.app.redeem(&endpoint, code, pkce);
        let (outcome, heard) =
            self.recorder.record(act, Place::Balancer, asked, |it| self.tokens(it)).await;
        self.keep(&outcome, heard.as_ref(), Some(family));
        let tip = outcome.tokens().and_then(|granted| granted.refresh.clone());
        (outcome, tip)
    }

    /// The app uses a refresh token; its successor.
    pub(super) async fn rotate(&self, family: u32, presented: &str) -> (Outcome, Option<String>) {
        let act = Act::Rotate { presented: presented.to_owned(), family };
        let endpoint = self.token_endpoint();
        let asked = self.app.refresh(&endpoint, presented);
        let (outcome, heard) =
            self.recorder.record(act, Place::Balancer, asked, |it| self.tokens(it)).await;
        self.keep(&outcome, heard.as_ref(), Some(family));
        let tip = outcome.tokens().and_then(|granted| granted.refresh.clone());
        (outcome, tip)
    }

    /// The app gives a refresh token back.
    pub(super) async fn revoke_family(&self, family: u32, tip: &str) -> Outcome {
        let act = Act::RevokeFamily { family };
        let endpoint = self.url(Place::Balancer, "/oauth/revoke");
        let asked = self.app.revoke(&endpoint, tip);
        self.recorder.record(act, Place::Balancer, asked, done).await.0
    }

    /// The machine gives an access token back.
    pub(super) async fn revoke_token(&self, held: &Held) -> Outcome {
        let act = Act::RevokeToken { jti: held.jti };
        let endpoint = self.url(Place::Balancer, "/oauth/revoke");
        let asked = self.machine.present(&endpoint, &held.token);
        self.recorder.record(act, Place::Balancer, asked, done).await.0
    }

    /// The gateway asks about a token.
    pub(super) async fn introspect(&self, place: Place, jti: Uuid, token: &str) -> Outcome {
        let endpoint = self.url(place, "/oauth/introspect");
        let asked = self.gateway.present(&endpoint, token);
        let read = |answer: &Answer| {
            Some(match answer.json()["active"].as_bool()? {
                true => Outcome::Active,
                false => Outcome::Inactive,
            })
        };
        self.recorder.record(Act::Introspect { jti }, place, asked, read).await.0
    }

    /// The gateway asks every replica about a token, and the balancer.
    pub(super) async fn introspect_everywhere(&self, jti: Uuid, token: &str) {
        for place in [Place::Balancer, Place::Replica(0), Place::Replica(1), Place::Replica(2)] {
            self.introspect(place, jti, token).await;
        }
    }

    /// A resource server fetches the keys and verifies `token`.
    pub(super) async fn verify(&self, http: &reqwest::Client, place: Place, token: Option<&Held>) {
        let asked = heard(http.get(self.url(place, "/.well-known/jwks.json")));
        let read = |answer: &Answer| {
            let jwks = Jwks::in_answer(answer);
            let kid = token.map(|held| crate::kit::client::jose_header(&held.token)["kid"].clone());
            let has_it = jwks.keys.iter().any(|key| Some(&key["kid"]) == kid.as_ref());
            let verifies = token.is_none_or(|held| jwks.verified(&held.token).is_some());
            // That it is missing is for the law to judge; that it does not fit is wrong anyway.
            (verifies || !has_it).then(|| Outcome::Keys(jwks.kids()))
        };
        self.recorder.record(Act::FetchKeys, place, asked, read).await;
    }

    /// An operator orders a new key of one replica.
    pub(super) async fn rotate_keys(&self, replica: usize, emergency: bool) -> Outcome {
        let url = format!("{}/admin/keys/rotate", self.admins[replica]);
        let order = serde_json::json!({ "emergency": emergency });
        let request = reqwest::Client::new().post(url).bearer_auth(&self.admin_key).json(&order);
        let place = Place::Replica(replica);
        self.recorder.record(Act::RotateKeys { emergency }, place, heard(request), done).await.0
    }

    /// An operator orders a new server secret of one replica.
    pub(super) async fn rotate_secrets(&self, replica: usize) -> Outcome {
        let url = format!("{}/admin/secrets/rotate", self.admins[replica]);
        let order = serde_json::json!({});
        let request = reqwest::Client::new().post(url).bearer_auth(&self.admin_key).json(&order);
        let place = Place::Replica(replica);
        self.recorder.record(Act::RotateSecrets, place, heard(request), done).await.0
    }

    /// A number for the next family.
    pub(super) fn next_family(&self) -> u32 {
        self.families.fetch_add(1, Ordering::Relaxed)
    }
}
