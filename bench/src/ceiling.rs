//! The ceiling: the same web framework and the same cryptography, and nothing else.
//!
//! No client is looked up, no rule decided, nothing is stored or counted. What the real
//! server needs beyond this is what it does for its living. Tokens are signed and verified by
//! the usual library as it comes; what the server does about a key once and for all, to sign
//! faster, is its own merit.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::header;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Outcome;

/// What stands for a client secret.
pub const SECRET: &str = "a-secret-as-long-as-the-real-ones-are-about-48-bytes";

/// A key to sign with, and the header of what it signs.
struct Signer {
    key: EncodingKey,
    header: Header,
}

impl Signer {
    fn generate(algorithm: Algorithm) -> Outcome<Signer> {
        let key = match algorithm {
            Algorithm::ES256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
                EncodingKey::from_ec_pem(&pem(pair.to_pkcs8v1()?.as_ref()))?
            }
            Algorithm::RS256 => {
                let der: Pkcs8V1Der<'_> = RsaKeyPair::generate(KeySize::Rsa2048)?.as_der()?;
                EncodingKey::from_rsa_pem(&pem(der.as_ref()))?
            }
            _ => {
                let pair = Ed25519KeyPair::generate()?;
                EncodingKey::from_ed_pem(&pem(pair.to_pkcs8v1()?.as_ref()))?
            }
        };
        let kid = "gHnGHcUiKqWGLcDTXOMlgIP0qYbWUJkDIPgBZCpAJ9k".to_owned();
        let typ = Some("at+jwt".to_owned());
        Ok(Signer { key, header: Header { typ, kid: Some(kid), ..Header::new(algorithm) } })
    }
}

/// RFC 7468 §10.
fn pem(der: &[u8]) -> Vec<u8> {
    let body = STANDARD.encode(der);
    format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n").into_bytes()
}

/// The claims of a machine's token.
#[derive(Clone, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: [String; 1],
    exp: u64,
    iat: u64,
    jti: String,
    client_id: String,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Confirmation {
    jkt: String,
}

/// The claims of a proof of possession.
#[derive(Clone, Deserialize)]
#[expect(dead_code, reason = "they are read, and nobody decides by them")]
struct ProofClaims {
    jti: String,
    htm: String,
    htu: String,
    iat: u64,
}

#[derive(Serialize)]
struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    scope: String,
}

#[derive(Serialize)]
struct Active {
    active: bool,
    #[serde(flatten)]
    claims: Claims,
    token_type: &'static str,
}

struct Ceiling {
    signers: [(&'static str, Signer); 3],
    /// Verifies what the ES256 key signed.
    verifying: DecodingKey,
    validation: Validation,
    secrets: hmac::Key,
    secret_hash: hmac::Tag,
    next: AtomicU64,
    jwks: web::Bytes,
    discovery: web::Bytes,
}

impl Ceiling {
    fn new(jwks: Vec<u8>, discovery: Vec<u8>) -> Outcome<Ceiling> {
        let es256 = Signer::generate(Algorithm::ES256)?;
        let public = Jwk::from_encoding_key(&es256.key, Algorithm::ES256)?;
        let secrets = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        // Only the signature.
        let mut validation = Validation::new(Algorithm::ES256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Ok(Ceiling {
            signers: [
                ("es256", es256),
                ("rs256", Signer::generate(Algorithm::RS256)?),
                ("eddsa", Signer::generate(Algorithm::EdDSA)?),
            ],
            verifying: DecodingKey::from_jwk(&public)?,
            validation,
            secret_hash: hmac::sign(&secrets, SECRET.as_bytes()),
            secrets,
            next: AtomicU64::new(0),
            jwks: jwks.into(),
            discovery: discovery.into(),
        })
    }

    fn knows(&self, form: &[u8]) -> bool {
        let secret = value(form, "client_secret").unwrap_or_default();
        hmac::verify(&self.secrets, secret.as_bytes(), self.secret_hash.as_ref()).is_ok()
    }

    fn token(&self, algorithm: &str) -> Outcome<TokenResponse> {
        self.signed(algorithm, None)
    }

    /// A token for whoever made this proof.
    fn bound(&self, proof: &str) -> Outcome<TokenResponse> {
        let jwk = jsonwebtoken::decode_header(proof)?.jwk.ok_or("no key")?;
        let _: ProofClaims = self.verified(proof, &DecodingKey::from_jwk(&jwk)?)?;
        // RFC 7638 §3: the members of the key in the order of their names.
        let members = serde_json::to_value(&jwk.algorithm)?;
        let canonical = format!(
            "{{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":{},\"y\":{}}}",
            members["x"], members["y"]
        );
        let thumbprint = digest(&SHA256, canonical.as_bytes());
        self.signed("es256", Some(URL_SAFE_NO_PAD.encode(thumbprint)))
    }

    /// A token for this one.
    fn exchange(&self, subject_token: &str) -> Outcome<TokenResponse> {
        self.introspect(subject_token)?;
        self.token("es256")
    }

    fn signed(&self, algorithm: &str, jkt: Option<String>) -> Outcome<TokenResponse> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let client = "01960b5e-2f4c-7d3a-9b1e-6f0a2c4e8d10";
        let claims = Claims {
            iss: "http://127.0.0.1:12345".to_owned(),
            sub: client.to_owned(),
            aud: ["https://mcp.example/mcp".to_owned()],
            exp: 4_000_000_000,
            iat: 1_700_000_000,
            jti: format!("01960b5e-2f4c-7d3a-9b1e-{number:012x}"),
            client_id: client.to_owned(),
            scope: "read".to_owned(),
            cnf: jkt.map(|jkt| Confirmation { jkt }),
        };
        let signer = self.signers.iter().find(|(name, _)| *name == algorithm);
        let (_, Signer { key, header }) = signer.ok_or("no such algorithm")?;
        let token = jsonwebtoken::encode(header, &claims, key)?;
        Ok(TokenResponse {
            access_token: token,
            token_type: if claims.cnf.is_some() { "DPoP" } else { "Bearer" },
            expires_in: 3600,
            scope: claims.scope,
        })
    }

    fn introspect(&self, token: &str) -> Outcome<Active> {
        let claims = self.verified(token, &self.verifying)?;
        Ok(Active { active: true, claims, token_type: "Bearer" })
    }

    /// The claims of `token`, if it is signed with this key.
    fn verified<C: DeserializeOwned + Clone>(&self, token: &str, key: &DecodingKey) -> Outcome<C> {
        Ok(jsonwebtoken::decode(token, key, &self.validation)?.claims)
    }
}

/// A form parameter; the driver sends none that needs decoding.
fn value<'a>(form: &'a [u8], name: &str) -> Option<&'a str> {
    let pairs = std::str::from_utf8(form).ok()?.split('&');
    pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, it)| it)
}

fn answer<T: Serialize>(outcome: Outcome<T>) -> HttpResponse {
    match outcome {
        Ok(body) => {
            HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(body)
        }
        Err(_) => HttpResponse::BadRequest().finish(),
    }
}

async fn token(
    path: web::Path<String>,
    ceiling: web::Data<Ceiling>,
    form: web::Bytes,
) -> HttpResponse {
    match ceiling.knows(&form) {
        true => answer(ceiling.token(&path)),
        false => HttpResponse::Unauthorized().finish(),
    }
}

async fn bound(
    request: HttpRequest,
    ceiling: web::Data<Ceiling>,
    form: web::Bytes,
) -> HttpResponse {
    let proof = request.headers().get("dpop").and_then(|proof| proof.to_str().ok());
    match ceiling.knows(&form) {
        true => answer(ceiling.bound(proof.unwrap_or_default())),
        false => HttpResponse::Unauthorized().finish(),
    }
}

async fn exchange(ceiling: web::Data<Ceiling>, form: web::Bytes) -> HttpResponse {
    match ceiling.knows(&form) {
        true => answer(ceiling.exchange(value(&form, "subject_token").unwrap_or_default())),
        false => HttpResponse::Unauthorized().finish(),
    }
}

async fn introspect(ceiling: web::Data<Ceiling>, form: web::Bytes) -> HttpResponse {
    match ceiling.knows(&form) {
        true => answer(ceiling.introspect(value(&form, "token").unwrap_or_default())),
        false => HttpResponse::Unauthorized().finish(),
    }
}

fn document(body: &web::Bytes) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .content_type("application/json")
        .body(body.clone())
}

async fn jwks(ceiling: web::Data<Ceiling>) -> HttpResponse {
    document(&ceiling.jwks)
}

async fn discovery(ceiling: web::Data<Ceiling>) -> HttpResponse {
    document(&ceiling.discovery)
}

/// Serves on `address` until the process ends, with these documents.
///
/// # Errors
/// When the address is taken.
pub fn serve(address: SocketAddr, jwks_body: Vec<u8>, discovery_body: Vec<u8>) -> Outcome<()> {
    let ceiling = web::Data::new(Ceiling::new(jwks_body, discovery_body)?);
    let listener = TcpListener::bind(address)?;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(ceiling.clone())
            .route("/token/{algorithm}", web::post().to(token))
            .route("/bound", web::post().to(bound))
            .route("/exchange", web::post().to(exchange))
            .route("/introspect", web::post().to(introspect))
            .route("/jwks", web::get().to(jwks))
            .route("/discovery", web::get().to(discovery))
    });
    let server = server.listen(listener)?.run();
    Ok(actix_web::rt::System::new().block_on(server)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::Proofs;

    #[test]
    fn what_the_ceiling_signs_it_verifies_and_what_is_altered_it_does_not() {
        let ceiling = Ceiling::new(Vec::new(), Vec::new()).unwrap();
        let token = ceiling.token("es256").unwrap().access_token;
        assert!(ceiling.introspect(&token).is_ok());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        assert!(ceiling.introspect(&format!("{signed}A.{signature}")).is_err());
        assert!(ceiling.exchange(&token).is_ok());
        let mut proofs = Proofs::new("https://as.example/oauth/token").unwrap();
        let proof = proofs.fresh().unwrap();
        let bound = ceiling.bound(&proof).unwrap();
        assert_eq!(bound.token_type, "DPoP");
        let claims = ceiling.introspect(&bound.access_token).unwrap().claims;
        assert_eq!(claims.cnf.unwrap().jkt.len(), 43);
        let (signed, signature) = proof.rsplit_once('.').unwrap();
        assert!(ceiling.bound(&format!("{signed}x.{signature}")).is_err());
        assert!(ceiling.knows(format!("a=b&client_secret={SECRET}").as_bytes()));
        assert!(!ceiling.knows(b"client_secret=another"));
    }
}
