//! One handler for all operations.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};

use super::super::origin::Asker;
use super::{Admin, read};
use crate::admin::{Operation, Parts, Problem};
use crate::administration::Desk;
use crate::app::Services;

/// Checks the right, reads the request, carries the operation out.
pub(super) async fn operation<O: Operation>(
    request: HttpRequest,
    payload: web::Payload,
    services: web::Data<Services>,
    asker: Asker,
    admin: Admin,
) -> HttpResponse {
    let outcome = async {
        admin.needs(O::RIGHT)?;
        let path = read::path::<O>(&request)?;
        let query = read::query::<O::Query>(&request)?;
        let body = read::body::<O::Body>(&request, payload, &services).await?;
        let desk = desk(&services, &admin, &asker);
        let operation = O::of(Parts { path, query, body });
        operation.carry_out(&desk).await.map_err(Problem::from)
    };
    match outcome.await {
        Ok(answer) if O::SUCCESS != StatusCode::NO_CONTENT => {
            HttpResponse::build(O::SUCCESS).insert_header(NO_STORE).json(answer)
        }
        Ok(_) => HttpResponse::NoContent().insert_header(NO_STORE).finish(),
        Err(refused) => problem(&noted(refused, &asker)),
    }
}

const NO_STORE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "no-store");

fn desk<'a>(services: &'a Services, admin: &'a Admin, asker: &'a Asker) -> Desk<'a> {
    Desk {
        config: &services.config,
        store: &services.store,
        household: &services.household,
        keepers: &services.keepers,
        environment: &services.environment,
        secrets: &services.secrets,
        admin: &admin.0.name,
        powers: admin.0.powers(),
        origin: &asker.0,
    }
}

/// The problem, with a line in the log that says what it does not.
pub(super) fn noted(mut problem: Problem, asker: &Asker) -> Problem {
    let (trace_id, error, cause) = (asker.trace_id(), &problem.error, problem.cause.as_deref());
    let (description, detail) = (&problem.detail, cause.unwrap_or_default());
    match problem.status {
        500 => {
            tracing::error!(trace_id, error, description, detail, "request failed");
            problem.trace_id = Some(trace_id.to_owned());
        }
        501.. => tracing::warn!(trace_id, error, description, detail, "request failed"),
        _ => tracing::info!(trace_id, error, description, detail, "request refused"),
    }
    problem
}

/// A problem as the answer: the one form in which this listener refuses anything, whoever on
/// the way to a handler does it.
pub(in crate::http) fn problem(problem: &Problem) -> HttpResponse {
    let mut answer = HttpResponse::build(problem.status());
    answer.insert_header(NO_STORE);
    if let Some(seconds) = problem.retry_after {
        answer.insert_header((header::RETRY_AFTER, HeaderValue::from(seconds)));
    }
    answer.content_type("application/problem+json").json(problem)
}

/// The same as 401: what would be taken is `challenge` (RFC 9110 §11.6.1).
pub(in crate::http) fn challenged(refused: &Problem, challenge: &'static str) -> HttpResponse {
    let mut answer = problem(refused);
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    answer
}
