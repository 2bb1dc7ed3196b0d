//! Pages as HTTP answers.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentType, HeaderMap, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use protocol::{ErrorCode, OAuthError};

use super::cookies::{Visitor, browser_cookie};
use super::origin::Asker;
use super::problem::retry_after;
use crate::app::Services;
use crate::failure::{Failure, internal};
use crate::pages::{ProblemPage, Template};

/// Where the forms of a page may end: the server itself, and for the consent page
/// also the client, because browsers hold `form-action` against redirects too.
pub(crate) fn content_security_policy(form_targets: &[String]) -> String {
    let mut form_action = "'self'".to_owned();
    for target in form_targets {
        form_action.push(' ');
        form_action.push_str(target);
    }
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action {form_action}; \
         base-uri 'none'; frame-ancestors 'none'"
    )
}

/// Renders a page for a visitor, who is told the name of the browser if it is new.
pub(crate) fn show(
    services: &Services,
    visitor: &Visitor,
    status: StatusCode,
    page: &impl Template,
    form_targets: &[String],
) -> Result<HttpResponse, Failure> {
    let mut answer = html(status);
    answer.insert_header((header::CONTENT_SECURITY_POLICY, content_security_policy(form_targets)));
    if visitor.is_new {
        answer.cookie(browser_cookie(services, &visitor.browser));
    }
    Ok(answer.body(page.render().map_err(internal)?))
}

/// Sends the browser elsewhere.
pub(crate) fn redirect(
    services: &Services,
    visitor: &Visitor,
    location: String,
) -> HttpResponseBuilder {
    // 303: whatever the method was, the next request is a GET without the form.
    let mut answer = HttpResponse::SeeOther();
    answer.insert_header((header::LOCATION, location));
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    if visitor.is_new {
        answer.cookie(browser_cookie(services, &visitor.browser));
    }
    answer
}

fn html(status: StatusCode) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.content_type(ContentType::html());
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    answer
}

/// A page that says what went wrong and what to do.
pub(crate) fn problem(page: &ProblemPage) -> HttpResponse {
    let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = html(status);
    if let Some(seconds) = page.retry_after {
        answer.insert_header((header::RETRY_AFTER, HeaderValue::from(seconds)));
    }
    answer.insert_header((header::CONTENT_SECURITY_POLICY, content_security_policy(&[])));
    match page.render() {
        Ok(body) => answer.body(body),
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            HttpResponse::InternalServerError().finish()
        }
    }
}

impl Failure {
    /// The failure as a page, for people.
    pub(crate) fn page(&self, services: &Services, asker: &Asker) -> HttpResponse {
        self.log(asker);
        let (base, OAuthError { code, description, .. }) = (services.base_path(), &self.0);
        let page = match (code, retry_after(*code)) {
            (ErrorCode::SlowDown, Some(wait)) => ProblemPage::too_many_attempts(base, wait),
            (_, Some(wait)) => ProblemPage::unavailable(base, description, wait),
            (_, None) => ProblemPage::internal_error(base, asker.trace_id()),
        };
        problem(&page)
    }
}

/// Whether a person reads the answer.
pub(crate) fn wants_a_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Nothing is here.
pub(crate) async fn not_found(request: HttpRequest, services: web::Data<Services>) -> HttpResponse {
    if wants_a_page(request.headers()) {
        return problem(&ProblemPage::not_found(services.base_path()));
    }
    HttpResponse::NotFound().finish()
}
