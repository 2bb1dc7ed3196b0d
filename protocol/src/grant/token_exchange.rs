//! `urn:ietf:params:oauth:grant-type:token-exchange` (RFC 8693 §2.1): the request. What
//! comes of it is decided in [`crate::exchange`].

use super::{requested_scopes, require_grant};
use crate::authorize::MAX_RESOURCES;
use crate::client::{Client, GrantType};
use crate::error::OAuthError;
use crate::form::Parameters;
use crate::resource::{MintResource, Resources, unknown_resource};
use crate::scope::ScopeSet;
use crate::text;

/// RFC 8693 §3: an access token. What a resource server, and an exchange, takes.
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// RFC 8693 §3: a JWT. Ours are both.
pub const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// An exchange as it was asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The token that is exchanged.
    pub subject_token: String,
    /// The token of who acts.
    pub actor_token: Option<String>,
    /// What the target was called: URIs, aliases or slugs. Empty when it was not named.
    pub targets: Vec<String>,
    /// What it asks for. None means what the exchange is authorized for.
    pub scope: Option<ScopeSet>,
}

impl Request {
    /// Reads the form.
    ///
    /// # Errors
    /// `invalid_request` for tokens of other types, `invalid_scope` or `invalid_target`
    /// when those cannot be read.
    pub fn from_form(form: &Parameters) -> Result<Self, OAuthError> {
        let subject_token = form.require("subject_token")?.to_owned();
        check_type("subject_token_type", form.require("subject_token_type")?)?;
        let actor_token = match (form.get("actor_token"), form.get("actor_token_type")) {
            (Some(token), Some(token_type)) => {
                check_type("actor_token_type", token_type)?;
                Some(token.to_owned())
            }
            (None, None) => None,
            (Some(_), None) => {
                return Err(OAuthError::invalid_request(
                    "actor_token needs actor_token_type (RFC 8693 section 2.1).",
                ));
            }
            (None, Some(_)) => {
                return Err(OAuthError::invalid_request(
                    "actor_token_type needs actor_token (RFC 8693 section 2.1).",
                ));
            }
        };
        if form.get("requested_token_type").is_some_and(|wanted| wanted != ACCESS_TOKEN) {
            return Err(OAuthError::invalid_request(format!(
                "requested_token_type can only be {ACCESS_TOKEN}."
            )));
        }
        let targets: Vec<String> =
            form.all("resource").chain(form.all("audience")).map(str::to_owned).collect();
        if targets.len() > MAX_RESOURCES {
            return Err(OAuthError::invalid_target("More than 16 resources in one request."));
        }
        let scope = requested_scopes(form)?;
        // Asking for what no access token has is not asking for everything.
        if scope.is_none() && form.get("scope").is_some() {
            return Err(OAuthError::invalid_scope(
                "An exchange gives no offline_access: name scopes of the resource, or leave scope out.",
            ));
        }
        Ok(Self { subject_token, actor_token, targets, scope })
    }

    /// Whether this client may exchange tokens at all.
    ///
    /// # Errors
    /// `unauthorized_client` for a public client or one without the grant.
    pub fn check_client(client: &Client) -> Result<(), OAuthError> {
        if client.is_public() {
            return Err(OAuthError::unauthorized_client(
                "Token exchange is for confidential clients.",
            ));
        }
        require_grant(client, GrantType::TokenExchange)
    }

    /// The one resource that all its names mean; none when it was not named.
    ///
    /// # Errors
    /// `invalid_target` for an unknown name, and for names of several resources.
    pub fn target<'a>(
        &self,
        resources: &'a Resources,
    ) -> Result<Option<&'a MintResource>, OAuthError> {
        let mut target: Option<&MintResource> = None;
        for name in &self.targets {
            let named = resources.by_uri(name).or_else(|| resources.by_slug(name));
            let named = named.filter(|resource| resource.is_addressable());
            let named = named.ok_or_else(|| unknown_resource(name))?;
            if target.is_some_and(|target| target.id != named.id) {
                return Err(OAuthError::invalid_target(
                    "A token is exchanged for one resource at a time.",
                ));
            }
            target = Some(named);
        }
        Ok(target)
    }
}

fn check_type(parameter: &str, token_type: &str) -> Result<(), OAuthError> {
    if [ACCESS_TOKEN, JWT].contains(&token_type) {
        return Ok(());
    }
    let given = text::visible(token_type, 100);
    Err(OAuthError::invalid_request(format!(
        "{parameter} '{given}' is not accepted here; send an access token of this server as {ACCESS_TOKEN}."
    )))
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("targets", &self.targets)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{AuthMethod, GrantType};
    use crate::fixtures::{form, machine, scopes, two_resources};

    const GOOD: &str =
        "subject_token=t&subject_token_type=urn:ietf:params:oauth:token-type:access_token";

    fn read(more: &str) -> Result<Request, OAuthError> {
        Request::from_form(&form(&format!("{GOOD}{more}")))
    }

    fn refusal(more: &str) -> &'static str {
        read(more).unwrap_err().code.as_str()
    }

    #[test]
    fn tokens_of_other_types_are_refused() {
        for (parameter, value) in [
            ("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:jwt"),
            ("requested_token_type", "access_token"),
            ("actor_token", "a"),
            ("actor_token_type", ACCESS_TOKEN),
        ] {
            assert_eq!(refusal(&format!("&{parameter}={value}")), "invalid_request", "{value}");
        }
        for token_type in [
            "urn:ietf:params:oauth:token-type:id_token",
            "urn:ietf:params:oauth:token-type:refresh_token",
            "urn:ietf:params:oauth:token-type:saml2",
            "access_token",
            "",
        ] {
            let body = format!("subject_token=t&subject_token_type={token_type}");
            let refused = Request::from_form(&form(&body)).unwrap_err();
            assert_eq!(refused.code.as_str(), "invalid_request", "{token_type}");
            let body = format!("{GOOD}&actor_token=t&actor_token_type={token_type}");
            let refused = Request::from_form(&form(&body)).unwrap_err();
            assert_eq!(refused.code.as_str(), "invalid_request", "{token_type}");
        }
        assert!(Request::from_form(&form("subject_token=t")).is_err());
        assert!(read(&format!("&actor_token=a&actor_token_type={JWT}")).is_ok());
        assert!(read(&format!("&requested_token_type={ACCESS_TOKEN}")).is_ok());
    }

    #[test]
    fn a_target_goes_by_uri_or_slug_and_there_is_one() {
        let resources = two_resources();
        let target = |more: &str| {
            let request = read(more).unwrap();
            request.target(&resources).map(|found| found.map(|resource| resource.slug.clone()))
        };
        let files = "&resource=https://files.example/mcp";
        assert_eq!(target(files), Ok(Some("files".into())));
        assert_eq!(target("&resource=files"), Ok(Some("files".into())));
        assert_eq!(target("&audience=mail"), Ok(Some("mail".into())));
        assert_eq!(target(&format!("{files}&audience=files")), Ok(Some("files".into())));
        assert_eq!(target(""), Ok(None));
        for bad in ["&resource=https://x", "&audience=x", "&resource=files&resource=mail"] {
            assert_eq!(target(bad).unwrap_err().code.as_str(), "invalid_target", "{bad}");
        }
        assert_eq!(refusal(&"&resource=files".repeat(17)), "invalid_target");
    }

    #[test]
    fn confidential_clients_with_the_grant_exchange() {
        let with =
            crate::client::Client { grant_types: vec![GrantType::TokenExchange], ..machine() };
        assert!(Request::check_client(&with).is_ok());
        assert!(Request::check_client(&machine()).is_err());
        let public = crate::client::Client { auth_method: AuthMethod::None, ..with };
        assert!(Request::check_client(&public).is_err());
    }

    #[test]
    fn scope_is_read_and_tokens_do_not_print() {
        assert_eq!(read("&scope=a+b+offline_access").unwrap().scope, Some(scopes("a b")));
        assert_eq!(read("&scope=").unwrap().scope, None);
        assert_eq!(refusal("&scope=a%22"), "invalid_scope");
        assert_eq!(refusal("&scope=offline_access"), "invalid_scope", "not everything");
        assert!(!format!("{:?}", read("").unwrap()).contains("subject_token"));
    }
}
