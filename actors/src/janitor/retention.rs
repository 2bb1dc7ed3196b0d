//! How long rows outlive their use.

use std::time::Duration;

use chrono::TimeDelta;
use entities::sweep::Expiring;

/// What the operator decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Audit rows; none keeps them for ever.
    pub audit: Option<Duration>,
    /// Issuances, after their token expired.
    pub issuances: Duration,
    /// Admin keys after they expired, consent grants after they were taken back.
    pub ended: Duration,
    /// Clients that registered themselves and are unused; none keeps them.
    pub unused_clients: Option<Duration>,
    /// More clients than this that registered themselves, used or not, are a crowd: then an
    /// unused one is kept for an hour only.
    pub crowd: u64,
}

impl Retention {
    /// How long a row outlives its expiry; none is for ever. A day, so that an operator
    /// can look at what happened yesterday and clocks may disagree; but anybody can open
    /// an authorization request or fail to sign in, so those go as soon as they are of
    /// no use.
    pub(super) fn kept_for(&self, table: Expiring) -> Option<TimeDelta> {
        match table {
            Expiring::AuthorizationRequests | Expiring::Attempts | Expiring::Budgets => {
                Some(TimeDelta::zero())
            }
            // There may be one for every request, so a day of them would be too many. A
            // clock that is behind still takes what others call too old.
            Expiring::Replay => Some(TimeDelta::minutes(5)),
            Expiring::AuditEvents => self.audit.map(span),
            Expiring::Issuances => Some(span(self.issuances)),
            Expiring::AdminKeys | Expiring::ConsentGrants => Some(span(self.ended)),
            _ => Some(TimeDelta::days(1)),
        }
    }
}

pub(super) fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
