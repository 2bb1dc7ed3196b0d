//! The request metrics. Finding a metric by its labels, and the pattern that a path
//! matched, costs more than serving a document; so each worker keeps the way to those it
//! has used.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use actix_web::HttpRequest;
use metrics::{Counter, Histogram};

/// Where requests of one method, path and status are counted.
struct Meter {
    method: &'static str,
    status: u16,
    requests: Counter,
    durations: Histogram,
}

impl Meter {
    fn find(method: &'static str, path: &str, status: u16) -> Meter {
        let labels = [
            ("method", method.to_owned()),
            ("path", path.to_owned()),
            ("status", status.to_string()),
        ];
        Meter {
            method,
            status,
            requests: metrics::counter!("authserver_http_requests_total", &labels),
            durations: metrics::histogram!("authserver_http_request_duration_seconds", &labels),
        }
    }

    fn count(&self, took: Duration) {
        self.requests.increment(1);
        self.durations.record(took);
    }
}

thread_local! {
    /// By path, and only for paths that are patterns themselves: there are as many of them
    /// as there are routes, whatever clients ask for.
    static KNOWN: RefCell<HashMap<String, Vec<Meter>>> = RefCell::default();
}

/// Counts a request. `about` is told the pattern it matched, not its path: a client must
/// not be able to invent label values.
pub(super) fn measured<T>(
    request: &HttpRequest,
    method: &'static str,
    status: u16,
    took: Duration,
    about: impl FnOnce(&str) -> T,
) -> T {
    KNOWN.with_borrow_mut(|known| {
        if let Some(meters) = known.get_mut(request.path()) {
            let at = meters.iter().position(|it| it.method == method && it.status == status);
            match at {
                Some(at) => meters[at].count(took),
                None => {
                    let meter = Meter::find(method, request.path(), status);
                    meter.count(took);
                    meters.push(meter);
                }
            }
            return about(request.path());
        }
        let pattern = request.match_pattern().unwrap_or_else(|| "unmatched".to_owned());
        let meter = Meter::find(method, &pattern, status);
        meter.count(took);
        if pattern == request.path() {
            known.insert(pattern.clone(), vec![meter]);
        }
        about(&pattern)
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_path_that_matches_no_pattern_is_not_kept() {
        let request = TestRequest::with_uri("/invented").to_http_request();
        let said = measured(&request, "GET", 404, Duration::ZERO, str::to_owned);
        assert_eq!(said, "unmatched");
        assert!(KNOWN.with_borrow(HashMap::is_empty));
    }
}
