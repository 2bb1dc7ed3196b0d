//! How long a request line and the headers may be.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;

use crate::http::problem::refusal;

/// Longest path and query, in bytes: twice what a form is turned into, and what the
/// common proxies take.
const MAX_TARGET: usize = 16 * 1024;
/// Longest headers in all, names included.
const MAX_HEADERS: usize = 32 * 1024;

/// What is longer is refused before anything looks at it; the HTTP library reads no more
/// than 128 KiB and 96 headers in any case.
pub(super) fn refuse(request: &ServiceRequest) -> Option<HttpResponse> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > MAX_TARGET {
        let detail = format!("The address and its query are longer than {MAX_TARGET} bytes.");
        return Some(refusal(StatusCode::URI_TOO_LONG, "invalid_request", &detail));
    }
    let headers = request.headers().iter();
    let length: usize = headers.map(|(name, value)| name.as_str().len() + value.len()).sum();
    if length > MAX_HEADERS {
        let detail = format!("The headers are longer than {MAX_HEADERS} bytes.");
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Some(refusal(status, "invalid_request", &detail));
    }
    None
}
