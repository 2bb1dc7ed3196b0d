//! Who is let in, and what for.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse, web};
use actors::attempts::NoteWrongAdminKey;
use actors::denials::Denial;
use protocol::admin::Right;

use super::super::limits::network;
use super::super::origin::Asker;
use super::answer;
use crate::admin::Problem;
use crate::app::{Denied, Identity, Minted, Services, Withdrawn};
use crate::failure::Failure;
use crate::flows::denied;

/// Who was let in.
#[derive(Debug, Clone)]
pub struct Admin(pub Identity);

impl Admin {
    /// Refuses who does not have the right.
    ///
    /// # Errors
    /// The refusal.
    pub fn needs(&self, right: Option<Right>) -> Result<(), Problem> {
        match right.filter(|right| !self.0.rights.contains(*right)) {
            Some(missing) => Err(Problem::insufficient_rights(missing)),
            None => Ok(()),
        }
    }
}

impl FromRequest for Admin {
    type Error = actix_web::Error;
    type Future = Ready<Result<Admin, actix_web::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let admitted = request.extensions().get::<Admin>().cloned();
        // Only a route outside of `require_key` can get here: refuse it.
        ready(admitted.ok_or_else(|| actix_web::error::ErrorUnauthorized("no admin key")))
    }
}

/// The middleware in front of every admin route.
pub(super) async fn require_key(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let asker = Asker::of(request.request());
    match identify(&request, &asker).await {
        Ok(identity) => {
            request.extensions_mut().insert(Admin(identity));
            Ok(next.call(request).await?.map_into_boxed_body())
        }
        Err(refusal) => Ok(request.into_response(refusal)),
    }
}

/// Whose key came with the request. Whatever is wrong with a key, the answer is the same;
/// whoever goes on trying keys is told to wait, which a right key never has to.
async fn identify(request: &ServiceRequest, asker: &Asker) -> Result<Identity, HttpResponse> {
    let failed = |failure| answer::problem(&answer::noted(Problem::from(failure), asker));
    let Some(services) = request.app_data::<web::Data<Services>>() else {
        return Err(invalid_key("no_services", asker));
    };
    let Some(header) = request.headers().get(header::AUTHORIZATION) else {
        return Err(invalid_key("none", asker));
    };
    let now = services.environment.now();
    let denied = match bearer(header) {
        Some(key) => match services.admin.authorize(key, &services.keepers, now).await {
            Ok(identity) => return Ok(identity),
            Err(Denied::Keeper(error)) => return Err(failed(Failure::from(error))),
            Err(Denied::Store(error)) => return Err(failed(Failure::from(error))),
            Err(denied) => {
                if let Denied::Minted { minted, why } = &denied {
                    write_down(services, asker, minted, *why);
                }
                denied.reason()
            }
        },
        None => "not_bearer",
    };
    // A request without an address (there is none over a network) is not counted.
    let Some(network) = network(&asker.0) else { return Err(invalid_key(denied, asker)) };
    let note = NoteWrongAdminKey { network, origin: asker.0.clone() };
    match services.keepers.attempts.ask(note).await.map_err(Failure::from) {
        Ok(Ok(None)) => Err(invalid_key(denied, asker)),
        Ok(Ok(Some(wait))) => Err(too_many(wait)),
        Ok(Err(error)) => Err(failed(Failure::from(error))),
        Err(failure) => Err(failed(failure)),
    }
}

/// `auth.denied`, for keys that we minted: somebody goes on with one that was taken from
/// them. Labels are in the detail only, because whoever holds a key can make them up.
fn write_down(services: &Services, asker: &Asker, minted: &Minted, why: Withdrawn) {
    let denial = Denial::new("auth.denied", &asker.0)
        .by(&minted.holder)
        .with("method", "admin_key")
        .with("reason", why.reason());
    let denial =
        if minted.labels.is_empty() { denial } else { denial.with("labels", &minted.labels) };
    denied::write_down(services, denial);
}

fn bearer(header: &header::HeaderValue) -> Option<&str> {
    let (scheme, key) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then_some(key)
}

fn invalid_key(reason: &'static str, asker: &Asker) -> HttpResponse {
    count("invalid_admin_key");
    let detail = "Send a valid admin key as Authorization: Bearer <key>.";
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "invalid_admin_key", detail);
    let problem = Problem { cause: Some(reason.to_owned()), ..problem };
    answer::challenged(&answer::noted(problem, asker), "Bearer realm=\"admin\"")
}

/// Not logged: whoever asks too often must not fill the log.
fn too_many(wait: Duration) -> HttpResponse {
    count("slow_down");
    let detail = "Too many wrong admin keys came from this address. Check the key and wait; a \
                  valid key is accepted at any time.";
    answer::problem(&Problem::slow_down(detail, wait))
}

fn count(reason: &'static str) {
    metrics::counter!("authserver_auth_denied_total", "reason" => reason).increment(1);
}
