//! What claims to be a token of ours.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::jose::AccessTokenClaims;
use protocol::refresh_token::RefreshTokenKey;
use protocol::secret::{Purpose, RootSecret};

use crate::world::{ISSUER, RANDOM, SIGNER, now};

/// Any text. Nobody but the key makes an access token.
pub fn access_token(bytes: &[u8]) {
    let Ok(token) = std::str::from_utf8(bytes) else { return };
    let recognised = AccessTokenClaims::recognise(token, &SIGNER.ring, ISSUER, now());
    assert!(recognised.is_err(), "a forged token was taken for ours");
}

/// A header and claims, rightly signed: what we accept is still what we would issue.
pub fn signed_access_token(bytes: &[u8]) {
    let split = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (header, claims) = bytes.split_at(split);
    let claims = claims.get(1..).unwrap_or_default();
    let usual = format!(r#"{{"typ":"at+jwt","alg":"ES256","kid":"{}"}}"#, SIGNER.kid);
    let header = if header.is_empty() { usual.as_bytes() } else { header };
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = SIGNER.pair.sign(&*RANDOM, signed.as_bytes()).expect("a signature");
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    let Ok(claims) = AccessTokenClaims::recognise(&token, &SIGNER.ring, ISSUER, now()) else {
        return;
    };
    assert_eq!(claims.iss, ISSUER);
    assert!(claims.exp > now().timestamp());
    let header: serde_json::Value = serde_json::from_slice(header).expect("the header was read");
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(header["alg"], "ES256");
    assert_eq!(header["kid"], SIGNER.kid.as_str());
    assert!(header.get("crit").is_none_or(serde_json::Value::is_null));
}

/// Any text. A refresh token has one spelling only.
pub fn refresh_token(bytes: &[u8]) {
    let Ok(token) = std::str::from_utf8(bytes) else { return };
    let root = RootSecret::from_bytes([7; 32]);
    let key = RefreshTokenKey::new(root.key_for(Purpose::RefreshToken));
    if let Some(place) = key.recognise(token) {
        assert_eq!(key.token(place).expose(), token);
    }
}
