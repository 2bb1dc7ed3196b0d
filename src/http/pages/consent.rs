//! The question to the person, and their answer.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use actors::consent::Decision;
use protocol::ErrorCode;
use protocol::client::{Client, GrantType};
use protocol::form::Parameters;
use protocol::redirect_uri::RedirectKind;
use protocol::resource::MintResource;
use uuid::Uuid;

use super::super::cookies::Visitor;
use super::super::form::consent_form;
use super::super::oauth::page_error;
use super::super::origin::Asker;
use super::super::page::{problem, redirect, show};
use super::{awaited_by, awaited_in, deciding, not_own, own, shown, signing_in};
use crate::app::{FAMILY_LIFETIME, Services};
use crate::failure::Failure;
use crate::flows::consent::{self, Answered, View, Waiting};
use crate::pages::{
    Awaited, ClientView, ConsentPage, ProblemPage, RedirectTargetKind, RedirectTargetView,
    ResourceView, ScopeView,
};

/// `GET /consent`
pub(crate) async fn consent_page(
    request: HttpRequest,
    services: web::Data<Services>,
    asker: Asker,
    visitor: Visitor,
) -> HttpResponse {
    let Some(Awaited::Request(id)) = awaited_by(&request, &services) else {
        return problem(&ProblemPage::request_expired(services.base_path()));
    };
    match consent::view(&services, id, &visitor.bearer(&asker)).await {
        Ok(view) => shown(render(&services, &visitor, id, view), &services, &asker),
        Err(failure) => failure.page(&services, &asker),
    }
}

/// `POST /consent`
pub(crate) async fn decide(
    request: HttpRequest,
    payload: web::Payload,
    services: web::Data<Services>,
    asker: Asker,
    visitor: Visitor,
) -> HttpResponse {
    let form = consent_form(&request, payload).await;
    let Some(form) = own(form, &services, &visitor) else { return not_own(&services) };
    let awaited = awaited_in(&form, &services);
    let (Some(Awaited::Request(id)), Some(ticked)) = (awaited, answer_in(&form)) else {
        return not_own(&services);
    };
    let decision = ticked.map_or(Decision::Deny, Decision::Approve);
    match consent::decide_on_page(&services, id, &visitor.bearer(&asker), decision).await {
        Ok(view) => shown(render(&services, &visitor, id, view), &services, &asker),
        Err(Failure(error)) if error.code == ErrorCode::InvalidRequest => not_own(&services),
        Err(failure) => failure.page(&services, &asker),
    }
}

/// What was ticked, or nothing for a no; none when the form does not say.
pub(super) fn answer_in(form: &Parameters) -> Option<Option<Vec<String>>> {
    match form.get("decision")? {
        "approve" => Some(Some(form.all("scope").map(str::to_owned).collect())),
        "deny" => Some(None),
        _ => None,
    }
}

fn render(
    services: &Services,
    visitor: &Visitor,
    id: Uuid,
    view: View,
) -> Result<HttpResponse, Failure> {
    let base = services.base_path();
    let elsewhere = |location| Ok(redirect(services, visitor, location).finish());
    match view {
        View::Ask(waiting, person) => {
            let targets = [waiting.target.csp_form_action_source()];
            let page = question(services, visitor, *waiting, person.email);
            show(services, visitor, StatusCode::OK, &page, &targets)
        }
        View::SignIn => elsewhere(signing_in(services, &Awaited::Request(id))),
        View::Answered(Answered::Location(location)) => elsewhere(location),
        View::Answered(Answered::MustAsk) => elsewhere(deciding(services, &Awaited::Request(id))),
        View::Answered(Answered::Page(error)) => Ok(page_error(services, &error)),
        View::Answered(Answered::Gone) => Ok(problem(&ProblemPage::request_expired(base))),
    }
}

fn question(
    services: &Services,
    visitor: &Visitor,
    waiting: Waiting,
    signed_in_as: String,
) -> ConsentPage {
    let Waiting { id, request, client, target, .. } = waiting;
    let resources = services.keepers.catalog.resources();
    let asked: Vec<_> = request.resource_ids.iter().filter_map(|id| resources.by_id(*id)).collect();
    let description = |scope: &str| {
        asked.iter().find_map(|resource| resource.description_of(scope)).map(str::to_owned)
    };
    let kind = match target.kind {
        RedirectKind::LoopbackHttp => RedirectTargetKind::Loopback,
        RedirectKind::PrivateUse { .. } => RedirectTargetKind::PrivateUse,
        RedirectKind::Https { .. } => RedirectTargetKind::Web,
    };
    let scopes = request.scopes.iter();
    let scopes =
        scopes.map(|name| ScopeView { name: name.to_owned(), description: description(name) });
    ConsentPage {
        issuer_path: services.base_path().to_owned(),
        csrf_token: visitor.csrf_token(services),
        awaited: Awaited::Request(id),
        client: client_view(&client),
        signed_in_as,
        target: Some(RedirectTargetView {
            host_or_scheme: target.display_target().trim_end_matches(':').to_owned(),
            kind,
        }),
        resources: asked.iter().map(|resource| resource_view(resource)).collect(),
        scopes: scopes.collect(),
        offline: request.offline_access,
        lifetime_text: lifetime_text(services, &client),
    }
}

pub(super) fn client_view(client: &Client) -> ClientView {
    ClientView {
        name: client.name.clone(),
        operator_registered: client.operator_registered(),
        host: None,
    }
}

pub(super) fn resource_view(resource: &MintResource) -> ResourceView {
    ResourceView { display_name: resource.display_name.clone(), uri: resource.uri.clone() }
}

/// How long an approval lasts, in words.
fn lifetime_text(services: &Services, client: &Client) -> String {
    let access = in_words(services.config.dcr.default_token_expiry);
    if !client.may_use(GrantType::RefreshToken) {
        return format!("Access ends after {access}.");
    }
    let unused = services.config.dcr.default_refresh_expiry;
    let renewed = format!("Access is renewed every {access} while it is used.");
    if unused >= FAMILY_LIFETIME {
        return format!("{renewed} It ends after {}.", in_words(unused));
    }
    let (unused, in_all) = (in_words(unused), in_words(FAMILY_LIFETIME));
    format!("{renewed} It ends {unused} after the last use, and after {in_all} in any case.")
}

/// A time span in its largest whole unit, as people say it.
pub(super) fn in_words(span: Duration) -> String {
    let seconds = span.as_secs();
    let units = [("day", 86_400), ("hour", 3600), ("minute", 60)];
    let whole =
        units.into_iter().find(|(_, unit)| seconds >= *unit && seconds.is_multiple_of(*unit));
    let (unit, count) = whole.map_or(("second", seconds), |(name, unit)| (name, seconds / unit));
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spans_are_written_as_people_say_them() {
        for (seconds, words) in [
            (900, "15 minutes"),
            (604_800, "7 days"),
            (86_400, "1 day"),
            (5400, "90 minutes"),
            (3600, "1 hour"),
            (61, "61 seconds"),
        ] {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
    }
}
