//! Signing in and out, by form.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::super::cookies::{Visitor, forget_session, known_cookie, session_cookie};
use super::super::form::page_form;
use super::super::origin::Asker;
use super::super::page::{problem, redirect, show};
use super::super::problem::whole_seconds;
use super::{awaited_by, awaited_in, deciding, not_own, own, shown, signing_in as login};
use crate::app::Services;
use crate::failure::Failure;
use crate::flows::consent::{self, Waiting};
use crate::flows::sign_in::{self as signing_in, SignIn, Typed, signed_in};
use crate::pages::{Awaited, ProblemPage, SignInPage, SignedInPage, SignedOutPage};

/// `GET /login`
pub(crate) async fn sign_in_page(
    request: HttpRequest,
    services: web::Data<Services>,
    asker: Asker,
    visitor: Visitor,
) -> HttpResponse {
    let awaited = awaited_by(&request, &services);
    let page = async {
        let waiting = find_waiting(&services, &visitor, awaited.as_ref()).await?;
        let person = signed_in(&services, visitor.session.as_ref()).await.unwrap_or_default();
        let accepted = match (&awaited, &waiting) {
            (Some(Awaited::Ticket(_)), _) => person.is_some(),
            (_, Some(waiting)) => waiting.accepts(person.clone()).is_some(),
            (_, None) => false,
        };
        match (awaited, person) {
            // Already signed in, in another tab or before the page was loaded again.
            (awaited, _) if accepted => {
                let decision = after_sign_in(&services, awaited.as_ref());
                Ok(redirect(&services, &visitor, decision).finish())
            }
            (None, Some(person)) => signed_in_page(&services, &visitor, person.name),
            (awaited, _) => {
                let (page, targets) = sign_in_form(&services, &visitor, awaited, waiting);
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
    let (awaited, email) = (awaited_in(&form, &services), typed.email.to_owned());
    match signing_in::sign_in(&services, typed, visitor.session.clone(), &asker.0).await {
        Ok(SignIn::Opened(session)) => {
            redirect(&services, &visitor, after_sign_in(&services, awaited.as_ref()))
                .cookie(session_cookie(&services, &session))
                .cookie(known_cookie(&services, &visitor, &email))
                .finish()
        }
        Ok(SignIn::Wrong) => {
            let page = try_again(&services, &visitor, awaited, email).await;
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
    awaited: Option<Awaited>,
    email: String,
) -> Result<HttpResponse, Failure> {
    let waiting = find_waiting(services, visitor, awaited.as_ref()).await?;
    let (page, targets) = sign_in_form(services, visitor, awaited, waiting);
    let wrong = "E-mail address or password are not right.".to_owned();
    let page = SignInPage { email_prefill: Some(email), problem: Some(wrong), ..page };
    show(services, visitor, StatusCode::UNAUTHORIZED, &page, &targets)
}

fn after_sign_in(services: &Services, awaited: Option<&Awaited>) -> String {
    match awaited {
        Some(awaited) => deciding(services, awaited),
        None => format!("{}/login", services.base_path()),
    }
}

/// The request that waits for a sign-in, if there still is one.
async fn find_waiting(
    services: &Services,
    visitor: &Visitor,
    awaited: Option<&Awaited>,
) -> Result<Option<Waiting>, Failure> {
    let Some(Awaited::Request(id)) = awaited else { return Ok(None) };
    Ok(consent::find(services, *id, &visitor.browser).await?.ok())
}

/// The sign-in page, with what the request that waits for it says, and where its form may
/// end: the client too, because who agreed before is sent on to there at once.
fn sign_in_form(
    services: &Services,
    visitor: &Visitor,
    awaited: Option<Awaited>,
    waiting: Option<Waiting>,
) -> (SignInPage, Vec<String>) {
    let target = waiting.as_ref().map(|waiting| waiting.target.csp_form_action_source());
    let page = SignInPage {
        issuer_path: services.base_path().to_owned(),
        csrf_token: visitor.csrf_token(services),
        awaited,
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
    // "Use another account" on the consent page: what waits goes on after sign-in.
    if let Some(awaited) = awaited_in(&form, &services) {
        let mut answer = redirect(&services, &visitor, login(&services, &awaited));
        return answer.cookie(forget_session(&services)).finish();
    }
    let page = SignedOutPage { issuer_path: services.base_path().to_owned() };
    let mut answer =
        shown(show(&services, &visitor, StatusCode::OK, &page, &[]), &services, &asker);
    // An answer that cannot take the cookie keeps a cookie that is worth nothing.
    drop(answer.add_cookie(&forget_session(&services)));
    answer
}
