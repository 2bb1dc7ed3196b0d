//! The OpenAPI documents are true: schemathesis asks the server everything they allow.

use std::process::Stdio;
use std::time::Duration;

use super::journey::arrived;
use super::stage::{clients, program_of};
use crate::kit::leash::Leashed;
use crate::kit::on_both_databases;
use crate::kit::process::Installation;

const KEY: &str = "an-admin-key-for-whoever-asks";
const RESOURCE: &str = "https://tools.example/mcp";
const EMAIL: &str = "ada@example.com";
/// When one document gives up by itself, and when we do.
const STEP_TIMEOUT_SECONDS: &str = "240";
const PATIENCE: Duration = Duration::from_secs(500);

/// What the questions are about: a resource, a client that acts as it, and a person.
async fn set_up(installation: &Installation) -> (String, String) {
    let create = ["resource", "create", "--slug", "tools", "--uri", RESOURCE];
    installation.admin(&[&create[..], &["--scopes", "tools:read||Look around"]].concat(), "").await;
    let user = ["user", "create", "--email", EMAIL, "--password-stdin"];
    installation.admin(&user, "correct horse battery").await;
    let create = ["client", "create", "--name", "Everything", "--scope", "tools:read"];
    let grants = ["--grant-types", "client_credentials,authorization_code,refresh_token"];
    let uris = ["--redirect-uris", "https://app.example/callback"];
    let client = installation.admin_json(&[&create[..], &grants, &uris].concat()).await;
    let member = |name: &str| client[name].as_str().unwrap().to_owned();
    let (id, secret) = (member("client_id"), member("client_secret"));
    installation.admin(&["resource", "runtime-client", "add", "tools", &id], "").await;
    (id, secret)
}

on_both_databases! {
    async fn whatever_is_asked_the_answer_is_one_that_the_documents_describe(backend: Backend) {
        let clients = clients();
        let installation = Installation::new(backend).await;
        let installation = installation
            .with("AUTHPLANE_ADMIN_API_KEY", KEY)
            // Thousands of questions come from one address, many of them with no right key.
            .with("AUTHPLANE_RATE_LIMIT_ENABLED", "false")
            .with("AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX", "0");
        let (id, secret) = set_up(&installation).await;
        let server = installation.start().await;
        let environment = [
            ("ISSUER", installation.issuer().to_owned()),
            ("ADMIN_URL", installation.admin_url("")),
            ("ADMIN_KEY", KEY.to_owned()),
            ("RESOURCE_URL", RESOURCE.to_owned()),
            ("CLIENT_ID", id),
            ("CLIENT_SECRET", secret),
            ("USER_EMAIL", EMAIL.to_owned()),
            ("WORKING_DIRECTORY", installation.folder().to_str().unwrap().to_owned()),
            ("STEP_TIMEOUT_SECONDS", STEP_TIMEOUT_SECONDS.to_owned()),
        ];
        let mut command = program_of(&clients, &[".venv/bin/python", "python/openapi.py"], &environment);
        command.stdin(Stdio::null());
        let mut asking = Leashed::start("openapi", command, installation.folder());
        let status = asking.end_within(PATIENCE).await;
        let said = || format!("{}{}", asking.err(), server.tail());
        assert!(status.success(), "{}{}", asking.out(), said());
        arrived(&asking.out(), "openapi/full").unwrap_or_else(|why| panic!("{why}\n{}", said()));
        server.stop().await;
    }
}
