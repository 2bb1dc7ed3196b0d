//! `GET /oauth/authorize`: who asks, for what, and where the answer may go.

mod audience;
mod prompt;
mod redirect;
mod request;

use url::Url;

use crate::kit::Answer;
use crate::kit::browser::param;
use crate::kit::server::ISSUER;

/// Asserts that the browser is sent back to `redirect_uri` with this error, and with
/// everything that travels with one. Gives the URL.
#[track_caller]
fn refused(answer: &Answer, redirect_uri: &str, error: &str) -> Url {
    let location = answer.location();
    assert!(location.as_str().starts_with(&format!("{redirect_uri}?")), "{location}");
    assert_eq!(param(&location, "error").as_deref(), Some(error), "{location}");
    assert!(param(&location, "error_description").is_some_and(|text| !text.is_empty()));
    assert_eq!(param(&location, "state").as_deref(), Some("some state"), "{location}");
    assert_eq!(param(&location, "iss").as_deref(), Some(ISSUER), "{location}");
    assert_eq!(param(&location, "code"), None, "{location}");
    location
}
