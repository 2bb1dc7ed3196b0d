//! The pages people go through: sign in, decide, sign out.

mod agreement;
mod consent;
mod sign_in;

use super::cookies::Visitor;
use super::origin::Asker;
use super::page::problem;
use crate::app::Services;
use crate::failure::Failure;
use crate::flows::agreement::is_ours;
use crate::pages::{Awaited, ProblemPage, STYLESHEET};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use protocol::OAuthError;
use protocol::form::Parameters;

pub(super) use agreement::{agree, agreement_page};
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

/// What a page is about; none when the address does not name anything.
fn awaited_by(request: &HttpRequest, services: &Services) -> Option<Awaited> {
    let query = Parameters::parse(request.query_string().as_bytes(), &[]).ok()?;
    awaited_in(&query, services)
}

/// A ticket that is none of ours is nothing: pages lead back to what they are about.
fn awaited_in(form: &Parameters, services: &Services) -> Option<Awaited> {
    let request = form.get("request").and_then(|id| id.parse().ok());
    let ticket = || form.get("ticket").filter(|ticket| is_ours(services, ticket));
    let awaited = request.map(Awaited::Request);
    awaited.or_else(|| ticket().map(|ticket| Awaited::Ticket(ticket.to_owned())))
}

/// The page on which it is decided.
fn deciding(services: &Services, awaited: &Awaited) -> String {
    format!("{}{}?{}", services.base_path(), awaited.path(), awaited.query())
}

/// The sign-in page on the way there.
fn signing_in(services: &Services, awaited: &Awaited) -> String {
    format!("{}/login?{}", services.base_path(), awaited.query())
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
