//! How a request fails on the admin listener, as operators are told: the members of RFC 9457,
//! and those of OAuth errors beside them, as everywhere on this server.

use std::time::Duration;

use actix_web::http::StatusCode;
use protocol::admin::Right;
use protocol::{ErrorCode, OAuthError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::administration::{AdminError, Dependent, Kind};
use crate::failure::{Failure, internal};
use crate::http::{TYPE_BASE, retry_after, whole_seconds};

/// A way to fail that an operation has of its own, for its documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// There is no such thing (404).
    NotFound(Kind),
    /// It cannot be done as things are (409); says when.
    Conflict(&'static str),
    /// Something rests on it (409); says when.
    InUse(&'static str),
    /// A value breaks a rule (422); says which.
    Invalid(&'static str),
    /// Something in the request takes one more right (403); says which, and when.
    Lacks(&'static str),
}

impl Fault {
    /// Its status.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Fault::NotFound(_) => StatusCode::NOT_FOUND,
            Fault::Conflict(_) | Fault::InUse(_) => StatusCode::CONFLICT,
            Fault::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Fault::Lacks(_) => StatusCode::FORBIDDEN,
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::NotFound(kind) => write!(f, "`{}`", kind.error()),
            Fault::Conflict(when) => write!(f, "`conflict`: {when}"),
            Fault::InUse(when) => write!(f, "`in_use`: {when}; `dependents` counts it"),
            Fault::Invalid(which) => write!(f, "`invalid_value`: {which}"),
            Fault::Lacks(right) => {
                write!(f, "`insufficient_rights`: the key does not have {right}")
            }
        }
    }
}

/// Every refusal of the admin listener (`application/problem+json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What kind of failure it is, for programs.
    pub error: String,
    /// The same as `detail`.
    pub error_description: String,
    /// The kind as a URI.
    pub r#type: String,
    /// The kind in words.
    pub title: String,
    /// What happened and what to do.
    pub detail: String,
    /// The HTTP status.
    pub status: u16,
    /// The member of the request that is at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// For 409: what stands in the way, and how many of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependents: Option<Vec<Dependent>>,
    /// For 500: the correlation id under which the operator finds the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Seconds to wait before asking again; sent as `Retry-After`.
    #[serde(skip)]
    #[schema(ignore)]
    pub retry_after: Option<u16>,
    /// For the log, and for an operator who works on the store itself. Never sent.
    #[serde(skip)]
    #[schema(ignore)]
    pub cause: Option<String>,
}

impl Problem {
    /// A problem of the kind `error`.
    #[must_use]
    pub fn new(status: StatusCode, error: &str, detail: impl Into<String>) -> Problem {
        let detail = detail.into();
        Problem {
            error: error.to_owned(),
            error_description: detail.clone(),
            r#type: format!("{TYPE_BASE}{error}"),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            detail,
            status: status.as_u16(),
            member: None,
            dependents: None,
            trace_id: None,
            retry_after: None,
            cause: None,
        }
    }

    /// Somebody asks too often: they may come back after `wait`.
    #[must_use]
    pub fn slow_down(detail: &'static str, wait: Duration) -> Problem {
        let refused = Problem::from(Failure(OAuthError::new(ErrorCode::SlowDown, detail)));
        Problem { retry_after: Some(whole_seconds(wait)), ..refused }
    }

    /// The request cannot be read; says why, and where.
    #[must_use]
    pub fn unreadable(member: Option<String>, detail: impl Into<String>) -> Problem {
        let problem = Problem::new(StatusCode::BAD_REQUEST, "invalid_request", detail);
        Problem { member, ..problem }
    }

    /// The key does not carry the right.
    #[must_use]
    pub fn insufficient_rights(missing: Right) -> Problem {
        let detail = format!("This key does not have the right {missing}.");
        Problem::new(StatusCode::FORBIDDEN, "insufficient_rights", detail)
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)?;
        let Some(dependents) = &self.dependents else { return Ok(()) };
        let counted = dependents.iter().map(|it| format!("{}: {}", it.kind, it.count));
        write!(f, " ({})", counted.collect::<Vec<_>>().join(", "))
    }
}

impl From<Failure> for Problem {
    fn from(Failure(error): Failure) -> Problem {
        let OAuthError { code, description, detail, .. } = error;
        let status = StatusCode::from_u16(code.http_status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let problem = Problem::new(status, code.as_str(), description);
        Problem {
            title: code.title().to_owned(),
            retry_after: retry_after(code),
            cause: detail,
            ..problem
        }
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Problem {
        match error {
            AdminError::Invalid(why) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_value", why)
            }
            AdminError::Conflict(why) => Problem::new(StatusCode::CONFLICT, "conflict", why),
            AdminError::InUse(in_use) => Problem {
                dependents: Some(in_use.dependents),
                ..Problem::new(StatusCode::CONFLICT, "in_use", in_use.detail)
            },
            AdminError::NotFound(missing) => {
                let detail = missing.to_string();
                Problem::new(StatusCode::NOT_FOUND, missing.kind.error(), detail)
            }
            AdminError::Lacks(right) => Problem::insufficient_rights(right),
            AdminError::Keeper(error) => Failure::from(error).into(),
            AdminError::Store(error) => Failure::from(error).into(),
            AdminError::Keys(error) => internal(error).into(),
            AdminError::Password(error) => internal(error).into(),
        }
    }
}

/// Whether a problem is one of the server and not of the request.
#[must_use]
pub(crate) fn is_ours(problem: &Problem) -> bool {
    [ErrorCode::ServerError, ErrorCode::TemporarilyUnavailable]
        .iter()
        .any(|code| code.as_str() == problem.error)
}
