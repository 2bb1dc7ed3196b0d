//! The pages people go through: sign in, decide, sign out.

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use actors::consent::Decision;
use protocol::form::Parameters;
use uuid::Uuid;

use super::cookies::{Visitor, forget_session, session_cookie};
use super::form::page_form;
use super::oauth::page_error;
use super::origin::Asker;
use super::page::{problem, redirect, show};
use crate::app::Services;
use crate::failure::Failure;
use crate::flows::consent::{self, Answered, Question, Sender, View};
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
    if let (Ok(Some(person)), None) =
        (signed_in(&services, visitor.session.as_ref()).await, reference)
    {
        let page = SignedInPage {
            issuer_path: services.base_path().to_owned(),
            name: person.name,
            csrf_token: visitor.csrf_token(&services),
        };
        return shown(show(&services, &visitor, StatusCode::OK, &page, &[]), &services, &asker);
    }
    let page = async {
        let page = sign_in_form(&services, &visitor, reference).await?;
        show(&services, &visitor, StatusCode::OK, &page, &[])
    };
    shown(page.await, &services, &asker)
}

/// `POST /login`
pub(crate) async fn sign_in(
    request: HttpRequest,
    payload: web::Payload,
    services: web::Data<Services>,
    asker: Asker,
    visitor: Visitor,
) -> HttpResponse {
    let form = match own_form(&request, payload, &services, &visitor).await {
        Ok(form) => form,
        Err(refused) => return refused,
    };
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
                let page = sign_in_form(&services, &visitor, reference).await?;
                let wrong = "E-mail address or password are not right.".to_owned();
                let page = SignInPage { email_prefill: Some(email), problem: Some(wrong), ..page };
                show(&services, &visitor, StatusCode::UNAUTHORIZED, &page, &[])
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

/// The sign-in page, with what the request that waits for it says.
async fn sign_in_form(
    services: &Services,
    visitor: &Visitor,
    reference: Option<Uuid>,
) -> Result<SignInPage, Failure> {
    let sender = match reference {
        Some(id) => consent::sender(services, id, &visitor.browser).await?,
        None => Sender::default(),
    };
    Ok(SignInPage {
        issuer_path: services.base_path().to_owned(),
        csrf_token: visitor.csrf_token(services),
        request_ref: reference.map(|id| id.to_string()),
        email_prefill: sender.login_hint,
        problem: None,
        client_name: sender.client_name,
    })
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
    let view = async {
        let person = signed_in(&services, visitor.session.as_ref()).await?;
        let name = person.as_ref().map(|person| person.email.clone()).unwrap_or_default();
        let view = consent::view(&services, id, &visitor.browser, person, &asker.0).await?;
        Ok::<_, Failure>((view, name))
    };
    match view.await {
        Ok((View::Ask(question), name)) => {
            let targets = [question.target.csp_form_action_source()];
            let page = consent_form(&services, &visitor, id, *question, name);
            shown(show(&services, &visitor, StatusCode::OK, &page, &targets), &services, &asker)
        }
        Ok((View::SignIn, _)) => {
            let login = format!("{}/login?request={id}", services.base_path());
            redirect(&services, &visitor, login).finish()
        }
        Ok((View::Answered(answered), _)) => render(&services, &visitor, id, answered),
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
    let form = match own_form(&request, payload, &services, &visitor).await {
        Ok(form) => form,
        Err(refused) => return refused,
    };
    let (Some(id), Some(decision)) = (reference_in(&form), decision_in(&form)) else {
        return problem(&ProblemPage::form_not_accepted(services.base_path()));
    };
    let answered = async {
        let person = signed_in(&services, visitor.session.as_ref()).await?;
        consent::decide_on_page(&services, id, &visitor.browser, person, decision, &asker.0).await
    };
    match answered.await {
        Ok(Some(answered)) => render(&services, &visitor, id, answered),
        Ok(None) => {
            let login = format!("{}/login?request={id}", services.base_path());
            redirect(&services, &visitor, login).finish()
        }
        Err(Failure(error)) if error.code == protocol::ErrorCode::InvalidRequest => {
            problem(&ProblemPage::form_not_accepted(services.base_path()))
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

fn render(services: &Services, visitor: &Visitor, id: Uuid, answered: Answered) -> HttpResponse {
    match answered {
        Answered::Location(location) => redirect(services, visitor, location).finish(),
        Answered::Page(error) => page_error(services, &error),
        Answered::Gone => problem(&ProblemPage::request_expired(services.base_path())),
        Answered::MustAsk => {
            let page = format!("{}/consent?request={id}", services.base_path());
            redirect(services, visitor, page).finish()
        }
    }
}

fn consent_form(
    services: &Services,
    visitor: &Visitor,
    id: Uuid,
    question: Question,
    signed_in_as: String,
) -> ConsentPage {
    let Question { request, client, target, resources } = question;
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
    let form = match own_form(&request, payload, &services, &visitor).await {
        Ok(form) => form,
        Err(refused) => return refused,
    };
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

/// A form from a page of ours, shown to this very visitor; otherwise a page that says
/// what to do.
async fn own_form(
    request: &HttpRequest,
    payload: web::Payload,
    services: &Services,
    visitor: &Visitor,
) -> Result<Parameters, HttpResponse> {
    let refused = || problem(&ProblemPage::form_not_accepted(services.base_path()));
    let form = page_form(request, payload).await.map_err(|_| refused())?;
    if visitor.is_new || !visitor.sent_form_with(form.get("csrf"), services) {
        return Err(refused());
    }
    Ok(form)
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
