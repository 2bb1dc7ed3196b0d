//! The configuration that the chart renders is not only well-formed: a server runs with it.

use super::tools::{SQLITE, chart, named};
use crate::kit::process::Installation;
use crate::kit::{Backend, on_both_databases};

const KEY: &str = "5c1f0a8e7b3d46929f1e6a4c8d2b7035";
const MASTER: &str = "8d1f4f1c6b0a2e5d8c3b9a7e6f5d4c3b2a190807f6e5d4c3b2a1908f7e6d5c4b";

on_both_databases! {
    async fn a_server_starts_with_what_the_chart_renders_and_knows_its_admin_service(backend: Backend) {
        let values = if backend == Backend::Sqlite { &SQLITE[..] } else { &[] };
        let objects = chart(values);
        let map = named(&objects, "ConfigMap", "it-authserver");
        let installation = Installation::new(backend).await;
        let file = installation.folder().join("rendered.yaml");
        std::fs::write(&file, map["data"]["config.yaml"].as_str().unwrap()).unwrap();
        // What the installation of a test sets wins: addresses and folders. The rest is the chart's.
        let installation = installation
            .with("AUTHPLANE_CONFIG", file.to_str().unwrap())
            .with("AUTHPLANE_SERVER_ISSUER", "")
            .with("AUTHPLANE_SESSION_SECRET", "0123456789abcdef0123456789abcdef")
            .with("AUTHPLANE_ADMIN_API_KEY", KEY)
            .with("AUTHSERVER_MASTER_KEY", MASTER);
        let migrated = installation.run(&["migrate"], "").await;
        assert!(migrated.status.success(), "{migrated:?}");

        let server = installation.start().await;

        let http = reqwest::Client::new();
        for probe in ["/livez", "/ready"] {
            let answer = http.get(server.url(probe)).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{probe}");
        }
        let metadata = server.url("/.well-known/oauth-authorization-server");
        let metadata: serde_json::Value =
            http.get(metadata).send().await.unwrap().json().await.unwrap();
        assert_eq!(metadata["issuer"], "https://auth.example.com");
        assert!(metadata["registration_endpoint"].is_null(), "dcr.mode is admin_only: {metadata}");
        for (host, status) in [("it-authserver-admin.auth.svc:9001", 200), ("elsewhere:9001", 421)] {
            let request = http.get(installation.admin_url("/admin/keys")).bearer_auth(KEY);
            let answer = request.header("Host", host).send().await.unwrap();
            assert_eq!(answer.status(), status, "{host}");
        }
        server.stop().await;
    }
}
