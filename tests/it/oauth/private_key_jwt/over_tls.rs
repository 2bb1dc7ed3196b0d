//! Clients made on the command line, and their keys fetched as in production: over TLS, by a server
//! that trusts the authorities of its machine.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use uuid::Uuid;

use crate::kit::client_key::{ClientKey, TYPE, jwks};
use crate::kit::process::{Installation, ServerProcess};
use crate::kit::tls_publisher::{AUTHORITY, Shows, TlsPublisher};
use crate::kit::{Backend, on_both_databases};

const RESOURCE: &str = "https://tools.example/mcp";

/// A machine that authenticates with a key, made with these flags; its id.
async fn machine(installation: &Installation, flags: &[&str]) -> String {
    let create = ["client", "create", "--name", "A machine", "--scope", "use"];
    let grants = ["--grant-types", "client_credentials"];
    let made = installation.admin_json(&[&create[..], &grants, flags].concat()).await;
    assert!(made["client_secret"].is_null(), "a client with a key has no secret: {made}");
    let id = made["client_id"].as_str().unwrap().to_owned();
    let shown = installation.admin_json(&["client", "get", &id]).await;
    assert_eq!(shown["token_endpoint_auth_method"], "private_key_jwt");
    id
}

/// The status of the answer to a token request with an assertion by `key`.
async fn asked(installation: &Installation, key: &ClientKey, id: &str) -> (u16, String) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({
        "iss": id, "sub": id, "aud": installation.issuer(), "iat": now, "exp": now + 60,
        "jti": Uuid::from_u128(rand(now)),
    });
    let assertion = key.signed(&key.header(), &claims);
    let form = [
        ("grant_type", "client_credentials"),
        ("resource", RESOURCE),
        TYPE,
        ("client_assertion", &assertion),
    ];
    let http = reqwest::Client::new();
    let answer = http.post(installation.url("/oauth/token")).form(&form).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Another number each time.
fn rand(now: u64) -> u128 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    u128::from(now) << 64 | u128::from(NEXT.fetch_add(1, Ordering::Relaxed))
}

async fn installation(backend: Backend) -> Installation {
    let installation = Installation::new(backend).await;
    let authority = installation.folder().join("authority.pem");
    fs::write(&authority, AUTHORITY).unwrap();
    let resource = ["resource", "create", "--slug", "tools", "--uri", RESOURCE];
    installation.admin(&[&resource[..], &["--scopes", "use||Use it"]].concat(), "").await;
    // The authorities of the machine, as every program finds them that uses the system's.
    installation
        .with("SSL_CERT_FILE", authority.to_str().unwrap())
        .with("AUTHPLANE_CIMD_ALLOW_PRIVATE_ADDRESSES", "true")
}

async fn ends(server: ServerProcess) {
    server.stop().await;
}

on_both_databases! {
    async fn a_key_given_by_value_on_the_command_line_is_good_and_another_is_not(
        backend: Backend
    ) {
        let installation = installation(backend).await;
        let (key, next) = (ClientKey::new("ES256", "one"), ClientKey::new("EdDSA", "two"));
        let file = installation.folder().join("keys.json");
        let path = file.to_str().unwrap();
        fs::write(&file, jwks(&[&key]).to_string()).unwrap();
        let id = machine(&installation, &["--jwks", path]).await;
        fs::write(&file, jwks(&[&next]).to_string()).unwrap();
        let other = machine(&installation, &["--jwks", path]).await;
        let server = installation.start().await;
        assert_eq!(asked(&installation, &key, &id).await.0, 200);
        assert_eq!(asked(&installation, &next, &id).await.0, 401);
        assert_eq!(asked(&installation, &key, &other).await.0, 401);
        ends(server).await;

        installation.admin(&["client", "update", &id, "--jwks", path], "").await;
        let server = installation.start().await;
        assert_eq!(asked(&installation, &next, &id).await.0, 200);
        assert_eq!(asked(&installation, &key, &id).await.0, 401, "it was replaced");
        ends(server).await;
    }

    async fn flags_for_keys_that_are_no_good_are_refused_with_the_reason(backend: Backend) {
        let installation = installation(backend).await;
        let file = |name: &str, text: &str| {
            let path = installation.folder().join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let secret = json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0", "kid": "x" }] });
        let pair = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "x",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A" }] });
        let (nonsense, secret) = (file("n.json", "nonsense"), file("s.json", &secret.to_string()));
        let (pair, empty) = (file("p.json", &pair.to_string()), file("e.json", r#"{"keys":[]}"#));
        for (flags, says) in [
            (["--jwks", "/nowhere/keys.json"], "/nowhere/keys.json"),
            (["--jwks", &nonsense], "not JSON"),
            (["--jwks", &secret], "jwks"),
            (["--jwks", &pair], "jwks"),
            (["--jwks", &empty], "jwks"),
            (["--jwks-uri", "http://keys.example/jwks.json"], "https"),
            (["--jwks-uri", "nonsense"], "jwks_uri"),
        ] {
            let create = ["admin", "client", "create", "--name", "x", "--scope", "use"];
            let grants = ["--grant-types", "client_credentials"];
            let ended = installation.run(&[&create[..], &grants, &flags].concat(), "").await;
            assert_eq!(ended.status.code(), Some(2), "{flags:?}: {ended:?}");
            assert!(ended.err.contains(says), "{flags:?}: {ended:?}");
        }
        let both = ["admin", "client", "create", "--name", "x", "--jwks", &nonsense];
        let both = [&both[..], &["--jwks-uri", "https://keys.example/"]].concat();
        let ended = installation.run(&both, "").await;
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        let listed = installation.admin_json(&["client", "list"]).await;
        assert_eq!(listed["total"], 0, "{listed}");
    }

    async fn keys_are_fetched_over_tls_from_who_proves_to_be_the_host_and_nobody_else(
        backend: Backend
    ) {
        let installation = installation(backend).await;
        let key = ClientKey::new("ES256", "k");
        let mut robots = Vec::new();
        for shows in [Shows::Good, Shows::AnotherName, Shows::Expired, Shows::SelfSigned] {
            let publisher = TlsPublisher::of(&jwks(&[&key]), shows);
            let id = machine(&installation, &["--jwks-uri", &publisher.url()]).await;
            robots.push((publisher, id, shows));
        }
        let server = installation.start().await;
        for (_publisher, id, shows) in &robots {
            let (status, said) = asked(&installation, &key, id).await;
            let expected = if matches!(shows, Shows::Good) { 200 } else { 401 };
            assert_eq!(status, expected, "{shows:?}: {said}\n{}", server.tail());
        }
        ends(server).await;
    }
}
