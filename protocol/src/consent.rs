//! Consent: when the user has to be asked, and what they may leave out
//! (contract 01, "Authorization request" and "Pages").

use uuid::Uuid;

use crate::authorize::AuthorizationRequest;
use crate::client::Client;
use crate::error::OAuthError;
use crate::redirect_uri::RedirectKind;
use crate::resource::MintResource;
use crate::scope::ScopeSet;

/// A resource of the request and what the user has agreed to for it so far.
#[derive(Debug, Clone, Copy)]
pub struct LiveGrant<'a> {
    /// The resource.
    pub resource: &'a MintResource,
    /// Scopes of the live consent grant of this user, client and resource; None
    /// when there is no such grant or it was revoked.
    pub granted: Option<&'a ScopeSet>,
}

/// The part of `scopes` that belongs to `resource`: what its consent grant records.
#[must_use]
pub fn share_of(scopes: &ScopeSet, resource: &MintResource) -> ScopeSet {
    scopes.intersection(&resource.catalog())
}

/// True when the consent page can be skipped: every requested resource has a live
/// grant that covers its share of the scopes, the client did not ask for consent,
/// and the answer goes to a place whose owner is known.
///
/// Any program on the user's machine can pretend to be a loopback or private-scheme
/// client, so its earlier consent proves nothing (RFC 8252 §8.6), unless an operator
/// registered the client.
#[must_use]
pub fn may_skip_consent(
    grants: &[LiveGrant<'_>],
    request: &AuthorizationRequest,
    client: &Client,
    target: &RedirectKind,
) -> bool {
    if request.prompt.consent || (target.is_local() && !client.operator_registered()) {
        return false;
    }
    covers(grants, request)
}

/// True when what the user has agreed to covers the whole request, resource by
/// resource.
#[must_use]
pub fn covers(grants: &[LiveGrant<'_>], request: &AuthorizationRequest) -> bool {
    let grant_for = |id: &Uuid| grants.iter().find(|grant| grant.resource.id == *id);
    let mut covered = ScopeSet::empty();
    for id in &request.resource_ids {
        let Some(LiveGrant { resource, granted: Some(granted) }) = grant_for(id) else {
            return false;
        };
        let share = share_of(&request.scopes, resource);
        if !share.is_subset_of(granted) {
            return false;
        }
        covered = covered.union(&share);
    }
    // A scope that has left every catalog since the request was decided is covered by nobody.
    !request.resource_ids.is_empty() && request.scopes.is_subset_of(&covered)
}

/// What remains of `requested` when the user ticked only `ticked`.
///
/// # Errors
/// `invalid_request` when a tick was not on the page: the form was forged.
/// `access_denied` when scopes were asked for and none is ticked.
pub fn narrow(requested: &ScopeSet, ticked: &[String]) -> Result<ScopeSet, OAuthError> {
    if !ticked.iter().all(|scope| requested.contains(scope)) {
        return Err(OAuthError::invalid_request(
            "The consent form has a scope that was not asked for.",
        ));
    }
    let ticked: ScopeSet = ticked.iter().map(String::as_str).collect();
    let granted = requested.intersection(&ticked);
    if granted.is_empty() && !requested.is_empty() {
        return Err(OAuthError::access_denied("The user approved none of the requested scopes."));
    }
    Ok(granted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::{AuthorizePolicy, decide};
    use crate::client::RegistrationSource;
    use crate::fixtures::{CHALLENGE, client, query, scopes, two_resources};
    use proptest::prelude::*;

    fn request(extra: &str) -> AuthorizationRequest {
        let params = query(&format!(
            "client_id=c1&response_type=code&code_challenge={CHALLENGE}&code_challenge_method=S256\
             &resource=https://files.example/mcp{extra}"
        ));
        decide(&params, &client(), &two_resources(), &AuthorizePolicy::default()).unwrap()
    }

    fn web() -> RedirectKind {
        RedirectKind::Https { host: "client.example".into() }
    }

    /// Whether consent may be skipped when `files` and `mail` were granted as given.
    fn skips(
        request: &AuthorizationRequest,
        client: &Client,
        target: &RedirectKind,
        files: Option<&str>,
        mail: Option<&str>,
    ) -> bool {
        let resources = two_resources();
        let (files, mail) = (files.map(scopes), mail.map(scopes));
        let grants = [
            LiveGrant { resource: resources.by_slug("files").unwrap(), granted: files.as_ref() },
            LiveGrant { resource: resources.by_slug("mail").unwrap(), granted: mail.as_ref() },
        ];
        may_skip_consent(&grants, request, client, target)
    }

    #[test]
    fn a_covering_grant_skips_the_page() {
        assert!(skips(&request("&scope=read"), &client(), &web(), Some("read write"), None));
    }

    #[test]
    fn a_missing_or_smaller_grant_does_not() {
        assert!(!skips(&request("&scope=read"), &client(), &web(), None, None));
        assert!(!skips(&request("&scope=read%20write"), &client(), &web(), Some("read"), None));
    }

    #[test]
    fn several_resources_need_a_grant_each() {
        let both = request("&resource=https://mail.example/mcp&scope=read%20send");
        assert!(skips(&both, &client(), &web(), Some("read"), Some("send")));
        assert!(!skips(&both, &client(), &web(), Some("read"), None));
        assert!(!skips(&both, &client(), &web(), Some("read send"), Some("list")));
    }

    #[test]
    fn local_targets_ask_again_unless_an_operator_registered_the_client() {
        let operated = Client { source: RegistrationSource::Admin, ..client() };
        for local in
            [RedirectKind::LoopbackHttp, RedirectKind::PrivateUse { scheme: "cursor".into() }]
        {
            assert!(!skips(&request(""), &client(), &local, Some("read"), None));
            assert!(skips(&request(""), &operated, &local, Some("read"), None));
        }
    }

    #[test]
    fn prompt_consent_always_asks() {
        assert!(!skips(&request("&prompt=consent"), &client(), &web(), Some("read"), None));
        assert!(skips(&request("&prompt=login"), &client(), &web(), Some("read"), None));
    }

    #[test]
    fn a_scope_that_left_the_catalog_is_not_covered() {
        let mut request = request("&scope=read");
        request.scopes = scopes("read gone");
        assert!(!skips(&request, &client(), &web(), Some("read gone"), None));
        request.resource_ids.clear();
        assert!(!skips(&request, &client(), &web(), Some("read gone"), None));
    }

    #[test]
    fn the_user_can_untick_but_not_add() {
        let ticks =
            |list: &[&str]| list.iter().map(|scope| (*scope).to_owned()).collect::<Vec<_>>();
        assert_eq!(narrow(&scopes("a b c"), &ticks(&["c", "a"])).unwrap(), scopes("a c"));
        assert_eq!(
            narrow(&scopes("a"), &ticks(&["a", "admin"])).unwrap_err().code.as_str(),
            "invalid_request"
        );
        assert_eq!(narrow(&scopes("a"), &[]).unwrap_err().code.as_str(), "access_denied");
        assert!(narrow(&ScopeSet::empty(), &[]).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn what_remains_was_asked_for_and_ticked(asked in "[a-d ]{0,8}", ticked in prop::collection::vec("[a-d]", 0..4)) {
            if let Ok(granted) = narrow(&scopes(&asked), &ticked) {
                prop_assert!(granted.is_subset_of(&scopes(&asked)));
                prop_assert!(granted.iter().all(|scope| ticked.iter().any(|tick| tick == scope)));
            }
        }

        #[test]
        fn a_skipped_page_was_covered(files in proptest::option::of("(read|write| ){0,3}"), scope in "(read|write)") {
            let request = request(&format!("&scope={scope}"));
            let files = files.map(|files| files.replace("readread", "read").replace("writewrite", "write"));
            let skipped = skips(&request, &client(), &web(), files.as_deref(), None);
            let covered = files.is_some_and(|files| scopes(&files).contains(&scope));
            prop_assert_eq!(skipped, covered);
        }
    }
}
