//! What a presented refresh token deserves. Pure: no clock, no store.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use protocol::OAuthError;
use protocol::grant::Grantable;
use uuid::Uuid;

/// A genuine refresh token and who presents it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// The family named by the token.
    pub family: Uuid,
    /// The generation named by the token.
    pub generation: i64,
    /// The authenticated client.
    pub client_id: String,
    /// Thumbprint of the DPoP proof's key, if there was a proof.
    pub jkt: Option<String>,
}

/// The family as it stands in the store.
#[derive(Debug, Clone)]
pub struct Family {
    /// Generation of the live tip.
    pub generation: i64,
    /// The client the tokens belong to.
    pub client_id: String,
    /// The DPoP key its refresh tokens are bound to, if they are.
    pub jkt: Option<String>,
    /// When the tip was last moved.
    pub rotated_at: DateTime<Utc>,
    /// When the tip expires.
    pub expires_at: DateTime<Utc>,
    /// When the family was revoked, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// What to do about a presented token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is the tip: move on, and hand out the successor.
    Rotate(Grantable),
    /// It was the tip until just now: hand out the same successor once more.
    Replay(Grantable),
    /// Nothing happens to the family.
    Refuse(Refusal),
    /// Somebody has a token they should not have: the family dies.
    Revoke(Misuse),
}

/// Why no token is handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The client is suspended, revoked or gone; the family is as it was.
    ClientNotActive,
    /// There is no such family (any more).
    UnknownFamily,
    /// The family was revoked.
    Revoked,
    /// The token was not used in time.
    Expired,
    /// The request asks for what the family does not give; the token is unspent.
    NotGrantable(OAuthError),
    /// Misuse was found and the family has been revoked for it.
    Misused(Misuse),
}

/// How a token can be in the wrong hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misuse {
    /// A token older than the grace window allows.
    Reused,
    /// A token we have not issued yet: the store was set back to an older state, and
    /// tokens that were spent since could be used again.
    FromTheFuture,
    /// Another client presents it.
    OtherClient,
    /// It is bound to a key, and the proof is by another.
    OtherKey,
}

impl Misuse {
    /// The word in the audit log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Misuse::Reused => "reused",
            Misuse::FromTheFuture => "from_the_future",
            Misuse::OtherClient => "other_client",
            Misuse::OtherKey => "other_key",
        }
    }
}

/// Decides about a presented token. `grantable` says what the request may have of the
/// family (RFC 6749 §6); it is asked only of a token that is in the right hands.
///
/// The order matters. A dead family answers the same to everybody. Misuse is judged
/// before the request's wishes, so that a thief cannot probe with odd scopes; and the
/// wishes before any change, so that a refused wish leaves the token unspent.
pub fn judge(
    family: &Family,
    presented: &Presented,
    grace: Duration,
    now: DateTime<Utc>,
    grantable: impl FnOnce() -> Result<Grantable, OAuthError>,
) -> Verdict {
    if family.revoked_at.is_some() {
        return Verdict::Refuse(Refusal::Revoked);
    }
    if family.expires_at <= now {
        return Verdict::Refuse(Refusal::Expired);
    }
    if family.client_id != presented.client_id {
        return Verdict::Revoke(Misuse::OtherClient);
    }
    match (&family.jkt, &presented.jkt) {
        // A request that forgot its proof shows no wrong key, and must not cost a sign-in.
        (Some(_), None) => return Verdict::Refuse(Refusal::NotGrantable(proof_missing())),
        (Some(bound_to), Some(jkt)) if bound_to != jkt => {
            return Verdict::Revoke(Misuse::OtherKey);
        }
        _ => {}
    }
    let verdict: fn(Grantable) -> Verdict = match family.generation - presented.generation {
        0 => Verdict::Rotate,
        1 if within_grace(family, grace, now) => Verdict::Replay,
        ..0 => return Verdict::Revoke(Misuse::FromTheFuture),
        _ => return Verdict::Revoke(Misuse::Reused),
    };
    match grantable() {
        Ok(granted) => verdict(granted),
        Err(refusal) => Verdict::Refuse(Refusal::NotGrantable(refusal)),
    }
}

fn proof_missing() -> OAuthError {
    OAuthError::invalid_dpop_proof(
        "The refresh token is bound to a key (RFC 9449 section 5): send a DPoP proof.",
    )
}

/// The window starts at the rotation. A clock that was set back between two replicas
/// must not close it, so a rotation "in the future" counts as just now. A window of
/// no length is never open.
fn within_grace(family: &Family, grace: Duration, now: DateTime<Utc>) -> bool {
    if grace.is_zero() {
        return false;
    }
    let grace = TimeDelta::from_std(grace).unwrap_or(TimeDelta::MAX);
    now.signed_duration_since(family.rotated_at) <= grace
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
