//! Is a key ours, and what may whoever holds it do now?

use biscuit_auth::builder::{
    AuthorizerBuilder, Policy, PolicyKind, Term, fact, pred, rule, string, var,
};
use biscuit_auth::{AuthorizerLimits, Biscuit};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::read::{contents, envelope};
use super::{Inspected, KeyName, MintedKey, Refusal, Rights, RootPublicKey, words};
use crate::admin::Right;

/// Bounds for our own small program; what a key says is bounded before (`read.rs`).
/// The time is a last resort: the library looks at the clock between steps only, and a machine
/// under load must not refuse good keys.
const LIMITS: AuthorizerLimits = AuthorizerLimits {
    max_facts: 100,
    max_iterations: 10,
    max_time: std::time::Duration::from_secs(2),
};

/// A key that is ours and has not ended. Whether it was revoked, the store knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Names its row in the store.
    pub id: Uuid,
    /// Who it was minted for.
    pub name: KeyName,
    /// What those who narrowed it call it.
    pub labels: Vec<KeyName>,
    /// What it may do: never none.
    pub rights: Rights,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

impl Verified {
    /// What the audit log calls its holder: `admin:key:<name>:<id>`, or, when it was narrowed
    /// with labels, `admin:key:<name>/<label>:<id>`.
    #[must_use]
    pub fn identity(&self) -> String {
        identity(&self.name, &self.labels, self.id)
    }
}

fn identity(name: &KeyName, labels: &[KeyName], id: Uuid) -> String {
    let labels: String = labels.iter().map(|label| format!("/{label}")).collect();
    format!("admin:key:{name}{labels}:{id}")
}

/// A key that is ours: its signatures are good, and it says what our keys say. Whether it is
/// good now is another question.
#[derive(Debug, Clone)]
pub struct Signed {
    biscuit: Biscuit,
    says: Inspected,
}

impl RootPublicKey {
    /// What `key` may do at `now`.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn verify(&self, key: &MintedKey, now: DateTime<Utc>) -> Result<Verified, Refusal> {
        self.recognise(key)?.good_at(now)
    }

    /// Whether `key` is ours.
    ///
    /// # Errors
    /// See [`Refusal`]; never one that is about the time or about rights.
    pub fn recognise(&self, key: &MintedKey) -> Result<Signed, Refusal> {
        let bytes = key.bytes()?;
        let envelope = envelope(&bytes)?;
        let biscuit = Biscuit::from(&bytes, self.0).map_err(|_| Refusal::BadSignature)?;
        Ok(Signed { biscuit, says: contents(&envelope)? })
    }
}

impl Signed {
    /// Whose key it was before anybody narrowed it: `admin:key:<name>:<id>`. Unlike labels,
    /// which whoever holds a key can make up, there are as many of these as keys were minted.
    #[must_use]
    pub fn minted_identity(&self) -> String {
        identity(&self.says.name, &[], self.says.id)
    }

    /// What those who narrowed it call it.
    pub fn labels(&self) -> impl Iterator<Item = &KeyName> {
        self.says.narrowings.iter().filter_map(|block| block.label.as_ref())
    }

    /// What it may do at `now`.
    ///
    /// # Errors
    /// [`Refusal::Expired`] and [`Refusal::NoRights`].
    pub fn good_at(self, now: DateTime<Utc>) -> Result<Verified, Refusal> {
        let Signed { biscuit, says } = self;
        let Inspected { id, name, narrowings, rights, expires_at, .. } = says;
        if expires_at <= now {
            return Err(Refusal::Expired);
        }
        let labels = narrowings.into_iter().filter_map(|block| block.label).collect();
        let rights: Rights =
            rights.iter().filter(|right| authorizes(&biscuit, *right, now)).collect();
        if rights.is_empty() {
            return Err(Refusal::NoRights);
        }
        Ok(Verified { id, name, labels, rights, expires_at })
    }
}

/// The Biscuit's own word: the authority gives the right, and every check of every block holds.
/// Reading said so already; a mistake there must not be enough to be let in.
fn authorizes(biscuit: &Biscuit, right: Right, now: DateTime<Utc>) -> bool {
    let seconds = u64::try_from(now.timestamp()).unwrap_or(u64::MAX);
    let asked = [string(right.area.as_str()), string(right.verb.as_str())];
    let (area, verb) = (var("area"), var("verb"));
    let asked_and_given =
        [pred(words::OPERATION, &[area.clone(), verb.clone()]), pred(words::RIGHT, &[area, verb])];
    let no_terms: &[Term] = &[];
    let query = rule("allow", no_terms, &asked_and_given);
    let builder = AuthorizerBuilder::new()
        .set_limits(LIMITS)
        .fact(fact(words::TIME, &[Term::Date(seconds)]))
        .and_then(|builder| builder.fact(fact(words::OPERATION, &asked)))
        .and_then(|builder| {
            builder.policy(Policy { queries: vec![query], kind: PolicyKind::Allow })
        });
    let outcome = builder.and_then(|builder| builder.build(biscuit)?.authorize());
    outcome.is_ok()
}
