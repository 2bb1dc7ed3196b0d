//! What goes wrong, in the words of the standards.
//!
//! An [`OAuthError`] has two sentences: `description` goes to the client
//! (RFC 6749 §5.2 `error_description`), `detail` goes to our log only.

use std::borrow::Cow;

use crate::wire::wire_enum;

/// Longest public description, in bytes (it is ASCII, so also in characters).
pub const MAX_DESCRIPTION: usize = 512;

wire_enum! {
    /// An `error` code of RFC 6749, 6750, 7009, 7591, 8693, 8707, 9449, OpenID Connect
    /// Core §3.1.2.6, or of contract 01.
    #[non_exhaustive]
    pub enum ErrorCode {
        /// Malformed, missing or repeated parameter; wrong media type (RFC 6749 §5.2).
        InvalidRequest => "invalid_request",
        /// Client authentication failed (RFC 6749 §5.2).
        InvalidClient => "invalid_client",
        /// Code, refresh token, assertion or subject token is no good (RFC 6749 §5.2).
        InvalidGrant => "invalid_grant",
        /// Scope outside catalog or ceiling, or nothing left (RFC 6749 §5.2).
        InvalidScope => "invalid_scope",
        /// Resource unknown or not covered (RFC 8707 §2).
        InvalidTarget => "invalid_target",
        /// The client may not use this grant (RFC 6749 §5.2).
        UnauthorizedClient => "unauthorized_client",
        /// No such grant here (RFC 6749 §5.2).
        UnsupportedGrantType => "unsupported_grant_type",
        /// No such response type here (RFC 6749 §4.1.2.1).
        UnsupportedResponseType => "unsupported_response_type",
        /// The hint names a token type we cannot revoke (RFC 7009 §2.2.1).
        UnsupportedTokenType => "unsupported_token_type",
        /// The user or the operator's policy said no.
        AccessDenied => "access_denied",
        /// The user has to agree first (contract 01; OpenID Connect Core §3.1.2.6).
        ConsentRequired => "consent_required",
        /// `prompt=none`, but the user is not signed in (OpenID Connect Core §3.1.2.6).
        LoginRequired => "login_required",
        /// `prompt=none`, but some page has to be shown (OpenID Connect Core §3.1.2.6).
        InteractionRequired => "interaction_required",
        /// `prompt=none`, but the user has to choose an account (OpenID Connect Core §3.1.2.6).
        AccountSelectionRequired => "account_selection_required",
        /// `request` is refused (OpenID Connect Core §3.1.2.6).
        RequestNotSupported => "request_not_supported",
        /// `request_uri` is refused (OpenID Connect Core §3.1.2.6).
        RequestUriNotSupported => "request_uri_not_supported",
        /// The DPoP proof is bad (RFC 9449 §5).
        InvalidDpopProof => "invalid_dpop_proof",
        /// Try again with the nonce in the `DPoP-Nonce` header (RFC 9449 §8).
        UseDpopNonce => "use_dpop_nonce",
        /// Registration metadata is bad (RFC 7591 §3.2.2).
        InvalidClientMetadata => "invalid_client_metadata",
        /// A redirect URI is bad (RFC 7591 §3.2.2).
        InvalidRedirectUri => "invalid_redirect_uri",
        /// The bearer token of this call is bad (RFC 6750 §3.1).
        InvalidToken => "invalid_token",
        /// Too many requests; comes with `Retry-After`.
        SlowDown => "slow_down",
        /// A dependency is away; comes with `Retry-After`; nothing is half done.
        TemporarilyUnavailable => "temporarily_unavailable",
        /// Our fault; the body carries a correlation id and no internals.
        ServerError => "server_error",
    }
}

impl ErrorCode {
    /// HTTP status at a back-channel endpoint (contract 01, "Errors"). At the
    /// authorization endpoint the code travels in a redirect instead.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::InvalidClient | Self::InvalidToken => 401,
            Self::AccessDenied => 403,
            Self::SlowDown => 429,
            Self::ServerError => 500,
            Self::TemporarilyUnavailable => 503,
            _ => 400,
        }
    }

    /// Short human title (RFC 9457 `title`): the same for every occurrence of the code.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is malformed",
            Self::InvalidClient => "Client authentication failed",
            Self::InvalidGrant => "The grant is not valid",
            Self::InvalidScope => "The scope cannot be granted",
            Self::InvalidTarget => "The resource cannot be used",
            Self::UnauthorizedClient => "The client may not do this",
            Self::UnsupportedGrantType => "The grant type is not supported",
            Self::UnsupportedResponseType => "The response type is not supported",
            Self::UnsupportedTokenType => "The token type is not supported",
            Self::AccessDenied => "Access was denied",
            Self::ConsentRequired => "The user has to give consent",
            Self::LoginRequired => "The user has to sign in",
            Self::InteractionRequired => "The user has to act",
            Self::AccountSelectionRequired => "The user has to choose an account",
            Self::RequestNotSupported => "Request objects are not supported",
            Self::RequestUriNotSupported => "Request URIs are not supported",
            Self::InvalidDpopProof => "The DPoP proof is not valid",
            Self::UseDpopNonce => "The DPoP proof needs a nonce",
            Self::InvalidClientMetadata => "The client metadata is not valid",
            Self::InvalidRedirectUri => "A redirect URI is not valid",
            Self::InvalidToken => "The access token is not valid",
            Self::SlowDown => "Too many requests",
            Self::TemporarilyUnavailable => "The service is temporarily unavailable",
            Self::ServerError => "The server made a mistake",
        }
    }
}

/// A refusal: an error code, a sentence for the client, and optionally one for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthError {
    /// The `error` member.
    pub code: ErrorCode,
    /// Public `error_description`: printable ASCII without `"` and `\`
    /// (RFC 6749 §5.2), at most [`MAX_DESCRIPTION`] bytes.
    pub description: Cow<'static, str>,
    /// Private; for the log, next to the correlation id. Never sent, never a secret.
    pub detail: Option<String>,
    /// With `consent_required` at the token endpoint: how the user can agree.
    pub consent: Option<Box<ConsentRequired>>,
}

/// The further members of a `consent_required` (contract 01, "Errors").
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ConsentRequired {
    /// `consent_missing` or `scope_insufficient`.
    pub cause: &'static str,
    /// The slug of the resource that the user has to agree about.
    pub service_id: String,
    /// Where the user can agree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_url: Option<String>,
}

/// One constructor per code that rules raise: `OAuthError::invalid_scope("…")`.
macro_rules! constructors {
    ($( $name:ident => $code:ident ),+ $(,)?) => {
        $(
            #[doc = concat!("A refusal with code `", stringify!($name), "`.")]
            #[must_use]
            pub fn $name(description: impl Into<Cow<'static, str>>) -> Self {
                Self::new(ErrorCode::$code, description)
            }
        )+
    };
}

impl OAuthError {
    /// A refusal. Characters that RFC 6749 §5.2 keeps out of `error_description`
    /// are replaced and over-long text is cut, because descriptions quote input.
    #[must_use]
    pub fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code, description: transmissible(description.into()), detail: None, consent: None }
    }

    /// Adds the private sentence for the log.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds how the user can agree.
    #[must_use]
    pub fn with_consent(mut self, consent: ConsentRequired) -> Self {
        self.consent = Some(Box::new(consent));
        self
    }

    /// HTTP status at a back-channel endpoint.
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        self.code.http_status()
    }

    constructors! {
        invalid_request => InvalidRequest,
        invalid_client => InvalidClient,
        invalid_grant => InvalidGrant,
        invalid_scope => InvalidScope,
        invalid_target => InvalidTarget,
        unauthorized_client => UnauthorizedClient,
        unsupported_grant_type => UnsupportedGrantType,
        unsupported_response_type => UnsupportedResponseType,
        unsupported_token_type => UnsupportedTokenType,
        access_denied => AccessDenied,
        consent_required => ConsentRequired,
        login_required => LoginRequired,
        interaction_required => InteractionRequired,
        account_selection_required => AccountSelectionRequired,
        request_not_supported => RequestNotSupported,
        request_uri_not_supported => RequestUriNotSupported,
        invalid_dpop_proof => InvalidDpopProof,
        use_dpop_nonce => UseDpopNonce,
        invalid_client_metadata => InvalidClientMetadata,
        invalid_redirect_uri => InvalidRedirectUri,
        invalid_token => InvalidToken,
        slow_down => SlowDown,
        temporarily_unavailable => TemporarilyUnavailable,
        server_error => ServerError,
    }
}

impl std::fmt::Display for OAuthError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.description)
    }
}

impl std::error::Error for OAuthError {}

/// True for the characters RFC 6749 §5.2 allows in `error_description`.
const fn may_be_sent(byte: u8) -> bool {
    matches!(byte, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E)
}

fn transmissible(text: Cow<'static, str>) -> Cow<'static, str> {
    if text.len() <= MAX_DESCRIPTION && text.bytes().all(may_be_sent) {
        return text;
    }
    text.chars()
        .take(MAX_DESCRIPTION)
        .map(|c| match c {
            '"' => '\'',
            '\\' => '/',
            '…' => '~',
            c if u8::try_from(c).is_ok_and(may_be_sent) => c,
            _ => '?',
        })
        .collect::<String>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn statuses_are_those_of_the_contract() {
        let status = |code: ErrorCode| code.http_status();
        assert_eq!(status(ErrorCode::InvalidRequest), 400);
        assert_eq!(status(ErrorCode::InvalidClient), 401);
        assert_eq!(status(ErrorCode::InvalidGrant), 400);
        assert_eq!(status(ErrorCode::InvalidTarget), 400);
        assert_eq!(status(ErrorCode::AccessDenied), 403);
        assert_eq!(status(ErrorCode::ConsentRequired), 400);
        assert_eq!(status(ErrorCode::UseDpopNonce), 400);
        assert_eq!(status(ErrorCode::SlowDown), 429);
        assert_eq!(status(ErrorCode::ServerError), 500);
        assert_eq!(status(ErrorCode::TemporarilyUnavailable), 503);
    }

    #[test]
    fn every_code_survives_the_way_over_the_wire() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::parse(code.as_str()), Some(*code));
            assert_eq!(code.as_str().parse(), Ok(*code));
        }
        assert_eq!(ErrorCode::parse("Invalid_Request"), None);
    }

    #[test]
    fn the_private_detail_is_not_displayed() {
        let error =
            OAuthError::invalid_grant("The code has expired.").with_detail("row 7 of shard 3");
        assert_eq!(error.to_string(), "invalid_grant: The code has expired.");
        assert_eq!(error.detail.as_deref(), Some("row 7 of shard 3"));
    }

    #[test]
    fn quotes_and_backslashes_are_replaced_in_descriptions() {
        let error = OAuthError::invalid_scope(String::from("scope \"a\\b\" – no"));
        assert_eq!(error.description, "scope 'a/b' ? no");
    }

    proptest! {
        #[test]
        fn descriptions_never_leave_the_character_set_of_the_rfc(text in ".*") {
            let error = OAuthError::invalid_request(text);
            prop_assert!(error.description.len() <= MAX_DESCRIPTION);
            prop_assert!(error.description.bytes().all(may_be_sent));
        }
    }
}
