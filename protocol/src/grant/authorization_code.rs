//! `authorization_code` (RFC 6749 §4.1.3, RFC 7636 §4.6, RFC 8707 §2.2).

use std::fmt;

use chrono::{DateTime, Utc};
use zeroize::Zeroizing;

use super::{
    Grantable, covered_resources, live_scopes, refuse_nothing_left, requested_resources,
    require_grant, require_proof,
};
use crate::authorize::AuthorizationRequest;
use crate::client::{Client, GrantType};
use crate::error::OAuthError;
use crate::form::Parameters;
use crate::resource::Resources;

/// A token request with a code.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The code.
    pub code: Zeroizing<String>,
    /// Must repeat what the authorization request named.
    pub redirect_uri: Option<String>,
    /// PKCE verifier.
    pub code_verifier: Zeroizing<String>,
    /// Narrows the audience; empty means everything the code covers.
    pub resources: Vec<String>,
}

impl Request {
    /// Reads the form. PKCE is mandatory here, so `code_verifier` is too.
    ///
    /// # Errors
    /// `invalid_request` for a missing parameter, `invalid_target` for too many resources.
    pub fn from_form(form: &Parameters) -> Result<Self, OAuthError> {
        Ok(Self {
            code: Zeroizing::new(form.require("code")?.to_owned()),
            redirect_uri: form.get("redirect_uri").map(str::to_owned),
            code_verifier: Zeroizing::new(form.require("code_verifier")?.to_owned()),
            resources: requested_resources(form)?,
        })
    }

    /// Judges the request against the code it names. That the code was not used
    /// before, and that consent still stands, is for the keeper of codes.
    ///
    /// # Errors
    /// `invalid_grant`, `unauthorized_client`, `invalid_target`, `invalid_scope` or
    /// `invalid_dpop_proof`; the code is unspent.
    pub fn check(
        &self,
        client: &Client,
        code: &IssuedCode<'_>,
        resources: &Resources,
        proof: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Grantable, OAuthError> {
        let request = code.request;
        if request.client_id != client.id {
            return Err(not_valid("the code was issued to another client"));
        }
        require_grant(client, GrantType::AuthorizationCode)?;
        if now >= code.expires_at {
            return Err(not_valid("the code has expired"));
        }
        self.check_redirect_uri(request)?;
        if !request.code_challenge.verify(&self.code_verifier) {
            return Err(OAuthError::invalid_grant(
                "The code_verifier does not match the code_challenge.",
            ));
        }
        check_key(request, proof)?;
        let chosen = covered_resources(&self.resources, &request.resource_ids, resources)?;
        require_proof(client, &chosen, proof)?;
        let scopes = live_scopes(&request.scopes, client, &chosen);
        refuse_nothing_left(&request.scopes, &scopes)?;
        Ok(Grantable::new(&chosen, scopes))
    }

    /// RFC 6749 §4.1.3: identical if it was given, and never something else.
    fn check_redirect_uri(&self, request: &AuthorizationRequest) -> Result<(), OAuthError> {
        match self.redirect_uri.as_deref() {
            Some(repeated) if repeated == request.redirect_uri => Ok(()),
            None if !request.redirect_uri_was_given => Ok(()),
            _ => Err(OAuthError::invalid_grant(
                "redirect_uri is not the one of the authorization request.",
            )),
        }
    }
}

/// RFC 9449 §10: a code that was bound is redeemed with the very key.
fn check_key(request: &AuthorizationRequest, proof: Option<&str>) -> Result<(), OAuthError> {
    match (&request.dpop_jkt, proof) {
        (Some(bound_to), Some(jkt)) if bound_to != jkt => Err(OAuthError::invalid_grant(
            "The code is bound to another key than that of the DPoP proof (dpop_jkt).",
        )),
        (Some(_), None) => Err(OAuthError::invalid_dpop_proof(
            "The code is bound to a key (dpop_jkt): send a DPoP proof.",
        )),
        _ => Ok(()),
    }
}

/// What is known about an issued code.
#[derive(Debug, Clone, Copy)]
pub struct IssuedCode<'a> {
    /// The request it answers, with `scopes` narrowed to what the user approved.
    pub request: &'a AuthorizationRequest,
    /// When it stops working.
    pub expires_at: DateTime<Utc>,
}

/// The refusal of a code, in the same words for unknown, used, expired and foreign
/// ones, so that it confirms nothing to a thief.
#[must_use]
pub fn not_valid(detail: &str) -> OAuthError {
    OAuthError::invalid_grant("The code is not valid: it is unknown, expired, already used, or belongs to another client.")
        .with_detail(detail)
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("redirect_uri", &self.redirect_uri)
            .field("resources", &self.resources)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::{AuthorizePolicy, decide};
    use crate::fixtures::{
        CHALLENGE, VERIFIER, at, client, form, query, resource, scopes, two_resources,
    };
    use proptest::prelude::*;

    const CALLBACK: &str = "&redirect_uri=https://client.example/cb";
    const BOTH: &str = "&resource=https://files.example/mcp&resource=https://mail.example/mcp";

    fn authorized(extra: &str) -> AuthorizationRequest {
        let params = query(&format!(
            "client_id=c1&response_type=code&code_challenge={CHALLENGE}&code_challenge_method=S256{extra}"
        ));
        decide(&params, &client(), &two_resources(), &AuthorizePolicy::default()).unwrap()
    }

    fn redeemed(
        authorized: &AuthorizationRequest,
        body: &str,
        client: &Client,
    ) -> Result<Grantable, OAuthError> {
        let request =
            Request::from_form(&form(&format!("code=abc&code_verifier={VERIFIER}{body}")))?;
        let code = IssuedCode { request: authorized, expires_at: at(60) };
        request.check(client, &code, &two_resources(), None, at(0))
    }

    fn refusal(authorized: &AuthorizationRequest, body: &str, client: &Client) -> &'static str {
        redeemed(authorized, body, client).unwrap_err().code.as_str()
    }

    #[test]
    fn a_code_earns_what_was_approved() {
        let grantable =
            redeemed(&authorized(&format!("{CALLBACK}{BOTH}")), CALLBACK, &client()).unwrap();
        assert_eq!(grantable.audience, ["https://files.example/mcp", "https://mail.example/mcp"]);
        assert_eq!(grantable.scopes, scopes("read send list"));
    }

    #[test]
    fn code_and_verifier_are_required() {
        for body in ["code=abc", &format!("code_verifier={VERIFIER}"), "code=&code_verifier="] {
            assert_eq!(
                Request::from_form(&form(body)).unwrap_err().code.as_str(),
                "invalid_request"
            );
        }
    }

    #[test]
    fn another_clients_code_is_refused() {
        let thief = Client { id: "c2".into(), ..client() };
        assert_eq!(refusal(&authorized(BOTH), "", &thief), "invalid_grant");
    }

    #[test]
    fn an_expired_code_is_refused_at_the_very_second() {
        let authorized = authorized(BOTH);
        let request =
            Request::from_form(&form(&format!("code=abc&code_verifier={VERIFIER}"))).unwrap();
        let code = IssuedCode { request: &authorized, expires_at: at(60) };
        assert!(request.check(&client(), &code, &two_resources(), None, at(59)).is_ok());
        assert!(request.check(&client(), &code, &two_resources(), None, at(60)).is_err());
    }

    #[test]
    fn the_redirect_uri_must_be_repeated_exactly_if_it_was_given() {
        let given = authorized(&format!("{CALLBACK}{BOTH}"));
        for wrong in ["", "&redirect_uri=https://client.example/cb/", "&redirect_uri=https://evil/"]
        {
            assert_eq!(refusal(&given, wrong, &client()), "invalid_grant", "{wrong}");
        }
        let implied = authorized(BOTH);
        assert!(redeemed(&implied, "", &client()).is_ok());
        assert!(redeemed(&implied, CALLBACK, &client()).is_ok());
        assert_eq!(refusal(&implied, "&redirect_uri=https://evil/", &client()), "invalid_grant");
    }

    #[test]
    fn a_wrong_verifier_is_refused() {
        let authorized = authorized(BOTH);
        for verifier in [CHALLENGE, "short", &"a".repeat(64)] {
            let request =
                Request::from_form(&form(&format!("code=abc&code_verifier={verifier}"))).unwrap();
            let code = IssuedCode { request: &authorized, expires_at: at(60) };
            let error = request.check(&client(), &code, &two_resources(), None, at(0)).unwrap_err();
            assert_eq!(error.code.as_str(), "invalid_grant");
        }
    }

    #[test]
    fn the_audience_may_be_narrowed_with_its_scopes() {
        let grantable =
            redeemed(&authorized(BOTH), "&resource=https://MAIL.example/mcp", &client()).unwrap();
        assert_eq!(grantable.audience, ["https://mail.example/mcp"]);
        assert_eq!(grantable.scopes, scopes("send list"));
    }

    #[test]
    fn the_audience_may_not_be_widened() {
        let files = authorized("&resource=https://files.example/mcp");
        assert_eq!(
            refusal(&files, "&resource=https://mail.example/mcp", &client()),
            "invalid_target"
        );
        assert_eq!(
            refusal(&files, &format!("{BOTH}&resource=https://x"), &client()),
            "invalid_target"
        );
    }

    #[test]
    fn a_deleted_resource_and_a_lowered_ceiling_count_at_once() {
        let files = authorized("&resource=https://files.example/mcp");
        let request =
            Request::from_form(&form(&format!("code=abc&code_verifier={VERIFIER}"))).unwrap();
        let code = IssuedCode { request: &files, expires_at: at(60) };
        let other = Resources::new(vec![resource(2, "mail", "https://mail.example/mcp", "send")]);
        assert_eq!(
            request.check(&client(), &code, &other, None, at(0)).unwrap_err().code.as_str(),
            "invalid_target"
        );
        let capped = Client { ceiling: Some(scopes("write")), ..client() };
        assert_eq!(refusal(&files, "", &capped), "invalid_scope");
    }

    #[test]
    fn a_client_that_lost_the_grant_is_refused() {
        let machine = Client { grant_types: vec![GrantType::ClientCredentials], ..client() };
        assert_eq!(refusal(&authorized(BOTH), "", &machine), "unauthorized_client");
    }

    #[test]
    fn debug_shows_neither_code_nor_verifier() {
        let request =
            Request::from_form(&form(&format!("code=s3cret&code_verifier={VERIFIER}"))).unwrap();
        let shown = format!("{request:?}");
        assert!(!shown.contains("s3cret") && !shown.contains(VERIFIER));
    }

    proptest! {
        #[test]
        fn no_form_earns_more_than_the_code_covers(body in "(&(resource=https://(files|mail|x).example/mcp|scope=[a-z]{1,5}|redirect_uri=https://[a-z.]{1,9}/cb)){0,3}") {
            let Ok(parameters) = Parameters::parse(format!("code=a&code_verifier={VERIFIER}{body}").as_bytes(), &["resource"]) else { return Ok(()) };
            let authorized = authorized("&resource=https://files.example/mcp&scope=read");
            let code = IssuedCode { request: &authorized, expires_at: at(60) };
            if let Ok(grantable) = Request::from_form(&parameters).unwrap().check(&client(), &code, &two_resources(), None, at(0)) {
                prop_assert_eq!(grantable.audience, vec!["https://files.example/mcp".to_owned()]);
                prop_assert_eq!(grantable.scopes, scopes("read"));
            }
        }
    }
}
