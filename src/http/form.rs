//! Form bodies, read strictly.

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, Payload};
use protocol::OAuthError;
use protocol::form::{CONSENT_REPEATABLE, MAX_TOTAL, Parameters, TOKEN_REPEATABLE};

/// A form sent by a client: `application/x-www-form-urlencoded` and nothing else
/// (RFC 6749 §3.2), no parameter twice unless its RFC says so.
pub(crate) async fn client_form(
    request: &HttpRequest,
    payload: Payload,
) -> Result<Parameters, OAuthError> {
    Parameters::parse(&read(request, payload).await?, TOKEN_REPEATABLE)
}

/// A form sent from one of our pages.
pub(crate) async fn page_form(
    request: &HttpRequest,
    payload: Payload,
) -> Result<Parameters, OAuthError> {
    Parameters::parse(&read(request, payload).await?, CONSENT_REPEATABLE)
}

/// The body, when it says it is a form and is not too long.
pub(crate) async fn read(request: &HttpRequest, payload: Payload) -> Result<Bytes, OAuthError> {
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(OAuthError::invalid_request(
            "Send the parameters as application/x-www-form-urlencoded.",
        ));
    }
    let too_long = |_| {
        OAuthError::invalid_request(format!("The request body is longer than {MAX_TOTAL} bytes."))
    };
    let body = payload.to_bytes_limited(MAX_TOTAL).await.map_err(too_long)?;
    body.map_err(|_| OAuthError::invalid_request("The request body could not be read."))
}
