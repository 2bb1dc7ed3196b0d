//! Token introspection (RFC 7662): is this access token good, right now?
//!
//! The answer is for the client the token was issued to and for the runtime clients of
//! the resources it is for. Everybody else, and everything else, gets exactly
//! `{"active": false}`: that a token exists is nobody else's business. Refresh tokens
//! are no business of resource servers, so they are not active here either.

use std::sync::Arc;

use actors::audit::Origin;
use actors::denials::Denial;
use actors::ledger::IsGood;
use protocol::client::Client;
use protocol::client_auth::Presented;
use protocol::exchange::ActChain;
use protocol::form::Parameters;
use protocol::jose::{AccessTokenClaims, Confirmation};
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use tokio::time::Instant;
use uuid::Uuid;

use super::authenticate_client::authenticate_client;
use super::denied;
use super::recognise::recognise;
use crate::app::Services;
use crate::failure::Failure;

/// Where this is.
pub(super) const PATH: &str = "/oauth/introspect";

/// What introspection answers.
#[derive(Debug)]
pub enum Introspection {
    /// The token is good.
    Active(Arc<AccessTokenClaims>),
    /// It is not, or not for the caller to know.
    Inactive,
}

impl Serialize for Introspection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Introspection::Active(claims) => ActiveToken::from(&**claims).serialize(serializer),
            Introspection::Inactive => {
                let mut only = serializer.serialize_struct("Inactive", 1)?;
                only.serialize_field("active", &false)?;
                only.end()
            }
        }
    }
}

/// RFC 7662 §2.2.
#[derive(Debug, Serialize)]
struct ActiveToken<'a> {
    active: bool,
    scope: &'a str,
    client_id: &'a str,
    sub: &'a str,
    aud: &'a [String],
    iss: &'a str,
    exp: i64,
    iat: i64,
    jti: Uuid,
    token_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<&'a Confirmation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<&'a str>,
    /// RFC 8693 §4.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<&'a ActChain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_chain: Option<&'a [String]>,
}

impl<'a> From<&'a AccessTokenClaims> for ActiveToken<'a> {
    fn from(claims: &'a AccessTokenClaims) -> ActiveToken<'a> {
        ActiveToken {
            active: true,
            scope: &claims.scope,
            client_id: &claims.client_id,
            sub: &claims.sub,
            aud: &claims.aud,
            iss: &claims.iss,
            exp: claims.exp,
            iat: claims.iat,
            jti: claims.jti,
            token_type: if claims.cnf.is_some() { "DPoP" } else { "Bearer" },
            cnf: claims.cnf.as_ref(),
            agent_id: claims.agent_id.as_deref(),
            act: claims.act.as_ref(),
            agent_chain: claims.agent_chain.as_deref(),
        }
    }
}

/// All that is said about a token that is not good, or not for the caller to know.
pub const INACTIVE: Introspection = Introspection::Inactive;

/// Answers an introspection request.
///
/// # Errors
/// `invalid_client` for credentials that are wrong. A caller without credentials is no
/// error: published resource servers take an error for "let it pass".
pub async fn introspect(
    services: &Services,
    presented: &Presented,
    form: &Parameters,
    origin: &Origin,
) -> Result<Introspection, Failure> {
    if !presented.has_credentials() {
        return Ok(INACTIVE);
    }
    let begun = Instant::now();
    let caller = authenticate_client(services, presented, PATH, origin).await?;
    let answer = look_at(services, &caller, form.require("token")?, origin).await?;
    let active = matches!(answer, Introspection::Active(_));
    metrics::histogram!("authserver_introspection_duration_seconds").record(begun.elapsed());
    metrics::counter!("authserver_introspection_total", "active" => active.to_string())
        .increment(1);
    Ok(answer)
}

async fn look_at(
    services: &Services,
    caller: &Client,
    token: &str,
    origin: &Origin,
) -> Result<Introspection, Failure> {
    // Also when nobody could look whether its key is ours: published resource servers take an
    // error for "let it pass", and nothing says yet that this token is any of ours.
    let Ok(claims) = recognise(services, token).await else { return Ok(INACTIVE) };
    if !may_ask(services, caller, &claims) {
        let denial = Denial::new("token.introspect_denied", origin)
            .by(&caller.id)
            .client(&caller.id)
            .with("reason", "not_for_this_client");
        denied::write_down(services, denial);
        return Ok(INACTIVE);
    }
    // Not from the catalog, which may be a moment behind: revocation shows at once.
    let good = services.keepers.ledger.ask(IsGood(claims.jti)).await??;
    Ok(if good { Introspection::Active(claims) } else { INACTIVE })
}

fn may_ask(services: &Services, caller: &Client, claims: &AccessTokenClaims) -> bool {
    if claims.client_id == caller.id {
        return true;
    }
    let resources = services.keepers.catalog.resources();
    claims.aud.iter().any(|uri| {
        let resource = resources.by_uri(uri);
        resource.is_some_and(|resource| resource.policy.is_runtime_client(&caller.id))
    })
}
