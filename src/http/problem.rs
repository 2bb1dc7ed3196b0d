//! Errors on the wire: the members of RFC 6749 §5.2 together with those of RFC 9457.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use protocol::client_auth::BASIC_CHALLENGE;
use protocol::{ConsentRequired, ErrorCode, OAuthError};
use serde::Serialize;

use super::origin::Asker;
use crate::failure::Failure;

/// Seconds after which it is worth asking again: capacity comes back soon, a budget
/// that was spent takes its time.
pub(crate) const fn retry_after(code: ErrorCode) -> Option<u16> {
    match code {
        ErrorCode::TemporarilyUnavailable => Some(2),
        ErrorCode::SlowDown => Some(60),
        _ => None,
    }
}

/// Where an error type is explained; completed by the error's name.
pub(crate) const TYPE_BASE: &str = "https://authplane.dev/errors/";

#[derive(Serialize)]
struct Problem<'a> {
    error: &'a str,
    error_description: &'a str,
    r#type: String,
    title: &'a str,
    detail: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(flatten)]
    consent: Option<&'a ConsentRequired>,
}

/// The answer to a script that looks for something that is not here.
pub(crate) fn not_found(error: &str, detail: &str) -> HttpResponse {
    refusal(StatusCode::NOT_FOUND, error, detail)
}

/// A refusal that no flow had a part in.
pub(crate) fn refusal(status: StatusCode, error: &str, detail: &str) -> HttpResponse {
    HttpResponse::build(status).insert_header((header::CACHE_CONTROL, "no-store")).json(Problem {
        error,
        error_description: detail,
        r#type: format!("{TYPE_BASE}{error}"),
        title: status.canonical_reason().unwrap_or_default(),
        detail,
        status: status.as_u16(),
        trace_id: None,
        consent: None,
    })
}

/// 429: come back after `wait`. Not logged: whoever asks too often must not fill the log.
pub(crate) fn slow_down(detail: &str, wait: Duration) -> HttpResponse {
    let mut answer = refusal(StatusCode::TOO_MANY_REQUESTS, ErrorCode::SlowDown.as_str(), detail);
    let seconds = HeaderValue::from(whole_seconds(wait));
    answer.headers_mut().insert(header::RETRY_AFTER, seconds);
    answer
}

/// A wait as `Retry-After` says it: at least a second, and never too short.
pub(crate) fn whole_seconds(wait: Duration) -> u16 {
    let rounded_up = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    u16::try_from(rounded_up).unwrap_or(u16::MAX).max(1)
}

impl Failure {
    /// The answer, and a line in the log with what the answer does not say.
    pub(crate) fn respond(&self, asker: &Asker) -> HttpResponse {
        self.log(asker);
        let OAuthError { code, description, consent, .. } = &self.0;
        let status =
            StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut answer = HttpResponse::build(status);
        answer.insert_header((header::CACHE_CONTROL, "no-store"));
        answer.insert_header((header::PRAGMA, "no-cache"));
        if *code == ErrorCode::InvalidClient {
            answer.insert_header((header::WWW_AUTHENTICATE, BASIC_CHALLENGE));
        }
        if let Some(seconds) = retry_after(*code) {
            answer.insert_header((header::RETRY_AFTER, HeaderValue::from(seconds)));
        }
        let ours = *code == ErrorCode::ServerError;
        answer.content_type("application/json").json(Problem {
            error: code.as_str(),
            error_description: description,
            r#type: format!("{TYPE_BASE}{}", code.as_str()),
            title: code.title(),
            detail: description,
            status: status.as_u16(),
            trace_id: ours.then(|| asker.trace_id()),
            consent: consent.as_deref(),
        })
    }

    /// A client's mistake is no news to the operator, a fault of ours is; and only the
    /// first is a denial.
    pub(crate) fn log(&self, asker: &Asker) {
        let OAuthError { code, description, detail, .. } = &self.0;
        let (error, trace_id) = (code.as_str(), asker.trace_id());
        let detail = detail.as_deref().unwrap_or_default();
        match code {
            ErrorCode::ServerError => {
                tracing::error!(trace_id, error, %description, detail, "request failed");
            }
            ErrorCode::TemporarilyUnavailable => {
                tracing::warn!(trace_id, error, %description, detail, "request failed");
            }
            _ => {
                tracing::info!(trace_id, error, %description, detail, "request refused");
                metrics::counter!("authserver_auth_denied_total", "reason" => error).increment(1);
            }
        }
    }
}
