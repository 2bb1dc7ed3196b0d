//! A client's own key, and the assertions it makes with it. Signs with the crypto library itself and
//! not with what the server verifies by.

use actors::runtime::Environment;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaEncoding,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::server::ISSUER;
use super::{Answer, Server};

/// The parameter that says what an assertion is.
pub(crate) const TYPE: (&str, &str) =
    ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// A key pair with a name.
pub(crate) struct ClientKey {
    pub(crate) kid: String,
    pub(crate) alg: &'static str,
    pair: Pair,
}

#[expect(clippy::disallowed_methods, reason = "the library wants its own random source")]
fn random() -> SystemRandom {
    SystemRandom::new()
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl ClientKey {
    /// A fresh key for this algorithm. RSA keys take a moment.
    pub(crate) fn new(alg: &'static str, kid: &str) -> ClientKey {
        let pair = match alg {
            "ES256" => {
                Pair::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
            }
            "EdDSA" => Pair::EdDsa(Ed25519KeyPair::generate().unwrap()),
            _ => Pair::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())),
        };
        ClientKey { kid: kid.to_owned(), alg, pair }
    }

    /// The public half.
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Es256(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (base64url(&point[1..33]), base64url(&point[33..]));
                json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
            }
            Pair::EdDsa(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key()) })
            }
            Pair::Rsa(pair) => {
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                let (n, e) =
                    (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
                json!({ "kty": "RSA", "n": base64url(n), "e": base64url(e) })
            }
        };
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk
    }

    /// A JWS over exactly this.
    pub(crate) fn signed(&self, header: &Value, claims: &Value) -> String {
        let message =
            format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string()));
        let rsa = |pair: &RsaKeyPair, how: &'static dyn RsaEncoding| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(how, &random(), message.as_bytes(), &mut signature).unwrap();
            signature
        };
        let signature = match (&self.pair, self.alg) {
            (Pair::Es256(pair), _) => {
                pair.sign(&random(), message.as_bytes()).unwrap().as_ref().to_vec()
            }
            (Pair::EdDsa(pair), _) => pair.sign(message.as_bytes()).as_ref().to_vec(),
            (Pair::Rsa(pair), "PS256") => rsa(pair, &RSA_PSS_SHA256),
            (Pair::Rsa(pair), _) => rsa(pair, &RSA_PKCS1_SHA256),
        };
        format!("{message}.{}", base64url(signature))
    }

    /// A header as it should be.
    pub(crate) fn header(&self) -> Value {
        json!({ "alg": self.alg, "kid": self.kid, "typ": "JWT" })
    }

    /// An assertion as it should be.
    pub(crate) fn assertion(&self, server: &Server, client_id: &str) -> String {
        self.signed(&self.header(), &claims(server, client_id))
    }
}

/// A JWK set of these keys.
pub(crate) fn jwks(keys: &[&ClientKey]) -> Value {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() })
}

/// The claims of an assertion as it should be, with a `jti` of its own.
pub(crate) fn claims(server: &Server, client_id: &str) -> Value {
    claims_for(ISSUER, &server.services.environment, client_id)
}

/// The same for a server with this issuer, in this time.
pub(crate) fn claims_for(issuer: &str, environment: &Environment, client_id: &str) -> Value {
    let now = environment.now().timestamp();
    json!({
        "iss": client_id, "sub": client_id, "aud": issuer, "iat": now, "exp": now + 120,
        "jti": environment.new_id(),
    })
}

/// Posts a form with an assertion and nothing else that says who asks.
pub(crate) async fn post_as(
    server: &Server,
    path: &str,
    assertion: &str,
    form: &[(&str, &str)],
) -> Answer {
    post_with(&reqwest::Client::new(), server, path, assertion, form).await
}

async fn post_with(
    http: &reqwest::Client,
    server: &Server,
    path: &str,
    assertion: &str,
    form: &[(&str, &str)],
) -> Answer {
    let form = [&[TYPE, ("client_assertion", assertion)], form].concat();
    let request = http.post(server.url(path)).form(&form);
    Answer::of(request.send().await.unwrap()).await
}

/// Asks for a machine token.
pub(crate) async fn ask(server: &Server, assertion: &str) -> Answer {
    ask_with(&reqwest::Client::new(), server, assertion).await
}

/// The same by an HTTP client that is there already: making one takes its time.
pub(crate) async fn ask_with(http: &reqwest::Client, server: &Server, assertion: &str) -> Answer {
    let form = [("grant_type", "client_credentials")];
    post_with(http, server, "/oauth/token", assertion, &form).await
}
