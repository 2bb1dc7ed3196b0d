//! What programs send: forms, credentials, registrations, token requests.

use protocol::client_auth::Presented;
use protocol::form::{self, MAX_NAME, MAX_TOKEN_VALUE, Parameters, TOKEN_REPEATABLE};
use protocol::grant::{
    self, authorization_code, client_credentials, refresh_token, token_exchange,
};
use protocol::pkce::CodeChallenge;
use protocol::registration::{Registration, RegistrationResponse};

use crate::world::{CLIENT, ISSUER, RESOURCES, SUPPORTED, now};

/// A form body.
pub fn form(bytes: &[u8]) {
    let noted = Parameters::parse_noting_repeats(bytes, TOKEN_REPEATABLE);
    let parsed = Parameters::parse(bytes, TOKEN_REPEATABLE);
    let _ = Parameters::parse_consent(bytes);
    let Ok(noted) = noted else {
        assert!(parsed.is_err());
        return;
    };
    assert_eq!(parsed.is_ok(), noted.repeated().is_none());
    let Ok(parsed) = parsed else { return };
    let mut again = String::new();
    for name in parsed.names() {
        assert!(name.len() <= MAX_NAME);
        for value in parsed.all(name) {
            assert!(value.len() <= MAX_TOKEN_VALUE);
            assert!(!value.contains(['\0', '\r', '\n']));
            assert_eq!(form::decode(form::encode(value).as_bytes()).as_deref(), Some(value));
        }
        if !TOKEN_REPEATABLE.contains(&name) {
            // None when it was sent without a value (RFC 6749 §3.1).
            assert!(parsed.all(name).count() <= 1);
            again.push_str(&form::encode(name));
            again.push('=');
            again.push_str(&form::encode(parsed.all(name).next().unwrap_or_default()));
            again.push('&');
        }
    }
    if again.len() <= form::MAX_TOTAL {
        let again = Parameters::parse(again.as_bytes(), TOKEN_REPEATABLE).expect("what we wrote");
        for name in again.names() {
            assert_eq!(again.get(name), parsed.get(name));
        }
    }
}

/// An `Authorization` header and, after a line break, a form.
pub fn client_credentials(bytes: &[u8]) {
    let split = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (header, body) = bytes.split_at(split);
    let Ok(header) = std::str::from_utf8(header) else { return };
    let Ok(form) = Parameters::parse(body.get(1..).unwrap_or_default(), TOKEN_REPEATABLE) else {
        return;
    };
    let header = (!header.is_empty()).then_some(header);
    let Ok(presented) = Presented::parse(header, &form) else { return };
    // Whoever is named in the body is the one who authenticates, or nobody is.
    if let (Some(named), Some(id)) = (form.get("client_id"), presented.client_id()) {
        assert_eq!(named, id);
    }
    let shown = format!("{presented:?}");
    for secret in ["client_secret", "client_assertion"] {
        let secret = form.get(secret).filter(|secret| secret.len() > 24);
        assert!(secret.is_none_or(|secret| !shown.contains(secret)));
    }
}

/// A registration document.
pub fn registration(bytes: &[u8]) {
    let Ok(registration) = Registration::from_json(bytes, SUPPORTED) else { return };
    assert!(!registration.redirect_uris.is_empty());
    let client = registration.clone().into_client("c".to_owned(), None, None, now());
    let echoed = serde_json::to_vec(&RegistrationResponse::new(&client, None)).expect("JSON");
    // What we say we registered can be registered.
    let again = Registration::from_json(&echoed, SUPPORTED).expect("our own echo");
    assert_eq!(again.redirect_uris, registration.redirect_uris);
    assert_eq!(again.auth_method, registration.auth_method);
    assert_eq!(again.grant_types, registration.grant_types);
    assert_eq!(again.application_type, registration.application_type);
}

/// The form of a token request, whatever its grant.
pub fn token_request(bytes: &[u8]) {
    let Ok(form) = Parameters::parse(bytes, TOKEN_REPEATABLE) else { return };
    let _ = grant::grant_type(&form);
    let _ = authorization_code::Request::from_form(&form);
    let _ = refresh_token::Request::from_form(&form);
    if let Ok(granted) = client_credentials::Request::from_form(&form)
        .and_then(|request| request.check(&CLIENT, &RESOURCES, ISSUER, None))
    {
        let ceiling = CLIENT.ceiling.as_ref().expect("a ceiling");
        assert!(granted.scopes.is_subset_of(ceiling) && !granted.audience.is_empty());
    }
    if let Ok(exchange) = token_exchange::Request::from_form(&form) {
        assert!(!exchange.subject_token.is_empty() && exchange.targets.len() <= 16);
        let shown = format!("{exchange:?}");
        assert!(exchange.subject_token.len() < 24 || !shown.contains(&exchange.subject_token));
        if let Ok(Some(target)) = exchange.target(&RESOURCES) {
            assert!(RESOURCES.by_slug(&target.slug).is_some() && !exchange.targets.is_empty());
        }
    }
    let challenge = form.get("code_challenge");
    if let Ok(challenge) = CodeChallenge::parse(form.get("code_challenge_method"), challenge) {
        assert_eq!(form.get("code_challenge_method"), Some("S256"));
        let _ = challenge.verify(form.get("code_verifier").unwrap_or_default());
    }
}
