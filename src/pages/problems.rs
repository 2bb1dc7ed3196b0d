//! What the problem page says in each usual case.
//!
//! All constructors take the `issuer_path` first. Set `correlation_id` on the
//! result where the log has one.

use super::ProblemPage;
use super::filters::readable_text;

impl ProblemPage {
    /// 400: the `client_id` of an authorization request names nobody. Some
    /// clients repeat a deleted registration for ever, so this tells a person
    /// how to break the circle.
    #[must_use]
    pub fn unknown_client(issuer_path: &str) -> Self {
        Self {
            code: Some("invalid_client".to_owned()),
            ..Self::told(
                issuer_path,
                400,
                [
                    "This application is not known here",
                    "An application asked for access with an identifier that this server does not have. Its registration may have been removed.",
                    "Nothing was approved and nothing was sent to the application. It will get the same answer each time it repeats this identifier.",
                    "In the application, remove the saved sign-in for this server (often called “clear authentication”, “log out” or “remove server”), then connect again so that it registers anew.\nIf it still fails, ask the administrator of this server to register the application.",
                ],
            )
        }
    }

    /// 400: the `redirect_uri` is missing or not one the client registered.
    /// `redirect_uri` is shown as text, cut to 300 characters.
    #[must_use]
    pub fn unregistered_redirect(issuer_path: &str, redirect_uri: Option<&str>) -> Self {
        let mut page = Self {
            code: Some("invalid_request".to_owned()),
            ..Self::told(
                issuer_path,
                400,
                [
                    "The return address is not registered",
                    "The application did not say where to send you afterwards.",
                    "You were not sent on and nothing was approved. A wrong return address can be a mistake in the application’s settings, or an attempt to have your approval delivered to somebody else.",
                    "If you did not start this yourself, close this page.\nIf you did, remove this server in the application and connect again. Whoever maintains the application can register the exact address it uses.",
                ],
            )
        };
        if let Some(uri) = redirect_uri {
            page.what_happened = format!(
                "The application asked to send you to “{}”, which is not among the addresses it registered.",
                readable_text(uri, 300)
            );
        }
        page
    }

    /// 400: the pending authorization request is gone: too old or already used.
    #[must_use]
    pub fn request_expired(issuer_path: &str) -> Self {
        Self::told(
            issuer_path,
            400,
            [
                "This request is no longer open",
                "The sign-in or approval you were working on took too long, or it was already answered.",
                "Nothing was approved by this attempt.",
                "Go back to the application and connect again.",
            ],
        )
    }

    /// 403: the CSRF token of a form is missing, wrong or from another session.
    #[must_use]
    pub fn form_not_accepted(issuer_path: &str) -> Self {
        Self::told(
            issuer_path,
            403,
            [
                "This form could not be accepted",
                "The form was open for too long, was sent twice, or did not come from this site.",
                "Nothing was changed. Your browser must also accept cookies from this site for forms to work.",
                "Go back to the application and start again. If you did not fill in a form on this site yourself, just close this page.",
            ],
        )
    }

    /// 404.
    #[must_use]
    pub fn not_found(issuer_path: &str) -> Self {
        Self::told(
            issuer_path,
            404,
            [
                "There is nothing at this address",
                "This server has no page here.",
                "The link may be mistyped, incomplete or old.",
                "Check the address, or go back to the application you came from.",
            ],
        )
    }

    /// 429: too many attempts; `wait_seconds` is also the `Retry-After`.
    #[must_use]
    pub fn too_many_attempts(issuer_path: &str, wait_seconds: u64) -> Self {
        Self {
            what_to_do: format!("Wait {}, then try once more.", in_words(wait_seconds)),
            ..Self::told(
                issuer_path,
                429,
                [
                    "Too many attempts",
                    "There were more attempts in a short time than this server allows.",
                    "Further attempts are refused for a while, to protect accounts from guessing. Nothing is lost.",
                    "",
                ],
            )
        }
    }

    /// 503: the store is down, or a part of the server is busy or restarting.
    #[must_use]
    pub fn unavailable(issuer_path: &str) -> Self {
        Self {
            code: Some("temporarily_unavailable".to_owned()),
            ..Self::told(
                issuer_path,
                503,
                [
                    "Not available for the moment",
                    "A part of this server is busy or restarting.",
                    "Your request was not carried out, not even in part.",
                    "Wait a moment, then load this page again. If that keeps failing, tell the administrator of this server.",
                ],
            )
        }
    }

    /// 500: a fault of ours. The log has the detail under `correlation_id`.
    #[must_use]
    pub fn internal_error(issuer_path: &str, correlation_id: &str) -> Self {
        Self {
            code: Some("server_error".to_owned()),
            correlation_id: Some(correlation_id.to_owned()),
            ..Self::told(
                issuer_path,
                500,
                [
                    "Something went wrong on our side",
                    "This server met an error it did not expect.",
                    "Your request may not have been completed. It is not your fault, nor the application’s.",
                    "Go back to the application and try again. If it happens again, give the reference below to the administrator of this server.",
                ],
            )
        }
    }

    /// `text`: title, what happened, what it means, what to do.
    fn told(issuer_path: &str, status: u16, text: [&str; 4]) -> Self {
        let [title, what_happened, what_it_means, what_to_do] = text.map(str::to_owned);
        Self {
            issuer_path: issuer_path.to_owned(),
            status,
            title,
            what_happened,
            what_it_means,
            what_to_do,
            correlation_id: None,
            code: None,
        }
    }
}

/// A waiting time as people say it, never shorter than `seconds`.
fn in_words(seconds: u64) -> String {
    match seconds {
        0 | 1 => "a second".to_owned(),
        2..=90 => format!("{seconds} seconds"),
        91..=5400 => format!("{} minutes", seconds.div_ceil(60)),
        _ => format!("{} hours", seconds.div_ceil(3600)),
    }
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn a_wait_is_rounded_up_and_said_in_words() {
        let said = [0, 45, 91, 5400, 5401].map(in_words);
        assert_eq!(said, ["a second", "45 seconds", "2 minutes", "90 minutes", "2 hours"]);
    }
}
