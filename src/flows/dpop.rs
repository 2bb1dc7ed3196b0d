//! Proof of possession at the token endpoint (RFC 9449 §5): whose key is it, and is this
//! the first time the proof gets a token, from any replica?

use actors::replay::{Spend, Spent};
use chrono::TimeDelta;
use protocol::OAuthError;
use protocol::dpop::{Expected, Proof, ProofRefusal, Proven};

use crate::app::Services;
use crate::failure::Failure;

/// The `DPoP` header of a request, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SentProof {
    /// There is none.
    None,
    /// There is one.
    One(String),
    /// There are several, or something that is no text.
    Unusable(ProofRefusal),
}

impl SentProof {
    /// Whether the client tried.
    #[must_use]
    pub fn is_there(&self) -> bool {
        *self != SentProof::None
    }
}

/// What the proof sent with the request to `url` proves; it is still to be spent. `None`
/// without a proof, and while DPoP is switched off.
///
/// # Errors
/// `invalid_dpop_proof` with the check that failed, `use_dpop_nonce` when a nonce is
/// needed.
pub fn prove(
    services: &Services,
    sent: &SentProof,
    url: &str,
) -> Result<Option<Proven>, OAuthError> {
    let settings = &services.config.dpop;
    let proof = match sent {
        SentProof::One(proof) if settings.enabled => proof,
        SentProof::Unusable(refusal) if settings.enabled => return Err(refused(*refusal)),
        _ => return Ok(None),
    };
    let ring = services.keepers.secret_ring.current();
    let expected = Expected {
        method: "POST",
        url,
        now: services.environment.now(),
        lifetime: TimeDelta::from_std(settings.proof_lifetime).unwrap_or_default(),
        nonces: settings.require_nonce.then_some(&ring.dpop_nonce),
    };
    Proof::read(proof).and_then(|proof| proof.verify(&expected)).map(Some).map_err(refused)
}

/// Spends a proof, for a grant whose transaction does not: the thumbprint of the key.
///
/// # Errors
/// `invalid_dpop_proof` when it was spent before; or when the server cannot say.
pub async fn spend(services: &Services, proven: Option<Proven>) -> Result<Option<String>, Failure> {
    let Some(Proven { jkt, once }) = proven else { return Ok(None) };
    match services.keepers.replay.ask(Spend(once)).await?? {
        Spent::Now => {
            count_spent();
            Ok(Some(jkt))
        }
        Spent::Before => Err(spent_before().into()),
    }
}

/// Counts a proof that a token was issued for.
pub fn count_spent() {
    metrics::counter!("authplane_dpop_proofs_validated_total").increment(1);
}

/// The refusal of a proof that was spent before.
#[must_use]
pub fn spent_before() -> OAuthError {
    refused(ProofRefusal::Replayed)
}

/// The nonce for the next proof of a client that sent one, while nonces are needed
/// (RFC 9449 §8.2).
#[must_use]
pub fn next_nonce(services: &Services, sent: &SentProof) -> Option<String> {
    let settings = &services.config.dpop;
    let wanted = settings.enabled && settings.require_nonce && sent.is_there();
    let ring = services.keepers.secret_ring.current();
    wanted.then(|| ring.dpop_nonce.nonce(services.environment.now()))
}

fn refused(refusal: ProofRefusal) -> OAuthError {
    metrics::counter!("authplane_dpop_proofs_rejected_total", "reason" => refusal.reason())
        .increment(1);
    refusal.into()
}
