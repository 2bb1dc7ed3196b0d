//! The endpoints of RFC 6749, 7009, 7591 and 7662.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpRequest, HttpResponse, web};
use protocol::OAuthError;
use protocol::authorize::PageError;
use protocol::client_auth::Presented;
use protocol::form::{AUTHORIZE_REPEATABLE, MAX_TOTAL, Parameters, TOKEN_REPEATABLE};
use protocol::metadata::endpoint;
use protocol::registration::MAX_DOCUMENT;
use serde::Serialize;

use super::body;
use super::cookies::Visitor;
use super::discovery::allow_origin;
use super::form::{client_form, read};
use super::origin::{Asker, Authorization, sent_proof};
use super::page::{problem, redirect};
use crate::app::Services;
use crate::failure::Failure;
use crate::flows::authenticate_client::authenticate_client;
use crate::flows::authorize::{self as authorization, Next};
use crate::flows::dpop::{self, SentProof};
use crate::flows::{introspect as introspection, register as registration, revoke as revocation};
use crate::grants::{self, TokenRequest};
use crate::pages::ProblemPage;

/// Longest query that a form is turned into, in bytes: proxies take no more.
const MAX_QUERY: usize = 8 * 1024;

/// `POST /oauth/token`
pub(crate) async fn token(
    request: HttpRequest,
    services: web::Data<Services>,
    asker: Asker,
    authorization: Authorization,
    sent: SentProof,
    payload: web::Payload,
) -> HttpResponse {
    let outcome = async {
        let form = client_form(&request, payload).await?;
        let presented = Presented::parse(authorization.0.as_deref(), &form)?;
        let proved = authenticate_client(&services, &presented, grants::PATH, &asker.0);
        let client = proved.await?;
        // After authentication: strangers must not fill the memory of used proofs.
        let proof = dpop::prove(&services, &sent, &called(&request, &services))?;
        let request = TokenRequest { client, form: &form, proof, origin: &asker.0 };
        grants::run(&services, request).await
    };
    answer(&request, &services, &asker, StatusCode::OK, outcome.await)
}

/// `POST /oauth/register`
pub(crate) async fn register(
    request: HttpRequest,
    services: web::Data<Services>,
    asker: Asker,
    body: web::Payload,
) -> HttpResponse {
    let outcome = async {
        let patience = services.config.server.read_timeout;
        let body = body::read(body, MAX_DOCUMENT, patience).await;
        let body =
            body.map_err(|unread| OAuthError::invalid_client_metadata(unread.to_string()))?;
        registration::register(&services, &body, &asker.0).await
    };
    answer(&request, &services, &asker, StatusCode::CREATED, outcome.await)
}

/// `POST /oauth/introspect`
pub(crate) async fn introspect(
    request: HttpRequest,
    services: web::Data<Services>,
    asker: Asker,
    authorization: Authorization,
    payload: web::Payload,
) -> HttpResponse {
    let outcome = async {
        let body = read(&request, payload, MAX_TOTAL).await?;
        // A token that cannot even be read is not active. The error that it deserves
        // would be taken for "let it pass" by resource servers that are in use.
        let Ok(form) = Parameters::parse(&body, TOKEN_REPEATABLE) else {
            return Ok(introspection::INACTIVE);
        };
        let presented = Presented::parse(authorization.0.as_deref(), &form)?;
        introspection::introspect(&services, &presented, &form, &asker.0).await
    };
    answer(&request, &services, &asker, StatusCode::OK, outcome.await)
}

/// `POST /oauth/revoke`
pub(crate) async fn revoke(
    request: HttpRequest,
    services: web::Data<Services>,
    asker: Asker,
    authorization: Authorization,
    payload: web::Payload,
) -> HttpResponse {
    let outcome = async {
        let form = client_form(&request, payload).await?;
        let presented = Presented::parse(authorization.0.as_deref(), &form)?;
        revocation::revoke(&services, &presented, &form, &asker.0).await?;
        Ok(serde_json::json!({}))
    };
    answer(&request, &services, &asker, StatusCode::OK, outcome.await)
}

/// The URL of the request below the configured issuer: the endpoint, or its short name.
fn called(request: &HttpRequest, services: &Services) -> String {
    let path = request.path();
    endpoint(services.issuer(), path.strip_prefix(services.base_path()).unwrap_or(path))
}

/// JSON that nobody keeps (RFC 6749 §5.1), readable by the scripts that may call.
fn answer<T: Serialize>(
    request: &HttpRequest,
    services: &Services,
    asker: &Asker,
    status: StatusCode,
    outcome: Result<T, Failure>,
) -> HttpResponse {
    let mut response = match outcome {
        Ok(body) => HttpResponse::build(status)
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::PRAGMA, "no-cache"))
            .json(body),
        Err(failure) => failure.respond(asker),
    };
    allow_origin(request, services, response.headers_mut());
    let nonce = dpop::next_nonce(services, &sent_proof(request));
    if let Some(nonce) = nonce.and_then(|nonce| nonce.parse().ok()) {
        response.headers_mut().insert(HeaderName::from_static("dpop-nonce"), nonce);
    }
    response
}

/// `GET /oauth/authorize`
pub(crate) async fn authorize(
    request: HttpRequest,
    services: web::Data<Services>,
    asker: Asker,
    visitor: Visitor,
) -> HttpResponse {
    decide_about(request.query_string().as_bytes(), &services, &asker, &visitor).await
}

/// `POST /oauth/authorize` (RFC 6749 §3.1)
pub(crate) async fn authorize_by_post(
    request: HttpRequest,
    payload: web::Payload,
    services: web::Data<Services>,
    asker: Asker,
    visitor: Visitor,
) -> HttpResponse {
    let body = match read(&request, payload, MAX_TOTAL).await {
        Ok(body) => body,
        Err(error) => return page_error(&services, &PageError::unreadable(&error)),
    };
    match without_cookies(&request, &visitor, &body) {
        Some(query) => HttpResponse::SeeOther()
            .insert_header((header::LOCATION, format!("{}?{query}", request.path())))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .finish(),
        None => decide_about(&body, &services, &asker, &visitor).await,
    }
}

/// The query to come again with, for a form that a page of another site sent: browsers
/// keep `Lax` cookies from such a POST and send them with the GET that a redirect makes of
/// it. Answered as it is, it would look like a new browser, and naming that one would end
/// what its person has open here. Only browsers send `Origin`.
fn without_cookies<'a>(
    request: &HttpRequest,
    visitor: &Visitor,
    body: &'a [u8],
) -> Option<&'a str> {
    let from_a_page = visitor.is_new && request.headers().contains_key(header::ORIGIN);
    let query = std::str::from_utf8(body).ok().filter(|_| from_a_page)?;
    let fits = query.len() <= MAX_QUERY && query.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some(query)
}

async fn decide_about(
    encoded: &[u8],
    services: &Services,
    asker: &Asker,
    visitor: &Visitor,
) -> HttpResponse {
    let params = match Parameters::parse_noting_repeats(encoded, AUTHORIZE_REPEATABLE) {
        Ok(params) => params,
        Err(error) => return unreadable(encoded, services, visitor, &error).await,
    };
    let bearer = visitor.bearer(asker);
    let base = services.base_path();
    let location = match authorization::authorize(services, &params, &bearer).await {
        Ok(Next::Page(error)) => return page_error(services, &error),
        Ok(Next::Answer(location)) => location,
        Ok(Next::Failed(failure, location)) => {
            failure.log(asker);
            location
        }
        Ok(Next::SignIn(id)) => format!("{base}/login?request={id}"),
        Ok(Next::Decide(id)) => format!("{base}/consent?request={id}"),
        Err(failure) => return failure.page(services, asker),
    };
    redirect(services, visitor, location).finish()
}

/// The answer to a request that cannot be read whole. It goes back to the client if what
/// says whose request it is and where answers go can be read, and is right.
async fn unreadable(
    encoded: &[u8],
    services: &Services,
    visitor: &Visitor,
    error: &OAuthError,
) -> HttpResponse {
    let page = || page_error(services, &PageError::unreadable(error));
    let read = Parameters::parse_what_is_readable(encoded, AUTHORIZE_REPEATABLE);
    let Ok((params, unreadable)) = read else { return page() };
    if unreadable.iter().any(|name| matches!(name.as_str(), "client_id" | "redirect_uri")) {
        return page();
    }
    match authorization::refuse(services, &params, error).await {
        Some(location) => redirect(services, visitor, location).finish(),
        None => page(),
    }
}

/// A page for a request that cannot be answered anywhere else.
pub(crate) fn page_error(services: &Services, error: &PageError) -> HttpResponse {
    problem(&ProblemPage {
        issuer_path: services.base_path().to_owned(),
        status: error.http_status(),
        title: error.title().to_owned(),
        what_happened: error.what_happened(),
        what_it_means: "Nothing was shared with the application, and nothing was changed."
            .to_owned(),
        what_to_do: error.what_to_do().to_owned(),
        ..ProblemPage::default()
    })
}
