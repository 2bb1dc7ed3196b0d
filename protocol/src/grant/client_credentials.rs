//! `client_credentials` (RFC 6749 §4.4, contract 01 "Token endpoint").

use super::{Grantable, requested_resources, requested_scopes, require_grant, require_proof};
use crate::client::{Client, GrantType};
use crate::error::OAuthError;
use crate::form::Parameters;
use crate::resource::{MintResource, Resources, unknown_resource};
use crate::scope::ScopeSet;

/// A token request of a client for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What it asks for. None means the defaults.
    pub scope: Option<ScopeSet>,
    /// For which resources; empty means this server itself.
    pub resources: Vec<String>,
}

impl Request {
    /// Reads the form.
    ///
    /// # Errors
    /// `invalid_scope` or `invalid_target` when they cannot be read.
    pub fn from_form(form: &Parameters) -> Result<Self, OAuthError> {
        Ok(Self { scope: requested_scopes(form)?, resources: requested_resources(form)? })
    }

    /// Judges what an authenticated client may have for itself: request ∩ ceiling ∩
    /// catalog. There is no user whose consent could bound it, so a ceiling is
    /// needed; without one nothing is left. Without resource the audience is the
    /// issuer, and the ceiling alone bounds the scopes.
    ///
    /// # Errors
    /// `invalid_dpop_proof` when a bearer token will not do, `unauthorized_client` for a
    /// public client or one without the grant, `invalid_scope` for a self-registered one or when nothing is left,
    /// `invalid_target` for an unknown resource.
    pub fn check(
        &self,
        client: &Client,
        resources: &Resources,
        issuer: &str,
        proof: Option<&str>,
    ) -> Result<Grantable, OAuthError> {
        if client.is_public() {
            return Err(OAuthError::unauthorized_client(
                "client_credentials is for confidential clients (RFC 6749 section 4.4).",
            ));
        }
        if !client.operator_registered() {
            return Err(OAuthError::invalid_scope(
                "A self-registered client has no scopes of its own; ask the operator to create a client.",
            ));
        }
        require_grant(client, GrantType::ClientCredentials)?;
        let chosen = self.choose_resources(resources)?;
        require_proof(client, &chosen, proof)?;
        let ceiling = client.ceiling.clone().unwrap_or_default();
        let scopes = self.choose_scopes(&ceiling, &chosen);
        if scopes.is_empty() {
            return Err(OAuthError::invalid_scope(
                "Nothing is left of the requested scopes within the client's registered scope and the resource's catalog.",
            ));
        }
        if chosen.is_empty() {
            return Ok(Grantable {
                audience: vec![issuer.to_owned()],
                resource_ids: Vec::new(),
                scopes,
            });
        }
        Ok(Grantable::new(&chosen, scopes))
    }

    fn choose_resources<'a>(
        &self,
        resources: &'a Resources,
    ) -> Result<Vec<&'a MintResource>, OAuthError> {
        let mut chosen: Vec<&MintResource> = Vec::new();
        for uri in &self.resources {
            let resource = resources.by_uri(uri).ok_or_else(|| unknown_resource(uri))?;
            if chosen.iter().all(|known| known.id != resource.id) {
                chosen.push(resource);
            }
        }
        Ok(chosen)
    }

    fn choose_scopes(&self, ceiling: &ScopeSet, chosen: &[&MintResource]) -> ScopeSet {
        let union = |scopes: fn(&MintResource) -> ScopeSet| {
            chosen.iter().fold(ScopeSet::empty(), |all, resource| all.union(&scopes(resource)))
        };
        match (&self.scope, chosen.is_empty()) {
            (Some(asked), true) => asked.intersection(ceiling),
            (Some(asked), false) => {
                asked.intersection(ceiling).intersection(&union(MintResource::catalog))
            }
            (None, true) => ceiling.clone(),
            (None, false) => union(MintResource::default_scopes).intersection(ceiling),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{AuthMethod, RegistrationSource};
    use crate::fixtures::{form, machine, scopes, two_resources};
    use proptest::prelude::*;

    const ISSUER: &str = "https://as.example";
    const FILES: &str = "resource=https://files.example/mcp";

    fn granted(body: &str, client: &Client) -> Result<Grantable, OAuthError> {
        Request::from_form(&form(body))?.check(client, &two_resources(), ISSUER, None)
    }

    fn refusal(body: &str, client: &Client) -> &'static str {
        granted(body, client).unwrap_err().code.as_str()
    }

    #[test]
    fn scopes_are_request_and_ceiling_and_catalog() {
        let grantable =
            granted(&format!("{FILES}&scope=write%20admin%20send%20read"), &machine()).unwrap();
        assert_eq!(grantable.scopes, scopes("write read"));
        assert_eq!(grantable.audience, ["https://files.example/mcp"]);
    }

    #[test]
    fn missing_scope_means_the_defaults_within_the_ceiling() {
        assert_eq!(granted(FILES, &machine()).unwrap().scopes, scopes("read"));
    }

    #[test]
    fn without_resource_the_audience_is_the_issuer() {
        let grantable = granted("scope=admin%20other", &machine()).unwrap();
        assert_eq!(
            (grantable.audience, grantable.scopes),
            (vec![ISSUER.to_owned()], scopes("admin"))
        );
        assert!(grantable.resource_ids.is_empty());
        assert_eq!(granted("", &machine()).unwrap().scopes, scopes("read write admin"));
    }

    #[test]
    fn nothing_left_is_invalid_scope() {
        assert_eq!(refusal(&format!("{FILES}&scope=admin"), &machine()), "invalid_scope");
        assert_eq!(refusal("resource=https://mail.example/mcp", &machine()), "invalid_scope");
        assert_eq!(refusal("scope=send", &machine()), "invalid_scope");
        let unbounded = Client { ceiling: None, ..machine() };
        assert_eq!(refusal(&format!("{FILES}&scope=read"), &unbounded), "invalid_scope");
        assert_eq!(refusal("scope=a%22", &machine()), "invalid_scope");
    }

    #[test]
    fn an_unknown_resource_is_invalid_target() {
        assert_eq!(refusal("resource=https://x", &machine()), "invalid_target");
        assert_eq!(
            refusal(&format!("{FILES}&resource=https://x&scope=read"), &machine()),
            "invalid_target"
        );
    }

    #[test]
    fn only_confidential_clients_of_the_operator_with_the_grant_may() {
        let public = Client { auth_method: AuthMethod::None, ..machine() };
        assert_eq!(refusal(FILES, &public), "unauthorized_client");
        for source in [RegistrationSource::Dcr, RegistrationSource::Cimd] {
            assert_eq!(refusal(FILES, &Client { source, ..machine() }), "invalid_scope");
        }
        let without = Client { grant_types: vec![GrantType::TokenExchange], ..machine() };
        assert_eq!(refusal(FILES, &without), "unauthorized_client");
    }

    proptest! {
        #[test]
        fn no_request_exceeds_the_ceiling(scope in "[a-z ]{0,12}|(read |write |admin |send ){0,4}", with_files in any::<bool>()) {
            let body = format!("scope={}&{}", scope.replace(' ', "+"), if with_files { FILES } else { "" });
            if let Ok(grantable) = granted(&body, &machine()) {
                prop_assert!(!grantable.scopes.is_empty() && !grantable.audience.is_empty());
                prop_assert!(grantable.scopes.is_subset_of(&scopes("read write admin")));
                prop_assert!(!with_files || grantable.scopes.is_subset_of(&scopes("read write")));
            }
        }
    }
}
