use proptest::prelude::*;

use super::*;
use crate::client::{Client, ClientStatus, GrantType};
use crate::error::OAuthError;
use crate::fixtures::{
    CHALLENGE, client, one_resource, query, redirect, resource, scopes, two_resources,
};
use crate::form::{self, AUTHORIZE_REPEATABLE, Parameters};
use crate::redirect_uri::RedirectKind;
use crate::resource::Resources;

const ISSUER: &str = "https://as.example";

/// A complete request, with `extra` appended.
fn request(extra: &str) -> Parameters {
    query(&format!(
        "client_id=c1&response_type=code&code_challenge={CHALLENGE}&code_challenge_method=S256\
         &redirect_uri=https%3A%2F%2Fclient.example%2Fcb{extra}"
    ))
}

fn decided(
    extra: &str,
    client: &Client,
    resources: &Resources,
) -> Result<AuthorizationRequest, OAuthError> {
    decide(&request(extra), client, resources, &AuthorizePolicy::default())
}

fn refusal(extra: &str, client: &Client, resources: &Resources) -> &'static str {
    decided(extra, client, resources).unwrap_err().code.as_str()
}

const FILES: &str = "&resource=https%3A%2F%2Ffiles.example%2Fmcp";
const MAIL: &str = "&resource=https%3A%2F%2Fmail.example%2Fmcp";

mod the_target {
    use super::*;

    #[test]
    fn is_what_the_request_names() {
        let target = identify(&request("&state=a%2Bb%20%C3%A9"), &client()).unwrap();
        assert_eq!(target.uri, "https://client.example/cb");
        assert!(target.was_given);
        assert_eq!(target.kind, RedirectKind::Https { host: "client.example".into() });
        assert_eq!(target.display_target(), "client.example");
        assert_eq!(target.csp_form_action_source(), "https://client.example");
        assert_eq!(
            target.success_location("C", ISSUER),
            "https://client.example/cb?code=C&state=a%2Bb%20%C3%A9&iss=https%3A%2F%2Fas.example"
        );
    }

    #[test]
    fn of_an_error_carries_code_text_state_and_issuer() {
        let target = identify(&request("&state=s"), &client()).unwrap();
        let location = target.error_location(&OAuthError::invalid_scope("No."), ISSUER);
        assert_eq!(
            location,
            "https://client.example/cb?error=invalid_scope&error_description=No.&state=s&iss=https%3A%2F%2Fas.example"
        );
    }

    #[test]
    fn may_be_left_out_only_if_exactly_one_is_registered() {
        let bare = query("client_id=c1");
        let target = identify(&bare, &client()).unwrap();
        assert!(!target.was_given);
        assert_eq!(target.uri, "https://client.example/cb");
        let none = Client { redirect_uris: Vec::new(), ..client() };
        assert_eq!(identify(&bare, &none), Err(PageError::RedirectUriMissing { registered: 0 }));
        let two = Client {
            redirect_uris: vec![redirect("https://a/"), redirect("https://b/")],
            ..client()
        };
        assert_eq!(identify(&bare, &two), Err(PageError::RedirectUriMissing { registered: 2 }));
    }

    #[test]
    fn is_never_an_unregistered_uri() {
        for bad in [
            "https://evil.example/cb",
            "https://client.example@evil/cb",
            "https://client.example/cb%23",
            "https://client.example/cb/",
            "https://client.example./cb",
            "https://CLIENT.example/cb",
            "javascript:alert(1)",
        ] {
            let params = query(&format!("client_id=c1&redirect_uri={}", form::encode(bad)));
            assert!(
                matches!(
                    identify(&params, &client()),
                    Err(PageError::RedirectUriUnregistered { .. })
                ),
                "{bad}"
            );
            assert!(
                decide(&params, &client(), &one_resource(), &AuthorizePolicy::default()).is_err()
            );
        }
    }

    #[test]
    fn keeps_the_presented_loopback_port() {
        let native =
            Client { redirect_uris: vec![redirect("http://localhost/callback")], ..client() };
        let params = query("client_id=c1&redirect_uri=http://localhost:4711/callback");
        let target = identify(&params, &native).unwrap();
        assert!(target.kind.is_local());
        assert!(
            target
                .success_location("C", ISSUER)
                .starts_with("http://localhost:4711/callback?code=C&iss=")
        );
    }

    #[test]
    fn is_refused_when_named_twice() {
        let encoded = b"client_id=c1&redirect_uri=https://client.example/cb&redirect_uri=https://client.example/cb";
        let params = Parameters::parse_noting_repeats(encoded, AUTHORIZE_REPEATABLE).unwrap();
        assert_eq!(identify(&params, &client()), Err(PageError::RedirectUriRepeated));
        let params =
            Parameters::parse_noting_repeats(b"client_id=c1&client_id=c1", AUTHORIZE_REPEATABLE)
                .unwrap();
        assert_eq!(identify(&params, &client()), Err(PageError::ClientIdMissing));
    }

    #[test]
    fn of_a_suspended_client_is_a_page() {
        let suspended = Client { status: ClientStatus::Suspended, ..client() };
        let page = identify(&request(""), &suspended).unwrap_err();
        assert_eq!(page, PageError::ClientNotActive("Client One".into()));
        assert!(!page.title().is_empty() && !page.what_to_do().is_empty());
    }

    #[test]
    fn pages_show_no_hidden_characters() {
        assert_eq!(
            PageError::unknown_client("x\u{202E}y\n"),
            PageError::UnknownClient("xy".into())
        );
    }
}

mod a_request {
    use super::*;

    #[test]
    fn that_is_complete_becomes_a_decision() {
        let extra = "&scope=write%20read%20offline_access&state=s&prompt=login%20consent&login_hint=a%40b&max_age=60";
        let decided = decided(extra, &client(), &one_resource()).unwrap();
        assert_eq!(decided.client_id, "c1");
        assert_eq!(decided.resources, ["https://files.example/mcp"]);
        assert_eq!(decided.scopes, scopes("write read"));
        assert!(decided.offline_access && decided.redirect_uri_was_given);
        assert!(decided.prompt.login && decided.prompt.consent && !decided.prompt.none);
        assert_eq!((decided.login_hint.as_deref(), decided.max_age), (Some("a@b"), Some(60)));
        let json = serde_json::to_string(&decided).unwrap();
        assert_eq!(serde_json::from_str::<AuthorizationRequest>(&json).unwrap(), decided);
    }

    #[test]
    fn of_another_response_type_is_refused() {
        let without = query("client_id=c1");
        let error =
            decide(&without, &client(), &one_resource(), &AuthorizePolicy::default()).unwrap_err();
        assert_eq!(error.code.as_str(), "invalid_request");
        for kind in ["token", "code%20id_token", "Code"] {
            let params = query(&format!("client_id=c1&response_type={kind}"));
            let error = decide(&params, &client(), &one_resource(), &AuthorizePolicy::default())
                .unwrap_err();
            assert_eq!(error.code.as_str(), "unsupported_response_type");
        }
        assert_eq!(
            refusal("&response_mode=fragment", &client(), &one_resource()),
            "invalid_request"
        );
        assert!(decided("&response_mode=query", &client(), &one_resource()).is_ok());
    }

    #[test]
    fn without_pkce_or_with_plain_is_refused() {
        for pkce in [
            String::new(),
            "&code_challenge_method=S256".into(),
            format!("&code_challenge={CHALLENGE}"),
            format!("&code_challenge={CHALLENGE}&code_challenge_method=plain"),
            format!("&code_challenge={CHALLENGE}&code_challenge_method=none"),
        ] {
            let params = query(&format!("client_id=c1&response_type=code{pkce}"));
            let error = decide(&params, &client(), &one_resource(), &AuthorizePolicy::default())
                .unwrap_err();
            assert_eq!(error.code.as_str(), "invalid_request", "{pkce}");
        }
    }

    #[test]
    fn with_request_object_or_dpop_key_is_refused_not_downgraded() {
        assert_eq!(
            refusal("&request=e30.e30.", &client(), &one_resource()),
            "request_not_supported"
        );
        // RFC 6749 §3.1: a parameter without a value counts as missing.
        assert!(decided("&request=&request_uri=", &client(), &one_resource()).is_ok());
        assert_eq!(
            refusal("&request_uri=https://x", &client(), &one_resource()),
            "request_uri_not_supported"
        );
        let error =
            decided(&format!("&dpop_jkt={CHALLENGE}"), &client(), &one_resource()).unwrap_err();
        assert!(error.description.contains("DPoP is not enabled"));
        assert_eq!(refusal("&dpop_jkt=short", &client(), &one_resource()), "invalid_request");
        let on = AuthorizePolicy { require_scope: false, dpop: true };
        let with = |jkt: &str| {
            let params = query(&format!(
                "client_id=c1&response_type=code&code_challenge={CHALLENGE}&code_challenge_method=S256&dpop_jkt={jkt}"
            ));
            decide(&params, &client(), &one_resource(), &on)
        };
        assert_eq!(with(CHALLENGE).unwrap().dpop_jkt.as_deref(), Some(CHALLENGE));
        for bad in
            ["short", &CHALLENGE[1..], &format!("{CHALLENGE}A"), &CHALLENGE.replace('E', "%2B")]
        {
            assert_eq!(with(bad).unwrap_err().code.as_str(), "invalid_request", "{bad}");
        }
    }

    #[test]
    fn of_a_client_without_the_grant_is_refused() {
        let machine = Client { grant_types: vec![GrantType::ClientCredentials], ..client() };
        assert_eq!(refusal("", &machine, &one_resource()), "unauthorized_client");
    }

    #[test]
    fn that_repeats_a_parameter_is_refused_at_the_redirect_uri() {
        let encoded = format!(
            "client_id=c1&response_type=code&code_challenge={CHALLENGE}&code_challenge_method=S256&scope=read&scope=write"
        );
        let params =
            Parameters::parse_noting_repeats(encoded.as_bytes(), AUTHORIZE_REPEATABLE).unwrap();
        assert!(identify(&params, &client()).is_ok());
        let error =
            decide(&params, &client(), &one_resource(), &AuthorizePolicy::default()).unwrap_err();
        assert!(error.description.contains("'scope'"));
    }

    #[test]
    fn with_odd_prompt_or_max_age_is_refused() {
        for odd in [
            "&prompt=none%20login",
            "&prompt=magic",
            "&max_age=-1",
            "&max_age=1.5",
            "&max_age=%2B1",
            "&max_age=99999999999",
        ] {
            assert_eq!(refusal(odd, &client(), &one_resource()), "invalid_request", "{odd}");
        }
        assert!(decided("&prompt=none", &client(), &one_resource()).unwrap().prompt.none);
        assert_eq!(decided("&max_age=0", &client(), &one_resource()).unwrap().max_age, Some(0));
        let long = format!("&login_hint={}", "x".repeat(321));
        assert_eq!(decided(&long, &client(), &one_resource()).unwrap().login_hint, None);
    }
}

mod the_audience {
    use super::*;

    #[test]
    fn is_the_registered_spelling() {
        let decided =
            decided("&resource=HTTPS://FILES.example/mcp", &client(), &two_resources()).unwrap();
        assert_eq!(decided.resources, ["https://files.example/mcp"]);
    }

    #[test]
    fn may_be_several_resources_each_once() {
        let decided =
            decided(&format!("{MAIL}{FILES}{MAIL}&scope=send%20read"), &client(), &two_resources())
                .unwrap();
        assert_eq!(decided.resources, ["https://mail.example/mcp", "https://files.example/mcp"]);
        assert_eq!(decided.resource_ids.len(), 2);
        assert_eq!(decided.scopes, scopes("send read"));
    }

    #[test]
    fn must_be_known_in_full() {
        assert_eq!(
            refusal(&format!("{FILES}&resource=https://other"), &client(), &two_resources()),
            "invalid_target"
        );
        assert_eq!(
            refusal("&resource=https://files.example/mcp%23x", &client(), &one_resource()),
            "invalid_target"
        );
        assert_eq!(refusal("&resource=files", &client(), &one_resource()), "invalid_target");
    }

    #[test]
    fn without_resource_is_the_clients_default() {
        for default in ["https://mail.example/mcp", "mail"] {
            let client = Client { default_resource: Some(default.into()), ..client() };
            assert_eq!(
                decided("", &client, &two_resources()).unwrap().resources,
                ["https://mail.example/mcp"]
            );
        }
    }

    #[test]
    fn of_a_vanished_default_is_not_another_resource() {
        let client = Client { default_resource: Some("gone".into()), ..client() };
        assert_eq!(refusal("", &client, &one_resource()), "invalid_target");
    }

    #[test]
    fn without_resource_or_default_is_the_only_one_or_none() {
        assert_eq!(decided("&resource=", &client(), &one_resource()).unwrap().resources.len(), 1);
        assert_eq!(refusal("", &client(), &two_resources()), "invalid_target");
        assert_eq!(refusal("", &client(), &Resources::new(Vec::new())), "invalid_target");
    }

    #[test]
    fn has_at_most_sixteen_resources() {
        assert_eq!(refusal(&FILES.repeat(17), &client(), &two_resources()), "invalid_target");
        assert!(decided(&FILES.repeat(16), &client(), &two_resources()).is_ok());
    }
}

mod the_scopes {
    use super::*;

    #[test]
    fn must_be_in_the_catalog_of_a_requested_resource() {
        assert_eq!(
            refusal(&format!("{FILES}&scope=send"), &client(), &two_resources()),
            "invalid_scope"
        );
        assert_eq!(refusal("&scope=READ", &client(), &one_resource()), "invalid_scope");
        assert_eq!(refusal("&scope=read%22", &client(), &one_resource()), "invalid_scope");
    }

    #[test]
    fn must_be_within_the_ceiling() {
        let capped = Client { ceiling: Some(scopes("read")), ..client() };
        assert_eq!(refusal("&scope=read%20write", &capped, &one_resource()), "invalid_scope");
        assert_eq!(
            decided("&scope=read%20offline_access", &capped, &one_resource()).unwrap().scopes,
            scopes("read")
        );
    }

    #[test]
    fn when_missing_are_the_minimal_defaults() {
        assert_eq!(decided("", &client(), &one_resource()).unwrap().scopes, scopes("read"));
        let both = decided(&format!("{FILES}{MAIL}"), &client(), &two_resources()).unwrap();
        assert_eq!(both.scopes, scopes("read send list"));
    }

    #[test]
    fn when_only_offline_access_was_named_count_as_missing() {
        let decided = decided("&scope=offline_access", &client(), &one_resource()).unwrap();
        assert!(decided.offline_access);
        assert_eq!(decided.scopes, scopes("read"));
    }

    #[test]
    fn are_required_when_the_operator_says_so() {
        let strict = AuthorizePolicy { require_scope: true, dpop: false };
        for missing in ["", "&scope=", "&scope=offline_access"] {
            let error = decide(&request(missing), &client(), &one_resource(), &strict).unwrap_err();
            assert_eq!(error.code.as_str(), "invalid_scope");
        }
    }

    #[test]
    fn are_never_silently_empty() {
        let capped = Client { ceiling: Some(scopes("write")), ..client() };
        assert_eq!(refusal("", &capped, &one_resource()), "invalid_scope");
        let scopeless = Resources::new(vec![resource(1, "s", "https://s", "")]);
        assert!(decided("", &client(), &scopeless).unwrap().scopes.is_empty());
    }
}

proptest! {
    #[test]
    fn a_decision_never_leaves_catalog_ceiling_and_registration(
        extra in "(&(scope=[a-z%20]{0,12}|resource=https://(files|mail|x).example/mcp|prompt=[a-z]{0,7}|state=[a-z]{0,3})){0,4}",
        ceiling in proptest::option::of("(read|write|send| ){0,4}"),
    ) {
        let client = Client { ceiling: ceiling.map(|ceiling| scopes(&ceiling)), ..client() };
        let encoded = format!(
            "client_id=c1&response_type=code&code_challenge={CHALLENGE}&code_challenge_method=S256{extra}"
        );
        let Ok(params) = Parameters::parse_noting_repeats(encoded.as_bytes(), AUTHORIZE_REPEATABLE) else { return Ok(()) };
        let resources = two_resources();
        if let Ok(decided) = decide(&params, &client, &resources, &AuthorizePolicy::default()) {
            prop_assert!(!decided.resources.is_empty());
            prop_assert!(decided.resources.iter().all(|uri| resources.by_uri(uri).is_some_and(|found| found.uri == *uri)));
            let catalog = decided.resource_ids.iter().fold(ScopeSet::empty(), |all, id| all.union(&resources.by_id(*id).unwrap().catalog()));
            prop_assert!(decided.scopes.is_subset_of(&catalog));
            prop_assert!(client.ceiling.as_ref().is_none_or(|ceiling| decided.scopes.is_subset_of(ceiling)));
            prop_assert_eq!(decided.redirect_uri, "https://client.example/cb");
        }
    }

    #[test]
    fn no_query_panics(encoded in ".*") {
        if let Ok(params) = Parameters::parse_noting_repeats(encoded.as_bytes(), AUTHORIZE_REPEATABLE) {
            let _ = decide(&params, &client(), &one_resource(), &AuthorizePolicy::default());
        }
    }
}
