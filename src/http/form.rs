//! Form bodies, read strictly.

use actix_web::HttpRequest;
use actix_web::web::{self, Bytes, Payload};
use protocol::OAuthError;
use protocol::form::{MAX_CONSENT_TOTAL, MAX_TOTAL, Parameters, TOKEN_REPEATABLE};

use super::body;
use crate::app::Services;

/// A form sent by a client: `application/x-www-form-urlencoded` and nothing else
/// (RFC 6749 §3.2), no parameter twice unless its RFC says so.
pub(crate) async fn client_form(
    request: &HttpRequest,
    payload: Payload,
) -> Result<Parameters, OAuthError> {
    Parameters::parse(&read(request, payload, MAX_TOTAL).await?, TOKEN_REPEATABLE)
}

/// A form sent from one of our pages.
pub(crate) async fn page_form(
    request: &HttpRequest,
    payload: Payload,
) -> Result<Parameters, OAuthError> {
    Parameters::parse(&read(request, payload, MAX_TOTAL).await?, &[])
}

/// The form of the consent page.
pub(crate) async fn consent_form(
    request: &HttpRequest,
    payload: Payload,
) -> Result<Parameters, OAuthError> {
    Parameters::parse_consent(&read(request, payload, MAX_CONSENT_TOTAL).await?)
}

/// The body, when it says it is a form, is not too long and not too slow.
pub(crate) async fn read(
    request: &HttpRequest,
    payload: Payload,
    longest: usize,
) -> Result<Bytes, OAuthError> {
    if !body::is_of_type(request.headers(), "application/x-www-form-urlencoded") {
        return Err(OAuthError::invalid_request(
            "Send the parameters as application/x-www-form-urlencoded.",
        ));
    }
    let services = request.app_data::<web::Data<Services>>();
    let patience = services.map(|services| services.config.server.read_timeout);
    let body = body::read(payload, longest, patience.unwrap_or_default()).await;
    body.map_err(|unread| OAuthError::invalid_request(unread.to_string()))
}
