//! Signing in and out, by form.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use uuid::Uuid;

use super::super::cookies::{Visitor, forget_session, known_cookie, session_cookie};
use super::super::form::page_form;
use super::super::origin::Asker;
use super::super::page::{problem, redirect, show};
use super::super::problem::whole_seconds;
use super::{not_own, own, reference_in, reference_of, shown};
use crate::app::Services;
use crate::failure::Failure;
use crate::flows::consent::{self, Waiting};
use crate::flows::sign_in::{self as signing_in, SignIn, Typed, signed_in};
use crate::pages::{ProblemPage, SignInPage, SignedInPage, SignedOutPage};

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
        known_browser: visitor.known_for(form.get("email").unwrap_or_default(), &services),
    };
    let (reference, email) = (reference_in(&form), typed.email.to_owned());
    match signing_in::sign_in(&services, typed, visitor.session.clone(), &asker.0).await {
        Ok(SignIn::Opened(session)) => {
            redirect(&services, &visitor, after_sign_in(&services, reference))
                .cookie(session_cookie(&services, &session))
                .cookie(known_cookie(&services, &visitor, &email))
                .finish()
        }
        Ok(SignIn::Wrong) => {
            let page = try_again(&services, &visitor, reference, email).await;
            shown(page, &services, &asker)
        }
        Ok(SignIn::Locked(wait)) => {
            problem(&ProblemPage::too_many_attempts(services.base_path(), whole_seconds(wait)))
        }
        Err(failure) => failure.page(&services, &asker),
    }
}

async fn try_again(
    services: &Services,
    visitor: &Visitor,
    reference: Option<Uuid>,
    email: String,
) -> Result<HttpResponse, Failure> {
    let waiting = find_waiting(services, visitor, reference).await?;
    let (page, targets) = sign_in_form(services, visitor, reference, waiting);
    let wrong = "E-mail address or password are not right.".to_owned();
    let page = SignInPage { email_prefill: Some(email), problem: Some(wrong), ..page };
    show(services, visitor, StatusCode::UNAUTHORIZED, &page, &targets)
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
