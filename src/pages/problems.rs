//! What the problem page says in each usual case.
//!
//! All constructors take the `issuer_path` first. What is wrong with an authorization
//! request is said by `protocol::authorize::PageError`.

use super::ProblemPage;

impl ProblemPage {
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

    /// 400: the ticket in a link is none of ours, or too old.
    #[must_use]
    pub fn link_not_good(issuer_path: &str) -> Self {
        Self::told(
            issuer_path,
            400,
            [
                "This link is not good any more",
                "It was opened too late, or it is not complete, or it was made by another server.",
                "Nothing was approved, and nothing was changed.",
                "Go back to the application and try again: it is given a new link.\nIf you copied the link, copy all of it.",
            ],
        )
    }

    /// 400: what a link asks for can be agreed to no more.
    #[must_use]
    pub fn nothing_to_approve(issuer_path: &str) -> Self {
        Self::told(
            issuer_path,
            400,
            [
                "There is nothing to approve any more",
                "The application or the service it wants to use was switched off or changed since this link was made.",
                "Nothing was approved, and nothing was changed.",
                "Go back to the application and try again. If it happens again, ask the administrator of this server.",
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

    /// 414 or 431: the address or the headers are longer than the server reads.
    #[must_use]
    pub fn too_long(issuer_path: &str, status: u16, happened: &str) -> Self {
        Self::told(
            issuer_path,
            status,
            [
                "The request is too long",
                happened,
                "This request was not looked at. Nothing was changed.",
                "Go back to the application and start again. If it happens again, delete the cookies of this site in your browser.",
            ],
        )
    }

    /// 429: too many attempts; `wait_seconds` is also the `Retry-After`.
    #[must_use]
    pub fn too_many_attempts(issuer_path: &str, wait_seconds: u16) -> Self {
        Self {
            retry_after: Some(wait_seconds),
            what_to_do: format!(
                "Wait {}, then try once more.\nIf you have signed in here with another browser before, you can use that one now.",
                in_words(wait_seconds)
            ),
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

    /// 429: one address asked too often; `wait_seconds` is also the `Retry-After`.
    #[must_use]
    pub fn too_many_requests(issuer_path: &str, wait_seconds: u16) -> Self {
        Self {
            retry_after: Some(wait_seconds),
            what_to_do: format!("Wait {}, then load this page again.", in_words(wait_seconds)),
            ..Self::told(
                issuer_path,
                429,
                [
                    "Too many requests",
                    "More requests came from your network in a short time than this server allows.",
                    "This request was not looked at. Nothing was changed.",
                    "",
                ],
            )
        }
    }

    /// 503: the store is down, or a part of the server is busy or restarting. `outcome`
    /// says whether anything came of the request; `wait_seconds` is also the `Retry-After`.
    #[must_use]
    pub fn unavailable(issuer_path: &str, outcome: &str, wait_seconds: u16) -> Self {
        Self {
            retry_after: Some(wait_seconds),
            what_it_means: outcome.to_owned(),
            code: Some("temporarily_unavailable".to_owned()),
            ..Self::told(
                issuer_path,
                503,
                [
                    "Not available for the moment",
                    "A part of this server is busy or restarting.",
                    "",
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
            retry_after: None,
        }
    }
}

/// A waiting time as people say it, never shorter than `seconds`.
fn in_words(seconds: u16) -> String {
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
