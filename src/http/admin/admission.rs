//! Who is let in, and what for.

use std::future::{Ready, ready};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use protocol::admin::Right;

use super::super::origin::Asker;
use super::answer;
use crate::admin::Problem;
use crate::app::{Denied, Identity, Services};
use crate::failure::Failure;

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
    match identify(&request).await {
        Ok(identity) => {
            request.extensions_mut().insert(Admin(identity));
            Ok(next.call(request).await?.map_into_boxed_body())
        }
        Err(refusal) => {
            let asker = Asker::of(request.request());
            let answer = answer::problem(&answer::noted(refusal, &asker));
            Ok(request.into_response(answer))
        }
    }
}

/// Whose key came with the request. Whatever is wrong with a key, the answer is the same.
async fn identify(request: &ServiceRequest) -> Result<Identity, Problem> {
    let refused = |reason: &'static str| {
        metrics::counter!("authserver_auth_denied_total", "reason" => "invalid_admin_key")
            .increment(1);
        let detail = "Send a valid admin key as Authorization: Bearer <key>.";
        let problem = Problem::new(StatusCode::UNAUTHORIZED, "invalid_admin_key", detail);
        Problem { cause: Some(reason.to_owned()), ..problem }
    };
    let Some(services) = request.app_data::<web::Data<Services>>() else {
        return Err(refused("no_services"));
    };
    let header = request.headers().get(header::AUTHORIZATION);
    let key = header.and_then(|header| header.to_str().ok()).and_then(|header| {
        let (scheme, key) = header.split_once(' ')?;
        scheme.eq_ignore_ascii_case("Bearer").then_some(key)
    });
    let Some(key) = key else { return Err(refused("none")) };
    let now = services.environment.now();
    match services.admin.authorize(key, &services.keepers, now).await {
        Ok(identity) => Ok(identity),
        Err(Denied::Keeper(error)) => Err(Failure::from(error).into()),
        Err(Denied::Store(error)) => Err(Failure::from(error).into()),
        Err(denied) => Err(refused(denied.reason())),
    }
}
