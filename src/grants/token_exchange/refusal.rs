//! How an exchange is refused: what the client reads, and the one word that the audit log and
//! the metric go by.

use actors::catalog::LookupError;
use actors::ledger::Withdrawn;
use actors::runtime::AskError;
use entities::StoreError;
use protocol::agreement::Wanted;
use protocol::client_auth::unknown_client;
use protocol::exchange::{ConsentNeeded, Denial};
use protocol::grant::resource_gone;
use protocol::resource::MintResource;
use protocol::scope::ScopeSet;
use protocol::{ConsentRequired, ErrorCode, OAuthError};

use super::presented::{Fault, Party, Presented};
use crate::app::Services;
use crate::failure::Failure;
use crate::flows::{agreement, dpop};

/// Why nothing comes of an exchange.
#[derive(Debug)]
pub(super) enum Stop {
    /// It is refused, for a reason of one word.
    Refused(&'static str, OAuthError),
    /// The server failed.
    Failed(Failure),
}

impl From<OAuthError> for Stop {
    fn from(error: OAuthError) -> Stop {
        Stop::Refused(error.code.as_str(), error)
    }
}

impl From<Box<Denial>> for Stop {
    fn from(denial: Box<Denial>) -> Stop {
        Stop::Refused(denial.reason, denial.error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Failed(failure)
    }
}

impl From<AskError> for Stop {
    fn from(error: AskError) -> Stop {
        Stop::Failed(error.into())
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        Stop::Failed(error.into())
    }
}

impl From<LookupError> for Stop {
    fn from(error: LookupError) -> Stop {
        Stop::Failed(error.into())
    }
}

/// A reason of one word, and what the client reads.
pub(crate) type Refusal = (&'static str, OAuthError);

impl From<Refusal> for Stop {
    fn from((reason, error): Refusal) -> Stop {
        Stop::Refused(reason, error)
    }
}

/// A token that is no good.
pub(super) fn no_good(party: Party, fault: Fault) -> Stop {
    bad_token(party, fault).into()
}

/// The refusal of a token that is no good. The client reads the same whatever is wrong with it.
pub(crate) fn bad_token(party: Party, fault: Fault) -> Refusal {
    let (parameter, reason) = match (party, fault) {
        (Party::Subject, Fault::Unknown) => ("subject_token", "subject_unknown"),
        (Party::Subject, Fault::Expired) => ("subject_token", "subject_expired"),
        (Party::Subject, Fault::Inactive) => ("subject_token", "subject_inactive"),
        (Party::Actor, Fault::Unknown) => ("actor_token", "actor_unknown"),
        (Party::Actor, Fault::Expired) => ("actor_token", "actor_expired"),
        (Party::Actor, Fault::Inactive) => ("actor_token", "actor_inactive"),
    };
    no_token(parameter, reason)
}

/// What the subject token was issued for has come to its end.
pub(super) fn over() -> Stop {
    no_token("subject_token", "subject_over").into()
}

fn no_token(parameter: &str, reason: &'static str) -> Refusal {
    // RFC 8693 §2.2.2 has invalid_request and lets other codes be used where they fit better:
    // this one tells a client, as with a refresh token, that it needs another token.
    let error = OAuthError::invalid_grant(format!(
        "The {parameter} is no access token of this server that is valid now."
    ));
    (reason, error.with_detail(reason))
}

/// A gate said no.
pub(super) fn denied(
    services: &Services,
    presented: &Presented,
    target: &MintResource,
    agreed: Option<&ScopeSet>,
    denial: Denial,
) -> Stop {
    let error = match denial.consent {
        Some(needed) => {
            // Only what is missing is asked for: what was agreed to stays so.
            let has = |scope: &str| agreed.is_some_and(|agreed| agreed.contains(scope));
            let scopes = needed.scopes.iter().filter(|scope| !has(scope)).collect();
            let missing = ConsentNeeded { scopes, ..needed };
            ask_the_user(services, presented, target, missing, denial.error)
        }
        None => denial.error,
    };
    Stop::Refused(denial.reason, error)
}

/// What stood when it was decided stands no more.
pub(super) fn withdrawn(
    services: &Services,
    presented: &Presented,
    target: &MintResource,
    needed: &ScopeSet,
    withdrawn: Withdrawn,
) -> Stop {
    match withdrawn {
        Withdrawn::Proof => Stop::Refused("proof_replayed", dpop::spent_before()),
        Withdrawn::Client => Stop::Refused("client_not_active", unknown_client()),
        Withdrawn::Resource => Stop::Refused("target_gone", resource_gone()),
        Withdrawn::User | Withdrawn::Parent => no_good(Party::Subject, Fault::Inactive),
        Withdrawn::Actor => no_good(Party::Actor, Fault::Inactive),
        Withdrawn::Link => Stop::Refused(
            "link_withdrawn",
            OAuthError::invalid_scope("The fronting link gives these scopes no more."),
        ),
        Withdrawn::Consent => {
            let needed = ConsentNeeded { cause: "consent_missing", scopes: needed.clone() };
            let error = OAuthError::new(ErrorCode::ConsentRequired, "The user has to agree first.");
            let cause = needed.cause;
            Stop::Refused(cause, ask_the_user(services, presented, target, needed, error))
        }
    }
}

/// Tells the client where the user can agree (contract 01, "Errors").
fn ask_the_user(
    services: &Services,
    presented: &Presented,
    target: &MintResource,
    needed: ConsentNeeded,
    error: OAuthError,
) -> OAuthError {
    let (subject, resource_id) = (&presented.subject, target.id);
    let ConsentNeeded { cause, scopes } = needed;
    let consent_url = subject.principal.user_id().map(|user_id| {
        let client_id = subject.client_id.clone();
        agreement::url(services, &Wanted { user_id, client_id, resource_id, scopes })
    });
    error.with_consent(ConsentRequired { cause, service_id: target.slug.clone(), consent_url })
}
