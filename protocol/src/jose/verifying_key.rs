//! A public key of somebody else, read from a JWK (RFC 7517, RFC 7518 §6, RFC 8037 §2).

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::wire::wire_enum;

/// Longest `kid`, in bytes.
pub(super) const MAX_KID: usize = 256;
/// Longest RSA modulus, in bits: how long a verification takes is the key's owner's choice.
const MAX_RSA_BITS: usize = 4096;
/// Shortest RSA modulus, in bits (RFC 7518 §3.3).
const MIN_RSA_BITS: usize = 2048;
/// Longest RSA public exponent, in bytes; the usual one has three.
const MAX_RSA_EXPONENT: usize = 4;
/// Bytes of a coordinate on P-256 and of an Ed25519 key.
const COORDINATE: usize = 32;
/// Bytes of a coordinate on P-384.
const COORDINATE_P384: usize = 48;

/// What only a private or symmetric key has (RFC 7518 §6.2.2, §6.3.2, §6.4).
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

wire_enum! {
    /// A signature algorithm that others may prove themselves with (RFC 7518 §3.1,
    /// RFC 8037 §3.1). There is no `none` and no HMAC here, so nothing can be talked
    /// into using one.
    pub enum ProofAlgorithm {
        /// ECDSA over P-256 with SHA-256.
        Es256 => "ES256",
        /// ECDSA over P-384 with SHA-384.
        Es384 => "ES384",
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        Rs256 => "RS256",
        /// RSASSA-PSS with SHA-256.
        Ps256 => "PS256",
        /// Ed25519.
        EdDsa => "EdDSA",
    }
}

/// Why a JWK is no key that a signature can be verified with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwkRefusal {
    /// Not a JSON object with a `kty`.
    #[error("it is not a JSON object with a kty")]
    Shape,
    /// Whoever can read it can sign. Such a key is burnt, and so is the set it is in.
    #[error("it is a private or symmetric key; publish the public half only")]
    Secret,
    /// A key type or curve that is not used here.
    #[error("only RSA, EC with P-256 or P-384 and OKP with Ed25519 are used here")]
    Kind,
    /// `use` or `key_ops` say that it is not for verifying signatures.
    #[error("its use or key_ops say that it is not for signatures")]
    Purpose,
    /// `alg` names an algorithm that is not accepted, or not one of this key type.
    #[error("its alg is none of ES256, ES384, RS256, PS256 and EdDSA, or does not fit its kty")]
    Algorithm,
    /// `kid` is no string, is empty, or is too long.
    #[error("its kid must be a string of 1 to 256 bytes")]
    Kid,
    /// An RSA key that is too short to be safe, or so long that verifying takes its time.
    #[error("RSA keys must have 2048 to 4096 bits and a small odd exponent")]
    Strength,
    /// The numbers are missing, not base64url, or no point on the curve.
    #[error("its numbers are missing, not base64url, or not on the curve")]
    Numbers,
}

/// A public key with what its owner says about its use.
#[derive(Clone)]
pub struct VerifyingKey {
    kid: Option<String>,
    /// The one algorithm its owner uses it with; `None` is any that fits.
    alg: Option<ProofAlgorithm>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    P256(Arc<ParsedPublicKey>),
    P384(Arc<ParsedPublicKey>),
    Ed25519(Arc<ParsedPublicKey>),
    Rsa(Arc<RsaKey>),
}

/// An RSA key serves two schemes, for each of which the library wants a key of its own. Hardly
/// anybody uses both, so each is made when a signature first asks for it.
struct RsaKey {
    der: Vec<u8>,
    pkcs1: OnceLock<Option<ParsedPublicKey>>,
    pss: OnceLock<Option<ParsedPublicKey>>,
}

impl RsaKey {
    fn by(&self, algorithm: ProofAlgorithm) -> Option<&ParsedPublicKey> {
        let parsed = |scheme| ParsedPublicKey::new(scheme, &self.der).ok();
        match algorithm {
            ProofAlgorithm::Rs256 => {
                self.pkcs1.get_or_init(|| parsed(&RSA_PKCS1_2048_8192_SHA256)).as_ref()
            }
            ProofAlgorithm::Ps256 => {
                self.pss.get_or_init(|| parsed(&RSA_PSS_2048_8192_SHA256)).as_ref()
            }
            _ => None,
        }
    }
}

impl VerifyingKey {
    /// Reads a JWK. Members that are not known are ignored (RFC 7517 §4).
    ///
    /// # Errors
    /// See [`JwkRefusal`]; [`JwkRefusal::Secret`] before everything else.
    pub fn from_jwk(jwk: &Value) -> Result<VerifyingKey, JwkRefusal> {
        let jwk = jwk.as_object().ok_or(JwkRefusal::Shape)?;
        let kty = jwk.get("kty").and_then(Value::as_str).ok_or(JwkRefusal::Shape)?;
        if kty == "oct" || SECRET_MEMBERS.iter().any(|member| jwk.contains_key(*member)) {
            return Err(JwkRefusal::Secret);
        }
        for_signatures(jwk)?;
        let kid = kid(jwk)?;
        let crv = jwk.get("crv").and_then(Value::as_str);
        let material = match (kty, crv) {
            ("EC", Some("P-256")) => {
                Material::P256(point(jwk, COORDINATE, &ECDSA_P256_SHA256_FIXED)?)
            }
            ("EC", Some("P-384")) => {
                Material::P384(point(jwk, COORDINATE_P384, &ECDSA_P384_SHA384_FIXED)?)
            }
            ("OKP", Some("Ed25519")) => ed25519(jwk)?,
            ("RSA", _) => rsa(jwk)?,
            _ => return Err(JwkRefusal::Kind),
        };
        let alg = match jwk.get("alg") {
            None => None,
            Some(word) => {
                let alg = word.as_str().and_then(ProofAlgorithm::parse);
                Some(alg.filter(|alg| material.fits(*alg)).ok_or(JwkRefusal::Algorithm)?)
            }
        };
        Ok(VerifyingKey { kid, alg, material })
    }

    /// The name its owner gave it.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// About how many bytes it takes up in memory, with all that is made of it in time.
    #[must_use]
    pub fn footprint(&self) -> usize {
        // What the library holds around the numbers of a key, and how often it holds these.
        const PARSED: usize = 1024;
        const COPIES: usize = 4;
        let material = match &self.material {
            Material::P256(_) | Material::P384(_) | Material::Ed25519(_) => PARSED,
            Material::Rsa(key) => key.der.len() + 2 * (PARSED + COPIES * key.der.len()),
        };
        size_of::<VerifyingKey>() + self.kid.as_ref().map_or(0, String::len) + material
    }

    /// Whether a signature by `algorithm` can be this key's.
    #[must_use]
    pub fn fits(&self, algorithm: ProofAlgorithm) -> bool {
        self.material.fits(algorithm) && self.alg.is_none_or(|alg| alg == algorithm)
    }

    /// Whether `signature` over `message` is this key's, by this very algorithm.
    #[must_use]
    pub fn verifies(&self, algorithm: ProofAlgorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        let key = match &self.material {
            Material::P256(key) | Material::P384(key) | Material::Ed25519(key) => {
                Some(key.as_ref())
            }
            Material::Rsa(key) => key.by(algorithm),
        };
        key.is_some_and(|key| key.verify_sig(message, signature).is_ok())
    }
}

impl Material {
    fn fits(&self, algorithm: ProofAlgorithm) -> bool {
        matches!(
            (self, algorithm),
            (Material::P256(_), ProofAlgorithm::Es256)
                | (Material::P384(_), ProofAlgorithm::Es384)
                | (Material::Ed25519(_), ProofAlgorithm::EdDsa)
                | (Material::Rsa(_), ProofAlgorithm::Rs256 | ProofAlgorithm::Ps256)
        )
    }
}

/// RFC 7517 §4.2 and §4.3: what is said about the use is meant.
fn for_signatures(jwk: &Map<String, Value>) -> Result<(), JwkRefusal> {
    let used = jwk.get("use").is_none_or(|word| word.as_str() == Some("sig"));
    let verify = |ops: &Value| {
        ops.as_array().is_some_and(|ops| ops.iter().any(|op| op.as_str() == Some("verify")))
    };
    if used && jwk.get("key_ops").is_none_or(verify) { Ok(()) } else { Err(JwkRefusal::Purpose) }
}

fn kid(jwk: &Map<String, Value>) -> Result<Option<String>, JwkRefusal> {
    let Some(kid) = jwk.get("kid") else { return Ok(None) };
    let kid = kid.as_str().filter(|kid| (1..=MAX_KID).contains(&kid.len()));
    Ok(Some(kid.ok_or(JwkRefusal::Kid)?.to_owned()))
}

fn number(jwk: &Map<String, Value>, member: &str) -> Result<Vec<u8>, JwkRefusal> {
    let text = jwk.get(member).and_then(Value::as_str).ok_or(JwkRefusal::Numbers)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| JwkRefusal::Numbers)
}

fn coordinate(
    jwk: &Map<String, Value>,
    member: &str,
    length: usize,
) -> Result<Vec<u8>, JwkRefusal> {
    number(jwk, member)
        .and_then(|bytes| if bytes.len() == length { Ok(bytes) } else { Err(JwkRefusal::Numbers) })
}

fn point(
    jwk: &Map<String, Value>,
    length: usize,
    curve: &'static dyn VerificationAlgorithm,
) -> Result<Arc<ParsedPublicKey>, JwkRefusal> {
    // SEC 1 §2.3.3: an uncompressed point.
    let point = [&[4_u8][..], &coordinate(jwk, "x", length)?, &coordinate(jwk, "y", length)?];
    let key = ParsedPublicKey::new(curve, point.concat());
    Ok(Arc::new(key.map_err(|_| JwkRefusal::Numbers)?))
}

fn ed25519(jwk: &Map<String, Value>) -> Result<Material, JwkRefusal> {
    let key = ParsedPublicKey::new(&ED25519, coordinate(jwk, "x", COORDINATE)?);
    Ok(Material::Ed25519(Arc::new(key.map_err(|_| JwkRefusal::Numbers)?)))
}

fn rsa(jwk: &Map<String, Value>) -> Result<Material, JwkRefusal> {
    // RFC 7518 §2 knows no leading zeros; some libraries write them all the same.
    let stripped = |mut bytes: Vec<u8>| {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        bytes.split_off(zeros)
    };
    let (n, e) = (stripped(number(jwk, "n")?), stripped(number(jwk, "e")?));
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    let small_and_odd = e.len() <= MAX_RSA_EXPONENT
        && e.last().is_some_and(|last| last % 2 == 1)
        && e.as_slice() != [1];
    if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) || !small_and_odd {
        return Err(JwkRefusal::Strength);
    }
    let der = PublicKeyComponents { n, e }.as_der().map_err(|_| JwkRefusal::Numbers)?;
    let key = RsaKey { der: der.as_ref().to_vec(), pkcs1: OnceLock::new(), pss: OnceLock::new() };
    // Once, to know that it is a key: by the scheme that it says it is used with.
    let scheme = match jwk.get("alg").and_then(Value::as_str) {
        Some("PS256") => ProofAlgorithm::Ps256,
        _ => ProofAlgorithm::Rs256,
    };
    key.by(scheme).ok_or(JwkRefusal::Numbers)?;
    Ok(Material::Rsa(Arc::new(key)))
}

/// The RFC 7638 thumbprint of a JWK that [`VerifyingKey::from_jwk`] reads: SHA-256 over
/// the members its type needs, in base64url. `None` for anything else.
#[must_use]
pub fn thumbprint(jwk: &Value) -> Option<String> {
    let member = |name: &str| jwk.get(name)?.as_str();
    // In alphabetical order, with nothing between them (RFC 7638 §3.3).
    let names: &[&str] = match member("kty")? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    let mut canonical = String::from("{");
    for (position, name) in names.iter().enumerate() {
        let value = member(name)?;
        // Base64url and the names of curves need no escaping in JSON.
        if !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            return None;
        }
        let comma = if position == 0 { "" } else { "," };
        canonical.push_str(&format!("{comma}\"{name}\":\"{value}\""));
    }
    canonical.push('}');
    Some(URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes())))
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("kid", &self.kid)
            .field("alg", &self.alg)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "verifying_key_tests.rs"]
mod tests;
