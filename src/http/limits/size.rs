//! How long a request line and the headers may be.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::web;

use super::Surface;
use crate::admin::Problem;
use crate::app::Services;
use crate::http::problem::refusal;
use crate::http::{admin, page};
use crate::pages::ProblemPage;

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
        return Some(answer(request, StatusCode::URI_TOO_LONG, &detail));
    }
    let headers = request.headers().iter();
    let length: usize = headers.map(|(name, value)| name.as_str().len() + value.len()).sum();
    if length > MAX_HEADERS {
        let detail = format!("The headers, with all cookies, are longer than {MAX_HEADERS} bytes.");
        return Some(answer(request, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, &detail));
    }
    None
}

fn answer(request: &ServiceRequest, status: StatusCode, detail: &str) -> HttpResponse {
    if request.app_data::<Surface>() == Some(&Surface::Admin) {
        return admin::problem(&Problem::new(status, "invalid_request", detail));
    }
    let services = request.app_data::<web::Data<Services>>();
    if let Some(services) = services.filter(|_| page::wants_a_page(request.headers())) {
        return page::problem(&ProblemPage::too_long(
            services.base_path(),
            status.as_u16(),
            detail,
        ));
    }
    refusal(status, "invalid_request", detail)
}
