use proptest::prelude::*;

use super::*;

fn parsed(encoded: &str) -> Parameters {
    Parameters::parse(encoded.as_bytes(), TOKEN_REPEATABLE).unwrap()
}

fn refused(encoded: &[u8]) -> OAuthError {
    Parameters::parse(encoded, TOKEN_REPEATABLE).unwrap_err()
}

#[test]
fn values_are_form_decoded() {
    let form = parsed("a=1+2&b=%C3%A9%2B&client%5Fid=x&&c=d=e");
    assert_eq!(form.get("a"), Some("1 2"));
    assert_eq!(form.get("b"), Some("é+"));
    assert_eq!(form.get("client_id"), Some("x"));
    assert_eq!(form.get("c"), Some("d=e"));
}

#[test]
fn an_empty_value_counts_as_missing() {
    let form = parsed("scope=&state");
    assert_eq!(form.get("scope"), None);
    assert_eq!(form.get("state"), None);
    assert!(form.has("state"));
    assert!(form.require("scope").unwrap_err().description.contains("'scope'"));
}

#[test]
fn a_repeated_parameter_is_refused_however_it_is_spelt() {
    for polluted in
        ["scope=a&scope=b", "scope=a&scope=a", "scope=&scope=a", "scope=a&%73cope=b", "x=1&x=2"]
    {
        let error = refused(polluted.as_bytes());
        assert_eq!(error.code.as_str(), "invalid_request");
        assert!(error.description.contains("more than once"), "{polluted}");
    }
}

#[test]
fn resource_may_repeat() {
    let form = parsed("resource=a&resource=&resource=b&audience=c&audience=d");
    assert_eq!(form.all("resource").collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(form.all("audience").count(), 2);
    assert_eq!(form.get("resource"), Some("a"));
}

#[test]
fn a_noted_repeat_is_named_and_has_no_value() {
    let query = b"state=1&client_id=c&state=2&resource=a&resource=b";
    let query = Parameters::parse_noting_repeats(query, AUTHORIZE_REPEATABLE).unwrap();
    assert_eq!(query.repeated(), Some("state"));
    assert_eq!(query.get("state"), None);
    assert_eq!(query.get("client_id"), Some("c"));
    assert_eq!(query.get("resource"), Some("a"));
}

#[test]
fn broken_encodings_are_refused() {
    for broken in
        [&b"a=%"[..], b"a=%4", b"a=%zz", b"a=%C3", b"a=\xff", b"%ff=a", b"=a", b"a%00=b", b"a=%+1"]
    {
        assert_eq!(refused(broken).code.as_str(), "invalid_request", "{broken:?}");
    }
}

#[test]
fn control_characters_that_end_lines_or_strings_are_refused() {
    for value in ["%00", "a%0Ab", "%0d%0aSet-Cookie:x"] {
        assert!(refused(format!("state={value}").as_bytes()).description.contains("'state'"));
    }
}

#[test]
fn every_limit_holds() {
    let many: Vec<String> = (0..65).map(|n| format!("p{n}=1")).collect();
    assert!(Parameters::parse(many[..64].join("&").as_bytes(), &[]).is_ok());
    refused(many.join("&").as_bytes());
    refused(format!("{}=1", "n".repeat(65)).as_bytes());
    refused(format!("scope={}", "s".repeat(MAX_VALUE + 1)).as_bytes());
    assert!(
        Parameters::parse(format!("assertion={}", "s".repeat(MAX_TOKEN_VALUE)).as_bytes(), &[])
            .is_ok()
    );
    refused(format!("assertion={}", "s".repeat(MAX_TOKEN_VALUE + 1)).as_bytes());
    refused("&".repeat(MAX_TOTAL + 1).as_bytes());
}

#[test]
fn every_scope_that_can_be_shown_can_be_ticked() {
    let form =
        |ticks: usize, scope: &str| format!("csrf=x&{}", format!("scope={scope}&").repeat(ticks));
    let longest = "%21".repeat(MAX_SCOPE_LENGTH);
    let read = Parameters::parse_consent(form(MAX_STORED_SCOPES, &longest).as_bytes()).unwrap();
    assert_eq!(read.all("scope").count(), MAX_STORED_SCOPES);
    assert!(Parameters::parse_consent(form(MAX_STORED_SCOPES + 1, "a").as_bytes()).is_err());
    assert!(Parameters::parse_consent(b"csrf=x&csrf=x").is_err());
    let others: Vec<String> = (0..=MAX_PARAMETERS).map(|n| format!("p{n}=1")).collect();
    assert!(Parameters::parse_consent(others.join("&").as_bytes()).is_err());
}

#[test]
fn debug_shows_names_and_no_values() {
    let shown = format!("{:?}", parsed("client_secret=hunter2&code=abc"));
    assert!(
        shown.contains("client_secret") && !shown.contains("hunter2") && !shown.contains("abc")
    );
}

#[test]
fn encoding_escapes_everything_reserved() {
    assert_eq!(encode("a b&c=d+é#\"~"), "a%20b%26c%3Dd%2B%C3%A9%23%22~");
}

proptest! {
    #[test]
    fn what_was_encoded_is_read_back_byte_for_byte(state in "[^\\x00\\r\\n]{1,200}") {
        let form = parsed(&format!("a=1&state={}&b=2", encode(&state)));
        prop_assert_eq!(form.get("state"), Some(state.as_str()));
    }

    #[test]
    fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Parameters::parse(&bytes, TOKEN_REPEATABLE);
        let _ = Parameters::parse_noting_repeats(&bytes, &[]);
    }

    #[test]
    fn accepted_input_never_repeats_a_name(pairs in prop::collection::vec(("[a-c]", "[a-z]{0,3}"), 0..6)) {
        let encoded: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut names: Vec<_> = pairs.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        names.dedup();
        let unique = names.len() == pairs.len();
        prop_assert_eq!(Parameters::parse(encoded.join("&").as_bytes(), &[]).is_ok(), unique);
    }
}

#[test]
fn what_is_readable_of_a_broken_query_is_read_and_the_rest_named() {
    let query = b"client_id=c1&state=%zz&redirect_uri=a%00b&%zz=x&scope=read&scope=write";
    let (read, unreadable) = Parameters::parse_what_is_readable(query, &[]).unwrap();
    assert_eq!(read.get("client_id"), Some("c1"));
    assert_eq!((read.get("state"), read.get("redirect_uri")), (None, None));
    assert_eq!(unreadable, ["state", "redirect_uri"]);
    assert!(read.is_ambiguous("scope"));
    let long = "a=b&".repeat(MAX_PARAMETERS + 1);
    assert!(Parameters::parse_what_is_readable(long.as_bytes(), &[]).is_err());
}
