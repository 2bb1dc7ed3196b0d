//! The pages people go through: sign in, decide, sign out.

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use actors::consent::Decision;
use protocol::OAuthError;
use protocol::form::Parameters;
use uuid::Uuid;

use super::cookies::{Visitor, forget_session, session_cookie};
use super::form::{consent_form, page_form};
use super::oauth::page_error;
use super::origin::Asker;
use super::page::{problem, redirect, show};
use crate::app::Services;
use crate::failure::Failure;
use crate::flows::consent::{self, Answered, View, Waiting};
use crate::flows::sign_in::{self as signing_in, Typed, signed_in};
use crate::pages::{
    ClientView, ConsentPage, ProblemPage, RedirectTargetKind, RedirectTargetView, ResourceView,
    STYLESHEET, ScopeView, SignInPage, SignedInPage, SignedOutPage,
};
use protocol::redirect_uri::RedirectKind;

/// `GET /login`
pub(crate) async fn sign_in_page(
    request: HttpRequest,
    services: web::Data<Services>,
    asker: Asker,
    visitor: Visitor,
) -> HttpResponse {
    let reference = reference_of(&request);
    let page = async {
        let waiting = find_waiting(&services, &visitor, reference).await?;
        let person = signed_in(&services, visitor.session.as_ref()).await.unwrap_or_default();
        match (waiting, person) {
            // Already signed in, in another tab or before the page was loaded again.
            (Some(waiting), person) if waiting.accepts(person.clone()).is_some() => {
                let consent = after_sign_in(&services, reference);
                Ok(redirect(&services, &visitor, consent).finish())
            }
            (None, Some(person)) if reference.is_none() => {
                signed_in_page(&services, &visitor, person.name)
            }
            (waiting, _) => {
                let (page, targets) = sign_in_form(&services, &visitor, reference, waiting);
                show(&services, &visitor, StatusCode::OK, &page, &targets)
            }
        }
    };
    shown(page.await, &services, &asker)
}

fn signed_in_page(
    services: &Services,
    visitor: &Visitor,
    name: String,
) -> Result<HttpResponse, Failure> {
    let page = SignedInPage {
        issuer_path: services.base_path().to_owned(),
        name,
        csrf_token: visitor.csrf_token(services),
    };
    show(services, visitor, StatusCode::OK, &page, &[])
}

/// `POST /login`
pub(crate) async fn sign_in(
    request: HttpRequest,
    payload: web::Payload,
    services: web::Data<Services>,
    asker: Asker,
    visitor: Visitor,
) -> HttpResponse {
    let form = page_form(&request, payload).await;
    let Some(form) = own(form, &services, &visitor) else { return not_own(&services) };
    let typed = Typed {
        email: form.get("email").unwrap_or_default(),
        password: form.get("password").unwrap_or_default(),
    };
    let (reference, email) = (reference_in(&form), typed.email.to_owned());
    match signing_in::sign_in(&services, typed, visitor.session.clone(), &asker.0).await {
        Ok(Some(session)) => redirect(&services, &visitor, after_sign_in(&services, reference))
            .cookie(session_cookie(&services, &session))
            .finish(),
        Ok(None) => {
            let page = async {
                let waiting = find_waiting(&services, &visitor, reference).await?;
                let (page, targets) = sign_in_form(&services, &visitor, reference, waiting);
                let wrong = "E-mail address or password are not right.".to_owned();
                let page = SignInPage { email_prefill: Some(email), problem: Some(wrong), ..page };
                show(&services, &visitor, StatusCode::UNAUTHORIZED, &page, &targets)
            };
            shown(page.await, &services, &asker)
        }
        Err(failure) => failure.page(&services, &asker),
    }
}

fn after_sign_in(services: &Services, reference: Option<Uuid>) -> String {
    let base = services.base_path();
    match reference {
        Some(id) => format!("{base}/consent?request={id}"),
        None => format!("{base}/login"),
    }
}

/// The request that waits for a sign-in, if there still is one.
async fn find_waiting(
    services: &Services,
    visitor: &Visitor,
    reference: Option<Uuid>,
) -> Result<Option<Waiting>, Failure> {
    let Some(id) = reference else { return Ok(None) };
    Ok(consent::find(services, id, &visitor.browser).await?.ok())
}

/// The sign-in page, with what the request that waits for it says, and where its form may
/// end: the client too, because who agreed before is sent on to there at once.
fn sign_in_form(
    services: &Services,
    visitor: &Visitor,
    reference: Option<Uuid>,
    waiting: Option<Waiting>,
) -> (SignInPage, Vec<String>) {
    let target = waiting.as_ref().map(|waiting| waiting.target.csp_form_action_source());
    let page = SignInPage {
        issuer_path: services.base_path().to_owned(),
        csrf_token: visitor.csrf_token(services),
        request_ref: reference.map(|id| id.to_string()),
        client_name: waiting.as_ref().map(|waiting| waiting.client.name.clone()),
        email_prefill: waiting.and_then(|waiting| waiting.request.login_hint),
        problem: None,
    };
    (page, target.into_iter().collect())
}

/// `GET /consent`
pub(crate) async fn consent_page(
    request: HttpRequest,
    services: web::Data<Services>,
    asker: Asker,
    visitor: Visitor,
) -> HttpResponse {
    let Some(id) = reference_of(&request) else {
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
    let (Some(id), Some(decision)) = (reference_in(&form), decision_in(&form)) else {
        return not_own(&services);
    };
    match consent::decide_on_page(&services, id, &visitor.bearer(&asker), decision).await {
        Ok(view) => shown(render(&services, &visitor, id, view), &services, &asker),
        Err(Failure(error)) if error.code == protocol::ErrorCode::InvalidRequest => {
            not_own(&services)
        }
        Err(failure) => failure.page(&services, &asker),
    }
}

fn decision_in(form: &Parameters) -> Option<Decision> {
    match form.get("decision")? {
        "approve" => Some(Decision::Approve(form.all("scope").map(str::to_owned).collect())),
        "deny" => Some(Decision::Deny),
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
        View::SignIn => elsewhere(format!("{base}/login?request={id}")),
        View::Answered(Answered::Location(location)) => elsewhere(location),
        View::Answered(Answered::MustAsk) => elsewhere(format!("{base}/consent?request={id}")),
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
    let resources = asked.iter().map(|resource| ResourceView {
        display_name: resource.display_name.clone(),
        uri: resource.uri.clone(),
    });
    ConsentPage {
        issuer_path: services.base_path().to_owned(),
        csrf_token: visitor.csrf_token(services),
        request_ref: id.to_string(),
        client: ClientView {
            name: client.name.clone(),
            operator_registered: client.operator_registered(),
            host: None,
        },
        signed_in_as,
        target: RedirectTargetView {
            host_or_scheme: target.display_target().trim_end_matches(':').to_owned(),
            kind,
        },
        resources: resources.collect(),
        scopes: scopes.collect(),
        offline: request.offline_access,
        lifetime_text: lifetime_text(services, &client),
    }
}

/// How long an approval lasts, in words.
fn lifetime_text(services: &Services, client: &protocol::client::Client) -> String {
    let words = |duration| humantime::format_duration(duration).to_string();
    let access = words(services.config.dcr.default_token_expiry);
    if !client.may_use(protocol::client::GrantType::RefreshToken) {
        return format!("Access ends after {access}.");
    }
    let refresh = words(services.config.dcr.default_refresh_expiry);
    format!(
        "Access is renewed every {access} while it is used, and ends {refresh} after the last use."
    )
}

/// `POST /logout`
pub(crate) async fn sign_out(
    request: HttpRequest,
    payload: web::Payload,
    services: web::Data<Services>,
    asker: Asker,
    visitor: Visitor,
) -> HttpResponse {
    let form = page_form(&request, payload).await;
    let Some(form) = own(form, &services, &visitor) else { return not_own(&services) };
    if let Err(failure) = signing_in::sign_out(&services, visitor.session.clone()).await {
        return failure.page(&services, &asker);
    }
    // "Use another account" on the consent page: the request goes on after sign-in.
    if let Some(id) = reference_in(&form) {
        let login = format!("{}/login?request={id}", services.base_path());
        let mut answer = redirect(&services, &visitor, login);
        return answer.cookie(forget_session(&services)).finish();
    }
    let page = SignedOutPage { issuer_path: services.base_path().to_owned() };
    let mut answer =
        shown(show(&services, &visitor, StatusCode::OK, &page, &[]), &services, &asker);
    // An answer that cannot take the cookie keeps a cookie that is worth nothing.
    drop(answer.add_cookie(&forget_session(&services)));
    answer
}

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
