//! What is asked before the gates of an exchange: whether the grant is there for this client at
//! all, and whether the tokens it presents would be good.

use protocol::OAuthError;
use protocol::client::{Client, ClientStatus};
use protocol::client_auth::unknown_client;
use protocol::grant::token_exchange::Request;
use protocol::resource::unknown_resource;

use super::case::{Case, Person};
use super::{ExchangeExplanation, Stop};
use crate::config::Config;
use crate::grants::switched_off;
use crate::grants::token_exchange::{Fault, Party, bad_token};

type Verdict = Result<(), Box<Stop>>;

/// A question before the gates.
#[derive(Debug, Clone, Copy)]
enum Check {
    Client,
    Enabled,
    Grant,
    Target,
    SubjectToken,
    ActorToken,
}

/// In the order of the endpoint.
const CHECKS: [Check; 6] = [
    Check::Client,
    Check::Enabled,
    Check::Grant,
    Check::Target,
    Check::SubjectToken,
    Check::ActorToken,
];

impl Check {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Enabled => "enabled",
            Self::Grant => "grant",
            Self::Target => "target",
            Self::SubjectToken => "subject_token",
            Self::ActorToken => "actor_token",
        }
    }

    const fn question(self, person: Person) -> &'static str {
        match self {
            Self::Client => "Is the client active?",
            Self::Enabled => "Is token exchange switched on?",
            Self::Grant => "Is the client confidential, and registered for token exchange?",
            Self::Target => "Can a token be for the target?",
            Self::SubjectToken => match person {
                Person::Known { .. } => "Are the client and the user of the subject token active?",
                // Of somebody who is not named nothing is known.
                Person::Anybody | Person::Nobody => "Is the client of the subject token active?",
            },
            Self::ActorToken => "Is the client of the actor token active?",
        }
    }

    /// What it says; `None` when it is not asked in this case.
    fn verdict(self, config: &Config, case: &Case<'_>) -> Option<Verdict> {
        match self {
            Self::Client => Some(works(&case.acting, || ("client_not_active", unknown_client()))),
            Self::Enabled => Some(match config.token_exchange.enabled {
                true => Ok(()),
                false => by_its_code(switched_off(), "Set token_exchange.enabled: true."),
            }),
            Self::Grant => Some(has_the_grant(&case.acting)),
            Self::Target => case.named.map(|target| match target.is_addressable() {
                true => Ok(()),
                false => {
                    let slug = &target.slug;
                    let remedy = format!(
                        "Give the resource a URI: authserver admin resource update {slug} --uri …"
                    );
                    by_its_code(unknown_resource(slug), &remedy)
                }
            }),
            Self::SubjectToken => Some(subject_token(case)),
            Self::ActorToken => {
                let inactive = || bad_token(Party::Actor, Fault::Inactive);
                case.actor_client.as_deref().map(|client| works(client, inactive))
            }
        }
    }
}

/// Asks them all, until one says no; whether none does.
pub(super) fn look(config: &Config, case: &Case<'_>, answer: &mut ExchangeExplanation) -> bool {
    for check in CHECKS {
        let question = check.question(case.person);
        match check.verdict(config, case) {
            None => {}
            Some(Ok(())) => answer.gate(check.as_str(), question, None, Some(true)),
            Some(Err(stop)) => {
                answer.gate(check.as_str(), question, None, Some(false));
                answer.stopped(check.as_str(), *stop);
                return false;
            }
        }
    }
    true
}

fn works(client: &Client, refusal: impl FnOnce() -> (&'static str, OAuthError)) -> Verdict {
    let remedy = match client.status {
        ClientStatus::Active => return Ok(()),
        ClientStatus::Suspended => {
            format!("Let the client work again: authserver admin client reactivate {}", client.id)
        }
        ClientStatus::Revoked => {
            format!("The client {} is revoked for good: register another one.", client.id)
        }
    };
    let (reason, error) = refusal();
    no(reason, error, remedy)
}

fn has_the_grant(client: &Client) -> Verdict {
    Request::check_client(client).or_else(|error| {
        let remedy = match client.is_public() {
            true => "Register a client that authenticates, with a secret or a key.".to_owned(),
            false => format!(
                "Add the grant to those of the client: authserver admin client update {} \
                 --grant-types …",
                client.id
            ),
        };
        by_its_code(error, &remedy)
    })
}

fn subject_token(case: &Case<'_>) -> Verdict {
    let inactive = || bad_token(Party::Subject, Fault::Inactive);
    works(&case.subject_client, inactive)?;
    match case.person {
        Person::Known { id, disabled: true } => {
            let (reason, error) = inactive();
            let remedy = format!(
                "Let the user in again: authserver admin user enable {id}. Tokens that were \
                 revoked meanwhile stay so: the user signs in anew."
            );
            no(reason, error, remedy)
        }
        _ => Ok(()),
    }
}

/// A refusal whose reason is its error.
fn by_its_code(error: OAuthError, remedy: &str) -> Verdict {
    no(error.code.as_str(), error, remedy.to_owned())
}

fn no(reason: &'static str, error: OAuthError, remedy: String) -> Verdict {
    Err(Box::new(Stop { reason, error, remedy, consent: None }))
}
