//! Step two: may this request be put before the user?

use super::audience::{choose_resources, choose_scopes};
use super::{AuthorizationRequest, AuthorizePolicy, MAX_LOGIN_HINT, Prompt, identify};
use crate::client::{Client, GrantType};
use crate::error::OAuthError;
use crate::form::{Parameters, repeated_parameter};
use crate::pkce::{CodeChallenge, is_base64url_sha256};
use crate::resource::Resources;

/// Judges an authorization request whose target [`identify`] has found.
///
/// # Errors
/// A refusal that goes to the redirect URI.
pub fn decide(
    params: &Parameters,
    client: &Client,
    resources: &Resources,
    policy: &AuthorizePolicy,
) -> Result<AuthorizationRequest, OAuthError> {
    let target =
        identify(params, client).map_err(|page| OAuthError::invalid_request(page.to_string()))?;
    if let Some(name) = params.repeated() {
        return Err(repeated_parameter(name));
    }
    refuse_what_is_switched_off(params, *policy)?;
    check_response_type(params)?;
    if !client.may_use(GrantType::AuthorizationCode) {
        return Err(OAuthError::unauthorized_client(
            "The client is not registered for the authorization_code grant.",
        ));
    }
    let code_challenge =
        CodeChallenge::parse(params.get("code_challenge_method"), params.get("code_challenge"))?;
    let prompt = Prompt::parse(params.get("prompt"))?;
    let max_age = parse_max_age(params.get("max_age"))?;
    let chosen = choose_resources(params, client, resources)?;
    let requested = choose_scopes(params, client, &chosen, *policy)?;
    Ok(AuthorizationRequest {
        client_id: client.id.clone(),
        redirect_uri: target.uri,
        redirect_uri_was_given: target.was_given,
        state: target.state,
        code_challenge,
        resources: chosen.iter().map(|resource| resource.uri.clone()).collect(),
        resource_ids: chosen.iter().map(|resource| resource.id).collect(),
        scopes: requested.scopes,
        offline_access: requested.offline_access,
        prompt,
        login_hint: params
            .get("login_hint")
            .filter(|hint| hint.len() <= MAX_LOGIN_HINT)
            .map(str::to_owned),
        max_age,
        dpop_jkt: params.get("dpop_jkt").map(str::to_owned),
    })
}

/// Request objects could override every parameter we check, and a DPoP key we do
/// not bind to would be a promise not kept: both are refused, never ignored.
fn refuse_what_is_switched_off(
    params: &Parameters,
    policy: AuthorizePolicy,
) -> Result<(), OAuthError> {
    if params.get("request").is_some() {
        return Err(OAuthError::request_not_supported(
            "Request objects (request) are not supported.",
        ));
    }
    if params.get("request_uri").is_some() {
        return Err(OAuthError::request_uri_not_supported(
            "Request URIs (request_uri) are not supported.",
        ));
    }
    match params.get("dpop_jkt") {
        None => Ok(()),
        Some(thumbprint) if is_base64url_sha256(thumbprint) && policy.dpop => Ok(()),
        Some(thumbprint) if is_base64url_sha256(thumbprint) => {
            Err(OAuthError::invalid_request("DPoP is not enabled, so dpop_jkt cannot be honoured."))
        }
        Some(_) => Err(OAuthError::invalid_request(
            "dpop_jkt must be the 43 characters of a base64url JWK thumbprint (RFC 7638).",
        )),
    }
}

fn check_response_type(params: &Parameters) -> Result<(), OAuthError> {
    if params.require("response_type")? != "code" {
        return Err(OAuthError::unsupported_response_type("Only response_type=code is supported."));
    }
    match params.get("response_mode") {
        None | Some("query") => Ok(()),
        Some(_) => Err(OAuthError::invalid_request("Only response_mode=query is supported.")),
    }
}

/// Seconds, digits only (OpenID Connect Core §3.1.2.1). More than fits is as good
/// as no limit, but says so instead of wrapping.
fn parse_max_age(max_age: Option<&str>) -> Result<Option<u32>, OAuthError> {
    let Some(text) = max_age else { return Ok(None) };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(seconds) if digits => Ok(Some(seconds)),
        _ => Err(OAuthError::invalid_request("max_age must be a whole number of seconds.")),
    }
}
