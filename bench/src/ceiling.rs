//! The ceiling: the same web framework and the same cryptography, and nothing else.
//!
//! No client is looked up, no rule decided, nothing is stored or counted. What the real
//! server needs beyond this is what it does for its living.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::header;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::Outcome;

/// What stands for a client secret.
pub const SECRET: &str = "a-secret-as-long-as-the-real-ones-are-about-48-bytes";

/// How to sign.
enum Signer {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl Signer {
    fn generate(algorithm: &str) -> Outcome<Signer> {
        Ok(match algorithm {
            "es256" => Signer::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?),
            "rs256" => Signer::Rs256(RsaKeyPair::generate(KeySize::Rsa2048)?),
            _ => Signer::EdDsa(Ed25519KeyPair::generate()?),
        })
    }

    fn sign(&self, random: &SystemRandom, message: &[u8]) -> Outcome<Vec<u8>> {
        Ok(match self {
            Signer::Es256(key) => key.sign(random, message)?.as_ref().to_vec(),
            Signer::EdDsa(key) => key.sign(message).as_ref().to_vec(),
            Signer::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, random, message, &mut signature)?;
                signature
            }
        })
    }
}

/// The claims of a machine's token.
#[derive(Serialize, Deserialize)]
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

#[derive(Serialize, Deserialize)]
struct Confirmation {
    jkt: String,
}

/// The header of a proof of possession.
#[derive(Deserialize)]
struct ProofHeader {
    jwk: Point,
}

#[derive(Deserialize)]
struct Point {
    x: String,
    y: String,
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
    random: SystemRandom,
    signers: [(&'static str, Signer); 3],
    /// Verifies what the ES256 key signed.
    public_key: Vec<u8>,
    header: String,
    secrets: hmac::Key,
    secret_hash: hmac::Tag,
    next: AtomicU64,
    jwks: web::Bytes,
    discovery: web::Bytes,
}

impl Ceiling {
    #[expect(clippy::disallowed_methods, reason = "signing demands this random source")]
    fn new(jwks: Vec<u8>, discovery: Vec<u8>) -> Outcome<Ceiling> {
        let es256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        let public_key = es256.public_key().as_ref().to_vec();
        let secrets = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let kid = "gHnGHcUiKqWGLcDTXOMlgIP0qYbWUJkDIPgBZCpAJ9k";
        let header = format!("{{\"typ\":\"at+jwt\",\"alg\":\"ES256\",\"kid\":\"{kid}\"}}");
        Ok(Ceiling {
            random: SystemRandom::new(),
            signers: [
                ("es256", Signer::Es256(es256)),
                ("rs256", Signer::generate("rs256")?),
                ("eddsa", Signer::generate("eddsa")?),
            ],
            public_key,
            header: URL_SAFE_NO_PAD.encode(header),
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
        let (header, _) = proof.split_once('.').ok_or("no header")?;
        let ProofHeader { jwk } = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header)?)?;
        let mut point = vec![4];
        point.extend(URL_SAFE_NO_PAD.decode(&jwk.x)?);
        point.extend(URL_SAFE_NO_PAD.decode(&jwk.y)?);
        verify(proof, &point)?;
        // RFC 7638 §3: the members of the key in the order of their names.
        let Point { x, y } = jwk;
        let canonical = format!("{{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"{x}\",\"y\":\"{y}\"}}");
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
        let mut token = self.header.clone();
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(&claims)?, &mut token);
        let signer = self.signers.iter().find(|(name, _)| *name == algorithm);
        let (_, signer) = signer.ok_or("no such algorithm")?;
        let signature = signer.sign(&self.random, token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(TokenResponse {
            access_token: token,
            token_type: if claims.cnf.is_some() { "DPoP" } else { "Bearer" },
            expires_in: 3600,
            scope: claims.scope,
        })
    }

    fn introspect(&self, token: &str) -> Outcome<Active> {
        let signed = verify(token, &self.public_key)?;
        let (_, claims) = signed.split_once('.').ok_or("no claims")?;
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?;
        Ok(Active { active: true, claims, token_type: "Bearer" })
    }
}

/// What is signed of `token`, if it is with the key that verifies with this point.
fn verify<'a>(token: &'a str, point: &[u8]) -> Outcome<&'a str> {
    let (signed, signature) = token.rsplit_once('.').ok_or("no signature")?;
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    key.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature)?)?;
    Ok(signed)
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
        assert!(ceiling.introspect(&format!("{signed}x.{signature}")).is_err());
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
