use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;
use crate::client::ClientStatus;
use crate::fixtures::{client, form, machine};

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

fn header(value: &str) -> Presented {
    Presented::parse(Some(value), &form("")).unwrap()
}

/// A stand-in for the keyed hash: the stored bytes are the secret itself.
fn same(secret: &str, stored: &[u8]) -> bool {
    secret.as_bytes() == stored
}

fn confidential(id: &str, secret: &str) -> Client {
    Client { id: id.into(), secret_hash: Some(secret.into()), ..machine() }
}

fn code(result: Result<impl fmt::Debug, OAuthError>) -> &'static str {
    result.unwrap_err().code.as_str()
}

#[test]
fn basic_credentials_are_form_decoded() {
    let presented = header(&basic("https%3A%2F%2Fapp.example%2Fc:p%3Aw%20x"));
    assert_eq!(presented.client_id(), Some("https://app.example/c"));
    assert!(
        authenticate(&presented, &confidential("https://app.example/c", "p:w x"), same).is_ok()
    );
}

#[test]
fn unencoded_credentials_work_where_they_can_mean_one_thing_only() {
    for (pair, id, secret) in [
        ("m1:a+b/c=", "m1", "a+b/c="),
        ("m1:100%", "m1", "100%"),
        ("m1:a:b", "m1", "a:b"),
        ("https://h:8443/c:s3cret", "https://h:8443/c", "s3cret"),
    ] {
        let presented = header(&basic(pair));
        assert_eq!(presented.client_id(), Some(id), "{pair}");
        assert!(authenticate(&presented, &confidential(id, secret), same).is_ok(), "{pair}");
    }
}

#[test]
fn the_scheme_is_case_insensitive_and_padding_optional() {
    let encoded = STANDARD.encode("m1:s").trim_end_matches('=').to_owned();
    assert_eq!(header(&format!("bAsIc  {encoded}")).client_id(), Some("m1"));
}

#[test]
fn escaped_control_characters_are_refused_like_plain_ones() {
    for id in ["%00", "m1%00", "m1%0A", "%7f"] {
        let presented = Presented::parse(Some(&basic(&format!("{id}:x"))), &form(""));
        assert_eq!(code(presented), "invalid_client", "{id}");
    }
}

#[test]
fn unreadable_headers_are_invalid_client() {
    for bad in [
        "Basic",
        "Basic !!!",
        "Bearer abc",
        "",
        "Basic bTE=",
        &basic(":secret"),
        &basic("m1\n:s"),
        "Basic /w==",
    ] {
        assert_eq!(code(Presented::parse(Some(bad), &form(""))), "invalid_client", "{bad}");
    }
    assert_eq!(
        code(Presented::parse(Some(&basic(&format!("m1:{}", "x".repeat(9000)))), &form(""))),
        "invalid_client"
    );
}

#[test]
fn two_methods_at_once_are_refused() {
    let basic = basic("m1:s");
    let assertion = "client_assertion=x.y.z&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    assert_eq!(
        code(Presented::parse(Some(&basic), &form("client_id=m1&client_secret=s"))),
        "invalid_request"
    );
    assert_eq!(code(Presented::parse(Some(&basic), &form(assertion))), "invalid_request");
    assert_eq!(
        code(Presented::parse(None, &form(&format!("client_id=m1&client_secret=s&{assertion}")))),
        "invalid_request"
    );
}

#[test]
fn a_body_client_id_must_agree_with_the_header() {
    assert!(Presented::parse(Some(&basic("m1:s")), &form("client_id=m1")).is_ok());
    assert_eq!(
        code(Presented::parse(Some(&basic("m1:s")), &form("client_id=m2"))),
        "invalid_request"
    );
}

#[test]
fn a_secret_may_move_between_header_and_body() {
    let client = confidential("m1", "s");
    let post = Presented::parse(None, &form("client_id=m1&client_secret=s")).unwrap();
    assert!(authenticate(&post, &client, same).is_ok());
    let poster = Client { auth_method: AuthMethod::ClientSecretPost, ..client };
    assert!(authenticate(&header(&basic("m1:s")), &poster, same).is_ok());
}

#[test]
fn nothing_else_may_move() {
    let public = client();
    let with_secret = Presented::parse(None, &form("client_id=c1&client_secret=s")).unwrap();
    assert_eq!(code(authenticate(&with_secret, &public, |_, _| true)), "invalid_client");
    let bare = Presented::parse(None, &form("client_id=m1")).unwrap();
    assert_eq!(code(authenticate(&bare, &machine(), |_, _| true)), "invalid_client");
    let keyed = Client { auth_method: AuthMethod::PrivateKeyJwt, ..confidential("m1", "s") };
    assert_eq!(code(authenticate(&header(&basic("m1:s")), &keyed, |_, _| true)), "invalid_client");
    assert_eq!(code(authenticate(&bare, &keyed, |_, _| true)), "invalid_client");
    let missing_hash = Client { secret_hash: None, ..confidential("m1", "s") };
    assert_eq!(
        code(authenticate(&header(&basic("m1:s")), &missing_hash, |_, _| true)),
        "invalid_client"
    );
}

#[test]
fn a_public_client_names_itself() {
    let bare = Presented::parse(None, &form("client_id=c1")).unwrap();
    assert!(authenticate(&bare, &client(), same).is_ok());
    assert!(authenticate(&header(&basic("c1:")), &client(), same).is_ok());
    assert!(!bare.has_credentials());
}

#[test]
fn an_empty_basic_secret_does_not_open_a_confidential_client() {
    let client = confidential("m1", "");
    assert_eq!(code(authenticate(&header(&basic("m1:")), &client, same)), "invalid_client");
}

#[test]
fn suspended_unknown_and_wrong_look_the_same() {
    let presented = header(&basic("m1:wrong"));
    let wrong = authenticate(&presented, &confidential("m1", "s"), same).unwrap_err();
    let suspended = Client { status: ClientStatus::Suspended, ..confidential("m1", "wrong") };
    let suspended = authenticate(&presented, &suspended, same).unwrap_err();
    let revoked = Client { status: ClientStatus::Revoked, ..confidential("m1", "wrong") };
    let revoked = authenticate(&presented, &revoked, same).unwrap_err();
    let unknown = unknown_client();
    for error in [&suspended, &revoked, &unknown] {
        assert_eq!((error.code, &error.description), (wrong.code, &wrong.description));
    }
}

#[test]
fn credentials_of_another_client_prove_nothing() {
    let presented = header(&basic("m2:s"));
    assert_eq!(
        code(authenticate(&presented, &confidential("m1", "s"), |_, _| true)),
        "invalid_client"
    );
    assert_eq!(code(authenticate(&Presented::Nothing, &client(), |_, _| true)), "invalid_client");
}

#[test]
fn an_assertion_is_read_and_not_believed() {
    // {"alg":"ES256"} . {"iss":"m1","sub":"m1","aud":"x","exp":1,"jti":"j"} . one byte
    let assertion = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJtMSIsInN1YiI6Im0xIiwiYXVkIjoieCIsImV4cCI6MSwianRpIjoiaiJ9.AA";
    let body = format!("client_assertion={assertion}&client_assertion_type=");
    assert_eq!(code(Presented::parse(None, &form(&body))), "invalid_request");
    let typed = format!("{body}{JWT_BEARER_ASSERTION}");
    let other = form(&format!("{typed}&client_id=m2"));
    assert_eq!(code(Presented::parse(None, &other)), "invalid_client");
    let garbage = typed.replace(assertion, "a.b.c");
    assert_eq!(code(Presented::parse(None, &form(&garbage))), "invalid_client");
    let only_typed = form(&format!("client_id=m1&client_assertion_type={JWT_BEARER_ASSERTION}"));
    assert_eq!(code(Presented::parse(None, &only_typed)), "invalid_request");
    let presented = Presented::parse(None, &form(&typed)).unwrap();
    assert_eq!(presented.method(), AuthMethod::PrivateKeyJwt);
    assert_eq!(presented.client_id(), Some("m1"));
    let keyed = Client { auth_method: AuthMethod::PrivateKeyJwt, ..machine() };
    assert_eq!(code(authenticate(&presented, &keyed, |_, _| true)), "invalid_client");
}

#[test]
fn debug_shows_no_secret() {
    let shown = format!("{:?}", header(&basic("m1:hunter%32")));
    assert!(shown.contains("m1") && !shown.contains("hunter"));
}

proptest! {
    #[test]
    fn no_header_panics(value in ".*", pair in ".*") {
        let _ = Presented::parse(Some(&value), &form(""));
        let _ = Presented::parse(Some(&basic(&pair)), &form("client_id=x"));
    }

    #[test]
    fn whatever_was_encoded_by_the_rfc_authenticates(id in "[^\\p{C}]{1,30}", secret in "[^\\p{C}]{1,30}") {
        let presented = header(&basic(&format!("{}:{}", form::encode(&id), form::encode(&secret))));
        prop_assert!(authenticate(&presented, &confidential(&id, &secret), same).is_ok());
    }

    #[test]
    fn a_wrong_secret_never_authenticates(right in "[a-z]{4,8}", wrong in "[a-z]{0,8}") {
        prop_assume!(right != wrong);
        let presented = header(&basic(&format!("m1:{wrong}")));
        prop_assert!(authenticate(&presented, &confidential("m1", &right), same).is_err());
    }
}
