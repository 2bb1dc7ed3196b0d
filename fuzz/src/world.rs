//! The server the laws are tried on: two clients, two resources, one key.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use protocol::client::{AuthMethod, Client};
use protocol::document_url::FetchPolicy;
use protocol::jose::{KeyRing, KeyState, PublishedKey, SigningAlgorithm, SigningKey};
use protocol::registration::{Registration, Supported};
use protocol::resource::{MintResource, ResourcePolicy, Resources, ScopeEntry};
use protocol::scope::ScopeSet;
use uuid::Uuid;

pub(crate) const ISSUER: &str = "https://auth.example.com";
pub(crate) const SUPPORTED: Supported<'static> =
    Supported { methods: AuthMethod::ALL, documents: FetchPolicy::STRICT };
/// What the two clients registered.
pub(crate) const REDIRECTS: [&str; 3] =
    ["https://client.example/cb?kept=1", "http://localhost/callback", "com.example.app:/oauth"];

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("a time")
}

/// A key whose private half the fuzzer has too, so that it can sign nonsense.
pub(crate) struct Signer {
    pub(crate) pair: EcdsaKeyPair,
    pub(crate) kid: String,
    pub(crate) ring: KeyRing,
}

impl Signer {
    /// The public half.
    pub(crate) fn jwk(&self) -> serde_json::Value {
        // SEC 1: an uncompressed point is a mark, x and y.
        let point = self.pair.public_key().as_ref();
        let coordinate = |from: usize| URL_SAFE_NO_PAD.encode(&point[from..from + 32]);
        serde_json::json!({
            "kty": "EC", "crv": "P-256", "x": coordinate(1), "y": coordinate(33),
        })
    }
}

pub(crate) static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let der = pair.to_pkcs8v1().expect("DER");
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der.as_ref())
    );
    let key = SigningKey::from_pem(SigningAlgorithm::Es256, pem.as_bytes()).expect("our key");
    let kid = key.kid().to_owned();
    let published = PublishedKey { key: Arc::new(key), state: KeyState::Active };
    let ring = KeyRing::new(vec![published]).expect("a ring");
    Signer { pair, kid, ring }
});

pub(crate) static RANDOM: LazyLock<SystemRandom> = LazyLock::new(SystemRandom::new);

pub(crate) static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    let document = serde_json::json!({
        "redirect_uris": REDIRECTS,
        "token_endpoint_auth_method": "none",
    });
    let document = serde_json::to_vec(&document).expect("JSON");
    let registration = Registration::from_json(&document, SUPPORTED).expect("a client");
    let ceiling = ScopeSet::parse("read write").expect("scopes");
    registration.into_client("c1".to_owned(), None, Some(ceiling), now())
});

pub(crate) static RESOURCES: LazyLock<Resources> = LazyLock::new(|| {
    let scopes = |names: [&str; 3]| {
        let entry = |name: &str| serde_json::json!({ "name": name, "default": name == "read" });
        let entries: Vec<_> = names.into_iter().map(entry).collect();
        serde_json::from_value::<Vec<ScopeEntry>>(entries.into()).expect("scopes")
    };
    let mint = |id: u128, slug: &str, uri: &str, aliases: Vec<String>| MintResource {
        id: Uuid::from_u128(id),
        slug: slug.to_owned(),
        uri: uri.to_owned(),
        aliases,
        display_name: slug.to_owned(),
        discoverable: true,
        scopes: scopes(["read", "write", "admin"]),
        policy: ResourcePolicy::default(),
    };
    Resources::new(vec![
        mint(1, "one", "https://mcp.example/", vec!["https://other.example/a".to_owned()]),
        mint(2, "two", "https://mcp.example/a/b?c=d", Vec::new()),
    ])
});
