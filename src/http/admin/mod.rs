//! The admin listener: every operation of [`crate::admin`] as a route. Nothing under
//! `/admin` is reached without a key: the check stands in front of the routes, so that no
//! route can forget it; and no operation is carried out without its right.

mod admission;
mod answer;
mod read;

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource, Route};

use crate::admin::{Operation, Problem, Registrar, every_operation};

pub use admission::Admin;
pub(super) use answer::{challenged, problem};

/// The longest body of an operation, in bytes.
pub const MAX_BODY: usize = 256 * 1024;

/// What the path of every operation begins with.
const ROOT: &str = "/admin";

/// Everything under `/admin`.
pub(super) fn routes(app: &mut ServiceConfig) {
    let mut table = Table::default();
    every_operation(&mut table);
    let mut admin = web::scope(ROOT);
    for (path, routes) in table.0 {
        admin = admin.service(resource(path.strip_prefix(ROOT).unwrap_or(path), routes));
    }
    let admin = admin.wrap(from_fn(admission::require_key));
    app.service(admin.default_service(web::to(not_found)));
}

/// The routes of each path.
#[derive(Default)]
struct Table(BTreeMap<&'static str, Vec<(Method, Route)>>);

impl Registrar for Table {
    fn enter<O: Operation>(&mut self) {
        let route = web::method(O::METHOD).to(answer::operation::<O>);
        self.0.entry(O::PATH).or_default().push((O::METHOD, route));
    }
}

fn resource(path: &str, routes: Vec<(Method, Route)>) -> Resource {
    let methods: Vec<&str> = routes.iter().map(|(method, _)| method.as_str()).collect();
    let allowed = methods.join(", ");
    let resource = web::resource(path).default_service(only(&allowed));
    routes.into_iter().fold(resource, |resource, (_, route)| resource.route(route))
}

/// Refuses every other method and says which there are (RFC 9110 §15.5.6).
pub(super) fn only(allowed: &str) -> Route {
    let detail = format!("This route takes {allowed} only. See /admin/openapi.json.");
    let refused = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
    let (refused, allowed) = (Arc::new(refused), allowed.to_owned());
    web::to(move || {
        let (refused, allowed) = (Arc::clone(&refused), allowed.clone());
        async move {
            let mut answer = problem(&refused);
            if let Ok(allowed) = HeaderValue::from_str(&allowed) {
                answer.headers_mut().insert(header::ALLOW, allowed);
            }
            answer
        }
    })
}

/// Nothing is here.
pub(super) async fn not_found() -> HttpResponse {
    let detail = "The admin API has no such route. See /admin/openapi.json.";
    problem(&Problem::new(StatusCode::NOT_FOUND, "not_found", detail))
}
