//! `refresh_token` (RFC 6749 §6, RFC 8707 §2.2, contract 02 "Refresh families").

use std::fmt;

use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    Grantable, covered_resources, live_scopes, refuse_nothing_left, requested_resources,
    requested_scopes, require_grant, require_proof,
};
use crate::client::{Client, GrantType};
use crate::error::OAuthError;
use crate::form::Parameters;
use crate::resource::Resources;
use crate::scope::ScopeSet;
use crate::text;

/// A token request with a refresh token.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The refresh token.
    pub refresh_token: Zeroizing<String>,
    /// Narrows this response, never the family. None means everything.
    pub scope: Option<ScopeSet>,
    /// Narrows the audience; empty means everything the family covers.
    pub resources: Vec<String>,
}

/// What the family was granted.
#[derive(Debug, Clone, Copy)]
pub struct FamilyGrant<'a> {
    /// The client it belongs to.
    pub client_id: &'a str,
    /// The scopes of the sign-in.
    pub scopes: &'a ScopeSet,
    /// The resources of the sign-in.
    pub resource_ids: &'a [Uuid],
}

impl Request {
    /// Reads the form.
    ///
    /// # Errors
    /// `invalid_request` without refresh token, `invalid_scope` or `invalid_target`
    /// when the narrowing cannot be read.
    pub fn from_form(form: &Parameters) -> Result<Self, OAuthError> {
        Ok(Self {
            refresh_token: Zeroizing::new(form.require("refresh_token")?.to_owned()),
            scope: requested_scopes(form)?,
            resources: requested_resources(form)?,
        })
    }

    /// Judges the request against its family. Whether the token is the family's
    /// live one is for the keeper of families, after this.
    ///
    /// # Errors
    /// `invalid_grant` (another client's family), `unauthorized_client`,
    /// `invalid_target`, `invalid_scope` or `invalid_dpop_proof`; the token is unspent.
    pub fn check(
        &self,
        client: &Client,
        family: &FamilyGrant<'_>,
        resources: &Resources,
        proof: Option<&str>,
    ) -> Result<Grantable, OAuthError> {
        if family.client_id != client.id {
            return Err(not_valid("the family belongs to another client"));
        }
        require_grant(client, GrantType::RefreshToken)?;
        let chosen = covered_resources(&self.resources, family.resource_ids, resources)?;
        require_proof(client, &chosen, proof)?;
        let live = live_scopes(family.scopes, client, &chosen);
        refuse_nothing_left(family.scopes, &live)?;
        let scopes = match &self.scope {
            None => live,
            Some(asked) => narrowed(asked, &live)?,
        };
        Ok(Grantable::new(&chosen, scopes))
    }
}

fn narrowed(asked: &ScopeSet, live: &ScopeSet) -> Result<ScopeSet, OAuthError> {
    match asked.first_not_in(live) {
        None => Ok(asked.clone()),
        Some(beyond) => {
            let beyond = text::visible(beyond, 64);
            Err(OAuthError::invalid_scope(format!(
                "The scope '{beyond}' is not part of this sign-in; send the user through authorization again to add it."
            )))
        }
    }
}

/// The refusal of a refresh token, in the same words whatever is wrong with it.
#[must_use]
pub fn not_valid(detail: &str) -> OAuthError {
    OAuthError::invalid_grant("The refresh token is not valid: it is unknown, expired, revoked, already used, or belongs to another client.")
        .with_detail(detail)
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("scope", &self.scope)
            .field("resources", &self.resources)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{client, form, scopes, two_resources};
    use proptest::prelude::*;

    const FILES: Uuid = Uuid::from_u128(1);
    const MAIL: Uuid = Uuid::from_u128(2);

    fn refreshed(
        body: &str,
        client: &Client,
        scope: &str,
        covered: &[Uuid],
    ) -> Result<Grantable, OAuthError> {
        let request = Request::from_form(&form(&format!("refresh_token=r{body}")))?;
        let family = FamilyGrant { client_id: "c1", scopes: &scopes(scope), resource_ids: covered };
        request.check(client, &family, &two_resources(), None)
    }

    fn refusal(body: &str, client: &Client, scope: &str, covered: &[Uuid]) -> &'static str {
        refreshed(body, client, scope, covered).unwrap_err().code.as_str()
    }

    #[test]
    fn a_refresh_returns_everything_the_family_was_granted() {
        let grantable = refreshed("", &client(), "read send", &[FILES, MAIL]).unwrap();
        assert_eq!(grantable.audience, ["https://files.example/mcp", "https://mail.example/mcp"]);
        assert_eq!(grantable.scopes, scopes("read send"));
    }

    #[test]
    fn a_refresh_token_is_required() {
        assert_eq!(
            Request::from_form(&form("refresh_token=")).unwrap_err().code.as_str(),
            "invalid_request"
        );
    }

    #[test]
    fn scope_may_be_narrowed_but_not_widened() {
        let narrow =
            refreshed("&scope=read%20offline_access", &client(), "read write", &[FILES]).unwrap();
        assert_eq!(narrow.scopes, scopes("read"));
        assert_eq!(refusal("&scope=read%20write", &client(), "read", &[FILES]), "invalid_scope");
        let same = refreshed("&scope=offline_access", &client(), "read", &[FILES]).unwrap();
        assert_eq!(same.scopes, scopes("read"));
    }

    #[test]
    fn the_ceiling_counts_as_it_is_now() {
        let capped = Client { ceiling: Some(scopes("read")), ..client() };
        assert_eq!(refreshed("", &capped, "read write", &[FILES]).unwrap().scopes, scopes("read"));
        assert_eq!(refusal("&scope=write", &capped, "read write", &[FILES]), "invalid_scope");
        assert_eq!(refusal("", &capped, "write", &[FILES]), "invalid_scope");
    }

    #[test]
    fn a_resource_must_be_covered() {
        let mail = "&resource=https://mail.example/mcp";
        assert_eq!(refusal(mail, &client(), "read", &[FILES]), "invalid_target");
        assert_eq!(refusal("&resource=https://x", &client(), "read", &[FILES]), "invalid_target");
        let narrowed = refreshed(mail, &client(), "read send", &[FILES, MAIL]).unwrap();
        assert_eq!((narrowed.resource_ids, narrowed.scopes), (vec![MAIL], scopes("send")));
    }

    #[test]
    fn deleted_resources_leave_the_audience() {
        let gone = Uuid::from_u128(99);
        assert_eq!(refreshed("", &client(), "read", &[gone, FILES]).unwrap().resource_ids, [FILES]);
        assert_eq!(refusal("", &client(), "read", &[gone]), "invalid_target");
    }

    #[test]
    fn another_client_or_one_without_the_grant_is_refused() {
        let thief = Client { id: "c2".into(), ..client() };
        assert_eq!(refusal("", &thief, "read", &[FILES]), "invalid_grant");
        let without = Client { grant_types: vec![GrantType::AuthorizationCode], ..client() };
        assert_eq!(refusal("", &without, "read", &[FILES]), "unauthorized_client");
    }

    #[test]
    fn debug_does_not_show_the_token() {
        let request = Request::from_form(&form("refresh_token=hunter2")).unwrap();
        assert!(!format!("{request:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn no_refresh_exceeds_family_ceiling_or_coverage(
            body in "(&(resource=https://(files|mail).example/mcp|scope=(read|write|send|list))){0,2}",
            family in "(read |write |send ){0,3}",
            ceiling in proptest::option::of("(read |write ){0,2}"),
        ) {
            let Ok(parameters) = Parameters::parse(format!("refresh_token=r{body}").as_bytes(), &["resource"]) else { return Ok(()) };
            let client = Client { ceiling: ceiling.map(|ceiling| scopes(&ceiling)), ..client() };
            let granted = scopes(&family);
            let family = FamilyGrant { client_id: "c1", scopes: &granted, resource_ids: &[FILES] };
            if let Ok(grantable) = Request::from_form(&parameters).unwrap().check(&client, &family, &two_resources(), None) {
                prop_assert_eq!(grantable.resource_ids, vec![FILES]);
                prop_assert!(grantable.scopes.is_subset_of(&granted));
                prop_assert!(client.ceiling.as_ref().is_none_or(|ceiling| grantable.scopes.is_subset_of(ceiling)));
            }
        }
    }
}
