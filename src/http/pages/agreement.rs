//! The question whether a client may exchange its tokens for one more resource.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use protocol::ErrorCode;
use protocol::resource::MintResource;
use protocol::scope::ScopeSet;

use super::super::cookies::Visitor;
use super::super::form::consent_form;
use super::super::origin::Asker;
use super::super::page::{problem, redirect, show};
use super::consent::{answer_in, client_view, in_words, resource_view};
use super::{awaited_by, awaited_in, not_own, own, shown, signing_in};
use crate::app::Services;
use crate::failure::Failure;
use crate::flows::agreement::{self, Question, View};
use crate::pages::{Awaited, ConsentPage, DecidedPage, OtherAccountPage, ProblemPage, ScopeView};

/// `GET /agreement`
pub(crate) async fn agreement_page(
    request: HttpRequest,
    services: web::Data<Services>,
    asker: Asker,
    visitor: Visitor,
) -> HttpResponse {
    let Some(Awaited::Ticket(ticket)) = awaited_by(&request, &services) else {
        return problem(&ProblemPage::link_not_good(services.base_path()));
    };
    match agreement::view(&services, &ticket, &visitor.bearer(&asker)).await {
        Ok(view) => shown(render(&services, &visitor, ticket, view), &services, &asker),
        Err(failure) => failure.page(&services, &asker),
    }
}

/// `POST /agreement`
pub(crate) async fn agree(
    request: HttpRequest,
    payload: web::Payload,
    services: web::Data<Services>,
    asker: Asker,
    visitor: Visitor,
) -> HttpResponse {
    let form = consent_form(&request, payload).await;
    let Some(form) = own(form, &services, &visitor) else { return not_own(&services) };
    let awaited = awaited_in(&form, &services);
    let (Some(Awaited::Ticket(ticket)), Some(ticked)) = (awaited, answer_in(&form)) else {
        return not_own(&services);
    };
    match agreement::decide(&services, &ticket, ticked, &visitor.bearer(&asker)).await {
        Ok(view) => shown(render(&services, &visitor, ticket, view), &services, &asker),
        Err(Failure(error)) if error.code == ErrorCode::InvalidRequest => not_own(&services),
        Err(failure) => failure.page(&services, &asker),
    }
}

fn render(
    services: &Services,
    visitor: &Visitor,
    ticket: String,
    view: View,
) -> Result<HttpResponse, Failure> {
    let (base, awaited) = (services.base_path(), Awaited::Ticket(ticket));
    let decided = |agreed| {
        let page = DecidedPage { issuer_path: base.to_owned(), agreed };
        show(services, visitor, StatusCode::OK, &page, &[])
    };
    match view {
        View::Ask(question, person) => {
            let page = asking(services, visitor, awaited, *question, person.email);
            show(services, visitor, StatusCode::OK, &page, &[])
        }
        View::SignIn => Ok(redirect(services, visitor, signing_in(services, &awaited)).finish()),
        View::OtherPerson(person) => {
            let page = OtherAccountPage {
                issuer_path: base.to_owned(),
                csrf_token: visitor.csrf_token(services),
                awaited,
                signed_in_as: person.email,
            };
            show(services, visitor, StatusCode::FORBIDDEN, &page, &[])
        }
        View::Agreed => decided(true),
        View::Denied => decided(false),
        View::Unusable(_) => Ok(problem(&ProblemPage::link_not_good(base))),
        View::Gone => Ok(problem(&ProblemPage::nothing_to_approve(base))),
    }
}

fn asking(
    services: &Services,
    visitor: &Visitor,
    awaited: Awaited,
    question: Question,
    signed_in_as: String,
) -> ConsentPage {
    let Question { client, resource, scopes } = question;
    ConsentPage {
        issuer_path: services.base_path().to_owned(),
        csrf_token: visitor.csrf_token(services),
        awaited,
        client: client_view(&client),
        signed_in_as,
        target: None,
        resources: vec![resource_view(&resource)],
        scopes: scope_views(&resource, &scopes),
        offline: false,
        lifetime_text: lifetime_text(services),
    }
}

fn scope_views(resource: &MintResource, scopes: &ScopeSet) -> Vec<ScopeView> {
    let view = |name: &str| ScopeView {
        name: name.to_owned(),
        description: resource.description_of(name).map(str::to_owned),
    };
    scopes.iter().map(view).collect()
}

/// How long an agreement lasts, in words.
fn lifetime_text(services: &Services) -> String {
    let each = in_words(services.config.token_exchange.token_expiry);
    format!(
        "The application may use this until it is taken back; each access ends after {each} at \
         most. What you approved before stays as it is."
    )
}
