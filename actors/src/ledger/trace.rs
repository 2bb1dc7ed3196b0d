//! What stands behind the tokens that others are wanted for: a batch of questions, one query.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use entities::issuance::{self, Origin};
use entities::{Store, StoreError};
use protocol::client::GrantType;
use protocol::scope::ScopeSet;
use uuid::Uuid;

use super::Ledger;
use crate::runtime::{Answer, Ask, Desk, Letter, Receive};

/// "Is this token good, what was it issued for, and what has its user agreed to about the resource
/// it is to be exchanged for?"
#[derive(Debug, Clone, Copy)]
pub struct Trace {
    /// The token.
    pub jti: Uuid,
    /// That resource, where it is known.
    pub target: Option<Uuid>,
}

impl Ask for Trace {
    /// `None` when the token is not good, as with [`super::IsGood`].
    type Reply = Result<Option<Traced>, StoreError>;
}

/// Where a good token comes from.
#[derive(Debug, Clone)]
pub struct Traced {
    /// The grant it was issued for; none when this version knows no such grant.
    pub grant: Option<GrantType>,
    /// The user it stands for, if there is one.
    pub user_id: Option<Uuid>,
    /// The resources it is for.
    pub resource_ids: Vec<Uuid>,
    /// When what it was issued for ends: the sign-in that it belongs to, or else the token.
    pub ends_at: DateTime<Utc>,
    /// What its user has agreed to about the target with its client.
    pub agreed: Option<ScopeSet>,
}

impl From<&Origin> for Traced {
    fn from(row: &Origin) -> Traced {
        let family_ends_at = row.tip_ends_at.into_iter().chain(row.family_ends_at).min();
        Traced {
            grant: GrantType::parse(&row.grant_type),
            user_id: row.user_id,
            resource_ids: row.resource_ids.0.clone(),
            ends_at: family_ends_at.unwrap_or(row.expires_at),
            agreed: None,
        }
    }
}

/// Others are answered by the same query: scopes that cannot be read are worth nothing to whoever
/// asked about them, and stop nobody else.
fn readable(jti: Uuid, scopes: &str) -> Option<ScopeSet> {
    let read = ScopeSet::parse_stored(scopes);
    if let Err(error) = &read {
        tracing::error!(%jti, %error, "what the token's user has agreed to cannot be read");
    }
    read.ok()
}

/// What one query found, by token.
type Found = HashMap<Uuid, Vec<Origin>>;

impl Trace {
    fn answer(self, found: &Found) -> Option<Traced> {
        let rows = found.get(&self.jti)?;
        let about = |row: &&Origin| self.target.is_some() && row.agreed_about == self.target;
        let agreed = rows.iter().find(about).and_then(|row| row.agreed.as_deref());
        let agreed = agreed.and_then(|scopes| readable(self.jti, scopes));
        rows.first().map(|row| Traced { agreed, ..Traced::from(row) })
    }
}

impl Ledger {
    fn answer_next_traces(&mut self, desk: &mut Desk<'_, Self>) {
        let Some(letters) = self.traces.next_batch() else { return };
        let (asked, answers): (Vec<Trace>, Vec<Answer<_>>) =
            letters.into_iter().filter_map(Letter::open).unzip();
        let sought = look_up(self.store.clone(), &asked);
        desk.spawn(sought, move |ledger, found, desk| {
            for (trace, answer) in asked.into_iter().zip(answers) {
                answer.give(found.as_ref().map(|found| trace.answer(found)).map_err(Clone::clone));
            }
            ledger.traces.batch_done();
            ledger.answer_next_traces(desk);
        });
    }
}

fn look_up(
    store: Store,
    asked: &[Trace],
) -> impl Future<Output = Result<Found, StoreError>> + use<> {
    let jtis: HashSet<Uuid> = asked.iter().map(|trace| trace.jti).collect();
    let targets: HashSet<Uuid> = asked.iter().filter_map(|trace| trace.target).collect();
    async move {
        let (jtis, targets) = (jtis.into_iter().collect(), targets.into_iter().collect());
        let rows =
            store.read(move |db| async move { issuance::trace_all(&db, jtis, targets).await });
        let mut found = Found::new();
        for row in rows.await? {
            found.entry(row.jti).or_default().push(row);
        }
        Ok(found)
    }
}

impl Receive<Trace> for Ledger {
    fn receive(&mut self, letter: Letter<Trace>, desk: &mut Desk<'_, Self>) {
        self.traces.push(letter);
        self.answer_next_traces(desk);
    }
}
