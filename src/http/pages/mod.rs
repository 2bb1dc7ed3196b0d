//! The pages people go through: sign in, decide, sign out.

mod consent;
mod sign_in;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use protocol::OAuthError;
use protocol::form::Parameters;
use uuid::Uuid;

use super::cookies::Visitor;
use super::origin::Asker;
use super::page::problem;
use crate::app::Services;
use crate::failure::Failure;
use crate::pages::{ProblemPage, STYLESHEET};

pub(super) use consent::{consent_page, decide};
pub(super) use sign_in::{sign_in, sign_in_page, sign_out};

/// The form, if it is from a page of ours and was shown to this very visitor.
fn own(
    form: Result<Parameters, OAuthError>,
    services: &Services,
    visitor: &Visitor,
) -> Option<Parameters> {
    let known =
        |form: &Parameters| !visitor.is_new && visitor.sent_form_with(form.get("csrf"), services);
    form.ok().filter(known)
}

/// What is said to anybody else.
fn not_own(services: &Services) -> HttpResponse {
    problem(&ProblemPage::form_not_accepted(services.base_path()))
}

/// The pending request that a page is about; none when the address does not name one.
fn reference_of(request: &HttpRequest) -> Option<Uuid> {
    let query = Parameters::parse(request.query_string().as_bytes(), &[]).ok()?;
    reference_in(&query)
}

fn reference_in(form: &Parameters) -> Option<Uuid> {
    form.get("request").and_then(|id| id.parse().ok())
}

fn shown(page: Result<HttpResponse, Failure>, services: &Services, asker: &Asker) -> HttpResponse {
    page.unwrap_or_else(|failure| failure.page(services, asker))
}

/// `GET /assets/style.….css`: its name changes with its content, so it never expires.
pub(crate) async fn stylesheet() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .body(STYLESHEET)
}
