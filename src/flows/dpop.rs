//! Proof of possession at the token endpoint (RFC 9449 §5): whose key is it, and is this
//! the first time the proof is shown, to any replica?

use actors::replay::{Spend, Spent};
use chrono::TimeDelta;
use protocol::OAuthError;
use protocol::dpop::{Expected, Proof, ProofRefusal};

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

/// The thumbprint of the key whose possession the request to `url` proves. `None` without
/// a proof, and while DPoP is switched off.
///
/// # Errors
/// `invalid_dpop_proof` with the check that failed, `use_dpop_nonce` when a nonce is
/// needed; or when the server cannot say whether the proof was used before.
pub async fn prove(
    services: &Services,
    sent: &SentProof,
    url: &str,
) -> Result<Option<String>, Failure> {
    let settings = &services.config.dpop;
    let proof = match sent {
        SentProof::One(proof) if settings.enabled => proof,
        SentProof::Unusable(refusal) if settings.enabled => return Err(refused(*refusal).into()),
        _ => return Ok(None),
    };
    let expected = Expected {
        method: "POST",
        url,
        now: services.environment.now(),
        lifetime: TimeDelta::from_std(settings.proof_lifetime).unwrap_or_default(),
        nonces: settings.require_nonce.then_some(&services.secrets.dpop_nonce),
    };
    let proven = Proof::read(proof).and_then(|proof| proof.verify(&expected)).map_err(refused)?;
    match services.keepers.replay.ask(Spend(proven.once)).await?? {
        Spent::Now => {
            metrics::counter!("authplane_dpop_proofs_validated_total").increment(1);
            Ok(Some(proven.jkt))
        }
        Spent::Before => Err(refused(ProofRefusal::Replayed).into()),
    }
}

/// The nonce for the next proof of a client that sent one, while nonces are needed
/// (RFC 9449 §8.2).
#[must_use]
pub fn next_nonce(services: &Services, sent: &SentProof) -> Option<String> {
    let settings = &services.config.dpop;
    let wanted = settings.enabled && settings.require_nonce && sent.is_there();
    wanted.then(|| services.secrets.dpop_nonce.nonce(services.environment.now()))
}

fn refused(refusal: ProofRefusal) -> OAuthError {
    metrics::counter!("authplane_dpop_proofs_rejected_total", "reason" => refusal.reason())
        .increment(1);
    refusal.into()
}
