//! Verifies access tokens the way a resource server does: with the published keys and a library
//! that the server does not verify with.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::client::{claims, jose_header};
use super::{Answer, Server};

/// The published keys, and the tag they come with.
pub(crate) struct Jwks {
    pub(crate) keys: Vec<Value>,
    pub(crate) etag: String,
}

impl Jwks {
    /// Fetches them.
    pub(crate) async fn of(server: &Server) -> Jwks {
        Jwks::in_answer(&server.get("/.well-known/jwks.json").await)
    }

    /// Those in an answer.
    #[track_caller]
    pub(crate) fn in_answer(answer: &Answer) -> Jwks {
        assert_eq!(answer.status, 200, "{answer:?}");
        let keys = answer.json()["keys"].as_array().unwrap().clone();
        Jwks { keys, etag: answer.header("etag").to_owned() }
    }

    /// The `kid`s, in the order they are published.
    pub(crate) fn kids(&self) -> Vec<String> {
        self.keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    /// The claims of `token` if one of the keys signed it.
    pub(crate) fn verified(&self, token: &str) -> Option<Value> {
        let header = jose_header(token);
        let key = self.keys.iter().find(|key| key["kid"] == header["kid"])?;
        assert_eq!(key["alg"], header["alg"]);
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let (message, part) = (message.as_bytes(), |name| decoded(key, name));
        let verdict = match header["alg"].as_str().unwrap() {
            "ES256" => {
                let point = [vec![4], part("x"), part("y")].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, &signature)
            }
            "EdDSA" => UnparsedPublicKey::new(&ED25519, part("x")).verify(message, &signature),
            "RS256" => PublicKeyComponents { n: part("n"), e: part("e") }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message,
                &signature,
            ),
            other => panic!("{other} is none of ours"),
        };
        verdict.ok().map(|()| claims(token))
    }
}

fn decoded(key: &Value, member: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(key[member].as_str().unwrap()).unwrap()
}

/// RFC 7638 §3: the required members, in lexical order, without white space.
pub(crate) fn thumbprint(key: &Value) -> String {
    let members: &[&str] = match key["kty"].as_str().unwrap() {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        other => panic!("{other} is none of ours"),
    };
    let members: Vec<String> = members
        .iter()
        .map(|name| format!("\"{name}\":\"{}\"", key[*name].as_str().unwrap()))
        .collect();
    let text = format!("{{{}}}", members.join(","));
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}
