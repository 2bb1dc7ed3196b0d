//! How an exchange is refused: what the client reads, and the one word that the audit log and
//! the metric go by.

use actors::catalog::LookupError;
use actors::ledger::{Asking, Presented, Refused};
use actors::runtime::AskError;
use entities::StoreError;
use protocol::agreement::Wanted;
use protocol::client_auth::unknown_client;
use protocol::exchange::{ConsentNeeded, Denial};
use protocol::grant::resource_gone;
use protocol::{ConsentRequired, OAuthError};

use super::presented::{Fault, Party};
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
fn over() -> Stop {
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

/// Nothing came of it.
pub(super) fn refused(services: &Services, subject: &Presented, refused: Refused) -> Stop {
    match refused {
        Refused::Proof => Stop::Refused("proof_replayed", dpop::spent_before()),
        Refused::Client => Stop::Refused("client_not_active", unknown_client()),
        Refused::Target => Stop::Refused("target_gone", resource_gone()),
        Refused::Subject => no_good(Party::Subject, Fault::Inactive),
        Refused::Actor => no_good(Party::Actor, Fault::Inactive),
        Refused::Over => over(),
        Refused::Denied { denial, about } => {
            denied(services, subject, *denial, about.map(|about| *about))
        }
    }
}

/// A gate said no.
fn denied(services: &Services, subject: &Presented, denial: Denial, about: Option<Asking>) -> Stop {
    let Some(ConsentNeeded { cause, scopes }) = denial.consent else {
        return Stop::Refused(denial.reason, denial.error);
    };
    let Some(Asking { user_id, target, agreed }) = about else {
        return Stop::Refused(denial.reason, denial.error);
    };
    // Only what is missing is asked for: what was agreed to stays so.
    let scopes = scopes.iter().filter(|scope| !agreed.contains(scope)).collect();
    let client_id = subject.claims.client_id.clone();
    // Where the user can agree (contract 01, "Errors").
    let wanted = Wanted { user_id, client_id, resource_id: target.id, scopes };
    let consent_url = Some(agreement::url(services, &wanted));
    let error =
        denial.error.with_consent(ConsentRequired { cause, service_id: target.slug, consent_url });
    Stop::Refused(denial.reason, error)
}
