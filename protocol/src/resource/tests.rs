use proptest::prelude::*;

use super::*;
use crate::fixtures::{resource, two_resources};

fn key(uri: &str) -> String {
    ResourceUri::parse(uri).unwrap().comparison_key()
}

#[test]
fn absolute_uris_without_fragment_are_resources() {
    for good in [
        "https://h",
        "https://h/",
        "https://H:8443/mcp?x=1",
        "urn:example:api",
        "http://localhost:3000/mcp",
    ] {
        assert!(ResourceUri::parse(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "h/mcp",
        "/mcp",
        "//h/mcp",
        "https://",
        "https:///x",
        "https://h#f",
        "https://h/#",
        "https://u@h/",
        "https://h\\@x",
        "https://h/a b",
        "https://h/\n",
        "https://hé/",
        "https:h",
        "https:",
        "1s://h",
        "https://:1/",
        "https://h:x/",
        "https://h:65536/",
        "https://mcp.px%male/",
        "https://[::1/",
        "https://1.2.3.4.5/",
        "https://xn--/",
    ] {
        assert!(ResourceUri::parse(bad).is_err(), "{bad}");
    }
    assert!(ResourceUri::parse(&format!("https://h/{}", "a".repeat(2040))).is_err());
}

#[test]
fn only_case_of_scheme_and_host_and_the_lone_slash_are_forgiven() {
    assert_eq!(key("https://h"), key("https://h/"));
    assert_eq!(key("HTTPS://H.Example/Path"), key("https://h.example/Path"));
    for other in [
        "https://h/mcp/",
        "https://h/MCP",
        "https://h:443/mcp",
        "https://h./mcp",
        "http://h/mcp",
        "https://h/mcp?",
        "https://h/%6dcp",
        "https://h//mcp",
        "https://h/x/../mcp",
    ] {
        assert_ne!(key("https://h/mcp"), key(other), "{other}");
    }
    assert_ne!(key("https://h/?a"), key("https://h?a"));
}

#[test]
fn slugs_are_lower_case_names() {
    for good in ["a", "files-2", "0", &"a".repeat(63)] {
        assert!(is_slug(good));
    }
    for bad in ["", "-a", "A", "a_b", "a/b", "a.b", "é", &"a".repeat(64)] {
        assert!(!is_slug(bad));
    }
    // It would stand before the resource whose id it is.
    let id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
    for id in [id.to_string(), id.simple().to_string(), Uuid::nil().to_string()] {
        assert!(!is_slug(&id), "{id}");
    }
}

#[test]
fn defaults_are_the_marked_scopes_and_all_only_if_none_is_marked() {
    assert_eq!(resource(1, "r", "https://r", "read* write").default_scopes().to_string(), "read");
    assert_eq!(
        resource(1, "r", "https://r", "read write").default_scopes().to_string(),
        "read write"
    );
}

#[test]
fn offline_access_is_no_resource_scope() {
    let resource = resource(1, "r", "https://r", "offline_access* read");
    assert_eq!(resource.catalog().to_string(), "read");
    assert_eq!(resource.default_scopes().to_string(), "read");
}

#[test]
fn descriptions_are_found_by_scope() {
    let resource = resource(1, "r", "https://r", "read");
    assert_eq!(resource.description_of("read"), Some("May read"));
    assert_eq!(resource.description_of("write"), None);
}

#[test]
fn resources_are_found_by_uri_alias_slug_and_id() {
    let mut aliased = resource(3, "chat", "https://chat.example/mcp", "talk");
    aliased.aliases = vec!["https://chat.example".into(), "not a uri".into()];
    let resources =
        Resources::new(vec![resource(1, "files", "https://files.example/mcp", "read"), aliased]);
    assert_eq!(
        resources.by_uri("https://FILES.example/mcp").unwrap().uri,
        "https://files.example/mcp"
    );
    assert_eq!(resources.by_uri("https://chat.example/").unwrap().slug, "chat");
    assert_eq!(resources.by_slug("chat").unwrap().id, Uuid::from_u128(3));
    assert_eq!(resources.by_id(Uuid::from_u128(1)).unwrap().slug, "files");
    assert!(resources.by_uri("https://files.example/mcp/").is_none());
    assert!(resources.by_uri("files").is_none());
    assert_eq!(resources.iter().count(), 2);
}

#[test]
fn a_spelling_two_resources_claim_names_neither() {
    let mut first = resource(1, "a", "https://h", "x");
    let mut second = resource(2, "b", "https://b", "x");
    first.aliases = vec!["https://shared".into(), "https://b/".into()];
    second.aliases = vec!["https://shared/".into()];
    let twin = resource(3, "c", "https://h/", "x");
    let resources = Resources::new(vec![first, second, twin]);
    assert!(resources.by_uri("https://shared").is_none());
    assert!(resources.by_uri("https://h").is_none());
    assert_eq!(resources.by_uri("https://b").unwrap().slug, "b", "a URI beats an alias");
}

#[test]
fn the_only_resource_is_the_only_one_with_a_uri() {
    let mut nameless = resource(1, "x", "", "x");
    nameless.aliases = vec!["https://alias".into()];
    assert!(Resources::new(vec![nameless.clone()]).by_uri("https://alias").is_none());
    let named = resource(2, "y", "https://y/mcp", "x");
    assert_eq!(Resources::new(vec![nameless.clone(), named]).only_mint().unwrap().slug, "y");
    assert!(Resources::new(vec![nameless]).only_mint().is_none());
    assert!(two_resources().only_mint().is_none());
    assert!(Resources::new(Vec::new()).only_mint().is_none());
}

#[test]
fn metadata_references_are_paths_first_and_slugs_second() {
    let resources = Resources::new(vec![
        resource(1, "one", "https://a/deep/er/mcp", "x"),
        resource(2, "mcp", "https://b/same", "x"),
        resource(3, "same", "https://c/same", "x"),
        resource(4, "same-slug", "https://d/mcp", "x"),
        resource(5, "none", "", "x"),
        resource(6, "root", "https://e/", "x"),
        resource(7, "q", "https://f/q?v=1", "x"),
    ]);
    let found = |reference: &str| {
        resources.by_protected_resource_ref(reference).map(|resource| resource.slug.as_str())
    };
    assert_eq!(found("deep/er/mcp"), Some("one"));
    assert_eq!(found("/deep/er/mcp"), Some("one"));
    assert_eq!(found("one"), Some("one"));
    assert_eq!(found("mcp"), Some("same-slug"), "a path beats a slug");
    assert_eq!(found("same"), Some("same"), "an ambiguous path falls back to the slug");
    assert_eq!(found("none"), None);
    assert_eq!(found(""), Some("root"));
    assert_eq!(found("q?v=1"), Some("q"));
    assert_eq!(found("deep"), None);
    let single = crate::fixtures::one_resource();
    assert_eq!(single.by_protected_resource_ref("").unwrap().slug, "files");
    assert!(two_resources().by_protected_resource_ref("").is_none());
    assert!(
        two_resources().by_protected_resource_ref("mcp").is_none(),
        "two hosts, one path, no slug"
    );
}

#[test]
fn only_discoverable_resources_list_their_scopes() {
    let mut listed = resource(1, "a", "https://a", "read write");
    listed.discoverable = true;
    let resources = Resources::new(vec![listed, resource(2, "b", "https://b", "secret")]);
    assert_eq!(resources.discoverable_scopes().to_string(), "read write");
}

#[test]
fn policies_have_defaults_and_know_their_runtime_clients() {
    let policy: ResourcePolicy =
        serde_json::from_str(r#"{"runtime":{"client_ids":["m1"]},"newer":1}"#).unwrap();
    assert!(policy.is_runtime_client("m1") && !policy.is_runtime_client("M1"));
    assert!(policy.exchange.allowed_client_ids.is_empty());
    assert!(!ResourcePolicy::default().is_runtime_client(""));
    assert!(serde_json::from_str::<ScopeEntry>(r#"{"name":"a","defualt":true}"#).is_err());
}

proptest! {
    #[test]
    fn no_input_panics(uri in ".*") {
        if let Ok(parsed) = ResourceUri::parse(&uri) {
            let _ = (parsed.comparison_key(), parsed.path_suffix().len());
        }
        let resources = two_resources();
        let _ = (resources.by_uri(&uri), resources.by_protected_resource_ref(&uri));
    }

    #[test]
    fn a_comparison_key_is_its_own_key(uri in "[a-zA-Z]{1,5}:(//)?[a-zA-Z0-9.:]{1,8}[/?=a-zA-Z]{0,8}") {
        if let Ok(parsed) = ResourceUri::parse(&uri) {
            let key = parsed.comparison_key();
            prop_assert_eq!(ResourceUri::parse(&key).unwrap().comparison_key(), key);
        }
    }

    #[test]
    fn a_registered_uri_finds_its_own_resource(host in "[a-zA-Z][a-zA-Z0-9]{0,7}", path in "(/[a-zA-Z0-9]{0,4}){0,3}") {
        let uri = format!("https://{host}{path}");
        let resources = Resources::new(vec![resource(9, "mine", &uri, "x"), resource(8, "other", "https://other.example/x", "x")]);
        prop_assert_eq!(&resources.by_uri(&uri).unwrap().uri, &uri);
    }
}
