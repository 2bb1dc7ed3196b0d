//! What comes through a browser: redirect URIs, resources, scopes, authorization requests.

use protocol::authorize::{AuthorizePolicy, decide, identify};
use protocol::form::{AUTHORIZE_REPEATABLE, Parameters};
use protocol::redirect_uri::{self, PublicOrConfidential, RedirectKind, RedirectUri};
use protocol::resource::{MintResource, ResourceUri, Resources};
use protocol::scope::ScopeSet;
use url::Url;

use crate::world::{CLIENT, ISSUER, RESOURCES, now};

/// A line that is registered, and a line that is presented.
pub fn redirect_uri(bytes: &[u8]) {
    let Some((registered, presented)) = two_lines(bytes) else { return };
    let Ok(uri) = RedirectUri::parse_registration(registered, PublicOrConfidential::Public) else {
        return;
    };
    assert_eq!(uri.as_str(), registered);
    agrees_with_browsers(&uri);
    let found = redirect_uri::matches(std::slice::from_ref(&uri), presented);
    match &found {
        Some(_) if registered == presented => {}
        Some(found) => {
            // Any other port of the same loopback host, and nothing else.
            assert_eq!(found.registered.kind(), &RedirectKind::LoopbackHttp);
            let (ours, theirs) = (parse(registered), parse(presented));
            assert_eq!(ours.host_str(), theirs.host_str());
            assert_eq!(ours.path(), theirs.path());
            assert_eq!(ours.query(), theirs.query());
        }
        None => assert_ne!(registered, presented),
    }
    let location = uri.with_response_params(presented, &[("code", "a b"), ("iss", ISSUER)]);
    let (sent, meant) = (parse(&location), parse(registered));
    assert_eq!((sent.scheme(), sent.host_str()), (meant.scheme(), meant.host_str()));
    assert!(sent.username().is_empty() && sent.password().is_none());
    let sent: Vec<_> = sent.query_pairs().collect();
    let [.., code, iss] = sent.as_slice() else { panic!("no answer in {location}") };
    assert_eq!((code.0.as_ref(), code.1.as_ref()), ("code", "a b"));
    assert_eq!((iss.0.as_ref(), iss.1.as_ref()), ("iss", ISSUER));
}

/// What we take for the host is what a browser goes to.
fn agrees_with_browsers(uri: &RedirectUri) {
    let seen = parse(uri.as_str());
    assert!(seen.username().is_empty() && seen.password().is_none() && seen.fragment().is_none());
    match uri.kind() {
        RedirectKind::Https { .. } => {
            assert_eq!(seen.scheme(), "https");
            let shown = uri.display_target();
            let host = seen.host_str().expect("an https host").to_ascii_lowercase();
            assert!(shown == host || shown.starts_with(&format!("{host}:")), "{shown} / {host}");
        }
        RedirectKind::LoopbackHttp => {
            assert_eq!(seen.scheme(), "http");
            let host = seen.host_str().expect("a loopback host");
            assert!(matches!(host, "127.0.0.1" | "[::1]" | "localhost"), "{host}");
        }
        RedirectKind::PrivateUse { scheme } => {
            assert_eq!(seen.scheme(), scheme.to_ascii_lowercase());
            let forbidden = ["javascript", "data", "file", "vbscript", "blob", "http", "https"];
            assert!(!forbidden.contains(&seen.scheme()));
        }
    }
}

/// A registered URI, and one that is asked for.
pub fn resource(bytes: &[u8]) {
    let Some((registered, presented)) = two_lines(bytes) else { return };
    let Ok(uri) = ResourceUri::parse(registered) else { return };
    assert_eq!(uri.as_str(), registered);
    let key = uri.comparison_key();
    if let Ok(again) = ResourceUri::parse(&key) {
        assert_eq!(again.comparison_key(), key);
    }
    let template = RESOURCES.by_slug("one").expect("a resource").clone();
    let one = MintResource { uri: registered.to_owned(), aliases: Vec::new(), ..template };
    let resources = Resources::new(vec![one]);
    let found = |uri: &str| resources.by_uri(uri).is_some();
    assert!(found(registered));
    if found(presented) && registered != presented {
        // The same place in another spelling: scheme and host in another case, or the
        // slash of an empty path.
        assert!(registered.len().abs_diff(presented.len()) <= 1);
        // (`url` keeps the case of hosts that are not on the web.)
        let place = |uri: &str| parse(uri).as_str().trim_end_matches('/').to_owned();
        let (ours, theirs) = (place(registered), place(presented));
        assert!(ours.eq_ignore_ascii_case(&theirs), "{ours} / {theirs}");
        assert_eq!(parse(registered).query(), parse(presented).query());
    }
    let _ = resources.by_protected_resource_ref(presented);
}

/// Two scope strings.
pub fn scope(bytes: &[u8]) {
    let Some((one, other)) = two_lines(bytes) else { return };
    let Ok(one) = ScopeSet::parse(one) else { return };
    assert_eq!(ScopeSet::parse(&one.to_string()).as_ref(), Ok(&one));
    let Ok(other) = ScopeSet::parse(other) else { return };
    let both = one.intersection(&other);
    assert!(both.is_subset_of(&one) && both.is_subset_of(&other));
    assert!(one.under(Some(&other)).is_subset_of(&other));
    let either = one.union(&other);
    assert!(one.is_subset_of(&either) && other.is_subset_of(&either));
    assert_eq!(one.first_not_in(&other).is_none(), one.is_subset_of(&other));
}

/// The query of an authorization request.
pub fn authorization_request(bytes: &[u8]) {
    let Ok(parameters) = Parameters::parse_noting_repeats(bytes, AUTHORIZE_REPEATABLE) else {
        return;
    };
    let policy =
        AuthorizePolicy { require_scope: bytes.len() % 2 == 0, dpop: bytes.len() % 3 == 0 };
    let decided = decide(&parameters, &CLIENT, &RESOURCES, &policy);
    let Ok(target) = identify(&parameters, &CLIENT) else {
        assert!(decided.is_err(), "decided without knowing where the answer goes");
        return;
    };
    let location = match &decided {
        Ok(_) => target.success_location("c", ISSUER),
        Err(refusal) => target.error_location(refusal, ISSUER),
    };
    let registered = |uri: &RedirectUri| {
        let (sent, meant) = (parse(&location), parse(uri.as_str()));
        (sent.scheme(), sent.host_str(), sent.path())
            == (meant.scheme(), meant.host_str(), meant.path())
    };
    assert!(CLIENT.redirect_uris.iter().any(registered), "{location}");
    let Ok(request) = decided else { return };
    assert!(!request.resources.is_empty());
    assert!(!request.scopes.contains("offline_access") && !request.scopes.is_empty());
    let ceiling = CLIENT.ceiling.as_ref().expect("a ceiling");
    assert!(request.scopes.is_subset_of(ceiling));
    assert!(request.resources.iter().all(|uri| RESOURCES.by_uri(uri).is_some()));
    let _ = request.accepts_sign_in_of(now(), now());
}

fn two_lines(bytes: &[u8]) -> Option<(&str, &str)> {
    std::str::from_utf8(bytes).ok()?.split_once('\n')
}

fn parse(uri: &str) -> Url {
    Url::parse(uri).unwrap_or_else(|error| panic!("browsers cannot read '{uri}': {error}"))
}
